"""What the command says. Saying is no work: a name, a comment or a lost reader never ends what is being done."""

from __future__ import annotations

import io
import os
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from PIL import Image

import inr_core

if TYPE_CHECKING:
    from ..progress import Bar

# What a damaged, unreadable or unsuitable file makes Pillow and its plugins raise: its message says enough.
EXPECTED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    ImportError,
    inr_core.InrError,
    Image.DecompressionBombError,
)
_LONGEST = 1000  # characters of a message
_JOINERS = "\u200c\u200d"  # in words of some scripts, and in emoji


class OfAll(str):
    """A note that is the same of every picture: it is said once."""

    __slots__ = ()


class UsageError(Exception):
    """The command line cannot be meant."""


class Blamed(Exception):
    """Something went wrong with one file: which, and why, in words."""

    def __init__(self, name: object, why: str) -> None:
        super().__init__(name, why)
        self.name, self.why = name, why


class StdoutError(Exception):
    """What is said on stdout does not arrive; the cause is the OSError."""


@contextmanager
def blame(name: object) -> Iterator[None]:
    """Turn any exception of the block into Blamed, unless somebody nearer to it has already been blamed."""
    try:
        yield
    except (Blamed, StdoutError):
        raise
    except Exception as e:
        raise Blamed(name, reason(e)) from e


def reason(error: BaseException) -> str:
    """What an error says, without the file's name that the system's errors begin with."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, EXPECTED):
        text = str(error) or type(error).__name__
    else:  # of a plugin, or ours: where it comes from is what its author will ask for
        text = f"{type(error).__name__}: {error}{_place(error)}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({os.path.basename(trace.tb_frame.f_code.co_filename)}, line {trace.tb_lineno})"


@contextmanager
def warnings_to(note: Callable[[str], None] | None) -> Iterator[None]:
    """Hand on in words what is warned of in the block, each thing once."""
    with warnings.catch_warnings(record=True) as caught:
        try:
            yield
        finally:
            for text, kind in {str(warning.message): warning.category for warning in caught}.items():
                if note is not None:
                    note(OfAll(text) if issubclass(kind, inr_core.NoTorchWarning) else text)


def printable(text: object) -> str:
    """Text on one line, with an escape for what a terminal would obey or no encoding can hold."""
    return "".join(c if _shows(c) else ascii(c)[1:-1] for c in str(text))


def _shows(c: str) -> bool:
    return c.isprintable() or c in _JOINERS or unicodedata.category(c) == "Zs"


def say(line: object) -> None:
    """Print a line on stdout; raises StdoutError."""
    try:
        print(printable(line))
    except OSError as e:
        raise StdoutError from e


class Voice:
    """Says what comes of the files of one call, above a bar if there is one, and remembers whether any failed."""

    bar: Bar | None = None

    def __init__(self, quiet: bool = False, on_stderr: bool = False) -> None:
        """`on_stderr`: stdout carries a picture, so nothing else."""
        self.quiet, self.on_stderr = quiet, on_stderr
        self.failed = False
        self._said: set[str] = set()
        self._lost: OSError | None = None

    def line(self, line: str) -> None:
        """Say what was done."""
        if self.quiet or self._lost:
            return
        with self._above_the_bar():
            try:
                if self.on_stderr:
                    to_stderr(line)
                else:
                    print(printable(line), flush=self.bar is not None)
            except OSError as e:
                self._lost = e

    def note(self, name: object, text: str) -> None:
        """Say something of a file that does not make it a failure."""
        if text in self._said:
            return
        if isinstance(text, OfAll):
            self._said.add(text)
        with self._above_the_bar():
            to_stderr(f"inr: {text}" if isinstance(text, OfAll) else f"inr: {name}: {text}")

    def failure(self, name: object, why: str) -> None:
        """Say that something failed, which makes the exit code 1."""
        self.failed = True
        self.note(name, why)

    def code(self) -> int:
        """The exit code; raises StdoutError if lines were lost on the way."""
        if self._lost:
            raise StdoutError from self._lost
        return int(self.failed)

    @contextmanager
    def _above_the_bar(self) -> Iterator[None]:
        if self.bar is None:
            yield
            return
        with self.bar.hidden():
            yield


def to_stderr(line: str) -> None:
    """Print a line on stderr; if that fails, nobody is left to be told."""
    with suppress(OSError):
        print(printable(line), file=sys.stderr)


@contextmanager
def patient_streams() -> Iterator[None]:
    """Within it, stdout and stderr exist, and show as an escape what their encoding lacks."""
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    errors = {}
    for name, stream in before.items():
        if stream is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (closed below)
        elif isinstance(stream, io.TextIOWrapper):
            errors[name] = stream.errors
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for name, stream in before.items():
            if stream is None:
                getattr(sys, name).close()
                setattr(sys, name, None)
            elif name in errors:
                try:
                    stream.reconfigure(errors=errors[name])
                except (OSError, ValueError):  # what is still buffered has nowhere to go
                    give_up(stream)


def give_up(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, so that it does not fail again at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
