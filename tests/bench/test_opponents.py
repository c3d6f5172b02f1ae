"""The other formats as `inr bench` has them: at their best for PSNR, and published points where they cannot be made."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny import photograph

from pillow_inr.bench import efforts, literature, points, rd
from pillow_inr.bench.__main__ import main
from pillow_inr.bench.codecs import CODECS, HOW, chosen, decode
from pillow_inr.bench.pictures import picture_psnr

PICTURE = photograph(96, 64)
GREY = PICTURE.convert("L").convert("RGB")


@pytest.mark.parametrize("setting", [200, 250, 300])
def test_jpeg2000_transforms_colours(setting: int) -> None:
    (codec,) = chosen(["jpeg2000"])
    if codec.missing():
        pytest.skip("Pillow without JPEG2000")
    data, plain = codec.encode(GREY, setting), io.BytesIO()
    style = data.index(b"\xff\x52")  # COD: length, coding style, progression, layers, then the transform of components
    assert data[style + 8] == 1
    GREY.save(plain, "JPEG2000", **{**codec.options(setting), "mct": 0})
    assert picture_psnr(GREY, decode(data)) > picture_psnr(GREY, decode(plain.getvalue())) + 1
    assert len(data) < 1.1 * len(plain.getvalue())


def test_avif_has_a_column_for_psnr() -> None:
    default, tuned = chosen(["avif", "avif-psnr"])
    assert (default.name, tuned.name, default.curve) == ("AVIF", "AVIF tune=psnr", tuned.curve)
    assert tuned.options(50) == {**default.options(50), "advanced": {"tune": "psnr"}}
    json.dumps(tuned.options(50))  # as a fresh process is told it
    if tuned.missing():
        pytest.skip("Pillow without AVIF")
    assert default.encode(PICTURE, 50) != tuned.encode(PICTURE, 50)
    assert set(efforts.DEFAULT) == {"jpeg", "webp", "avif", "avif-psnr"}


def test_every_format_and_what_is_asked_of_it_is_named_where_results_are_shown() -> None:
    for codec in CODECS:
        assert codec.name.split()[0] in HOW
    for text in (HOW, rd.__doc__ or ""):
        assert "mct=1" in text
        assert "tune=psnr" in text


def test_published_points_are_of_all_of_kodaks_pictures_and_name_their_sources() -> None:
    vtm, cool_chic = literature.published()
    assert (vtm.key, vtm.name, cool_chic.key, cool_chic.name) == ("vtm", "VTM 18.0", "cool-chic", "Cool-chic 5.0.1")
    for codec in (vtm, cool_chic):
        assert list(codec.points) == [f"kodim{number:02}" for number in range(1, 25)]
        assert codec.source.startswith("github.com/")
        for curve in codec.points.values():
            assert len(curve) >= 4
            rates, decibels = zip(*curve, strict=True)
            assert list(rates) == sorted(rates)
            assert list(decibels) == sorted(decibels)
            assert 0.02 < rates[0] < rates[-1] < 6
            assert 20 < decibels[0] < decibels[-1] < 50
    assert vtm.points["kodim23"][0] == (0.11678, 34.23753)


def blank(name: str, width: int, height: int) -> points.Picture:
    return points.Picture(name, np.zeros((height, width, 3), np.uint8))


def test_only_whole_pictures_of_their_name_have_published_points() -> None:
    for codec in literature.published():
        rows = codec.rows(blank("kodim04", 512, 768))
        assert [(row["bpp"], row["psnr_db"]) for row in rows] == codec.points["kodim04"]
        for row in rows:
            assert row.keys() == points.RD_COLUMNS.keys()
            assert row["bytes"] == round(float(str(row["bpp"])) * 49_152)
            assert (row["codec"], row["encode_seconds"], row["ms_ssim"]) == (codec.name, None, None)
        for other in (blank("kodim04", 512, 512), blank("kodim04", 384, 256), blank("kodim25", 512, 768)):
            assert codec.rows(other) == []


def test_rd_sets_published_points_beside_measured_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours takes twice VTM's bytes here, by construction."""
    (vtm, _) = literature.published()
    curve = vtm.points["kodim05"]
    seen: list[int] = []

    def measure(self: Any, picture: points.Picture, recipe: points.Recipe, path: Path) -> points.Row:
        place = len(seen) % len(curve)
        seen.append(place)
        Image.fromarray(picture.samples).save(path, "PNG")
        row: points.Row = {name: 1.0 if spec else "" for name, spec in points.RD_COLUMNS.items()}
        row |= {"picture": picture.name, "codec": recipe.codec, "setting": recipe.setting, "width": 768, "height": 512}
        row |= {"bytes": path.stat().st_size, "bpp": 2 * curve[place][0], "psnr_db": curve[place][1]}
        return {**row, "file": path.relative_to(self.folder).as_posix()}

    monkeypatch.setattr(points.Bench, "_measure", measure)
    pictures = [tmp_path / "kodim05.png", tmp_path / "other.png"]
    Image.new("RGB", (768, 512), "red").save(pictures[0])
    Image.new("RGB", (24, 16), "blue").save(pictures[1])
    command = ["rd", *map(str, pictures), "--qualities", "10", "20", "30", "40", "-o", str(tmp_path / "out")]
    assert main([*command, "--against", "vtm", "cool-chic"]) == 0
    tables = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))["tables"]
    found = {(row["picture"], row["against"]): row["bd_rate_percent"] for row in tables["bd_rate"]}
    assert found.keys() == {("kodim05", "VTM 18.0"), ("kodim05", "Cool-chic 5.0.1")}
    assert found["kodim05", "VTM 18.0"] == pytest.approx(100)
    assert [row["codec"] for row in tables["costs"]] == ["inr auto"], "nothing is known of what published ones cost"
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert f"VTM 18.0, published: {vtm.source}. {vtm.note}" in page
    assert page.count("<title>VTM 18.0, published: ") == len(curve)
