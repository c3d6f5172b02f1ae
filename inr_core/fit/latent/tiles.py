"""A picture in tiles with margins, as it is refined: each from the state before."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from .passes import Window

TILE, UNIT = 512, 64  # pixels: the most of a tile's side, and what it is a multiple of
MARGINS = (16, 32, 64, 64)  # pixels that a tile's levels see beyond it, finest first; multiples of 2^(level + 3)


@dataclass(frozen=True)
class Tile:
    """What is refined at a time, and what of it each of its levels has to see beside it: each wider than the finer."""

    own: Window
    windows: list[Window]  # by level


def tiles_of(height: int, width: int) -> list[Tile]:
    """Nearly equal tiles on multiples of UNIT."""

    def edges(n: int) -> list[tuple[int, int]]:
        count = -(-n // TILE)
        cuts = [min(n, round(k * n / count / UNIT) * UNIT) for k in range(count)] + [n]
        return list(pairwise(cuts))

    def wider(own: Window, margin: int) -> Window:
        top, left = max(0, own.top - margin), max(0, own.left - margin)
        return Window(top, min(height, own.bottom + margin), left, min(width, own.right + margin))

    owns = [Window(*rows, *columns) for rows in edges(height) for columns in edges(width)]
    return [Tile(own, [wider(own, margin) for margin in MARGINS]) for own in owns]
