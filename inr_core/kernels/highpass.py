"""What planes hold beyond a 5×5 blur."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .switch import native

CELL_MAX = 256  # of what is given, in 1/16 of a step


def highpass(
    planes: NDArray[np.int32], factor: float, out: NDArray[np.int16], first: int, last: int, kernels: int | None
) -> None:
    """Rows [first, last) of planes (n, h, w) less their blur, times 64 · `factor`, rounded: `out`, up to ±256.

    The blur's weights are 1, 2, 2, 2, 1 in both directions, and the planes' edges are repeated. 64 times the difference
    wraps in 32 bits; `factor` is an integer below 2^17 times a power of two, so that the product is exact.
    """
    count, height, width = planes.shape
    if kernels is not None and native is not None:
        native.highpass(kernels, planes, count, height, width, first, last, factor, out)
        return
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
    high = z * factor
    high += 0.5
    np.floor(high, out=high)
    out[:, first:last] = np.clip(high, -CELL_MAX, CELL_MAX, out=high)
