"""Several processes that are interrupted, die or have to wait for room."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny
from job_runs import Marking, files, marks, run, three_pictures

from pillow_inr.command import jobs
from pillow_inr.command.convert import one_by_one
from pillow_inr.command.messages import Voice
from pillow_inr.command.output import Output
from pillow_inr.command.sources import Source


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return three_pictures(tmp_path / "in")


class Waiting(Marking):
    """Every picture but `c` takes until it is to stop, whatever signals come."""

    def work(self, source: Path, stop: Callable[[], bool]) -> None:
        os.kill(os.getpid(), signal.SIGINT)  # as a terminal does
        while source.stem != "c" and not stop():
            time.sleep(0.01)


class Endless(Marking):
    """Pictures that never end."""

    def work(self, source: Path, stop: Callable[[], bool]) -> None:
        time.sleep(600)


class Dying(Marking):
    """Picture `a` ends its process, `b` lasts until that has happened, `c` has an error of ours."""

    def work(self, source: Path, stop: Callable[[], bool]) -> None:
        if source.stem == "a":
            (self.folder / "a.dies").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if source.stem == "b":
            _until((self.folder / "a.dies").exists)
            time.sleep(0.2)
        if source.stem == "c":
            os._exit(7)


class Exclusive(Marking):
    """Pictures that must be alone."""

    def work(self, source: Path, stop: Callable[[], bool]) -> None:
        with open(self.folder / "lock", "x"):
            time.sleep(0.5)
        (self.folder / "lock").unlink()


def _until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture
def interrupts() -> Iterator[Callable[[Callable[[], object], int], None]]:
    """Ctrl-C in this process, as soon as something has happened, so often."""
    threads = []

    def press(when: Callable[[], object], times: int) -> None:
        def work() -> None:
            _until(when)
            for _ in range(times):
                time.sleep(0.6)
                signal.raise_signal(signal.SIGINT)

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield press
    for thread in threads:
        thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_that_dies_is_an_error_of_its_picture(pictures: list[Path], tmp_path: Path) -> None:
    more = tmp_path / "in" / "d.png"
    tiny.picture().save(more)
    code, out, err = run([*pictures, more], tmp_path / "out", Dying(tmp_path))
    why = "expected a file from a worker process, but it ended"
    assert code == 1
    killed = signal.strsignal(signal.SIGKILL)
    assert err == f"inr: {pictures[0]}: {why}: {killed}\ninr: {pictures[2]}: {why}: exit code 7\n"
    assert [line.split(":")[0] for line in out.splitlines()] == [str(tmp_path / "out" / f"{n}.inr") for n in "bd"]
    assert files(tmp_path / "out") == {"b.inr": b"b", "d.inr": b"d"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_first_interrupt_keeps_what_there_is(
    pictures: list[Path], tmp_path: Path, interrupts: Callable[[Callable[[], object], int], None]
) -> None:
    interrupts(lambda: len(marks(tmp_path)) == 3, 1)
    a, b, c = pictures
    code, out, err = run([c, a, b, c.with_name("never.png")], tmp_path / "out", Waiting(tmp_path))
    kept = "interrupted; the best network so far was kept"
    assert (code, err) == (130, f"inr: {a}: {kept}\ninr: {b}: {kept}\n")
    assert out.startswith(f"{tmp_path / 'out' / 'c.inr'}: 1 bytes")
    assert files(tmp_path / "out") == {"a.inr": b"a", "b.inr": b"b", "c.inr": b"c"}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_second_interrupt_ends_everything(
    pictures: list[Path], tmp_path: Path, interrupts: Callable[[Callable[[], object], int], None]
) -> None:
    interrupts(lambda: len(marks(tmp_path)) == 2, 2)
    started = time.monotonic()
    assert run(pictures, tmp_path / "out", Endless(tmp_path)) == (130, "", "")
    assert time.monotonic() - started < 60
    assert set(marks(tmp_path)) == {"a", "b"}
    assert files(tmp_path / "out") == {}
    for mark in marks(tmp_path).values():
        with pytest.raises(ProcessLookupError):
            os.kill(int(mark.split()[0]), 0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_large_pictures_take_several_places(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [(1, 1), (6_000_000, 1), (6_000_001, 2), (12_000_000, 2), (12_200_000, 3), (67_000_000, 8)]
    assert [jobs.places_for(pixels, 8) for pixels, _ in limits] == [places for _, places in limits]
    a, b, c = pictures
    monkeypatch.setattr(jobs, "PIXELS_OF_A_PLACE", 2700)  # a takes all four places, b one and c two
    monkeypatch.setattr(jobs, "cores", lambda: 8)
    assert run([b, a, c], tmp_path / "out", Exclusive(tmp_path), places=4)[0] == 0
    assert [mark.split()[1] for mark in marks(tmp_path).values()] == ["8", "2", "4"]


def test_the_users_threads_count() -> None:
    from pillow_inr.command.convert import Encoding

    assert Encoding({}, False).on(3).options == {"threads": 3}
    assert Encoding({"threads": 5, "seed": 1}, False).on(3).options == {"threads": 5, "seed": 1}


def test_one_by_one_ends_nothing_early(pictures: list[Path], tmp_path: Path) -> None:
    sources = [Source(path) for path in pictures[2:]]
    assert one_by_one(sources, Output(f"{tmp_path}/out/", ".inr", sources), Marking(tmp_path), Voice(quiet=True)) == 0
    assert marks(tmp_path)["c"] == f"{os.getpid()} 0"
