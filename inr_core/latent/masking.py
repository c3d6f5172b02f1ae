"""Where errors hide: in textures. SSIM divides by a neighbourhood's variance for that (Z. Wang et al., 2004)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.colour import UNIT_BITS

Ints = NDArray[np.int32]
Sums = NDArray[np.signedinteger[Any]]

# Deviations in levels of 8 bits: below the first, which is SSIM's, textures hide nothing; the second is usual
FLAT, USUAL = 6.4, 13.6
MASK_BITS = 8
POWER = 2 / 3  # of the variance
POOLED, BLURRED = 4, 64  # pixels of a sum, and what the blur's weights sum to


def hidden(luma: Ints, bit_depth: int) -> Ints:
    """Luma (H, W) → how much more an error of its details (h, w) hides than usually, in 2^-MASK_BITS.

    By a power of the variance.
    """
    sums, squares = _blurred(_pooled(luma, 1)).astype(np.int64), _blurred(_pooled(luma, 2))
    count, unit = POOLED * BLURRED, 1 << UNIT_BITS[bit_depth]
    variance = (count * squares - sums * sums) / float(count * unit) ** 2
    found: Ints = np.rint(2.0**MASK_BITS * ((variance + FLAT**2) / (USUAL**2 + FLAT**2)) ** POWER).astype(np.int32)
    return found


def _pooled(x: Ints, power: int) -> Sums:
    """Sums (⌈H/2⌉, ⌈W/2⌉) of a power of two by two, edges repeated."""
    padded = np.pad(x, [(0, n % 2) for n in x.shape], "edge")
    total = np.zeros((padded.shape[0] // 2, padded.shape[1] // 2), np.int32 if power == 1 else np.int64)
    for top, left in ((0, 0), (0, 1), (1, 0), (1, 1)):
        total += padded[top::2, left::2].astype(total.dtype) ** power
    return total


def _blurred(x: Sums) -> Sums:
    """Sums (h, w) by [1 2 2 2 1] ⊗ [1 2 2 2 1], edges repeated."""
    for axis in range(2):
        padded = np.moveaxis(np.pad(x, [(2, 2) if k == axis else (0, 0) for k in range(2)], "edge"), axis, 0)
        twos = padded[1:] + padded[:-1]
        x = np.moveaxis(twos[:-3] + twos[1:-2] + twos[2:-1] + twos[3:], 0, axis)
    return x
