"""Samples of a grid at another size: Lanczos' kernel, wide enough that what is too fine for a smaller size is left out.

Grid l has a sample at every 2^l-th pixel of the picture's columns and rows, from the first on; grid −1 has one between
every two as well. All of it is integers, so that a picture is the same everywhere.

Method: C. E. Duchon, "Lanczos filtering in one and two dimensions", J. Applied Meteorology 18, 1979.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOBES = 3
PHASES = 64  # entries of the kernel's table a unit
UNIT = 4000  # of the weights
ROWS = 32  # made at once

Samples = NDArray[np.unsignedinteger[Any]]
Ints = NDArray[np.int64]
Box = tuple[int, int, int, int]


def _kernel() -> Ints:
    # No entry lies within 1e-3 of a rounding boundary (tested), so it cannot depend on the platform's sine.
    t = np.arange(LOBES * PHASES + 1) / PHASES
    table: Ints = np.rint(UNIT * np.sinc(t) * np.sinc(t / LOBES)).astype(np.int64)
    return table


KERNEL = _kernel()  # (193,)


def resample(samples: Samples, box: Box, size: tuple[int, int], level: int = 0) -> Samples:
    """Samples (h, w, C) of a grid → the part `box` (x0, y0, x1, y1), in pixels of the picture, as (height, width, C).

    Rows come first, then columns, each rounded half up; beyond the grid, the samples at its edge go on.
    """
    x0, y0, x1, y1 = box
    width, height = size
    rows = _axis(samples, y0, y1, height, level)
    columns = _axis(np.ascontiguousarray(rows.swapaxes(0, 1)), x0, x1, width, level)
    return np.ascontiguousarray(columns.swapaxes(0, 1))


def _axis(samples: Samples, start: int, stop: int, size: int, level: int) -> Samples:
    """The first axis of (n, …)."""
    if level == 0 and size == stop - start:
        return samples[start:stop]
    n = len(samples)
    flat = samples.reshape(n, -1)
    out = np.empty((size, flat.shape[1]), samples.dtype)
    peak = np.iinfo(samples.dtype).max
    firsts, weights = _taps(start, stop, size, level)
    totals = weights.sum(1, keepdims=True)
    for top in range(0, size, ROWS):
        block = slice(top, top + ROWS)
        sums = np.stack([_sum(flat, f, w) for f, w in zip(firsts[block], weights[block], strict=True)])
        total = totals[block]
        out[block] = np.clip((2 * sums.astype(np.int64) + total) // (2 * total), 0, peak)
    return out.reshape(size, *samples.shape[1:])


def _sum(flat: Samples, first: int, weights: Ints) -> NDArray[np.float64]:
    """Σ weights · rows of (n, m) from `first` on: exact, integers below 2^53."""
    n, last = len(flat), first + len(weights)
    low, high = min(max(first, 0), n - 1), min(max(last, 1), n)
    if first < 0 or last > n:
        weights = np.bincount(np.arange(first, last).clip(low, high - 1) - low, weights)
    total: NDArray[np.float64] = weights.astype(np.float64) @ flat[low:high].astype(np.float64)
    return total


def _taps(start: int, stop: int, size: int, level: int) -> tuple[list[int], Ints]:
    """For each of `size` equal parts of pixels [start, stop): the first sample that counts, and weights (size, taps).

    The centre of part i is N / D samples of the grid from its first one, and samples up to LOBES · E / D away count.
    """
    finer = 1 << max(-level, 0)
    d = 2 * size << max(level, 0)
    e = max(d, 2 * (stop - start) * finer)
    n = (2 * size * start + (2 * np.arange(size, dtype=np.int64) + 1) * (stop - start) - size) * finer
    first = -((LOBES * e - n) // d)
    j = first[:, None] + np.arange(2 * LOBES * e // d + 1)
    at = (PHASES * np.abs(j * d - n[:, None]) + e // 2) // e
    return first.tolist(), np.where(at < len(KERNEL), KERNEL[np.minimum(at, len(KERNEL) - 1)], 0)
