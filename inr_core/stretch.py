"""Values of a picture of 16 bits ↔ the samples of a model, which take the whole scale whatever part of it values use.

A range is stretched evenly. Only where a few values lie so far away that the others would keep little of the scale (a
hot pixel, a depth map's mark where nothing was measured), these keep a quarter of it, and the outliers get their own
parts, with room between: an error of half the others' range does not make an outlier of one of them, nor the other way
round. Outliers of one value come back exactly.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .container.ranges import FULL, SHARE, Range

Samples = NDArray[np.unsignedinteger[Any]]
Table = NDArray[np.uint16]  # (65536,)
Counts = NDArray[np.int64]  # (65536,)

SCALE = 65_536
PART = int(SCALE * SHARE)
GAP = PART // 2  # between values and outliers
FEW = 400  # one value in so many may be an outlier, at each end
NARROW = 2  # so many times as wide all values are as nearly all of them before the others are outliers
NEARBY = 4  # of their width, that much farther away values are none
APART = 4  # so many times as wide all colours are as one of them before each has a range of its own
COUNTED = 1 << 20  # values at a time


def ranges_of(values: Samples, alpha: bool, few: bool = True) -> tuple[Range, ...]:
    """The range of each channel of values (H, W, C) uint16; none where all of them are the whole scale.

    Colours share one, so that grey stays grey, but where one of them uses far less of it than all together. `alpha`:
    the last channel is one, and means the whole scale; colours where it is 0 do not count. Without `few`, values of
    which there are only a few are not in the range.
    """
    *colours, last = np.moveaxis(values, 2, 0) if alpha else (*np.moveaxis(values, 2, 0), None)
    visible = last > 0 if last is not None and last.any() else np.True_
    counts = [_counts(channel, np.broadcast_to(visible, channel.shape)) for channel in colours]
    ranges = [_range(each, few) for each in counts]
    together = _range(np.sum(counts, axis=0), few)
    if all(APART * each.width >= together.width for each in ranges):
        ranges = [together] * len(ranges)
    if last is not None:
        flat = int(last.flat[0])
        ranges.append(Range.even(flat, flat) if (last == flat).all() else FULL)
    return () if all(each == FULL for each in ranges) else tuple(ranges)


def _counts(channel: Samples, visible: NDArray[np.bool_]) -> Counts:
    """How often each value comes where it is visible."""
    rows = max(1, COUNTED // channel.shape[1])
    counts = np.zeros(SCALE, np.int64)
    for top in range(0, len(channel), rows):
        block = slice(top, top + rows)
        counts += np.bincount(channel[block][visible[block]], minlength=SCALE)
    return counts


def _range(counts: Counts, few: bool) -> Range:
    """The range of values that come so often each."""
    used = np.flatnonzero(counts)
    most = max(1, int(counts.sum()) // FEW)
    below, above = np.cumsum(counts[used]), np.cumsum(counts[used[::-1]])[::-1]
    near = used[(below > most) & (above > most)]
    if not few and _narrow(near, used):
        used = near = _around(near, used)
    while len(near) > 3:  # a value at an end, farther away than the others are wide, marks something, however often
        width = near[-2] - near[1]
        marks = int(near[1] - near[0] > width), int(near[-1] - near[-2] > width)
        if not any(marks):
            break
        near = near[marks[0] : len(near) - marks[1]]
    if not _narrow(near, used):
        return Range.even(int(used[0]), int(used[-1]))
    near = _around(near, used)
    low, high = near[0], near[-1]
    under, over = used[used < low], used[used > high]
    lowest, lower = (under[0], under[-1]) if len(under) else (low, low)
    higher, highest = (over[0], over[-1]) if len(over) else (high, high)
    return Range(*map(int, (lowest, lower, low, high, higher, highest)))


def _narrow(near: NDArray[np.intp], used: NDArray[np.intp]) -> bool:
    return len(near) > 1 and bool(NARROW * (near[-1] - near[0]) < used[-1] - used[0])


def _around(near: NDArray[np.intp], used: NDArray[np.intp]) -> NDArray[np.intp]:
    """And what is not far from them: the ends of a slope are no outliers."""
    reach = (near[-1] - near[0]) // NEARBY
    around: NDArray[np.intp] = used[(used >= near[0] - reach) & (used <= near[-1] + reach)]
    return around


def to_samples(values: Samples, ranges: tuple[Range, ...]) -> Samples:
    """Values (h, W, C) → samples (h, W, C); the same where there are no ranges."""
    return _mapped(values, [_samples_of(each) for each in ranges])


def to_values(samples: Samples, ranges: tuple[Range, ...]) -> Samples:
    """Samples (h, W, C) → the values they stand for (h, W, C); the same where there are no ranges."""
    return _mapped(samples, [_values_of(each) for each in ranges])


def _mapped(given: Samples, tables: list[Table]) -> Samples:
    if not tables:
        return given
    out = np.empty_like(given)
    for channel, table in enumerate(tables):
        out[..., channel] = table[given[..., channel]]
    return out


def _first(of: Range) -> int:
    """The sample of low."""
    below, above = of.outliers
    return 0 if not below else SCALE - PART if not above else (SCALE - PART) // 2


def _parts(of: Range) -> list[tuple[int, int, int, int]]:
    """First and last sample, first and last value of the parts of the scale, from the lowest to the highest."""
    below, above = of.outliers
    if not below and not above:
        return [(0, SCALE - 1, of.low, of.high)]
    first, after = _first(of), _first(of) + PART
    parts = [
        (0, first - 2 * GAP - 1, of.lowest, of.lower),
        (first - 2 * GAP, first - GAP - 1, of.lower, of.lower),
        (first - GAP, first - 1, of.low, of.low),
        (first, after - 1, of.low, of.high),
        (after, after + GAP - 1, of.high, of.high),
        (after + GAP, after + 2 * GAP - 1, of.higher, of.higher),
        (after + 2 * GAP, SCALE - 1, of.higher, of.highest),
    ]
    return parts[0 if below else 3 : 7 if above else 4]


@lru_cache(16)
def _values_of(of: Range) -> Table:
    """The value of each sample."""
    table = np.empty(SCALE, np.uint16)
    for s0, s1, v0, v1 in _parts(of):
        s = np.arange(s0, s1 + 1, dtype=np.int64)
        table[s] = v0 + (2 * (s - s0) * (v1 - v0) + s1 - s0) // (2 * (s1 - s0))
    return table


@lru_cache(16)
def _samples_of(of: Range) -> Table:
    """The sample of each value; that of the nearest end, of those that are beyond it."""
    table = np.arange(SCALE).astype(np.uint16)  # where there is one value only, any would do
    if any(of.outliers):
        first = table[of.low] = _first(of)
        if of.lower < of.low:
            table[of.lower] = first - 2 * GAP
        if of.higher > of.high:
            table[of.higher] = first + PART + 2 * GAP - 1
    for s0, s1, v0, v1 in _parts(of):
        if v0 < v1:
            v = np.arange(v0, v1 + 1, dtype=np.int64)
            table[v] = s0 + (2 * (v - v0) * (s1 - s0) + v1 - v0) // (2 * (v1 - v0))
    table[: of.lowest], table[of.highest :] = table[of.lowest], table[of.highest]
    return table
