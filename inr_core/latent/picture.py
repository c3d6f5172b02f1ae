"""A file of the latent model: its pyramid, decoded as far as a size needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..container.arrival import Arrival
from ..container.chunks import Head
from ..container.header import Raster
from ..errors import TruncatedError
from ..exact.beside import take_beside
from ..fileinfo import Chunk, FileInfo, beside
from ..kernels.resample import Box, resample
from ..limits import Budget, Cost
from ..models import LatentShape
from ..picture import Picture, resampling_cost
from ..pixels import Array, luma
from . import prior, scaled
from .completed import CompletedGrids, Grids, read_beside
from .cost import grid_cost, pyramid_cost
from .decoding import LatentDecoder
from .latents import PyramidShape, grid_size
from .plan import step_size

BAND_PIXELS = 2**18  # of a decoded picture handed over at once


def pyramid_shape(raster: Raster, parameters: LatentShape) -> PyramidShape:
    """What a header says of the pyramid."""
    return PyramidShape(
        raster.width, raster.height, raster.sample_bits, raster.components, parameters.step, parameters.levels
    )


class LatentPicture(Picture):
    """Pixels of a pyramid. What is missing at its end is what the networks expect there.

    TruncatedError if not even the coarsest planes are there, nor all of what stands beside them.
    """

    def __init__(self, head: Head, payloads: Sequence[bytes], cut: bytes | None, threads: int, device: str) -> None:
        super().__init__(head, payloads, cut, threads, device)
        parameters = head.header.parameters
        assert isinstance(parameters, LatentShape)
        self._parameters, self._cut = parameters, cut
        self._prior = prior.load(parameters.prior)
        payload, self._payloads = take_beside(head.header, payloads)
        self._beside = None if payload is None else read_beside(head.header, payload)
        if not self._payloads and not cut:
            raise TruncatedError("pixel chunks: expected the coarsest planes, got none")

    @classmethod
    def enough(cls, arrival: Arrival, size: tuple[int, int]) -> bool:
        """As `Picture.enough`: smaller pictures need no finer level than one of more than their pixels."""
        return scaled.enough(arrival, size)

    def bands(self, most: int | None, budget: Budget | None = None) -> Iterator[tuple[int, Array]]:
        """As `Picture.bands`, of samples that are decoded at once."""
        samples = self._completed(self._pyramid(), budget).samples()
        rows = max(1, (most or BAND_PIXELS) // self.header.width)
        for top in range(0, self.header.height, rows):
            yield top, self.finished(samples[top : top + rows])

    def decode(self, box: Box, size: tuple[int, int], *, grey: bool, budget: Budget | None = None) -> Array:
        """As `Picture.decode`, from the coarsest level that will do."""
        pyramid = self._pyramid()
        grids = self._grids(pyramid, box, size)
        if grey and not self.header.ranges and not self._beside:
            return resample(pyramid.luma(grids[0]), box, size, grids[0], alpha=False)[..., 0]
        pixels = self.finished(scaled.scaled(self._completed(pyramid, budget), box, size, self.header, grids))
        return luma(pixels) if grey else pixels

    def cost(self, box: Box, size: tuple[int, int]) -> Cost:
        """As `Picture.cost`; a part takes all of the pyramid."""
        macs, own = self._prior.macs, (box[2] - box[0], box[3] - box[1])
        enlarged = (size[0] > own[0] or size[1] > own[1]) and size != own
        level = 0 if enlarged or size == own else min(self._grids(self._pyramid(), box, size))
        cost = pyramid_cost(self.header, self._parameters.levels, macs, level, self._beside)
        if enlarged:
            whole = self.header.width, self.header.height
            part = [min(side + 2 * scaled.MARGIN, most) for side, most in zip(own, whole, strict=True)]
            cost += grid_cost(self.header, macs, 4 * part[0] * part[1])
        width, height = grid_size(*own, level)
        return (
            cost if size == own else cost + resampling_cost(width * height * (4 if enlarged else 1), size, self.header)
        )

    def _grids(self, pyramid: LatentDecoder, box: Box, size: tuple[int, int]) -> tuple[int, int]:
        """The coarsest grid for what is opaque, and the one for what is not."""
        grids = scaled.grids_for(self.header, self._parameters.levels, box, size)
        if self.hurried and pyramid.finest > grids[1]:
            grids = max(grids[0], pyramid.finest), pyramid.finest
        return grids

    def describe(self, chunks: list[Chunk]) -> FileInfo:
        """As `Picture.describe`: the step, and how the networks differ from the prior's."""
        pyramid = self._pyramid()
        differences, size = pyramid.differences()
        moved = sum(int(np.count_nonzero(difference.steps)) for difference in differences.values())
        index, macs = self._parameters.step, self._prior.macs
        step = step_size(index) / self.header.share  # of 255 of the range; the index is what the file holds
        tune = "look" if pyramid.look else "psnr"
        shape = f"{self._parameters.levels} levels, step {index} ({step:.3g} of 255), tune {tune}"
        own = f", {moved:,} weights moved ({size:,} bytes)" if moved else ""
        line = f"latent, prior {self._parameters.prior}{own}, {shape}, {macs:,} multiply-adds a pixel"
        line += beside(self.head, chunks)
        return FileInfo(self.head, chunks, line, macs, moved=moved, moved_bytes=size)

    def _completed(self, pyramid: LatentDecoder, budget: Budget | None) -> Grids:
        """Of the pyramid and what stands beside it, which is decoded first."""
        if not self._beside:
            return pyramid
        self._beside.read(budget)
        return CompletedGrids(pyramid, self._beside)

    def _pyramid(self) -> LatentDecoder:
        shape = pyramid_shape(self.header, self._parameters)
        device = "cpu:0" if self.device == "torch" else self.device  # torch's name of it; "cpu" is NumPy
        return LatentDecoder(self._payloads, self._prior, shape, self.threads, device, self._cut)
