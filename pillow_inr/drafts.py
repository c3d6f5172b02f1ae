"""Smaller pictures that a file is asked for before it is loaded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple


class Draft(NamedTuple):
    """A smaller picture than the file's: `size` is what it is loaded at, `needed` what its detail must suffice for."""

    size: tuple[int, int]
    needed: tuple[int, int]
    grey: bool


def in_proportion(full: tuple[int, int], size: tuple[float, float], least: Callable[..., float]) -> tuple[int, int]:
    """The smallest size in proportion to `full` with both sides (least=min) or one (max) not below those of `size`."""
    scale = least(full[0] / max(size[0], 1), full[1] / max(size[1], 1))
    if scale <= 1:
        return full
    width, height = (max(1, math.ceil(side / scale - 1e-9)) for side in full)
    return width, height
