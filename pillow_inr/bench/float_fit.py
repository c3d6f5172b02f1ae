"""A fit whose float network stays at hand, so that quantisers can be compared on one and the same network."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inr_core.container import chunks
from inr_core.container.header import Header
from inr_core.container.metadata import Metadata
from inr_core.fit.siren.network import Grid, Siren
from inr_core.fit.siren.quantise import post_training
from inr_core.fit.siren.trainer import Run
from inr_core.models import SirenShape
from inr_core.siren.plan import FitPlan
from inr_core.siren.streams import pack
from inr_core.siren.weights import QuantisedLayer

from .pictures import Samples

CPU = torch.device("cpu")
PEAK = 255


@dataclass(frozen=True)
class FloatFit:
    """A network as training in float left it: the best seen, with all steps spent on it."""

    siren: Siren
    grid: Grid
    masks: list[Tensor | None]
    bias_bits: int

    def picture(self) -> NDArray[np.float64]:
        """What the float network itself says, (H, W, 3), 0 … 255, not rounded."""
        with torch.no_grad():
            blocks = [self.siren.forward(x).clamp(-1, 1) for x, _ in self.grid.blocks()]
        y = torch.cat(blocks).cpu().double().numpy().reshape(self.grid.height, self.grid.width, -1)
        picture: NDArray[np.float64] = (y + 1) * (PEAK / 2)
        return picture

    def quantised(self, method: str, bits: Sequence[int]) -> list[QuantisedLayer]:
        """Its layers by one of the post-training methods, with so many bits for each layer."""
        return post_training(self.siren, self.masks, bits, self.bias_bits, PEAK, method)


def fit_float(samples: Samples, plan: FitPlan, threads: int, device: torch.device = CPU) -> FloatFit:
    """Fit by the format's own loop, only that nothing is quantised; `plan.quantization` must not be "qat"."""
    with Run(samples, PEAK, False, plan, device, threads) as run, run.at_work():
        run.train(lambda progress: None, threading.Event())
        run.finish()
        return FloatFit(run.siren, run.grid, run.masks.stored(), plan.bias_bits)


def file_of(size: tuple[int, int], layers: Sequence[QuantisedLayer]) -> bytes:
    """An RGB file of `size` (width, height) pixels with this network."""
    hidden, channels = layers[0].mask.shape[0], layers[-1].mask.shape[0]
    header = Header(*size, "RGB", 8, channels, SirenShape(hidden, len(layers)))
    return chunks.write(header, None, Metadata(), pack(layers))
