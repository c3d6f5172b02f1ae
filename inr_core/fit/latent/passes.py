"""Forward and backward through the float model for one picture's latents, by hand: what refining spends its time in.

It computes what autograd finds through `LatentModel` (a test compares them), in far fewer passes. Latents stay in
parities, (4·bands, h, w) with channel band·4 + parity on a grid half as large, as the entropy networks take and give
them. Products run in bfloat16 where that is fast, all else in float32. Planes are counted in quantisation steps.

Every level has a window of its own: the finer it is, the nearer is what its latents depend on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .band_products import blur, blur_back, synthesis, synthesis_back
from .float_networks import CELL_LIMIT, ENTROPY_HIGHPASS, HIGHPASS_SCALE, SIGNED_LIMIT, SIGNED_SCALE
from .float_wavelet import Size
from .laplace import Findings
from .networks import Moved, Weights
from .parities import assign_parities, clear_padding, from_parities, to_parities


@dataclass(frozen=True)
class Window:
    """Rows [top, bottom) and columns [left, right) of a grid."""

    top: int
    bottom: int
    left: int
    right: int

    def on(self, shift: int) -> tuple[slice, slice]:
        """The window on a grid 2^shift times as coarse."""
        return _shrunk(self.top, self.bottom, shift), _shrunk(self.left, self.right, shift)

    def size(self, shift: int = 0) -> Size:
        """Its height and width there."""
        rows, columns = self.on(shift)
        return rows.stop - rows.start, columns.stop - columns.start

    def within(self, other: Window, shift: int) -> tuple[slice, slice]:
        """The window there, counted from the corner of one that contains it."""
        (rows, columns), y, x = self.on(shift), other.top >> shift, other.left >> shift
        return slice(rows.start - y, rows.stop - y), slice(columns.start - x, columns.stop - x)


def _shrunk(first: int, last: int, shift: int) -> slice:
    return slice(first >> shift, -(-last >> shift))


def _cropped(x: Tensor, place: tuple[slice, slice]) -> Tensor:
    return x[:, *place].contiguous()


def _placed(x: Tensor, place: tuple[slice, slice], size: Size) -> Tensor:
    """The adjoint of `_cropped`: zeros of `size` around it."""
    if (x.shape[1], x.shape[2]) == size:
        return x
    out = x.new_zeros((len(x), *size))
    out[:, *place] = x
    return out


def _inside(slope: Tensor, x: Tensor, limit: float) -> Tensor:
    """The gradient through a clamp of x to ±limit."""
    return torch.ops.aten.hardtanh_backward(slope, x, -limit, limit)  # type: ignore[no-any-return]


@dataclass
class Level:
    """A level's latents (4·bands, h, w), in parities, and what is found out about them."""

    q: Tensor
    size: Size  # of the maps they are the parities of
    magnitude: Tensor = field(init=False)  # as networks see them
    signed: Tensor = field(init=False)
    found: Findings = field(init=False)
    # gradients
    slope: Tensor = field(init=False)
    magnitude_slope: Tensor = field(init=False)
    signed_slope: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.magnitude = self.q.abs().add_(1).log2_()
        self.signed = self.q.clamp(-SIGNED_LIMIT, SIGNED_LIMIT).mul_(SIGNED_SCALE)


@dataclass
class _Tape:
    """What the way back through a level needs beside it."""

    high: Tensor
    values: Tensor
    nets: list[tuple[Tensor, Tensor, Tensor]]
    cell: tuple[Tensor, ...]


class Pass:
    """One way through the levels of a tile, and back."""

    def __init__(
        self, weights: Weights, latents: Sequence[Tensor], windows: Sequence[Window], first: int, price: float
    ) -> None:
        """Latents in parities of the whole grids, finest first, and more of coarser levels that they see.

        windows: of each level to decode, on grid `first`, in each other. price: of a bit.
        """
        self.weights, self.windows, self.first, self.price = weights, windows, first, price
        self.levels = []
        self.above: list[tuple[Tensor, Tensor]] = []  # by level, for the finer ones: magnitudes and signed values
        for k, q in enumerate(latents):
            window = self._window(k)
            level = Level(_cropped(q, window.on(k + 2)), window.size(k + 1))
            if k < len(windows):
                self.levels.append(level)
            sizes = window.size(k + 1)
            self.above.append((from_parities(level.magnitude, sizes), from_parities(level.signed[:12], sizes)))
        self._tapes: list[_Tape] = []

    def _window(self, k: int) -> Window:
        """Of a level; beyond those that are decoded the last one's."""
        return self.windows[min(k, len(self.windows) - 1)]

    def planes(self, low: Tensor) -> Tensor:
        """From planes (planes, h, w) of the coarsest grid to those of the finest; steps."""
        for k in reversed(range(len(self.levels))):
            low = self._forward(k, low)
        return low

    def _parents(self, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """What a level sees of the coarser ones: magnitudes and signed of its parent's, its grandparent's doubled."""
        bands, window = 3 * self.weights.planes, self.windows[k]
        h, w = window.size(k + 2)
        zeros = self.levels[k].q.new_zeros
        if k + 1 >= len(self.above):
            return zeros((bands, h, w)), zeros((3, h, w)), zeros((bands, h, w))
        place = window.within(self._window(k + 1), k + 2)
        magnitude, signed = (x[:, *place] for x in self.above[k + 1])
        if k + 2 >= len(self.above):
            return magnitude, signed, zeros((bands, h, w))
        grand = self.above[k + 2][0][:, *window.within(self._window(k + 2), k + 3)]
        return magnitude, signed, grand.repeat_interleave(2, 1)[:, :h].repeat_interleave(2, 2)[:, :, :w]

    def _forward(self, k: int, low: Tensor) -> Tensor:
        """Planes (planes, h, w) of grid k + 1 → those of grid k, in steps; the tape gets what the way back needs."""
        weights, level = self.weights, self.levels[k]
        own = weights.model.level(self.first + k)
        if k + 1 < len(self.levels):
            low = _cropped(low, self.windows[k].within(self.windows[k + 1], k + 1))
        high = torch.sub(low, blur(low)).mul_(HIGHPASS_SCALE)
        edges = to_parities(high.clamp(-ENTROPY_HIGHPASS, ENTROPY_HIGHPASS))
        parent, signed, grand = self._parents(k)
        kept = torch.unflatten(level.magnitude[:12], 0, (3, 4)), torch.unflatten(level.signed, 0, (-1, 4))
        luma = [parent[:3], signed, grand[:3], edges[:4], _seen(kept[0]), _seen(kept[1][:3])]
        nets = [weights.luma.forward(_joined(luma, weights.dtype), own)]
        if weights.chroma:
            chroma = [level.magnitude[:12], parent[3:], grand[3:], edges[4:], _seen(kept[1][3:])]
            nets.append(weights.chroma.forward(_joined(chroma, weights.dtype), own))
        log_scale, mean = torch.empty_like(level.q), torch.empty_like(level.q)
        weights.luma.outputs(nets[0][2], own, log_scale[:12], mean[:12])
        if weights.chroma:
            weights.chroma.outputs(nets[1][2], own, log_scale[12:], mean[12:])
        level.found = Findings(level.q, log_scale, mean, weights.reach_line, self.price)
        clear_padding(level.found.log2, level.size)
        values = from_parities(level.found.values.mul_(weights.gains[own]), level.size)
        inputs = _joined([high, values], weights.dtype).clamp_(-CELL_LIMIT, CELL_LIMIT)
        r, cell = weights.cell.forward(inputs, own)
        planes = synthesis(low, values, self.windows[k].size(k))
        assign_parities(planes, r, add=True)
        self._tapes.append(_Tape(high, values, nets, cell))
        return planes

    def backward(self, slope: Tensor, moved: Moved | None) -> None:
        """From gradients of the distortion by the finest planes, in steps, to those of distortion + price · rate.

        By the latents they are in `levels` then; those by the parameters named in `moved` are added to what is there.
        """
        for level in self.levels:
            level.magnitude_slope, level.signed_slope = torch.zeros_like(level.q), torch.zeros_like(level.q)
        for k, tape in enumerate(reversed(self._tapes)):
            slope = self._backward(k, tape, slope, moved)
        self._tapes.clear()

    def _backward(self, k: int, tape: _Tape, slope: Tensor, moved: Moved | None) -> Tensor:
        """Gradients by the planes of grid k → by those of grid k + 1; those by the latents go into the levels."""
        weights, level = self.weights, self.levels[k]
        own = weights.model.level(self.first + k)
        planes = weights.planes
        inner = weights.cell.backward(tape.cell, to_parities(slope), own, moved)
        low, bands = synthesis_back(slope)
        high = _inside(inner[:planes], tape.high, CELL_LIMIT)
        bands += _inside(inner[planes:], tape.values, CELL_LIMIT)
        by_value = to_parities(bands).mul_(weights.gains[own])
        level.slope, by_log_scale, by_mean = level.found.backward(by_value)
        for slopes in (by_log_scale, by_mean):
            clear_padding(slopes, level.size)
        back = weights.luma.backward(tape.nets[0], (by_log_scale[:12], by_mean[:12]), own, moved)
        parent, signed, grand, edges, magnitude, own_signed = torch.split(back, [3, 3, 3, 4, 9, 9])
        _add_seen(level.magnitude_slope[:12], magnitude)
        _add_seen(level.signed_slope[:12], own_signed)
        if weights.chroma:
            back = weights.chroma.backward(tape.nets[1], (by_log_scale[12:], by_mean[12:]), own, moved)
            magnitude, more_parent, more_grand, more_edges, own_signed = torch.split(back, [12, 6, 6, 8, 18])
            level.magnitude_slope[:12] += magnitude
            _add_seen(level.signed_slope[12:], own_signed)
            parent, grand = torch.cat([parent, more_parent]), torch.cat([grand, more_grand])
            edges = torch.cat([edges, more_edges])
        window, coarser = self.windows[k], self.levels[k + 1 :]
        if coarser:
            wide = self.windows[k + 1]
            place, size = window.within(wide, k + 2), wide.size(k + 2)
            coarser[0].magnitude_slope += to_parities(_placed(parent, place, size))
            coarser[0].signed_slope[:12] += to_parities(_placed(signed, place, size))
        if len(coarser) > 1:
            wide = self.windows[k + 2]
            halves = torch.unflatten(to_parities(grand), 0, (-1, 4)).sum(1)
            coarser[1].magnitude_slope += to_parities(_placed(halves, window.within(wide, k + 3), wide.size(k + 3)))
        edges = from_parities(edges, window.size(k + 1))
        high += _inside(edges, tape.high, ENTROPY_HIGHPASS)
        low.add_(high.sub_(blur_back(high)), alpha=HIGHPASS_SCALE)
        return (
            _placed(low, window.within(self.windows[k + 1], k + 1), self.windows[k + 1].size(k + 1)) if coarser else low
        )


def _seen(x: Tensor) -> Tensor:
    """(c, 4, h, w) → the parities that others see, (3·c, h, w)."""
    return torch.cat([x[:, :2], x[:, 3:]], 1).flatten(0, 1)


def _add_seen(into: Tensor, slope: Tensor) -> None:
    """The adjoint of `_seen`, added in place."""
    into, slope = torch.unflatten(into, 0, (-1, 4)), torch.unflatten(slope, 0, (-1, 3))
    into[:, :2] += slope[:, :2]
    into[:, 3] += slope[:, 2]


def _joined(parts: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """All channels, in a type."""
    out = torch.empty((sum(map(len, parts)), *parts[0].shape[1:]), dtype=dtype, device=parts[0].device)
    first = 0
    for part in parts:
        out[first : first + len(part)] = part
        first += len(part)
    return out
