"""The latent model's wavelet and blur in floats, as products with matrices: an orthonormal CDF 9/7.

A. Cohen, I. Daubechies, J.-C. Feauveau, 1992. `wavelet` is the same on integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

# Of bior4.4, orthonormal scaling: analysis low and high, synthesis low and high; the second halves mirror the first.
_H0 = (0.03782845550726, -0.02384946501956, -0.11062440441844, 0.37740285561283, 0.85269867900889)
_H1 = (-0.06453888262870, 0.04068941760916, 0.41809227322162, -0.78848561640558)
GAUSS_SIGMA, GAUSS_REACH = 1.5, 5  # pixels
BANDS = 3  # of a plane and a level
MATRICES = 32  # kept, of the wavelet and of the blur along an axis, on their device: what is recorded copies none
CPU = torch.device("cpu")

Size = tuple[int, int]


def _reflect(i: int, n: int) -> int:
    """Whole-sample symmetric extension."""
    if n == 1:
        return 0
    i = abs(i) % (2 * (n - 1))
    return 2 * (n - 1) - i if i >= n else i


@lru_cache(MATRICES)
def wavelet_matrices(n: int, device: torch.device = CPU) -> tuple[Tensor, Tensor]:
    """Analysis (m, n) and synthesis (n, m) along an axis of n samples, m even: low half first, then high."""
    low, high = (*_H0, *_H0[3::-1]), (*_H1, *_H1[2::-1])
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
def blur_matrix(n: int, device: torch.device = CPU) -> Tensor:
    """(n, n): [1 2 2 2 1] / 8 along an axis, edges repeated."""
    blur = np.zeros((n, n), np.float32)
    for i in range(n):
        for d, weight in zip(range(-2, 3), (1, 2, 2, 2, 1), strict=True):
            blur[i, min(max(i + d, 0), n - 1)] += weight / 8
    return torch.from_numpy(blur).to(device)


def low_planes(x: Tensor) -> Tensor:
    """What the wavelet makes of planes (planes, H, W) at low frequencies, (planes, h, w), without its matrices.

    Those are of a side's square, and here sides are not those of tiles.
    """
    taps = (*_H0, *_H0[3::-1])
    for axis in (1, 2):
        n = x.shape[axis]
        half = (n + 1) // 2
        places = [[min(_reflect(2 * k + tap - 4, 2 * half), n - 1) for k in range(half)] for tap in range(len(taps))]
        x = _taken(x, axis, places, taps)
    return x


def blurred(x: Tensor) -> Tensor:
    """Planes (planes, H, W), blurred by `blur_matrix` along both axes, without it."""
    for axis in (1, 2):
        n = x.shape[axis]
        places = [[min(max(i + d, 0), n - 1) for i in range(n)] for d in range(-2, 3)]
        x = _taken(x, axis, places, [weight / 8 for weight in (1, 2, 2, 2, 1)])
    return x


def _taken(x: Tensor, axis: int, places: Sequence[Sequence[int]], weights: Sequence[float]) -> Tensor:
    """Sums of what is at some places of an axis, by weights."""
    index = torch.from_numpy(np.array(places, np.int64)).to(x.device)
    out = x.index_select(axis, index[0]).mul_(weights[0])
    for place, weight in zip(index[1:], weights[1:], strict=True):
        out.add_(x.index_select(axis, place), alpha=weight)
    return out


def gauss_matrix(n: int) -> Tensor:
    """(n, n): a Gaussian of GAUSS_SIGMA along an axis, edges repeated."""
    taps = np.arange(-GAUSS_REACH, GAUSS_REACH + 1)
    weights = np.exp(-(taps**2) / (2 * GAUSS_SIGMA**2))
    rows, gauss = np.arange(n), np.zeros((n, n), np.float32)
    for tap, weight in zip(taps, weights / weights.sum(), strict=True):
        gauss[rows, np.clip(rows + tap, 0, n - 1)] += weight
    return torch.from_numpy(gauss)


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
