"""The coordinate grid of the format."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels.sine import COORD_BITS


def axis_coordinates(side: int, longest: int, start: int, stop: int, samples: int) -> NDArray[np.int64]:
    """Coordinates of `samples` equal steps across pixels [start, stop) of a side of `side` pixels → (samples,) int64.

    The longer side of the picture spans [−1, 1] and both axes share its scale, so a pixel is square. Sample j lies at
    the pixel position p = start + (j + ½)(stop − start)/samples; its coordinate is (2p − side)/longest in units of
    2**−24, rounded half up. With samples == stop − start these are exactly the coordinates of the pixel centres.
    """
    j = np.arange(samples, dtype=np.int64)
    numerator = (2 * start - side) * samples + (2 * j + 1) * (stop - start)  # under 2**35 for sides under 2**16
    denominator = samples * longest
    return ((numerator << (COORD_BITS + 1)) + denominator) // (2 * denominator)
