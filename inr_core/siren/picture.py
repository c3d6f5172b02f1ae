"""A file of the siren model: its network, evaluated on grids of coordinates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..container.chunks import Head
from ..exact.beside import Beside, take_beside
from ..fileinfo import Chunk, FileInfo, LayerInfo, beside
from ..kernels.resample import Box
from ..limits import Budget, Cost
from ..models import SirenShape
from ..picture import Picture
from ..pixels import Array, luma
from .cost import averaging_cost, siren_cost
from .render import Grid, SirenRenderer
from .streams import unpack
from .weights import KIND_NAMES, to_network

QUICK_SAMPLES = 2  # for a pixel of a smaller picture, across and down, where it is wanted in a hurry


class SirenPicture(Picture):
    """Pixels of a network of the coordinates; TruncatedError unless all of it is there."""

    def __init__(self, head: Head, payloads: Sequence[bytes], cut: bytes | None, threads: int, device: str) -> None:
        super().__init__(head, payloads, cut, threads, device)
        payload, (network,) = take_beside(head.header, payloads)
        plane = None if payload is None else Beside(head.header, payload)
        parameters = head.header.parameters
        assert isinstance(parameters, SirenShape)
        self._parameters, self._beside = parameters, plane
        self._layers, self._streams = unpack(network, parameters.linear(head.header.coded))
        evaluated = to_network(self._layers, head.header.bit_depth)
        self._renderer = SirenRenderer(evaluated, head.header, plane, self.finished, threads, device)

    def bands(self, most: int | None, budget: Budget | None = None) -> Iterator[tuple[int, Array]]:
        """As `Picture.bands`; every band is evaluated when its turn comes."""
        if self._beside:
            self._beside.read(budget)
        width, height = self.header.width, self.header.height
        yield from self._renderer.strips(Grid.of(self.header, (0, 0, width, height), (width, height)), most)

    def decode(self, box: Box, size: tuple[int, int], *, grey: bool, budget: Budget | None = None) -> Array:
        """As `Picture.decode`: the mean of samples in each pixel, or what lies between the pixels."""
        if self._beside:
            self._beside.read(budget)
        grid = Grid.of(self.header, box, size, self._most)
        pixels = np.concatenate([rows for _, rows in self._renderer.strips(grid)])
        return luma(pixels) if grey else pixels

    def cost(self, box: Box, size: tuple[int, int]) -> Cost:
        """As `Picture.cost`."""
        across, down = Grid.samples_of_pixel(self.header, box, size, self._most)
        grid = size[0] * across, size[1] * down
        read = Cost(symbols=sum(stream.ranged for stream in self._streams))
        cost = read + siren_cost(self._parameters, self.header.coded, grid, self._beside)
        if across * down > 1:
            cost += averaging_cost(self.header, grid[0] * grid[1])
        return cost + self.finishing_cost(size)

    @property
    def _most(self) -> int | None:
        """Samples for a pixel, across and down."""
        return QUICK_SAMPLES if self.hurried else None

    def describe(self, chunks: list[Chunk]) -> FileInfo:
        """As `Picture.describe`, layer by layer."""
        rows, last = [], len(self._layers) - 1
        for k, (layer, stream) in enumerate(zip(self._layers, self._streams, strict=True)):
            name = "first" if k == 0 else "output" if k == last else f"hidden {k}"
            out, into = layer.mask.shape
            count = len(layer.codes)
            rows.append(
                LayerInfo(name, (out, into), count, count / (out * into), KIND_NAMES[layer.kind], layer.bits,
                          stream.mask_coder, stream.mask_bytes, stream.symbol_coder, stream.symbol_bytes,
                          stream.bias_bytes)
            )  # fmt: skip
        hidden, kept, macs = rows[0].shape[0], sum(row.nonzeros for row in rows), self.header.macs
        shape = f"{len(rows)} linear layers of {hidden} neurons, {self.header.coded} outputs"
        line = f"siren, {shape}, {kept:,} of {macs:,} weights, prior none{beside(self.head, chunks)}"
        return FileInfo(self.head, chunks, line, macs, layers=rows)
