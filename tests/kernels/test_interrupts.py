"""Handlers of signals for the length of a block: as before after it, whatever happens at whatever moment."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from inr_core import first_interrupt, signals_handled

NUMBERS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Alarm(BaseException):
    """What the handler of another signal raises."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[list[Any]]:
    before = now()
    yield before
    for number, handler in zip(NUMBERS, before, strict=True):
        signal.signal(number, handler)


def now() -> list[Any]:
    return [signal.getsignal(number) for number in NUMBERS]


def use() -> None:
    with signals_handled(NUMBERS[1:], signal.SIG_IGN), first_interrupt() as interrupted:
        assert now()[1:] == [signal.SIG_IGN] * len(NUMBERS[1:])
        assert not interrupted.is_set()
        signal.raise_signal(signal.SIGINT)
        assert interrupted.is_set()


def alarmed(moment: int) -> str:
    """Use them, and raise at the so-manieth call or line of Python's, in its library, too; returns where."""
    seen, where = 0, ""

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal seen, where
        seen += event in ("call", "line")
        if seen == moment and not where:
            where = f"{event} of {frame.f_code.co_filename}:{frame.f_lineno}"
            raise Alarm
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        use()
    except Alarm:
        pass
    finally:
        sys.settrace(before)
    return where


def test_an_exception_at_any_moment_leaves_no_handler_behind(handlers: list[Any]) -> None:
    for moment in count(1):
        where = alarmed(moment)
        assert now() == handlers, where
        if not where:
            break
    assert moment > 100


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_the_block_raises_is_raised(handlers: list[Any], error: type[BaseException]) -> None:
    with pytest.raises(error), signals_handled(NUMBERS, signal.SIG_IGN):
        raise error
    assert now() == handlers


def test_other_threads_leave_signals_alone(handlers: list[Any]) -> None:
    seen: list[Any] = []

    def work() -> None:
        with signals_handled(NUMBERS, signal.SIG_IGN), first_interrupt() as interrupted:
            seen.extend([now(), interrupted.is_set()])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [handlers, False]


def test_a_programs_own_handler_of_interrupts_stays() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    with first_interrupt() as interrupted:
        signal.raise_signal(signal.SIGINT)
    assert heard == [signal.SIGINT]
    assert not interrupted.is_set()
