"""Samples of a grid at another size: Lanczos' kernel, wide enough that what is too fine for a smaller size is left out.

Grid l has a sample at every 2^l-th pixel of the picture's columns and rows, from the first on; grid −1 has one between
every two as well. All of it is integers, so that a picture is the same everywhere.

Colours count as much as their pixel's alpha says: what nobody can see must not tint what is beside it. That is to
multiply by alpha, resample and divide, without rounding in between.

Method: C. E. Duchon, "Lanczos filtering in one and two dimensions", J. Applied Meteorology 18, 1979.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import switch

LOBES = 3
PHASES = 64  # entries of the kernel's table a unit
UNIT = 4000  # of the weights
ROWS = 64  # of the grid or of the result, whatever is more, at once

Samples = NDArray[np.unsignedinteger[Any]]
Ints = NDArray[np.int64]
Box = tuple[int, int, int, int]


def _kernel() -> Ints:
    """Lanczos' kernel (193,) at every 1/64 of a sample from its middle on, in 1/4000."""
    # No entry lies within 1e-3 of a rounding boundary (tested), so it cannot depend on the platform's sine.
    t = np.arange(LOBES * PHASES + 1) / PHASES
    table: Ints = np.rint(UNIT * np.sinc(t) * np.sinc(t / LOBES)).astype(np.int64)
    return table


KERNEL = _kernel()  # (193,)


def resample(samples: Samples, box: Box, size: tuple[int, int], level: int = 0, *, alpha: bool) -> Samples:
    """Samples (h, w, C) of a grid → the part `box` (x0, y0, x1, y1), in pixels of the picture, as (height, width, C).

    Rows come first, then columns, each rounded half up; beyond the grid, the samples at its edge go on. `alpha`: the
    last channel is one, by which colours count.
    """
    x0, y0, x1, y1 = box
    width, height = size
    if level == 0 and size == (x1 - x0, y1 - y0):
        return np.ascontiguousarray(samples[y0:y1, x0:x1])
    alpha = alpha and not opaque(samples)  # else all colours count the same
    rows = _axis(samples, y0, y1, height, level, alpha)
    columns = _axis(np.ascontiguousarray(rows.swapaxes(0, 1)), x0, x1, width, level, alpha)
    return np.ascontiguousarray(columns.swapaxes(0, 1))


def opaque(samples: Samples) -> bool:
    """Whether the last channel, an alpha, is at its peak everywhere."""
    return bool((samples[..., -1] == np.iinfo(samples.dtype).max).all())


def means(sums: Ints, weight: Ints | int, weighted: Ints | None, peak: int) -> Ints:
    """Sums (…, C) of samples that weigh `weight` together → samples, rounded half up.

    `weighted`, of samples with an alpha at the end: the sums (…, C − 1) of colours times their alpha. A colour is then
    the mean of what can be seen; where the mean alpha is 0, nothing can, and it is the mean of all.
    """
    plain = _quotient(sums, weight, peak)
    if weighted is not None:
        seen = plain[..., -1:] > 0  # so the sum of alphas is at least half of `weight`
        colours = _quotient(weighted, np.where(seen, sums[..., -1:], 1), peak)
        plain[..., :-1] = np.where(seen, colours, plain[..., :-1])
    return plain


def _quotient(sums: Ints, weight: Ints | int, peak: int) -> Ints:
    """Sums over weights, rounded half up and clipped to 0 … peak."""
    rounded: Ints = np.clip((2 * sums + weight) // (2 * weight), 0, peak)
    return rounded


def _axis(samples: Samples, start: int, stop: int, size: int, level: int, alpha: bool) -> Samples:
    """The first axis of (n, w, C)."""
    if level == 0 and size == stop - start:
        return samples[start:stop]
    out = np.empty((size, *samples.shape[1:]), samples.dtype)
    peak = int(np.iinfo(samples.dtype).max)
    firsts, weights = _taps(start, stop, size, level)
    largest = peak ** (1 + alpha) * int(np.abs(weights).sum(1).max())
    found = switch.compiled()
    if found is not None and not alpha and largest < 2**31:
        native, kernels = found
        part = np.ascontiguousarray(samples)
        sizes = len(part), part[0].size, part.itemsize
        native.resample(kernels, part, *sizes, firsts, weights.astype(np.int32), *weights.shape, out)
        return out
    kind = np.float64 if largest < 2**53 else np.int64  # both are exact; the first is the faster
    rows = min(max(1, int(ROWS * size * 2.0**level) // (stop - start)), ROWS)
    for top in range(0, size, rows):
        strip = slice(top, top + rows)
        low, matrix = _matrix(firsts[strip], weights[strip], len(samples))
        part = samples[low : low + matrix.shape[1]].astype(kind)
        sums = _product(matrix, part)
        weighted = _product(matrix, part[..., :-1] * part[..., -1:]) if alpha else None
        out[strip] = means(sums, matrix.sum(1)[:, None, None], weighted, peak)
    return out


def _matrix(firsts: Ints, weights: Ints, n: int) -> tuple[int, Ints]:
    """Weights (m, taps) from `firsts` (m,) on, as a matrix (m, k) for k of n samples, and the first of these."""
    places = (firsts[:, None] + np.arange(weights.shape[1])).clip(0, n - 1)
    low = int(places[0, 0])
    matrix = np.zeros((len(firsts), int(places[-1, -1]) + 1 - low), np.int64)
    np.add.at(matrix, (np.arange(len(firsts))[:, None], places - low), weights)
    return low, matrix


def _product(matrix: Ints, part: NDArray[Any]) -> Ints:
    """Weights (m, k) times samples (k, w, C)."""
    sums: Ints = (matrix.astype(part.dtype) @ part.reshape(len(part), -1)).astype(np.int64)
    return sums.reshape(-1, *part.shape[1:])


def _taps(start: int, stop: int, size: int, level: int) -> tuple[Ints, Ints]:
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
    return first, np.where(at < len(KERNEL), KERNEL[np.minimum(at, len(KERNEL) - 1)], 0)
