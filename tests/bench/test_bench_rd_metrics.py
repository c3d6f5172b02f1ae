"""`inr bench rd --metrics`: a BD-rate by each, kept files measured later, and which tune is measured by them."""

from __future__ import annotations

import json
import re
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inr_core

torch = pytest.importorskip("torch")

from rd_runs import FIT, QUALITIES, bench, results, shorten, two_pictures

from pillow_inr.bench import crops, fresh, metrics, points
from pillow_inr.bench.report import Cell

ALL = ("--metrics", "psnr", "ms-ssim", "ssimulacra2")
SIZES = [100.0, 200.0, 400.0, 800.0]

Scores = dict[str, list[float]]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return two_pictures(tmp_path)[1]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Formats of the files that are written."""
    found: list[str] = []

    def measure(task: fresh.Task) -> fresh.Cost:
        if task.source is not None:
            found.append(task.format)
        return fresh.perform(task)

    monkeypatch.setattr(fresh, "measure", measure)
    return found


def rows(codec: str, factor: float, scores: Scores) -> list[points.Row]:
    unknown: dict[str, Cell] = dict.fromkeys(points.RD_COLUMNS)
    return [
        {**unknown, "picture": "p", "codec": codec, "bytes": size, "bpp": factor * size}
        | {column: values[place] for column, values in scores.items()}
        for place, size in enumerate(SIZES)
    ]


def test_bd_rate_by_each_metric_by_hand() -> None:
    """Twice the bytes for the same: by every metric +100 %, over what both curves reach of each."""
    from pillow_inr.bench.summary import bd_means, bd_rows

    theirs = {"psnr_db": [30.0, 33, 36, 39], "ms_ssim": [0.9, 0.99, 0.999, 0.9999], "ssimulacra2": [-5.0, 40, 60, 80]}
    table = bd_rows([*rows("a", 1, theirs), *rows("b", 2, theirs)], ["b"], ["a"], metrics.METRICS)
    assert [row["metric"] for row in table] == ["psnr", "ms-ssim", "ssimulacra2"]
    assert [row["bd_rate_percent"] for row in table] == [pytest.approx(100)] * 3
    ranges = [(row["low"], row["high"]) for row in table]
    assert ranges == [(30, 39), (pytest.approx(10), pytest.approx(40)), (-5, 80)]
    means = bd_means(table)
    assert [mean["metric"] for mean in means] == ["psnr", "ms-ssim", "ssimulacra2"]
    assert [mean["bd_rate_percent"] for mean in means] == [pytest.approx(100)] * 3
    assert [mean["pictures"] for mean in means] == [1] * 3


def test_bd_rate_by_ssimulacra2_where_curves_are_uneven() -> None:
    """Log rates linear in the score over the range both reach, a point worse for more bytes, one that lost nothing."""
    from pillow_inr.bench.summary import bd_rows

    theirs = rows("a", 1, {"psnr_db": [1.0, 2, 3, 4], "ssimulacra2": [20.0, 40, 60, 80]})
    ours = rows("b", 0.25, {"psnr_db": [1.0, 2, 3, 4], "ssimulacra2": [10.0, 30, 50, 70]})
    ours += [{**ours[3], "bytes": 900, "bpp": 300.0, "ssimulacra2": 69.0}]
    ours += [{**ours[3], "bytes": 950, "bpp": 400.0, "psnr_db": float("inf"), "ssimulacra2": 100.0}]
    (row,) = bd_rows([*theirs, *ours], ["b"], ["a"], [metrics.SSIMULACRA2])
    assert row["bd_rate_percent"] == pytest.approx(100 * (0.25 * 2**0.5 - 1))
    assert (row["low"], row["high"]) == (20, 70)
    assert row["covered"] == pytest.approx(50 / 60)


def test_no_row_where_a_metric_is_not_known_and_a_note_where_there_is_no_overlap() -> None:
    from pillow_inr.bench.summary import bd_rows

    theirs = rows("a", 1, {"psnr_db": [1.0, 2, 3, 4]})
    ours = rows("b", 1, {"psnr_db": [1.0, 2, 3, 4], "ms_ssim": [0.9, 0.99, 0.999, 0.9999]})
    assert [row["metric"] for row in bd_rows([*theirs, *ours], ["b"], ["a"], metrics.METRICS)] == ["psnr"]
    theirs = rows("a", 1, {"psnr_db": [1.0, 2, 3, 4], "ssimulacra2": [10.0, 20, 30, 40]})
    ours = rows("b", 1, {"psnr_db": [1.0, 2, 3, 4], "ssimulacra2": [50.0, 60, 70, 80]})
    (_, row) = bd_rows([*theirs, *ours], ["b"], ["a"], metrics.METRICS)
    assert row["note"] == "expected curves that overlap in SSIMULACRA2, got a 10.00 … 40.00 and b 50.00 … 80.00"


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(metrics.MS_SSIM, id="ms-ssim"),
        pytest.param(
            metrics.SSIMULACRA2,
            id="ssimulacra2",
            marks=pytest.mark.skipif(util.find_spec("ssimulacra2") is None, reason="needs ssimulacra2"),
        ),
    ],
)
def test_kept_files_are_measured_not_written_again(
    picture: Path, tmp_path: Path, written: list[str], later: metrics.Metric
) -> None:
    """Also those of a version that did not know the metric's column."""
    command = [picture, *QUALITIES, "--against", "jpeg", "--tune", "psnr", *FIT, "--metrics", "psnr"]
    assert bench(*command) == 0
    before = results(tmp_path)["tables"]["rd"]
    assert {row[later.column] for row in before} == {None}
    assert len(written) == 9
    archive = tmp_path / "out" / "points.jsonl"
    records = [json.loads(line) for line in archive.read_text("utf-8").splitlines()]
    for record in records[::2]:
        record.pop(later.column, None)
    archive.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")

    written.clear()
    assert bench(*command, later.key) == 0
    assert written == []
    tables = results(tmp_path)["tables"]
    original = np.array(Image.open(picture).convert("RGB"))
    for row, kept in zip(tables["rd"], before, strict=True):
        with Image.open(tmp_path / "out" / row["file"]) as im:
            expected = later.score(original, np.array(im.convert("RGB")))
        assert row == {**kept, later.column: pytest.approx(expected)}
    assert [row["metric"] for row in tables["bd_rate"]] == ["psnr", later.key]

    lines = archive.read_bytes()
    assert bench(*command, later.key) == 0
    assert bench(*command) == 0
    assert (written, archive.read_bytes()) == ([], lines)
    assert [row[later.column] for row in results(tmp_path)["tables"]["rd"]] == [r[later.column] for r in tables["rd"]]


def test_a_picture_too_small_for_a_metric_has_no_value(tmp_path: Path) -> None:
    source = tmp_path / "small.png"
    Image.linear_gradient("L").resize((10, 9)).save(source)
    for _ in range(2):
        assert bench(source, "--qualities", 50, "--against", "jpeg", *FIT) == 0
        tables = results(tmp_path)["tables"]
        assert {row["ms_ssim"] for row in tables["rd"]} == {None}
        assert {row["metric"] for row in tables["bd_rate"]} == {"psnr"}
    kept = [json.loads(line)["key"] for line in (tmp_path / "out" / "points.jsonl").read_text("utf-8").splitlines()]
    assert len(kept) == len(set(kept))
    assert metrics.SSIMULACRA2.measure(np.zeros((7, 64, 3), np.uint8), np.ones((7, 64, 3), np.uint8)) is None


def test_a_missing_package_is_said_before_any_work(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    assert bench(picture, *ALL) == 1
    said = "bench: --metrics ssimulacra2: expected the package ssimulacra2; install pillow-inr[bench]\n"
    assert capsys.readouterr().err == said
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit, match="2"):
        bench(picture, "--metrics", "vmaf")


def tunes(folder: Path) -> list[tuple[str, str]]:
    """Names and tunes of ours, of the rows."""
    ours = [row for row in results(folder)["tables"]["rd"] if row["codec"].startswith("inr")]
    return [(row["codec"], json.loads(row["options"])["tune"]) for row in ours]


def test_both_tunes_are_measured_from_the_files_of_each(picture: Path, tmp_path: Path, written: list[str]) -> None:
    command = [picture, "--qualities", 50, "--against", *FIT, "--tune"]
    assert bench(*command, "look") == 0
    assert bench(*command, "psnr", "psnr") == 0
    assert tunes(tmp_path) == [("inr auto", "psnr")]
    assert written == ["INR", "INR"]
    assert bench(*command, "look", "psnr") == 0
    assert written == ["INR", "INR"]
    assert tunes(tmp_path) == [("inr auto tune=look", "look"), ("inr auto tune=psnr", "psnr")]
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.count("<strong>inr auto tune=look</strong>") == page.count("<strong>inr auto tune=psnr</strong>") == 1


def test_ssimulacra2_end_to_end(picture: Path, tmp_path: Path) -> None:
    pytest.importorskip("ssimulacra2")
    assert bench(picture, *QUALITIES, "--against", "jpeg", "webp", *ALL, *FIT) == 0
    assert {tune for _, tune in tunes(tmp_path)} == {"look"}, "what is measured for eyes is tuned for them"
    tables = results(tmp_path)["tables"]
    assert {row["metric"] for row in tables["bd_rate"]} == {"psnr", "ms-ssim", "ssimulacra2"}
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    for name in ("PSNR", "MS-SSIM", "SSIMULACRA2"):
        assert f"<h3>At equal {name}</h3>" in page
        assert f'<th class="word">by {name}</th>' in page
    assert len(re.findall('<svg class="chart"', page)) == 3
    captions = re.findall("<figcaption><strong>(.*?)</figcaption>", page)
    assert len(captions) == 4
    assert all(re.search(r" dB, MS-SSIM 0\.\d{4}, SSIMULACRA2 -?\d+\.\d\d$", text) for text in captions[1:])
    column = (tmp_path / "out" / "results.csv").read_text("utf-8").splitlines()[1].split(",")[7]
    assert float(column) == pytest.approx(tables["rd"][0]["ssimulacra2"])
    row = tables["rd"][-1]
    original = np.array(Image.open(picture).convert("RGB"))
    with Image.open(tmp_path / "out" / row["file"]) as im:
        assert metrics.SSIMULACRA2.measure(original, original) == 100
        assert metrics.SSIMULACRA2.measure(original, np.array(im.convert("RGB"))) == pytest.approx(row["ssimulacra2"])


def test_the_part_where_they_differ_most_to_the_eye() -> None:
    """Bands in a smooth sky, not the larger differences in noise, and not where the first crop is."""
    rng = np.random.default_rng(5)
    original = np.full((384, 384, 3), 128, np.uint8)
    original[:, :192] = rng.integers(0, 256, (384, 192, 1))
    original[256:, 192:] = 100
    ours, other = original.copy(), original.copy()
    other[:, :192] = np.clip(other[:, :192].astype(int) + rng.integers(-12, 13, (384, 192, 1)), 0, 255)
    other[8:120, 200:320] += 4
    taken = crops.busiest(original)
    assert taken[2] <= 192 + crops.SIDE // 2
    box = crops.most_different(original, [ours, other], taken)
    assert box is not None
    left, top, right, bottom = box
    assert (left, right) == (192, 320)
    assert (top, bottom) == (0, 128)
    darker = original.copy()
    darker[:, 192:] -= 3
    darker[200:230, 10:40] += 60
    box = crops.most_different(original, [ours, darker], (0, 256, 128, 384))
    assert box is not None
    assert box[0] < 192 < box[2], "what is a little darker all over is not seen but at its rim"
    assert crops.most_different(original, [ours, ours], taken) is None
    assert crops.most_different(original, [ours], taken) is None
    assert crops.most_different(original[:100, :100], [ours[:100, :100]] * 2, (0, 0, 100, 100)) is None


def test_metrics_are_the_cores() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 256, (2, 40, 50, 3)).astype(np.uint8)
    assert metrics.PSNR.measure(a, b) == inr_core.psnr(a, b)
    assert metrics.MS_SSIM.measure(a, b) == inr_core.ms_ssim(a, b)
    assert metrics.MS_SSIM.curve(0.999) == pytest.approx(30)
    assert metrics.MS_SSIM.curve(1.0) == float("inf")
    assert [m.key for m in metrics.chosen_metrics(["ms-ssim", "psnr"])] == ["psnr", "ms-ssim"]
