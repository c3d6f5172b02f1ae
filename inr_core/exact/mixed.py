"""Planes of a strip ↔ the pixels of the mixing coder, and whether it is worth while to ask for whole pixels."""

from __future__ import annotations

import numpy as np

from ..kernels import mixing
from ..kernels.room import Pixels
from ..limits import Budget
from .colours import Planes

SURE, DOUBTFUL = 0.6, 0.25  # pixels that are like a neighbour: above the one they are asked for, below the other never
TRIED = 1 << 18  # pixels: up to so many, both ways are tried in doubt


def pack_mixed(planes: Planes, bits: int) -> tuple[bool, bytes] | None:
    """Whether pixels are asked for, and the bytes of planes (1 … 4, h, w) of so many bits. None: they are too many."""
    pixels = joined(planes)
    found = [(asks, mixing.write_pixels(pixels, len(planes), bits, asks)) for asks in _ways(pixels, len(planes))]
    possible = [(asks, data) for asks, data in found if data is not None]
    return min(possible, key=lambda way: len(way[1]), default=None)


def unpack_mixed(
    data: bytes, shape: tuple[int, int, int], bits: int, asks: bool, budget: Budget | None = None
) -> Planes | None:
    """The planes (P, h, w). None: the bytes are too few or too many. LimitError: they ask more than the budget has."""
    planes, height, width = shape
    pixels = mixing.read_pixels(data, height, width, planes, bits, asks, budget.left if budget else None)
    if budget:
        budget.check()
    return None if pixels is None else parted(pixels, planes, bits)


def joined(planes: Planes) -> Pixels:
    """The pixels (h, w) of planes (P, h, w)."""
    pixels = np.zeros(planes.shape[1:], np.uint64)
    for number, plane in enumerate(planes):
        pixels |= plane.astype(np.uint64) << np.uint64(16 * number)
    return pixels


def parted(pixels: Pixels, planes: int, bits: int) -> Planes:
    """What `joined` was given; in memory, pixel by pixel, as pictures are wanted in the end."""
    made = np.empty((*pixels.shape, planes), np.uint8 if bits <= 8 else np.uint16)
    for number in range(planes):
        np.right_shift(pixels, np.uint64(16 * number), out=made[..., number], casting="unsafe")
    return np.moveaxis(made, 2, 0)


def share_alike(pixels: Pixels) -> float:
    """The share of pixels that are like a neighbour."""
    own, up = pixels[1:, 1:-1], pixels[:-1]
    like = (own == pixels[1:, :-2]) | (own == up[:, 1:-1]) | (own == up[:, :-2]) | (own == up[:, 2:])
    return float(like.mean()) if like.size else 1.0


def _ways(pixels: Pixels, planes: int) -> tuple[bool, ...]:
    """Where a pixel seldom is like a neighbour, or has one sample only, asking for all of it often costs more."""
    share = share_alike(pixels)
    if planes > 1 and share > SURE:
        return (True,)
    if share < DOUBTFUL:
        return (False,)
    return (True, False) if pixels.size <= TRIED or planes == 1 else (share > (SURE + DOUBTFUL) / 2,)
