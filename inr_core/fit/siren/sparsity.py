"""Which weights exist: Erdős–Rényi densities, RigL, iterative magnitude pruning (small-dense is made by the plan).

RigL: Evci et al., "Rigging the Lottery", ICML 2020. Pruning schedule: Zhu and Gupta, "To prune, or not to prune", 2017.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...siren.plan import Shape


def erk_counts(shapes: Sequence[Shape], nonzeros: int) -> list[int]:
    """Non-zeros of each (out, in) layer, summing to exactly `nonzeros`: density ∝ (out + in)/(out · in), at most 1.

    The Erdős–Rényi rule (RigL, section 3.1); what a full layer cannot take is shared by the others.
    """
    sizes = [out * into for out, into in shapes]
    if not len(shapes) <= nonzeros <= sum(sizes):
        raise ValueError(f"nonzeros: expected {len(shapes)} to {sum(sizes)}, got {nonzeros}")
    full: set[int] = set()
    while True:
        free = [k for k in range(len(shapes)) if k not in full]
        left = nonzeros - sum(sizes[k] for k in full)
        scale = left / max(1, sum(sum(shapes[k]) for k in free))
        over = {k for k in free if scale * sum(shapes[k]) >= sizes[k]}
        if not over:
            break
        full |= over
    counts = [sizes[k] if k in full else max(1, int(scale * sum(shapes[k]))) for k in range(len(shapes))]
    while (missing := nonzeros - sum(counts)) != 0:  # rounding: one weight a layer at a time, the largest layers first
        for k in sorted(range(len(shapes)), key=lambda k: -sizes[k]):
            step = (missing > 0) - (missing < 0)
            if missing and 1 <= counts[k] + step <= sizes[k]:
                counts[k] += step
                missing -= step
    return counts


def largest(scores: Tensor, count: int) -> Tensor:
    """Boolean mask of the `count` largest entries, exactly (ties by position)."""
    mask = torch.zeros(scores.numel(), dtype=torch.bool, device=scores.device)
    return mask.index_fill_(0, torch.topk(scores.flatten(), count).indices, True).view(scores.shape)


def random_masks(shapes: Sequence[Shape], counts: Sequence[int], seed: int, device: torch.device) -> list[Tensor]:
    """Uniformly random boolean masks (out, in) with exactly counts[k] ones."""
    generator = torch.Generator("cpu").manual_seed(seed)
    scores = [torch.rand(s, generator=generator, dtype=torch.float32, device="cpu") for s in shapes]
    return [largest(score, n).to(device) for score, n in zip(scores, counts, strict=True)]


@dataclass(frozen=True)
class RigL:
    """Drop the smallest active weights, grow where the gradient is largest, keeping every layer's count."""

    rate: float = 0.1  # fraction dropped at the start; cosine to zero
    every: int = 100  # steps; 20, as in the study, is too often for minibatches: at density 0.5 it costs 3.4 dB

    def due(self, step: int) -> bool:
        return step > 0 and step % self.every == 0

    def update(
        self,
        weights: Sequence[Tensor],
        gradients: Sequence[Tensor],
        masks: Sequence[Tensor],
        counts: Sequence[int],
        fraction: float,
    ) -> list[Tensor]:
        """New masks, given gradients by all weights (zero ones too); `fraction` of the sparse phase done, 0 … 1.

        counts: ones of each mask, so that no tensor has to be read.
        """
        rate = self.rate / 2 * (1 + math.cos(math.pi * fraction))
        grown = []
        for weight, gradient, mask, active in zip(weights, gradients, masks, counts, strict=True):
            change = min(int(rate * active), mask.numel() - active)
            if change == 0:
                grown.append(mask)
                continue
            kept = largest(torch.where(mask, weight.abs(), -1.0), active - change)
            grown.append(kept | largest(torch.where(mask, -1.0, gradient.abs()), change))
        return grown


@dataclass(frozen=True)
class Pruning:
    """Magnitude pruning from dense to the final count along a cubic."""

    every: int = 10  # steps

    def due(self, step: int) -> bool:
        return step % self.every == 0

    def update(self, weights: list[Tensor], counts: Sequence[int], fraction: float) -> list[Tensor]:
        """Masks at `fraction` (0 … 1) of the sparse phase; `counts` are the final non-zeros."""
        remaining = (1 - min(fraction, 1.0)) ** 3
        masks = []
        for weight, count in zip(weights, counts, strict=True):
            now = count + round((weight.numel() - count) * remaining)
            masks.append(largest(weight.abs(), now))
        return masks
