"""What stands beside a pyramid, at the positions of its grids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.resample import Box

Values = NDArray[np.unsignedinteger[Any]]  # (h, w) or (h, w, C)
Mean = Callable[[Sequence[Values]], Values]  # of two or four, each of the same shape


def on_grid(values: Values, level: int, mean: Mean) -> Values:
    """Those of pixels → those of a grid; each sees what is beside it, too, and counts itself twice."""
    for _ in range(level):
        for axis in (0, 1):
            lines = np.moveaxis(values, axis, 0)
            places = np.arange(0, len(lines), 2)
            before, behind = lines[np.maximum(places - 1, 0)], lines[np.minimum(places + 1, len(lines) - 1)]
            own = lines[places]
            values = np.moveaxis(mean((before, own, own, behind)), 0, axis)
    return values


def between(values: Values, box: Box, mean: Mean) -> Values:
    """Those of pixels `box` and of what is between them, as `LatentDecoder.between` gives its samples."""
    x0, y0, x1, y1 = box
    values = values[y0:y1, x0:x1]
    for axis in (0, 1):
        lines = np.moveaxis(values, axis, 0)
        behind = np.concatenate([lines[1:], lines[-1:]])
        doubled = np.stack([lines, mean((lines, behind))], 1).reshape(2 * len(lines), *lines.shape[1:])
        values = np.moveaxis(doubled, 0, axis)
    return values


def rounded_mean(several: Sequence[Values]) -> Values:
    """Rounded half up."""
    first, *others = several
    total = first.astype(np.uint32)
    for other in others:
        total += other
    mean: Values = ((2 * total + len(several)) // (2 * len(several))).astype(first.dtype)
    return mean
