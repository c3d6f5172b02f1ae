"""A siren's samples on any grid: evaluated in strips, side by side on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..container.header import Header
from ..exact.beside import Beside
from ..kernels.resample import Box, means
from ..kernels.siren import Network
from ..models import MAX_WORK
from ..pixels import Array
from ..process.threads import Crew
from .coordinates import axis_coordinates
from .evaluator import Evaluator, evaluator

ROWS = 32  # of samples that are evaluated together: what depends on a column alone is found once for all of them

Ints = NDArray[np.int64]


def block_of(across: int, down: int, most: int) -> tuple[int, int]:
    """Columns and rows of so many samples that are evaluated at once, where `most` may be."""
    rows = min(down, max(min(ROWS, most), most // across))
    return min(across, most // rows), rows


@dataclass(frozen=True)
class Grid:
    """Where the network is evaluated: `across` × `down` samples for each of width × height pixels."""

    width: int
    height: int
    across: int
    down: int
    x: Ints  # (width · across,)
    y: Ints  # (height · down,)
    columns: Ints  # of the pixels that samples lie in, as x
    rows: Ints  # as y

    @classmethod
    def of(cls, header: Header, box: Box, size: tuple[int, int], most: int | None = None) -> Grid:
        """At least one sample for each pixel of the picture in `box`, so that a smaller size does not alias.

        At most one where that would be more than a file may cost, or with `most`: samples across and down for a pixel
        of the result, beyond which aliasing is accepted.
        """
        x0, y0, x1, y1 = box
        width, height = size
        across, down = cls.samples_of_pixel(header, box, size, most)
        longest = max(header.width, header.height)
        x = axis_coordinates(header.width, longest, x0, x1, width * across)
        y = axis_coordinates(header.height, longest, y0, y1, height * down)
        return cls(width, height, across, down, x, y, _pixels_of(x0, x1, len(x)), _pixels_of(y0, y1, len(y)))

    @staticmethod
    def samples_of_pixel(header: Header, box: Box, size: tuple[int, int], most: int | None = None) -> tuple[int, int]:
        """Across and down."""
        x0, y0, x1, y1 = box
        width, height = size
        across, down = -(-(x1 - x0) // width), -(-(y1 - y0) // height)
        if most is not None or width * across * height * down * header.macs > MAX_WORK:
            across, down = max(1, (x1 - x0) // width), max(1, (y1 - y0) // height)
        if most is not None:
            across, down = min(across, most), min(down, most)
        return across, down

    def rows_of(self, most: int) -> int:
        """Rows of pixels that `most` samples are enough for, at least one."""
        return max(1, block_of(len(self.x), len(self.y), most)[1] // self.down)

    def means(
        self, network: Evaluator, top: int, bottom: int, header: Header, beside: Beside | None = None
    ) -> NDArray[np.integer[Any]]:
        """Rows [top, bottom) → (h, width, C): the mean of each pixel's samples, as `resample.means`.

        Evaluates as many samples at a time as the network is ready for, and holds no more than `ROWS` of them beyond
        that. `beside`: what completes them.
        """
        height = bottom - top  # more than 1 only if all of it is evaluated at once
        y = self.y[top * self.down : bottom * self.down]
        strip = block_of(len(self.x), len(y), network.most)[1]
        total = weighted = np.zeros((), np.int64)
        for first in range(0, len(y), strip):
            samples = self._strip(network, y[first : first + strip])
            if beside:
                rows = self.rows[top * self.down + first :][: len(samples)]
                samples = beside.completed(samples, beside.plane[rows[:, None], self.columns])
            if self.across == self.down == 1:
                return samples
            parts = samples.astype(np.int64, copy=False).reshape(height, -1, self.width, self.across, samples.shape[2])
            total = total + _sums(parts)
            if header.alpha:
                weighted = weighted + _sums(parts[..., :-1] * parts[..., -1:])
        weight = self.across * self.down
        return means(total, weight, weighted if header.alpha else None, (1 << header.sample_bits) - 1)

    def _strip(self, network: Evaluator, y: Ints) -> NDArray[np.integer[Any]]:
        """Samples (h, width · across, C) of rows of samples, by parts of rows where they are too much at once."""
        columns = block_of(len(self.x), len(y), network.most)[0]
        cuts = range(columns, len(self.x), columns)
        return np.concatenate([network.samples(x, y) for x in np.split(self.x, cuts)], 1)


def _sums(parts: Ints) -> Ints:
    """Samples (h, down, w, across, C) → (h, w, C): their sums."""
    columns: Ints = parts.sum(1)
    if parts.shape[3] > parts.shape[2]:
        summed: Ints = columns.sum(2)
        return summed
    total = columns[:, :, 0].copy()
    for k in range(1, parts.shape[3]):  # NumPy's sums over a few values are slow
        total += columns[:, :, k]
    return total


def _pixels_of(start: int, stop: int, samples: int) -> Ints:
    """The columns or rows that the centres of so many equal steps from `start` to `stop` lie in."""
    return start + (2 * np.arange(samples, dtype=np.int64) + 1) * (stop - start) // (2 * samples)


class SirenRenderer:
    """Evaluates a network and makes pixels of its samples, (h, w, C) uint8 or uint16, by `finish`.

    beside: what completes the samples. threads, device: as `decoder.Decoder`.
    """

    def __init__(
        self,
        network: Network,
        header: Header,
        beside: Beside | None,
        finish: Callable[[Array], Array],
        threads: int,
        device: str,
    ) -> None:
        self.network, self.threads, self.device, self._finish = network, threads, device, finish
        self._header, self._beside = header, beside
        self._peak = 65_535 if header.bit_depth == 16 else 255
        self._dtype: type[np.uint8 | np.uint16] = np.uint16 if header.bit_depth == 16 else np.uint8

    def strips(self, grid: Grid, most: int | None = None) -> Iterator[tuple[int, Array]]:
        """(first row, rows of pixels) from top to bottom; `most`: samples evaluated at once."""
        network = evaluator(self.network, self._peak, self.threads, self.device, most)
        rows = grid.rows_of(network.most)
        tops = range(0, grid.height, rows)

        def strip(top: int) -> Array:
            bottom = min(top + rows, grid.height)
            samples = grid.means(network, top, bottom, self._header, self._beside)
            return self._finish(samples.astype(self._dtype))

        with Crew(min(network.threads, len(tops))) as crew:
            yield from crew.in_order(strip, tops)
