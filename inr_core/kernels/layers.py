"""Weights as the compiled kernels take them: int16 in pairs of inputs, by fours of neurons."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NEURONS = 4  # packed together
INT16 = 1 << 15


class Layer(NamedTuple):
    """One layer: y = (Σ w·a + b) >> shift, half of 2^shift being part of b."""

    weights: NDArray[np.int16]  # (out / 4, pairs of inputs, 4, 2)
    bias: NDArray[np.int32]  # (out,)
    shift: int


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
    return -(-neurons // NEURONS) * NEURONS
