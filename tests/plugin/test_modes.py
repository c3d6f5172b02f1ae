"""What each of Pillow's modes is stored as, and that metadata, palettes and transparency survive."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tiny
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

import inr_core
from pillow_inr import modes

STORED = {
    "1": "1",
    "L": "L",
    "LA": "LA",
    "La": "LA",
    "P": "P",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBA": "RGBA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "CMYK": "CMYK",
    "YCbCr": "YCbCr",
    "LAB": "LAB",
    "HSV": "RGB",
    "I;16": "I;16",
    "I;16B": "I;16",
    "I;16L": "I;16",
    "I;16N": "I;16",
    "I": "I;16",
}


def reopened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def bands(im: Image.Image) -> NDArray[Any]:
    """Each band as Pillow holds it, (H, W, C)."""
    return np.stack([np.asarray(band.convert("L") if band.mode == "1" else band) for band in im.split()], axis=2)


@pytest.mark.parametrize(("mode", "stored"), STORED.items())
def test_mode_is_stored_as(mode: str, stored: str) -> None:
    data = tiny.encoded(tiny.picture(mode))
    with reopened(data) as im:
        assert (im.mode, im.size) == (stored, tiny.SIZE)
        decoded = inr_core.decode(data)
        expected = decoded if decoded.ndim == 3 else decoded[:, :, None]
        np.testing.assert_array_equal(bands(im), expected)


@pytest.mark.parametrize(("mode", "stored"), STORED.items())
def test_samples_reach_the_encoder_unchanged(mode: str, stored: str) -> None:
    im = tiny.picture(mode)
    pixels = modes.from_image(im)
    assert pixels.mode == stored
    assert pixels.array.dtype == (np.uint16 if stored == "I;16" else np.uint8)
    assert pixels.array.dtype.isnative
    given = pixels.array if pixels.array.ndim == 3 else pixels.array[:, :, None]
    if mode == "I":
        np.testing.assert_array_equal(given, bands(im))
    elif mode.startswith("I;16"):
        x, y = 5, 7
        assert given[y, x, 0] == im.getpixel((x, y)) == 257 * (255 * x // 24) + 255 * y // 16
    else:
        np.testing.assert_array_equal(given, bands(im if mode == stored else im.convert(stored)))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16"])
def test_arrays_become_images_and_back(mode: str) -> None:
    im = tiny.picture(mode)
    pixels = modes.from_image(im)
    assert modes.to_image(pixels.array, im).tobytes() == im.tobytes()


def test_refused_modes_say_what_to_do() -> None:
    advice = 'scale the values to 0 … 65535 and convert it to "I", or to 0 … 255 and "L", first'
    with pytest.raises(ValueError, match=f"^cannot save mode F as INR: {advice}$"):
        tiny.encoded(tiny.picture("F"))
    scaled = Image.fromarray(np.linspace(0, 65_535, 24 * 16, dtype=np.float32).reshape(16, 24))
    assert modes.from_image(scaled.convert("I")).array.max() == 65_535


@pytest.mark.parametrize("values", [(0, 65_535), (65_535, 65_535), (0, 0), (30_000, 34_000)])
def test_integers_of_16_bits_are_stored(values: tuple[int, int]) -> None:
    """As a PGM of 16 bits, which opens in mode I, has them."""
    content = np.array([[*values] * 6] * 8, ">u2")
    with Image.open(io.BytesIO(b"P5\n12 8\n65535\n" + content.tobytes())) as im:
        assert im.mode == "I"
        stored = modes.from_image(im)
        np.testing.assert_array_equal(stored.array, content)
        assert stored.mode == "I;16"
        assert stored.array.dtype == np.uint16
        with reopened(tiny.encoded(im, model="latent", steps=None, width=None, depth=None)) as again:
            assert again.mode == "I;16"
            np.testing.assert_array_equal(np.asarray(again), content)  # two values: both are ends, which are kept


@pytest.mark.parametrize("values", [(-1, 5), (0, 65_536), (-(2**31), 2**31 - 1)])
def test_other_integers_are_refused(values: tuple[int, int]) -> None:
    im = Image.fromarray(np.array([values, values], np.int32))
    assert im.mode == "I"
    message = f"expected values of 0 … 65535, got {values[0]} … {values[1]}: scale them first"
    with pytest.raises(ValueError, match=f"^cannot save mode I as INR: {message}$"):
        tiny.encoded(im)


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (0, 0)])
def test_empty_pictures_are_refused(size: tuple[int, int]) -> None:
    shown = f"{size[0]}x{size[1]}"
    with pytest.raises(ValueError, match=f"^cannot save a picture of {shown} pixels as INR: each side needs one$"):
        tiny.encoded(Image.new("RGB", size))


def test_over_size_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="65535"):
        tiny.encoded(Image.new("L", (65_536, 1)))


@pytest.mark.parametrize("size", [(1, 1), (3, 1000), (1000, 3)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    data = tiny.encoded(tiny.picture(size=size))
    with reopened(data) as im:
        assert im.size == size
        np.testing.assert_array_equal(np.asarray(im), inr_core.decode(data))


@pytest.mark.parametrize("colour", [100, (0, 0, 0), (200, 100, 50), (255, 255, 255, 255)])
def test_one_colour(colour: int | tuple[int, ...]) -> None:
    im = Image.new("L" if isinstance(colour, int) else ("RGB", "RGBA")[len(colour) - 3], tiny.SIZE, colour)
    with reopened(tiny.encoded(im, steps=600)) as again:
        np.testing.assert_allclose(bands(again).astype(int), bands(im).astype(int), atol=8)


@pytest.mark.parametrize("colour", [(0, 1, 2), (257, 12_345, 40_000), (65_535, 65_534, 32_768), (1, 128, 65_409)])
def test_one_colour_of_16_bits_is_exact(colour: tuple[int, int, int]) -> None:
    colours = np.full((5, 9, 3), colour, np.uint16)
    grey = colours[..., 1].copy()
    assert np.array_equal(inr_core.decode(inr_core.encode(colours)), colours)
    assert np.array_equal(inr_core.decode(inr_core.encode(grey)), grey)


@pytest.mark.parametrize(
    ("transparency", "reopens_as"),
    [
        (None, None),
        (3, 3),
        (b"\xff\xff\0", 2),
        (b"\x10\x80\xff\0", b"\x10\x80\xff\0" + 12 * b"\xff"),
        (bytes(range(0, 256, 16)), bytes(range(0, 256, 16))),
    ],
)
def test_palette_and_transparency(transparency: int | bytes | None, reopens_as: int | bytes | None) -> None:
    im = tiny.picture("P")
    if transparency is not None:
        im.info["transparency"] = transparency
    with reopened(tiny.encoded(im)) as again:
        assert again.getpalette() == im.getpalette()
        assert len(im.getpalette() or ()) == 48
        assert again.info.get("transparency") == reopens_as
        assert again.has_transparency_data == (transparency is not None)
        expected = {im.convert("RGBA").getpixel((x, y)) for x in range(24) for y in range(16)}
        assert {again.convert("RGBA").getpixel((x, y)) for x in range(24) for y in range(16)} <= expected


def test_rgba_palette() -> None:
    im = Image.new("P", tiny.SIZE)
    im.putpalette([1, 2, 3, 255, 200, 100, 50, 128], "RGBA")
    im.paste(1, (8, 0, 24, 16))
    with reopened(tiny.encoded(im)) as again:
        assert again.mode == "P"
        assert again.getpalette("RGB") == [1, 2, 3, 200, 100, 50]
        assert again.info["transparency"] == b"\xff\x80"


def test_palette_covers_every_index_in_use() -> None:
    im = Image.new("P", tiny.SIZE, 5)
    im.putpalette([10, 20, 30])
    palette = modes.from_image(im).palette
    assert palette is not None
    assert palette.tolist() == [[10, 20, 30]] + 5 * [[0, 0, 0]]


@pytest.mark.parametrize(
    ("mode", "clear", "stored"),
    [("1", 0, "LA"), ("L", 128, "LA"), ("RGB", (10, 20, 30), "RGBA"), ("I;16", 777, "LA"), ("I", 777, "LA")],
)
def test_a_transparent_colour_becomes_alpha(mode: str, clear: Any, stored: str) -> None:
    im = Image.new(mode, tiny.SIZE, 65535 if mode in ("I;16", "I") else "white")
    im.putpixel((2, 3), clear)
    im.info["transparency"] = clear
    pixels = modes.from_image(im)
    assert pixels.mode == stored
    alpha = pixels.array[:, :, -1]
    assert alpha[3, 2] == 0
    assert (np.delete(alpha.ravel(), 3 * 24 + 2) == np.iinfo(alpha.dtype).max).all()
    with reopened(tiny.encoded(im)) as again:
        assert again.mode == stored
        np.testing.assert_array_equal(bands(again)[..., -1], 255 * (alpha > 0))  # also of 16 bits: it opens in 8
        assert "transparency" not in again.info


@pytest.mark.parametrize(("channels", "mode"), [(2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_16_bit_colour_opens_rounded_to_8_bits(channels: int, mode: str) -> None:
    y, x = np.mgrid[:16, :24].astype(np.uint16)
    deep = np.stack([2700 * x, 4000 * y, 65535 - 2700 * x, 65535 - 4000 * y], axis=2)[:, :, :channels].copy()
    data = inr_core.encode(deep, inr_core.Settings.from_options(tiny.OPTIONS))
    decoded = inr_core.decode(data)
    assert decoded.dtype == np.uint16
    rounded = np.rint(decoded.astype(np.float64) / 257).astype(np.uint8)
    with reopened(data) as im:
        assert im.mode == mode
        np.testing.assert_array_equal(np.asarray(im), rounded)


def test_8_bit_rounding_at_the_ends() -> None:
    deep = np.array([0, 128, 129, 32767, 32896, 65406, 65407, 65535], np.uint16)
    assert modes.to_8_bits(deep).tolist() == [0, 0, 1, 127, 128, 254, 255, 255]


EXIF = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>\xc3\xa9</a></x:xmpmeta>'
METADATA: dict[str, Any] = {
    "exif": b"Exif\0\0" + EXIF,
    "icc_profile": bytes(range(256)) * 9,
    "xmp": XMP,
    "comment": b"caf\xe9 \0 raw",
    "dpi": (300.0, 72.125),
}


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "I;16"])
def test_metadata_comes_back_byte_for_byte(mode: str) -> None:
    with reopened(tiny.encoded(tiny.picture(mode), **METADATA)) as im:
        assert {name: im.info[name] for name in METADATA} == METADATA
        assert im.getexif()[0x112] == 6
        im.load()
        assert im.size == tiny.SIZE  # the orientation is stored, not applied


def test_metadata_is_absent_unless_given() -> None:
    with reopened(tiny.encoded()) as im:
        assert im.info == {}
        assert dict(im.getexif()) == {}


def test_each_form_of_exif_is_stored_alike() -> None:
    exif = Image.Exif()
    exif.load(EXIF)
    for form in (EXIF, b"Exif\0\0" + EXIF, exif):
        with reopened(tiny.encoded(exif=form)) as im:
            assert im.getexif()[0x112] == 6
            assert im.info["exif"] == b"Exif\0\0" + EXIF or form is exif  # Pillow writes an object anew
    with reopened(tiny.encoded(exif=Image.Exif())) as im:
        assert "exif" not in im.info


def test_profile_and_comment_are_inherited_the_rest_only_when_passed() -> None:
    im = tiny.picture()
    im.info.update(METADATA)
    with reopened(tiny.encoded(im)) as again:
        assert again.info == {"icc_profile": METADATA["icc_profile"], "comment": METADATA["comment"]}
    with reopened(tiny.encoded(im, icc_profile=None, comment=None)) as again:
        assert again.info == {}
    im.info.update(icc_profile=7, comment=("not", "ours"))
    with reopened(tiny.encoded(im)) as again:
        assert again.info == {}


def test_text_is_stored_as_utf_8() -> None:
    with reopened(tiny.encoded(comment="é", xmp="<é/>")) as im:
        assert (im.info["comment"], im.info["xmp"]) == (b"\xc3\xa9", b"<\xc3\xa9/>")


def test_getxmp() -> None:
    pytest.importorskip("defusedxml")
    with reopened(tiny.encoded(xmp=XMP)) as im:
        assert im.getxmp() == {"xmpmeta": {"a": "é"}}


def test_a_png_keeps_what_matters_through_inr() -> None:
    source = io.BytesIO()
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "hello")
    palette = tiny.picture("P")
    palette.save(source, "PNG", transparency=5, dpi=(96, 96), exif=EXIF, pnginfo=texts)
    with Image.open(source) as png, reopened(tiny.encoded(png, exif=png.getexif(), dpi=png.info["dpi"])) as im:
        assert (im.mode, im.info["transparency"], im.getpalette()) == ("P", 5, palette.getpalette())
        assert im.info["dpi"] == pytest.approx((96, 96), abs=0.02)
        assert im.getexif()[0x112] == 6
