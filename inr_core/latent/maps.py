"""What the parity networks see: which channel is what, in which unit and in which place, and the maps that hold them.

`LUMA` and `CHROMA` are the table of it, which says where weights of FORMAT.md's numbers go (`networks`) and where maps
are written; NumPy, torch and compiled kernels read the same memory. First come the channels that all parities know,
then what each parity shows to later ones, in coding order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kernels.pairs import Maps, PairMaps
from ..kernels.parities import PARITIES, SHOWN_PAIRS
from .prior import CHROMA_CONTEXT, CONTEXT_MAX, LUMA_CONTEXT, ORDER

NONE = -1  # a place that no input has


@dataclass(frozen=True)
class Inputs:
    """A group of channels in places next to each other."""

    name: str
    numbers: tuple[int, ...]  # what FORMAT.md calls the input of each place


@dataclass(frozen=True)
class Layout:
    """In which places the inputs of a network stand, by the numbers that FORMAT.md gives them."""

    context: int  # inputs that all parities know
    groups: tuple[Inputs, ...]  # of these, in the order of their places
    shown: tuple[int, ...]  # of what a parity shows, by place: k for the input context + 4·k + parity

    @property
    def known(self) -> tuple[int, ...]:
        """The input of each place that all parities know."""
        return tuple(number for group in self.groups for number in group.numbers)

    @property
    def pairs(self) -> int:
        """Maps of what all parities know."""
        return len(self.known) // 2

    def inputs(self, rank: int) -> list[int]:
        """The inputs of parity ORDER[rank], by place; NONE for places that no input has."""
        earlier = [self.context + PARITIES * k + parity for parity in ORDER[:rank] for k in self.shown]
        return [*self.known, *earlier]

    def pairs_of(self, name: str) -> slice:
        """The pairs of maps in which a group stands."""
        first = 0
        for group in self.groups:
            count = len(group.numbers) // 2
            if group.name == name:
                return slice(first, first + count)
            first += count
        raise KeyError(name)


PARENT, GRAND, LUMA_BANDS, EDGES = "level l + 1", "level l + 2", "luma of this level", "high-pass"

# Units: magnitudes are `Prior.mag` of |q|, 0 … 128; signs 8 · q up to ±64; high-passes up to ±128, in 1/16 of 4 steps.
LUMA = Layout(
    LUMA_CONTEXT,
    (
        Inputs(PARENT, (0, 3, 1, 4, 2, 5)),  # magnitude and sign of bands 0 … 2
        Inputs(GRAND, (6, 7, 8, NONE)),  # magnitudes of bands 0 … 2
        Inputs(EDGES, (9, 10, 11, 12)),  # of Y: the parities of even rows, then of odd rows
    ),
    shown=(0, 3, 1, 4, 2, 5),  # magnitude and sign of bands 0 … 2
)
CHROMA = Layout(
    CHROMA_CONTEXT,
    (
        Inputs(
            LUMA_BANDS, tuple(range(12))
        ),  # magnitudes of bands 0 … 2: parities of even rows of each, then of odd rows
        Inputs(PARENT, tuple(range(12, 18))),  # magnitudes of bands 3 … 8
        Inputs(GRAND, tuple(range(18, 24))),  # magnitudes of bands 3 … 8
        Inputs(EDGES, tuple(range(24, 32))),  # of Cb and Cr: parities of even rows of each, then of odd rows
    ),
    shown=tuple(range(6)),  # signs of bands 3 … 8
)


class ParityMaps(PairMaps):
    """The maps of one network and level."""

    def __init__(self, layout: Layout, height: int, width: int) -> None:
        super().__init__(layout.pairs + (PARITIES - 1) * SHOWN_PAIRS, height, width)
        self.layout = layout

    def of(self, name: str) -> Maps:
        """The maps of a group of inputs, (pairs, h, w, 2)."""
        return self.inner[self.layout.pairs_of(name)]

    def own(self, rank: int) -> Maps:
        """Of what parity ORDER[rank] shows, the memory from its first map on; none of the last, which nothing sees."""
        first = self.layout.pairs + SHOWN_PAIRS * rank
        return self.flat[first * self.plane :] if rank < PARITIES - 1 else self.flat[:0]

    def show(self, rank: int, first: int, pairs: Maps) -> None:
        """What parity ORDER[rank] shows from row `first` on, (3, rows, columns, 2)."""
        if rank < PARITIES - 1:
            begin = self.layout.pairs + SHOWN_PAIRS * rank
            count, rows, columns, _ = pairs.shape
            self.inner[begin : begin + count, first : first + rows, :columns] = pairs


def luma_maps(high: Maps, parent: Maps | None, grand: Maps | None) -> ParityMaps:
    """Of high-passed planes (planes, h, w), and features of the next coarser level and of the one after that.

    Features are (3 or 6, h, w, 2): of bands 0 … 2 magnitude and sign, then of bands 3 … 8 magnitudes, two by two.
    """
    maps = ParityMaps(LUMA, -(-high.shape[1] // 2), -(-high.shape[2] // 2))
    if parent is not None:
        maps.of(PARENT)[:] = parent[:3]
    if grand is not None:
        magnitudes = maps.of(GRAND)
        magnitudes[0, ..., 0], magnitudes[0, ..., 1], magnitudes[1, ..., 0] = _doubled(grand[:3, ..., 0], maps)
    _write_parities(maps.of(EDGES), np.clip(high[:1], -CONTEXT_MAX, CONTEXT_MAX))
    return maps


def chroma_maps(high: Maps, features: Maps, parent: Maps | None, grand: Maps | None) -> ParityMaps:
    """As `luma_maps`; `features` are those of the level itself, of which bands 0 … 2 are there."""
    maps = ParityMaps(CHROMA, -(-high.shape[1] // 2), -(-high.shape[2] // 2))
    _write_parities(maps.of(LUMA_BANDS), features[:3, ..., 0])
    if parent is not None:
        maps.of(PARENT)[:] = parent[3:]
    if grand is not None:
        maps.of(GRAND)[:] = _doubled(grand[3:], maps)
    _write_parities(maps.of(EDGES), np.clip(high[1:], -CONTEXT_MAX, CONTEXT_MAX))
    return maps


def _write_parities(maps: Maps, grids: Maps) -> None:
    """The four parities of grids (c, h, w) as 2·c maps: of each grid those of even rows, then those of odd ones."""
    for y in range(2):
        for x in range(2):
            parity = grids[:, y::2, x::2]
            _, rows, columns = parity.shape
            maps[y::2, :rows, :columns, x] = parity


def _doubled(grid: Maps, maps: PairMaps) -> Maps:
    """Each value of a grid (c, h, w, …) four times, cut to the size of the maps."""
    return grid.repeat(2, 1)[:, : maps.height].repeat(2, 2)[:, :, : maps.width]
