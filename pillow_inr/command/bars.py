"""Bars of a batch: one over its pictures, and below it one for each that is being made."""

from __future__ import annotations

import os
import shutil
import time

from inr_core import Progress

from ..progress import Bar, Fact, duration, facts_of, share_of


class Bars(Bar):
    """The first line counts pictures; below it each place that is at a picture has its line.

    Where lines cannot be drawn over each other, or the terminal is too low, there are fewer, at least the first.
    """

    def __init__(self, pictures: int) -> None:
        super().__init__(leave=False)
        self._pictures, self._done, self._made, self._started = pictures, 0, 0, time.monotonic()
        self._rows: dict[int, str] = {}  # by place
        self._draw()

    def begun(self, place: int, name: str) -> None:
        """A picture is begun at a place that was free."""
        self._rows[place] = f"{self._shown(name)}: starting"
        self._draw()

    def report(self, place: int, name: str, report: Progress) -> None:
        """What is said of the fit there."""
        self._rows[place] = self._bar(name, share_of(report), facts_of(report))
        if self._due(report.phase == "done"):
            self._draw()

    def ended(self, place: int | None) -> None:
        """A picture is done: there, or without having been begun."""
        if place is not None:
            self._rows.pop(place, None)
            self._made += 1
        self._done += 1
        self._draw()

    def _draw(self) -> None:
        count, every = self._done, self._pictures
        facts = [Fact(f"{count}/{every} pictures", 1)]
        if self._made:  # what failed at once, or was there, says nothing of the others
            left = (time.monotonic() - self._started) / self._made * (every - count)
            facts.append(Fact(f"{duration(left)} left", 0))
        rows = [self._rows[place] for place in sorted(self._rows)][: _lines() - 1]
        self._write(self._bar("", count / every, facts), *rows)


def _lines() -> int:
    """How many can be drawn over and over. A terminal has to know how to go up: Windows' old ones, and dumb, do not."""
    if os.name != "posix" or os.environ.get("TERM", "dumb") == "dumb":
        return 1
    return max(1, shutil.get_terminal_size().lines - 1)
