"""How good networks are on pictures they were not learnt from: ideal code lengths, nothing refined."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from inr_core.fit.latent.model import LatentModel
from inr_core.latent.plan import DEAD_ZONE
from inr_core.metrics import bd_rate

from .learner import cost
from .looks import Looks
from .weights import Weights

STEPS = (6, 11, 20, 36, 64)  # quantisation steps, in levels of 8 bits
Curve = list[tuple[float, float]]  # bits a pixel and dB of each step


def curves(
    weights: Weights, pictures: Sequence[NDArray[np.uint8]], device: torch.device, look: bool = False
) -> list[Curve]:
    """Rate and PSNR of pictures (3, H, W), by the float networks; look: tuned for looks, errors counting as they do."""
    model = LatentModel.of(weights).to(device)
    looks = Looks(weights["log_gains"], device) if look else None
    if looks:
        with torch.no_grad():
            model.log_gains.copy_(looks.log_gains)
    found = []
    for picture in pictures:
        rgb = torch.from_numpy(picture).to(device)[None].float() / 255 - 0.5
        points = []
        for step in STEPS:
            one = torch.full((1, 1, 1, 1), step / 255, device=device)
            with torch.no_grad():
                error, bpp = cost(model, rgb, one, torch.full_like(one, DEAD_ZONE), looks)
            points.append((bpp.item(), -10 * math.log10(error.item())))
        found.append(points)
    return found


def mean_bd_rate(reference: Sequence[Curve], ours: Sequence[Curve]) -> float:
    """Per cent of rate at equal PSNR, the mean over the pictures."""
    rates = []
    for a, b in zip(reference, ours, strict=True):
        (rate_a, psnr_a), (rate_b, psnr_b) = zip(*a, strict=True), zip(*b, strict=True)
        rates.append(bd_rate(rate_a, psnr_a, rate_b, psnr_b).percent)
    return float(np.mean(rates))
