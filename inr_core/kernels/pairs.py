"""Maps of channels in pairs, the same memory for NumPy, torch and compiled kernels.

Maps are (pairs, h + 2, w + 2, 2) int16, zero around the grid: channels 2k and 2k + 1 stand side by side, as processors
multiply them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.int16]

LINE = 16  # pairs of a cache line
BEYOND = 64  # pairs after the last map, which compiled kernels may read


class PairMaps:
    """Maps of so many pairs of channels over a grid of height × width positions."""

    def __init__(self, count: int, height: int, width: int) -> None:
        self.count, self.height, self.width = count, height, width
        self.stride = width + 2
        size = (height + 2) * self.stride
        # an odd number of cache lines apart, so that the maps do not push each other out of the cache
        self.plane = LINE * (-(-size // LINE) | 1)
        self.flat: Maps = np.zeros((count * self.plane + BEYOND, 2), np.int16)
        planes = self.flat[:-BEYOND].reshape(count, self.plane, 2)[:, :size]
        self.all: Maps = planes.reshape(count, height + 2, self.stride, 2)
        self.inner = self.all[:, 1:-1, 1:-1]
