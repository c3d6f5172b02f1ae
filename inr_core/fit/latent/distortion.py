"""What errors of a component's planes count for: squared errors of its samples, or, for looks, of its bands.

For looks each wavelet band of the error is divided by what the gain of its steps is larger than the prior's own: then a
latent that is one off counts as much as it would without weights.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...latent.prior import Prior
from ...latent.tunes import LOOK, tuned
from .band_products import analysis, analysis_back
from .model import RGB_TO_YCC

NORMS = (3.0, 3.258, 2.475)  # squared RGB norms of a unit of Y, Cb, Cr


class Distortion:
    """Of a component of so many planes (3 or 1); look: whether its steps are weighted for looks."""

    def __init__(self, planes: int, prior: Prior, look: bool, device: str) -> None:
        self.planes = planes
        ycc = torch.from_numpy(np.array(RGB_TO_YCC if planes == 3 else [[1.0]], np.float32))
        self._to_planes = ycc.to(device)
        self._to_samples = torch.linalg.inv(ycc).to(device)
        norms = np.array(NORMS, np.float32) / 3 if planes == 3 else np.ones(1, np.float32)
        self.norms = torch.from_numpy(norms)[:, None, None].to(device)  # of a unit of each plane, by a pixel's samples
        self._weights: list[Tensor] = []  # by level (3·planes, 1, 1), the last one of all coarser ones, too
        if look:
            ratios = (prior.gains / tuned(prior, look).gains)[:, : 3 * planes].astype(np.float32)
            levels = min(len(LOOK), len(ratios))
            self._weights = [torch.from_numpy(ratio)[:, None, None].square().to(device) for ratio in ratios[:levels]]

    def of_planes(self, planes: Tensor, wanted: Tensor, first: int, levels: int) -> tuple[Tensor, Tensor]:
        """Errors (planes, h, w) of planes of grid `first`, and their gradients by the planes."""
        apart = planes - wanted
        weighted = self._weighted(apart, first, levels) * self.norms
        return weighted * apart, weighted * 2

    def of_samples(self, planes: Tensor, wanted: Tensor, visible: Tensor | None, levels: int) -> tuple[Tensor, Tensor]:
        """Squared errors of the samples of planes (planes, h, w), and gradients of what counts by the planes.

        Clipped samples count as they are seen; gradients pass straight through. visible (h, w): where errors count.
        """
        to_samples = self._to_samples
        samples = torch.mm(to_samples, planes.flatten(1)).view_as(planes)
        apart = samples.clamp_(-0.5, 0.5).sub_(wanted)
        if visible is not None:
            apart.mul_(visible)
        error = apart.square().mul_(1 / self.planes)
        if not self._weights:
            slope = apart.mul_(2 / self.planes)
            return error, torch.mm(to_samples.T, slope.flatten(1)).view_as(planes)
        apart = torch.mm(self._to_planes, apart.flatten(1)).view_as(planes)
        slope = self._weighted(apart, 0, levels).mul_(2 * self.norms)
        return error, slope if visible is None else slope.mul_(visible)

    def _weighted(self, apart: Tensor, first: int, levels: int) -> Tensor:
        """Errors (planes, h, w) of grid `first`, each band of so many levels weighted."""
        if not self._weights:
            return apart
        sizes, bands = [], []
        low = apart
        for level in range(first, first + min(levels, max(1, len(self._weights) - first))):
            sizes.append((low.shape[1], low.shape[2]))
            low, details = analysis(low)
            bands.append(details.mul_(self._weight(level)))
        low.mul_(self._weight(first + len(bands))[::3])
        for size, details in zip(sizes[::-1], bands[::-1], strict=True):
            low = analysis_back(low, details, size)
        return low

    def _weight(self, level: int) -> Tensor:
        return self._weights[min(level, len(self._weights) - 1)]
