"""`inr decode` to every format that Pillow writes: what it cannot hold is converted, looks the same, and is told of."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tiny
from numpy.typing import NDArray
from PIL import Image
from tiny import inr

import inr_core
from inr_core.metrics import psnr
from pillow_inr.command import formats

Image.init()
WRITABLE = sorted(set(Image.SAVE) - {"BUFR", "GRIB", "HDF5", "INR", "SPIDER", "WMF"})  # stubs, and one without a name
LOSSY = {"JPEG": 24.0, "MPO": 24.0, "WEBP": 24.0, "AVIF": 24.0, "JPEG2000": 40.0}  # dB; the others are exact
MODES = ["1", "L", "LA", "P", "P+1", "P+n", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16"]
SIZE = (32, 24)


def picture(mode: str) -> Image.Image:
    """Smooth, half of it more or less clear where the mode has alpha."""
    x = np.mgrid[: SIZE[1], : SIZE[0]][1]
    if not mode.startswith("P"):
        im = tiny.picture("RGBA" if mode in ("LA", "RGBA") else mode, SIZE)
        if mode in ("LA", "RGBA"):
            im.putalpha(Image.fromarray((8 * x).astype(np.uint8)))
        return im.convert(mode) if mode == "LA" else im
    im = tiny.picture("RGB", SIZE).quantize(16)
    if mode != "P":
        im.info["transparency"] = 3 if mode == "P+1" else bytes(range(0, 256, 16))
    return im


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("coded")
    paths = {mode: folder / f"{mode.replace(';', '').replace('+', '')}.inr" for mode in MODES}
    for mode, path in paths.items():
        picture(mode).save(path, lossless=True, effort=0, icc_profile=b"profile")
    return paths


@pytest.fixture(scope="module")
def originals(coded: dict[str, Path]) -> dict[str, Image.Image]:
    found = {}
    for mode, path in coded.items():
        with Image.open(path) as im:
            found[mode] = im.copy()
    return found


def rgba(im: Image.Image) -> Image.Image:
    return formats.best(im, "RGBA")


def in_front_of(colour: int, im: Image.Image) -> NDArray[np.uint8]:
    page = Image.new("RGBA", im.size, (colour, colour, colour, 255))
    return np.asarray(Image.alpha_composite(page, rgba(im)).convert("RGB"))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of formats that Pillow will leave
@pytest.mark.parametrize("kind", WRITABLE)
def test_every_mode_to_every_format(
    coded: dict[str, Path], originals: dict[str, Image.Image], tmp_path: Path, kind: str, mode: str
) -> None:
    suffix = next(end for end, name in Image.registered_extensions().items() if name == kind)
    target = tmp_path / f"a{suffix}"
    code, out, err = inr("decode", "-q", coded[mode], "-o", target)
    assert (code, out) == (0, "")
    original = originals[mode]
    held = formats._rung_of(original) in formats._HOLDS[kind].split()
    assert (err == "") == held
    assert held or err.startswith(f"inr: {coded[mode]}: {kind} does not hold mode {original.mode}")
    assert target.stat().st_size > 60
    if kind in ("EPS", "PALM", "PDF"):
        return  # Pillow does not read what it writes there
    with Image.open(target) as im:
        im.load()
        flattened = "in front of white" in err
        assert im.has_transparency_data or flattened or not original.has_transparency_data
        if kind in ("ICNS", "ICO"):
            return  # of sizes of their own
        floor = LOSSY.get(kind, 60.0)
        if "black and white" in err:  # dithered: the mean is what stays
            grey = np.asarray(Image.fromarray(in_front_of(255, original)).convert("L"), float)
            assert abs(np.asarray(im.convert("L"), float).mean() - grey.mean()) < 12
            return
        if "256 colours" in err or kind == "BLP":
            floor = min(floor, 28.0)
        if "clear or opaque" in err:
            original = rgba(original).copy()
            original.putalpha(original.getchannel("A").point([0] * 128 + [255] * 128))
        shown, wanted = in_front_of(255, im), in_front_of(255, original)
        assert psnr(wanted, shown) >= floor
        if not flattened:
            assert psnr(in_front_of(0, original), in_front_of(0, im)) >= floor


def test_a_format_nobody_knows_is_tried(coded: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin of somebody's whose writer takes one mode, and has its own way of refusing others."""
    seen = []

    def save(im: Image.Image, fp: io.BytesIO, filename: str) -> None:
        if im.size != (8, 8):  # of the samples that metadata is tried on
            seen.append(im.mode)
        fp.write({"L": im.tobytes()}[im.mode])

    monkeypatch.setitem(Image.SAVE, "NEW", save)
    monkeypatch.setattr(Image, "EXTENSION", {**Image.EXTENSION, ".new": "NEW"})
    assert inr("decode", "-q", coded["RGBA"], "--format", "new") == (
        0,
        "",
        f"inr: {coded['RGBA']}: NEW does not hold mode RGBA; written as mode L, in front of white, without colours\n",
    )
    assert seen == ["RGBA", "P", "RGB", "P", "L"]

    def fail(im: Image.Image, fp: io.BytesIO, filename: str) -> None:
        fp.write(b"half a file")
        raise KeyError("never")

    monkeypatch.setitem(Image.SAVE, "BAD", fail)
    monkeypatch.setattr(Image, "EXTENSION", {**Image.EXTENSION, ".bad": "BAD"})
    code, _, err = inr("decode", coded["L"], "--format", "bad", "--overwrite")
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith(f"inr: {coded['L']}: KeyError: 'never'")


@pytest.mark.parametrize(
    ("mode", "kind", "space", "kept"),
    [
        ("CMYK", "png", b"CMYK", False),
        ("CMYK", "tif", b"CMYK", True),
        ("LAB", "png", b"Lab ", False),
        ("YCbCr", "png", b"RGB ", True),
        ("P", "jpg", b"RGB ", True),
        ("L", "webp", b"GRAY", False),
        ("L", "webp", b"RGB ", True),
        ("RGBA", "jpg", b"RGB ", True),
        ("I;16", "jpg", b"GRAY", True),
    ],
)
def test_a_profile_goes_with_its_colours(mode: str, kind: str, space: bytes, kept: bool, tmp_path: Path) -> None:
    profile = (132).to_bytes(4, "big") + bytes(12) + space + bytes(16) + b"acsp" + bytes(92)
    picture(mode).save(tmp_path / "a.inr", effort=0, icc_profile=profile)
    assert inr("decode", tmp_path / "a.inr", "--format", kind)[0] == 0
    with Image.open(tmp_path / f"a.{kind}") as im:
        assert im.info.get("icc_profile") == (profile if kept else None)


def test_clear_colours_take_no_place_in_a_palette() -> None:
    im = tiny.picture("RGBA", (64, 64))
    im.putalpha(0)
    im.paste((1, 2, 3, 255), (0, 0, 8, 8))
    new = formats.best(im, "P+1")
    assert new.getpixel((0, 0)) != new.info["transparency"] == new.getpixel((63, 63))
    assert rgba(new).getpixel((7, 7)) == (1, 2, 3, 255)


@pytest.mark.parametrize("mode", ["La", "RGBa", "PA", "HSV", "RGBX", "I", "F"])
def test_other_modes_can_be_shown(mode: str) -> None:
    im = Image.new("RGB", (4, 4), (255, 0, 0)).convert("HSV") if mode == "HSV" else tiny.picture(mode)
    assert formats.best(im, "RGBA").mode == "RGBA"
    if mode == "HSV":
        assert formats.best(im, "RGBA").getpixel((0, 0)) == (255, 0, 0, 255)


def test_a_cut_file(tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    tiny.picture("RGB", (120, 90)).save(path, effort=0, quality=90, comment=b"kept")
    whole = path.read_bytes()
    target = path.with_suffix(".png")
    assert inr("decode", "-q", path, "--truncated", "-o", target) == (0, "", "")  # no harm in it
    with Image.open(target) as im:
        np.testing.assert_array_equal(np.asarray(im), inr_core.decode(whole))
    data = whole[: len(whole) * 2 // 3]
    path.write_bytes(data)
    for options in ([], ["--size", "60x45"], ["--region", "0,0,40,30"]):
        code, _, err = inr("decode", path, "-o", target, "--overwrite", *options)
        assert code == 1
        assert err.startswith(f"inr: {path}: ")
        assert err.endswith("; --truncated decodes what there is of it\n")
        code, _, err = inr("decode", path, "-o", target, "--overwrite", "--truncated", *options)
        assert code == 0
        assert err.startswith(f"inr: {path}: ")
        assert err.endswith("; decoded as far as it goes\n")
    with Image.open(target) as im:
        np.testing.assert_array_equal(np.asarray(im), inr_core.decode(data, truncated=True, region=(0, 0, 40, 30)))
        assert im.info["Comment"] == "kept"
    path.write_bytes(data[:40])
    assert inr("decode", path, "--truncated", "-o", target, "--overwrite")[0] == 1
    path.write_bytes(whole[:-9] + b"x" + whole[-8:])  # damaged, not cut
    assert inr("decode", path, "--truncated", "-o", target, "--overwrite")[2].endswith("CRC mismatch\n")


def test_icons_keep_their_size_or_say_so(tmp_path: Path) -> None:
    for size, made in (((120, 90), (120, 90)), ((300, 20), None)):
        notes: list[str] = []
        out = io.BytesIO()
        formats.save(Image.new("RGB", size, "red"), out, "ICO", {}, notes.append)
        with Image.open(out) as im:
            assert im.size == made or notes == [f"ICO does not hold 300x20; written as {im.width}x{im.height}"]
