"""What the study concluded, tested on the rows of a run: agrees or differs, by how much, on which picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...metrics import Pchip
from .experiment import Study, cells

Curve = Sequence[tuple[float, float]]  # (bytes, dB), in any order

COLUMNS = {"claim": "", "picture": "", "verdict": "", "by": "+z.2f", "unit": "", "measured": ""}


@dataclass(frozen=True)
class Conclusion:
    """One claim of the study on one picture."""

    claim: str
    picture: str
    verdict: str  # "agrees", "differs" or "open", where nothing could be compared
    by: float | None  # how far on the claim's side (+) or on the other (−)
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
    table = study.report.table(
        f"{study.name} conclusions", "Against the study (by: how far on its side, or − on the other)", COLUMNS
    )
    for conclusion in conclusions:
        study.report.add(table, cells(conclusion))


def front(curve: Curve) -> list[tuple[float, float]]:
    """The points that no other dominates, by rising bytes; infinite PSNR is left out."""
    best: list[tuple[float, float]] = []
    for size, decibels in sorted(curve, key=lambda point: (point[0], -point[1])):
        if math.isfinite(decibels) and (not best or decibels > best[-1][1]):
            best.append((size, decibels))
    return best


def mean_gap(curve: Curve, other: Curve) -> float | None:
    """Mean dB that `curve` is above `other` at equal bytes, over the range both cover; None without one.

    PCHIP over the logarithm of bytes, of the points no other dominates.
    """
    fronts = front(curve), front(other)
    if min(map(len, fronts)) < 2:
        return None
    a, b = (Pchip.through(np.log([x for x, _ in f]), [y for _, y in f]) for f in fronts)
    low, high = float(max(a.x[0], b.x[0])), float(min(a.x[-1], b.x[-1]))
    if low >= high:
        return None
    return (a.integral(low, high) - b.integral(low, high)) / (high - low)


def shown(gap: float | None) -> str:
    """A difference in dB, in words."""
    return "no bytes in common" if gap is None else f"mean {gap:+z.2f} dB"
