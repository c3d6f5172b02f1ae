"""One level of the latent model for one component: symbols of its bands by parities, then the finer planes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels.highpass import highpass
from ..kernels.ops import Ops
from ..kernels.pairs import Maps
from ..kernels.parities import ParityKeys
from ..kernels.strips import Strips
from ..kernels.wavelet import finer
from .choosing import Wanted
from .latents import grid_size
from .maps import ParityMaps, chroma_maps, luma_maps
from .networks import cell_of, parities_of
from .parity import Parity, Source, code
from .prior import ORDER, Prior
from .steps import Step, keys_of

Ints = NDArray[np.int32]

CODED_SYMBOLS = 1 << 17  # coded at once: meanwhile, other threads evaluate the networks of the next ones


class Component:
    """Planes (3 or 1) of one component, refined a level at a time."""

    def __init__(self, prior: Prior, step: Step, size: tuple[int, int], planes: Ints, strips: Strips) -> None:
        self.prior, self.step, self.size, self.strips = prior, step, size, strips
        self.planes = planes  # (planes, h, w) of the grid decoded last
        self._keys = keys_of(prior)
        self._mag = prior.mag.astype(np.int16)
        # features of the last two levels, see `luma_maps`
        self._parent: Maps | None = None
        self._grand: Maps | None = None

    def refine(
        self, level: int, skip: bool, source: Source, details: Ints | None = None, wanted: Wanted | None = None
    ) -> None:
        """Code level `level` and go from the planes of grid level + 1 to those of grid level.

        `skip`: symbols that are surely 0 are not coded. `details` (planes·3, h, w): an encoder's values, in which those
        that are not coded are set to 0. `wanted`: what values are chosen for, and written there.
        """
        high = highpass(self.planes, self.step.highpass(level), self.strips)
        values, features = self._symbols(level, high, skip, source, details, wanted)
        self._parent, self._grand = features, self._parent
        self.planes = self._finer(level, high, values)

    def cropped(self, left: int, top: int, right: int, bottom: int) -> Component:
        """A part of grid 0 as a picture of its own, for levels that have no symbols. `left`, `top`: multiples of 4."""

        def part(maps: Maps | None, step: int) -> Maps | None:
            return None if maps is None else maps[:, top // step : -(-bottom // step), left // step : -(-right // step)]

        planes = np.ascontiguousarray(self.planes[:, top:bottom, left:right])
        crop = Component(self.prior, self.step, (right - left, bottom - top), planes, self.strips)
        crop._parent, crop._grand = part(self._parent, 2), part(self._grand, 4)
        return crop

    def forget_chroma(self) -> None:
        """Keep plane 0 only. Of the next level, which must be the last one decoded, only its details are coded."""
        self.planes = np.ascontiguousarray(self.planes[:1])

    def _own(self, level: int) -> int:
        """Which of the prior's levels has the parameters of a level."""
        return min(max(level, 0), self.prior.levels - 1)

    def _symbols(
        self, level: int, high: Maps, skip: bool, source: Source, details: Ints | None, wanted: Wanted | None
    ) -> tuple[Ints, Maps]:
        """Values (planes·3, h, w) in 1/64 of a step, and the features that finer levels see of them."""
        count, h, w = high.shape
        values = np.empty((3 * count, h, w), np.int32)
        features = np.empty((6 if count == 3 else 3, h, w, 2), np.int16)
        own, t = self._own(level), self.step.t

        def code_bands(networks: ParityKeys, maps: ParityMaps, bands: slice, shown: Maps) -> None:
            """All four parities of some bands."""
            for rank in range(len(ORDER)):
                parity = Parity(
                    keys=self._keys,
                    skip=skip,
                    tables=self.prior.tables,
                    recon=self.prior.recon,
                    magnitudes=self._mag,
                    rank=rank,
                    maps=maps,
                    values=values[bands],
                    features=shown,
                    details=None if details is None else details[bands],
                    wanted=None if wanted is None else wanted.bands(bands),
                )
                rows, columns = parity.size
                most = CODED_SYMBOLS // len(parity.values)
                for (first, last), keys in networks.keys(rank, rows if columns else 0, most):
                    code(parity, source, keys, first, last - first)

        maps = luma_maps(high, self._parent, self._grand, self.strips)
        code_bands(parities_of(self.prior.luma, maps, own, t, self.strips), maps, slice(0, 3), features[:3])
        if count == 3:
            maps = chroma_maps(high, features, self._parent, self._grand, self.strips)
            code_bands(parities_of(self.prior.chroma, maps, own, t, self.strips), maps, slice(3, 9), features[3:])
        return values, features

    def _finer(self, level: int, high: Maps, values: Ints) -> Ints:
        """The planes of grid `level`: inverse wavelet, and the cell's residual."""
        count, h, w = high.shape
        width, height = grid_size(*self.size, level)
        own, step = self._own(level), self.step
        gains = self.prior.gains[own, : 3 * count]
        factors, shift = step.coefficients(level, gains), step.coefficient_shift(level)
        cell = cell_of(self.prior.cell, count, own, step.t, gains, step.residual(level), self.strips)
        out = np.empty((count, height, width), np.int32)

        def work(ops: Ops, first: int, last: int) -> None:
            finer(self.planes, values, factors, shift, first, last, out)
            cell.add(ops, high, values, first, last, out)

        self.strips.each(0, h, w, cell.positions, work)
        return out
