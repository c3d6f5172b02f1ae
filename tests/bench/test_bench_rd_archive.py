"""What `inr bench rd` keeps of a run: a stopped one goes on, another version measures again."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rd_runs import FIT, QUALITIES, bench, fake, results, shorten, two_pictures

from pillow_inr.bench import fresh, points
from pillow_inr.bench.codecs import CODECS
from pillow_inr.bench.report import versions


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return two_pictures(tmp_path)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


@pytest.mark.usefixtures("short")
def test_a_stopped_run_goes_on(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[str] = []
    stop_after = 5

    def measure(task: fresh.Task) -> fresh.Cost:
        if len(written) == stop_after:
            raise KeyboardInterrupt
        if task.source is not None:
            written.append(task.format)
        return fresh.perform(task)

    monkeypatch.setattr(fresh, "measure", measure)
    command = pictures[1], *QUALITIES, "--against", "jpeg", *FIT
    assert bench(*command) == 130
    assert "interrupted" in capsys.readouterr().err
    stopped = results(tmp_path)
    assert stopped["complete"] is False
    assert written == ["INR"] * 4 + ["JPEG"]
    # The fifth was written but not yet read when the interrupt came.
    assert [row["codec"] for row in stopped["tables"]["rd"]] == ["inr auto"] * 4
    assert "Unfinished" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")

    archive = tmp_path / "out" / "points.jsonl"
    with open(archive, "ab") as fp:
        fp.write(b'{"key": "half a li')  # as a crash may leave it
    written.clear()
    stop_after = 100
    assert bench(*command) == 0
    assert written == ["JPEG"] * 5  # the curve's four, and the one for the crops
    finished = results(tmp_path)
    assert finished["complete"] is True
    assert finished["tables"]["rd"][:4] == stopped["tables"]["rd"]
    assert len(finished["tables"]["rd"]) == 8

    written.clear()
    lines = archive.read_bytes()
    assert bench(*command) == 0
    assert written == []
    assert archive.read_bytes() == lines
    assert results(tmp_path)["tables"]["rd"] == finished["tables"]["rd"]

    assert bench(*command, "--seed", 3) == 0
    assert written == ["INR"] * 4 + ["JPEG"] * (len(written) - 4)  # other settings, other points
    Path(tmp_path / "out" / finished["tables"]["rd"][5]["file"]).unlink()
    written.clear()
    assert bench(*command) == 0
    assert written == ["JPEG"]


@pytest.mark.usefixtures("short")
def test_another_version_measures_again(pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = pictures[1], "--qualities", 50, "--against", *FIT
    assert bench(*command) == 0
    before = (tmp_path / "out" / "points.jsonl").read_text(encoding="utf-8").count("\n")
    known = versions()
    monkeypatch.setattr(points, "versions", lambda: {**known, "source": "0123456789ab"})
    assert bench(*command) == 0
    (row,) = results(tmp_path)["tables"]["rd"]
    assert row["version"].endswith("source 0123456789ab")
    assert (tmp_path / "out" / "points.jsonl").read_text(encoding="utf-8").count("\n") == before + 1


def test_lossless_points_survive_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points.Bench, "_measure", fake(lambda *key: 1.0, {"JPEG": [math.inf]}))
    picture = points.Picture("p", np.zeros((16, 24, 3), np.uint8))
    recipe = points.other_recipe(CODECS[0], 50)
    first = points.Bench(tmp_path).point(picture, recipe)
    monkeypatch.setattr(points.Bench, "_measure", None)
    assert points.Bench(tmp_path).point(picture, recipe) == first
    assert first["psnr_db"] == math.inf
