"""What the study concluded, tested on the rows of a run: agrees or differs, by how much, on which picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from inr_core.metrics import Pchip

from .experiment import Study

Curve = Sequence[tuple[float, float]]  # (bytes, dB), in any order
NOTHING = "no bytes in common"


@dataclass(frozen=True)
class Conclusion:
    """One claim of the study on one picture."""

    claim: str
    picture: str
    verdict: str  # "agrees", "differs" or "open", where nothing could be compared
    by: Annotated[float | None, "+z.2f"]  # how far on the claim's side (+) or on the other (−)
    unit: str
    measured: str


def above(claim: str, picture: str, gap: float | None, measured: str, unit: str = "dB") -> Conclusion:
    """The claim is that `gap` is positive."""
    if gap is None or math.isnan(gap):
        return Conclusion(claim, picture, "open", None, unit, measured)
    return Conclusion(claim, picture, "agrees" if gap > 0 else "differs", gap, unit, measured)


def within(claim: str, picture: str, value: float | None, limit: float, measured: str, unit: str = "dB") -> Conclusion:
    """The claim is that |value| is at most `limit`; `by` is what is left of it, or how far it is exceeded."""
    if value is None or math.isnan(value):
        return Conclusion(claim, picture, "open", None, unit, measured)
    left = limit - abs(value)
    return Conclusion(claim, picture, "agrees" if left >= 0 else "differs", left, unit, measured)


def conclude(study: Study, conclusions: Iterable[Conclusion]) -> None:
    """Add the table that ends an experiment's report."""
    rows = study.rows("Against the study (by: how far on its side, or − on the other)", Conclusion, " conclusions")
    for conclusion in conclusions:
        rows.add(conclusion)


def front(curve: Curve) -> list[tuple[float, float]]:
    """The points that no other dominates, by rising bytes; infinite PSNR is left out."""
    best: list[tuple[float, float]] = []
    for size, decibels in sorted(curve, key=lambda point: (point[0], -point[1])):
        if math.isfinite(decibels) and (not best or decibels > best[-1][1]):
            best.append((size, decibels))
    return best


def mean_gap(curve: Curve, other: Curve) -> tuple[float | None, str]:
    """Mean dB that `curve` is above `other` at equal bytes, over the range both cover, and that in words.

    PCHIP over the logarithm of bytes, of the points no other dominates. None where there is no such range.
    """
    fronts = front(curve), front(other)
    if min(map(len, fronts)) < 2:
        return None, NOTHING
    a, b = (Pchip.through(np.log([x for x, _ in f]), [y for _, y in f]) for f in fronts)
    low, high = float(max(a.x[0], b.x[0])), float(min(a.x[-1], b.x[-1]))
    if low >= high:
        return None, NOTHING
    gap = (a.integral(low, high) - b.integral(low, high)) / (high - low)
    words = f"mean {gap:+z.2f} dB, {math.exp(low):,.0f} to {math.exp(high):,.0f} bytes"
    worse = sum(len(set(points)) - len(best) for points, best in zip((curve, other), fronts, strict=True))
    return gap, words + (f", {worse} dominated left out" if worse else "")
