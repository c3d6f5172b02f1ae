"""Symbols ↔ how they differ from what their neighbours to the left and above say. Whole arrays at a time.

Method: the median edge detector of LOCO-I; M. J. Weinberger, G. Seroussi, G. Sapiro, "The LOCO-I lossless image
compression algorithm", IEEE Transactions on Image Processing 9, 2000.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PREDICTORS = NONE, LEFT, ABOVE, MEDIAN = range(4)
PREDICTOR_NAMES = ("none", "left", "above", "median")

Ints = NDArray[np.signedinteger[Any]]


def differences(symbols: Ints, predictor: int, size: int) -> Ints:
    """Symbols (P, h, w) of 0 … size − 1 → how they differ from their prediction, small differences as small numbers.

    The difference d, modulo `size` nearest to 0, is 2·d, or −2·d − 1 below 0. The median is that of the left, the above
    and left + above − the one left of above. Beyond the edges symbols are 0.
    """
    if predictor == NONE:
        return symbols
    left, above = np.zeros_like(symbols), np.zeros_like(symbols)
    left[..., 1:] = symbols[..., :-1]
    above[:, 1:] = symbols[:, :-1]
    if predictor == MEDIAN:
        corner = np.zeros_like(symbols)
        corner[:, 1:, 1:] = symbols[:, :-1, :-1]
        predicted = np.clip(left + above - corner, np.minimum(left, above), np.maximum(left, above))
    else:
        predicted = left if predictor == LEFT else above
    d = (symbols - predicted + size // 2) % size - size // 2
    folded: Ints = np.where(d < 0, -2 * d - 1, 2 * d).astype(symbols.dtype)
    return folded


def symbols_of(folded: Ints, predictor: int, size: int) -> Ints:
    """What `differences` was given, (P, h, w) of 0 … size − 1. The array may be written to."""
    d = folded >> 1
    d ^= -(folded & 1)
    if predictor == MEDIAN:
        return _from_medians(d, size)
    # Of 32 bits, sums beyond which do no harm to a size of 2^16.
    sums = np.cumsum(d, axis=2 if predictor == LEFT else 1, dtype=np.int32)
    return (sums % size).astype(folded.dtype)


def _from_medians(d: Ints, size: int) -> Ints:
    """One diagonal at a time: all of it depends on the two before it only."""
    if d.shape[1] > d.shape[2]:  # the median is the same with left and above exchanged
        return _from_medians(d.swapaxes(1, 2), size).swapaxes(1, 2)
    planes, h, w = d.shape
    # With a row one longer than its neighbours' distance, a diagonal's symbols stand in one column.
    slanted = np.zeros((planes, h, w + h), d.dtype)
    slanted[..., :w] = d
    count = w + h - 1
    columns = slanted.reshape(planes, -1)[:, : h * count].reshape(planes, h, count)
    diagonals = np.zeros((count + 2, planes, h + 1), d.dtype)  # two and a row of zeros come first
    diagonals[2:, :, 1:] = columns.transpose(2, 0, 1)
    mask = d.dtype.type(size - 1 if size & (size - 1) == 0 else 0)  # much faster than a remainder
    for k in range(2, count + 2):
        first, last = max(0, k - 1 - w), min(h, k - 1)  # its rows
        left = diagonals[k - 1, :, first + 1 : last + 1]
        above = diagonals[k - 1, :, first:last]
        corner = diagonals[k - 2, :, first:last]
        symbols = diagonals[k, :, first + 1 : last + 1]
        predicted = left + above
        predicted -= corner
        np.minimum(predicted, np.maximum(left, above), out=predicted)
        np.maximum(predicted, np.minimum(left, above), out=predicted)
        symbols += predicted
        if mask:
            symbols &= mask
        else:
            symbols %= size
    slanted.reshape(planes, -1)[:, : h * count] = diagonals[2:, :, 1:].transpose(1, 2, 0).reshape(planes, -1)
    return slanted[..., :w]
