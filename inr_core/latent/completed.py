"""Grids of a pyramid, completed by the plane that stands exactly beside it."""

from __future__ import annotations

from typing import Protocol

from ..exact.beside import Beside
from ..kernels.resample import Box, Samples


class Grids(Protocol):
    """A pyramid's samples: a `LatentDecoder`, or what completes one."""

    def samples(self, level: int = 0) -> Samples:
        """Samples (h, w, C) of a grid."""

    def between(self, box: Box) -> Samples:
        """Samples (2h, 2w, C) of pixels `box` and what is between them."""


class CompletedGrids:
    """All channels, of grids that lack what stands beside them."""

    def __init__(self, grids: Grids, beside: Beside) -> None:
        self._grids, self._beside = grids, beside

    def samples(self, level: int = 0) -> Samples:
        """Samples (h, w, C) of a grid."""
        return self._beside.completed(self._grids.samples(level), self._beside.grid(level))

    def between(self, box: Box) -> Samples:
        """Samples (2h, 2w, C) of pixels `box` and what is between them."""
        return self._beside.completed(self._grids.between(box), self._beside.between(box))
