"""A bar on the terminal: of a running fit, or of the pictures of a call."""

from __future__ import annotations

import math
import os
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, Self, TextIO

if TYPE_CHECKING:
    from types import TracebackType

    from inr_core import Progress

_SECONDS_BETWEEN = 0.1  # of drawing
_COLUMNS = 80  # where nobody says how many there are
_LEAST_BAR, _LEAST_LABEL = 10, 12  # columns that facts leave to the bar and to the name


class Fact(NamedTuple):
    """Something beside the bar; where there is not enough room, what has the highest rank goes first."""

    text: str
    rank: int


class Bar:
    """A line that is drawn over and over, and goes, or stays if `leave`, when its `with` is left.

    It is a callable for `progress=`, which shows steps, PSNR, bits a pixel and the time left; `show` is for the rest.
    Nothing that happens to the terminal is an error.
    """

    def __init__(self, label: str | None = None, leave: bool = True) -> None:
        self._stream: TextIO | None = sys.stderr  # None for a program without a console
        self._encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._label = label or ""
        self._full = "█".encode(self._encoding, "replace") != b"?"
        self._leave = leave
        self._text: Sequence[str] = ()
        self._drawn = -math.inf
        self._step = self._steps = 0
        self._write(f"{self._shown(self._label)}: starting" if label else "starting")

    def __call__(self, report: Progress) -> None:
        """Show one report. Reports may start again from the beginning, as a search for a target does."""
        again = report.steps != self._steps or report.step < self._step
        self._step, self._steps = report.step, report.steps
        self.show(share_of(report), facts_of(report), now=again or report.phase == "done")

    def show(self, share: float, facts: Sequence[Fact], now: bool = False) -> None:
        """Draw what is done, 0 to 1, and facts; unless `now`, not more often than one can see."""
        if self._due(now):
            self._write(self._bar(self._label, share, facts))

    def _due(self, now: bool) -> bool:
        return now or time.monotonic() - self._drawn >= _SECONDS_BETWEEN

    def _bar(self, label: str, share: float, facts: Sequence[Fact]) -> str:
        return line(self._shown(label), share, facts, self._columns(), self._full)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Other lines may be printed in this block: they come to stand above the bar."""
        text = self._text
        self._write()
        yield
        self._write(*text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._leave and error is None:
            self._out("\n")
        else:
            self._write()

    def _write(self, *lines: str) -> None:
        """Draw these lines in place of those that are there; more than one only where `rows` says that they can be."""
        # The cursor waits at the left edge: the ^C that a terminal shows there goes with the line when that is cleared.
        room = self._columns()
        drawn = [shortened(text, room) for text in (*lines, *[""] * (max(1, len(self._text)) - len(lines)))]
        up = f"\x1b[{len(drawn) - 1}A" if len(drawn) > 1 else ""
        self._out("\n".join(f"\r{text}{' ' * (room - width(text))}\r" for text in drawn) + up)
        self._text, self._drawn = lines, time.monotonic()

    def _shown(self, label: str) -> str:
        """A label as the stream's encoding can hold it."""
        return label.encode(self._encoding, "backslashreplace").decode(self._encoding)

    def _out(self, text: str) -> None:
        if self._stream is not None:
            with suppress(OSError, ValueError):  # closed, or nobody reads it: no reason to stop
                self._stream.write(text.encode(self._encoding, "replace").decode(self._encoding))
                self._stream.flush()

    def _columns(self) -> int:
        """How many may be filled: one less than there are, for some terminals wrap a line that is full."""
        columns = 0
        with suppress(OSError, ValueError, AttributeError):  # AttributeError: there is no stream
            columns = os.get_terminal_size(self._stream.fileno()).columns  # type: ignore[union-attr]
        return max(1, (columns or _COLUMNS) - 1)


def share_of(report: Progress) -> float:
    """How much of a fit is done, 0 to 1."""
    return report.step / report.steps if report.steps else 1.0


def facts_of(report: Progress) -> list[Fact]:
    """What is said of a fit beside its bar."""
    return [
        *([Fact(f"{report.step}/{report.steps}", 1)] if report.steps else []),
        Fact("exact" if report.psnr == math.inf else f"{report.psnr:.2f} dB", 2),
        Fact(f"{report.bpp:.3f} bpp", 3),
        Fact(f"{duration(report.seconds_left)} left", 0),
    ]


def line(label: str, share: float, facts: Sequence[Fact], columns: int, full: bool = True) -> str:
    """A bar of at most so many columns; `full`: of blocks, not of #.

    What does not fit goes in this order: the middle of the label, facts by their rank, the bar, the label.
    """
    share = min(max(share, 0.0), 1.0)
    percent = f"{math.floor(100 * share):3}%|"
    kept = list(facts)
    least = _LEAST_BAR + (min(width(label), _LEAST_LABEL) + 2 if label else 0)
    while True:
        tail = "| " + ", ".join(fact.text for fact in kept) if kept else "|"
        room = columns - width(percent) - width(tail)
        if room >= least or len(kept) <= 1:
            break
        kept.remove(max(kept, key=lambda fact: fact.rank))
    head = ""
    if label and room >= _LEAST_BAR + 3:
        head = shortened(label, room - _LEAST_BAR - 2) + ": "
    return shortened(head + percent + _blocks(share, max(room - width(head), 0), full) + tail, columns)


def _blocks(share: float, columns: int, full: bool) -> str:
    if not full:
        return ("#" * math.floor(share * columns)).ljust(columns)
    eighths = math.floor(share * columns * 8)
    return ("█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")).ljust(columns)


def shortened(text: str, columns: int) -> str:
    """The text, or its beginning and its end with … between them, in at most so many columns of a terminal."""
    if width(text) <= columns:
        return text
    clusters: list[str] = []  # a character and what is drawn on top of it
    for c in text:
        if clusters and width(c) == 0:
            clusters[-1] += c
        else:
            clusters.append(c)
    room = columns - 1
    tail: list[str] = []
    while clusters and width("".join(tail)) + width(clusters[-1]) <= room // 2:
        tail.insert(0, clusters.pop())
    head: list[str] = []
    for cluster in clusters:
        if width("".join(head)) + width(cluster) + width("".join(tail)) > room:
            break
        head.append(cluster)
    return "".join([*head, "…", *tail]) if columns > 0 else ""


def width(text: str) -> int:
    """Columns that text takes on a terminal."""
    return sum(_columns_of(c) for c in text)


def _columns_of(c: str) -> int:
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):  # accents, and what joins or directs
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def duration(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any; ? for what is no number."""
    if not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
