"""Ctrl-C, once to end with what there is, twice to end at once; and handlers of signals for the length of a block."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def signals_handled(numbers: Iterable[int], handler: Callable[[int, FrameType | None], Any] | int) -> Iterator[None]:
    """Signals go to the handler, SIG_IGN or SIG_DFL within the block, and as before after it.

    So they do if the handler of another signal raises at any moment, also while these are being set or put back. Where
    Python cannot do that, outside of the main thread and for a handler that is not Python's, they go where they went.
    """
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: own for number in numbers if (own := signal.getsignal(number)) is not None}

    def put_back() -> None:
        for number, previous in before.items():
            signal.signal(number, previous)

    try:
        try:
            for number in before:
                signal.signal(number, handler)
            yield
        finally:
            put_back()
    except BaseException:  # which may have come before they were back
        put_back()
        raise


@contextmanager
def first_interrupt() -> Iterator[threading.Event]:
    """An event set by the first Ctrl-C; the second raises KeyboardInterrupt.

    Never set where signals cannot be had, outside of the main thread, or where the program handles them itself.
    """
    event = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    own = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with signals_handled([signal.SIGINT] if own else [], handle):
        yield event
