"""What Pillow's users see of the exact model: modes 1 and P by default, and `lossless=True`."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image, ImageDraw, ImageFile

import inr_core

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16")


def saved(im: Image.Image, **options: Any) -> io.BytesIO:
    out = io.BytesIO()
    im.save(out, "INR", **options)
    out.seek(0)
    return out


def noise(mode: str) -> Image.Image:
    """Every sample of its own, which nothing but an exact file keeps."""
    rng = np.random.default_rng(len(mode))
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65_536, (31, 45)).astype(np.uint16))
    bands = len(Image.new(mode, (1, 1)).getbands())
    values = rng.integers(0, 256, (31, 45, bands)).astype(np.uint8)
    if mode in ("1", "L", "P"):
        grey = Image.fromarray(values[..., 0])
        if mode == "P":
            grey.putpalette(rng.integers(0, 256, 768).astype(np.uint8).tobytes())
        return grey.convert("1") if mode == "1" else grey
    return Image.merge(mode, [Image.fromarray(band) for band in np.moveaxis(values, 2, 0)])


@pytest.mark.parametrize("mode", MODES)
def test_lossless_keeps_every_mode(mode: str) -> None:
    im = noise(mode)
    with Image.open(saved(im, lossless=True)) as again:
        assert (again.mode, again.size, again.tobytes()) == (im.mode, im.size, im.tobytes())
        assert again.getpalette() == im.getpalette()


@pytest.mark.parametrize("mode", ["1", "P"])
@pytest.mark.parametrize("options", [{}, {"quality": 0}, {"effort": 0}, {"target_psnr": 20.0}, {"lossless": False}])
def test_marks_and_places_are_kept_by_default(mode: str, options: dict[str, Any]) -> None:
    im = noise(mode)
    with Image.open(saved(im, **options)) as again:
        assert (again.mode, again.tobytes()) == (im.mode, im.tobytes())


@pytest.mark.parametrize("transparency", [None, 5, 14, 200, b"\xff\0\x80", bytes(range(9))])
@pytest.mark.parametrize("entries", [16, 12])
def test_a_palette_keeps_its_order_and_what_is_unused(transparency: Any, entries: int) -> None:
    im = Image.new("P", (40, 30), 3)
    im.putpalette([channel for k in range(entries) for channel in (9, 9, 255 - k // 2)])  # pairs of equal colours
    for k in range(6):
        im.paste(k, (6 * k, 3, 6 * k + 4, 20))
    if transparency is not None:
        im.info["transparency"] = transparency
    with Image.open(saved(im)) as again:
        assert again.tobytes() == im.tobytes()
        palette = again.getpalette() or []
        assert palette[: 3 * entries] == im.getpalette()
        assert again.convert("RGBA").tobytes() == im.convert("RGBA").tobytes()
        assert again.has_transparency_data == (transparency is not None)


def test_a_mask_stays_one() -> None:
    mask = Image.new("L", (120, 80))
    ImageDraw.Draw(mask).ellipse((30, 10, 90, 70), fill=255)
    for shown in (mask, mask.convert("1"), mask.convert("RGB"), mask.point(lambda v: v // 2), mask.convert("I;16")):
        with Image.open(saved(shown)) as again:
            assert again.tobytes() == shown.tobytes()
            assert again.getbbox() == (30, 10, 91, 71)


@pytest.mark.parametrize("mode", MODES)
def test_thumbnails_drafts_and_parsers(mode: str) -> None:
    im = tiny.picture(mode, (200, 120))
    data = saved(im, lossless=True).getvalue()
    with Image.open(io.BytesIO(data)) as small:
        small.thumbnail((50, 50), reducing_gap=None if mode == "I;16" else 2.0)
        assert (small.size, small.mode) == ((50, 30), mode)
    with Image.open(io.BytesIO(data)) as small:
        assert small.draft(None, (50, 30)) is not None
        assert (small.size, small.mode) == ((50, 30), mode)
        small.load()
        expected = inr_core.decode(data, size=(50, 30))
        if mode not in ("1", "LAB"):
            np.testing.assert_array_equal(np.asarray(small), expected)
    with ImageFile.Parser() as parser:
        for start in range(0, len(data), 100):
            parser.feed(data[start : start + 100])
        assert parser.close().tobytes() == im.tobytes()


def test_a_file_that_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inr_core.exact.planes.STRIP_PIXELS", 450)
    im = noise("RGB")
    data = saved(im, lossless=True).getvalue()
    cut = io.BytesIO(data[: len(data) // 2])
    with Image.open(cut) as again, pytest.raises(OSError, match="truncated"):
        again.load()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(cut) as again:
        assert again.crop((0, 0, 45, 10)).tobytes() == im.crop((0, 0, 45, 10)).tobytes()
        assert again.crop((0, 20, 45, 31)).getbbox() is None
    with Image.open(io.BytesIO(data[:300])) as again, pytest.raises(OSError, match="expected at least one of 4"):
        again.load()


def test_what_the_command_says_of_planes(tmp_path: Path) -> None:
    cut_out = tiny.picture("RGBA", (120, 80)).resize((119, 80))
    cut_out.putalpha(Image.radial_gradient("L").resize((119, 80)).point(lambda v: 255 * (v < 128)))
    soft = Image.radial_gradient("L").resize((119, 80)).point(lambda v: min(max(3 * v - 330, 0), 255))
    for name, im, said in (
        ("a", cut_out, r", alpha exactly \(\d+ bytes\)$"),
        ("b", soft, r", ends of grey exactly \(\d+ bytes\)$"),
    ):
        im.save(tmp_path / f"{name}.inr", effort=0, model="latent")
        code, out, _ = tiny.inr("info", tmp_path / f"{name}.inr")
        assert code == 0
        (network,) = (line for line in out.splitlines() if line.startswith("  network"))
        assert re.search(said, network)


def test_a_size_that_lossless_cannot_meet() -> None:
    with pytest.raises(ValueError, match=r"target_size: expected at least \d+ bytes to keep every sample .*, got 500"):
        saved(noise("RGB"), lossless=True, target_size=500)
    small = saved(noise("P"), target_size=1500, effort=0)
    assert len(small.getvalue()) <= 1500
    with Image.open(small) as again:
        assert (again.mode, again.getpalette()) == ("P", noise("P").getpalette())


def test_the_command(tmp_path: Path) -> None:
    im = noise("LA")
    im.save(tmp_path / "a.png")
    code, out, err = tiny.inr("encode", tmp_path / "a.png", "--lossless")
    assert (code, err) == (0, "")
    assert ", exact, " in out
    _, out, _ = tiny.inr("info", tmp_path / "a.inr")
    assert "  network   exact, 1 strip, 1 plane, predictor none (2,790 bytes)" in out
    _, out, _ = tiny.inr("info", "--json", tmp_path / "a.inr")
    (facts,) = json.loads(out)
    part = {"strip": 0, "planes": 1, "predictor": "none", "colours": 0, "bytes": 1395}
    assert (facts["header"]["model"], facts["parts"]) == ("exact", [part, part])
    code, _, _ = tiny.inr("decode", tmp_path / "a.inr", "-o", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as again:
        assert (code, again.tobytes()) == (0, im.tobytes())
    code, _, err = tiny.inr("encode", tmp_path / "a.png", "--lossless", "--model", "latent", "-o", tmp_path / "c.inr")
    assert (code, "lossless: expected with model 'exact' only" in err) == (2, True)
