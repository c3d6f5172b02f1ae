"""Bars: what fits into a terminal of some columns, and what is left on it."""

from __future__ import annotations

import io
import os
import sys
import time
from pathlib import Path

import pytest
import tiny
from terminal import on_terminal

import inr_core
from pillow_inr.command import cli
from pillow_inr.progress import Bar, Fact, duration, line, shortened, width

FACTS = [Fact("1234/2000", 1), Fact("31.25 dB", 2), Fact("0.513 bpp", 3), Fact("01:05 left", 0)]
LONG = "IMG_20240131_holiday_by_the_sea_with_everybody_in_it_final_version_2.png"
WIDE = "二〇二四年一月三十一日の海辺での休暇の写真みんな一緒最終版.png"


def report(step: int, steps: int, left: float = 65.0, phase: str = "fit") -> inr_core.Progress:
    return inr_core.Progress(step, steps, 30.0, 0.5, 1.0, left, phase)


@pytest.mark.parametrize("label", ["", "a.png", LONG, WIDE, "e\u0301" * 90, "👨\u200d👩\u200d👧" * 40])
@pytest.mark.parametrize("columns", [*range(1, 30), 39, 59, 79, 80, 131, 300])
def test_a_line_fits(columns: int, label: str) -> None:
    for share in (-1.0, 0.0, 0.617, 1.0, 2.0):
        assert width(line(label, share, FACTS, columns)) <= columns


@pytest.mark.parametrize("label", ["a.png", LONG, WIDE])
@pytest.mark.parametrize("columns", [59, 79, 131])
def test_the_bar_and_the_time_left_stay(columns: int, label: str) -> None:
    text = line(label, 0.617, FACTS, columns)
    assert width(text) == columns
    assert text.endswith("01:05 left")
    assert " 61%|██" in text
    assert text[:2] == label[:2]
    name = text.split(": ")[0]
    assert name.endswith(".png")
    assert (name == label) or ("…" in name and width(name) >= 12)
    assert (name == label) == (width(label) < columns - 60 or label == "a.png")


def test_what_goes_first() -> None:
    shown = {columns: line("a.png", 0.5, FACTS, columns) for columns in (79, 58, 47, 37, 26, 13)}
    assert "1234/2000, 31.25 dB, 0.513 bpp, 01:05 left" in shown[79]
    assert "| 1234/2000, 31.25 dB, 01:05 left" in shown[58]
    assert "| 1234/2000, 01:05 left" in shown[47]
    assert shown[37] == "a.png:  50%|██████▌      | 01:05 left"
    assert "a.png" not in shown[26]
    assert shown[26].endswith("| 01:05 left")


def test_names_are_shortened_in_the_middle() -> None:
    assert shortened("abcdefghij.png", 9) == "abcd….png"
    assert shortened("abcdefghij", 10) == "abcdefghij"
    assert shortened("日本語日本語", 6) == "日…語"
    assert shortened("e\u0301e\u0301e\u0301e\u0301", 3) == "e\u0301…e\u0301"
    assert [shortened("abc", n) for n in (0, 1, 2)] == ["", "…", "a…"]
    assert [width(text) for text in ("abc", "日本", "e\u0301", "\u200d", "ﾊﾝ", "Ａ")] == [3, 4, 1, 0, 2, 2]


def test_seconds() -> None:
    assert [duration(s) for s in (0, 65.9, 3600, 90061)] == ["00:00", "01:05", "1:00:00", "25:01:01"]
    assert [duration(s) for s in (float("inf"), float("nan"), -1.0)] == ["?", "?", "00:00"]


def test_the_first_thing_shown_is_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with Bar("a.png", leave=False) as bar:
        assert terminal.screen[-1].rstrip() == "a.png: starting"
        bar(report(0, 10))
        assert terminal.screen[-1].startswith("a.png:   0%|")
        assert not any("?" in text for text in terminal.seen)
    assert [text.strip() for text in terminal.screen] == [""]


def test_what_has_no_steps_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with Bar("a.png") as bar:
        bar(report(0, 0, 0.0, "done"))
    assert terminal.screen[0].startswith("a.png: 100%|██")
    assert terminal.screen[0].rstrip().endswith("█| 30.00 dB, 0.500 bpp, 00:00 left")


def test_a_bar_starts_again_when_a_search_does(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with Bar("label") as bar:
        for steps, step in ((10, 5), (10, 10), (10, 2), (30, 30)):
            bar(report(step, steps, phase="done"))
    for text in ("label: 100%", "10/10, 30.00 dB, 0.500 bpp, 01:05 left", "| 2/10, ", "| 30/30, "):
        assert any(text in seen for seen in terminal.seen)
    assert terminal.screen[0].startswith("label: 100%|")  # it stays, and the next line is free
    assert terminal.screen[1:] == [""]


@pytest.mark.parametrize("leave", [False, True])
def test_nothing_stays_after_an_error(monkeypatch: pytest.MonkeyPatch, leave: bool) -> None:
    terminal = on_terminal(monkeypatch)

    def work() -> None:
        with Bar("label", leave=leave) as bar:
            bar(report(5, 10))
            terminal.write("^C^C")  # as a terminal echoes it, where the cursor is
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert [text.strip() for text in terminal.screen] == [""]


def test_lines_stand_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with Bar("label", leave=False) as bar:
        bar(report(5, 10))
        with bar.hidden():
            print("a line", file=terminal)
        assert terminal.screen[0].strip() == "a line"
        assert terminal.screen[1].startswith("label:  50%|")


def test_not_more_often_than_one_can_see(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with Bar("label") as bar:
        for step in range(1, 101):
            now += 0.01
            bar(report(step, 100))
    assert 5 < len({text for text in terminal.seen if "%|" in text}) < 15


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [None, Broken(), "ascii"])
def test_a_terminal_is_no_reason_to_stop(stream: object, monkeypatch: pytest.MonkeyPatch) -> None:
    if stream == "ascii":
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", stream)
    with Bar("日本") as bar:
        bar(report(5, 10))
    if isinstance(stream, io.TextIOWrapper):
        stream.flush()
        assert isinstance(stream.buffer, io.BytesIO)
        assert b"\\u65e5\\u672c:  50%|####" in stream.buffer.getvalue()


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")
def test_it_knows_how_wide_the_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl
    import select
    import struct
    import termios

    ours, theirs = os.openpty()
    try:
        with open(theirs, "w", encoding="utf-8", closefd=True) as stream:
            monkeypatch.setattr(sys, "stderr", stream)
            for columns in (50, 0):  # 0: it does not say
                fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
                with Bar(LONG, leave=False) as bar:
                    bar(report(5, 10))
                written = b""
                while select.select([ours], [], [], 0.2)[0]:  # a terminal hands over in pieces
                    written += os.read(ours, 10_000)
                shown = written.decode().split("\r")
                assert {width(text) for text in shown if text.strip()} == {(columns or 80) - 1}
            monkeypatch.undo()
    finally:
        os.close(ours)


def test_the_command_needs_no_tqdm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    for name in ("a", "b"):
        tiny.picture().save(tmp_path / f"{name}.png")
    for arguments in (["--jobs=1"], ["--jobs=2", "--overwrite"]):
        assert cli.main(["encode", str(tmp_path), "--effort=0", *arguments]) == 0
    assert any(text.startswith("a.png: ") for text in terminal.seen)
    assert any("| 2/2 pictures" in text for text in terminal.seen)
    assert not any("?" in text for text in terminal.seen)
    assert not any(text.strip() for text in terminal.screen)
    tiny.picture().save(tmp_path / "c.inr", effort=0, progress=True)
    assert "30.00 dB" not in terminal.screen[0]
    assert "%|" in terminal.screen[0]
