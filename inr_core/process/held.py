"""Settings of the whole process that we need otherwise for a while, given back as the program had them."""

from __future__ import annotations

import operator
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_lock = threading.RLock()  # of all settings: a process is forked when none of them is half changed
_left = threading.Condition(_lock)
_settings: weakref.WeakSet[Held] = weakref.WeakSet()


class Held:
    """A setting of the process, held at a value of ours as long as any thread is inside `to`.

    The first thread that enters notes what it was, the last one that leaves puts that back, unless the program has set
    it since. A program that sets it meanwhile is heard: whoever enters next makes it ours again, and what the program
    wants is what it gets back. Who wants another value waits for those inside. A forked child begins with the
    program's value: threads that were inside are not there.

    get, put: read and set it. means: whether a value, the first, is as good as another. restored: what to put in order
    to go back to a value that was read; by default itself.
    """

    def __init__(
        self,
        get: Callable[[], Any],
        put: Callable[[Any], object],
        means: Callable[[Any, Any], bool] = operator.eq,
        restored: Callable[[Any], Any] = lambda before: before,
    ) -> None:
        self._get, self._put, self._means, self._restored = get, put, means, restored
        self.depth = 0  # how many are inside
        self._ours: Any = None
        self._before: Any = None
        self._process = os.getpid()
        _settings.add(self)

    @contextmanager
    def to(self, ours: Any) -> Iterator[None]:
        """Inside, it has that value."""
        process = self._enter(ours)
        try:
            yield
        finally:
            with _left:
                if process == self._process:  # and not a child of it
                    self.depth -= 1
                    if self.depth == 0:
                        self._leave()

    def _enter(self, ours: Any) -> int:
        """Wait for those who hold it otherwise, and make it ours; the number of the process that did."""
        with _left:
            while self.depth and self._ours != ours:
                _left.wait()
            now = self._get()
            fits = self._means(now, ours)
            if self.depth == 0 or not fits:
                self._before = self._restored(now)
            if not fits:
                self._put(ours)
            self._ours = ours
            self.depth += 1
            return self._process

    def _leave(self) -> None:
        """Give back, also where Ctrl-C comes meanwhile: what is ours must not stay."""
        try:
            self._give_back()
        except BaseException:
            self._give_back()
            raise

    def _give_back(self) -> None:
        """What the program had, unless it has set it since, and wake those who wait."""
        if self._before != self._ours and self._get() == self._ours:
            self._put(self._before)
        _left.notify_all()

    def is_ours(self) -> bool:
        """Inside: whether the program has left it as it is to be."""
        return self._means(self._get(), self._ours)

    def forked(self) -> None:
        """In a child: nobody is inside."""
        self._process = os.getpid()
        if self.depth:
            self.depth = 0
            self._give_back()


def _in_child() -> None:
    for setting in list(_settings):
        setting.forked()
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_in_child)
