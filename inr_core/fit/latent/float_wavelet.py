"""The latent model's wavelet and blur in floats, as products with matrices: an orthonormal CDF 9/7.

A. Cohen, I. Daubechies, J.-C. Feauveau, 1992. `wavelet` is the same on integers.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Of bior4.4, orthonormal scaling: analysis low and high, synthesis low and high; the second halves mirror the first.
_H0 = (0.03782845550726, -0.02384946501956, -0.11062440441844, 0.37740285561283, 0.85269867900889)
_H1 = (-0.06453888262870, 0.04068941760916, 0.41809227322162, -0.78848561640558)
_LOW, _HIGH = (*_H0, *_H0[3::-1]), (*_H1, *_H1[2::-1])
BLUR = (0.125, 0.25, 0.25, 0.25, 0.125)  # taps
BANDS = 3  # of a plane and a level
MATRICES = 32  # kept, of the wavelet and of the blur along an axis, on their device: what is recorded copies none
CPU = torch.device("cpu")

Size = tuple[int, int]
Taps = tuple[float, ...]
Places = NDArray[np.int64]


def _reflect(i: int, n: int) -> int:
    """Whole-sample symmetric extension."""
    if n == 1:
        return 0
    i = abs(i) % (2 * (n - 1))
    return 2 * (n - 1) - i if i >= n else i


@lru_cache(MATRICES)
def wavelet_matrices(n: int, device: torch.device = CPU) -> tuple[Tensor, Tensor]:
    """Analysis (m, n) and synthesis (n, m) along an axis of n samples, m even: low half first, then high."""
    low, high = _LOW, _HIGH
    half = (n + 1) // 2
    m = 2 * half
    analysis, synthesis = np.zeros((m, n)), np.zeros((n, m))
    for k in range(half):
        for tap in range(9):
            analysis[k, min(_reflect(2 * k + tap - 4, m), n - 1)] += low[tap]
        for tap in range(7):
            analysis[half + k, min(_reflect(2 * k + tap - 2, m), n - 1)] += high[tap]
    for o in range(n):
        for d in range(-4, 5):
            source = _reflect(o + d, m)
            if source % 2 == 1:  # the other filter's taps with alternating signs
                synthesis[o, half + source // 2] -= low[d + 4] * (-1) ** d
            elif abs(d) <= 3:
                synthesis[o, source // 2] -= high[d + 3] * (-1) ** d
    low_first, back = (torch.from_numpy(matrix.astype(np.float32)).to(device) for matrix in (analysis, synthesis))
    return low_first, back


@lru_cache(MATRICES)
def blur_matrix(n: int, device: torch.device = CPU, taps: Taps = BLUR) -> Tensor:
    """(n, n): an odd number of taps along an axis, edges repeated."""
    blur = np.zeros((n, n), np.float32)
    for places, weight in zip(_around(n, taps), taps, strict=True):
        blur[np.arange(n), places] += weight
    return torch.from_numpy(blur).to(device)


def _around(n: int, taps: Taps) -> Places:
    """(taps, n): where each tap of a blur lies, by position."""
    reach = len(taps) // 2
    return (np.arange(n) + np.arange(-reach, reach + 1)[:, None]).clip(0, n - 1)


def low_planes(x: Tensor) -> Tensor:
    """What the wavelet makes of planes (planes, H, W) at low frequencies, (planes, h, w), without matrices.

    Those take memory by the square of a side, and these are the sides of a picture, not of a tile.
    """
    for axis in (1, 2):
        n = x.shape[axis]
        half = (n + 1) // 2
        places = [[min(_reflect(2 * k + tap - 4, 2 * half), n - 1) for k in range(half)] for tap in range(len(_LOW))]
        x = _taken(x, axis, np.array(places), _LOW)
    return x


def blurred(x: Tensor) -> Tensor:
    """Planes (planes, H, W) blurred by BLUR along both axes, without matrices."""
    for axis in (1, 2):
        x = _taken(x, axis, _around(x.shape[axis], BLUR), BLUR)
    return x


def _taken(x: Tensor, axis: int, places: Places, weights: Taps) -> Tensor:
    """Weighted sums of what is at some places (weights, n) of an axis."""
    index = torch.from_numpy(places).to(x.device)
    out = x.index_select(axis, index[0]).mul_(weights[0])
    for place, weight in zip(index[1:], weights[1:], strict=True):
        out.add_(x.index_select(axis, place), alpha=weight)
    return out


def highpass(x: Tensor) -> Tensor:
    """Planes (…, H, W) less their blur by [1 2 2 2 1] ⊗ [1 2 2 2 1] / 64, edges repeated."""
    rows, columns = (blur_matrix(n, x.device) for n in x.shape[-2:])
    with torch.autocast(x.device.type, enabled=False):  # planes need all of their bits, also where networks do not
        return x - rows @ x @ columns.T


def forward_wavelet(x: Tensor) -> tuple[Tensor, Tensor]:
    """Planes (B, C, H, W) → low (B, C, h, w) and bands (B, 3·C, h, w), orthonormal scaling."""
    (rows, _), (columns, _) = (wavelet_matrices(n, x.device) for n in x.shape[-2:])
    y = rows @ x @ columns.T
    h, w = y.shape[-2] // 2, y.shape[-1] // 2
    bands = torch.stack([y[..., :h, w:], y[..., h:, :w], y[..., h:, w:]], 2)
    return y[..., :h, :w], bands.flatten(1, 2)


def inverse_wavelet(low: Tensor, bands: Tensor, size: Size) -> Tensor:
    """The inverse of `forward_wavelet` for planes of (H, W) `size`."""
    (_, rows), (_, columns) = (wavelet_matrices(n, low.device) for n in size)
    bands = bands.reshape(bands.shape[0], -1, BANDS, *bands.shape[2:])
    top, bottom = torch.cat([low, bands[:, :, 0]], -1), torch.cat([bands[:, :, 1], bands[:, :, 2]], -1)
    with torch.autocast(low.device.type, enabled=False):  # planes need all of their bits, also where networks do not
        return rows @ torch.cat([top, bottom], -2) @ columns.T
