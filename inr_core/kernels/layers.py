"""Weights of a layer: as integers, and as compiled kernels take them, int16 in pairs of inputs, by fours of neurons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..process.once import once

NEURONS = 4  # packed together
INT16 = 1 << 15


@dataclass(frozen=True, eq=False)
class Weights:
    """One layer's: y = (Σ w·a + b + 2^(shift−1)) >> shift, of each input or of its 3×3 neighbours."""

    array: NDArray[np.integer[Any]]  # (out, in) or (out, in, 3, 3)
    shift: int
    whole_fours: bool = True  # whether the inputs are the outputs of a layer, which come in whole fours

    @once
    def packed(self) -> NDArray[np.int16] | None:
        """As the compiled kernels take them; None: int16 is too narrow."""
        pack = pack_neighbours if self.array.ndim == 4 else pack_weights
        return pack(self.array, None if self.whole_fours else self.array.shape[1])


Layers = tuple[Weights, Weights, Weights]


def fit_int16(layers: Sequence[Weights]) -> bool:
    """Whether compiled kernels can take all of them."""
    return all(layer.packed is not None for layer in layers)


def packed_layers(layers: Sequence[Weights], biases: Sequence[NDArray[np.integer[Any]]]) -> list[Any]:
    """Weights, biases (out,) of which half is part, and shift of every layer, one after the other."""
    return [
        part
        for layer, bias in zip(layers, biases, strict=True)
        for part in (layer.packed, pack_bias(bias, layer.shift), layer.shift)
    ]


def pack_weights(weights: NDArray[np.integer[Any]], inputs: int | None = None) -> NDArray[np.int16] | None:
    """Weights (out, in) → (out / 4, inputs / 2, 4, 2), zeros beyond them; None: int16 is too narrow.

    `inputs`: as many as there are, rounded up to whole fours as the layer before has it, by default.
    """
    if weights.size and (weights.min() < -INT16 or weights.max() >= INT16):
        return None
    out, into = weights.shape
    padded = np.zeros((_whole(out), _whole(into) if inputs is None else inputs), np.int16)
    padded[:out, :into] = weights
    fours = padded.reshape(-1, NEURONS, padded.shape[1] // 2, 2)
    return np.ascontiguousarray(fours.transpose(0, 2, 1, 3))


def pack_bias(bias: NDArray[np.integer[Any]], shift: int) -> NDArray[np.int32]:
    """Biases (out,) with half of 2^shift, and zeros up to whole fours."""
    padded = np.zeros(_whole(len(bias)), np.int32)
    padded[: len(bias)] = bias + (1 << shift >> 1)
    return padded


def pack_neighbours(weights: NDArray[np.integer[Any]], channels: int | None = None) -> NDArray[np.int16] | None:
    """3×3 weights (out, in, 3, 3), as `pack_weights`: inputs by pair of channels, then a neighbour's row and column."""
    out, into = weights.shape[:2]
    channels = _whole(into) if channels is None else channels
    padded = np.zeros((out, channels, 9), weights.dtype)
    padded[:, :into] = weights.reshape(out, into, 9)
    pairs = padded.reshape(out, channels // 2, 2, 9).transpose(0, 1, 3, 2)
    return pack_weights(pairs.reshape(out, -1), 9 * channels)


def _whole(neurons: int) -> int:
    """So many neurons rounded up to whole fours."""
    return -(-neurons // NEURONS) * NEURONS
