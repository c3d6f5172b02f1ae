"""Grids of a pyramid, completed by what stands beside it."""

from __future__ import annotations

from typing import Protocol

from ..container.header import Raster
from ..exact.beside import Beside
from ..exact.tiles import Tiles
from ..kernels.resample import Box, Samples

Besides = Beside | Tiles


def read_beside(raster: Raster, payload: bytes) -> Besides:
    """What stands beside a pyramid; FormatError: the payload does not hold it."""
    return Tiles(raster, payload) if raster.plane == "tiles" else Beside(raster, payload)


class Grids(Protocol):
    """A pyramid's samples: a `LatentDecoder`, or what completes one."""

    def samples(self, level: int = 0) -> Samples:
        """Samples (h, w, C) of a grid."""

    def between(self, box: Box) -> Samples:
        """Samples (2h, 2w, C) of pixels `box` and what is between them."""


class CompletedGrids:
    """All channels, of grids that lack what stands beside them."""

    def __init__(self, grids: Grids, beside: Besides) -> None:
        self._grids, self._beside = grids, beside

    def samples(self, level: int = 0) -> Samples:
        """Samples (h, w, C) of a grid."""
        return self._beside.completed_grid(self._grids.samples(level), level)

    def between(self, box: Box) -> Samples:
        """Samples (2h, 2w, C) of pixels `box` and what is between them."""
        return self._beside.completed_between(self._grids.between(box), box)
