"""The floor of everything that is timed here: the machine's rate of large matrix products, and what a step needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from inr_core.fit.latent.model import low_precision
from inr_core.process.torch_settings import EXACT, FASTER, products
from inr_core.siren.plan import FitPlan

from .report import Report, stopwatch
from .speed_loops import synchronise
from .torch_threads import torch_threads

SIZES = {"cpu": 2048, "cuda": 8192}  # rows and columns of the matrices
FLOAT32, TF32, BFLOAT16 = "float32", "TF32", "bfloat16"

Rates = Mapping[str, float]  # multiply-adds a second, by the products' type


def measure(report: Report, threads: Sequence[int], rounds: int, device: torch.device) -> dict[int, Rates]:
    """A table of the machine's rates on so many threads each, and the same to calculate with."""
    title = f"Matrix products {SIZES[device.type]}×{SIZES[device.type]} on {device.type}"
    table = report.table("products", title, {"threads": "d", "type": "", "gmacs_per_second": ".1f"})
    rates: dict[int, Rates] = {}
    for count in threads:
        rates[count] = {kind: product_rate(count, kind, rounds, device) for kind in _kinds(device)}
        for kind, rate in rates[count].items():
            report.add(table, {"threads": count, "type": kind, "gmacs_per_second": rate / 1e9})
    return rates


def _kinds(device: torch.device) -> list[str]:
    kinds = [FLOAT32, TF32] if device.type == "cuda" else [FLOAT32]
    return [*kinds, BFLOAT16] if low_precision(device) else kinds


def product_rate(threads: int, kind: str, rounds: int, device: torch.device) -> float:
    """Multiply-adds a second of large matrix products, the best of some."""
    size = SIZES[device.type]
    a = torch.ones((size, size), dtype=torch.bfloat16 if kind == BFLOAT16 else torch.float32, device=device)
    taken = []
    with torch_threads(threads), products(device, FASTER if kind == TF32 else EXACT):
        for _ in range(rounds + 1):
            with stopwatch() as seconds:
                torch.mm(a, a)
                synchronise(device)
            taken += seconds
    rate: float = size**3 / min(taken)
    return rate


def training_rate(rates: Rates) -> float:
    """Of the products that ours trains a siren with."""
    return rates[TF32] if TF32 in rates else rates[FLOAT32]


def multiply_adds(plan: FitPlan) -> int:
    """Of a training step: forward, by the inputs and by the weights, masked ones included."""
    return 3 * sum(out * into for out, into in plan.shapes) * plan.batch
