"""The sine network beside the wavelet: what it adds to the finer planes of a level.

3×3 neighbours of high-pass and details, each position by itself, 3×3 neighbours again: four residuals a position and
plane, one for each pixel of the finer plane. Written once for NumPy and torch (`Ops`), and once for compiled kernels:
the same planes to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .highpass import CELL_MAX
from .layers import Layers, fit_int16, packed_layers
from .ops import Ops, factors
from .strips import Strips

RESIDUAL_MAX = 16383  # in 1/64 of a step
VALUE_MAX = 2047  # of a value in 1/64 steps as the cell sees it: times a gain, exact in float32
GAIN_BITS = 14  # a value of 1/64 of a step times a gain in 2^-12 is in 2^-14 of 1/16
STRIP_POSITIONS = 6144  # evaluated at once by NumPy: scratch stays in cache
EDGE = 2  # rows above and below that the residuals of a range of rows depend on

Ints = NDArray[np.int32]


class Cell(Protocol):
    """A cell at one level and step."""

    @property
    def positions(self) -> int | None:
        """Of a strip, as `Strips.each` takes it."""

    def add(self, ops: Ops, high: NDArray[np.int16], values: Ints, first: int, last: int, out: Ints) -> None:
        """Add the residuals of rows [first, last) to rows 2·first … 2·last − 1 of the finer planes `out`.

        high (planes, h, w): up to ±256, in 1/16 of 4 steps; values (3·planes, h, w): details in 1/64 of a step.
        """


def cell(
    layers: Layers, biases: Sequence[NDArray[np.integer[Any]]], gains: Ints, residual: tuple[int, int], strips: Strips
) -> Cell:
    """Layers whose inputs are the planes' high-pass, then their details, and whose outputs are plane·4 + parity.

    gains (3·planes,): step of each band in 2^-12 of the file's. residual: an integer and n; it times 2^−n is what 1/64
    of a step is in plane units.
    """
    if strips.compiled is not None and fit_int16(layers):
        return CompiledCell(layers, biases, gains, residual, *strips.compiled)
    return TensorCell(layers, biases, gains, residual, strips.ops[0])


class CompiledCell:
    """By compiled kernels."""

    positions = None

    def __init__(
        self,
        layers: Layers,
        biases: Sequence[NDArray[np.integer[Any]]],
        gains: Ints,
        residual: tuple[int, int],
        native: ModuleType,
        kernels: int,
    ) -> None:
        self._native, self._kernels = native, kernels
        self._layers, self._residual = packed_layers(layers, biases), residual
        self._gains = np.ascontiguousarray(gains, np.int32)

    def add(self, ops: Ops, high: NDArray[np.int16], values: Ints, first: int, last: int, out: Ints) -> None:
        """As `Cell`."""
        where = (*high.shape, first, last)
        parts = (*self._layers, *self._residual)
        self._native.cell_rows(self._kernels, high, values, self._gains, *where, *parts, out, *out.shape[1:])


class TensorCell:
    """By NumPy or torch."""

    def __init__(
        self,
        layers: Layers,
        biases: Sequence[NDArray[np.integer[Any]]],
        gains: Ints,
        residual: tuple[int, int],
        ops: Ops,
    ) -> None:
        self.positions = STRIP_POSITIONS
        self._shown = np.ldexp(gains.astype(np.float32), -GAIN_BITS)[:, None, None]
        self._residual = np.float32(np.ldexp(residual[0], -residual[1]))  # exact: an integer of few bits
        first, middle, last = layers
        self.hidden, self._outputs = len(first.array), len(last.array)
        w1 = first.array.transpose(0, 2, 3, 1).reshape(self.hidden, -1)
        self._w1 = ops.put(factors(w1, biases[0], first.shift))
        self._wm = ops.put(factors(middle.array, biases[1], middle.shift))
        # the last 3×3 as one product for all nine neighbours, whose results are then shifted and summed
        w2 = last.array.transpose(2, 3, 0, 1).reshape(9 * self._outputs, self.hidden)
        self._w2 = ops.put(np.ldexp(w2.astype(np.float32), -last.shift))
        b2 = biases[2].astype(np.int64) + (1 << last.shift >> 1)
        self._b2 = ops.put(np.ldexp(b2.astype(np.float32), -last.shift))

    def add(self, ops: Ops, high: NDArray[np.int16], values: Ints, first: int, last: int, out: Ints) -> None:
        """As `Cell`."""
        count, h, w = high.shape
        inputs = ops.put(self._inputs(high, values, first, last))
        scaled = ops.get(self.residual(ops, inputs, first == 0, last == h)) * self._residual
        scaled += np.float32(0.5)
        np.floor(scaled, out=scaled)
        parities = scaled.astype(np.int32).reshape(count, 2, 2, last - first, w)
        finer = np.empty((count, last - first, 2, w, 2), np.int32)
        for y in range(2):
            for x in range(2):
                finer[:, :, y, :, x] = parities[:, y, x]
        strip = out[:, 2 * first : 2 * last]
        strip += finer.reshape(count, -1, 2 * w)[:, : strip.shape[1], : strip.shape[2]]

    def _inputs(self, high: NDArray[np.int16], values: Ints, first: int, last: int) -> NDArray[np.float32]:
        """What `residual` takes for rows [first, last)."""
        count, h, w = high.shape
        begin, end = max(first - EDGE, 0), min(last + EDGE, h)
        maps = np.empty((4 * count, last - first + 2 * EDGE, w + 2), np.float32)
        top = begin - (first - EDGE)  # rows of the maps above the picture
        inner = maps[:, top : top + end - begin, 1:-1]
        inner[:count] = high[:, begin:end]
        n = np.clip(values[:, begin:end], -VALUE_MAX, VALUE_MAX).astype(np.float32)
        n *= self._shown
        n += np.float32(0.5)
        np.floor(n, out=n)
        np.clip(n, -CELL_MAX, CELL_MAX, out=inner[count:])
        maps[:, :top, 1:-1] = inner[:, :1]
        maps[:, top + end - begin :, 1:-1] = inner[:, -1:]
        maps[..., 0], maps[..., -1] = maps[..., 1], maps[..., -2]
        return maps

    def residual(self, ops: Ops, maps: Any, top: bool, bottom: bool) -> Any:
        """Residuals in 1/64 of a step (planes·4, rows, w), integer-valued float32.

        `maps`: (planes·4, rows + 4, w + 2) integers, high-pass then details, with two rows above and below and a column
        on either side, the picture's edges repeated. `top`, `bottom`: whether rows end at the picture's.
        """
        xp = ops.xp
        channels, rows, width = maps.shape[0], maps.shape[1] - 2, maps.shape[2]
        n = rows * width
        columns = ops.scratch("columns", 9 * channels + 1, n)
        patches = columns[:-1].reshape(3, 3, channels, rows, width)
        for y in range(3):
            for x in range(3):
                patches[y, x, ..., 1:-1] = maps[:, y : y + rows, x : x + width - 2]
        # activations are repeated at the picture's edges, so the same patches are seen again there
        patches[..., 0] = patches[..., 1]
        patches[..., -1] = patches[..., -2]
        if top:
            patches[..., 0, :] = patches[..., 1, :]
        if bottom:
            patches[..., -1, :] = patches[..., -2, :]
        columns[-1] = 1
        phase, a = ops.scratch("phase", self.hidden, n), ops.scratch("a", self.hidden + 1, n)
        a[-1] = 1
        ops.product(self._w1, columns, phase)
        ops.sine(phase, a[:-1])
        ops.product(self._wm, a, phase)
        ops.sine(phase, a[:-1])
        outputs = self._outputs
        taps = ops.scratch("columns", 9 * outputs, n)
        ops.product(self._w2, a[:-1], taps)
        taps = taps.reshape(9, outputs, n)
        rows -= 2
        total = ops.scratch("b", outputs, rows * width)
        wide = total[:, : rows * width - 2]
        xp.add(taps[0][:, : rows * width - 2], self._b2[:, None], out=wide)
        for k in range(1, 9):
            start = k // 3 * width + k % 3
            wide += taps[k][:, start : start + rows * width - 2]
        xp.floor(wide, out=wide)
        xp.clip(wide, -RESIDUAL_MAX, RESIDUAL_MAX, out=wide)
        return total.reshape(outputs, rows, width)[..., : width - 2]
