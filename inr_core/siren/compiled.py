"""A siren's forward pass by compiled kernels; `network.Evaluator` says the same with NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels.sine import first_phase
from ..kernels.switch import native
from .network import Layer, Network

Ints = NDArray[np.int64]


class CompiledSiren:
    """A network ready to be evaluated, by any number of threads at once."""

    def __init__(self, network: Network, peak: int, kernels: int) -> None:
        first, *layers = network.layers
        self._first, self._peak, self._kernels = first, peak, kernels
        entries = [_entries(layer) for layer in layers]
        hidden = [_even(layer.bias.astype(np.uint32)) for layer in layers[:-1]]
        self._layers = (
            np.array([len(_even(layer.bias)) for layer in network.layers[:-1]], np.int32),
            np.concatenate(
                [counts if k == len(layers) - 1 else _even(counts) for k, (counts, _) in enumerate(entries)]
            ),
            np.concatenate([pairs for _, pairs in entries]),
            np.array([layer.multiplier for layer in layers[:-1]], np.uint32),
            np.concatenate([*hidden, np.empty(0, np.uint32)]),
            layers[-1].multiplier,
            layers[-1].bias.astype(np.int64),
        )

    @staticmethod
    def fits(network: Network) -> bool:
        """Whether all weights are within int16."""
        return all(abs(layer.weight.astype(np.int64)).max() < 1 << 15 for layer in network.layers[1:])

    def samples(self, x: Ints, y: Ints) -> NDArray[np.int32]:
        """Samples 0 … peak at every (x, y): (w,) and (h,) coordinates → (h, w, C)."""
        assert native is not None
        weight, multiplier = self._first.weight, self._first.multiplier
        rows = first_phase(weight[:, 1], multiplier, y) + self._first.bias.astype(np.uint32)[:, None]
        stride = max(len(x), native.SIREN_TILE_MAX)
        columns = np.zeros((len(weight) + len(weight) % 2, stride), np.uint32)
        columns[: len(weight), : len(x)] = first_phase(weight[:, 0], multiplier, x)
        out = np.empty((len(y), len(x), len(self._layers[-1])), np.int32)
        sizes = stride, len(x), len(y), 0, len(y)
        native.siren_rows(self._kernels, columns, _even(rows), *sizes, *self._layers, self._peak, out)
        return out


def _entries(layer: Layer) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """How many pairs of inputs each neuron uses (out,); by neuron, these pairs' numbers and weights (n, 2)."""
    weight = np.zeros((len(layer.weight), layer.weight.shape[1] + 1 & ~1), np.int16)
    weight[:, : layer.weight.shape[1]] = layer.weight
    pairs = weight.view(np.int32)
    neuron, pair = np.nonzero(pairs)
    counts = np.bincount(neuron, minlength=len(pairs)).astype(np.int32)
    return counts, np.stack([pair.astype(np.int32), pairs[neuron, pair]], 1)


def _even(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Values (n, …), and zeros for one more if n is odd."""
    return np.concatenate([values, np.zeros_like(values[: len(values) % 2])])
