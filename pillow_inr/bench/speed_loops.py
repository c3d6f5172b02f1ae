"""The training loops that are compared: ours, and the simplest one in PyTorch over the same network and picture.

The plain loop is nn.Linear modules, torch.sin(ω · x), torch.optim.Adam as it comes, mse_loss, and no schedule, clamp or
report; products are in float32, as torch does them where nobody asks for TF32. It starts from the same weights as ours
and draws as many pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from inr_core.fit.siren.network import Grid, Siren
from inr_core.fit.siren.trainer import Run
from inr_core.process.torch_settings import EXACT, FASTER, products
from inr_core.siren.plan import FitPlan

from .fresh import peak_bytes
from .pictures import Samples
from .report import stopwatch

PEAK = 255
WARM_UP = 5  # steps: more than ours makes before it records
PLAIN, PLAIN_OUR_SAMPLER, PLAIN_TF32 = "plain loop, randint", "plain loop, our sampler", "plain loop, TF32"
FLOAT_PHASE, QUANTISED = "ours, float phase", "ours, quantised phase"

Precision = Callable[[], AbstractContextManager[object]]  # of float32 products


class Loop(Protocol):
    """A training loop that can be held up."""

    def run(self, steps: int) -> float:
        """Make so many steps; the seconds they took."""


class OurLoop:
    """Gradients and update of our fit, drawing its pixels, without schedule and reports; in one of its two phases."""

    def __init__(self, samples: Samples, plan: FitPlan, device: torch.device, phase: str) -> None:
        self.device = device
        self._run = Run(samples, PEAK, False, plan, device, torch.get_num_threads())
        if phase == QUANTISED:
            with self._run.at_work():
                self._run.finish()  # which starts that phase

    def run(self, steps: int) -> float:
        """Make so many steps; the seconds they took."""
        run = self._run
        with run.at_work(), stopwatch() as seconds:
            for _ in range(steps):
                run.optimizer.start_step(run.learning_rate)
                run.grid.draw(run.plan.batch)
                run.compute_gradients()
                run.update()
            synchronise(self.device)
        return seconds[0]


class PlainLoop:
    """The simplest training loop; `draw` gives the coordinates and the samples of a step."""

    def __init__(
        self, plan: FitPlan, draw: Callable[[], tuple[Tensor, Tensor]], device: torch.device, tf32: bool = False
    ) -> None:
        self.draw, self.device = draw, device
        self.precision: Precision = partial(products, device, FASTER if tf32 else EXACT)
        self.model = PlainSiren(Siren(plan.shapes, plan.omega_first, plan.omega_hidden, plan.seed, device))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=plan.learning_rate)

    def run(self, steps: int) -> float:
        """Make so many steps; the seconds they took."""
        with self.precision(), stopwatch() as seconds:
            for _ in range(steps):
                x, target = self.draw()
                self.optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(self.model(x), target)
                torch.autograd.backward(loss)
                self.optimizer.step()
            synchronise(self.device)
        return seconds[0]


class PlainSiren(torch.nn.Module):
    """The network as anyone would write it."""

    def __init__(self, siren: Siren) -> None:
        super().__init__()
        self.omegas = siren.omegas
        self.layers = torch.nn.ModuleList()
        for weight, bias in zip(siren.weights, siren.biases, strict=True):
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0], device=weight.device)
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


def draw_randint(grid: Grid, batch: int) -> Callable[[], tuple[Tensor, Tensor]]:
    """Pixels of a step the simplest way: all of them where a step takes all."""
    blocks = list(grid.blocks())
    x, target = torch.cat([b[0] for b in blocks]), torch.cat([b[1] for b in blocks])

    def draw() -> tuple[Tensor, Tensor]:
        if batch >= len(x):
            return x, target
        index = torch.randint(len(x), (batch,), device=x.device)
        return x[index], target[index]

    return draw


def make_loop(what: str, samples: Samples, plan: FitPlan, device: torch.device) -> Loop:
    """One of the loops, warmed up."""
    grid = Grid(samples, PEAK, False, device, plan.seed)
    loop: Loop
    if what in (FLOAT_PHASE, QUANTISED):
        loop = OurLoop(samples, plan, device, what)
    elif what == PLAIN_OUR_SAMPLER:
        loop = PlainLoop(plan, partial(grid.batch, plan.batch), device)
    else:
        loop = PlainLoop(plan, draw_randint(grid, plan.batch), device, tf32=what == PLAIN_TF32)
    loop.run(WARM_UP)
    return loop


def peak_of(what: str, samples: Samples, plan: FitPlan, device: torch.device) -> int | None:
    """Bytes that a loop takes at the most, see `peak_while`."""
    return peak_while(lambda: make_loop(what, samples, plan, device).run(1), device)


def peak_while(action: Callable[[], object], device: torch.device) -> int | None:
    """Bytes in use at the most: on a GPU what the action took there, else of this process since it began."""
    if device.type != "cuda":
        action()
        return peak_bytes()
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    action()
    return torch.cuda.max_memory_allocated(device) - before


def steps_in_turns(loops: Sequence[Loop], seconds: float, turns: int) -> list[list[float]]:
    """Seconds a step of each loop, one after the other, `turns` times; a loop's turn takes about `seconds`."""
    counts = [max(1, round(seconds / loop.run(1))) for loop in loops]
    return [[loop.run(count) / count for loop, count in zip(loops, counts, strict=True)] for _ in range(turns)]


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def waves(width: int, height: int) -> Samples:
    """A colour picture of smooth and fine parts, (H, W, 3)."""
    y, x, k = np.mgrid[:height, :width, :3]
    smooth = 80 * np.sin(x / (29 + 7 * k) + y / 41)
    fine = 40 * np.sin(x * y / (190 + 30 * k))
    picture: Samples = np.rint(127.5 + smooth + fine).astype(np.uint8)
    return picture
