"""The wavelet, its inverse and blurs as products with band matrices, block by block, and their adjoints.

The same matrices as `float_wavelet`'s: of each block of rows only the columns that hold anything take part.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from .float_wavelet import BANDS, BLUR, Size, Taps, blur_matrix, wavelet_matrices

BLOCK = 32  # rows of a product on a CPU; a GPU, where every product has to be launched, takes all
KEPT = 512  # matrices, of some 100 kB on a CPU: a picture's tiles have not so many sizes

Block = tuple[slice, slice, Tensor]  # rows and columns of a matrix, and what is there
Matrices = Callable[[int, torch.device], tuple[list[Block], ...]]


def _blocks(matrix: Tensor, device: torch.device) -> list[Block]:
    """Blocks of rows of a matrix, each without the columns that are 0 in it, on a device."""
    found = []
    height = BLOCK if device.type == "cpu" else len(matrix)
    for first in range(0, len(matrix), height):
        rows = slice(first, min(first + height, len(matrix)))
        used = matrix[rows].any(0).nonzero()
        columns = slice(int(used.min()), int(used.max()) + 1)
        found.append((rows, columns, matrix[rows, columns].contiguous().to(device)))
    return found


@lru_cache(KEPT)
def _blur(n: int, taps: Taps, device: torch.device) -> tuple[list[Block], list[Block]]:
    matrix = blur_matrix(n, taps=taps)
    return _blocks(matrix, device), _blocks(matrix.T, device)


@lru_cache(KEPT)
def _synthesis(n: int, device: torch.device) -> tuple[list[Block], ...]:
    """From the low and from the high half, and back to them."""
    low, high = wavelet_matrices(n)[1].chunk(2, 1)
    return tuple(_blocks(matrix, device) for matrix in (low, high, low.T, high.T))


@lru_cache(KEPT)
def _analysis(n: int, device: torch.device) -> tuple[list[Block], ...]:
    """Back from the low and from the high half, and to them."""
    low, high = wavelet_matrices(n)[0].chunk(2, 0)
    return tuple(_blocks(matrix, device) for matrix in (low.T, high.T, low, high))


def _rows(blocks: list[Block], x: Tensor, out: Tensor, add: bool = False) -> Tensor:
    """matrix @ x for (planes, m, w), into or added to `out` (planes, n, w)."""
    for rows, columns, block in blocks:
        out[:, rows].baddbmm_(block.expand(len(x), -1, -1), x[:, columns], beta=int(add))
    return out


def _columns(blocks: list[Block], x: Tensor, out: Tensor, add: bool = False) -> Tensor:
    """x @ matrix.T for (planes, h, m), into or added to `out` (planes, h, n)."""
    for rows, columns, block in blocks:
        out[:, :, rows].baddbmm_(x[:, :, columns], block.T.expand(len(x), -1, -1), beta=int(add))
    return out


def blur(x: Tensor, taps: Taps = BLUR) -> Tensor:
    """Planes (planes, h, w) blurred by `float_wavelet.blur_matrix` along both axes; BLUR is that of its `highpass`."""
    down, across = (_blur(n, taps, x.device)[0] for n in x.shape[1:])
    return _columns(across, _rows(down, x, torch.empty_like(x)), torch.empty_like(x))


def blur_back(x: Tensor, taps: Taps = BLUR) -> Tensor:
    """The adjoint of `blur`."""
    down, across = (_blur(n, taps, x.device)[1] for n in x.shape[1:])
    return _rows(down, _columns(across, x, torch.empty_like(x)), torch.empty_like(x))


def synthesis(low: Tensor, bands: Tensor, size: Size) -> Tensor:
    """`float_wavelet.inverse_wavelet` of planes (planes, h, w) and bands (3·planes, h, w), for planes of `size`."""
    return _merged(_synthesis, low, bands, size)


def synthesis_back(x: Tensor) -> tuple[Tensor, Tensor]:
    """The adjoint of `synthesis`: planes (planes, H, W) → low (planes, h, w) and bands (3·planes, h, w)."""
    return _split(_synthesis, x)


def analysis(x: Tensor) -> tuple[Tensor, Tensor]:
    """`float_wavelet.forward_wavelet` of planes (planes, H, W): low (planes, h, w) and bands (3·planes, h, w)."""
    return _split(_analysis, x)


def analysis_back(low: Tensor, bands: Tensor, size: Size) -> Tensor:
    """The adjoint of `analysis`, for planes of `size`."""
    return _merged(_analysis, low, bands, size)


def _merged(matrices: Matrices, low: Tensor, bands: Tensor, size: Size) -> Tensor:
    """Planes of `size` from low (planes, h, w) and bands (3·planes, h, w)."""
    from_low, from_high = matrices(size[1], low.device)[:2]
    parts = torch.unflatten(bands, 0, (-1, BANDS))
    middle = low.new_empty((2, *low.shape[:2], size[1]))
    _columns(from_high, parts[:, 0], _columns(from_low, low, middle[0]), add=True)
    _columns(from_high, parts[:, 2], _columns(from_low, parts[:, 1], middle[1]), add=True)
    from_low, from_high = matrices(size[0], low.device)[:2]
    out = _rows(from_low, middle[0], low.new_empty((len(low), *size)))
    return _rows(from_high, middle[1], out, add=True)


def _split(matrices: Matrices, x: Tensor) -> tuple[Tensor, Tensor]:
    """Low (planes, h, w) and bands (3·planes, h, w) of planes (planes, H, W)."""
    planes, height, width = x.shape
    h, w = (height + 1) // 2, (width + 1) // 2
    _, _, to_low, to_high = matrices(height, x.device)
    top, bottom = (_rows(blocks, x, x.new_empty((planes, h, width))) for blocks in (to_low, to_high))
    _, _, to_low, to_high = matrices(width, x.device)
    low, bands = x.new_empty((planes, h, w)), x.new_empty((planes, BANDS, h, w))
    _columns(to_low, top, low)
    for band, blocks, half in ((0, to_high, top), (1, to_low, bottom), (2, to_high, bottom)):
        _columns(blocks, half, bands[:, band])
    return low, bands.flatten(0, 1)
