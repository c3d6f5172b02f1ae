"""`inr bench lossless`: what it compares, and what --check finds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import tiny

from pillow_inr import same
from pillow_inr.bench.__main__ import main


def test_sizes_of_every_format(tmp_path: Path) -> None:
    tiny.photograph(60, 40).save(tmp_path / "waves.png")
    results = tmp_path / "results.json"
    assert main(["lossless", str(tmp_path / "waves.png"), "--efforts", "0", "--json", str(results)]) == 0
    tables = json.loads(results.read_text("utf-8"))["tables"]
    assert {row["format"] for row in tables["lossless"]} >= {"WebP", "PNG", "INR, effort 0"}
    assert {row["format"]: row["of_webp"] for row in tables["means"]}["WebP"] == 1


def check(folder: Path, *more: str) -> tuple[int, dict[str, list[dict[str, object]]]]:
    results = folder.with_suffix(".json")
    code = main(["lossless", "--check", str(folder), "--efforts", "0", *more, "--json", str(results)])
    return code, json.loads(results.read_text("utf-8"))["tables"]


def test_what_comes_back_what_is_refused_and_what_is_no_picture(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "F"):
        tiny.picture(mode).save(folder / "deep" / f"{mode.replace(';', '')}.tif")
    tiny.picture("P").save(folder / "clear.png", transparency=b"\0\x80\xff")
    (folder / "notes.txt").write_text("no picture", "utf-8")
    code, tables = check(folder)
    assert code == 0
    assert tables["check"] == [
        {"format": "PNG", "pictures": 1, "same": 1, "refused": 0, "other": 0},
        {"format": "TIFF", "pictures": 11, "same": 10, "refused": 1, "other": 0},
    ]
    (refused,) = tables["found"]
    assert (refused["picture"], refused["mode"]) == ("F.tif", "F")


def test_a_picture_that_came_back_as_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pictures").mkdir()
    tiny.picture().save(tmp_path / "pictures" / "a.png")
    real = same.held_by_file
    monkeypatch.setattr(same, "held_by_file", lambda data: replace(real(data), mode="LAB"))
    code, tables = check(tmp_path / "pictures")
    assert code == 1
    assert [row["what"] for row in tables["found"]] == ["modes RGB and LAB"]
    assert tables["check"][0]["other"] == 1
