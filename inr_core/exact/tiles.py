"""Tiles whose pixels stand beside what a pyramid makes of all others: interface and text in or beside a photograph.

An alpha stands beside it for all pixels. Where a grid's position takes in pixels of both kinds, it is made of both, by
their shares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..container.fields import FieldReader
from ..container.header import Raster
from ..errors import FormatError
from ..kernels.resample import Box
from ..limits import Budget, Cost
from ..pixels import Array
from ..process.once import once
from .colours import Planes
from .grids import between, on_grid, rounded_mean
from .strips import Shape
from .whole import Whole, pack_whole, whole_shapes

SIDE_BITS = (3, 8)  # log2 of the side of a tile, in pixels, the least and the most
WEIGHT_BITS = 6  # all of a position: the samples of 8 bits, weighted by it, are summed by fours in 16 bits
PASSES = 12  # of a sample: taking it from the one or the other, coarser grids

Tiled = NDArray[np.bool_]  # by tile
Weighted = NDArray[np.uint16]  # (h, w, C + 1): C colours times weights of 0 … 2^WEIGHT_BITS, and these


def pack_tiles(tiles: Tiled, side_bits: int, strips: bytes, level: int) -> bytes:
    """What stands for the tiles (h, w) of 2^side_bits pixels a side whose pixels are those that strips hold.

    strips: what `pack_whole` makes of all planes of the picture, or the same with other payloads.
    """
    return bytes([side_bits]) + pack_whole(tiles[None].astype(np.uint8), 2, (1,), level, may_mix=True) + strips


def tiled_pixels(tiles: Tiled, side_bits: int, width: int, height: int) -> NDArray[np.bool_]:
    """(height, width): whether a pixel's tile is one of them."""
    side = 1 << side_bits
    return tiles.repeat(side, 0)[:height].repeat(side, 1)[:, :width]


class Tiles:
    """What the first pixel chunk of a file with tiles holds. FormatError, here or later: it does not."""

    def __init__(self, raster: Raster, payload: bytes) -> None:
        self.bytes, self._raster = len(payload), raster
        self._read: tuple[Tiled, Planes] | None = None
        fields = FieldReader(payload)
        self._side_bits = fields.byte("tiles, side", *SIDE_BITS)
        side = 1 << self._side_bits
        rows, columns = -(-raster.height // side), -(-raster.width // side)
        self._map = Whole(fields, [Shape(1, rows, columns, 2)], "tiles, map")
        shapes = whole_shapes(raster.channels, raster.width, raster.height, 1 << raster.bit_depth)
        self._planes = Whole(fields, shapes, "tiles")
        if rest := len(fields.rest()):
            raise FormatError(f"tiles: expected nothing after the last strip, got {rest} bytes")

    @property
    def cost(self) -> Cost:
        """Of all of it, whatever part is asked for."""
        raster = self._raster
        passes = PASSES * raster.width * raster.height * (raster.channels + 1)
        return self._map.cost + self._planes.cost + Cost(passes=passes)

    def read(self, budget: Budget | None) -> None:
        """Decode all of it, once; LimitError: it asks more than the budget has."""
        if self._read is None:
            self._read = self._map.planes(budget)[0] > 0, self._planes.planes(budget)

    @once
    def tiled(self) -> NDArray[np.bool_]:
        """(H, W): whether a pixel is one of those that stand here."""
        return tiled_pixels(self._all[0], self._side_bits, self._raster.width, self._raster.height)

    @property
    def samples(self) -> Array:
        """(H, W, C), of which those of `tiled` count, and all of the alpha."""
        return np.moveaxis(self._all[1], 0, 2)

    @property
    def _all(self) -> tuple[Tiled, Planes]:
        """The tiles (h, w), and the planes (C, H, W)."""
        self.read(None)
        assert self._read is not None
        return self._read

    @once
    def weighted(self) -> Weighted:
        """Of the pixels: their colours and 1, where they stand here, times all of a position."""
        coded = self._raster.coded
        found = np.empty((*self.tiled.shape, coded + 1), np.uint16)
        found[..., :-1], found[..., -1] = self.samples[..., :coded], 1
        found <<= WEIGHT_BITS
        found *= self.tiled[..., None]
        return found

    @property
    def _alpha(self) -> Array:
        """(H, W, 1), or (H, W, 0) where there is none."""
        return self.samples[..., self._raster.coded :]

    def completed(self, samples: Array) -> Array:
        """Samples (H, W, C) of those that the pyramid makes, with what stands here."""
        own = self.samples[..., : samples.shape[2]]
        return np.concatenate([np.where(self.tiled[..., None], own, samples), self._alpha], 2)

    def completed_grid(self, samples: Array, level: int) -> Array:
        """Samples (h, w, C) of a grid, likewise."""
        if not level:
            return self.completed(samples)
        colours = _mixed(samples, on_grid(self.weighted, level, rounded_mean))
        return np.concatenate([colours, on_grid(self._alpha, level, rounded_mean)], 2)

    def completed_between(self, samples: Array, box: Box) -> Array:
        """Samples (2h, 2w, C) of pixels `box` and what is between them, likewise."""
        colours = _mixed(samples, between(self.weighted, box, rounded_mean))
        return np.concatenate([colours, between(self._alpha, box, rounded_mean)], 2)


def _mixed(samples: Array, weighted: Weighted) -> Array:
    """Samples (h, w, C) of 8 bits that count by what is left of the weights."""
    whole = 1 << WEIGHT_BITS
    total = samples.astype(np.uint32) * (whole - weighted[..., -1:]) + weighted[..., :-1] + whole // 2
    mixed: Array = np.minimum(total >> WEIGHT_BITS, 255).astype(np.uint8)
    return mixed
