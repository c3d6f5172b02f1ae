"""An exception at a moment of work: at a line of this package, or out of a handler of a signal."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import inr_core
import pillow_inr

OURS = tuple(str(Path(package.__file__ or "").parent) + os.sep for package in (inr_core, pillow_inr))
BLOCKS = (contextlib, signal, tempfile)  # what blocks of ours begin and end with
WATCHED = (*OURS, *(str(module.__file__) for module in BLOCKS))
SOON = 1e-3  # seconds


class Injected(Exception):
    """Nobody expects it."""


class Broken(BaseException):
    """Nor this, which no handler of exceptions sees."""


RAISED: tuple[Callable[[], BaseException], ...] = (
    Injected,
    Broken,
    KeyboardInterrupt,
    MemoryError,
    lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
)


@contextmanager
def raising(moment: int, error: Callable[[], BaseException], reached: list[str]) -> Iterator[None]:
    """Raise at the so-manieth line that any thread begins, of WATCHED; `reached` is told where."""
    lock, lines = threading.Lock(), 0

    def global_trace(frame: Any, event: str, arg: Any) -> Any:
        return local_trace if frame.f_code.co_filename.startswith(WATCHED) else None

    def local_trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal lines
        if event == "line":
            with lock:
                lines += 1
                now = lines == moment
            if now:
                reached.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
                raise error()
        return local_trace

    before = sys.gettrace()
    threading.settrace(global_trace)
    sys.settrace(global_trace)
    try:
        yield
    finally:
        sys.settrace(before)
        threading.settrace(None)
        if moment < 0:
            reached.append(str(lines))


def in_destructor(frame: Any) -> bool:
    """Whether a frame is part of a destructor: what is raised there Python prints and forgets, as it would Ctrl-C."""
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


@contextmanager
def interrupted(seconds: float, error: Callable[[], BaseException], reached: list[str]) -> Iterator[None]:
    """Raise from a handler of a signal, after so many seconds, or as soon as no destructor is running."""

    def handler(number: int, frame: Any) -> None:
        if in_destructor(frame):
            signal.setitimer(signal.ITIMER_REAL, SOON)
            return
        reached.append(f"a signal in {frame and frame.f_code.co_filename}:{frame and frame.f_lineno}")
        raise error()

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
