"""A siren's samples on any grid: evaluated in strips, side by side on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..container.header import MAX_WORK, Header
from ..errors import SettingsError, shown
from ..exact.beside import Beside
from ..kernels import switch
from ..kernels.resample import Box, means
from ..pixels import Array
from ..process.threads import Crew, single_threaded_blas
from .compiled import CompiledSiren
from .coordinates import axis_coordinates
from .network import Evaluator, Network

Ints = NDArray[np.int64]

COMPILED_BLOCK = 2**14  # samples that compiled kernels evaluate at once


class _Samples(Protocol):
    """An evaluator: `network.Evaluator`, `kernels.siren.CompiledSiren` or `network_torch.TorchEvaluator`."""

    def samples(self, x: Ints, y: Ints) -> NDArray[np.integer[Any]]:
        """Samples at every (x, y): (w,) and (h,) coordinates → (h, w, C)."""


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
        across, down = -(-(x1 - x0) // width), -(-(y1 - y0) // height)
        if most is not None or width * across * height * down * header.macs > MAX_WORK:
            across, down = max(1, (x1 - x0) // width), max(1, (y1 - y0) // height)
        if most is not None:
            across, down = min(across, most), min(down, most)
        longest = max(header.width, header.height)
        x = axis_coordinates(header.width, longest, x0, x1, width * across)
        y = axis_coordinates(header.height, longest, y0, y1, height * down)
        return cls(width, height, across, down, x, y, _pixels_of(x0, x1, len(x)), _pixels_of(y0, y1, len(y)))

    def rows_of(self, block: int) -> int:
        """Rows of pixels that `block` samples are enough for, at least one."""
        return max(1, block // (self.width * self.across * self.down))

    def means(
        self, evaluator: _Samples, top: int, bottom: int, block: int, header: Header, beside: Beside | None = None
    ) -> NDArray[np.integer[Any]]:
        """Rows [top, bottom) → (h, width, C): the mean of each pixel's samples, as `resample.means`.

        Evaluates at most `block` samples at a time, and holds no more than one row of samples beyond that. `beside`:
        what completes them.
        """
        height = bottom - top  # more than 1 only if all of it fits in a block
        y = self.y[top * self.down : bottom * self.down]
        strip = max(1, block // len(self.x))
        total = weighted = np.zeros((), np.int64)
        for first in range(0, len(y), strip):
            samples = self._strip(evaluator, y[first : first + strip], block)
            if beside:
                rows = self.rows[top * self.down + first :][: len(samples)]
                samples = beside.completed(samples, beside.plane[rows[:, None], self.columns])
            if self.across == self.down == 1:
                return samples
            parts = samples.astype(np.int64, copy=False).reshape(height, -1, self.width, self.across, samples.shape[2])
            total = total + parts.sum((1, 3))
            if header.alpha:
                weighted = weighted + (parts[..., :-1] * parts[..., -1:]).sum((1, 3))
        weight = self.across * self.down
        return means(total, weight, weighted if header.alpha else None, (1 << header.sample_bits) - 1)

    def _strip(self, evaluator: _Samples, y: Ints, block: int) -> NDArray[np.integer[Any]]:
        if len(self.x) <= block:
            return evaluator.samples(self.x, y)
        return np.concatenate([evaluator.samples(x, y) for x in np.split(self.x, range(block, len(self.x), block))], 1)


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

    def bands(self, grid: Grid, block: int | None = None) -> Iterator[tuple[int, Array]]:
        """(first row, rows of pixels) from top to bottom; `block`: samples evaluated at once."""
        if self.device != "cpu":
            yield from self._torch_bands(grid, block)
            return
        network, kernels = self.network, switch.level()
        compiled = None
        if kernels is not None and CompiledSiren.fits(network):
            compiled = CompiledSiren(network, self._peak, kernels)
        block = block or (COMPILED_BLOCK if compiled else network.block)
        rows = grid.rows_of(block)
        tops = range(0, grid.height, rows)
        workers = min(self.threads, len(tops))
        evaluators: SimpleQueue[_Samples] = SimpleQueue()
        for _ in range(workers):
            evaluators.put(compiled or Evaluator(network, self._peak, block))

        def work(top: int) -> Array:
            evaluator = evaluators.get()
            try:
                with single_threaded_blas():
                    return self._band(evaluator, grid, top, rows, block)
            finally:
                evaluators.put(evaluator)

        with Crew(workers) as crew:
            yield from crew.in_order(work, tops)

    def _torch_bands(self, grid: Grid, block: int | None) -> Iterator[tuple[int, Array]]:
        try:
            from .on_torch import TorchEvaluator  # the only way here that needs torch
        except ImportError as e:
            raise SettingsError(f"device: expected 'cpu' where torch is not installed, got {shown(self.device)}") from e
        evaluator = TorchEvaluator(self.network, self._peak, "cpu" if self.device == "torch" else self.device)
        block = block or evaluator.block
        rows = grid.rows_of(block)
        for top in range(0, grid.height, rows):
            yield top, self._band(evaluator, grid, top, rows, block)

    def _band(self, evaluator: _Samples, grid: Grid, top: int, rows: int, block: int) -> Array:
        """Up to `rows` rows of pixels from `top` on."""
        samples = grid.means(evaluator, top, min(top + rows, grid.height), block, self._header, self._beside)
        return self._finish(samples.astype(self._dtype))
