"""Pictures side by side: worker processes that make their files, and one process that writes them and says what came.

A small picture has no work for a second thread, but a second core can be at a second picture. A worker makes one file
at a time, in memory, and sends it; only this process writes, so a worker that is killed leaves nothing partial. The
files are those that one process would make, to the byte.
"""

from __future__ import annotations

import io
import math
import multiprocessing
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TextIO

from PIL import Image

from inr_core import cores, first_interrupt

from ..atomic import atomic_write
from .convert import EXPECTED, Fitted, Make, Output, reason

# Memory: a save takes some 225 MB a megapixel. A picture takes a place for every so many pixels that it has, about
# 1.4 GB, and with them the places' threads. So 12 megapixels leave two cores to themselves.
PIXELS_OF_A_PLACE = 6_000_000
_WAKING = 0.25  # seconds between looks at whether Ctrl-C was pressed
_DYING = 5  # seconds that a process may take to end after its connection has


def places_for(pixels: int, places: int) -> int:
    """How many of the places a picture of so many pixels takes."""
    return min(places, max(1, math.ceil(pixels / PIXELS_OF_A_PLACE)))


def together(
    sources: Sequence[Path], output: Output, make: Make, places: int, quiet: bool = False, bar: bool = False
) -> int:
    """Make the files in at most `places` processes at a time; lines in the order of the sources; the exit code.

    `bar`: show one over the pictures. The first Ctrl-C ends every fit with what there is, a second one everything at
    once; both raise KeyboardInterrupt.
    """
    batch = _Batch(output, make, places)
    with _voice(len(sources) if bar else None) as voice, first_interrupt() as interrupted:
        try:
            for outcome in batch.outcomes(sources, interrupted.is_set, voice.done):
                for line in outcome.notes:
                    voice.say(line, sys.stderr)
                if outcome.line and not quiet:
                    voice.say(outcome.line, sys.stdout)
        finally:
            batch.close()
    if interrupted.is_set():
        raise KeyboardInterrupt
    return int(batch.failed)


@dataclass(frozen=True)
class _Reply:
    """What a worker made of a picture."""

    data: bytes
    fitted: Fitted | None
    said: str  # on stderr
    error: str | None
    stopped: bool


@dataclass(frozen=True)
class _Outcome:
    """What is said of a picture."""

    notes: Sequence[str]  # for stderr
    line: str | None = None  # for stdout


@dataclass(frozen=True)
class _Task:
    """A picture that a worker is at."""

    number: int
    source: Path
    target: Path
    places: int


class _Batch:
    """The pictures of one call, the workers, and who is at what."""

    def __init__(self, output: Output, make: Make, places: int) -> None:
        self.output, self.make, self.places = output, make, places
        self.failed = False
        self._idle: list[_Worker] = []
        self._busy: dict[object, tuple[_Worker, _Task]] = {}  # by their connections

    def outcomes(
        self, sources: Sequence[Path], interrupted: Callable[[], bool], done: Callable[[], None]
    ) -> Iterator[_Outcome]:
        """Of every picture, in order, as early as that allows; `done` is called when one is ready."""
        waiting = deque(enumerate(sources))
        ready: dict[int, _Outcome] = {}
        shown = 0
        stopping = False
        while waiting or self._busy:
            if interrupted() and not stopping:
                stopping = True
                waiting.clear()
                for worker, _ in self._busy.values():
                    worker.stop()
            while waiting:
                number, source = waiting[0]
                try:
                    task = self._task(number, source)
                    if task is None:
                        break
                    self._start(task)
                except EXPECTED as e:
                    ready[number] = self._failure(source, reason(e))
                    done()
                waiting.popleft()
            for number, outcome in self._finished():
                ready[number] = outcome
                done()
            while shown in ready:
                yield ready.pop(shown)
                shown += 1

    def close(self) -> None:
        """End the workers, whatever they are at."""
        for worker in [*self._idle, *(worker for worker, _ in self._busy.values())]:
            worker.end()

    def _task(self, number: int, source: Path) -> _Task | None:
        """What to do for a picture, or None if there is no place for it yet. Raises what is wrong with it."""
        free = self.places - sum(task.places for _, task in self._busy.values())
        if not free:
            return None
        with Image.open(source) as im:
            places = places_for(im.width * im.height, self.places)
        if places > free:
            return None
        target = self.output.target(source)
        with suppress(_Tried), atomic_write(target):
            raise _Tried  # the folder can be written to: now, not after minutes of fitting
        return _Task(number, source, target, places)

    def _start(self, task: _Task) -> None:
        worker = self._idle.pop() if self._idle else _Worker()
        self._busy[worker.connection] = worker, task
        worker.begin(self.make.on(max(1, cores() // self.places) * task.places), task.source)

    def _finished(self) -> Iterator[tuple[int, _Outcome]]:
        """Of the pictures that are finished by now, or a moment later; their files are written."""
        if not self._busy:
            return
        for connection in wait([worker.connection for worker, _ in self._busy.values()], _WAKING):
            worker, task = self._busy[connection]
            reply = worker.reply()
            del self._busy[connection]
            if reply is None:
                why = f"expected a file from a worker process, but it ended: {worker.fate()}"
                yield task.number, self._failure(task.source, why)
                continue
            self._idle.append(worker)
            yield task.number, self._written(task, reply)

    def _written(self, task: _Task, reply: _Reply) -> _Outcome:
        said = reply.said.splitlines()
        if reply.error is not None:
            return self._failure(task.source, reply.error, said)
        try:
            with atomic_write(task.target) as fp:
                fp.write(reply.data)
        except EXPECTED as e:
            return self._failure(task.source, reason(e), said)
        if reply.stopped:
            return _Outcome([*said, f"inr: {task.source}: interrupted; the best network so far was kept"])
        fitted = reply.fitted
        return _Outcome(said, fitted.line(task.target, len(reply.data)) if fitted else None)

    def _failure(self, source: Path, why: str, said: Sequence[str] = ()) -> _Outcome:
        self.failed = True
        return _Outcome([*said, f"inr: {source}: {why}"])


class _Tried(Exception):
    """Leaves a block that was only tried."""


class _Worker:
    """A process that makes one file at a time."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # forking a process that has threads, ours or torch's, may hang
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _ignored_interrupts():
            self.process.start()
        theirs.close()

    def begin(self, make: Make, source: Path) -> None:
        """Hand it a picture."""
        with suppress(OSError):  # it has died: that shows when the reply is read
            self.connection.send((make, source))

    def stop(self) -> None:
        """Ask it to end the picture with what there is."""
        with suppress(OSError):
            self.connection.send(None)

    def reply(self) -> _Reply | None:
        """What it has sent, or None if it died."""
        try:
            reply: _Reply = self.connection.recv()
        except (EOFError, OSError):
            return None
        return reply

    def fate(self) -> str:
        """How it ended, once it has died."""
        self.process.join(_DYING)
        self.end()
        code = self.process.exitcode or 0
        return f"exit code {code}" if code >= 0 else signal.strsignal(-code) or f"signal {-code}"

    def end(self) -> None:
        """End it, whatever it is at: it has nothing to tidy up."""
        self.process.terminate()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection) -> None:
    """What a worker does, until there is nobody left to do it for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all; the parent says what to do
    with suppress(EOFError, OSError):
        while True:
            task: tuple[Make, Path] | None = connection.recv()
            if task is not None:  # else it was to stop what had just been finished
                connection.send(_made(*task, _Stop(connection)))


def _made(make: Make, source: Path, stop: _Stop) -> _Reply:
    data, fitted, error = io.BytesIO(), None, None
    with redirect_stderr(io.StringIO()) as said:
        try:
            fitted = make(source, data, stop)
        except EXPECTED as e:
            error = reason(e)
    return _Reply(b"" if error else data.getvalue(), fitted, said.getvalue(), error, stop.asked)


class _Stop:
    """Whether the parent has said anything since the picture was begun, which can only be that it is to stop."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.asked = connection, False

    def __call__(self) -> bool:
        self.asked = self.asked or self.connection.poll()
        return self.asked


class _Voice:
    """Says lines, above a bar over the pictures if there is one."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def say(self, line: str, file: TextIO) -> None:
        """Print a line."""
        (self._bar.write if self._bar is not None else print)(line, file=file)

    def done(self) -> None:
        """Count one more picture."""
        if self._bar is not None:
            self._bar.update()


@contextmanager
def _voice(pictures: int | None) -> Iterator[_Voice]:
    """With a bar if the number of pictures is given."""
    if pictures is None:
        yield _Voice(None)
        return
    from tqdm import tqdm  # only a bar needs it

    with tqdm(total=pictures, unit="picture", leave=False, miniters=1) as bar:
        yield _Voice(bar)


@contextmanager
def _ignored_interrupts() -> Iterator[None]:
    """No Ctrl-C for a moment: a process started in it ignores them from its very beginning."""
    if not _signals_are_ours():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _signals_are_ours() -> bool:
    """Whether signals can be set here: in the main thread, and put back, unless what they do is not Python's."""
    return threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is not None
