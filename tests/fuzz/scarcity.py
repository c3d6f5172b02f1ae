"""What a system may be short of, or may do, in the middle of work: no room on the disk, no threads, a fork."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import program_state

SECONDS = 60  # that a child may take
OF_WORK = {"threads running", "descriptors", "hooks"}  # what a child of work that goes on has of it
OF_PYTHON = {"random state"}  # what a child gets anew


@contextmanager
def little_room(room: int) -> Iterator[None]:
    """No file becomes longer than `room` bytes, as on a disk that is full. Only on POSIX."""
    import resource

    before, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


@contextmanager
def few_threads(count: int) -> Iterator[None]:
    """So many are started, and no more."""
    real, started = _thread.start_new_thread, 0

    def start(*args: Any) -> int:
        nonlocal started
        started += 1
        if started > count:
            raise RuntimeError("can't start new thread")
        return real(*args)

    with mock.patch("_thread.start_new_thread", start):
        yield


def forked_at(
    moment: int, ours: tuple[str, ...], work: Callable[[], Any], again: Callable[[], bool]
) -> tuple[Any, str]:
    """Work done in a thread; when it begins its so-manieth line, this one forks. Its result, and what the child says.

    The child checks that it has what the program had, and that what it does `again` comes out right: "" if so.
    """
    before = program_state.everything()
    there, done = threading.Event(), threading.Event()
    results: list[Any] = []
    lines = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.startswith(ours):
            return None
        if event == "line":
            lines += 1
            if lines == moment:
                there.set()
                done.wait(SECONDS)
        return trace

    def traced() -> None:
        sys.settrace(trace)
        try:
            results.append(work())
        finally:
            sys.settrace(None)
            there.set()

    thread = threading.Thread(target=traced)
    thread.start()
    there.wait(SECONDS)
    said = _child(before, again)
    done.set()
    thread.join()
    return results[0] if results else None, said


def _child(before: dict[str, Any], again: Callable[[], bool]) -> str:
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: of forking a process that has threads
        child = os.fork()
    if not child:
        said = "it did not end"
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS)
            warnings.filters = before["warnings"]
            after = program_state.everything()
            others = [key for key in before if before[key] != after[key] and key not in OF_WORK | OF_PYTHON]
            said = "; ".join(f"{key}: {before[key]} became {after[key]}" for key in others)
            if not again():
                said += "; the result is another one"
        except BaseException as e:
            said = repr(e)
        finally:
            os.write(write, said.encode()[:4000])
            os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        said = pipe.read().decode()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return said if code == 0 else f"it ended with {code}"
