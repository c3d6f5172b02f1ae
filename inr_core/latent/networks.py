"""The networks of the latent model on integers: the entropy model of a grid's phases, and the sine cell.

Written once for NumPy and torch: an `Ops` says where arrays live, and both libraries share the rest. Activations are
integer-valued float32, (channels, positions). A layer's weights are scaled by 2^−s and carry bias and half as a last
column, against a row of ones: the product *is* (Σ w·a + b + 2^(s−1))·2^−s, exactly, and the floor of it the activation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..entropy.tables import SCALES
from ..kernels.sine import PHASE_BITS, SINE_TABLE
from .maps import NONE, Layout
from .prior import MEAN_HALF, ORDER, OWN, PHASES, RELU_MAX, CellNet, PhaseNet, conditioned

MEAN_VALUES = 2 * MEAN_HALF
RESIDUAL_MAX = 16383  # of the cell, in 1/64 of a step

Floats = NDArray[np.float32]
_PHASE_MASK = np.int32((1 << PHASE_BITS) - 1)


class Ops:
    """Arrays of NumPy. `TorchOps` has the same members for those of torch."""

    xp: Any = np

    def __init__(self) -> None:
        self._scratch: dict[str, Any] = {}
        self.positions: int | None = None  # to evaluate at once; None: as many as fit a core's cache

    def product(self, weight: Any, values: Any, out: Any) -> Any:
        """weight @ values, exact, into `out`."""
        return np.matmul(weight, values, out=out)

    def scratch(self, name: str, *shape: int) -> Any:
        """A float32 array of a shape, valid until the next call with this name."""
        size = int(np.prod(shape))
        flat = self._scratch.get(name)
        if flat is None or len(flat) < size:
            flat = self._scratch[name] = self.empty(size)
        return flat[:size].reshape(shape)

    def empty(self, size: int) -> Any:
        """Float32 memory."""
        return np.empty(size, np.float32)

    def put(self, array: NDArray[Any]) -> Any:
        """A host array to where products are made."""
        return array

    def get(self, array: Any) -> NDArray[Any]:
        """An array from there."""
        host: NDArray[Any] = array
        return host

    def sine(self, phase: Any, out: Any) -> None:
        """Activations of phases (n, m), integer-valued, any number of turns; `phase` is destroyed."""
        np.floor(phase, out=phase)
        turns = self._scratch.get("turns")
        if turns is None or turns.size < phase.size:
            turns = self._scratch["turns"] = np.empty(phase.size, np.int32)
            self._scratch["index"] = np.empty(phase.size, np.int64)
        turn, index = (
            turns[: phase.size].reshape(phase.shape),
            self._scratch["index"][: phase.size].reshape(phase.shape),
        )
        np.copyto(turn, phase, casting="unsafe")
        np.bitwise_and(turn, _PHASE_MASK, out=index)
        np.take(SINE_TABLE, index, out=out, mode="wrap")  # "wrap" skips the bounds check; every index is in range


def _factors(weight: NDArray[np.integer[Any]], bias: NDArray[np.integer[Any]], shift: int) -> Floats:
    """(out, in) weights and (out,) biases → (out, in + 1) with bias and half in the last column, times 2^−shift."""
    half = 1 << shift >> 1
    both = np.concatenate([weight, (bias.astype(np.int64) + half)[:, None]], 1)
    factors: Floats = np.ldexp(both.astype(np.float32), -shift)
    return factors


class PhaseModel:
    """A PhaseNet at one level and step, ready to be evaluated on `PhaseMaps.all`, which `layout` describes.

    The first layer is a sum of what all phases know and what earlier phases show.
    """

    def __init__(self, net: PhaseNet, layout: Layout, level: int, t: int, ops: Ops) -> None:
        self.pairs, self.bands, self.hidden = layout.pairs, net.bands, net.hidden
        hid, out = net.hidden, 2 * net.bands
        b1 = conditioned(net.b1, net.q1, t)[level].reshape(PHASES, hid)
        b3 = net.b3[level].astype(np.int64).reshape(PHASES, 2, net.bands).copy()
        b3[:, 1] += MEAN_HALF << net.s3
        w1 = net.w1.reshape(PHASES, hid, -1, 3, 3).transpose(0, 1, 3, 4, 2)  # (phase, hidden, 3, 3, channel)
        known = w1[..., list(layout.known)][list(ORDER)]
        known[..., [place for place, channel in enumerate(layout.known) if channel == NONE]] = 0
        first = _factors(known.reshape(PHASES * hid, -1), b1[list(ORDER)].reshape(-1), net.s1)
        self._known = ops.put(first)  # by coding order
        self._layers = []
        for rank, phase in enumerate(ORDER):
            earlier = layout.inputs(rank)[len(layout.known) :]
            own = np.ldexp(w1[phase][..., earlier].reshape(hid, -1).astype(np.float32), -net.s1)
            w2 = _factors(net.w2[phase], net.b2[phase * hid : (phase + 1) * hid], net.s2)
            w3 = _factors(net.w3[phase], b3[phase].reshape(out), net.s3)
            self._layers.append([ops.put(weight) for weight in (own, w2, w3)])

    def shared(self, ops: Ops, maps: Any, first: int, rows: int, ranks: slice = slice(0, PHASES)) -> Any:
        """What the context gives the first layers of phases (phases·hidden, rows·w), float32."""
        n = rows * (maps.shape[2] - 2)
        columns = ops.scratch("columns", 9 * 2 * self.pairs + 1, n)
        _unfold(maps[: self.pairs, first : first + rows + 2], columns[:-1])
        columns[-1] = 1
        weight = self._known[ranks.start * self.hidden : ranks.stop * self.hidden]
        return ops.product(weight, columns, ops.scratch("shared", len(weight), n))

    def keys(self, ops: Ops, rank: int, maps: Any, shared: Any, first: int, rows: int) -> Any:
        """What the symbols of phase ORDER[rank] follow: scale index · 512 + mean + 256, (bands, rows, w) float32.

        Rows first … first + rows − 1 are evaluated. `shared` (4·hidden, h·w): of all phases; None: compute it here.
        """
        xp = ops.xp
        own, w2, w3 = self._layers[rank]
        width = maps.shape[2] - 2
        n = rows * width
        a, b = ops.scratch("a", self.hidden + 1, n), ops.scratch("b", self.hidden + 1, n)
        if shared is None:
            given = self.shared(ops, maps, first, rows, slice(rank, rank + 1))
        else:
            given = shared[rank * self.hidden : (rank + 1) * self.hidden, first * width : first * width + n]
        if rank:
            columns = ops.scratch("columns", 9 * OWN * rank, n)
            _unfold(maps[self.pairs : self.pairs + OWN // 2 * rank, first : first + rows + 2], columns)
            ops.product(own, columns, b[:-1])
            b[:-1] += given
            given = b[:-1]
        xp.floor(given, out=a[:-1])
        xp.clip(a[:-1], 0, RELU_MAX, out=a[:-1])
        a[-1] = 1
        ops.product(w2, a, b[:-1])
        xp.floor(b[:-1], out=b[:-1])
        xp.clip(b[:-1], 0, RELU_MAX, out=b[:-1])
        b[-1] = 1
        out = ops.product(w3, b, ops.scratch("a", 2 * self.bands, n))
        xp.floor(out, out=out)
        scale, mean = out[: self.bands], out[self.bands :]
        xp.clip(scale, 0, SCALES - 1, out=scale)
        xp.clip(mean, 0, MEAN_VALUES - 1, out=mean)
        scale *= MEAN_VALUES
        scale += mean
        return scale.reshape(self.bands, rows, width)


def _unfold(maps: Any, columns: Any) -> None:
    """Maps (C / 2, rows + 2, w + 2, 2) → their 3×3 neighbourhoods (3·3·C, rows·w)."""
    pairs, rows, width = maps.shape[0], maps.shape[1] - 2, maps.shape[2] - 2
    columns = columns.reshape(3, 3, pairs, 2, rows, width)
    for half in range(2):
        for y in range(3):
            for x in range(3):
                columns[y, x, :, half] = maps[:, y : y + rows, x : x + width, half]


class CellModel:
    """A CellNet at one level and step. `planes` is 3, or 1: then chroma's inputs are zero, its outputs not wanted."""

    def __init__(self, net: CellNet, level: int, t: int, planes: int, ops: Ops) -> None:
        self.planes, self.hidden = planes, net.hidden
        inputs = [*range(planes), *range(3, 3 + 3 * planes)]
        outputs = 4 * planes
        w1 = net.w1[:, inputs].transpose(0, 2, 3, 1).reshape(net.hidden, -1)
        self.w1 = ops.put(_factors(w1, conditioned(net.b1, net.q1, t)[level], net.s1))
        self.wm = ops.put(_factors(net.wm, net.bm, net.sm))
        # the last 3×3 as one product for all nine neighbours, whose results are then shifted and summed
        w2 = net.w2[:outputs].transpose(2, 3, 0, 1).reshape(9 * outputs, net.hidden)
        self.w2 = ops.put(np.ldexp(w2.astype(np.float32), -net.s2))
        self.b2 = ops.put(
            np.ldexp((net.b2[:outputs].astype(np.int64) + (1 << net.s2 >> 1)).astype(np.float32), -net.s2)
        )

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
        ops.product(self.w1, columns, phase)
        ops.sine(phase, a[:-1])
        ops.product(self.wm, a, phase)
        ops.sine(phase, a[:-1])
        outputs = 4 * self.planes
        taps = ops.scratch("columns", 9 * outputs, n)
        ops.product(self.w2, a[:-1], taps)
        taps = taps.reshape(9, outputs, n)
        rows -= 2
        total = ops.scratch("b", outputs, rows * width)
        wide = total[:, : rows * width - 2]
        xp.add(taps[0][:, : rows * width - 2], self.b2[:, None], out=wide)
        for k in range(1, 9):
            start = k // 3 * width + k % 3
            wide += taps[k][:, start : start + rows * width - 2]
        xp.floor(wide, out=wide)
        xp.clip(wide, -RESIDUAL_MAX, RESIDUAL_MAX, out=wide)
        return total.reshape(outputs, rows, width)[..., : width - 2]
