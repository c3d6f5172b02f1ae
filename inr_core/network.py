"""The SIREN on integers: layers, and the batched forward pass over a block of the coordinate grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import fixedpoint as fx

BLOCK_PIXELS = 4096  # pixels evaluated at once: the scratch of a 128-wide layer stays within a few MB of cache


@dataclass(frozen=True)
class Layer:
    """One linear layer. Hidden biases are 32-bit phases; output biases count 2**−OUTPUT_SHIFT of a sample."""

    weight: NDArray[np.int32]  # (out, in)
    multiplier: int  # 1 … 2**32 − 1
    bias: NDArray[np.int64]  # (out,)


@dataclass(frozen=True)
class Network:
    """A whole SIREN: one coordinate layer, any number of hidden layers, one output layer."""

    layers: tuple[Layer, ...]

    @property
    def macs(self) -> int:
        """Multiply-adds a pixel of the dense network."""
        return sum(layer.weight.size for layer in self.layers)


class Evaluator:
    """Evaluates a network block by block with scratch of its own, so one a thread."""

    def __init__(self, network: Network, peak: int, block: int = BLOCK_PIXELS) -> None:
        self.network, self.peak, self.block = network, peak, block
        hidden = max(layer.weight.shape[0] for layer in network.layers[:-1])
        self._phase = np.empty(hidden * block, np.uint32)
        self._index = np.empty(hidden * block, np.int64)
        self._bias = [layer.bias.astype(np.uint32) for layer in network.layers[:-1]]
        dtypes = [fx.product_dtype(layer.weight) for layer in network.layers]
        self._weight = [layer.weight.astype(dtype) for layer, dtype in zip(network.layers, dtypes, strict=True)]

    def samples(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Samples 0 … peak at every (x, y): (w,) and (h,) coordinates with w·h ≤ block → (h, w, C) int64."""
        n = len(x) * len(y)
        first, last = self.network.layers[0], self.network.layers[-1]
        width = len(first.bias)
        phase = self._scratch(self._phase, width, n)
        columns = fx.first_phase(first.weight[:, 0], first.multiplier, x)  # (width, w)
        rows = fx.first_phase(first.weight[:, 1], first.multiplier, y) + self._bias[0][:, None]  # (width, h)
        np.add(rows[:, :, None], columns[:, None, :], out=phase.reshape(width, len(y), len(x)))
        for k, layer in enumerate(self.network.layers[1:], 1):
            act = np.empty(phase.shape, self._weight[k].dtype)
            fx.sine_of_phase(phase, self._scratch(self._index, len(act), n), act)  # (in, n) in [−511, 511]
            acc = self._weight[k] @ act  # (out, n), exact
            if layer is last:
                break
            phase = self._scratch(self._phase, len(acc), n)
            fx.to_phase(acc, layer.multiplier, self._bias[k], phase)
        return fx.to_samples(acc, last.multiplier, last.bias, self.peak).T.reshape(len(y), len(x), -1)

    @staticmethod
    def _scratch(buffer: NDArray[np.generic], rows: int, n: int) -> NDArray[np.generic]:
        return buffer[: rows * n].reshape(rows, n)
