"""Steps per second: the fit's own loop against the simplest PyTorch loop (see `speed_loops`), in turns.

The plain loop runs with the pixels of a step drawn by torch.randint from tensors made beforehand, the simplest way, and
also with the sampler of our loop; on CUDA once more with TF32. Ours is `fit` as it is, its schedule, sampler and
reports included. The loops take turns of a few steps, so that whatever else the machine does meets them all.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import torch

from inr_core.fit.siren.trainer import BEST_PHASE, fit
from inr_core.settings import Progress, Settings
from inr_core.siren.plan import FitPlan, make_plan

from .pictures import Samples
from .report import Cell, Report, Table
from .speed_fresh import run_fresh
from .speed_loops import (
    FLOAT_PHASE,
    PEAK,
    PLAIN,
    PLAIN_OUR_SAMPLER,
    PLAIN_TF32,
    QUANTISED,
    Loop,
    make_loop,
    peak_of,
    synchronise,
    waves,
)
from .speed_products import Rates, multiply_adds, training_rate
from .torch_threads import torch_threads

ENDLESS = 10_000_000  # steps: the time ends every fit
TURN = 8  # steps, or as many as a fit makes between two reports if those are more
QUALITY = 75.0
COLUMNS = {
    "network": "",
    "weights": ",d",
    "batch": "d",
    "threads": "d",
    "loop": "",
    "turns": "d",
    "steps_per_second": ".2f",
    "ratio": ".3f",
    "gmacs_per_second": ".1f",
    "of_products": ".2f",
    "peak_mb": ".0f",
}
_PEAK = """
from pillow_inr.bench.speed_fit import peak_here
result = peak_here(what, tuple(size), options, threads)
"""

Turn = dict[str, float]  # seconds a step of each loop that took part
Network = Mapping[str, float | int]  # options of Settings


def networks(shape: tuple[int, int]) -> dict[str, Network]:
    """What is fitted, by name: `shape` (width, depth), dense, and the network that quality 75 stands for."""
    width, depth = shape
    return {
        f"{depth}×{width}": {"width": width, "depth": depth, "density": 1.0},
        f"quality {QUALITY:g}": {"quality": QUALITY},
    }


def plan_of(picture: Samples, options: Network, device: torch.device) -> FitPlan:
    """How `encode` would fit it."""
    settings = Settings.from_options(options)
    return make_plan(picture.shape, settings, quality=settings.quality, accelerated=device.type != "cpu")


def measure(
    report: Report,
    size: tuple[int, int],
    shape: tuple[int, int],
    threads: int,
    seconds: float,
    rates: Rates,
    device: torch.device,
) -> None:
    """Both networks, `seconds` each; `rates` of products on as many threads."""
    title = f"Steps of training on {device.type}, in turns (ratio: the plain loop with randint in the same turn is 1)"
    table = report.table("fit", title, COLUMNS)
    picture = waves(*size)
    for name, options in networks(shape).items():
        report.say(f"fit: {name}, {seconds:g} s")
        plan = dataclasses.replace(plan_of(picture, options, device), steps=ENDLESS, time_limit=seconds)
        with torch_threads(threads):
            turns = take_turns(picture, plan, device, threads)
        peaks = {
            what: peak_of(what, picture, plan, device)
            if device.type == "cuda"
            else run_fresh(_PEAK, without=(), what=what, size=size, options=dict(options), threads=threads)
            for what in (FLOAT_PHASE, QUANTISED, PLAIN)
        }
        _add_rows(report, table, (name, plan, threads), turns, peaks, training_rate(rates))


def _add_rows(
    report: Report,
    table: Table,
    fitted: tuple[str, FitPlan, int],
    turns: Sequence[Turn],
    peaks: Mapping[str, int | None],
    rate: float,
) -> None:
    name, plan, threads = fitted
    for loop in dict.fromkeys((FLOAT_PHASE, QUANTISED, *(loop for turn in turns[:1] for loop in turn))):
        own = [turn for turn in turns if loop in turn]
        steps = statistics.median(1 / turn[loop] for turn in own) if own else None
        macs = multiply_adds(plan) * steps if steps else None
        peak = peaks.get(loop)
        row: dict[str, Cell] = {
            "network": name,
            "weights": plan.nonzeros,
            "batch": plan.batch,
            "threads": threads,
            "loop": loop,
            "turns": len(own),
            "steps_per_second": steps,
            "ratio": statistics.median(turn[PLAIN] / turn[loop] for turn in own) if own else None,
            "gmacs_per_second": macs / 1e9 if macs else None,
            "of_products": macs / rate if macs else None,
            "peak_mb": peak / 1e6 if peak else None,
        }
        report.add(table, row)


def take_turns(picture: Samples, plan: FitPlan, device: torch.device, threads: int) -> list[Turn]:
    """Fit for `plan.time_limit` seconds, the other loops' included, and make every loop's steps in turns of TURN."""
    assert plan.time_limit is not None
    plain = [PLAIN, PLAIN_OUR_SAMPLER, *([PLAIN_TF32] if device.type == "cuda" else [])]
    loops = {what: make_loop(what, picture, plan, device) for what in plain}
    referee = _Referee(loops, BEST_PHASE * plan.time_limit, device)
    with suppress(_Enough):
        if fit(picture, PEAK, False, plan, device, referee.watch, threads).interrupted:
            raise KeyboardInterrupt
    return referee.turns


class _Enough(Exception):
    """Both phases have been seen: what follows, evaluating the whole picture and packing, is not a matter of steps."""


class _Referee:
    """Watches a fit's reports, and at the first after TURN steps holds it up until the others have made as many."""

    def __init__(self, loops: Mapping[str, Loop], end: float, device: torch.device) -> None:
        self.loops, self.end, self.device = loops, end, device
        self.turns: list[Turn] = []
        self._phase = ""
        self._step = 0
        self._resumed = 0.0

    def watch(self, progress: Progress) -> None:
        """The report a fit calls; a turn never spans two phases, whose change takes time of its own."""
        synchronise(self.device)
        steps, seconds = progress.step - self._step, time.perf_counter() - self._resumed
        if progress.seconds >= self.end:
            raise _Enough
        if progress.phase == self._phase:
            if steps < TURN:
                return
            ours = {"fit": FLOAT_PHASE, "quantise": QUANTISED}[progress.phase]
            rivals = {name: loop.run(steps) / steps for name, loop in self.loops.items()}
            self.turns.append({ours: seconds / steps, **rivals})
        self._phase, self._step, self._resumed = progress.phase, progress.step, time.perf_counter()


def peak_here(what: str, size: tuple[int, int], options: Network, threads: int) -> int | None:
    """The peak memory of this process after a few steps of a loop on the CPU."""
    picture, cpu = waves(*size), torch.device("cpu")
    with torch_threads(threads):
        return peak_of(what, picture, plan_of(picture, options, cpu), cpu)
