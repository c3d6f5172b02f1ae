"""How steps per second change with the network's width and depth and with a step's pixels, ours and the plain loop.

One of the three changes at a time. The loops take turns; ours is without schedule and reports.
"""

from __future__ import annotations

import dataclasses
import statistics

import torch

from .report import Cell, Report
from .speed_fit import plan_of
from .speed_loops import FLOAT_PHASE, PLAIN, QUANTISED, make_loop, peak_of, steps_in_turns, waves
from .speed_products import Rates, multiply_adds, training_rate
from .torch_threads import torch_threads

WIDTHS, DEPTHS = (32, 64, 128), (4, 6, 8)  # the middle ones, where something else changes
PIXELS = {"cpu": (2**10, 2**11, 2**13), "cuda": (2**11, 2**15, 2**18)}
PICTURE = (512, 512)
TURNS = 5
COLUMNS = {
    "network": "",
    "batch": "d",
    "threads": "d",
    "loop": "",
    "steps_per_second": ".1f",
    "ratio": ".3f",
    "of_products": ".2f",
    "peak_mb": ".0f",
}


def configurations(pixels: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(width, depth, pixels of a step): the middle one of each, and what differs from it in one."""
    middle = WIDTHS[1], DEPTHS[1], pixels[1]
    wider = [(width, *middle[1:]) for width in WIDTHS]
    deeper = [(middle[0], depth, middle[2]) for depth in DEPTHS]
    more = [(*middle[:2], count) for count in pixels]
    return list(dict.fromkeys([*wider, *deeper, *more]))


def measure(report: Report, threads: int, rates: Rates, device: torch.device, turn_seconds: float) -> None:
    """A row for each configuration and loop. peak_mb: of the GPU's memory; the CPU's see the part "fit"."""
    title = f"Growth of a step on {device.type} (ratio: the plain loop in the same turn is 1)"
    table = report.table("growth", title, COLUMNS)
    picture = waves(*PICTURE)
    whats = (FLOAT_PHASE, QUANTISED, PLAIN)
    for width, depth, pixels in configurations(PIXELS[device.type]):
        plan = plan_of(picture, {"width": width, "depth": depth, "density": 1.0, "batch": pixels}, device)
        plan = dataclasses.replace(plan, steps=1)  # ours makes none by itself
        with torch_threads(threads):
            loops = [make_loop(what, picture, plan, device) for what in whats]
            turns = steps_in_turns(loops, turn_seconds, TURNS)
        for k, what in enumerate(whats):
            steps = statistics.median(1 / turn[k] for turn in turns)
            peak = peak_of(what, picture, plan, device) if device.type == "cuda" else None
            row: dict[str, Cell] = {
                "network": f"{depth}×{width}",
                "batch": plan.batch,
                "threads": threads,
                "loop": what,
                "steps_per_second": steps,
                "ratio": statistics.median(turn[-1] / turn[k] for turn in turns),
                "of_products": multiply_adds(plan) * steps / training_rate(rates),
                "peak_mb": peak / 1e6 if peak else None,
            }
            report.add(table, row)
