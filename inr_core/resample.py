"""Decoded samples at another size: averages over each pixel's area where smaller, straight lines between where larger.

Integers throughout, so that a picture is the same everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.unsignedinteger[Any]]


def resize(samples: Samples, width: int, height: int) -> Samples:
    """Samples (H, W, C) → (height, width, C), rounded half up; each axis on its own."""
    for axis, size in ((0, height), (1, width)):
        n = samples.shape[axis]
        if size != n:
            rows = np.moveaxis(samples, axis, 0)
            resized = _average(rows, size) if size < n else _between(rows, size)
            samples = np.moveaxis(resized, 0, axis).astype(samples.dtype)
    return samples


def _average(samples: Samples, size: int) -> NDArray[np.int64]:
    """The means over `size` equal parts of (n, …), parts of a row counted by their share."""
    n = len(samples)
    sums = np.zeros((n + 1, *samples.shape[1:]), np.int64)
    np.cumsum(samples, axis=0, out=sums[1:])
    edges = np.arange(size + 1, dtype=np.int64) * n
    whole, part = edges // size, edges % size  # an edge lies part / size into row `whole`
    shape = (-1,) + (1,) * (samples.ndim - 1)
    inside = samples[np.minimum(whole, n - 1)].astype(np.int64)
    upto = sums[whole] * size + inside * part.reshape(shape)  # integral up to each edge, times size
    mean: NDArray[np.int64] = (2 * np.diff(upto, axis=0) + n) // (2 * n)
    return mean


def _between(samples: Samples, size: int) -> NDArray[np.int64]:
    """Rows between those of (n, …), by the nearest two."""
    n = len(samples)
    place = np.clip((2 * np.arange(size, dtype=np.int64) + 1) * n - size, 0, 2 * size * (n - 1))  # of centres, · 2·size
    low, part = place // (2 * size), place % (2 * size)
    part = part.reshape((-1,) + (1,) * (samples.ndim - 1))
    a, b = samples[low].astype(np.int64), samples[np.minimum(low + 1, n - 1)].astype(np.int64)
    rows: NDArray[np.int64] = (a * (2 * size - part) + b * part + size) // (2 * size)
    return rows
