"""The colours that planes have, where they are few."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

SURVEYED = 4096  # pixels, about, that are looked at before all are: most pictures have too many colours among these
COUNTED = 1 << 20  # pixels at a time

Planes = NDArray[np.unsignedinteger[Any]]  # (P, h, w), P ≤ 4, uint8 or uint16


def few_colours(planes: Planes, most: int) -> tuple[Planes, Planes] | None:
    """The colours (P, N) in order, and the place (h, w) uint8 of each pixel's, if they are at most `most` ≤ 256."""
    if not _seem_few(planes, most):
        return None
    found, first, places = np.unique(_keys(planes), return_index=True, return_inverse=True)
    if len(found) > most:
        return None
    return planes.reshape(len(planes), -1)[:, first], places.reshape(planes[0].shape).astype(np.uint8)


def has_few_colours(planes: Planes, most: int) -> bool:
    """Whether the pixels have at most so many colours."""
    if not _seem_few(planes, most):
        return False
    rows = max(1, COUNTED // planes.shape[2])
    found = np.empty(0, np.uint64)
    for top in range(0, planes.shape[1], rows):
        found = np.union1d(found, _keys(planes[:, top : top + rows]))
        if len(found) > most:
            return False
    return True


def _seem_few(planes: Planes, most: int) -> bool:
    step = math.isqrt(1 + planes[0].size // SURVEYED)
    return len(np.unique(_keys(planes[:, ::step, ::step]))) <= most


def _keys(planes: Planes) -> NDArray[np.uint64]:
    """A number for each pixel's colour, (h · w,)."""
    keys = np.zeros(planes[0].size, np.uint64)
    for plane in planes:
        keys <<= np.uint64(16)
        keys |= plane.reshape(-1)
    return keys
