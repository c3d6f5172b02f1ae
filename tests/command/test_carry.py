"""Metadata from other formats into `.inr` and back, as far as Pillow reads and writes it there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import tiny
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tiny import inr

import pillow_inr

EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
METADATA: dict[str, Any] = {
    "exif": EXIF,
    "icc_profile": bytes(range(256)),
    "xmp": b"<x/>\xc3\xa9",
    "comment": b"caf\xe9",
    "dpi": (300.0, 72.0),
}
TEXT = {"Title": "Kü€", "Author": ""}
KEPT = {  # by Pillow, in both directions
    "jpg": {"exif", "icc_profile", "xmp", "comment", "dpi"},
    "tif": {"icc_profile", "xmp", "dpi"},
    "webp": {"exif", "icc_profile", "xmp"},
    "avif": {"exif", "icc_profile", "xmp"},
    "jp2": {"comment"},
    "gif": {"comment"},
    "bmp": {"dpi"},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.inr"
    tiny.picture().save(path, effort=0, text=TEXT, **METADATA)
    return path


@pytest.mark.parametrize("kind", KEPT)
def test_through_another_format_and_back(file: Path, kind: str) -> None:
    if kind == "avif" and ".avif" not in Image.registered_extensions():
        pytest.skip("Pillow without AVIF")
    other, again = file.with_name(f"b.{kind}"), file.with_name("c.inr")
    assert inr("decode", "-q", file, "-o", other)[:2] == (0, "")
    assert inr("encode", other, "-o", again, "--effort", "0", "-q") == (0, "", "")
    with Image.open(again) as im:
        assert set(im.info) == KEPT[kind]
        for name in KEPT[kind]:
            expected = pytest.approx(METADATA["dpi"], abs=0.02) if name == "dpi" else METADATA[name]
            assert im.info[name] == expected
        # Pillow turns the pixels of a TIFF as its orientation says, and forgets it.
        assert im.size == (tiny.SIZE[::-1] if kind == "tif" else tiny.SIZE)


def test_through_png_and_back(file: Path) -> None:
    assert inr("decode", "-q", file) == (0, "", "")
    assert inr("encode", file.with_suffix(".png"), "--overwrite", "--effort", "0", "-q") == (0, "", "")
    with Image.open(file) as im:
        assert isinstance(im, pillow_inr.InrImageFile)
        assert im.text == {"Comment": "café", **TEXT}  # a comment is a text there
        for name in ("exif", "icc_profile", "xmp"):
            assert im.info[name] == METADATA[name]
        assert im.info["dpi"] == pytest.approx((300, 72), abs=0.02)


def test_png_texts_that_are_not_texts(tmp_path: Path) -> None:
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", b"<x/>")
    texts.add_text("Raw profile type exif", "\nexif\n  26\n" + EXIF[6:].hex())
    texts.add_itxt("Title", "Kü€", lang="de")
    texts.add_itxt("Bad\x01", "key")
    tiny.picture().save(tmp_path / "a.png", pnginfo=texts)
    assert inr("encode", tmp_path / "a.png", "--effort", "0", "-q") == (0, "", "")
    with Image.open(tmp_path / "a.inr") as im:
        assert isinstance(im, pillow_inr.InrImageFile)
        assert im.text == {"Title": "Kü€", "Bad\x01": "key"}
        assert im.info["xmp"] == b"<x/>"
        assert im.getexif()[0x112] == 6


def test_bad_exif_of_a_png_is_left_out(tmp_path: Path) -> None:
    texts = PngInfo()
    texts.add_text("Raw profile type exif", "\nexif\n  26\nno hexadecimal digits")
    tiny.picture().save(tmp_path / "a.png", pnginfo=texts)
    code, out, err = inr("encode", tmp_path / "a.png", "--effort", "0", "-q")
    assert (code, out) == (0, "")
    assert re.fullmatch(r"inr: .*a.png: EXIF is left out: non-hexadecimal number found in fromhex\(\) .*\n", err)
    with Image.open(tmp_path / "a.inr") as im:
        assert im.info == {}


def test_what_a_tiff_says_of_the_picture_is_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x10F], exif[0x112], exif[0x13B] = "Maker", 8, "Artist"
    exif[0x8769] = {0x9003: "2001:02:03 04:05:06"}
    tiny.picture().save(tmp_path / "a.tif", exif=exif.tobytes())
    assert inr("encode", tmp_path / "a.tif", "--effort", "0", "-q") == (0, "", "")
    with Image.open(tmp_path / "a.inr") as im:
        found = im.getexif()
        assert {tag: found[tag] for tag in found if tag != 0x8769} == {0x10F: "Maker", 0x13B: "Artist"}
        assert found.get_ifd(0x8769) == {0x9003: "2001:02:03 04:05:06"}
        assert im.size == tiny.SIZE[::-1]


def test_info_goes_into_other_savers_as_it_is(file: Path, tmp_path: Path) -> None:
    with Image.open(file) as im:
        im.save(tmp_path / "a.jpg", **{name: im.info[name] for name in METADATA})
    with Image.open(tmp_path / "a.jpg") as jpeg:
        assert jpeg.getexif()[0x112] == 6
        assert {name: jpeg.info[name] for name in METADATA} == METADATA


def test_old_thumbnailers_find_the_orientation(file: Path, tmp_path: Path) -> None:
    tiny.picture().save(tmp_path / "plain.inr", effort=0)
    with Image.open(file) as im, Image.open(tmp_path / "plain.inr") as plain:
        assert isinstance(im, pillow_inr.InrImageFile)
        assert isinstance(plain, pillow_inr.InrImageFile)
        assert (im._getexif(), plain._getexif()) == ({0x112: 6}, None)  # as sorl and easy-thumbnails ask


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_strip_leaves_nothing(file: Path, command: str) -> None:
    other = file.with_name("b.png")
    assert inr("decode", "-q", file, "-o", other, *(["--strip"] if command == "decode" else [])) == (0, "", "")
    with Image.open(other) as im:
        im.load()
        assert (im.info == {}) == (command == "decode")
    assert inr("encode", other, "--strip", "--effort", "0", "-q") == (0, "", "")
    with Image.open(file.with_name("b.inr")) as im:
        assert im.info == {}
