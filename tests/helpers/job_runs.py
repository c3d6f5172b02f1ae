"""The command on several pictures by several processes, as tests run it and watch it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
import tiny

from pillow_inr.command import cli, jobs
from pillow_inr.command.convert import Fitted, Make, Stop
from pillow_inr.command.messages import Voice
from pillow_inr.command.output import Output
from pillow_inr.command.sources import Source


def three_pictures(folder: Path) -> list[Path]:
    """The first of them the largest, so that the second is finished before it."""
    folder.mkdir()
    paths = [folder / name for name in ("a.png", "b.png", "c.png")]
    for path, size in zip(paths, [(120, 90), (40, 30), (60, 60)], strict=True):
        tiny.picture(size=size).save(path)
    return paths


def files(folder: Path) -> dict[str, bytes]:
    """Contents by name, hidden ones included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


@dataclass(frozen=True)
class Marking:
    """Leaves a mark in a folder for each picture that is begun, says on how many threads, and makes no picture."""

    folder: Path
    threads: int = 0

    def on(self, threads: int) -> Make:
        return type(self)(self.folder, threads)

    def pixels(self, source: Source) -> int:
        with source.open() as im:
            return im.width * im.height

    def __call__(self, source: Source, fp: IO[bytes], stop: Stop, note: Callable[[str], None]) -> Fitted | None:
        assert source.path is not None
        (self.folder / f"{source.path.stem}.begun").write_text(f"{os.getpid()} {self.threads}")
        self.work(source.path, stop)
        fp.write(source.path.stem.encode())
        return Fitted(1, None, 0.0)

    def work(self, source: Path, stop: Stop) -> None:
        """What a kind of picture does."""


def marks(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.begun"))}


def run(paths: list[Path], out: Path, make: Make, places: int = 2) -> tuple[int, str, str]:
    """`jobs.together`: its exit code and what it said."""
    sources = [Source(path) for path in paths]
    said, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", said)
        patch.setattr(sys, "stderr", err)
        try:
            code = jobs.together(sources, Output(f"{out}/", ".inr", sources), make, places, Voice())
        except KeyboardInterrupt:
            code = cli.INTERRUPTED
    return code, said.getvalue(), err.getvalue()
