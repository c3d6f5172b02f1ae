"""A process that makes one file at a time, in memory, and sends it."""

from __future__ import annotations

import io
import math
import multiprocessing
import signal
import time
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from inr_core import Progress, signals_handled

from .convert import Made, Make
from .messages import reason
from .sources import Source

_BETWEEN = 0.1  # seconds between reports
_DYING = 5  # seconds that a process may take to end after its connection has


@dataclass(frozen=True)
class Reply:
    """What a worker made of a picture."""

    data: bytes
    facts: Made | None
    notes: list[str]
    error: str | None
    stopped: bool


class Worker:
    """A process that makes one file at a time."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # forking a process that has threads, ours or torch's, may hang
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with signals_handled([signal.SIGINT], signal.SIG_IGN):  # from the very beginning of the process
            self.process.start()
        theirs.close()

    def begin(self, make: Make, source: Source, reports: bool = False) -> None:
        """Hand it a picture; `reports`: it is to send those of the fit, too, before the reply."""
        with suppress(OSError):  # it has died: that shows when the reply is read
            self.connection.send((make, source, reports))

    def stop(self) -> None:
        """Ask it to end the picture with what there is."""
        with suppress(OSError):
            self.connection.send(None)

    def heard(self) -> Progress | Reply | None:
        """What it has sent: a report or, at last, the reply; None if it died."""
        try:
            heard: Progress | Reply = self.connection.recv()
        except (EOFError, OSError):
            return None
        return heard

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
            task: tuple[Make, Source, bool] | None = connection.recv()
            if task is not None:  # else it was to stop what had just been finished
                make, source, reports = task
                connection.send(_made(make, source, _Stop(connection, reports)))


def _made(make: Make, source: Source, stop: _Stop) -> Reply:
    data, notes, facts, error = io.BytesIO(), list[str](), None, None
    with redirect_stderr(io.StringIO()) as said:
        try:
            facts = make(source, data, stop, notes.append)
        except Exception as e:
            error = reason(e)
    notes += said.getvalue().splitlines()
    return Reply(b"" if error else data.getvalue(), facts, notes, error, stop.asked)


class _Stop:
    """Whether the parent has said anything since the picture was begun, which can only be that it is to stop."""

    def __init__(self, connection: Connection, reports: bool) -> None:
        self.connection, self.asked = connection, False
        self._next = 0.0 if reports else math.inf  # when the next report is due

    def __call__(self, report: Progress | None = None) -> bool:
        if report is not None and time.monotonic() >= self._next:
            self.connection.send(report)
            self._next = time.monotonic() + _BETWEEN
        self.asked = self.asked or self.connection.poll()
        return self.asked
