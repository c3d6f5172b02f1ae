"""Which symbols coefficients become: those that cost the least distortion + λ · rate, found while they are coded.

A symbol that is about to be coded has a distribution by then, so what each integer would cost is known; a threshold
that is the same everywhere knows nothing of it. Two integers are looked at: the nearest one and the next one towards 0.
What a symbol costs those whose networks see it later is reckoned by its size. In the manner of rate–distortion
optimised quantisation (M. Karczewicz, Y. Ye, I. Chong, VCEG-AH21, 2008).

For looks a bit of luma is worth more where errors hide; of chroma's they do not hide as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..entropy.tables import SymbolTables
from ..kernels.colour import Samples
from .latents import Latents, analysed, in_steps
from .masking import MASK_BITS, hidden
from .prior import Prior
from .steps import Keys, Step
from .tunes import tuned

Ints = NDArray[np.int32]
Place = tuple[slice, slice, slice]  # bands, rows and columns

UNIT_BITS = 6
UNIT = 1 << UNIT_BITS  # coefficients are in 1/64 of a step, as decoded values are
NORMS = (3.0, 3.258, 2.475)  # squared RGB norms of a unit of Y, Cb, Cr
PRICE, LOOK_PRICE = 0.065, 0.02  # of a bit: λ over the square of the step; refining has its own
SHOWN_BITS = 1.0  # a symbol q costs its neighbours so many times log2(1 + |q|) bits
LARGEST = 64  # steps: from there on coefficients become the nearest integer
COST_BITS, PRICE_BITS = 8, 12  # costs are in 2^-8 bits, prices in 2^-12 squared units for one of them


@dataclass(frozen=True, eq=False)
class Wanted:
    """Coefficients of some bands of a level, and what a bit is worth there."""

    coefficients: Ints  # (bands, h, w) in 1/UNIT of a step
    prices: NDArray[np.int64]  # (bands,) see PRICE_BITS
    hidden: Ints | None  # (h, w) how many times that a bit of luma is worth, in 2^-MASK_BITS; None: once

    def bands(self, part: slice) -> Wanted:
        """Some of the bands, of luma or of chroma."""
        return Wanted(self.coefficients[part], self.prices[part], None if part.start else self.hidden)

    def choose(self, at: Place, found: Ints, keys: Keys, tables: SymbolTables, skip: bool) -> Ints:
        """Symbols (bands, rows, columns) of a place, by keys (bands, rows, columns).

        `skip`: those that are surely 0 are not coded.
        """
        wanted = np.ascontiguousarray(self.coefficients[at])
        symbols, flat = np.zeros(wanted.shape, np.int32), wanted.reshape(-1)
        some = np.flatnonzero(np.abs(flat) > UNIT // 2)  # others are nearest to 0
        band, place = np.divmod(some, wanted[0].size)
        prices = self.prices[band]
        if self.hidden is not None:
            prices = prices * self.hidden[at[1:]].reshape(-1)[place] >> MASK_BITS
        symbols.reshape(-1)[some] = _cheapest(flat[some], prices, found.reshape(-1)[some], keys, tables, skip)
        return symbols

    def missed(self, symbols: Ints) -> Ints:
        """What symbols (bands, h, w) lack of the nearest integers, of coefficients beyond ±1."""
        far = np.flatnonzero(np.abs(self.coefficients.reshape(-1)) > UNIT)
        lacking: Ints = nearest(self.coefficients.reshape(-1)[far]) - symbols.reshape(-1)[far]
        return lacking


@dataclass(frozen=True, eq=False)
class Transformed:
    """A picture's pyramid, before it is quantised."""

    latents: Latents  # without details: they are 0
    wanted: list[list[Wanted]]  # by component and level, finest first


def transform(
    samples: Samples, prior: Prior, components: Sequence[int], step: int, levels: int, look: bool = False
) -> Transformed:
    """Samples (H, W, C) uint8 or uint16 → coefficients."""
    size, gains = Step(step, 8 * samples.itemsize), tuned(prior, look).gains

    def mask(planes: Ints) -> Ints | None:
        return hidden(planes[0], size.bit_depth) if look else None

    def wanted(level: int, coefficients: Ints, mask: Ints | None) -> Wanted:
        own, bands = min(level, prior.levels - 1), len(coefficients)
        scaled = in_steps(coefficients, size.coefficients(level, gains[own, :bands]), 0.5)
        return Wanted(scaled, _prices(prior, own, bands // 3, look), mask)

    lowpass, found = analysed(samples, components, size, levels, mask, wanted)
    nothing = np.zeros((), np.int32)  # in all places
    details = [[np.broadcast_to(nothing, each.coefficients.shape) for each in own] for own in found]
    height, width = samples.shape[:2]
    latents = Latents(width, height, size.bit_depth, tuple(components), step, levels, lowpass, details, look=look)
    return Transformed(latents, found)


def _prices(prior: Prior, own: int, planes: int, look: bool) -> NDArray[np.int64]:
    """`Wanted.prices` of a level that has the parameters of level `own`.

    An error of a step counts by the square of the prior's gain, and where steps are weighted for looks, no more.
    """
    norms = np.repeat(np.array(NORMS) / 3 if planes == 3 else np.ones(1), 3)
    worth = (LOOK_PRICE if look else PRICE) / (norms * (prior.gains[own, : 3 * planes] / 4096) ** 2)
    return np.rint(worth * UNIT**2 * 2.0 ** (PRICE_BITS - COST_BITS)).astype(np.int64)


def nearest(coefficients: Ints) -> Ints:
    """Coefficients in 1/UNIT of a step → the nearest integers."""
    whole: Ints = np.sign(coefficients) * (np.abs(coefficients) + UNIT // 2 >> UNIT_BITS)
    return whole


def _cheapest(
    wanted: Ints, prices: NDArray[np.int64], found: Ints, keys: Keys, tables: SymbolTables, skip: bool
) -> Ints:
    """Symbols (n,) for coefficients (n,) with what a bit is worth there (n,), by keys (n,); see `Wanted.choose`."""
    sign = np.sign(wanted)
    larger = nearest(np.abs(wanted))
    row, rounded = keys.row[found], keys.rounded[found]
    costs, shown = _costs(tables)

    def cost(size: Ints) -> NDArray[np.int64]:
        """In 2^-PRICE_BITS squared units."""
        symbol = sign * size
        apart = (wanted - keys.values(found, symbol)).astype(np.int64)
        bits = costs[tables.entries(row, symbol - rounded)] + shown[np.minimum(size, LARGEST)]
        return (apart * apart << PRICE_BITS) + prices * bits

    lower = (larger <= LARGEST) & (larger > 0)
    lower[lower] = (cost(larger - 1) < cost(larger))[lower]
    chosen: Ints = sign * (larger - lower)
    if skip:
        chosen[~keys.coded[found]] = 0
    return chosen


@lru_cache(4)
def _costs(tables: SymbolTables) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What entries (E,) cost, and what symbols of a size 0 … LARGEST cost their neighbours, in 2^-COST_BITS bits."""
    shown = SHOWN_BITS * np.log2(1 + np.arange(LARGEST + 1))
    own, others = (np.rint(bits * 2.0**COST_BITS).astype(np.int64) for bits in (tables.costs, shown))
    return own, others
