"""How many threads a step runs on: all cores, or one where the others are busy with something else."""

from __future__ import annotations

import statistics
import time

import torch

PROBE_STEPS = 5  # steps timed at each number of threads; the median counts
PROBE_SHARE = 0.04  # of the time may go to probes
HOPELESS = 2.0  # times one thread's time: a step this slow ends its probe


class Pace:
    """Times steps on one thread and on all, now and again, and stays with the faster.

    torch's threads wait for each other at the end of every operation. A core that another program uses then slows a
    small step down by three to seven times (measured), and one thread is the faster way. The bytes are the same.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._one: list[float] = []  # seconds of the probe's steps on one thread
        self._all: list[float] = []
        self._probing = threads > 1
        self._step_began: float | None = None
        self._probe_began = self._next_probe = 0.0

    def step(self) -> None:
        """Call before every step: times the last one, and sets the threads of the next."""
        now = time.perf_counter()
        if self._probing:
            self._probe(now)
        elif self.threads > 1 and now >= self._next_probe:
            self._probing, self._step_began = True, None
            self._probe(now)

    def _probe(self, now: float) -> None:
        if self._step_began is None:
            self._one, self._all, self._probe_began = [], [], now
        else:
            (self._one if len(self._one) < PROBE_STEPS else self._all).append(now - self._step_began)
        self._step_began = now
        if len(self._one) < PROBE_STEPS:
            torch.set_num_threads(1)
            return
        one = statistics.median(self._one)
        hopeless = bool(self._all) and self._all[-1] > HOPELESS * one
        if len(self._all) < PROBE_STEPS and not hopeless:
            torch.set_num_threads(self.threads)
            return
        together = self._all[-1] if hopeless else statistics.median(self._all)
        torch.set_num_threads(self.threads if together < one else 1)
        self._probing = False
        self._next_probe = now + (now - self._probe_began) / PROBE_SHARE
