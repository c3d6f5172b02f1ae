"""Steps per second: the fit's own loop against the simplest PyTorch loop over the same network, batch and picture.

The plain loop is nn.Linear modules, torch.sin(ω · x), torch.optim.Adam as it comes, mse_loss, and no schedule, clamp or
report. It runs with the pixels of a step drawn by torch.randint from tensors made beforehand, the simplest way, and
also with the sampler of our loop; in both it starts from the same weights and draws as many pixels. Ours is `fit` as it
is, its schedule, sampler and reports included. The loops take turns of a few steps, so that whatever else the machine
does meets them all.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..fit.siren import Grid, Siren
from ..fit.trainer import BEST_PHASE, fit
from ..job import torch_threads
from ..plan import FitPlan, make_plan
from ..settings import Progress, Settings
from .pictures import Samples
from .report import Cell, Report, Table

CPU = torch.device("cpu")
PEAK = 255
ENDLESS = 10_000_000  # steps: the time ends every fit
WARM_UP = 3  # steps
TURN = 8  # steps, or as many as a fit makes between two reports if those are more
QUALITY = 75.0
PLAIN, PLAIN_OUR_SAMPLER = "plain loop, randint", "plain loop, our sampler"
FLOAT_PHASE, QUANTIZED = "ours, float phase", "ours, quantised phase"
COLUMNS = {
    "network": "",
    "weights": ",d",
    "batch": "d",
    "threads": "d",
    "loop": "",
    "turns": "d",
    "steps_per_second": ".2f",
    "ratio": ".3f",
}


Turn = dict[str, float]  # seconds a step of each loop that took part


class PlainSiren(torch.nn.Module):
    """The network as anyone would write it."""

    def __init__(self, siren: Siren) -> None:
        super().__init__()
        self.omegas = siren.omegas
        self.layers = torch.nn.ModuleList()
        for weight, bias in zip(siren.weights, siren.biases, strict=True):
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
            layer.weight.data.copy_(weight.data)
            layer.bias.data.copy_(bias.data)
            self.layers.append(layer)

    def forward(self, x: Tensor) -> Tensor:
        """Coordinates (n, 2) → samples (n, C) around [−1, 1]."""
        *hidden, last = self.layers
        for layer, omega in zip(hidden, self.omegas, strict=True):
            x = torch.sin(omega * layer(x))
        y: Tensor = last(x)
        return y


def waves(width: int, height: int) -> Samples:
    """A colour picture of smooth and fine parts, (H, W, 3)."""
    y, x, k = np.mgrid[:height, :width, :3]
    smooth = 80 * np.sin(x / (29 + 7 * k) + y / 41)
    fine = 40 * np.sin(x * y / (190 + 30 * k))
    picture: Samples = np.rint(127.5 + smooth + fine).astype(np.uint8)
    return picture


def measure(report: Report, size: tuple[int, int], shape: tuple[int, int], threads: int, seconds: float) -> None:
    """Both networks, `seconds` each: `shape` (width, depth), dense, and the one quality 75 stands for."""
    title = "Steps of training, in turns (ratio: against the plain loop with randint in the same turn)"
    table = report.table("fit", title, COLUMNS)
    picture = waves(*size)
    width, depth = shape
    networks = {
        f"{depth}×{width}": Settings(width=width, depth=depth, density=1.0),
        f"quality {QUALITY:g}": Settings(quality=QUALITY),
    }
    for name, settings in networks.items():
        report.say(f"fit: {name}, {seconds:g} s")
        plan = make_plan(picture.shape, settings, quality=settings.quality)
        plan = dataclasses.replace(plan, steps=ENDLESS, time_limit=seconds)
        with torch_threads(threads):
            turns = take_turns(picture, plan)
        _add_rows(report, table, name, plan, threads, turns)


def _add_rows(report: Report, table: Table, name: str, plan: FitPlan, threads: int, turns: Sequence[Turn]) -> None:
    for loop in (FLOAT_PHASE, QUANTIZED, PLAIN, PLAIN_OUR_SAMPLER):
        own = [turn for turn in turns if loop in turn]
        rates = [1 / turn[loop] for turn in own]
        row: dict[str, Cell] = {
            "network": name,
            "weights": plan.nonzeros,
            "batch": plan.batch,
            "threads": threads,
            "loop": loop,
            "turns": len(own),
            "steps_per_second": statistics.median(rates) if own else None,
            "ratio": statistics.median(turn[PLAIN] / turn[loop] for turn in own) if own else None,
        }
        report.add(table, row)


def take_turns(picture: Samples, plan: FitPlan) -> list[Turn]:
    """Fit for `plan.time_limit` seconds, the other loops' included, and make every loop's steps in turns of TURN."""
    assert plan.time_limit is not None
    grid = Grid(picture, PEAK, False, CPU, plan.seed)
    loops = {PLAIN: PlainLoop(plan, draw_randint(grid, plan.batch))}
    loops[PLAIN_OUR_SAMPLER] = PlainLoop(plan, partial(grid.batch, plan.batch))
    referee = _Referee(loops, BEST_PHASE * plan.time_limit)
    with suppress(_Enough):
        if fit(picture, PEAK, False, plan, CPU, referee.watch).interrupted:
            raise KeyboardInterrupt
    return referee.turns


class _Enough(Exception):
    """Both phases have been seen: what follows, evaluating the whole picture and packing, is not a matter of steps."""


class _Referee:
    """Watches a fit's reports, and at the first after TURN steps holds it up until the others have made as many."""

    def __init__(self, loops: Mapping[str, PlainLoop], end: float) -> None:
        self.loops, self.end = loops, end
        self.turns: list[Turn] = []
        self._phase = ""
        self._step = 0
        self._resumed = 0.0

    def watch(self, progress: Progress) -> None:
        """The report a fit calls; a turn never spans two phases, whose change takes time of its own."""
        steps, seconds = progress.step - self._step, time.perf_counter() - self._resumed
        if progress.seconds >= self.end:
            raise _Enough
        if progress.phase == self._phase:
            if steps < TURN:
                return
            ours = {"fit": FLOAT_PHASE, "quantise": QUANTIZED}[progress.phase]
            rivals = {name: loop.run(steps) / steps for name, loop in self.loops.items()}
            self.turns.append({ours: seconds / steps, **rivals})
        self._phase, self._step, self._resumed = progress.phase, progress.step, time.perf_counter()


class PlainLoop:
    """The simplest training loop; `draw` gives the coordinates and the samples of a step."""

    def __init__(self, plan: FitPlan, draw: Callable[[], tuple[Tensor, Tensor]]) -> None:
        self.draw = draw
        self.model = PlainSiren(Siren(plan.shapes, plan.omega_first, plan.omega_hidden, plan.seed, CPU))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=plan.learning_rate)
        self.run(WARM_UP)

    def run(self, steps: int) -> float:
        """Make so many steps; the seconds they took."""
        start = time.perf_counter()
        for _ in range(steps):
            x, target = self.draw()
            self.optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(self.model(x), target)
            torch.autograd.backward(loss)
            self.optimizer.step()
        return time.perf_counter() - start


def draw_randint(grid: Grid, batch: int) -> Callable[[], tuple[Tensor, Tensor]]:
    """Pixels of a step the simplest way: all of them where a step takes all."""
    blocks = list(grid.blocks())
    x, target = torch.cat([b[0] for b in blocks]), torch.cat([b[1] for b in blocks])

    def draw() -> tuple[Tensor, Tensor]:
        if batch >= len(x):
            return x, target
        index = torch.randint(len(x), (batch,))
        return x[index], target[index]

    return draw
