"""Threads that share work, where they can be had; settings of the process that are held; work in its own thread."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from thread_limits import no_thread

from inr_core.process import own_thread, threads
from inr_core.process.held import Held
from inr_core.process.own_thread import Abandoned, Watch, apart, watched
from inr_core.process.threads import Crew, Task


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("_thread.start_new_thread", no_thread)


def test_results_are_in_order_and_shared() -> None:
    together = threading.Barrier(3)

    def work(k: int) -> tuple[int, int]:
        if k < 3:
            together.wait(20)
        return k, threading.get_ident()

    with Crew(3) as crew:
        results = crew.map(work, range(40))
        assert [k for k, _ in results] == list(range(40))
        assert len({thread for _, thread in results}) == 3
        assert threading.get_ident() in {thread for _, thread in results}
        assert crew.map(work, [7]) == [(7, threading.get_ident())]


@pytest.mark.usefixtures("alone")
def test_a_crew_that_gets_no_threads_works_alone() -> None:
    with Crew(4) as crew:
        assert crew.map(lambda k: (k, threading.get_ident()), range(5)) == [
            (k, threading.get_ident()) for k in range(5)
        ]
        assert crew.threads == 1


def test_helpers_that_never_begin_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "start_thread", lambda *arguments, before: True)
    with Crew(4) as crew:
        assert crew.map(str, range(5)) == list("01234")


@pytest.mark.parametrize("count", [1, 3])
def test_the_first_error_is_raised_after_all_have_ended(count: int) -> None:
    ended = []

    def work(k: int) -> None:
        time.sleep(0.01 * k)
        ended.append(k)
        if k in (2, 3):
            raise ValueError(k)

    with Crew(count) as crew:
        with pytest.raises(ValueError, match="2"):
            crew.map(work, range(3))
        assert sorted(ended) == [0, 1, 2]
        assert crew.map(str, [1, 2]) == ["1", "2"]


def test_only_so_many_are_made_beforehand() -> None:
    begun: list[int] = []
    with Crew(1) as crew:
        for k, (item, _) in enumerate(crew.in_order(begun.append, range(10))):
            assert item == k
            assert begun == list(range(k + 1))
    begun.clear()
    with Crew(2) as crew:
        results = crew.in_order(begun.append, range(100))
        next(results)
        time.sleep(0.05)
        assert len(begun) <= 5
        results.close()  # type: ignore[attr-defined]
        time.sleep(0.05)
        assert len(begun) <= 5


def test_an_interrupt_ends_the_callers_work_at_once() -> None:
    done = []

    def work(k: int) -> None:
        done.append(k)
        if k == 1:
            raise KeyboardInterrupt

    with Crew(1) as crew, pytest.raises(KeyboardInterrupt):
        crew.map(work, range(5))
    assert done == [0, 1]


def test_a_task_is_made_once() -> None:
    calls: list[int] = []
    task = Task(calls.append, 1)
    others = [threading.Thread(target=task.run) for _ in range(4)]
    for thread in others:
        thread.start()
    task.run()
    assert task.wait(20)
    for thread in others:
        thread.join()
    assert calls == [1]


class Setting:
    """One of the process."""

    def __init__(self, value: Any) -> None:
        self.value, self.changes = value, 0

    def get(self) -> Any:
        return self.value

    def put(self, value: Any) -> None:
        self.value = value
        self.changes += 1


def test_a_setting_is_held_by_the_first_until_the_last() -> None:
    setting = Setting(8)
    held = Held(setting.get, setting.put)
    first, second = held.to(1), held.to(1)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert (setting.value, held.depth) == (1, 1)
    second.__exit__(None, None, None)
    assert (setting.value, setting.changes, held.depth) == (8, 2, 0)
    with held.to(8):
        assert setting.changes == 2


def test_a_setting_is_given_back_whatever_comes_meanwhile() -> None:
    setting = Setting(8)
    interrupts = [KeyboardInterrupt(), None]

    def put(value: Any) -> None:
        if value == 8 and (interrupt := interrupts.pop(0)):
            raise interrupt
        setting.put(value)

    held = Held(setting.get, put)
    with pytest.raises(KeyboardInterrupt), held.to(1):
        assert setting.value == 1
    assert (setting.value, held.depth, interrupts) == (8, 0, [])


def test_what_the_program_sets_meanwhile_is_what_it_gets_back() -> None:
    setting = Setting(8)
    held = Held(setting.get, setting.put)
    with held.to(1):
        setting.value = 5
        assert not held.is_ours()
        with held.to(1):
            assert setting.value == 1
            assert held.is_ours()
        assert setting.value == 1
    assert setting.value == 5
    with held.to(1):
        setting.value = 6
    assert setting.value == 6


def test_who_wants_another_value_waits() -> None:
    setting = Setting(0)
    held, seen, inside = Held(setting.get, setting.put), [], threading.Event()

    def other() -> None:
        inside.set()
        with held.to(2):
            seen.append(setting.value)

    with held.to(1):
        thread = threading.Thread(target=other)
        thread.start()
        inside.wait(20)
        time.sleep(0.05)
        assert seen == []
        assert setting.value == 1
    thread.join(20)
    assert (seen, setting.value) == ([2], 0)


@contextmanager
def handler(value: Any) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, value)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def test_work_apart_has_a_thread_of_its_own() -> None:
    assert apart(threading.get_ident) != threading.get_ident()
    assert watched(lambda watch: threading.get_ident(), print) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        watched(lambda watch: 1 // 0, print)


@pytest.mark.parametrize("begins", [True, False])
def test_work_that_gets_no_thread_is_done_here(monkeypatch: pytest.MonkeyPatch, begins: bool) -> None:
    """None can be started, or none ever begins."""
    monkeypatch.setattr(own_thread, "BEGUN_SECONDS", 0.01)
    monkeypatch.setattr(own_thread, "start_thread", lambda function: begins)
    assert apart(threading.get_ident) == threading.get_ident()
    assert watched(lambda watch: (watch.report(2), threading.get_ident()), lambda x: x + 1) == (
        3,
        threading.get_ident(),
    )


def test_reports_are_heard_by_the_thread_that_waits() -> None:
    def work(watch: Watch) -> list[Any]:
        return [watch.report(k) for k in range(3)]

    assert watched(work, lambda k: (k, threading.get_ident())) == [(k, threading.get_ident()) for k in range(3)]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt("x"), SystemExit("x"), StopIteration("x")])
def test_what_the_listener_raises_ends_the_work(error: BaseException) -> None:
    ended = []

    def work(watch: Watch) -> None:
        try:
            watch.report()
        except Abandoned:
            ended.append(True)
            raise

    def listener() -> None:
        raise error

    with pytest.raises(type(error), match="x"):
        watched(work, listener)
    assert ended == [True]


def endless(watch: Watch) -> str:
    watch.report("begun")
    signal.raise_signal(signal.SIGINT)
    while not watch.interrupted.wait(0.01):
        watch.check()
    return "as far as it came"


@pytest.mark.parametrize("own", [False, True], ids=["Python's", "the program's"])
def test_the_first_ctrl_c_is_heard_whoever_handles_it(own: bool) -> None:
    def raising(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    with handler(raising if own else signal.default_int_handler):
        assert watched(endless, print) == "as far as it came"


def test_the_second_ctrl_c_ends_it() -> None:
    def deaf(watch: Watch) -> None:
        watch.report("begun")
        signal.raise_signal(signal.SIGINT)
        assert watch.interrupted.wait(20)
        signal.raise_signal(signal.SIGINT)
        while True:
            watch.check()
            time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        watched(deaf, print)
