"""Steps per second: the fit's own loop against the simplest PyTorch loop over the same network, batch and picture.

The plain loop is nn.Linear modules, torch.sin(ω · x), torch.optim.Adam as it comes, mse_loss, and no schedule, clamp or
report. It runs with the pixels of a step drawn by torch.randint from tensors made beforehand, the simplest way, and
also with the sampler of our loop; in both it starts from the same weights and draws as many pixels.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np
import torch
from torch import Tensor

from ..encoder import torch_threads
from ..fit.siren import Grid, Siren
from ..fit.trainer import BEST_PHASE, QUANTIZED_PHASE, fit
from ..plan import FitPlan, make_plan
from ..settings import Progress, Settings
from .pictures import Samples
from .report import Cell, Report, Table

CPU = torch.device("cpu")
PEAK = 255
ENDLESS = 10_000_000  # steps: the time ends every fit
WARM_UP = 3  # steps
QUALITY = 75.0
PLAIN, PLAIN_OUR_SAMPLER = "plain loop, randint", "plain loop, our sampler"
FLOAT_PHASE, QUANTIZED = "ours, float phase", "ours, quantised phase"
COLUMNS = {
    "network": "",
    "weights": ",d",
    "batch": "d",
    "threads": "d",
    "loop": "",
    "steps_per_second": ".2f",
    "lowest": ".2f",
    "highest": ".2f",
    "ratio": ".3f",
}


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


def measure(
    report: Report, size: tuple[int, int], shape: tuple[int, int], threads: int, rounds: int, seconds: float
) -> None:
    """Both networks: `shape` (width, depth), dense, and the one quality 75 stands for; a fit takes `seconds`."""
    title = "Steps of training (ratio: against the plain loop with randint, median over the rounds)"
    table = report.table("fit", title, COLUMNS)
    picture = waves(*size)
    width, depth = shape
    networks = {
        f"{depth}×{width}": Settings(width=width, depth=depth, density=1.0),
        f"quality {QUALITY:g}": Settings(quality=QUALITY),
    }
    for name, settings in networks.items():
        plan = make_plan(picture.shape, settings, quality=settings.quality)
        plan = dataclasses.replace(plan, steps=ENDLESS, time_limit=seconds)
        with torch_threads(threads):
            _measure(report, table, name, picture, plan, threads, rounds, seconds * QUANTIZED_PHASE)


def _measure(
    report: Report, table: Table, name: str, picture: Samples, plan: FitPlan, threads: int, rounds: int, seconds: float
) -> None:
    rates: dict[str, list[float | None]] = {FLOAT_PHASE: [], QUANTIZED: [], PLAIN: [], PLAIN_OUR_SAMPLER: []}
    for turn in range(rounds):
        report.say(f"fit {name}: round {turn + 1} of {rounds}")
        ours, quantised = fit_rates(picture, plan)
        rates[FLOAT_PHASE].append(ours)
        rates[QUANTIZED].append(quantised)
        rates[PLAIN].append(plain_rate(picture, plan, seconds, our_sampler=False))
        rates[PLAIN_OUR_SAMPLER].append(plain_rate(picture, plan, seconds, our_sampler=True))
    for loop, values in rates.items():
        known = [rate for rate in values if rate is not None]
        ratios = [a / b for a, b in zip(values, rates[PLAIN], strict=True) if a is not None and b]
        row: dict[str, Cell] = {
            "network": name,
            "weights": plan.nonzeros,
            "batch": plan.batch,
            "threads": threads,
            "loop": loop,
            "steps_per_second": statistics.median(known) if known else None,
            "lowest": min(known, default=None),
            "highest": max(known, default=None),
            "ratio": statistics.median(ratios) if ratios else None,
        }
        report.add(table, row)


class _Enough(Exception):
    """Both phases have been seen: what follows, evaluating the whole picture and packing, is not a matter of steps."""


def fit_rates(picture: Samples, plan: FitPlan) -> tuple[float | None, float | None]:
    """Steps per second of a fit in its float and in its quantised phase, as its reports have it; None: too few."""
    assert plan.time_limit is not None
    seen: list[Progress] = []
    end = BEST_PHASE * plan.time_limit

    def watch(progress: Progress) -> None:
        if progress.seconds >= end:
            raise _Enough
        seen.append(progress)

    with suppress(_Enough):
        fit(picture, PEAK, False, plan, CPU, watch)
    return _rate([p for p in seen if p.phase == "fit"]), _rate([p for p in seen if p.phase == "quantise"])


def _rate(reports: Sequence[Progress]) -> float | None:
    if len(reports) < 2:
        return None
    first, last = reports[0], reports[-1]
    return (last.step - first.step) / (last.seconds - first.seconds)


def plain_rate(picture: Samples, plan: FitPlan, seconds: float, our_sampler: bool) -> float:
    """Steps per second of the plain loop."""
    grid = Grid(picture, PEAK, False, CPU, plan.seed)
    model = PlainSiren(Siren(plan.shapes, plan.omega_first, plan.omega_hidden, plan.seed, CPU))
    optimizer = torch.optim.Adam(model.parameters(), lr=plan.learning_rate)
    draw = (lambda: grid.batch(plan.batch)) if our_sampler else _randint(grid, plan.batch)

    def step() -> None:
        x, target = draw()
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    for _ in range(WARM_UP):
        step()
    steps, start = 0, time.perf_counter()
    while (now := time.perf_counter()) - start < seconds or not steps:
        step()
        steps += 1
    return steps / (now - start)


def _randint(grid: Grid, batch: int) -> Callable[[], tuple[Tensor, Tensor]]:
    """Draws from the whole picture's tensors; all of it where that is what a step takes."""
    blocks = list(grid.blocks())
    x, target = torch.cat([b[0] for b in blocks]), torch.cat([b[1] for b in blocks])

    def draw() -> tuple[Tensor, Tensor]:
        if batch >= len(x):
            return x, target
        index = torch.randint(len(x), (batch,))
        return x[index], target[index]

    return draw
