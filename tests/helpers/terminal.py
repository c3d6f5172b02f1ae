"""A terminal that bars are drawn on."""

from __future__ import annotations

import io
import re
import sys

import pytest

_UP = re.compile(r"\x1b\[(\d+)A")


class Terminal(io.StringIO):
    """Draws what is written to it: `screen` are its lines, `seen` what a line was when the cursor went back."""

    def __init__(self) -> None:
        super().__init__()
        self.screen, self.row, self.at, self.seen = [""], 0, 0, list[str]()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for part in re.split(r"(\x1b\[\d+A)", text):
            if up := _UP.fullmatch(part):
                self.row -= int(up[1])
                assert self.row >= 0
            else:
                for c in part:
                    self._draw(c)
        return super().write(text)

    def _draw(self, c: str) -> None:
        if c == "\n":
            self.row += 1
            self.screen += [""] * (self.row == len(self.screen))
            self.at = 0
        elif c == "\r":
            self.seen.append(self.screen[self.row])
            self.at = 0
        else:
            line = self.screen[self.row].ljust(self.at)
            self.screen[self.row] = line[: self.at] + c + line[self.at + 1 :]
            self.at += 1


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Stderr from now on: a fixture would be too early, pytest has its own until a test begins."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal
