"""Where the command writes: which file for which source, and that nothing is replaced which is not to be."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from ..atomic import atomic_write, descriptor_of
from . import formats
from .messages import Blamed, StdoutError, UsageError, blame
from .sources import Source

_NO_TERMINAL = "a picture is nothing for a terminal; send it to a file or a pipe"

Identity = tuple[int, int]  # device and inode


@dataclass(frozen=True)
class Target:
    """A file to write."""

    path: Path | None  # None: stdout
    done: bool = False  # it is there, and need not be made again

    def __str__(self) -> str:
        return "stdout" if self.path is None else str(self.path)

    def skipped(self) -> str:
        """What to say where that is so."""
        return f"{self} exists, skipped"


class Output:
    """Results go beside their source, to one named file, into a folder, or to stdout: - or the result of stdin."""

    def __init__(
        self,
        path: str | None,
        suffix: str,
        named: Sequence[Source],
        overwrite: bool = False,
        skip: bool = False,
        in_place: bool = False,
    ) -> None:
        """What -o says (`path`) for the files and folders that are `named`; raises UsageError where it cannot be meant.

        `skip`: a result that is there need not be made again. `in_place`: results replace their sources where
        no `path` is given.
        """
        if path == "":
            raise UsageError("expected a name to write to, got an empty one")
        self.path, self.suffix, self.skip = path, suffix, skip
        self.in_place = in_place and path is None
        self.overwrite = overwrite or self.in_place
        self.into_folder = _is_folder(path, len(named) > 1 or any(source.is_folder() for source in named))
        self.on_stdout = _is_stdout(path) if path else any(source.path is None for source in named)
        self._sources: set[Identity] = set()
        self._planned: set[str] = set()
        self._written: set[Identity] = set()

    @property
    def file(self) -> str | None:
        """The one file that -o names, if it does."""
        return None if self.into_folder or self.path == "-" else self.path

    def spare(self, sources: Sequence[Source]) -> None:
        """Never replace one of these files, by whatever name it is found."""
        self._sources |= {identity for source in sources if (identity := source.identity())}

    def target(self, source: Source) -> Target:
        """The file to write for a source. Raises Blamed if it must not be written."""
        target = self._target(source)
        if target.path is None:
            if _identity_of_stdout() in self._sources:
                raise Blamed(source, "stdout is this file, too")
            return target
        if self.into_folder:
            with blame(target.path.parent):
                target.path.parent.mkdir(parents=True, exist_ok=True)
        with blame(target):
            there = _status(target.path)
            name = os.path.join(os.path.realpath(target.path.parent), target.path.name)
        if name in self._planned or _identity(there) in self._written:
            raise Blamed(source, f"another file of this call already goes to {target}")
        self._planned.add(name)
        if there is not None:
            if _identity(there) in self._sources:
                raise Blamed(source, f"{target} is a file that is to be read; write to another")
            if self.file is not None and descriptor_of(self.file) is not None:
                pass  # what stdout is redirected to, say: nothing is replaced
            elif stat.S_ISREG(there.st_mode):
                if self.skip:
                    return replace(target, done=True)
                if not self.overwrite:
                    raise Blamed(source, f"{target} {_EXISTS}")
            elif stat.S_ISDIR(there.st_mode):
                raise Blamed(target, "Is a directory")
            elif self.path is None or self.into_folder:  # nobody has named this pipe or device
                raise Blamed(target, "expected an ordinary file or none, got a pipe or a device")
        return target

    @contextmanager
    def writing(self, target: Target, keep: type[BaseException] | tuple[()] = ()) -> Iterator[IO[bytes]]:
        """A binary file that becomes the target as `atomic_write` says, and is blamed for what goes wrong with it."""
        if target.path is None:
            if sys.stdout.isatty():
                raise Blamed(target, _NO_TERMINAL)
            if getattr(sys.stdout, "name", None) == os.devnull:  # see `patient_streams`
                raise Blamed(target, "it is closed")
            try:
                sys.stdout.flush()
                try:
                    yield sys.stdout.buffer
                finally:
                    sys.stdout.buffer.flush()
            except OSError as e:
                raise StdoutError from e
            return
        with blame(target):
            if self._written and _identity(_status(target.path)) in self._written:  # where A and a are one name
                raise Blamed(target, "another file of this call has been written there")
            try:
                with atomic_write(target.path, keep, self.overwrite) as fp:
                    if fp.isatty():
                        raise Blamed(target, _NO_TERMINAL)
                    yield fp
            except FileExistsError as e:  # it has come meanwhile
                raise Blamed(target, _EXISTS) from e
            if identity := _identity(_status(target.path)):
                self._written.add(identity)

    def _target(self, source: Source) -> Target:
        if self.path == "-" or (self.path is None and source.path is None):
            return Target(None)
        if self.path is not None and not self.into_folder:
            return Target(Path(self.path))
        own = source.path or Path(source.name)
        if self.in_place:
            return Target(own)
        result = own.with_name(own.stem + self.suffix)
        return Target(result if self.path is None else Path(self.path, source.below, result.name))


_EXISTS = "exists; pass --overwrite to replace it"


def _is_folder(path: str | None, many: bool) -> bool:
    """Whether -o names a folder."""
    if path is None:
        return False
    if path == "-":
        if many:
            raise UsageError("-o -: expected one file to write to stdout, got several")
        return False
    if os.path.isdir(path) or path.endswith(("/", os.sep)):
        return True
    if many and os.path.exists(path):
        raise UsageError(f"-o {path}: expected a folder for several files, got a file")
    if many and formats.named(path):
        raise UsageError(f"-o {path}: expected a folder for several files, got the name of one; end a folder's with /")
    return many


def _is_stdout(path: str) -> bool:
    """Whether what is written to a path comes out of stdout, so that nothing else may."""
    if path == "-":
        return True
    try:
        there, stdout = os.stat(path), os.fstat(sys.stdout.fileno())
    except (OSError, ValueError):
        return False
    return os.path.samestat(there, stdout) and not stat.S_ISCHR(there.st_mode)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _identity(status: os.stat_result | None) -> Identity | None:
    return (status.st_dev, status.st_ino) if status and stat.S_ISREG(status.st_mode) else None


def _identity_of_stdout() -> Identity | None:
    try:
        return _identity(os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):
        return None
