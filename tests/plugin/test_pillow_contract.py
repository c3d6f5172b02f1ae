"""What Pillow's own tests ask of every plugin, over all modes of both models. PNG says what is usual."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import seeds
from hostile import split
from networks import header_of, make_file
from PIL import Image, ImageFile, UnidentifiedImageError

import inr_core
import pillow_inr
from inr_core import Metadata
from inr_core.modes import COMPONENTS, MODE_TABLE

EXIF = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
METADATA = Metadata(exif=EXIF, icc=bytes(range(128)), xmp=b"<x/>", comment=b"c", dpi=(300, 72.5))


def picture(mode: str, model: str) -> bytes:
    info = MODE_TABLE[mode]
    size = 24, 16
    data = seeds.picture(np.random.default_rng(3), mode, info.bit_depths[0], info.channels[0], size, 75, model)
    return inr_core.container.chunks.replace_metadata(data, METADATA)


FILES = {f"siren {mode}": make_file(header_of(mode), metadata=METADATA) for mode in MODE_TABLE}
FILES |= {f"{model} {mode}": picture(mode, model) for model in ("latent", "exact") for mode in COMPONENTS}
EVERY = pytest.mark.parametrize("name", FILES)


def opened(name: str) -> Image.Image:
    return Image.open(io.BytesIO(FILES[name]))


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 16), "red").save(out, "PNG")
    return out.getvalue()


@EVERY
def test_attributes_and_pixels(name: str) -> None:
    with opened(name) as im:
        assert (im.format, im.mode, im.size) == ("INR", name.split()[1], (24, 16))
        access = im.load()
        assert access is not None
        assert access[3, 5] == im.getpixel((3, 5))
        assert im.getbands() == Image.new(im.mode, (1, 1)).getbands()
        if im.mode not in ("LAB", "1"):  # Pillow's LAB is signed, its mode 1 boolean
            np.testing.assert_array_equal(np.asarray(im), inr_core.decode(FILES[name]))
        again = Image.frombytes(im.mode, im.size, im.tobytes())
        assert again.tobytes() == im.tobytes()


@EVERY
def test_loading_twice_changes_nothing(name: str) -> None:
    with opened(name) as im:
        im.load()
        first = im.tobytes()
        im.load()
        assert im.tobytes() == first
        im.close()
    with opened(name) as im:
        assert im.tobytes() == first


@EVERY
@pytest.mark.parametrize("loaded", [False, True])
def test_pickling_before_and_after_loading(name: str, loaded: bool) -> None:
    with opened(name) as im, opened(name) as other:
        if loaded:
            im.load()
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(im, protocol))
            assert type(again) is pillow_inr.InrImageFile
            assert (again.mode, again.size, again.info, again.tobytes()) == (
                *(im.mode, im.size, im.info),
                other.tobytes(),
            )
            assert again.getexif()[0x0112] == 6
            again.load()


@EVERY
@pytest.mark.parametrize("step", [1, 7, 4096])
def test_parser_fed_in_steps(name: str, step: int) -> None:
    data = FILES[name]
    with ImageFile.Parser() as parser:
        for start in range(0, len(data), step):
            parser.feed(data[start : start + step])
        im = parser.close()
    with opened(name) as whole:
        assert (im.mode, im.size, im.tobytes()) == (whole.mode, whole.size, whole.tobytes())


@EVERY
def test_truncated_at_every_chunk_border_and_beside_it(name: str) -> None:
    data = FILES[name]
    start = inr_core.read_head(io.BytesIO(data)).payload_offset
    borders = [0, 8, 9]
    for _, content in split(data):
        borders.append(borders[-1] + len(content) + 12)
    assert borders[-1] == len(data)
    for length in sorted({max(0, b + d) for b in borders for d in (-4, -1, 0, 1, 8)}):
        if length >= len(data):
            continue
        if length < start + 8:
            with pytest.raises(UnidentifiedImageError):
                Image.open(io.BytesIO(data[:length]))
        else:
            with Image.open(io.BytesIO(data[:length])) as im, pytest.raises(OSError, match="image file is truncated"):
                im.load()
        parser = ImageFile.Parser()
        parser.feed(data[:length])
        with pytest.raises(OSError, match=r"image was incomplete|cannot parse this image"):
            parser.close()


@EVERY
def test_a_stream_without_seek(name: str) -> None:
    class Pipe:
        def __init__(self, data: bytes) -> None:
            self.read = io.BytesIO(data).read

    with Image.open(Pipe(FILES[name])) as im, opened(name) as whole:  # type: ignore[arg-type]
        assert im.tobytes() == whole.tobytes()


@EVERY
def test_copy_crop_and_others_load_what_they_need(name: str) -> None:
    with opened(name) as whole:
        whole.load()
        changes: list[Callable[[Image.Image], Image.Image]] = [
            Image.Image.copy,
            lambda im: im.crop((3, 2, 20, 11)),
            lambda im: im.transpose(Image.Transpose.ROTATE_90),
            lambda im: im.resize((7, 5), Image.Resampling.NEAREST),
            lambda im: im.split()[0],
        ]
        for change in changes:
            with opened(name) as im:
                changed = change(im)
                assert changed.tobytes() == change(whole).tobytes()
                assert im.tobytes() == whole.tobytes()


@EVERY
@pytest.mark.parametrize("size", [(12, 12), (5, 100), (1, 1), (24, 16), (100, 100)])
def test_thumbnails_fit(name: str, size: tuple[int, int]) -> None:
    with opened(name) as im:
        mode = im.mode
        im.thumbnail(size, reducing_gap=None if mode == "I;16" else 2.0)  # Pillow reduces no picture of 16 bits
        assert im.mode == mode
        assert im.width <= max(1, size[0])
        assert im.height <= max(1, size[1])
        assert im.width in (size[0], 24) or im.height in (size[1], 16)
        assert len(im.tobytes()) == len(Image.new(mode, im.size).tobytes())


def test_a_file_that_pillow_opened_is_closed_and_one_of_ours_is_not(tmp_path: Path) -> None:
    data = FILES["latent RGB"]
    path = tmp_path / "a.inr"
    path.write_bytes(data)
    with Image.open(path) as im:
        fp = im.fp
        assert fp is not None
    assert fp.closed
    im = Image.open(path)
    fp = im.fp
    im.load()
    assert fp is not None
    assert fp.closed
    with path.open("rb") as own:
        with Image.open(own) as im:
            im.load()
        assert not own.closed
    stream = io.BytesIO(data)
    Image.open(stream).load()
    assert not stream.closed
    path.unlink()  # nothing holds it, on Windows either


def outcome(data: bytes, path: Path, action: Callable[[Image.Image], object]) -> object:
    """What an action gives or raises on a picture opened from a file."""
    path.write_bytes(data)
    with Image.open(path) as im:
        try:
            return action(im)
        except Exception as e:
            return type(e)


def closed_then_loaded(im: Image.Image) -> object:
    im.close()
    return im.load()


def loaded_then_closed(im: Image.Image) -> object:
    im.load()
    im.close()
    return im.getpixel((0, 0))


def verified_then_loaded(im: Image.Image) -> object:
    im.verify()
    return im.load()


@pytest.mark.parametrize("action", [closed_then_loaded, loaded_then_closed, verified_then_loaded])
@pytest.mark.parametrize("name", ["siren RGB", "latent RGB"])
def test_closed_and_verified_images_behave_as_usual(
    name: str, action: Callable[[Image.Image], object], tmp_path: Path
) -> None:
    usual = outcome(png(), tmp_path / "a.png", action)
    assert isinstance(usual, type)
    assert outcome(FILES[name], tmp_path / "a.inr", action) is usual


@EVERY
def test_verify_does_not_decode_and_a_damaged_file_fails_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inr_core, "Decoder", None)
    with opened(name) as im:
        im.verify()
    broken = bytearray(FILES[name])
    broken[-6] ^= 1
    with Image.open(io.BytesIO(broken)) as im, pytest.raises(OSError, match="CRC mismatch"):
        im.verify()


@EVERY
def test_info_survives_what_pillow_does(name: str) -> None:
    with opened(name) as im:
        info = dict(im.info)
        assert (info["icc_profile"], info["comment"], info["xmp"]) == (METADATA.icc, b"c", b"<x/>")
        im.load()
        assert im.info == info
        assert im.copy().info == info
        assert im.getexif()[0x0112] == 6


def test_a_prefix_that_only_looks_like_ours_is_left_to_others() -> None:
    with pytest.raises(UnidentifiedImageError, match="cannot identify image file"):
        Image.open(io.BytesIO(b"\x89INR" + bytes(100)))
    with pytest.raises(UnidentifiedImageError, match="first chunk"):
        Image.open(io.BytesIO(inr_core.SIGNATURE + b"\1" + struct.pack("<I4s", 3, b"HEAD") + bytes(7)))
