"""`inr bench thumbnail` and `inr bench prefixes`: that they measure what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from tiny import photograph

from pillow_inr.bench import prefixes, thumbnail
from pillow_inr.bench.__main__ import main


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "waves.png"
    photograph(120, 90).save(path)
    return path


def test_thumbnails_of_every_format(tmp_path: Path) -> None:
    results, cat = tmp_path / "results.json", Path(__file__).parents[2] / "sample_images" / "chelsea.webp"
    code = main(["thumbnail", str(cat), "--pixels", "160000", "--size", "24", "--json", str(results)])
    assert code == 0
    rows = json.loads(results.read_text("utf-8"))["tables"]["thumbnail"]
    ours, whole = rows[:2]
    assert (ours["codec"], ours["what"], whole["what"]) == ("INR", "thumbnail", "full decode")
    assert ours["read_bytes"] < ours["file_bytes"] / 2
    assert {row["codec"] for row in rows} >= {"INR", "JPEG"}
    assert all(row["psnr_db"] > 25 for row in rows if row["what"] == "thumbnail")
    assert all(row["ms"] > 0 and row["cpu_ms"] > 0 for row in rows)


def test_a_small_picture_is_mirrored() -> None:
    im = photograph(10, 6)
    large = thumbnail.tiled(im, 100)
    assert large.size == (10, 12)
    assert large.getpixel((3, 1)) == large.getpixel((3, 10)) == im.getpixel((3, 1))


def test_prefixes(picture: Path) -> None:
    strip, results = picture.with_name("strip.png"), picture.with_suffix(".json")
    options = ["--effort", "0", "--quality", "90", "--height", "60", "--strip", str(strip), "--json", str(results)]
    assert main(["prefixes", str(picture), *options]) == 0
    rows = json.loads(results.read_text("utf-8"))["tables"]["prefixes"]
    assert [row["percent"] for row in rows] == list(prefixes.PERCENT)
    assert rows[-1]["psnr_db"] > rows[2]["psnr_db"] > rows[0]["psnr_db"]
    with Image.open(strip) as im:
        assert im.size == (5 * 60 + 4 * prefixes.GAP, 45 + prefixes.LABEL_HEIGHT)


@pytest.mark.slow
def test_efforts(picture: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    folder, results = tmp_path / "efforts", tmp_path / "efforts.json"
    options = ["--efforts", "1", "0", "--qualities", "20", "40", "60", "80", "--against", "jpeg"]
    assert main(["efforts", str(picture), *options, "-o", str(folder), "--json", str(results)]) == 0
    rows = json.loads(results.read_text("utf-8"))["tables"]["efforts"]
    assert [(row["effort"], row["points"]) for row in rows] == [(0, 4), (1, 4)]
    assert all(row["JPEG_percent"] < -20 and row["encode_s"] > 0 for row in rows)
    assert rows[1]["JPEG_percent"] < rows[0]["JPEG_percent"]
    with Image.open(folder / "efforts.png") as im:
        assert im.size == (768, 432)
