"""Pixels of the mixing coder, with room around them for what their neighbours are beyond the picture."""

from __future__ import annotations

import math
import mmap

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint64]  # (h, w): of each pixel 16 bits a plane, the first one lowest

EDGE, ROWS_ABOVE = 8, 3  # pixels beyond the ends of rows, rows above the first
INSIDE = np.s_[ROWS_ABOVE:, EDGE:-EDGE]


def with_room(height: int, width: int) -> Pixels:
    """Zeros for pixels, INSIDE, and what is around them: pages that go back to the system when nobody needs them."""
    shape = height + ROWS_ABOVE, width + 2 * EDGE
    try:
        pages = mmap.mmap(-1, 8 * math.prod(shape))
    except OSError as e:
        raise MemoryError(f"pixels: expected {math.prod(shape)} times 8 bytes of memory, got none") from e
    return np.frombuffer(pages, np.uint64).reshape(shape)
