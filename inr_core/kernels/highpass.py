"""What planes hold beyond a 5×5 blur."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import switch
from .ops import Ops
from .strips import Strips

CELL_MAX = 256  # of what is given, in 1/16 of 4 steps
STRIP_POSITIONS = 1 << 14  # of planes, at once


def highpass(planes: NDArray[np.int32], factor: float, strips: Strips) -> NDArray[np.int16]:
    """Planes (n, h, w) less their blur, times 64 · `factor`, rounded, up to ±256: (n, h, w).

    The blur's weights are 1, 2, 2, 2, 1 in both directions, and the planes' edges are repeated. 64 times the difference
    wraps in 32 bits; `factor` is an integer below 2^17 times a power of two, so that the product is exact.
    """
    count, height, width = planes.shape
    out = np.empty(planes.shape, np.int16)
    found = switch.compiled()

    def work(ops: Ops, first: int, last: int) -> None:
        if found is None:
            out[:, first:last] = _rows(planes, factor, first, last)
        else:
            native, kernels = found
            native.highpass(kernels, planes, count, height, width, first, last, factor, out)

    strips.each(0, height, width, STRIP_POSITIONS if found is None else None, work)
    return out


def _rows(planes: NDArray[np.int32], factor: float, first: int, last: int) -> NDArray[np.float64]:
    """Rows [first, last), integer-valued."""
    count, height, width = planes.shape
    rows = np.arange(first - 2, last + 2).clip(0, height - 1)
    x = np.empty((count, len(rows), width + 4), np.int32)
    x[..., 2:-2] = planes[:, rows]
    x[..., :2] = x[..., 2:3]
    x[..., -2:] = x[..., -3:-2]
    y = x[:, 1:] + x[:, :-1]
    y = y[:, 1:] + y[:, :-1]
    y = y[:, 2:] + y[:, :-2]
    y = y[..., 1:] + y[..., :-1]
    y = y[..., 1:] + y[..., :-1]
    y = y[..., 2:] + y[..., :-2]
    z = x[:, 2:-2, 2:-2] << np.int32(6)
    z -= y
    high = z * np.float64(factor)
    high += 0.5
    np.floor(high, out=high)
    return np.clip(high, -CELL_MAX, CELL_MAX, out=high)
