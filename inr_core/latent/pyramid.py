"""The latent model: a picture as quantised wavelet bands, and the recursion from coarse to fine that codes them.

Level l = 0 … L − 1 holds the details that turn the planes of grid l + 1 into those of grid l; grid l has the size
(ceil(W / 2^l), ceil(H / 2^l)) and grid 0 is the picture. A level is coded component by component: what is known of the
picture goes through the entropy model, one parity of the grid after another, then all of it through wavelet and cell.
Encoder and decoder run the same code and differ only in where symbols come from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..kernels.colour import Samples, from_planes
from ..kernels.strips import Strips
from .latents import PyramidShape
from .level import Component
from .prior import Prior
from .steps import Step

Ints = NDArray[np.int32]

PLANE_LIMIT = 1 << 20  # of a coarsest low-pass value in plane units


class Pyramid:
    """The components of a picture on their way from coarse to fine."""

    def __init__(self, shape: PyramidShape, prior: Prior, strips: Strips) -> None:
        self.shape, self.step = shape, Step(shape.step, shape.bit_depth)
        self.prior, self.strips = prior, strips
        self.components: list[Component] = []

    def start(self, lowpass: Sequence[Ints]) -> None:
        """Begin from the coarsest low-pass, in its steps."""
        unit = self.step.low(self.shape.levels)
        size = self.shape.width, self.shape.height
        for values in lowpass:
            planes = np.clip(values.astype(np.int64) * unit, -PLANE_LIMIT, PLANE_LIMIT).astype(np.int32)
            self.components.append(Component(self.prior, self.step, size, planes, self.strips))

    def samples(self, level: int) -> Samples:
        """Samples (h, w, C) of the planes, which are those of a level."""
        w, h = self.shape.grid(level)
        out = np.empty((h, w, sum(self.shape.components)), np.uint8 if self.shape.bit_depth == 8 else np.uint16)
        first = 0
        for component in self.components:
            from_planes(component.planes, self.shape.bit_depth, out, first)
            first += len(component.planes)
        return out
