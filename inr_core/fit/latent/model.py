"""The latent model in floats: what the prior is trained with, and what a picture's latents are refined through.

A picture is decoded coarse to fine. At every level the entropy network predicts the wavelet bands, from the coarser
ones and phase by phase from their own neighbours; then the cell makes the next finer planes of them: an inverse CDF
9/7 wavelet, and beside it a small SIREN of 3×3 and 1×1 layers that starts at zero. `latents` is the same on integers.

Wavelet: A. Cohen, I. Daubechies, J.-C. Feauveau, 1992. Sine layers: Sitzmann et al., NeurIPS 2020. Contexts of already
decoded positions: Minnen et al., NeurIPS 2018; by phases: He et al., CVPR 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .float_wavelet import BANDS, Size, forward_wavelet, highpass, inverse_wavelet

PHASES = (0, 3, 1, 2)  # y % 2 · 2 + x % 2, in coding order
RGB_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
SIGNED_LIMIT, SIGNED_SCALE = 8.0, 0.5
HIGHPASS_SCALE, ENTROPY_HIGHPASS, CELL_LIMIT = 0.25, 8.0, 16.0
LOG_SCALE = (-5.0, 6.0)  # natural logarithm of a Laplace scale, in steps
REFERENCE_STEP = 16 / 255  # the quantisation step in which the networks' conditioning is zero
MIN_PROBABILITY = 1e-7

Pack = tuple[Tensor, Tensor]  # magnitudes and signed values of a level's latents, as the networks see them


@dataclass(frozen=True)
class Pyramid:
    """A picture's wavelet coefficients in orthonormal scaling, finest level first."""

    low: Tensor  # (B, 3, h, w)
    bands: list[Tensor]  # (B, 9, h, w), channel plane·3 + band
    sizes: list[Size]  # of the planes that each level makes

    @classmethod
    def of(cls, rgb: Tensor, levels: int) -> Pyramid:
        """From samples (B, 3, H, W) in [−1/2, 1/2]."""
        low = torch.einsum("ij,bjhw->bihw", rgb_to_ycc().to(rgb.device), rgb)
        bands, sizes = [], []
        for _ in range(levels):
            sizes.append((low.shape[-2], low.shape[-1]))
            low, details = forward_wavelet(low)
            bands.append(details)
        return cls(low, bands, sizes)


def rgb_to_ycc() -> Tensor:
    """(3, 3)."""
    return torch.tensor(RGB_TO_YCC, dtype=torch.float32, device="cpu")


def to_rgb(planes: Tensor) -> Tensor:
    """Y, Cb, Cr planes (B, 3, H, W) → samples in [−1/2, 1/2], not clamped."""
    return torch.einsum("ij,bjhw->bihw", torch.linalg.inv(rgb_to_ycc()).to(planes.device), planes)


def condition(step: float) -> float:
    """What the networks are told of the quantisation step, a share of the samples' range."""
    return math.log2(step / REFERENCE_STEP) / 2


def low_precision(device: torch.device) -> bool:
    """Whether bfloat16 products are the fast ones here; they cost no quality that could be measured."""
    return device.type == "cuda" or (
        device.type == "cpu" and bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())
    )


def _compute(x: Tensor) -> Tensor:
    """In the type and the layout that convolutions are fastest in."""
    dtype = torch.bfloat16 if torch.is_autocast_enabled(x.device.type) else torch.float32
    return x.to(dtype=dtype, memory_format=torch.channels_last)


def _block_diagonal(blocks: Tensor) -> Tensor:
    matrix: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return matrix


def _normal(shape: Sequence[int], deviation: float, random: torch.Generator) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape, generator=random, dtype=torch.float32, device="cpu") * deviation)


def _spread(shape: Sequence[int], random: torch.Generator) -> Tensor:
    """Evenly, from −1 to 1."""
    return torch.rand(shape, generator=random, dtype=torch.float32, device="cpu") * 2 - 1


def _zeros(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape, dtype=torch.float32, device="cpu"))


class PhaseNet(nn.Module):
    """Scale and mean of every position's bands: a 3×3 layer, masked so that a phase sees only those decoded before it.

    Inputs: `context` channels that all phases see, then `own` channels of each of the 4 phases (channel · 4 + phase).
    """

    mask: Tensor

    def __init__(self, context: int, own: int, hidden: int, outputs: int, levels: int, random: torch.Generator) -> None:
        super().__init__()
        self.hidden, self.outputs = hidden, outputs
        inputs = context + 4 * own
        seen = 9 * (context + 2 * own)
        self.w1 = _normal((4 * hidden, inputs, 3, 3), 1.2 / math.sqrt(seen), random)
        self.b1 = _zeros(levels, 4 * hidden)
        self.qb = _zeros(2, 4 * hidden)  # times condition and its square
        self.w2 = _normal((4, hidden, hidden), 1.4 / math.sqrt(hidden), random)
        self.b2 = _zeros(4 * hidden)
        self.w3 = _normal((4, outputs, hidden), 0.1 / math.sqrt(hidden), random)
        start = np.zeros((levels, 4, 2, outputs // 2), np.float32)
        start[:, :, 0] = (np.arange(levels) * 0.5 - 1)[:, None, None]  # coarser bands are wider
        self.b3 = nn.Parameter(torch.from_numpy(start.reshape(levels, 4 * outputs)))
        mask = np.ones((4, hidden, inputs, 1, 1), np.float32)
        for phase in range(4):
            for other in PHASES[PHASES.index(phase) :]:
                mask[phase, :, context + other :: 4] = 0
        self.register_buffer("mask", torch.from_numpy(mask.reshape(4 * hidden, inputs, 1, 1)), persistent=False)

    def forward(self, x: Tensor, level: int, condition: float) -> Tensor:
        """(B, inputs, h, w) → (B, h, w, 4, outputs)."""
        bias = self.b1[level] + self.qb[0] * condition + self.qb[1] * condition**2
        x = _compute(x)
        a = F.relu(F.conv2d(x, _compute(self.w1 * self.mask), bias.to(x.dtype), padding=1))
        a = a.permute(0, 2, 3, 1)
        a = F.relu(F.linear(a, _block_diagonal(self.w2), self.b2))
        out = F.linear(a, _block_diagonal(self.w3)).float() + self.b3[level]
        return out.reshape(*out.shape[:-1], 4, self.outputs)


class EntropyNet(nn.Module):
    """Laplace scales and means of a level's bands."""

    def __init__(self, hidden: int, chroma_hidden: int, levels: int, random: torch.Generator) -> None:
        super().__init__()
        self.luma = PhaseNet(3 + 3 + 3 + 4, 6, hidden, 2 * BANDS, levels, random)
        self.chroma = PhaseNet(12 + 6 + 6 + 8, 6, chroma_hidden, 4 * BANDS, levels, random)

    def forward(
        self, own: Pack, parent: Pack, grandparent: Pack, high: Tensor, level: int, condition: float
    ) -> tuple[Tensor, Tensor]:
        """Logarithms of the scales and means, in steps, both (B, 9, h, w).

        own (B, 9, h, w), parent and grandparent on grids half and a quarter as large; high: `highpass` of the planes
        at this level, in steps, (B, 3, h, w).
        """
        _, _, h, w = own[0].shape
        h2, w2 = (h + 1) // 2, (w + 1) // 2

        def phases(x: Tensor) -> Tensor:
            return F.pixel_unshuffle(F.pad(x, (0, w % 2, 0, h % 2)) if h % 2 or w % 2 else x, 2)

        magnitude, signed = phases(own[0]), phases(own[1])
        above = F.interpolate(grandparent[0], scale_factor=2, mode="nearest")[:, :, :h2, :w2]
        edges = phases(torch.clamp(high * HIGHPASS_SCALE, -ENTROPY_HIGHPASS, ENTROPY_HIGHPASS))
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
        self.lb = nn.Parameter(_spread((1, hidden), random).repeat(levels, 1))
        self.qb = _zeros(2, hidden)
        self.wm = _normal((hidden, hidden), 1.2 / math.sqrt(hidden), random)
        self.bm = nn.Parameter(_spread((hidden,), random))
        self.w2 = _zeros(12, hidden, 3, 3)
        self.b2 = _zeros(12)

    def forward(
        self, planes: Tensor, high: Tensor, bands: Tensor, size: Size, level: int, condition: float, step: float
    ) -> Tensor:
        """planes (B, 3, h, w), high: their highpass in steps, bands (B, 9, h, w) → (B, 3, H, W) of `size`."""
        y = inverse_wavelet(planes, bands, size)
        x = torch.clamp(torch.cat([high * HIGHPASS_SCALE, bands / step], 1), -CELL_LIMIT, CELL_LIMIT)
        bias = self.lb[level] + self.qb[0] * condition + self.qb[1] * condition**2
        x = _compute(F.pad(x, (1,) * 4, mode="replicate"))
        a = torch.sin(F.conv2d(x, _compute(self.w1), bias.to(x.dtype)))
        a = torch.sin(F.linear(a.permute(0, 2, 3, 1), self.wm, self.bm)).permute(0, 3, 1, 2)
        r = F.conv2d(F.pad(a, (1,) * 4, mode="replicate"), _compute(self.w2)).float() + self.b2[:, None, None]
        return y + F.pixel_shuffle(r, 2)[:, :, : size[0], : size[1]] * step


Bits = Callable[[Tensor, Tensor, Tensor], Tensor]


def laplace_bits(q: Tensor, log_scale: Tensor, mean: Tensor) -> Tensor:
    """Code lengths of integers q under Laplace distributions, elementwise."""
    scale = torch.exp(log_scale)
    distance = (q - mean).abs()

    def cdf(x: Tensor) -> Tensor:
        return 0.5 - 0.5 * torch.sign(x) * torch.expm1(-x.abs() / scale)

    return -torch.log2((cdf(0.5 - distance) - cdf(-0.5 - distance)).clamp(min=MIN_PROBABILITY))


@dataclass(frozen=True)
class Decoded:
    """What decoding a batch gives; of each level, finest first."""

    planes: Tensor  # (B, 3, H, W)
    bits: list[Tensor]  # (B, 9, h, w)
    predicted: list[tuple[Tensor, Tensor]]  # logarithms of the scales, and means


class LatentModel(nn.Module):
    """The networks that all pictures share, untrained; levels beyond the last share its biases."""

    def __init__(
        self,
        hidden: int = 40,
        entropy_hidden: int = 32,
        chroma_hidden: int = 16,
        levels: int = 6,
        seed: int = 0,
    ) -> None:
        super().__init__()
        random = torch.Generator("cpu").manual_seed(seed)
        self.cell = Cell(hidden, levels, random)
        self.ent = EntropyNet(entropy_hidden, chroma_hidden, levels, random)
        self.lg = _zeros(levels, 9)  # logarithms of the steps' gains
        self.rec = nn.Parameter(torch.from_numpy(np.array([0.05, 0.02], np.float32)))  # how far towards their means

    @classmethod
    def of(cls, state: Mapping[str, NDArray[np.floating]]) -> LatentModel:
        """The model of a state's shapes and values."""
        levels, hidden = state["cell.lb"].shape
        model = cls(hidden, state["ent.luma.w2"].shape[1], state["ent.chroma.w2"].shape[1], levels)
        model.load_state_dict({name: torch.from_numpy(np.asarray(v, np.float32)) for name, v in state.items()})
        return model

    def level(self, k: int) -> int:
        """Which biases a level uses."""
        return min(k, len(self.lg) - 1)

    def steps(self, k: int, step: float) -> Tensor:
        """Quantisation steps of a level's bands (9, 1, 1)."""
        return (step * torch.exp(self.lg[self.level(k)]))[:, None, None]

    def pack(self, q: Tensor) -> Pack:
        """What the networks see of latents q."""
        return torch.log2(1 + q.abs()), q.clamp(-SIGNED_LIMIT, SIGNED_LIMIT) * SIGNED_SCALE

    def dequantise(self, q: Tensor, log_scale: Tensor, mean: Tensor) -> Tensor:
        """The values that latents stand for, in steps: moved towards their means, the more the narrower the scale."""
        reach = (self.rec[0] - self.rec[1] * log_scale).clamp(0, 0.5)
        return q + torch.maximum(torch.minimum(mean - q, reach), -reach)

    def forward(
        self,
        low: Tensor,
        latents: Sequence[Tensor],
        sizes: Sequence[Size],
        step: float,
        first: int = 0,
        packs: Sequence[Pack] | None = None,
        bits: Bits = laplace_bits,
    ) -> Decoded:
        """Decode latents (B, 9, h, w), finest first, from the coarsest planes up.

        first: the level of the finest latents. packs: what the networks see of the latents, where its gradient is
        wanted apart from theirs; it may reach beyond, as the coarsest latents' contexts do.
        """
        packs = packs or [self.pack(q.detach()) for q in latents]
        told = condition(step)
        planes, coded, predicted = low, [], []
        for k in reversed(range(len(latents))):
            q = latents[k]
            batch, _, h, w = q.shape
            parent, grandparent = (
                packs[k + up] if k + up < len(packs) else self._nothing(batch, -(-h // 2**up), -(-w // 2**up), q)
                for up in (1, 2)
            )
            level = self.level(first + k)
            high = highpass(planes) / step
            log_scale, mean = self.ent(packs[k], parent, grandparent, high, level, told)
            coded.append(bits(q, log_scale, mean))
            predicted.append((log_scale, mean))
            bands = self.dequantise(q, log_scale, mean) * self.steps(first + k, step)
            planes = self.cell(planes, high, bands, sizes[k], level, told, step)
        return Decoded(planes, coded[::-1], predicted[::-1])

    @staticmethod
    def _nothing(batch: int, h: int, w: int, like: Tensor) -> Pack:
        zeros = torch.zeros(batch, 9, h, w, dtype=torch.float32, device=like.device)
        return zeros, zeros
