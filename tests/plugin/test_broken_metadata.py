"""Metadata that cannot be read, or that another format cannot hold: the tools leave it out, say so, and go on."""

from __future__ import annotations

import io
import random
import struct
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tiny import inr

import inr_core
import pillow_inr
from pillow_inr import carry
from pillow_inr.orientation import orientation_of, upright, with_orientation

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, of the EXIF that the tests read


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def directory(*entries: bytes, following: int = 0) -> bytes:
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + struct.pack("<I", following)


TURNED = entry(0x112, 3, 1, 6)
EXIF = {
    "no header": b"no TIFF header here",
    "nothing": b"II*\0",
    "directory beyond the end": b"II*\0\xff\xff\xff\xff",
    "entries beyond the end": directory(TURNED)[:16],
    "most entries": b"II*\0" + struct.pack("<IH", 8, 65_535) + bytes(12 * 65_535) + bytes(4),
    "too long": directory(TURNED) + bytes(70_000),
    "a float for text": directory(entry(0x10E, 11, 1, 0x3F800000), TURNED),
    "text beyond the end": directory(entry(0x10E, 2, 900, 5000), TURNED),
    "unknown type": directory(entry(0x10E, 99, 1, 0), TURNED),
    "two orientations": directory(entry(0x112, 3, 2, 0x80006)),
    "a long orientation": directory(entry(0x112, 4, 1, 6)),
    "orientation of text": directory(entry(0x112, 2, 1, 0x36)),
    "orientation beyond": directory(entry(0x112, 3, 1, 9)),
    "GPS beyond the end": directory(TURNED, entry(0x8825, 4, 1, 9999)),
    "GPS of text": directory(TURNED, entry(0x8825, 2, 1, 0x41)),
    "camera settings in a circle": directory(TURNED, entry(0x8769, 4, 1, 8)),
    "thumbnail in a circle": directory(TURNED, following=8),
    "resolution by zero": directory(TURNED, entry(0x11A, 5, 1, 0), entry(0x128, 3, 1, 2)),
    "tags of a TIFF": directory(
        entry(0x100, 4, 1, 4000), entry(0x101, 4, 1, 3000), entry(0x102, 3, 1, 16), entry(0x103, 3, 1, 7), TURNED
    ),
}
PICTURE = tiny.picture(size=(12, 8))


def file_of(path: Path, **metadata: Any) -> Path:
    PICTURE.save(path, effort=0, threads=1, **metadata)
    return path


@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "webp", "avif", "jp2", "gif", "bmp"])
@pytest.mark.parametrize("name", EXIF)
def test_no_exif_costs_a_picture(name: str, kind: str, tmp_path: Path) -> None:
    if f".{kind}" not in Image.registered_extensions():
        pytest.skip("not in this Pillow")
    if name == "most entries" and kind not in ("jpg", "tif"):
        pytest.skip("takes its time")
    path = file_of(tmp_path / "a.inr", exif=EXIF[name], xmp=b"<x/>", comment="kept")
    target = tmp_path / f"b.{kind}"
    code, out, err = inr("decode", "-q", path, "-o", target)
    assert (code, out) == (0, "")
    turns = orientation_of(EXIF[name]) == 6
    with Image.open(target) as im:
        im.load()
        if kind in ("jpg", "png", "webp", "avif"):
            assert im.size == PICTURE.size
            assert (im.getexif().get(0x112) == 6) >= turns, "where it can be read, the orientation is kept"
        elif kind == "tif":
            assert im.size == (PICTURE.size[::-1] if turns else PICTURE.size), "Pillow turns a TIFF itself"
        if kind in ("jpg", "webp", "avif", "png", "tif"):
            assert im.info["xmp"] == b"<x/>"
        if kind in ("jpg", "jp2"):
            assert im.info["comment"] == b"kept"
    left_out = [line for line in err.splitlines() if "EXIF is left out" in line]
    assert [line for line in err.splitlines() if "GIF does not hold mode RGB" not in line] == left_out
    if (name, kind) == ("too long", "jpg"):
        assert left_out == [f"inr: {path}: EXIF is left out, but for its orientation: EXIF data is too long"]


@pytest.mark.parametrize("name", EXIF)
def test_no_exif_costs_a_thumbnail_or_a_view(name: str, tmp_path: Path) -> None:
    path = file_of(tmp_path / "a.inr", exif=EXIF[name])
    assert inr("thumbnail", "-q", path, tmp_path / "t.png") == (0, "", "")
    turned = PICTURE.size[::-1] if orientation_of(EXIF[name]) == 6 else PICTURE.size
    with Image.open(tmp_path / "t.png") as im:
        assert im.size == turned
        assert "exif" not in im.info
    with Image.open(path) as im:
        assert upright(im).size == turned
        assert im.size == PICTURE.size
        im.getexif()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("name", EXIF)
def test_exif_goes_into_a_file_to_the_byte(name: str, kind: str, tmp_path: Path) -> None:
    if name in ("too long", "most entries") and kind == "JPEG":
        pytest.skip("JPEG cannot hold it")
    path = tmp_path / f"a.{kind.lower()}"
    PICTURE.save(path, kind, exif=b"Exif\0\0" + EXIF[name])
    assert inr("encode", path, "--effort", "0", "-q") == (0, "", "")
    with Image.open(tmp_path / "a.inr") as im:
        assert im.info["exif"] == b"Exif\0\0" + EXIF[name]


def test_an_orientation_for_every_file_that_can_have_one(tmp_path: Path) -> None:
    paths = [file_of(tmp_path / f"{k}.inr", exif=exif) for k, exif in enumerate(EXIF.values())]
    last = file_of(tmp_path / "last.inr")
    code, out, err = inr("set", "-q", *paths, last, "--orientation", "8")
    assert (code, out) == (1, "")
    assert f"inr: {paths[4]}: exif: expected a directory of less than 65535 entries, got 65535, and none for" in err
    refused = {line.split(": ")[1] for line in err.splitlines()}
    for path in (*paths, last):
        with Image.open(path) as im:
            assert (orientation_of(im.info.get("exif", b"")[6:]) == 8) == (str(path) not in refused)
    assert len(refused) == 5


def test_damaged_exif_costs_nothing_anywhere() -> None:
    """A sample of what random damage does; without `carry` and `upright`, one in twenty fails."""
    exif = Image.Exif()
    exif[0x10E], exif[0x112], exif[0x100] = "text", 6, 640
    exif[0x8769] = {0x9003: "2001:02:03 04:05:06", 0x927C: b"maker note", 0xA005: {1: "R98"}}
    exif[0x8825] = {1: "N", 2: (50.0, 1.0, 2.0)}
    good = exif.tobytes()[6:]
    rng = random.Random(5)
    for k in range(300):
        data = bytearray(good)
        for _ in range(rng.randint(1, 5)):
            data[rng.randrange(len(data))] = rng.choice((0, 1, 2, 7, 12, 255, rng.randrange(256)))
        im = Image.new("RGB", (8, 6))
        im.info["exif"] = b"Exif\0\0" + bytes(data)
        kind = ("JPEG", "TIFF", "WEBP", "AVIF", "PNG")[k % 5]
        if kind in Image.SAVE:
            im.save(out := io.BytesIO(), kind, **carry.out_of_inr(kind, im, {}, lambda text: None))
            with Image.open(out) as again:
                assert sorted(again.size) == [6, 8]  # TIFF and AVIF are turned when they are opened
                assert np.asarray(again).max() < 4  # black, as it was
        upright(im)
        with suppress(ValueError):
            assert orientation_of(with_orientation(bytes(data), 3)) == 3


# What another format cannot hold


@pytest.mark.parametrize(
    ("kind", "metadata", "left_out"),
    [
        ("jpg", {"xmp": b"<x/>" * 20_000}, "XMP is left out: XMP data is too long"),
        ("jpg", {"comment": b"c" * 70_000}, "the comment is left out: Comment is too long"),
        ("jpg", {"dpi": (70_000, 72)}, "the resolution is left out: dpi: expected at most 65535, got (70000.0, 72.0)"),
        ("png", {"icc_profile": bytes(2**20 + 1)}, "the ICC profile is left out: Decompressed data too large for"),
        (
            "png",
            {"text": {"題名": "x"}},
            "text '題名' is left out: PNG has keys of 1 to 79 printable characters of Latin-1",
        ),
        ("png", {"text": {"k" * 80: "x"}}, f"text {'k' * 80!r} is left out: PNG has keys of 1 to 79"),
        (
            "png",
            {"text": {"transparency": "x"}},
            "text 'transparency' is left out: in a PNG it would pass for something else",
        ),
    ],
)
def test_what_is_left_out_is_said(kind: str, metadata: dict[str, Any], left_out: str, tmp_path: Path) -> None:
    path = file_of(tmp_path / "a.inr", **{"dpi": (72, 72), **metadata})
    code, out, err = inr("decode", "-q", path, "-o", tmp_path / f"b.{kind}")
    assert (code, out) == (0, "")
    assert err.startswith(f"inr: {path}: {left_out}")
    assert err.count("\n") == 1
    with Image.open(tmp_path / f"b.{kind}") as im, Image.open(path) as original:
        assert inr_core.psnr(np.asarray(original), np.asarray(im.convert("RGB"))) > 25
        assert not {*metadata} - {"dpi", "text"} & {*im.info}


def test_texts_that_do_not_fit_are_left_out(tmp_path: Path) -> None:
    texts = PngInfo()
    for k in range(1100):
        texts.add_text(f"key {k}", "value")
    texts.add_text("k" * 1025, "long")
    texts.add_text("zero", "a\0b")
    PICTURE.save(tmp_path / "a.png", pnginfo=texts)
    code, _, err = inr("encode", tmp_path / "a.png", "--effort", "0", "-q")
    assert code == 0
    assert [line.split(": ", 2)[2] for line in err.splitlines()] == [
        f"text {'k' * 100!r}… is left out: text: expected a key of 1 to 1024 characters but U+0000, got {'k' * 100!r}…",
        "text 'zero' is left out: text 'zero': expected Unicode without U+0000, got 'a\\x00b'",
        "76 of 1100 texts are left out: a file does not hold so many, or so long ones",
    ]
    with Image.open(tmp_path / "a.inr") as im:
        assert isinstance(im, pillow_inr.InrImageFile)
        assert im.text == {f"key {k}": "value" for k in range(1024)}


def test_too_long_metadata_of_a_picture_is_left_out(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.tif", icc_profile=b"icc", tiffinfo={700: bytes(2**24)})
    code, _, err = inr("encode", tmp_path / "a.tif", "--effort", "0", "-q")
    assert (code, err) == (
        0,
        f"inr: {tmp_path / 'a.tif'}: XMP is left out: xmp: expected under 16777216 bytes, got 16777216\n",
    )
    with Image.open(tmp_path / "a.inr") as im:
        assert im.info["icc_profile"] == b"icc"


def test_a_region_as_tiff_has_its_own_size(tmp_path: Path) -> None:
    path = file_of(tmp_path / "a.inr", exif=EXIF["tags of a TIFF"])
    assert inr("decode", "-q", path, "-o", tmp_path / "b.tif", "--size", "6x4") == (0, "", "")
    with Image.open(tmp_path / "b.tif") as im:
        expected = inr_core.decode(path.read_bytes(), size=(6, 4))
        np.testing.assert_array_equal(np.asarray(im), np.rot90(expected, -1))


def test_other_plugins_may_have_any_text_and_fail_at_exif() -> None:
    class Odd(Image.Image):
        text = "a method, say"

        def getexif(self) -> Image.Exif:
            raise RuntimeError("mine")

    im = Odd()
    im.info = {"icc_profile": 3.5, "xmp": ["x"], "comment": {"a": 1}, "dpi": "unknown"}
    notes: list[str] = []
    options = carry.into_inr(im, notes.append)
    assert {name for name, value in options.items() if value} == set()
    assert notes == [
        "EXIF is left out: mine",
        "the ICC profile is left out: icc_profile: expected bytes, str or None, got 3.5",
        "XMP is left out: xmp: expected bytes, str or None, got ['x']",
        "the comment is left out: comment: expected bytes, str or None, got {'a': 1}",
        "the resolution is left out: dpi: expected two numbers from 0.001 to 4294967, got 'unknown'",
    ]


def test_warnings_that_are_errors_cost_no_picture() -> None:
    with warnings.catch_warnings(action="error"):
        for kind in ("JPEG", "TIFF", "AVIF"):
            if kind in Image.SAVE:
                im = PICTURE.copy()
                im.info["exif"] = b"Exif\0\0" + EXIF["text beyond the end"]
                im.save(out := io.BytesIO(), kind, **carry.out_of_inr(kind, im, {}, lambda text: None))
                with warnings.catch_warnings(action="ignore"), Image.open(out) as again:  # those are Pillow's
                    same = PICTURE.size == again.size  # AVIF is turned when it is opened
                    shown = PICTURE if same else PICTURE.transpose(Image.Transpose.ROTATE_270)
                    assert inr_core.psnr(np.asarray(shown), np.asarray(again)) > 25


def test_a_profile_that_makes_a_png_unreadable_is_not_in_a_thumbnail(tmp_path: Path) -> None:
    for size, kept in ((1000, True), (2**20 + 1, False)):
        path = file_of(tmp_path / "a.inr", icc_profile=bytes(size))
        code, out, err = inr("thumbnail", "-q", path, tmp_path / f"{size}.png")
        assert (code, out, "the ICC profile is left out" in err) == (0, "", not kept)
        with Image.open(tmp_path / f"{size}.png") as im:
            assert ("icc_profile" in im.info) == kept
