"""The networks of the float model forward and backward by hand, for maps of one picture: see `passes`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .float_networks import PARITIES, ParityNet
from .model import LatentModel, condition

SMALL = 32  # rows: maps below it give gradients by weights whole
_NEVER_SEEN = PARITIES[-1]  # the parity that is coded last is in no other's context
KEPT = [parity for parity in range(4) if parity != _NEVER_SEEN]


def channels_last(x: Tensor) -> Tensor:
    """Channels (c, h, w) first → (1, c, h, w), in memory channels last."""
    c, h, w = x.shape
    out = x.new_empty((h * w, c))
    out.copy_(x.reshape(c, h * w).t())
    return as_maps(out, h, w)


def channels_first(x: Tensor) -> Tensor:
    """The inverse of `channels_last`."""
    _, c, h, w = x.shape
    out = x.new_empty((c, h * w))
    out.copy_(as_rows(x).t())
    return out.view(c, h, w)


def as_rows(x: Tensor) -> Tensor:
    """(1, c, h, w) with channels last in memory → (h·w, c), the same memory."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def as_maps(x: Tensor, h: int, w: int) -> Tensor:
    """The inverse of `as_rows`."""
    return x.view(1, h, w, -1).permute(0, 3, 1, 2)


def _sums(rows: Tensor) -> Tensor:
    """(n, c) → its sums (c,) in float32: a product, which takes a tenth of a sum's time in bfloat16."""
    return torch.mm(rows.new_ones((1, len(rows))), rows)[0].float()


def _bordered(x: Tensor) -> tuple[Tensor, Tensor]:
    """Room for (1, c, h, w) with a border of 1, channels last, and its inner part."""
    _, c, h, w = x.shape
    out = as_maps(x.new_empty(((h + 2) * (w + 2), c)), h + 2, w + 2)
    return out, out[:, :, 1:-1, 1:-1]


def _fill_border(x: Tensor) -> Tensor:
    """In place: the border repeats what is next to it."""
    x[:, :, 0] = x[:, :, 1]
    x[:, :, -1] = x[:, :, -2]
    x[..., 0] = x[..., 1]
    x[..., -1] = x[..., -2]
    return x


def _fold_border(x: Tensor) -> Tensor:
    """The adjoint of `_fill_border`, in place: the inner part, with the border added where it came from."""
    x[..., 1] += x[..., 0]
    x[..., -2] += x[..., -1]
    x[:, :, 1] += x[:, :, 0]
    x[:, :, -2] += x[:, :, -1]
    return x[:, :, 1:-1, 1:-1]


def _data_slope(slope: Tensor, x: Tensor, weight: Tensor, padding: int, groups: int) -> Tensor:
    """The gradient by a convolution's input."""
    return _convolution_slopes(slope, x, weight, (padding, padding), groups, [True, False, False])[0]


def _convolution_slopes(
    slope: Tensor, x: Tensor, weight: Tensor, padding: tuple[int, int], groups: int, wanted: list[bool]
) -> tuple[Tensor, Tensor]:
    """Gradients by a convolution's input and by its weight, those of them that are `wanted`; input, weight, bias."""
    one = [1, 1]
    back = torch.ops.aten.convolution_backward
    found = back(slope, x, weight, None, one, list(padding), one, False, [0, 0], groups, wanted)
    return found[0], found[1]


@dataclass(frozen=True)
class Moved:
    """Gradients by a model's parameters; those by weights come from every other half of a map's rows alone."""

    gradients: dict[str, Tensor]
    half: int  # 0: the upper, 1: the lower

    def rows(self, height: int) -> tuple[slice, float]:
        """Which of a map's rows count, none at its edges, and how much; of small maps all."""
        if height < SMALL:
            return slice(0, height), 1.0
        middle = height // 2
        rows = slice(middle, height - 1) if self.half else slice(1, middle)
        return rows, height / (rows.stop - rows.start)

    def by_weight(self, slope: Tensor, x: Tensor, weight: Tensor, padding: int, groups: int) -> Tensor:
        """The gradient by a convolution's weight."""
        rows, scale = self.rows(slope.shape[2])
        beyond = weight.shape[2] - 1  # rows
        if scale > 1:
            slope = slope[:, :, rows]
            x = x[:, :, rows.start - padding : rows.stop - padding + beyond]
        around = (0 if scale > 1 else padding, padding)
        return _convolution_slopes(slope, x, weight, around, groups, [False, True, False])[1].float().mul_(scale)


class ParityWeights:
    """A `ParityNet`'s parameters as products take them."""

    def __init__(self, name: str, net: ParityNet, dtype: torch.dtype, told: float) -> None:
        self.name, self.net = name, net
        self.hidden, self.bands = net.hidden, net.outputs // 2
        inputs = net.w1.shape[1]
        context = inputs - 24
        own = [context + 4 * c + parity for c in range(6) for parity in KEPT]
        self.kept = [*range(context), *own]
        self.w1 = (net.w1 * net.mask)[:, self.kept].to(dtype, memory_format=torch.channels_last)
        self.w2 = net.w2.reshape(4 * net.hidden, net.hidden, 1, 1).to(dtype, memory_format=torch.channels_last)
        w3 = net.w3.new_zeros((2, self.bands, 4, 4, net.hidden))  # a row's kind, band and parity, a column's parity
        for parity in range(4):
            w3[:, :, parity, parity] = net.w3[parity].view(2, self.bands, net.hidden)
        self.w3 = w3.view(8 * self.bands, 4 * net.hidden).to(dtype)
        self.b1 = (net.b1 + net.q1[0] * told + net.q1[1] * told**2).to(dtype)
        self.b2 = net.b2.to(dtype)
        self.b3 = net.b3.view(-1, 4, 2, self.bands).permute(0, 2, 3, 1).reshape(len(net.b3), 2, 4 * self.bands, 1, 1)

    def forward(self, x: Tensor, level: int) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs (c, h, w) → both hidden layers, (1, 4·hidden, h, w), after the input as convolutions take it."""
        inputs = channels_last(x)
        first = F.conv2d(inputs, self.w1, self.b1[level], padding=1).relu_()
        second = F.conv2d(first, self.w2, self.b2, groups=4).relu_()
        return inputs, first, second

    def outputs(self, second: Tensor, level: int, log_scale: Tensor, mean: Tensor) -> None:
        """Into both (4·bands, h, w), in float32."""
        out = torch.mm(self.w3, as_rows(second).t()).view(2, *mean.shape)
        for place, values, bias in zip((log_scale, mean), out, self.b3[level], strict=True):
            place.copy_(values).add_(bias)

    def backward(
        self, tape: tuple[Tensor, Tensor, Tensor], slopes: tuple[Tensor, Tensor], level: int, moved: Moved | None
    ) -> Tensor:
        """Gradients by the inputs (c, h, w); those by the parameters go into `moved`."""
        inputs, first, second = tape
        h, w = second.shape[2:]
        out = torch.stack(slopes).view(8 * self.bands, h * w)
        back = as_maps(torch.mm(out.to(self.w3.dtype).t(), self.w3), h, w)
        back = torch.ops.aten.threshold_backward(back, second, 0)
        before = torch.ops.aten.threshold_backward(_data_slope(back, first, self.w2, 0, 4), first, 0)
        if moved:
            self._move(moved, level, (out, back, before), (second, first, inputs))
        return channels_first(_data_slope(before, inputs, self.w1, 1, 1)).float()

    def _move(
        self, moved: Moved, level: int, slopes: tuple[Tensor, Tensor, Tensor], values: tuple[Tensor, Tensor, Tensor]
    ) -> None:
        """From the last layer to the first: gradients by what it gives, and what it takes."""
        (out, back, before), (second, first, inputs) = slopes, values
        gradients, net = moved.gradients, self.net
        blocks = torch.mm(out.to(self.w3.dtype), as_rows(second)).view(2, self.bands, 4, 4, self.hidden)
        into = gradients[f"{self.name}_w3"].view(4, 2, self.bands, self.hidden)
        for parity in range(4):
            into[parity] += blocks[:, :, parity, parity]
        gradients[f"{self.name}_b3"][level] += out.sum(1).view(2, self.bands, 4).permute(2, 0, 1).flatten()
        gradients[f"{self.name}_w2"] += moved.by_weight(back, first, self.w2, 0, 4).view(net.w2.shape)
        gradients[f"{self.name}_b2"] += _sums(as_rows(back))
        by_w1 = moved.by_weight(before, inputs, self.w1, 1, 1)
        gradients[f"{self.name}_w1"][:, self.kept] += by_w1 * net.mask[:, self.kept]
        gradients[f"{self.name}_b1"][level] += _sums(as_rows(before))


class CellWeights:
    """The cell's parameters as products take them, for so many planes."""

    def __init__(self, model: LatentModel, planes: int, dtype: torch.dtype, told: float) -> None:
        cell = model.cell
        self.inputs = [*range(planes), *range(3, 3 + 3 * planes)]
        self.planes = planes
        self.w1 = cell.w1[:, self.inputs].to(dtype, memory_format=torch.channels_last)
        self.b1 = (cell.b1 + cell.q1[0] * told + cell.q1[1] * told**2).to(dtype)
        self.wm, self.bm = cell.wm.to(dtype), cell.bm.to(dtype)
        self.w2 = cell.w2[: 4 * planes].to(dtype, memory_format=torch.channels_last)
        self.b2 = cell.b2[: 4 * planes, None, None]

    def forward(self, x: Tensor, level: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Inputs (4·planes, h, w) → the residual's parities (4·planes, h, w), and what `backward` needs."""
        _, h, w = x.shape
        flat = channels_last(x)
        inputs, inner = _bordered(flat)
        inner.copy_(flat)
        z1 = as_rows(F.conv2d(_fill_border(inputs), self.w1, self.b1[level]))
        a1 = torch.sin(z1)
        z2 = as_maps(torch.addmm(self.bm, a1, self.wm.t()), h, w)
        a2, inner = _bordered(z2)
        torch.sin(z2, out=inner)
        r = channels_first(F.conv2d(_fill_border(a2), self.w2))
        return r.float().add_(self.b2), (inputs, z1.cos_(), a1, z2.cos_(), a2)

    def backward(self, tape: tuple[Tensor, ...], slope: Tensor, level: int, moved: Moved | None) -> Tensor:
        """Gradients by the inputs; those by the parameters go into `moved`."""
        inputs, slope1, a1, slope2, a2 = tape
        _, _, h, w = slope2.shape
        by_r = channels_last(slope.to(a2.dtype))
        by_z2 = as_rows(slope2.mul_(_fold_border(_data_slope(by_r, a2, self.w2, 0, 1))))
        by_z1 = torch.mm(by_z2, self.wm).mul_(slope1)
        if moved:
            gradients, count = moved.gradients, 4 * self.planes
            gradients["cell_w2"][:count] += moved.by_weight(by_r, a2, self.w2, 0, 1)
            gradients["cell_b2"][:count] += slope.sum((1, 2))
            (rows, scale), width = moved.rows(h), w
            some = slice(rows.start * width, rows.stop * width)
            gradients["cell_wm"] += torch.mm(by_z2[some].t(), a1[some]).float().mul_(scale)
            gradients["cell_bm"] += _sums(by_z2)
            gradients["cell_w1"][:, self.inputs] += moved.by_weight(as_maps(by_z1, h, w), inputs, self.w1, 0, 1)
            gradients["cell_b1"][level] += _sums(by_z1)
        return channels_first(_fold_border(_data_slope(as_maps(by_z1, h, w), inputs, self.w1, 0, 1))).float()


class Weights:
    """A model's parameters for a component of so many planes and a quantisation step: made once an iteration."""

    def __init__(self, model: LatentModel, planes: int, step: float, dtype: torch.dtype) -> None:
        told = condition(step)
        with torch.no_grad():
            self.planes, self.model, self.dtype = planes, model, dtype
            self.luma = ParityWeights("luma", model.entropy.luma, dtype, told)
            self.chroma = ParityWeights("chroma", model.entropy.chroma, dtype, told) if planes == 3 else None
            self.cell = CellWeights(model, planes, dtype, told)
            self.reach_line = (float(model.reach_line[0]), float(model.reach_line[1]))
            gains = torch.exp(model.log_gains[:, : 3 * planes])
            self.gains = gains.repeat_interleave(4, 1)[:, :, None, None]  # steps of the bands' parities in steps
