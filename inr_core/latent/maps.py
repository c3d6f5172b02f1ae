"""What the phase networks see: maps of channels in pairs, the same for NumPy, torch and compiled kernels.

Maps are (pairs, h + 2, w + 2, 2) int16, zero around the grid: channels 2k and 2k + 1 stand side by side, as processors
multiply them. First come the channels that all phases know, then what each phase shows to later ones, in coding order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .prior import CHROMA_CONTEXT, CONTEXT_MAX, LUMA_CONTEXT, ORDER, OWN, PHASES

Maps = NDArray[np.int16]

NONE = -1  # a place that no input has
LINE = 16  # pairs of a cache line
BEYOND = 64  # pairs after the last map, which compiled kernels may read


@dataclass(frozen=True)
class Layout:
    """In which places the inputs of a network stand, by the numbers that FORMAT.md gives them."""

    context: int  # inputs that all phases know
    known: tuple[int, ...]  # the input of each place
    own: tuple[int, ...]  # of what a phase shows: k for the input context + 4·k + phase

    @property
    def pairs(self) -> int:
        """Maps of what all phases know."""
        return len(self.known) // 2

    def inputs(self, rank: int) -> list[int]:
        """The inputs of phase ORDER[rank], by place; NONE for places that no input has."""
        earlier = [self.context + PHASES * k + phase for phase in ORDER[:rank] for k in self.own]
        return [*self.known, *earlier]


# bands as (magnitude, sign) of level l + 1; magnitudes of level l + 2; the high-pass of rows 2j, then of rows 2j + 1
LUMA = Layout(LUMA_CONTEXT, (0, 3, 1, 4, 2, 5, 6, 7, 8, NONE, 9, 10, 11, 12), (0, 3, 1, 4, 2, 5))
CHROMA = Layout(CHROMA_CONTEXT, tuple(range(CHROMA_CONTEXT)), tuple(range(OWN)))


class PhaseMaps:
    """The maps of one network and level."""

    def __init__(self, layout: Layout, height: int, width: int) -> None:
        self.layout = layout
        self.count = layout.pairs + (PHASES - 1) * OWN // 2
        self.stride = width + 2
        size = (height + 2) * self.stride
        # an odd number of cache lines apart, so that the maps do not push each other out of the cache
        self.plane = LINE * (-(-size // LINE) | 1)
        self.flat: Maps = np.zeros((self.count * self.plane + BEYOND, 2), np.int16)
        planes = self.flat[:-BEYOND].reshape(self.count, self.plane, 2)[:, :size]
        self.all: Maps = planes.reshape(self.count, height + 2, self.stride, 2)
        self.inner = self.all[:, 1:-1, 1:-1]

    def own(self, rank: int) -> Maps:
        """Of what phase ORDER[rank] shows, the memory from its first map on; none of the last, which nothing sees."""
        first = self.layout.pairs + OWN // 2 * rank
        return self.flat[first * self.plane :] if rank < PHASES - 1 else self.flat[:0]

    def show(self, rank: int, first: int, pairs: Maps) -> None:
        """What phase ORDER[rank] shows from row `first` on, (3, rows, columns, 2)."""
        if rank < PHASES - 1:
            begin = self.layout.pairs + OWN // 2 * rank
            count, rows, columns, _ = pairs.shape
            self.inner[begin : begin + count, first : first + rows, :columns] = pairs


def luma_maps(high: Maps, parent: Maps | None, grand: Maps | None) -> PhaseMaps:
    """Of high-passed planes (planes, h, w), and features of the next coarser level and of the one after that.

    Features are (3 or 6, h, w, 2): of bands 0 … 2 magnitude and sign, then of bands 3 … 8 magnitudes, two by two.
    """
    height, width = -(-high.shape[1] // 2), -(-high.shape[2] // 2)
    maps = PhaseMaps(LUMA, height, width)
    if parent is not None:
        maps.inner[:3] = parent[:3]
    if grand is not None:
        sizes = _doubled(grand[:3, ..., 0], height, width)
        maps.inner[3, ..., 0], maps.inner[3, ..., 1], maps.inner[4, ..., 0] = sizes
    _show_phases(maps, 5, np.clip(high[:1], -CONTEXT_MAX, CONTEXT_MAX))
    return maps


def chroma_maps(high: Maps, features: Maps, parent: Maps | None, grand: Maps | None) -> PhaseMaps:
    """As `luma_maps`; `features` are those of the level itself, of which bands 0 … 2 are there."""
    height, width = -(-high.shape[1] // 2), -(-high.shape[2] // 2)
    maps = PhaseMaps(CHROMA, height, width)
    _show_phases(maps, 0, features[:3, ..., 0])
    if parent is not None:
        maps.inner[6:9] = parent[3:]
    if grand is not None:
        maps.inner[9:12] = _doubled(grand[3:], height, width)
    _show_phases(maps, 12, np.clip(high[1:], -CONTEXT_MAX, CONTEXT_MAX))
    return maps


def _show_phases(maps: PhaseMaps, first: int, grids: Maps) -> None:
    """The four phases of grids (c, h, w) as 2·c maps: those of even rows, those of odd ones."""
    for y in range(2):
        for x in range(2):
            phase = grids[:, y::2, x::2]
            _, rows, columns = phase.shape
            maps.inner[first + y : first + 2 * len(grids) : 2, :rows, :columns, x] = phase


def _doubled(grid: Maps, height: int, width: int) -> Maps:
    """Each value of a grid (c, h, w, …) four times, cut to height × width."""
    return grid.repeat(2, 1)[:, :height].repeat(2, 2)[:, :, :width]
