"""Pictures that the exact model is tried with, and files of one strip."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]


def palette(columns: int = 3, count: int = 200) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (count, columns)).astype(np.uint8)


def pixels_of(kind: str, mode: str, depth: int, channels: int, shape: tuple[int, int]) -> Pixels:
    """Noise, few colours, or slopes."""
    rng = np.random.default_rng(len(kind) + depth)
    planes = 1 if mode == "P" else channels
    top = 200 if mode == "P" else 1 << max(8, depth)
    if kind == "noise":
        values = rng.integers(0, top, (*shape, planes))
    elif kind == "few":
        values = rng.integers(0, top, (11, planes))[rng.integers(0, 11, shape)]
    else:
        y, x = np.mgrid[: shape[0], : shape[1]]
        values = (x * 3 + y * 5)[..., None] * np.arange(1, planes + 1) % top
    if mode == "1":
        values = 255 * (values >= top // 2)
    values = values.astype(np.uint16 if depth == 16 else np.uint8)
    return values[..., 0] if planes == 1 else values


def photograph(height: int = 96, width: int = 128, channels: int = 3) -> NDArray[np.uint8]:
    """Slopes and noise: too many colours to list."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(2).integers(0, 20, (height, width, channels))
    return ((np.stack([x + y, 2 * x, 3 * y, x - y][:channels], 2) + noise) % 256).astype(np.uint8)
