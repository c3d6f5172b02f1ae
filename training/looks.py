"""Learning for looks: the gains of files tuned for looks, and errors weighted as refining weighs them.

`inr_core.fit.latent.distortion` says what counts how much: each wavelet band by what its steps are larger than the
prior's own, and less where the luma it is an error of has texture.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from inr_core.fit.latent.distortion import MASKING, NO_TEXTURE, USUAL_TEXTURE
from inr_core.fit.latent.float_wavelet import forward_wavelet
from inr_core.fit.latent.model import to_ycc
from inr_core.latent.choosing import NORMS
from inr_core.latent.tunes import looking

GAIN_UNIT = 4096  # of an integer gain


class Looks:
    """The gains for looks of a model's own (levels, 9), as natural logarithms, and what its errors count for."""

    def __init__(self, log_gains: NDArray[np.floating], device: torch.device) -> None:
        own = np.rint(np.exp(log_gains) * GAIN_UNIT).astype(np.int32)
        tuned = looking(own)
        self.log_gains = torch.from_numpy(np.log(tuned / GAIN_UNIT).astype(np.float32)).to(device)
        ratios = np.square(own / tuned).astype(np.float32)[:, :, None, None]
        self._weights = list(torch.from_numpy(ratios).to(device))
        self._norms = torch.tensor(NORMS, device=device)[:, None, None] / 3  # of a mean of three samples

    def error(self, planes: Tensor, rgb: Tensor) -> Tensor:
        """Of planes Y, Cb, Cr for samples, (B, 3, H, W): the weighted squared error (B,) of a pixel's mean sample."""
        target = to_ycc(rgb)
        low, luma = planes - target, target[:, :1]
        total = torch.zeros(len(rgb), device=rgb.device)
        for level, weights in enumerate(self._weights):
            mask = _mask(luma, level)
            low, bands = forward_wavelet(low)
            luma, _ = forward_wavelet(luma)
            total = total + self._of_planes((bands.square() * weights * mask).unflatten(1, (3, 3)).sum(2))
        total = total + self._of_planes(low.square() * self._weights[-1][::3])
        return total / (rgb.shape[2] * rgb.shape[3])

    def _of_planes(self, squares: Tensor) -> Tensor:
        return (squares * self._norms).sum((1, 2, 3))


def _mask(luma: Tensor, level: int) -> Tensor:
    """What squared errors of a level's bands count for, (B, 1, h, w), by luma (B, 1, H, W) of the finer grid."""
    halves = avg_pool2d(torch.cat([luma, luma.square()], 1), 2, ceil_mode=True)
    blurred = avg_pool2d(pad(halves, (1, 1, 1, 1), "replicate"), 3, 1)
    variance = (blurred[:, 1:] - blurred[:, :1].square()).clamp(min=0)
    variance = variance / 4**level  # the wavelet doubles what it makes half as large
    mask: Tensor = ((variance + NO_TEXTURE) / (USUAL_TEXTURE + NO_TEXTURE)).pow(-MASKING)
    return mask
