"""Colours for pixels that nobody can see: a smooth continuation of what can be seen around them.

A file keeps colours and alpha apart, and its coarse grids mix the colours of neighbours whatever their alpha. So what
stands under an alpha of 0 must be like what is next to it: else thumbnails, which see coarse grids only, and pictures
larger than the file's take a rim from it. Edges that nobody sees take bits, too.

Method: pull–push; S. J. Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pixels import Array

Floats = NDArray[np.float32]


def with_colours_continued(samples: Array) -> Array:
    """Samples (H, W, C) whose last channel is alpha → the same, but for the colours where it is 0.

    Where all is clear, or nothing, they stay as they are.
    """
    alpha = samples[..., -1:]
    if alpha.all() or not alpha.any():
        return samples
    weight: Floats = alpha.astype(np.float32) / np.float32(np.iinfo(samples.dtype).max)
    continued = np.rint(_continued(samples[..., :-1].astype(np.float32), weight))
    new = samples.copy()
    new[..., :-1] = np.where(alpha == 0, continued.astype(samples.dtype), samples[..., :-1])
    return new


def _continued(colours: Floats, weight: Floats) -> Floats:
    """Colours (h, w, C) that count by weights (h, w, 1) of 0 … 1: the less one does, the more it is like others."""
    h, w = weight.shape[:2]
    if h == w == 1:
        return colours
    total = _halved(weight)
    mean = _halved(colours * weight) / np.maximum(total, np.finfo(np.float32).tiny)
    near = _doubled(_continued(mean.astype(np.float32), np.minimum(total, 1)), h, w)
    mixed: Floats = near + weight * (colours - near)
    return mixed


def _halved(a: Floats) -> Floats:
    """Sums of 2 × 2; an odd last row or column goes with itself."""
    h, w = a.shape[:2]
    a = np.pad(a, ((0, h % 2), (0, w % 2), (0, 0)), "edge")
    total: Floats = a[0::2, 0::2] + a[0::2, 1::2] + a[1::2, 0::2] + a[1::2, 1::2]
    return total


def _doubled(a: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Twice as many rows and columns, linear in between; the last is dropped where the size is odd."""
    for size in (height, width):  # each time the first axis, and then the other becomes it
        before, behind = np.concatenate([a[:1], a[:-1]]), np.concatenate([a[1:], a[-1:]])
        pairs = np.stack([3 * a + before, 3 * a + behind], 1) / np.float32(4)
        a = pairs.reshape(-1, *a.shape[1:])[:size].swapaxes(0, 1)
    return a
