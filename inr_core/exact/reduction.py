"""Planes of a strip that are nearly the same and take fewer bytes: lossy pictures of the exact model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..kernels import reducing
from .colours import Planes
from .mixed import SURE, joined, parted, share_alike
from .strips import COMPARED, mixed_part, pack_strip

MUCH = 0.2  # of what a strip's bits are worth: an error that saves many; of 0.03 there were strips that were no smaller
EXACT_GAIN = 1.02  # an exact strip may be so much larger than one that is not


class Kept(NamedTuple):
    """What does not change."""

    alpha: bool = False  # the last plane; where it is 0, the others may be anything
    ends: tuple[int, int] | None = None  # of a single plane, values that stay and that no other becomes

    def options(self, planes: int) -> dict[str, Any]:
        """As `reducing.reduce_pixels` takes it."""
        return {"kept": planes - 1 if self.alpha else None, "ends": self.ends}


class Reduced(NamedTuple):
    """A strip that was changed, or not."""

    planes: Planes
    payload: bytes
    error: float  # the square error of all samples of all pixels that can be seen


def reduce_strip(
    planes: Planes, exact: Callable[[], bytes], groups: Sequence[int], level: int, trade: float, kept: Kept
) -> Reduced:
    """What the mixing coder makes of planes (P, h, w) of 8 bits, or as they are where that is hardly larger.

    exact: gives what `pack_strip` makes of them, which takes groups and level, too. It is not asked where the error,
    which about saves bits of its worth, says that this is much larger.
    trade: the square error of all samples of a pixel that a bit is worth.
    """
    found = [_reduced(planes, groups, level, trade, kept, asks) for asks in _ways(planes)]
    best = min(found, key=lambda each: each.error + 8 * trade * len(each.payload))
    if best.error > MUCH * 8 * trade * len(best.payload):
        return best
    whole = exact()
    return best if EXACT_GAIN * len(best.payload) < len(whole) else Reduced(planes, whole, 0.0)


def quick_cost(planes: Planes, trade: float, kept: Kept, price: float) -> float:
    """About what planes that are reduced by a trade cost: error and, at a price each, bits."""
    made, data = reducing.reduce_pixels(joined(planes), len(planes), 8, True, trade, **kept.options(len(planes)))
    return error_between(planes, parted(made, len(planes), 8), kept.alpha) + price * 8 * len(data)


def error_between(planes: Planes, others: Planes, alpha: bool) -> float:
    """The square error of all samples that can be seen."""
    differences = planes.astype(np.int32) - others
    if alpha:
        differences *= planes[-1] > 0
    return float(np.square(differences).sum(dtype=np.float64))


def _ways(planes: Planes) -> tuple[bool, ...]:
    """Of a single sample asking for pixels often costs more."""
    return (True,) if len(planes) > 1 or share_alike(joined(planes)) > SURE else (True, False)


def _reduced(planes: Planes, groups: Sequence[int], level: int, trade: float, kept: Kept, asks: bool) -> Reduced:
    made, data = reducing.reduce_pixels(joined(planes), len(planes), 8, asks, trade, **kept.options(len(planes)))
    changed = parted(made, len(planes), 8)
    payload = mixed_part(len(planes), asks, data)
    if changed[0].size <= COMPARED:
        payload = min(payload, pack_strip(changed, 256, groups, level, may_mix=False), key=len)
    return Reduced(changed, payload, error_between(planes, changed, kept.alpha))
