"""A picture as quantised wavelet bands, which encoder and decoder share, and samples → such bands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..kernels.colour import Samples, to_planes
from ..kernels.wavelet import forward, quantise_band
from .differences import Differences
from .prior import Prior
from .steps import Step
from .tunes import tuned

Ints = NDArray[np.int32]
_Seen = TypeVar("_Seen")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class PyramidShape:
    """What there is to know of a pyramid before its planes."""

    width: int
    height: int
    bit_depth: int  # 8 or 16
    components: tuple[int, ...]  # planes of each, 3 (colour) or 1: (3, 1) for RGBA
    step: int  # index, 0 … 255
    levels: int  # 1 … 16

    def grid(self, level: int) -> tuple[int, int]:
        """Width and height of grid `level`."""
        return grid_size(self.width, self.height, level)

    def symbols(self, level: int) -> int:
        """Details of a level, of all components."""
        w, h = self.grid(level + 1)
        return 3 * sum(self.components) * w * h


@dataclass(frozen=True, eq=False)
class Latents(PyramidShape):
    """A quantised picture: what encoder and decoder share."""

    lowpass: list[Ints]  # by component (planes, h, w) of grid L, in low-pass steps
    details: list[list[Ints]]  # by component and level, finest first: (planes·3, h, w) of grid l + 1
    differences: Differences = field(default_factory=dict)  # of the networks, to the prior's
    look: bool = False  # whether the steps of the bands are weighted for looks


def grid_size(width: int, height: int, level: int) -> tuple[int, int]:
    """Width and height of grid `level`, at least 1; grid −1 is twice the picture."""
    if level < 0:
        return width << -level, height << -level
    return -(-width >> level), -(-height >> level)


def quantise(
    samples: Samples,
    prior: Prior,
    components: Sequence[int],
    step: int,
    levels: int,
    dead_zone: float = 0.6,
    look: bool = False,
) -> Latents:
    """Samples (H, W, C) uint8 or uint16 → latents: sign(y)·floor(|y| + 1 − dead_zone) of details y in steps."""
    size, gains = Step(step, 8 * samples.itemsize), tuned(prior, look).gains

    def quantised(level: int, coefficients: Ints, _: None) -> Ints:
        factors = size.coefficients(level, gains[min(level, prior.levels - 1), : len(coefficients)])
        return in_steps(coefficients, 64 * factors, 1 - dead_zone)

    lowpass, details = analysed(samples, components, size, levels, lambda planes: None, quantised)
    height, width = samples.shape[:2]
    return Latents(width, height, size.bit_depth, tuple(components), step, levels, lowpass, details, look=look)


def analysed(
    samples: Samples,
    components: Sequence[int],
    size: Step,
    levels: int,
    seen: Callable[[Ints], _Seen],
    made: Callable[[int, Ints, _Seen], _Made],
) -> tuple[list[Ints], list[list[_Made]]]:
    """The low-pass of each component's samples, and what is `made` of each level, finest first.

    seen: of a level's planes (planes, h, w), which are gone when what is `made` of it is: from the level, its
    coefficients (planes·3, ⌈h/2⌉, ⌈w/2⌉), and what was seen.
    """
    lowpass, details = [], []
    first, unit = 0, size.low(levels)
    for channels in components:
        planes = to_planes(samples[..., first : first + channels], size.bit_depth)
        first += channels
        found = []
        for level in range(levels):
            known = seen(planes)
            planes, coefficients = forward(planes)
            found.append(made(level, coefficients, known))
        lowpass.append((planes + unit // 2) // unit)
        details.append(found)
    return lowpass, details


def in_steps(coefficients: Ints, sizes: NDArray[np.float64], kept: float) -> Ints:
    """Coefficients (bands, h, w) → whole steps of sizes (bands,): sign(y)·floor(|y| + `kept`)."""
    out = np.empty(coefficients.shape, np.int32)
    for band, values in enumerate(coefficients):
        quantise_band(values, float(sizes[band]), kept, out[band])
    return out
