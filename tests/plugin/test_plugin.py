"""The plugin as Pillow and its users meet it: opening, loading, damage, threads, pickling."""

from __future__ import annotations

import copy
import io
import pickle
import re
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image, ImageFile, UnidentifiedImageError
from watched import Reads, slow_decoder

import inr_core
import pillow_inr
from pillow_inr import InrImagePlugin


@pytest.fixture(scope="module")
def data() -> bytes:
    return tiny.encoded()


@pytest.fixture(scope="module")
def offset(data: bytes) -> int:
    return inr_core.read_head(io.BytesIO(data)).payload_offset


# Opening


def test_is_registered_once() -> None:
    pillow_inr.register()
    pillow_inr.register()
    assert Image.ID.count("INR") == 1
    assert Image.registered_extensions()[".inr"] == "INR"
    assert Image.MIME["INR"] == "image/x-inr"
    assert InrImagePlugin.SIGNATURE == inr_core.SIGNATURE


def test_open_tells_everything_and_reads_only_the_head(data: bytes, offset: int) -> None:
    fp = Reads(data)
    with Image.open(fp, formats=["inr"]) as im:
        assert (im.format, im.mode, im.size) == ("INR", "RGB", tiny.SIZE)
        assert (im.n_frames, im.is_animated) == (1, False)  # type: ignore[attr-defined]
        assert im.get_format_mimetype() == "image/x-inr"
        assert im.tile[0][:3] == ("inr", (0, 0, 24, 16), offset)
        assert max(fp.furthest, 16) <= offset + 8  # the header of the first pixel chunk may be looked at
        im.seek(0)
        with pytest.raises(EOFError):
            im.seek(1)


def test_load_gives_the_pixels_of_the_core(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as im:
        np.testing.assert_array_equal(np.asarray(im), inr_core.decode(data))


def test_a_path_is_closed_after_loading(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(data)
    with Image.open(path) as im:
        im.load()
        assert im.fp is None


def test_input_that_cannot_seek(data: bytes) -> None:
    class Pipe:
        def __init__(self) -> None:
            self.read = io.BytesIO(data).read

    with Image.open(Pipe()) as im:  # type: ignore[arg-type]
        np.testing.assert_array_equal(np.asarray(im), inr_core.decode(data))


def test_another_format_under_our_name_still_opens(tmp_path: Path) -> None:
    path = tmp_path / "really.inr"
    tiny.picture().save(path, "PNG")
    with Image.open(path) as im:
        assert im.format == "PNG"


def test_thumbnail(data: bytes) -> None:
    expected = Image.fromarray(inr_core.decode(data))
    expected.thumbnail((12, 12))  # half the size: with Pillow's gap of 2, all of the picture
    with Image.open(io.BytesIO(data)) as im:
        im.thumbnail((12, 12))
        assert (im.size, im.tobytes()) == ((12, 8), expected.tobytes())


def test_decompression_bombs_are_refused_before_decoding(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(data))


def test_decoding_threads_are_settable(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Decoder(inr_core.Decoder):
        def __init__(self, head: inr_core.Head, payload: bytes, threads: int | None = None, **options: Any) -> None:
            asked.append(threads)
            super().__init__(head, payload, threads, **options)

    monkeypatch.setattr(inr_core, "Decoder", Decoder)
    for threads in (None, 3):
        monkeypatch.setattr(InrImagePlugin, "DECODE_THREADS", threads)
        with Image.open(io.BytesIO(data)) as im:
            im.load()
    assert asked == [None, 3]


# Damage


def test_every_truncated_head_is_unidentified(data: bytes, offset: int) -> None:
    for length in range(offset + 8):  # the first pixel chunk says what it is in 8 bytes
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(data[:length]))


def test_not_our_signature_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError, match="not an INR file"):
        pillow_inr.InrImageFile(io.BytesIO(b"\x89INR\r\n\x1a\r and more"))


def test_our_signature_with_a_newer_version_says_so(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "new.inr"
    path.write_bytes(data[:8] + b"\x63" + data[9:])
    with pytest.raises(UnidentifiedImageError) as caught:
        Image.open(path)
    assert str(caught.value) == (
        f"{str(path)!r}: version: expected 1, got 99; this file needs another version of the reader"
    )


def test_a_damaged_head_names_the_chunk(data: bytes) -> None:
    broken = bytearray(data)
    broken[20] ^= 1
    with pytest.raises(UnidentifiedImageError, match="image file: chunk 'HEAD': CRC mismatch"):
        Image.open(io.BytesIO(broken))


def test_truncated_pixels_are_an_error_each_time(data: bytes, offset: int) -> None:
    for length in (offset + 8, offset + 9, len(data) - 1):
        with Image.open(io.BytesIO(data[:length])) as im:
            for _ in range(2):
                there, whole = length - offset, len(data) - offset
                message = f"pixel chunks: expected {whole} bytes, got {there} ({whole - there} missing)"
                with pytest.raises(OSError, match=f"^{re.escape(f'image file is truncated: {message}')}$"):
                    im.load()


def test_truncated_pixels_when_asked_to_load_them(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(io.BytesIO(data[:-1])) as im, pytest.raises(OSError, match="image file is truncated"):
        im.load()  # a siren is all or nothing
    with Image.open(io.BytesIO(data)) as im:
        np.testing.assert_array_equal(np.asarray(im), inr_core.decode(data))


def test_damaged_pixels_are_an_error_each_time(data: bytes) -> None:
    broken = bytearray(data)
    broken[-9] ^= 0x40
    with Image.open(io.BytesIO(broken)) as im:
        for _ in range(2):
            with pytest.raises(OSError, match="image file is damaged: chunk 'NETW': CRC mismatch"):
                im.load()


def test_verify(data: bytes, offset: int, tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(data)
    with Image.open(path) as im:
        im.verify()
        assert im.fp is None
    for position in (offset + 8, (offset + len(data)) // 2, len(data) - 1):
        broken = bytearray(data)
        broken[position] ^= 4
        path.write_bytes(broken)
        message = f"{str(path)!r}: chunk 'NETW': CRC mismatch"
        with Image.open(path) as im, pytest.raises(OSError, match=f"^{re.escape(message)}$"):
            im.verify()
    path.write_bytes(data[:-1])
    with Image.open(path) as im, pytest.raises(OSError, match=r"expected \d+ bytes, got \d+"):
        im.verify()


def test_trailing_bytes_are_left_alone(data: bytes) -> None:
    with Image.open(io.BytesIO(data + b"appended")) as im:
        np.testing.assert_array_equal(np.asarray(im), inr_core.decode(data))


def test_a_hostile_payload_length_allocates_nothing(data: bytes) -> None:
    # The header promises 10 MiB of pixels that never come.
    head = inr_core.read_head(io.BytesIO(data)).header
    start = data.index(b"HEAD") + 4
    end = data.index(struct.pack("<I", head.payload_bytes), start)
    fields = data[start:end] + struct.pack("<I", 10 << 20)
    broken = data[:start] + fields + struct.pack("<I", zlib.crc32(fields, zlib.crc32(b"HEAD"))) + data[end + 8 :]
    with Image.open(io.BytesIO(broken)) as im:
        assert im.decodermaxblock <= ImageFile.SAFEBLOCK
        with pytest.raises(OSError, match="image file is truncated"):
            im.load()


# Ways to load


@pytest.mark.parametrize("step", [1, 7, 64, 100_000])
def test_parser(data: bytes, step: int) -> None:
    with ImageFile.Parser() as parser:
        for start in range(0, len(data), step):
            parser.feed(data[start : start + step])
        im = parser.close()
    np.testing.assert_array_equal(np.asarray(im), inr_core.decode(data))


def test_parser_without_the_end(data: bytes) -> None:
    parser = ImageFile.Parser()
    parser.feed(data[:-1])
    with pytest.raises(OSError, match="image was incomplete"):
        parser.close()


def test_six_threads_load_one_image(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[threading.Thread] = []
    monkeypatch.setattr(inr_core, "Decoder", slow_decoder(decoded))
    expected = inr_core.decode(data).tobytes()
    with Image.open(io.BytesIO(data)) as im:
        results: list[object] = []

        def load() -> None:
            try:
                results.append(im.tobytes())
            except Exception as e:
                results.append(e)

        threads = [threading.Thread(target=load) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == 6 * [expected]
    assert len(decoded) == 1


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("mode", ["RGB", "P", "1", "I;16"])
def test_pickle(mode: str, protocol: int) -> None:
    source = tiny.picture(mode)
    if mode == "P":
        source.info["transparency"] = b"\0\x80"
    with Image.open(io.BytesIO(tiny.encoded(source, comment=b"c"))) as im:
        again = pickle.loads(pickle.dumps(im, protocol))
        assert type(again) is pillow_inr.InrImageFile
        assert again.n_frames == 1
        for image in (again, copy.copy(im), copy.deepcopy(im), pickle.loads(pickle.dumps(again, protocol))):
            image.load()
            assert (image.mode, image.size, image.info) == (im.mode, im.size, im.info)
            assert image.tobytes() == im.tobytes()
            assert image.convert("RGBA").tobytes() == im.convert("RGBA").tobytes()
