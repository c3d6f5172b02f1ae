"""The SIREN on integers: layers, and the batched forward pass over a block of the coordinate grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..kernels import sine as fx

BLOCK_PIXELS = 4096  # evaluated at once: the scratch of a 128-wide layer stays within a few MB of cache
BLOCK_ACTIVATIONS = 2**19  # of one layer in a block: wider networks take fewer pixels at a time

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True)
class Layer:
    """One linear layer. Hidden biases are 32-bit phases; output biases count 2**−OUTPUT_SHIFT of a sample."""

    weight: NDArray[np.int32]  # (out, in)
    multiplier: int  # 1 … 2**32 − 1
    bias: NDArray[np.int64]  # (out,)
    factors: fx.Reals = field(init=False, repr=False)  # the weights in the float type that multiplies them exactly

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", self.weight.astype(fx.product_dtype(self.weight)))


@dataclass(frozen=True)
class Network:
    """A whole SIREN: one coordinate layer, any number of hidden layers, one output layer."""

    layers: tuple[Layer, ...]

    @property
    def macs(self) -> int:
        """Multiply-adds a pixel of the dense network."""
        return sum(layer.weight.size for layer in self.layers)

    @property
    def block(self) -> int:
        """How many pixels to evaluate at once."""
        return max(1, min(BLOCK_PIXELS, BLOCK_ACTIVATIONS // len(self.layers[0].bias)))


class Evaluator:
    """Evaluates a network in blocks of up to `block` pixels, with scratch of its own, so one a thread."""

    def __init__(self, network: Network, peak: int, block: int) -> None:
        self.network, self.peak = network, peak
        values = len(network.layers[0].bias) * block
        self._phase = np.empty(values, np.uint32)
        self._index = np.empty(values, np.int64)
        self._bias = [layer.bias.astype(np.uint32) for layer in network.layers[:-1]]

    def samples(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Samples 0 … peak at every (x, y): (w,) and (h,) coordinates with w·h ≤ block → (h, w, C) int64."""
        n = len(x) * len(y)
        first, *hidden, last = self.network.layers
        phase = _first(self._phase, len(first.bias), n)
        columns = fx.first_phase(first.weight[:, 0], first.multiplier, x)  # (width, w)
        rows = fx.first_phase(first.weight[:, 1], first.multiplier, y) + self._bias[0][:, None]  # (width, h)
        np.add(rows[:, :, None], columns[:, None, :], out=phase.reshape(-1, len(y), len(x)))
        for layer, bias in zip(hidden, self._bias[1:], strict=True):
            acc = self._product(layer, phase)
            phase = _first(self._phase, len(bias), n)
            fx.to_phase(acc, layer.multiplier, bias, phase)
        acc = self._product(last, phase)
        return fx.to_samples(acc, last.multiplier, last.bias, self.peak).T.reshape(len(y), len(x), -1)

    def _product(self, layer: Layer, phase: NDArray[np.uint32]) -> fx.Reals:
        """Phases (in, n) → accumulators (out, n), exact."""
        act = np.empty(phase.shape, layer.factors.dtype)  # in [−511, 511]
        fx.sine_of_phase(phase, _first(self._index, *phase.shape), act)
        acc: fx.Reals = layer.factors @ act
        return acc


def _first(scratch: NDArray[_T], rows: int, n: int) -> NDArray[_T]:
    """The first values of a flat array as (rows, n)."""
    return scratch[: rows * n].reshape(rows, n)
