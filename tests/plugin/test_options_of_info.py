"""The `info` of a picture as options of its own save: whatever Pillow's formats leave there is taken or passed over."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from inr_core import Metadata, Settings, SettingsError, read_head
from pillow_inr.modes import from_image

Image.init()

from saved_pictures import DATA, of, saved, written


def metadata_of(data: bytes) -> Metadata:
    return read_head(io.BytesIO(data)).metadata


def dict_of(im: Image.Image) -> dict[str, Any]:
    """The `info` of a picture, as its options."""
    return {key: value for key, value in im.info.items() if isinstance(key, str)}


TEXTS = (
    "Title",
    "Comment",
    "comment",
    "model",
    "seed",
    "steps",
    "width",
    "device",
    "qualty",
    "progress",
    "text",
    "quality",
)
OTHERS = {"dpi": (300, 72), "transparency": 3, "duration": 40, "loop": 0, "background": 1, "compression": None}


@pytest.mark.filterwarnings("ignore")  # Pillow's
def opened(kind: str) -> Image.Image:
    """A picture of a format that Pillow writes, with as much metadata as it does."""
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", "<x/>")
    for key in TEXTS:
        texts.add_itxt(key, "Stable – 安定", lang="ja", tkey="鍵")
    for mode in ("P", "RGB", "L", "1"):
        for options in ({**DATA, **OTHERS}, {"exif": DATA["exif"]}, {}):
            data = io.BytesIO()
            with suppress(Exception):  # not this mode, not these options, or not readable here
                tiny.picture(mode, (32, 32)).save(data, kind, **options, pnginfo=texts)
                im = Image.open(data)
                im.load()
                return im
    pytest.skip("Pillow cannot write, or not read it")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", sorted(Image.SAVE.keys() - {"INR", "SPIDER"}))
def test_info_of_every_format_is_taken(kind: str) -> None:
    im = opened(kind)
    assert of(im.info, **dict_of(im)).settings == Settings()
    with saved(im.resize((9, 9)), **dict_of(im)) as again:
        for name in ("icc_profile", "exif", "xmp"):
            had = im.info.get(name, b"").removeprefix(b"Exif\0\0")
            assert again.info.get(name, b"").removeprefix(b"Exif\0\0") == had
        if "comment" in im.info:
            assert again.info["comment"] == (im.info["comment"] if kind != "PNG" else "Stable – 安定".encode())
        if "dpi" in im.info:
            assert again.info["dpi"] == pytest.approx(im.info["dpi"], abs=1e-3)
    if kind != "PNG":  # whose keys may be any words
        assert of(**dict_of(im)).settings == Settings()


def png_with(*chunks: tuple[bytes, bytes]) -> Image.Image:
    """A PNG with chunks that Pillow would not write."""
    data = io.BytesIO()
    tiny.picture().save(data, "PNG")
    start = data.getvalue()[:33]  # signature and IHDR
    made = b"".join(
        struct.pack(">I", len(c)) + kind + c + struct.pack(">I", zlib.crc32(kind + c)) for kind, c in chunks
    )
    return Image.open(io.BytesIO(start + made + data.getvalue()[33:]))


def tiff_with(**tags: Any) -> Image.Image:
    """A TIFF with tags of any type."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for name, (kind, value) in tags.items():
        tag = {"icc": 34675, "x": 282, "y": 283}[name]
        directory.tagtype[tag] = kind
        directory[tag] = value
    data = io.BytesIO()
    tiny.picture().save(data, "TIFF", tiffinfo=directory)
    return Image.open(data)


@pytest.mark.parametrize(
    "make",
    [
        lambda: png_with((b"pHYs", struct.pack(">IIB", 0, 0, 1))),
        lambda: png_with((b"pHYs", struct.pack(">IIB", 2**32 - 1, 1, 1))),
        lambda: png_with((b"tEXt", b"exif\0text"), (b"tEXt", b"dpi\0 72"), (b"tEXt", b"xmp\0a\0b")),
        lambda: png_with((b"tEXt", b"icc_profile\0x"), (b"tEXt", b"transparency\0x"), (b"tEXt", b"target_size\0 5")),
        lambda: png_with((b"tEXt", b"quality\0very"), (b"tEXt", b"efort\0 9"), (b"tEXt", b"bits\0 8")),
        lambda: tiff_with(icc=(2, "text")),
        lambda: tiff_with(icc=(4, (7, 8, 300))),
        lambda: tiff_with(x=(5, TiffImagePlugin.IFDRational(300, 0)), y=(5, TiffImagePlugin.IFDRational(0, 0))),
        lambda: tiff_with(x=(5, TiffImagePlugin.IFDRational(300, 1)), y=(5, TiffImagePlugin.IFDRational(300, 1))),
    ],
)
@pytest.mark.filterwarnings("ignore")  # Pillow's
def test_info_of_broken_files_is_taken(make: Callable[[], Image.Image], tmp_path: Path) -> None:
    im = make()
    im.load()
    assert of(im.info, **dict_of(im)).settings == Settings()
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    im.save(path, **{"effort": 0, **dict_of(im)})
    with Image.open(path) as again:
        assert again.tobytes() == tiny.decoded(written(tiny.picture()).getvalue())


@pytest.mark.parametrize(
    "dpi",
    [(0, 0), (72, 0), (math.nan, 72), (math.inf, 72), (-1, 72), (1e9, 1e9), (72, 1e-9), (), None, 0],
)
def test_a_resolution_that_is_none_is_left_out(dpi: Any) -> None:
    assert of(dpi=dpi).metadata.dpi is None


@pytest.mark.parametrize(
    "dpi", [(300, 72), [300.0, 72], np.array([300, 72]), (Fraction(300), Decimal(72)), (np.float32(300), "72")]
)
def test_resolutions_of_any_type(dpi: Any) -> None:
    assert of(dpi=dpi).metadata.dpi == (300, 72)


def test_bytes_of_any_type() -> None:
    for name, field in (("exif", "exif"), ("icc_profile", "icc"), ("xmp", "xmp"), ("comment", "comment")):
        for data in (b"x", bytearray(b"x"), memoryview(b"x")):
            assert getattr(of(**{name: data}).metadata, field) == b"x"
            assert getattr(of({name: data}).metadata, field) == (b"x" if name in ("icc_profile", "comment") else None)
        value: Any
        for value in (b"", "", None, (), False, 0, {}):
            assert of({name: b"own"}, **{name: value}) == of()
    assert of(icc_profile="é", xmp="é", comment="é").metadata == Metadata(
        icc=b"\xc3\xa9", xmp=b"\xc3\xa9", comment=b"\xc3\xa9"
    )


def test_too_much_metadata_of_a_picture_is_left_out_and_said_so() -> None:
    im = tiny.picture()
    im.info["icc_profile"] = bytes(2**24)
    with pytest.warns(
        UserWarning, match=r"^icc_profile: expected under 16777216 bytes, got 16777216; saved without$"
    ) as caught:
        im.save(data := io.BytesIO(), "INR", effort=0)
    assert metadata_of(data.getvalue()) == Metadata()
    assert [warning.filename for warning in caught] == [__file__]
    im.info.clear()
    with pytest.raises(SettingsError, match=r"^xmp: expected under 16777216 bytes, got 16777216$"):
        im.save(io.BytesIO(), "INR", effort=0, xmp=bytes(2**24))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16", "CMYK", "LA"])
def test_transparency_of_another_mode_is_ignored(mode: str) -> None:
    plain = from_image(tiny.picture(mode))
    odd = [256, 70000, (1, 2, 3)] if mode == "P" else [b"\0\x80"]
    for value in (None, "x", 1.5, -1, (1, 2), (0, 0, "a"), [1, 2, 3, 4], {}, *odd):
        im = tiny.picture(mode)
        im.info["transparency"] = value
        pixels = from_image(im)
        assert pixels.mode == plain.mode
        np.testing.assert_array_equal(pixels.array, plain.array)
        np.testing.assert_array_equal(pixels.palette, plain.palette)
