"""What errors of a component's planes count for: squared errors of its samples, or, for looks, of its bands.

For looks each wavelet band of the error is divided by what the gain of its steps is larger than the prior's own: then a
latent that is one off counts as much as it would without weights. And errors hide in textures: they count by a power of
the local variance of the luma that they are errors of, as they do for SSIM (Z. Wang et al., 2004), which divides by it.
Gradients of the structure that is lost, see `structure`, may be added as a share of the others.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ...latent.choosing import NORMS
from ...latent.masking import FLAT, USUAL
from ...latent.prior import Prior
from ...latent.tunes import LOOK, tuned
from .band_products import analysis, analysis_back
from .float_wavelet import blurred, low_planes
from .model import RGB_TO_YCC
from .passes import Window
from .structure import structure_slope

NO_TEXTURE, USUAL_TEXTURE = (FLAT / 255) ** 2, (USUAL / 255) ** 2  # variances of samples 0 … 1
# length of the gradients of lost structure, of the others', in so many iterations or more
STRUCTURE, ITERATIONS = 0.85, 6
STEEPEST = 2.0  # times the root of their mean square: the most they may be
COLOUR = 2.0  # weight of chroma's errors for looks: its steps are large, and red and blue show them
NONE = 1e-20  # length of gradients that are not there
MASKING = 0.33  # power of the variance that errors count less by; 1 is SSIM's own, and too much by SSIMULACRA2


def structure_share(iterations: int) -> float:
    """`Distortion`'s structure for so many iterations: few take back less of what the first one does too much."""
    return STRUCTURE * min(1.0, (iterations + 2) / (ITERATIONS + 2))


class Distortion:
    """Of a component of so many planes (3 or 1); look: whether its steps are weighted for looks."""

    def __init__(
        self,
        planes: int,
        prior: Prior,
        look: bool,
        device: str,
        target: Tensor | None = None,
        levels: int = 0,
        *,
        structure: float = 0.0,
    ) -> None:
        """target: samples (planes, h, w) in −1/2 … 1/2 in whose textures errors of so many levels hide, for looks.

        structure: length of the gradients of lost structure, for looks, of the others'.
        """
        self._structure = structure if look else 0.0
        self.planes = planes
        ycc = torch.from_numpy(np.array(RGB_TO_YCC if planes == 3 else [[1.0]], np.float32))
        self._to_planes = ycc.to(device)
        self._to_samples = torch.linalg.inv(ycc).to(device)
        norms = np.array(NORMS, np.float32) / 3 if planes == 3 else np.ones(1, np.float32)
        if look:
            norms[1:] *= COLOUR
        self.norms = torch.from_numpy(norms)[:, None, None].to(device)  # of a unit of each plane, by a pixel's samples
        self._weights: list[Tensor] = []  # by level (3·planes, 1, 1), the last one of all coarser ones, too
        self._masks: list[Tensor] = []  # by level (h, w), of its bands
        if look:
            ratios = (prior.gains / tuned(prior, look).gains)[:, : 3 * planes].astype(np.float32)
            known = min(len(LOOK), len(ratios))
            self._weights = [torch.from_numpy(ratio)[:, None, None].square().to(device) for ratio in ratios[:known]]
            if target is not None:
                luma = torch.mm(self._to_planes[:1], target.flatten(1)).view(1, *target.shape[1:])
                self._masks = _masks(luma, levels)

    def mask(self, level: int, window: Window, shift: int) -> Tensor | None:
        """What squared errors of a level's bands (h, w) are multiplied by there; window: of a grid `shift` finer."""
        return self._masks[level][window.on(shift)] if self._masks else None

    def of_planes(
        self, planes: Tensor, wanted: Tensor, first: int, levels: int, window: Window
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Errors (planes, h, w) of a window's planes of grid `first`, their sum, and its gradients by the planes."""
        apart = planes - wanted
        weighted = self._weighted(apart, first, levels, window) * self.norms
        error = weighted * apart
        return error, error.sum(), weighted * 2

    def of_samples(
        self, planes: Tensor, wanted: Tensor, visible: Tensor | None, levels: int, window: Window
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Squared errors of a window's samples, from its planes (planes, h, w); what counts, with gradients by these.

        Clipped samples count as they are seen; gradients pass straight through. But weighted errors are of samples that
        are not clipped: else they would spread to others, and latents follow them ever farther from the picture.
        visible (h, w): where errors count.
        """
        to_samples = self._to_samples
        samples = torch.mm(to_samples, planes.flatten(1)).view_as(planes)
        apart = samples.clamp(-0.5, 0.5).sub_(wanted)
        if visible is not None:
            apart.mul_(visible)
        error = apart.square().mul_(1 / self.planes)
        if not self._weights:
            slope = apart.mul_(2 / self.planes)
            return error, error.sum(), torch.mm(to_samples.T, slope.flatten(1)).view_as(planes)
        beyond = samples.sub_(wanted) if visible is None else samples.sub_(wanted).mul_(visible)
        beyond = torch.mm(self._to_planes, beyond.flatten(1)).view_as(planes)
        slope = self._weighted(beyond, 0, levels, window).mul_(2 * self.norms)
        counts = torch.dot(slope.flatten(), beyond.flatten()) / 2
        if self._structure:
            slope += self._structural(slope, apart + wanted, wanted)
        return error, counts, slope if visible is None else slope.mul_(visible)

    def _structural(self, slope: Tensor, samples: Tensor, wanted: Tensor) -> Tensor:
        """Gradients of the structure that is lost by planes (planes, h, w), as long as a share of the others, `slope`.

        Their curvature is told only by the changes made so far, see `curvature`, so none of them may stand out.
        """
        by_samples = structure_slope(samples + 0.5, wanted + 0.5)
        found = torch.mm(self._to_samples.T, by_samples.flatten(1))
        most = STEEPEST * found.square().mean(1, keepdim=True).sqrt()
        found = torch.minimum(torch.maximum(found, -most), most)
        share = self._structure * slope.norm() / found.norm().clamp(min=NONE)
        return found.mul_(share).view_as(slope)

    def _weighted(self, apart: Tensor, first: int, levels: int, window: Window) -> Tensor:
        """Errors (planes, h, w) of a window of grid `first`, each band of so many levels weighted."""
        if not self._weights:
            return apart
        sizes, bands = [], []
        low = apart
        count = levels if self._masks else min(levels, max(1, len(self._weights) - first))
        for level in range(first, first + count):
            sizes.append((low.shape[1], low.shape[2]))
            low, details = analysis(low)
            details.mul_(self._weight(level))
            mask = self.mask(level, window, level + 1 - first)
            bands.append(details if mask is None else details.mul_(mask))
        low.mul_(self._weight(first + len(bands))[::3])
        for size, details in zip(sizes[::-1], bands[::-1], strict=True):
            low = analysis_back(low, details, size).mul_(0.5 ** size.count(1))  # what is alone comes twice in its sum
        return low

    def _weight(self, level: int) -> Tensor:
        return self._weights[min(level, len(self._weights) - 1)]


def _masks(luma: Tensor, levels: int) -> list[Tensor]:
    """What squared errors of each level's bands (h, w) are multiplied by, from luma (1, H, W): less in textures."""
    masks = []
    for level in range(levels):
        mean, square = blurred(avg_pool2d(torch.cat([luma, luma.square()])[None], 2, ceil_mode=True)[0])
        variance = (square - mean.square()).clamp_(min=0) / 4**level  # the wavelet doubles what it makes half as large
        masks.append(variance.add_(NO_TEXTURE).mul_(1 / (USUAL_TEXTURE + NO_TEXTURE)).pow_(-MASKING))
        luma = low_planes(luma)
    return masks
