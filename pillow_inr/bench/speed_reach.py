"""Seconds to a PSNR: our fit and the plain loop, from the same weights, in turns, both evaluated the same way.

Ours is the fit of the default effort as it is, from its first step; that a file also needs its quantised phase, the
plain loop does not know of. What evaluating takes is not counted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress

import torch
from torch import Tensor

from inr_core.fit.siren.network import Grid
from inr_core.fit.siren.trainer import Run
from inr_core.process.own_thread import Watch, watched
from inr_core.process.torch_settings import products
from inr_core.settings import Progress

from .report import Cell, Report
from .speed_fit import networks, plan_of
from .speed_loops import PEAK, PLAIN, PlainLoop, draw_randint, make_loop, synchronise, waves
from .torch_threads import torch_threads

EVALUATED = 2**14  # pixels, the same at every check
CHECK_SECONDS = 0.2  # of training between two checks, at the least
OURS = "ours"
COLUMNS = {
    "network": "",
    "batch": "d",
    "threads": "d",
    "loop": "",
    "psnr_db": ".1f",
    "seconds": ".2f",
    "steps": "d",
    "reached_db": ".2f",
    "ratio": ".2f",
}


def measure(
    report: Report,
    size: tuple[int, int],
    shape: tuple[int, int],
    threads: int,
    limit: float,
    psnr: float,
    device: torch.device,
) -> None:
    """Both networks, until both loops have reached `psnr` dB, or have trained for `limit` seconds."""
    title = f"Seconds of training to {psnr:g} dB on {device.type} (ratio: the plain loop is 1)"
    table = report.table("reach", title, COLUMNS)
    picture = waves(*size)
    for name, options in networks(shape).items():
        report.say(f"reach: {name}, {psnr:g} dB")
        plan = plan_of(picture, options, device)
        with torch_threads(threads):
            make_loop(PLAIN, picture, plan, device)  # what is done once only is none of both's
            run = Run(picture, PEAK, False, plan, device, threads)
            plain = PlainLoop(plan, draw_randint(Grid(picture, PEAK, False, device, plan.seed), plan.batch), device)
            race = _Race(run, plain, psnr, limit)
            with run:
                race.start()
        for runner in (race.ours, race.plain):
            reached = runner.psnr >= psnr
            row: dict[str, Cell] = {
                "network": name,
                "batch": plan.batch,
                "threads": threads,
                "loop": runner.name,
                "psnr_db": psnr,
                "seconds": runner.seconds if reached else None,
                "steps": runner.steps,
                "reached_db": runner.psnr,
                "ratio": race.plain.seconds / runner.seconds if reached and race.plain.psnr >= psnr else None,
            }
            report.add(table, row)


class _Finished(Exception):
    """Ours has reached the PSNR, or never will."""


class _Runner:
    """A loop, how long it has trained, and how near its picture is by now."""

    def __init__(self, name: str, forward: Callable[[], Callable[[Tensor], Tensor]]) -> None:
        self.name, self.forward = name, forward
        self.seconds, self.steps, self.psnr = 0.0, 0, -math.inf

    def check(self, grid: Grid, seconds: float, steps: int) -> None:
        """After so much more training."""
        self.seconds += seconds
        self.steps += steps
        forward, error, count = self.forward(), 0.0, 0
        with torch.no_grad(), products(grid.device):
            for x, target in grid.blocks(EVALUATED):
                error += (forward(x).clamp(-1, 1) - target).double().square().sum().item()
                count += target.numel()
        self.psnr = 10 * math.log10(4 / max(error / count, 1e-10))  # samples span 2


class _Race:
    """Both loops in turns: whenever ours has trained for a while the plain one makes as many steps."""

    def __init__(self, run: Run, loop: PlainLoop, psnr: float, limit: float) -> None:
        self.run, self.loop, self.wanted, self.limit = run, loop, psnr, limit
        self.ours = _Runner(OURS, lambda: (run.quantised or run.siren).forward)
        self.plain = _Runner(PLAIN, lambda: loop.model)
        self._resumed = 0.0
        self._steps = 1  # of the last turn

    def start(self) -> None:
        """Until both are done."""
        self._resumed = time.perf_counter()
        with suppress(_Finished):
            watched(self._train, self._watch)
        while self._running(self.plain):
            self._turn_of_plain()

    def _train(self, watch: Watch) -> None:
        with self.run.at_work():
            self.run.train(watch.report, watch.interrupted, watch.check)

    def _running(self, runner: _Runner) -> bool:
        return runner.psnr < self.wanted and runner.seconds < self.limit

    def _watch(self, progress: Progress) -> None:
        synchronise(self.run.device)
        seconds = time.perf_counter() - self._resumed
        if seconds < CHECK_SECONDS:
            return
        self._steps = progress.step - self.ours.steps
        self.ours.check(self.run.grid, seconds, self._steps)
        if self._running(self.plain):
            self._turn_of_plain()
        if not self._running(self.ours):
            raise _Finished
        self._resumed = time.perf_counter()

    def _turn_of_plain(self) -> None:
        self.plain.check(self.run.grid, self.loop.run(self._steps), self._steps)
