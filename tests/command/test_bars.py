"""Bars of a batch: a line for its pictures, and one for each that is being made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tiny
from job_runs import Marking, three_pictures
from terminal import Terminal, on_terminal

import inr_core
from pillow_inr.command import cli, jobs
from pillow_inr.command.bars import Bars
from pillow_inr.command.convert import Stop
from pillow_inr.command.messages import Voice
from pillow_inr.command.output import Output
from pillow_inr.command.sources import Source
from pillow_inr.progress import width

pytestmark = pytest.mark.skipif(os.name != "posix", reason="terminals that can go up")
LONG = "IMG_20240131_holiday_by_the_sea_with_everybody_in_it_final_version_2.png"


def report(step: int, phase: str = "fit") -> inr_core.Progress:
    return inr_core.Progress(step, 10, 30.0, 0.5, 1.0, 65.0, phase)


@pytest.fixture(autouse=True)
def terminal_that_goes_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")


def lines(terminal: Terminal) -> list[str]:
    return [text.rstrip() for text in terminal.screen]


def test_a_line_for_each_that_is_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with Bars(3) as drawn:
        drawn.begun(0, "a.png")
        drawn.begun(1, LONG)
        assert lines(terminal)[0].startswith("  0%|")
        assert lines(terminal)[0].endswith("| 0/3 pictures")
        assert lines(terminal)[1] == "a.png: starting"
        drawn.report(1, LONG, report(5, "done"))
        assert lines(terminal)[2].startswith("IMG_2")
        assert "….png" not in lines(terminal)[2]
        assert "_2.png:  50%|" in lines(terminal)[2]
        assert all(width(text) <= 80 for text in terminal.screen)
        drawn.ended(0)
        assert "| 1/3 pictures, 0" in lines(terminal)[0]
        assert "_2.png:  50%|" in lines(terminal)[1]
        assert lines(terminal)[2] == ""
        drawn.begun(0, "c.png")
        assert lines(terminal)[1] == "c.png: starting"  # a place keeps its line
        drawn.ended(None)
        assert "| 2/3 pictures, 0" in lines(terminal)[0]
    with Bars(3) as drawn:
        drawn.ended(None)  # could not be opened
        assert lines(terminal)[0].endswith("| 1/3 pictures")
    assert lines(terminal) == ["", "", ""]
    assert terminal.row == 0


def test_lines_stand_above_them(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with Bars(3) as drawn:
        drawn.begun(0, "a.png")
        drawn.begun(1, "b.png")
        with drawn.hidden():
            print("a.inr: 5 bytes", file=terminal)
        assert lines(terminal)[0] == "a.inr: 5 bytes"
        assert [text.split(":")[0] for text in lines(terminal)[2:]] == ["a.png", "b.png"]
    assert lines(terminal) == ["a.inr: 5 bytes", "", "", ""]


@pytest.mark.parametrize(
    ("variable", "value", "shown"), [("TERM", "dumb", 1), ("LINES", "3", 2), ("LINES", "2", 1), ("LINES", "24", 3)]
)
def test_no_more_lines_than_can_be_drawn_over(
    variable: str, value: str, shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setenv(variable, value)
    with Bars(3) as drawn:
        drawn.begun(0, "a.png")
        drawn.begun(1, "b.png")
        assert len(terminal.screen) == shown
        assert ("\x1b" in terminal.getvalue()) == (shown > 1)


class Reporting(Marking):
    """Reports five steps of each picture."""

    def work(self, source: Path, stop: Stop) -> None:
        for step in range(5):
            assert not stop(report(step, "done"))


def test_workers_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    paths = three_pictures(tmp_path / "in")
    terminal = on_terminal(monkeypatch)
    sources = [Source(path) for path in paths]
    output = Output(f"{tmp_path}/out/", ".inr", sources)
    assert jobs.together(sources, output, Reporting(tmp_path), 2, Voice(), bar=True) == 0
    for name in ("a.png", "b.png", "c.png"):
        assert any(text.startswith(f"{name}:   0%|") for text in terminal.seen)
    assert any("| 2/3 pictures, 0" in text for text in terminal.seen)
    assert [text for text in lines(terminal) if text] == []


def test_what_the_command_draws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("a\x1b[2J", "b"):
        tiny.picture().save(tmp_path / f"{name}.png")
    terminal = on_terminal(monkeypatch)
    assert cli.main(["encode", str(tmp_path), "--effort=0", "--jobs=2"]) == 0
    assert any(text.startswith("a\\x1b[2J.png: starting") for text in terminal.seen)
    assert any(text.startswith("b.png: starting") for text in terminal.seen)
    assert [text for text in lines(terminal) if text] == []
