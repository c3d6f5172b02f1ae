"""Work in a thread of its own, which begins with the defaults of what libraries keep by thread.

torch keeps a lot there: the default device, whether gradients are wanted, inference mode, autocast, modes that see all
operations. What the program has set for its own thread neither reaches our work nor is changed by it.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from .interrupts import first_interrupt
from .threads import Task, start_thread

BEGUN_SECONDS = 10.0  # for a new thread to begin in; one that has no memory for that never does
LISTEN_SECONDS = 0.2  # between looks for Ctrl-C, where waiting cannot be interrupted

_Result = TypeVar("_Result")


class Abandoned(BaseException):
    """Raised in a thread whose work nobody waits for any more."""


class Watch:
    """What work in its own thread knows of the thread that waits for it.

    interrupted: set by the first Ctrl-C. alone: nobody waits, the work is done in the program's thread.
    """

    def __init__(self, listener: Callable[..., Any], interrupted: threading.Event, alone: bool = False) -> None:
        self.interrupted = interrupted
        self._listener, self._alone, self._abandoned = listener, alone, False
        self._reports: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
        self._answers: SimpleQueue[Any] = SimpleQueue()

    def check(self) -> None:
        """Raises Abandoned where the work is to end at once."""
        if self._abandoned:
            raise Abandoned

    def report(self, *what: Any) -> Any:
        """Call the listener, in the thread that waits, and return what it returns."""
        if self._alone:
            return self._listener(*what)
        self.check()
        while not self._answers.empty():  # one that came too late for the last report
            self._answers.get()
        self._reports.put(what)
        answer = self._answers.get()
        self.check()
        return answer

    def _do(self, work: Callable[[Watch], _Result]) -> _Result:
        try:
            return work(self)
        finally:
            self._reports.put(None)

    def _listen(self) -> None:
        """Until the work has ended."""
        while True:
            try:
                what = self._next()
            except KeyboardInterrupt:  # from a handler of the program's own
                if self.interrupted.is_set():
                    raise
                self.interrupted.set()
                self._answers.put(None)  # what it reported may be lost
                continue
            if what is None:
                return
            self._answers.put(self._listener(*what))

    def _next(self) -> tuple[Any, ...] | None:
        while True:
            with suppress(Empty):
                return self._reports.get(timeout=LISTEN_SECONDS)

    def _abandon(self) -> None:
        self._abandoned = True
        self._answers.put(None)  # it may be waiting for one


def apart(work: Callable[[], _Result]) -> _Result:
    """Call it in a thread of its own and wait; in this one where none can be started."""
    task: Task[_Result] = Task(contextvars.Context().run, work)
    if not _started(task):
        return work()
    while not task.wait(LISTEN_SECONDS):
        pass
    return task.result()


def watched(work: Callable[[Watch], _Result], listener: Callable[..., Any]) -> _Result:
    """As `apart`, for work that takes long: it may call the listener in this thread meanwhile, and hears of Ctrl-C.

    The second Ctrl-C, like whatever the listener raises, ends the work, as soon as it looks, and is raised here.
    """
    with first_interrupt() as interrupted:
        watch = Watch(listener, interrupted)
        task: Task[_Result] = Task(contextvars.Context().run, watch._do, work)
        try:
            if not _started(task):
                return work(Watch(listener, interrupted, alone=True))
            watch._listen()
        except BaseException:
            watch._abandon()
            if not task.claim():
                task.wait()
            raise
        task.wait()
        return task.result()


def _started(task: Task[_Result]) -> bool:
    """Whether a thread has begun it. If not it is left to this one."""
    begun = threading.Event()

    def run() -> None:
        if task.claim():
            begun.set()
            with suppress(BaseException):  # `result` raises it
                task.run()

    return start_thread(run) and (begun.wait(BEGUN_SECONDS) or not task.claim())
