"""How many cores there are, threads that share work where they can be had, and a BLAS that leaves threads to us."""

from __future__ import annotations

import _thread
import ctypes
import mmap
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import numpy as np

from .held import Held

THREAD_BYTES = 160 << 20  # of addresses: its stack, and 128 MB for OpenBLAS, which ends the process if it gets none

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start_thread(function: Callable[..., object], *arguments: object, before: int = 0) -> bool:
    """Run a function in a new thread, which ends no later than the program; False where none can be started.

    `before`: how many were started just now, which may still have to take what a thread takes. Not by threading.Thread:
    its start() waits until the thread says that it runs, for ever where the memory for saying so cannot be had.
    """
    try:
        mmap.mmap(-1, (before + 1) * THREAD_BYTES).close()
        _thread.start_new_thread(function, arguments)
    except (OSError, RuntimeError, MemoryError):  # limits of the system; the interpreter is ending
        return False
    return True


class Task(Generic[_Result]):
    """A call that is made once, by whichever thread comes first."""

    def __init__(self, function: Callable[..., _Result], *arguments: Any) -> None:
        self._function, self._arguments = function, arguments
        self._by: dict[str, int] = {}  # the thread that makes it, set once and in one step, interrupts or not
        self._ended = threading.Event()
        self._result: _Result
        self._error: BaseException | None = None

    @property
    def ended(self) -> bool:
        """Whether the call has been made."""
        return self._ended.is_set()

    def claim(self) -> bool:
        """Whether it is left to this thread: no other has begun it, nor will."""
        return self._by.setdefault("thread", threading.get_ident()) == threading.get_ident()

    def run(self) -> None:
        """Make the call, if it is left to this thread. Only what interrupts is raised here and not by `result`."""
        if self.ended or not self.claim():
            return
        try:
            self._result = self._function(*self._arguments)
        except BaseException as e:
            self._error = e
            if not isinstance(e, Exception):
                raise
        finally:
            self._ended.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Until it has ended or the time is over; whether it has ended."""
        return self._ended.wait(seconds)

    def result(self) -> _Result:
        """What the call gave, once it has ended; raises what it raised."""
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # it refers to this frame
        return self._result


class Crew:
    """Up to `threads` threads for calls that may be made side by side: the caller's, and helpers as they are wanted.

    Where no thread can be started the caller makes all calls. A context manager: helpers leave at its end. `around` is
    what every helper runs in.
    """

    _helpers = 0  # also of one whose `__init__` was interrupted

    def __init__(self, threads: int, around: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        self.threads = threads
        self._around = around
        self._tasks: SimpleQueue[Task[Any] | None] = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(self._helpers):
            self._tasks.put(None)
        self._helpers = 0

    def __del__(self) -> None:
        self.__exit__(None, None, None)

    def map(self, function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """Results in order; what the first of the calls raised that raised anything, after all have ended."""
        return [result for _, result in self._in_order(function, items, len(items))]

    def in_order(
        self, function: Callable[[_Item], _Result], items: Sequence[_Item], ahead: int = 2
    ) -> Iterator[tuple[_Item, _Result]]:
        """Each item with its result, in order, as soon as it is there; `ahead` a thread are made beforehand."""
        return self._in_order(function, items, ahead * self.threads if self.threads > 1 else 0)

    def _in_order(
        self, function: Callable[[_Item], _Result], items: Sequence[_Item], ahead: int
    ) -> Iterator[tuple[_Item, _Result]]:
        self._call_for(min(self.threads, len(items)) - 1)
        waiting: deque[tuple[_Item, Task[_Result]]] = deque()
        try:
            for item in items:
                task = Task(function, item)
                waiting.append((item, task))
                if self._helpers:
                    self._tasks.put(task)
                if len(waiting) > ahead:
                    yield self._first(waiting)
            while waiting:
                yield self._first(waiting)
        finally:
            for task in [task for _, task in waiting if not task.claim()]:
                task.wait()

    def _first(self, waiting: deque[tuple[_Item, Task[_Result]]]) -> tuple[_Item, _Result]:
        """The first result, and this thread helps until it is there."""
        item, first = waiting[0]
        for _, task in waiting:
            if first.ended:
                break
            task.run()
        first.wait()
        waiting.popleft()
        return item, first.result()

    def _call_for(self, helpers: int) -> None:
        """Start threads until there are so many helpers, or as many as can be had."""
        while self._helpers < helpers:
            if not start_thread(_help, self._tasks, self._around, before=self._helpers):
                self.threads = self._helpers + 1  # it is not tried again
                return
            self._helpers += 1


def _help(tasks: SimpleQueue[Task[Any] | None], around: Callable[[], AbstractContextManager[object]]) -> None:
    """A helper's life: tasks, until one is None."""
    with around():
        while (task := tasks.get()) is not None:
            with suppress(BaseException):  # `result` raises it
                task.run()
            del task  # nothing is kept while waiting


def single_threaded_blas() -> AbstractContextManager[object]:
    """Run NumPy's products in the calling thread, where NumPy's wheel carries an OpenBLAS that can be told.

    Only where there are no compiled kernels does much go through it, and there it matters: blocks are spread over our
    own threads, the number of threads that the user asked for is kept, and OpenBLAS's, which wait by spinning, take no
    core from others. On two busy cores NumPy's kernels with threads=1 took 4 to 8 times as long without this, and 6 to
    15 times the CPU time. Elsewhere nothing is changed.

    By ctypes and `Held`, not by threadpoolctl: that would be one more package to install for the same two functions,
    and what it puts back when several threads come and go in any order is not what the program had.
    """
    return _nesting.to(1)


def _openblas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """What reads and sets the number of threads of the OpenBLAS that NumPy has loaded; None: it has another."""
    root = Path(np.__file__).parent
    for path in [*root.parent.glob("numpy.libs/*openblas*"), *root.glob(".dylibs/*openblas*")]:
        try:
            library = ctypes.CDLL(str(path))  # already loaded by NumPy: this only finds it
        except OSError:
            continue
        for prefix, suffix in (("scipy_", "64_"), ("", "64_"), ("", "")):
            get = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
            put = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
            if get is not None and put is not None:
                put.argtypes, put.restype = [ctypes.c_int], None
                return get, put
    return None


def _blas_threads() -> Held:
    return Held(*(_openblas() or (lambda: 1, lambda threads: None)))


_nesting = _blas_threads()
