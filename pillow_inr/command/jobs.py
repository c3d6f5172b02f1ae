"""Pictures side by side: worker processes that make their files, and one process that writes them and says what came.

A small picture has no work for a second thread, but a second core can be at a second picture. A worker makes one file
at a time, in memory, and sends it; only this process writes, so a worker that is killed leaves nothing partial. The
files are those that one process would make, to the byte.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait

from inr_core import Progress, cores, first_interrupt

from .bars import Bars
from .convert import Make
from .messages import Blamed, Voice, blame, printable
from .output import Output, Target
from .sources import Source
from .worker import Reply, Worker

# Memory: a save takes some 225 MB a megapixel. A picture takes a place for every so many pixels that it has, about
# 1.4 GB, and with them the places' threads. So 12 megapixels leave two cores to themselves.
PIXELS_OF_A_PLACE = 6_000_000
_WAKING = 0.25  # seconds between looks at whether Ctrl-C was pressed


def places_for(pixels: int, places: int) -> int:
    """How many of the places a picture of so many pixels takes."""
    return min(places, max(1, math.ceil(pixels / PIXELS_OF_A_PLACE)))


def together(
    sources: Sequence[Source], output: Output, make: Make, places: int, voice: Voice, bar: bool = False
) -> int:
    """Make the files in at most `places` processes at a time; lines in the order of the sources; the exit code.

    `bar`: show one over the pictures, and one for each that is being made. The first Ctrl-C ends every fit with what
    there is, a second one everything at once; both raise KeyboardInterrupt.
    """
    sources = [_held(source) for source in sources]
    with _bars(len(sources), voice, bar) as bars, first_interrupt() as interrupted:
        batch = _Batch(output, make, places, bars)
        try:
            for source, outcome in batch.outcomes(sources, interrupted.is_set):
                for note in outcome.notes:
                    voice.note(source, note)
                if outcome.error is not None:
                    voice.failure(outcome.error.name, outcome.error.why)
                elif outcome.line is not None:
                    voice.line(outcome.line)
        finally:
            batch.close()
    if interrupted.is_set():
        raise KeyboardInterrupt
    return voice.code()


def _held(source: Source) -> Source:
    """What comes out of a pipe is read here: a worker has no part in it, and a signal may end it."""
    try:
        return source.held()
    except OSError:  # tells of itself when the picture is opened
        return source


@dataclass(frozen=True)
class _Outcome:
    """What is said of a picture."""

    notes: Sequence[str] = ()
    line: str | None = None
    error: Blamed | None = None


@dataclass(frozen=True)
class _Task:
    """A picture that a worker is at."""

    number: int
    source: Source
    target: Target
    places: int
    row: int  # of the bars


class _Batch:
    """The pictures of one call, the workers, and who is at what."""

    def __init__(self, output: Output, make: Make, places: int, bars: Bars | None) -> None:
        self.output, self.make, self.places, self.bars = output, make, places, bars
        self._next: _Task | None = None  # waits for a place
        self._idle: list[Worker] = []
        self._busy: dict[object, tuple[Worker, _Task]] = {}  # by their connections

    def outcomes(self, sources: Sequence[Source], interrupted: Callable[[], bool]) -> Iterator[tuple[Source, _Outcome]]:
        """Of every picture, in order, as early as that allows."""
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
                outcome = None
                try:
                    with blame(source):
                        task = self._task(number, source)
                        if task is None:
                            break
                        if task.target.done:
                            outcome = _Outcome(line=task.target.skipped())
                        else:
                            self._start(task)
                except Blamed as e:
                    outcome = _Outcome(error=e)
                waiting.popleft()
                if outcome is not None:
                    ready[number] = outcome
                    if self.bars is not None:
                        self.bars.ended(None)
            for task, outcome in self._finished():
                ready[task.number] = outcome
                if self.bars is not None:
                    self.bars.ended(task.row)
            while shown in ready:
                yield sources[shown], ready.pop(shown)
                shown += 1

    def close(self) -> None:
        """End the workers, whatever they are at."""
        for worker in [*self._idle, *(worker for worker, _ in self._busy.values())]:
            worker.end()

    def _task(self, number: int, source: Source) -> _Task | None:
        """What to do for a picture, or None if there is no place for it yet. Raises what is wrong with it."""
        free = self.places - sum(task.places for _, task in self._busy.values())
        if not free:
            return None
        if self._next is None or self._next.number != number:
            places = places_for(self.make.pixels(source), self.places)
            taken = {task.row for _, task in self._busy.values()}
            row = next(row for row in range(self.places) if row not in taken)
            self._next = _Task(number, source, self.output.target(source), places, row)
        task = self._next
        if task.target.done:
            return task
        if task.places > free:
            return None
        with suppress(_Tried), self.output.writing(task.target):
            raise _Tried  # it can be written: known now, not after minutes of fitting
        return task

    def _start(self, task: _Task) -> None:
        alive = [worker for worker in self._idle if worker.process.is_alive()]
        worker = alive.pop() if alive else Worker()
        self._idle = alive
        self._busy[worker.connection] = worker, task
        worker.begin(self.make.on(max(1, cores() // self.places) * task.places), task.source, self.bars is not None)
        if self.bars is not None:
            self.bars.begun(task.row, printable(task.source.name))

    def _finished(self) -> Iterator[tuple[_Task, _Outcome]]:
        """Of the pictures that are finished by now, or a moment later; their files are written."""
        if not self._busy:
            return
        for connection in wait([worker.connection for worker, _ in self._busy.values()], _WAKING):
            worker, task = self._busy[connection]
            reply = worker.heard()
            if isinstance(reply, Progress):
                if self.bars is not None:
                    self.bars.report(task.row, printable(task.source.name), reply)
                continue
            del self._busy[connection]
            if reply is None:
                why = f"expected a file from a worker process, but it ended: {worker.fate()}"
                yield task, _Outcome(error=Blamed(task.source, why))
                continue
            self._idle.append(worker)
            yield task, self._written(task, reply)

    def _written(self, task: _Task, reply: Reply) -> _Outcome:
        if reply.error is not None:
            return _Outcome(reply.notes, error=Blamed(task.source, reply.error))
        try:
            with self.output.writing(task.target) as fp:
                fp.write(reply.data)
        except Blamed as e:
            return _Outcome(reply.notes, error=e)
        if reply.stopped:
            return _Outcome([*reply.notes, "interrupted; the best network so far was kept"])
        facts = reply.facts
        return _Outcome(reply.notes, facts.line(task.target, len(reply.data)) if facts else None)


class _Tried(BaseException):
    """Leaves a block that was only tried."""


@contextmanager
def _bars(pictures: int, voice: Voice, shown: bool) -> Iterator[Bars | None]:
    """Bars under what the voice says, if they are to be shown."""
    if not shown:
        yield None
        return
    with Bars(pictures) as bars:
        voice.bar = bars
        try:
            yield bars
        finally:
            voice.bar = None
