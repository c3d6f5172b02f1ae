"""What the command reads: files, folders of them, pipes, and - for stdin."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from PIL import Image, UnidentifiedImageError

import inr_core
import pillow_inr

from .messages import Blamed, UsageError, Voice, blame, reason, warnings_to

_Image = TypeVar("_Image", bound=Image.Image)

NOT_INR = "not an .inr file"


@dataclass(frozen=True)
class Source:
    """One file to read: as the command line names it, or as it was found in a folder."""

    path: Path | None  # None: stdin
    below: Path = Path()  # where in that folder
    data: bytes | None = None  # what was read already, of what can be read only once

    def __str__(self) -> str:
        return "stdin" if self.path is None else str(self.path)

    @property
    def name(self) -> str:
        """The last part of its name."""
        return "stdin" if self.path is None else self.path.name

    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return self.path is not None and os.path.isdir(self.path)

    def held(self) -> Source:
        """The same, with its content where it can be read only once: a pipe, stdin. Raises OSError."""
        if self.data is not None or (self.path is not None and not stat.S_ISFIFO(self.path.stat().st_mode)):
            return self
        return replace(self, data=self._bytes())

    def read(self) -> bytes:
        """All of it. Raises OSError."""
        return self._bytes() if self.data is None else self.data

    def read_inr(self) -> bytes:
        """All of it, if it is an `.inr` file by its first bytes. Raises OSError and ValueError."""
        data = self.read()
        if not data.startswith(inr_core.SIGNATURE):
            raise ValueError(NOT_INR if data else "an empty file")
        return data

    def open(self) -> Image.Image:
        """Open it as a picture of any format that Pillow knows. Raises what Pillow does, in plainer words."""
        return self._open(Image.open, "not a picture that Pillow can open")

    def open_inr(self, limits: inr_core.Limits | None = None) -> pillow_inr.InrImageFile:
        """Open it as an `.inr` file. Raises what Pillow does, in plainer words."""
        return self._open(partial(pillow_inr.open, limits=limits), NOT_INR)

    def _open(self, opener: Callable[[Path | str | io.BytesIO], _Image], otherwise: str) -> _Image:
        held = self.held()
        try:
            return opener(held.path or "" if held.data is None else io.BytesIO(held.data))
        except UnidentifiedImageError as e:
            if str(e).startswith("cannot identify"):
                raise ValueError(otherwise if held.read() else "an empty file") from e
            raise ValueError(str(e).removeprefix(f"{str(self.path)!r}: ")) from e  # a damaged .inr file

    def _bytes(self) -> bytes:
        if self.path is not None:
            return self.path.read_bytes()
        if sys.stdin is None:
            raise OSError("stdin is closed")
        return sys.stdin.buffer.read()

    def identity(self) -> tuple[int, int] | None:
        """Device and inode, if it is an ordinary file that is there."""
        try:
            found = os.fstat(sys.stdin.fileno()) if self.path is None else self.path.stat()
        except (OSError, ValueError, AttributeError):  # no such file; a stdin that is none of the system's
            return None
        return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def named(arguments: Sequence[str]) -> list[Source]:
    """The sources that arguments name: - is stdin. Raises UsageError."""
    if "" in arguments:
        raise UsageError("expected names of files, got an empty one")
    if arguments.count("-") > 1:
        raise UsageError("-: expected it once at most, for stdin is read only once")
    return [Source(None if text == "-" else Path(text)) for text in arguments]


def for_each(sources: Sequence[Source], action: Callable[[Source], None], voice: Voice) -> int:
    """Do every file; one that fails, by whatever exception, is told of and makes the exit code 1."""
    for source in sources:
        try:
            with blame(source), warnings_to(partial(voice.note, source)):
                action(source)
        except Blamed as e:
            voice.failure(e.name, e.why)
        except inr_core.Interrupted as e:
            # What was kept has been written.
            raise KeyboardInterrupt(f"{source}: {e}") from e
    return voice.code()


def unfold(
    given: Sequence[Source], suffixes: Collection[str], what: str, recursive: bool, voice: Voice
) -> list[Source]:
    """The sources, and in place of each folder the files in it whose names end in one of the suffixes, in order.

    Names that begin with a dot are passed over there. A folder that cannot be read, or has no such file (`what` it
    would be), is a failure; what is no file but is called like one is told of.
    """
    found: list[Source] = []
    for source in given:
        if source.path is None or not source.is_folder():
            found.append(source)
            continue
        unreadable: list[OSError] = []
        inside = [*_inside(source.path, suffixes, recursive, voice, unreadable)]
        for e in unreadable:
            voice.failure(e.filename, reason(e))
        if not inside and not unreadable:
            hint = "" if recursive else "; --recursive looks into the folders in it, too"
            voice.failure(source, f"no {what} in this folder{hint}")
        found += inside
    return found


def _inside(
    root: Path, suffixes: Collection[str], recursive: bool, voice: Voice, unreadable: list[OSError]
) -> Iterator[Source]:
    for folder, folders, names in os.walk(root, onerror=unreadable.append):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        for name in sorted(names):
            path = Path(folder, name)
            if name.startswith(".") or path.suffix.lower() not in suffixes:
                continue
            if os.path.isfile(path) or not os.path.exists(path):  # who opens a link to nowhere will tell of it
                yield Source(path, Path(folder).relative_to(root))
            else:
                voice.note(path, "passed over: no ordinary file")
