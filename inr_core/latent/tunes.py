"""What a file's steps are weighted for: PSNR, with its prior's own gains, or looks, with these beside them.

Errors of one size are seen best in luma's middle frequencies, hardly at the finest level, least in its diagonals and in
chroma. So there steps are larger, and smaller where everybody looks. The factors were found by SSIMULACRA2 on
photographs, starting from those of one level and of chroma as a whole.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .prior import GAIN_MAX, Prior

FACTOR_BITS = 6
LOOK = np.array(  # of gains, in 2^-6, finest level first, the last one of all coarser ones: luma's bands, chroma's
    [
        (134, 134, 168, 295, 295, 368),
        (70, 70, 88, 154, 154, 194),
        (41, 41, 41, 90, 90, 90),
        (32, 32, 32, 70, 70, 70),
        (29, 29, 29, 63, 63, 63),
    ],
    np.int32,
)


def tuned(prior: Prior, look: bool) -> Prior:
    """The prior with its gains weighted for looks, or as it is."""
    return replace(prior, gains=looking(prior.gains)) if look else prior


def looking(gains: NDArray[np.int32]) -> NDArray[np.int32]:
    """Gains (levels, 9) weighted for looks."""
    rows = LOOK[np.minimum(np.arange(len(gains)), len(LOOK) - 1)]
    factors = np.concatenate([rows, rows[:, 3:]], 1)
    weighted: NDArray[np.int32] = np.clip(gains * factors + (1 << FACTOR_BITS >> 1) >> FACTOR_BITS, 1, GAIN_MAX)
    return weighted
