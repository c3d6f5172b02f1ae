"""Saving pictures that are part photograph, part interface or text: tiles of the latter stand beside the latents."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..container.header import PLANE_MODES
from ..exact.colours import Planes
from ..exact.cost import mixed_cost
from ..exact.mixed import joined, parted
from ..exact.planes import plane_groups, strip_rows
from ..exact.reduction import Kept, reduce_strip
from ..exact.strips import pack_strip
from ..exact.tiles import Tiled, Tiles, pack_tiles, tiled_pixels
from ..exact.whole import whole_shapes
from ..kernels import reducing
from ..latent.plan import trade_for
from ..limits import Limits
from ..pixels import Array
from ..process.once import once
from .exact import LEVELS
from .job import Job, Request
from .latent import LatentJob
from .lossy import PLANE_LEVEL
from .reduced import OWN_SHARE, ReducedJob, is_graphics
from .spread import SAMPLED, spread_parts
from .unseen import with_colours_continued

SIDE_BITS = 4  # log2 of the side of a tile, in pixels
ALIKE = 0.5  # of a tile's pixels, to a neighbour; 0.6 leaves captions to the latents, 0.3 takes photographs from them
BUSY = 32  # levels between a tile's darkest and brightest: less, in a photograph, is sky or wall
NEAR = 4  # of the nine tiles around one and itself: with fewer of its kind it is left to the latents
HOLE, CLOSED = 7, 3  # with so many it becomes one of them, and so often
CLEARLY_ALIKE, CLEARLY_BUSY = 0.7, 96  # what hardly any tile of a photograph is
SHARE = 0.4  # of the seconds a file may cost, for its tiles: with its latents it opens without a warning
SIMPLER = 1.05  # times what tiles cost, and all pixels are nearly exact: that opens sooner
WORTH = 0.97  # of what latents alone cost: for less there is no need of two kinds of pixels
FEW = 1 / 64  # of the tiles: fewer of either kind are not worth a look


def tiled_instead(job: Job) -> Job | None:
    """The job of the same picture in which tiles stand beside the latents, where that costs less; else None."""
    raster = job.raster
    if not isinstance(job, LatentJob) or raster.mode not in PLANE_MODES["tiles"] or raster.bit_depth != 8:
        return None
    if raster.plane != ("alpha" if raster.alpha else ""):
        return None  # alpha of many values, or a mask
    shapes = whole_shapes(raster.channels, raster.width, raster.height, 256)
    if not reducing.available() or mixed_cost(shapes).seconds > SHARE * Limits().seconds:
        return None
    tiles = graphic_tiles(job.samples)
    if not FEW <= tiles.mean() <= 1 - FEW:
        return None
    if job.request.count > SAMPLED and not _parts_cost_less(job.request):
        return None
    tiled = TiledJob(job.request, tiles)
    return tiled if tiled.guessed_cost < WORTH * job.guessed_cost else None


def _parts_cost_less(request: Request) -> bool:
    """Whether tiles are worth while in parts of a large picture, below each other, beside both models alone."""
    parts = dataclasses.replace(request, pixels=np.concatenate(spread_parts(request.pixels)))
    tiled = tiled_instead(LatentJob(parts))
    if tiled is None or tiled.guessed_cost is None:
        return False
    reduced = ReducedJob(parts)
    return not is_graphics(reduced.planes) or reduced.guess(max(parts.pixels.shape)) > SIMPLER * tiled.guessed_cost


def graphic_tiles(samples: Array) -> Tiled:
    """Which tiles of samples (H, W, C) of 8 bits are interface or text, or of one colour and next to such; or none."""
    pixels = np.pad(_numbers(samples), ((1, 0), (1, 1)), "edge")
    own = pixels[1:, 1:-1]
    like = own == pixels[1:, :-2]
    for other in (pixels[:-1, 1:-1], pixels[:-1, :-2], pixels[:-1, 2:]):
        like |= own == other
    share = _by_tile(like).sum(1, np.uint8).sum(2, np.uint16) / (1 << 2 * SIDE_BITS)
    alike = share >= ALIKE
    candidates = _by_tile(samples).swapaxes(1, 2)[alike]
    spread = np.full(alike.shape, 1, np.uint8)
    spread[alike] = (candidates.max((1, 2)) - candidates.min((1, 2))).max(1)
    if np.mean((share >= CLEARLY_ALIKE) & (spread >= CLEARLY_BUSY)) < FEW:
        return np.zeros_like(alike)
    tiles: Tiled = alike & (spread >= BUSY)
    before = -1
    while before != (before := int(tiles.sum())):
        tiles |= (spread == 0) & (_near(tiles) > 0)
    tiles &= _near(tiles) >= NEAR
    for _ in range(CLOSED):
        tiles |= _near(tiles) >= HOLE
    return tiles


def _numbers(samples: Array) -> NDArray[np.uint32]:
    """A number for each pixel (H, W) of samples (H, W, C) of 8 bits."""
    found = samples[..., 0].astype(np.uint32)
    for channel in range(1, samples.shape[2]):
        found |= samples[..., channel].astype(np.uint32) << np.uint32(8 * channel)
    return found


def _by_tile(values: NDArray[Any]) -> NDArray[Any]:
    """Values (H, W, …) → (rows, side, columns, side, …); tiles beyond an edge are filled with what is at it."""
    side = 1 << SIDE_BITS
    height, width = values.shape[:2]
    beyond = ((0, -height % side), (0, -width % side), *[(0, 0)] * (values.ndim - 2))
    filled = np.pad(values, beyond, "edge")
    return filled.reshape(-(-height // side), side, -(-width // side), side, *values.shape[2:])


def _near(tiles: Tiled) -> NDArray[np.uint8]:
    """Of the nine tiles around each, with itself, how many are."""
    around = np.pad(tiles.astype(np.uint8), 1, "edge")
    rows = around[:-2] + around[1:-1] + around[2:]
    near: NDArray[np.uint8] = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return near


class TiledJob(LatentJob):
    """A picture of which some tiles come back exactly, or nearly so where that is not worth the bits."""

    def __init__(self, request: Request, tiles: Tiled) -> None:
        self._tiles = tiles
        super().__init__(request)

    def _choose_plane(self) -> tuple[str, bytes]:
        """As `LossyJob._choose_plane`."""
        raster = self.raster
        self._shown = tiled_pixels(self._tiles, SIDE_BITS, raster.width, raster.height)
        planes = self._planes()
        strips, level = [], max(LEVELS[self.settings.work], PLANE_LEVEL)
        groups, kept = plane_groups(raster), Kept(self.alpha)
        trade = OWN_SHARE * self._price if self.settings.target_psnr is None and self.settings.quality < 100 else 0.0
        for top, bottom in strip_rows(raster.width, raster.height):
            own = np.ascontiguousarray(planes[:, top:bottom])
            exact = partial(pack_strip, own, 256, groups, level)
            strips.append(reduce_strip(own, exact, groups, level, trade, kept).payload if trade else exact())
        return "tiles", pack_tiles(self._tiles, SIDE_BITS, b"".join(strips), level)

    def _planes(self) -> Planes:
        """Of the samples, those of all other tiles in the colour that most of these have."""
        planes = np.moveaxis(self.samples, 2, 0).copy()
        colours = planes[: len(planes) - self.alpha]
        found, counts = np.unique(joined(colours)[self._shown], return_counts=True)
        most = parted(found[[[counts.argmax()]]], len(colours), 8)
        colours[:, ~self._shown] = most[:, 0]
        return planes

    def _to_code(self) -> Array:
        """As `LossyJob._to_code`: what the tiles hide continues what is around them."""
        seen = np.where(self._shown, 0, 255).astype(np.uint8)
        return with_colours_continued(np.dstack([super()._to_code(), seen]))[..., :-1]

    @property
    def _price(self) -> float:
        """The square error of all samples of a pixel that a bit is worth."""
        return trade_for(self.settings.quality, self.raster.channels - self.alpha)

    @property
    def visible(self) -> NDArray[np.bool_]:
        """As `LatentJob.visible`."""
        seen, others = super().visible, ~self._shown
        return others if seen is None else others & seen

    @property
    def guessed_cost(self) -> float:
        """As `Job.guessed_cost`."""
        return super().guessed_cost + self._error

    @once
    def _error(self) -> float:
        """The square error of all samples of tiles."""
        assert isinstance(self._beside, Tiles)
        counted = self._shown & (self.samples[..., -1] > 0) if self.alpha else self._shown
        apart = (self._beside.samples.astype(np.int32) - self.samples)[counted]
        return float(np.square(apart).sum(dtype=np.float64))

    def without(self) -> LatentJob:
        """As `LossyJob.without`."""
        return LatentJob(self.request)
