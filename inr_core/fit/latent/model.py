"""The latent model in floats: what the prior is trained with, and what a picture's latents are refined through.

A picture is decoded coarse to fine. At every level the entropy network predicts the wavelet bands, from the coarser
ones and parity by parity from their own neighbours; then the cell makes the next finer planes of them: an inverse CDF
9/7 wavelet, and beside it a small SIREN of 3×3 and 1×1 layers that starts at zero. `latent.level` is the same on
integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .float_networks import SIGNED_LIMIT, SIGNED_SCALE, Cell, EntropyNet, Pack, zeros
from .float_wavelet import Size, forward_wavelet, highpass

RGB_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
REFERENCE_STEP = 16 / 255  # the quantisation step in which the networks' conditioning is zero
MIN_PROBABILITY = 1e-7


@dataclass(frozen=True)
class Pyramid:
    """A picture's wavelet coefficients in orthonormal scaling, finest level first."""

    low: Tensor  # (B, 3, h, w)
    bands: list[Tensor]  # (B, 9, h, w), channel plane·3 + band
    sizes: list[Size]  # of the planes that each level makes

    @classmethod
    def of(cls, rgb: Tensor, levels: int) -> Pyramid:
        """From samples (B, 3, H, W) in [−1/2, 1/2]."""
        low = to_ycc(rgb)
        bands, sizes = [], []
        for _ in range(levels):
            sizes.append((low.shape[-2], low.shape[-1]))
            low, details = forward_wavelet(low)
            bands.append(details)
        return cls(low, bands, sizes)


@lru_cache
def _colour_matrices(device: torch.device) -> tuple[Tensor, Tensor]:
    """RGB → Y, Cb, Cr, (3, 3), and back, on a device, where they stay: what is recorded must not copy one."""
    there = torch.tensor(RGB_TO_YCC, dtype=torch.float32, device="cpu")
    return there.to(device), torch.linalg.inv(there).to(device)


def to_ycc(rgb: Tensor) -> Tensor:
    """Samples (B, 3, H, W) in [−1/2, 1/2] → Y, Cb, Cr planes."""
    return torch.einsum("ij,bjhw->bihw", _colour_matrices(rgb.device)[0], rgb)


def to_rgb(planes: Tensor) -> Tensor:
    """Y, Cb, Cr planes (B, 3, H, W) → samples in [−1/2, 1/2], not clamped."""
    return torch.einsum("ij,bjhw->bihw", _colour_matrices(planes.device)[1], planes)


def condition(step: float) -> float:
    """What the networks are told of the quantisation step, a share of the samples' range."""
    return math.log2(step / REFERENCE_STEP) / 2


def low_precision(device: torch.device) -> bool:
    """Whether bfloat16 products are the fast ones here; they cost no quality that could be measured."""
    return device.type == "cuda" or (
        device.type == "cpu" and bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())
    )


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
        self.entropy = EntropyNet(entropy_hidden, chroma_hidden, levels, random)
        self.log_gains = zeros(levels, 9)  # natural logarithms of what multiplies the bands' quantisation steps
        # how far values move towards their means, in steps: a line over the logarithm of the scale, start and fall
        self.reach_line = nn.Parameter(torch.from_numpy(np.array([0.05, 0.02], np.float32)))

    @classmethod
    def of(cls, state: Mapping[str, NDArray[np.floating]]) -> LatentModel:
        """The model of a state's shapes and values."""
        levels, hidden = state["cell.b1"].shape
        model = cls(hidden, state["entropy.luma.w2"].shape[1], state["entropy.chroma.w2"].shape[1], levels)
        model.load_state_dict({name: torch.from_numpy(np.asarray(v, np.float32)) for name, v in state.items()})
        return model

    def level(self, k: int) -> int:
        """Which biases a level uses."""
        return min(k, len(self.log_gains) - 1)

    def steps(self, k: int, step: float | Tensor) -> Tensor:
        """Quantisation steps of a level's bands (9, 1, 1), or (B, 9, 1, 1) for steps (B, 1, 1, 1)."""
        return step * torch.exp(self.log_gains[self.level(k)])[:, None, None]

    def pack(self, q: Tensor) -> Pack:
        """What the networks see of latents q."""
        return torch.log2(1 + q.abs()), q.clamp(-SIGNED_LIMIT, SIGNED_LIMIT) * SIGNED_SCALE

    def dequantise(self, q: Tensor, log_scale: Tensor, mean: Tensor) -> Tensor:
        """The values that latents stand for, in steps: moved towards their means, the more the narrower the scale."""
        reach = (self.reach_line[0] - self.reach_line[1] * log_scale).clamp(0, 0.5)
        return q + torch.maximum(torch.minimum(mean - q, reach), -reach)

    def forward(
        self,
        low: Tensor,
        latents: Sequence[Tensor],
        sizes: Sequence[Size],
        step: float | Tensor,
        first: int = 0,
        packs: Sequence[Pack] | None = None,
        bits: Bits = laplace_bits,
    ) -> Decoded:
        """Decode latents (B, 9, h, w), finest first, from the coarsest planes up.

        step: of quantisation, a share of the samples' range, or each picture's, (B, 1, 1, 1).
        first: the level of the finest latents. packs: what the networks see of the latents, where its gradient is
        wanted apart from theirs; it may reach beyond, as the coarsest latents' contexts do.
        """
        packs = packs or [self.pack(q.detach()) for q in latents]
        step = step if isinstance(step, Tensor) else torch.full((1, 1, 1, 1), step, device=low.device)
        told = (step / REFERENCE_STEP).log2().reshape(-1, 1) / 2  # as `condition`
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
            log_scale, mean = self.entropy(packs[k], parent, grandparent, high, level, told)
            coded.append(bits(q, log_scale, mean))
            predicted.append((log_scale, mean))
            bands = self.dequantise(q, log_scale, mean) * self.steps(first + k, step)
            planes = self.cell(planes, high, bands, sizes[k], level, told, step)
        return Decoded(planes, coded[::-1], predicted[::-1])

    @staticmethod
    def _nothing(batch: int, h: int, w: int, like: Tensor) -> Pack:
        """What the networks see of a level that is not there: zeros (B, 9, h, w)."""
        zeros = torch.zeros(batch, 9, h, w, dtype=torch.float32, device=like.device)
        return zeros, zeros
