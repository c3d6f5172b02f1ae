"""`inr bench rd`: BD-rates worked by hand, real files end to end, and what the page shows."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inr_core
import pillow_inr

torch = pytest.importorskip("torch")

from rd_runs import FIT, QUALITIES, SHORT, bench, fake, results, shorten, two_pictures

from pillow_inr.bench import fresh, points, rd
from pillow_inr.bench.codecs import CODECS

NAMES = {"inr auto", "JPEG", "JPEG2000", "WebP"}


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return two_pictures(tmp_path)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


@pytest.mark.usefixtures("short")
def test_end_to_end(pictures: list[Path], tmp_path: Path) -> None:
    assert bench(*pictures, *QUALITIES, "--against", *SHORT, *FIT) == 0
    result = results(tmp_path)
    assert result["complete"] is True
    assert result["versions"]["pillow-inr"] == pillow_inr.__version__
    assert result["machine"]["cores"] >= 1
    assert result["settings"]["steps"] == 10
    rows = result["tables"]["rd"]
    assert len(rows) == 2 * 4 * 4
    assert {row["codec"] for row in rows} == NAMES
    for row in rows:
        path = tmp_path / "out" / row["file"]
        assert row["bytes"] == path.stat().st_size
        assert row["bpp"] == pytest.approx(8 * row["bytes"] / (row["width"] * row["height"]))
        with Image.open(tmp_path / f"{row['picture']}.png") as im:
            original = im.convert("RGBA")
        white = Image.new("RGBA", original.size, "white")
        expected = np.array(Image.alpha_composite(white, original).convert("RGB"))
        with Image.open(path) as im:
            decoded = np.array(im.convert("RGB"))
        assert row["psnr_db"] == pytest.approx(inr_core.psnr(expected, decoded))
        assert row["ms_ssim"] == pytest.approx(inr_core.ms_ssim(expected, decoded))
        assert row["encode_seconds"] > 0
        assert row["decode_seconds"] > 0
    ours = next(row for row in rows if row["codec"] == "inr auto")
    assert json.loads(ours["options"]) == {
        "device": "cpu",
        "tune": "psnr",
        "model": "auto",
        "quality": 10.0,
        "steps": 10,
        "threads": 1,
    }
    assert pillow_inr.__version__ in ours["version"]
    assert (tmp_path / "out" / ours["file"]).read_bytes()[:8] == inr_core.SIGNATURE


@pytest.mark.usefixtures("short")
def test_csv_has_every_row_and_column(pictures: list[Path], tmp_path: Path) -> None:
    assert bench(pictures[1], *QUALITIES, "--against", "webp", *FIT) == 0
    with open(tmp_path / "out" / "results.csv", encoding="utf-8", newline="") as fp:
        rows = list(csv.DictReader(fp))
    assert ",".join(rows[0]) == (
        "picture,codec,setting,bytes,bpp,psnr_db,ms_ssim,ssimulacra2,encode_seconds,decode_seconds,encode_peak_mb,decode_peak_mb,"
        "width,height,options,version,machine,sha256,file,measured"
    )
    assert {row["ssimulacra2"] for row in rows} == {""}  # not asked for
    assert [row["setting"] for row in rows] == [f"quality {q}" for q in (10, 40, 70, 100, 0, 30, 60, 95)]
    for row, other in zip(rows, results(tmp_path)["tables"]["rd"], strict=True):
        assert row["picture"] == "waves & more"
        assert int(row["bytes"]) == other["bytes"]
        assert float(row["psnr_db"]) == other["psnr_db"]
        assert (row["width"], row["height"]) == ("24", "20")


@pytest.mark.usefixtures("short")
def test_page_shows_every_picture_curve_and_crop(pictures: list[Path], tmp_path: Path) -> None:
    assert bench(*pictures, *QUALITIES, "--against", *SHORT, *FIT) == 0
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    sections = re.split("<h2>", text)
    for name in ("clear", "waves &amp; more"):
        (section,) = [s for s in sections if s.startswith(f"{name}</h2>")]
        charts = re.findall(r'<svg class="chart".*?</svg>', section)
        assert len(charts) == 2
        for chart in charts:
            assert "bits per pixel" in chart
            for index in range(4):
                (curve,) = re.findall(rf'<g class="s{index}">(.*?)</g>', chart)
                assert curve.count('class="mark') == curve.count("<title>") == 4
        assert "PSNR, dB" in charts[0]
        assert "MS-SSIM, dB" in charts[1]
        (legend,) = re.findall(r'<ul class="legend">.*?</ul>', section)
        assert all(f"{codec}</li>" in legend for codec in NAMES)
        captions = re.findall(r'<img src="data:image/png;base64,[^"]+" alt="([^"]+)">', section)
        assert captions == ["original", "inr auto", "JPEG", "JPEG2000", "WebP"]
        assert section.count("<tr><td") == 16
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text
    assert "Unfinished" not in text


@pytest.mark.usefixtures("short")
def test_bd_rate_by_hand(pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Log rates linear in PSNR, so PCHIP is exact: half of JPEG's bytes on the first picture, twice on the other.
    factors = {("clear", "inr auto"): 0.5, ("waves & more", "inr auto"): 2.0}
    decibels: dict[str, list[float]] = {"JPEG": [20, 30, 35, 40], "inr auto": [25, 28, 33, 35, math.inf]}
    monkeypatch.setattr(points.Bench, "_measure", fake(lambda *key: factors.get(key, 1.0), decibels))
    assert bench(*pictures, "--qualities", 10, 20, 30, 40, 50, "--against", "jpeg", "--metrics", "psnr") == 0
    tables = results(tmp_path)["tables"]
    first, second = tables["bd_rate"]
    assert (first["picture"], first["codec"], first["against"]) == ("clear", "inr auto", "JPEG")
    assert first["bd_rate_percent"] == pytest.approx(-50)
    assert second["bd_rate_percent"] == pytest.approx(100)
    for row in (first, second):
        assert (row["low"], row["high"], row["covered"], row["note"]) == (25, 35, 0.5, None)
    (mean,) = tables["bd_rate_mean"]
    assert mean == {
        "metric": "psnr",
        "codec": "inr auto",
        "against": "JPEG",
        "bd_rate_percent": pytest.approx(25),
        "low": 25,
        "high": 35,
        "covered": 0.5,
        "pictures": 2,
        "of_pictures": 2,
    }
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert '<td class="good">−50.0%<small>25.0 … 35.0 dB, 50%</small></td>' in page
    assert '<td class="bad">+100.0%<small>' in page
    assert '<td class="bad">+25.0%<small>' in page
    lossless = [row["psnr_db"] for row in tables["rd"] if row["setting"] == "quality 50" and row["codec"] != "JPEG"]
    assert lossless == [None, None]


@pytest.mark.usefixtures("short")
def test_too_few_points_are_said_not_hidden(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decibels = {"JPEG": [20.0, 30, 35, 40], "inr auto": [50.0, 52, 54, 56]}
    monkeypatch.setattr(points.Bench, "_measure", fake(lambda *key: 1.0, decibels))
    assert bench(pictures[0], *QUALITIES, "--against", "jpeg", "--metrics", "psnr") == 0
    (row,) = results(tmp_path)["tables"]["bd_rate"]
    assert row["bd_rate_percent"] is None
    assert (
        row["note"] == "expected curves that overlap in PSNR, got JPEG 20.00 … 40.00 dB and inr auto 50.00 … 56.00 dB"
    )
    assert row["note"] in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("short")
def test_missing_codecs_are_left_out_with_a_note(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jpeg, jxl = CODECS[0], CODECS[-1]
    absent = dataclasses.replace(jxl, plugin="pillow_no_such_plugin", package="no-such-plugin")
    unbuilt = dataclasses.replace(jpeg, key="other", name="Other", feature="libimagequant")
    monkeypatch.setattr("pillow_inr.bench.codecs.features.check", lambda name: name == "jpg")
    monkeypatch.setattr(rd, "chosen", lambda keys: [dataclasses.replace(jpeg, curve=(50,)), unbuilt, absent])
    assert bench(pictures[1], "--qualities", 50, *FIT) == 0
    notes = [row["note"] for row in results(tmp_path)["tables"]["notes"]]
    assert notes == [
        "Other is left out: this Pillow is built without it",
        "JPEG XL is left out: its plugin, no-such-plugin, is not installed",
    ]
    assert {row["codec"] for row in results(tmp_path)["tables"]["rd"]} == {"inr auto", "JPEG"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    out, err = capsys.readouterr()
    for note in notes:
        assert note in page
        assert note in out
        assert note in err


@pytest.mark.usefixtures("short")
def test_a_refused_point_does_not_stop_the_others(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(task: fresh.Task) -> fresh.Cost:
        if task.options.get("quality") == 30:
            raise inr_core.InrError("encoder error -2")
        return fresh.perform(task)

    monkeypatch.setattr(fresh, "measure", measure)
    assert bench(pictures[1], "--qualities", 50, "--against", "jpeg", *FIT) == 1
    assert "1 of the points could not be measured" in capsys.readouterr().err
    result = results(tmp_path)
    assert result["complete"] is False
    assert result["tables"]["notes"] == [{"note": "waves & more, JPEG, quality 30: encoder error -2"}]
    assert [row["setting"] for row in result["tables"]["rd"]] == [f"quality {q}" for q in (50, 5, 60, 95)]


def test_mistakes_are_found_before_any_work(
    pictures: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(pictures[0], "--effort", 11) == 1
    assert "effort: expected an integer from 0 to 9, got 11" in capsys.readouterr().err
    assert bench(pictures[0], "--show", 101) == 1
    assert "quality: expected a number from 0 to 100, got 101.0" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        bench(pictures[0], "--against", "gif")
    assert not (tmp_path / "out").exists()
