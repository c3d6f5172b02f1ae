"""The networks of the latent model in floats, as modules that autograd differentiates: what a prior is learnt with.

`EntropyNet` predicts how a level's latents are distributed, `Cell` makes the next finer planes of them. Parameters have
the names of the integer arrays that `training.export` makes of them: `w1`, `b1`, `q1` (bias by the step), `wm`, …

Sine layers: Sitzmann et al., NeurIPS 2020. Contexts of already decoded positions: Minnen et al., NeurIPS 2018; by
parities: He et al., CVPR 2021.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .float_wavelet import BANDS, Size, inverse_wavelet

PARITIES = (0, 3, 1, 2)  # y % 2 · 2 + x % 2, in coding order
SIGNED_LIMIT, SIGNED_SCALE = 8.0, 0.5
HIGHPASS_SCALE, ENTROPY_HIGHPASS, CELL_LIMIT = 0.25, 8.0, 16.0
LOG_SCALE = (-5.0, 6.0)  # natural logarithm of a Laplace scale, in steps

Pack = tuple[Tensor, Tensor]  # magnitudes and signed values of a level's latents, as the networks see them


def _compute(x: Tensor) -> Tensor:
    """In the type and the layout that convolutions are fastest in."""
    dtype = torch.bfloat16 if torch.is_autocast_enabled(x.device.type) else torch.float32
    return x.to(dtype=dtype, memory_format=torch.channels_last)


def _block_diagonal(blocks: Tensor) -> Tensor:
    """Matrices (n, out, in) → (n·out, n·in), zeros between them."""
    matrix: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return matrix


def _normal(shape: Sequence[int], deviation: float, random: torch.Generator) -> nn.Parameter:
    """Normally distributed around 0, the same on every device."""
    return nn.Parameter(torch.randn(shape, generator=random, dtype=torch.float32, device="cpu") * deviation)


def _spread(shape: Sequence[int], random: torch.Generator) -> Tensor:
    """Evenly, from −1 to 1."""
    return torch.rand(shape, generator=random, dtype=torch.float32, device="cpu") * 2 - 1


def zeros(*shape: int) -> nn.Parameter:
    """A parameter that starts at 0."""
    return nn.Parameter(torch.zeros(shape, dtype=torch.float32, device="cpu"))


def _conditioned(bias: Tensor, slopes: Tensor, condition: Tensor) -> Tensor:
    """The biases (n,) of a level, moved by slopes (2, n) times condition (B, 1) and its square: (B, n, 1, 1)."""
    return (bias + slopes[0] * condition + slopes[1] * condition**2)[:, :, None, None]


class ParityNet(nn.Module):
    """Scale and mean of every position's bands: a 3×3 layer, masked so that a parity sees only those decoded before it.

    Inputs: `context` channels that all parities see, then `own` channels of each of the 4, channel · 4 + parity.
    """

    mask: Tensor

    def __init__(self, context: int, own: int, hidden: int, outputs: int, levels: int, random: torch.Generator) -> None:
        super().__init__()
        self.hidden, self.outputs = hidden, outputs
        inputs = context + 4 * own
        seen = 9 * (context + 2 * own)
        self.w1 = _normal((4 * hidden, inputs, 3, 3), 1.2 / math.sqrt(seen), random)
        self.b1 = zeros(levels, 4 * hidden)
        self.q1 = zeros(2, 4 * hidden)  # times condition and its square
        self.w2 = _normal((4, hidden, hidden), 1.4 / math.sqrt(hidden), random)
        self.b2 = zeros(4 * hidden)
        self.w3 = _normal((4, outputs, hidden), 0.1 / math.sqrt(hidden), random)
        start = np.zeros((levels, 4, 2, outputs // 2), np.float32)
        start[:, :, 0] = (np.arange(levels) * 0.5 - 1)[:, None, None]  # coarser bands are wider
        self.b3 = nn.Parameter(torch.from_numpy(start.reshape(levels, 4 * outputs)))
        mask = np.ones((4, hidden, inputs, 1, 1), np.float32)
        for parity in range(4):
            for other in PARITIES[PARITIES.index(parity) :]:
                mask[parity, :, context + other :: 4] = 0
        self.register_buffer("mask", torch.from_numpy(mask.reshape(4 * hidden, inputs, 1, 1)), persistent=False)

    def forward(self, x: Tensor, level: int, condition: Tensor) -> Tensor:
        """(B, inputs, h, w) → (B, h, w, 4, outputs); condition: (B, 1) or (1, 1)."""
        bias = _conditioned(self.b1[level], self.q1, condition)
        x = _compute(x)
        a = F.relu(F.conv2d(x, _compute(self.w1 * self.mask), padding=1) + bias.to(x.dtype))
        a = a.permute(0, 2, 3, 1)
        a = F.relu(F.linear(a, _block_diagonal(self.w2), self.b2))
        out = F.linear(a, _block_diagonal(self.w3)).float() + self.b3[level]
        return out.reshape(*out.shape[:-1], 4, self.outputs)


class EntropyNet(nn.Module):
    """Laplace scales and means of a level's bands."""

    def __init__(self, hidden: int, chroma_hidden: int, levels: int, random: torch.Generator) -> None:
        super().__init__()
        self.luma = ParityNet(3 + 3 + 3 + 4, 6, hidden, 2 * BANDS, levels, random)
        self.chroma = ParityNet(12 + 6 + 6 + 8, 6, chroma_hidden, 4 * BANDS, levels, random)

    def forward(
        self, own: Pack, parent: Pack, grandparent: Pack, high: Tensor, level: int, condition: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logarithms of the scales and means, in steps, both (B, 9, h, w).

        own (B, 9, h, w), parent and grandparent on grids half and a quarter as large; high: `highpass` of the planes
        at this level, in steps, (B, 3, h, w). condition: (B, 1), or (1, 1) for all.
        """
        _, _, h, w = own[0].shape
        h2, w2 = (h + 1) // 2, (w + 1) // 2

        def parities(x: Tensor) -> Tensor:
            return F.pixel_unshuffle(F.pad(x, (0, w % 2, 0, h % 2)) if h % 2 or w % 2 else x, 2)

        magnitude, signed = parities(own[0]), parities(own[1])
        above = F.interpolate(grandparent[0], scale_factor=2, mode="nearest")[:, :, :h2, :w2]
        edges = parities(torch.clamp(high * HIGHPASS_SCALE, -ENTROPY_HIGHPASS, ENTROPY_HIGHPASS))
        luma = self.luma(
            torch.cat([parent[0][:, :3], parent[1][:, :3], above[:, :3], edges[:, :4], magnitude[:, :12],
                       signed[:, :12]], 1), level, condition
        )  # fmt: skip
        chroma = self.chroma(
            torch.cat([magnitude[:, :12], parent[0][:, 3:], above[:, 3:], edges[:, 4:], signed[:, 12:]], 1),
            level, condition
        )  # fmt: skip
        out = torch.cat([luma[..., :3], chroma[..., :6], luma[..., 3:], chroma[..., 6:]], -1)  # (B, h2, w2, 4, 18)
        out = F.pixel_shuffle(out.permute(0, 4, 3, 1, 2).flatten(1, 2), 2)[:, :, :h, :w]
        return out[:, :9].clamp(*LOG_SCALE), out[:, 9:]


class Cell(nn.Module):
    """Planes and bands of a level → planes of the next finer one: the inverse wavelet beside two sine layers."""

    def __init__(self, hidden: int, levels: int, random: torch.Generator) -> None:
        super().__init__()
        self.w1 = _normal((hidden, 12, 3, 3), 0.05, random)
        self.b1 = nn.Parameter(_spread((1, hidden), random).repeat(levels, 1))
        self.q1 = zeros(2, hidden)
        self.wm = _normal((hidden, hidden), 1.2 / math.sqrt(hidden), random)
        self.bm = nn.Parameter(_spread((hidden,), random))
        self.w2 = zeros(12, hidden, 3, 3)
        self.b2 = zeros(12)

    def forward(
        self, planes: Tensor, high: Tensor, bands: Tensor, size: Size, level: int, condition: Tensor, step: Tensor
    ) -> Tensor:
        """planes (B, 3, h, w), high: their highpass in steps, bands (B, 9, h, w) → (B, 3, H, W) of `size`.

        condition: (B, 1), step: (B, 1, 1, 1), or one for all.
        """
        y = inverse_wavelet(planes, bands, size)
        x = torch.clamp(torch.cat([high * HIGHPASS_SCALE, bands / step], 1), -CELL_LIMIT, CELL_LIMIT)
        bias = _conditioned(self.b1[level], self.q1, condition)
        x = _compute(F.pad(x, (1,) * 4, mode="replicate"))
        a = torch.sin(F.conv2d(x, _compute(self.w1)) + bias.to(x.dtype))
        a = torch.sin(F.linear(a.permute(0, 2, 3, 1), self.wm, self.bm)).permute(0, 3, 1, 2)
        r = F.conv2d(F.pad(a, (1,) * 4, mode="replicate"), _compute(self.w2)).float() + self.b2[:, None, None]
        return y + F.pixel_shuffle(r, 2)[:, :, : size[0], : size[1]] * step
