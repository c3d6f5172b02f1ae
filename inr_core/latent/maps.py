"""What the parity networks see: which channel is what, in which unit and in which place, and the maps that hold them.

`LUMA` and `CHROMA` are the table of it, which says where weights of FORMAT.md's numbers go (`networks`) and where maps
are written; NumPy, torch and compiled kernels read the same memory. First come the channels that all parities know,
then what each parity shows to later ones, in coding order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..kernels.pairs import Maps, PairMaps
from ..kernels.parities import PARITIES, SHOWN_PAIRS
from ..kernels.strips import Strips
from ..process.once import once
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

    @once
    def known(self) -> tuple[int, ...]:
        """The input of each place that all parities know."""
        return tuple(number for group in self.groups for number in group.numbers)

    @once
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


def luma_maps(high: Maps, parent: Maps | None, grand: Maps | None, strips: Strips) -> ParityMaps:
    """Of high-passed planes (planes, h, w), and features of the next coarser level and of the one after that.

    Features are (3 or 6, h, w, 2): of bands 0 … 2 magnitude and sign, then of bands 3 … 8 magnitudes, two by two.
    """
    maps = ParityMaps(LUMA, -(-high.shape[1] // 2), -(-high.shape[2] // 2))
    edges, near, far = maps.of(EDGES), maps.of(PARENT), maps.of(GRAND)

    def write(rows: slice) -> None:
        if parent is not None:
            near[:, rows] = parent[:3, rows]
        if grand is not None:
            _write_doubled(far[0, ..., 0], grand[0, ..., 0], rows)
            _write_doubled(far[0, ..., 1], grand[1, ..., 0], rows)
            _write_doubled(far[1, ..., 0], grand[2, ..., 0], rows)
        _write_parities(edges, high[:1], rows, CONTEXT_MAX)

    _each(maps, strips, write)
    return maps


def chroma_maps(high: Maps, features: Maps, parent: Maps | None, grand: Maps | None, strips: Strips) -> ParityMaps:
    """As `luma_maps`; `features` are those of the level itself, of which bands 0 … 2 are there."""
    maps = ParityMaps(CHROMA, -(-high.shape[1] // 2), -(-high.shape[2] // 2))
    luma, edges, near, far = maps.of(LUMA_BANDS), maps.of(EDGES), maps.of(PARENT), maps.of(GRAND)

    def write(rows: slice) -> None:
        _write_parities(luma, features[:3, ..., 0], rows)
        if parent is not None:
            near[:, rows] = parent[3:, rows]
        if grand is not None:
            for pairs, seen in zip(far, grand[3:], strict=True):
                _write_doubled(pairs, seen, rows)
        _write_parities(edges, high[1:], rows, CONTEXT_MAX)

    _each(maps, strips, write)
    return maps


def _each(maps: ParityMaps, strips: Strips, write: Callable[[slice], None]) -> None:
    """Have strips of the maps' rows written, side by side. They begin at even rows."""
    pairs_of_rows = -(-maps.height // 2)
    strips.each(0, pairs_of_rows, 2 * maps.width, None, lambda ops, a, b: write(slice(2 * a, min(2 * b, maps.height))))


def _write_parities(maps: Maps, grids: Maps, strip: slice, most: int | None = None) -> None:
    """Rows of the four parities of grids (c, h, w) as 2·c maps: of each grid those of even rows, then of odd ones.

    `most`: what values are clipped to, either side of 0.
    """
    seen = grids[:, 2 * strip.start : 2 * strip.stop]
    seen = seen if most is None else np.clip(seen, -most, most)
    for y in range(2):
        for x in range(2):
            parity = seen[:, y::2, x::2]
            _, rows, columns = parity.shape
            maps[y::2, strip.start : strip.start + rows, :columns, x] = parity


def _write_doubled(maps: Maps, grid: Maps, strip: slice) -> None:
    """Each value of a grid (h, w, …) four times, cut to rows of the maps; the strip begins at an even one."""
    to = maps[strip]
    for y in range(2):
        for x in range(2):
            part = to[y::2, x::2]
            part[:] = grid[strip.start // 2 :][: len(part), : part.shape[1]]
