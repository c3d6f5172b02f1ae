"""The parts of `inr bench rd`: fresh interpreters, the part of a picture to show, names, axes, and the command line."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

import inr_core

torch = pytest.importorskip("torch")

from pillow_inr.bench import crops, curves, fresh, points, rd


@pytest.mark.slow
def test_fresh_interpreters(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    tiny.picture().save(source)
    target = tmp_path / "a.inr"
    options = {"quality": 50, "steps": 2, "device": "cpu", "threads": 1}
    encode = fresh.measure(fresh.Task(str(source), str(target), "INR", options, "pillow_inr"))
    decode = fresh.measure(fresh.Task(None, str(target), "INR", options, "pillow_inr"))
    with Image.open(target) as saved:
        assert saved.size == tiny.SIZE
    assert encode.seconds > 0
    assert decode.seconds > 0
    if encode.peak_bytes is not None:
        assert decode.peak_bytes is not None
        assert 5e6 < decode.peak_bytes < encode.peak_bytes  # saving imports torch, loading does not
    with pytest.raises(inr_core.InrError, match="effort: expected an integer from 0 to 9, got 10"):
        fresh.measure(fresh.Task(str(source), str(target), "INR", {"effort": 10}, "pillow_inr"))


def test_the_busiest_part() -> None:
    samples = np.zeros((300, 400, 3), np.uint8)
    samples[140:200:2, 260:330] = 255
    left, top, right, bottom = crops.busiest(samples)
    assert (right - left, bottom - top) == (128, 128)
    assert left <= 260 < 330 <= right
    assert top <= 140 < 200 <= bottom
    assert crops.busiest(np.zeros((5, 7, 3), np.uint8)) == (0, 0, 7, 5)
    edge = np.zeros((130, 300, 3), np.uint8)
    edge[:, -1] = 255
    assert crops.busiest(edge)[2] == 300


def test_pictures_of_one_name_are_numbered_and_none_is_measured_twice() -> None:
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    given = [points.Picture("a", black), points.Picture("a", white), points.Picture("b", black)]
    assert [picture.name for picture in rd.unique(given)] == ["a", "a 2"]
    assert given[0].digest != points.Picture("a", np.zeros((1, 4, 3), np.uint8)).digest


def test_axes_by_hand() -> None:
    log = curves.Axis(0.15, 6.0, 0, 100, log=True)
    assert log.ticks() == pytest.approx([0.2, 0.5, 1, 2, 5])
    assert log(math.sqrt(0.15 * 6)) == pytest.approx(50)
    linear = curves.Axis(18.7, 41.3, 300, 0, log=False)
    assert linear.ticks() == [20, 25, 30, 35, 40]
    assert linear(30) == pytest.approx(150)


def test_chart_of_one_point_and_of_none() -> None:
    one = curves.Series("a <b>", 0, ((0.5, 30.0, "30 dB & more"),))
    drawing = curves.chart([one], "x", "y", 'a "chart"')
    assert "30 dB &amp; more" in drawing
    assert 'aria-label="a &quot;chart&quot;"' in drawing
    assert 'class="line"' not in drawing
    assert "a &lt;b&gt;" in curves.legend([one])
    assert curves.chart([curves.Series("a", 0, ())], "x", "y", "nothing") == ""


def test_the_command_forwards_to_the_bench() -> None:
    code, out, err = tiny.inr("bench", "rd", "--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: inr bench rd ")
    assert tiny.inr("bench", "--help")[1].startswith("usage: inr bench ")
    code, _, err = tiny.inr("bench", "unheard-of")
    assert code == 2
    assert "unheard-of" in err
    assert "bench" in tiny.inr("--help")[1]
