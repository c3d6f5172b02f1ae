"""Forward and backward through a network of sines by hand: what training one spends its time in.

A network is linear layers, each but the last followed by sines. It says what its weights are in this step and how its
sines are computed: as floats (`network`) or as the format's integers, straight through every rounding (`quantise`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .parameters import Parameters


@dataclass(frozen=True)
class Layer:
    """What a layer is in a step: bias + scale · (input @ weight.T), and the units of its gradients."""

    weight: Tensor  # (out, in)
    bias: Tensor  # (out,)
    scale: float
    per_weight: float  # times Σ slope · input: the gradient by a parameter
    per_bias: float  # times Σ slope
    per_input: float  # times slope @ weight


class Network(Protocol):
    """Layers and sines."""

    def layers(self) -> list[Layer]:
        """As the parameters have them now."""

    def sine(self, phase: Tensor) -> tuple[Tensor, Tensor]:
        """Phases (n, out) → activations (n, out), and what `slope` takes."""

    def slope(self, kept: Tensor, out: Tensor) -> Tensor:
        """What `sine` kept → derivatives of the activations (n, out), times what is in `out`."""


@dataclass(frozen=True)
class Tape:
    """What the way back takes: the input of every layer, and what its sines kept."""

    inputs: list[Tensor]
    kept: list[Tensor]


def forward(network: Network, layers: Sequence[Layer], x: Tensor, tape: Tape | None = None) -> Tensor:
    """Coordinates (n, 2) → samples (n, C) around [−1, 1]."""
    for k, layer in enumerate(layers):
        z = _from_coordinates(layer, x) if k == 0 else torch.addmm(layer.bias, x, layer.weight.t(), alpha=layer.scale)
        if tape:
            tape.inputs.append(x)
        if k == len(layers) - 1:
            return z
        x, kept = network.sine(z)
        if tape:
            tape.kept.append(kept)
    return x


def _from_coordinates(layer: Layer, x: Tensor) -> Tensor:
    """The first layer; on a GPU not as a product of matrices, as coordinates have more bits than its fast ones keep."""
    if not x.is_cuda:
        return torch.addmm(layer.bias, x, layer.weight.t(), alpha=layer.scale)
    columns = (layer.weight * layer.scale).t()  # (2, out)
    return torch.addcmul(layer.bias, x[:, :1], columns[0]).addcmul_(x[:, 1:], columns[1])


def backward(network: Network, layers: Sequence[Layer], tape: Tape, slope: Tensor, into: Parameters) -> None:
    """Add the gradients by the parameters to what is there; `slope` (n, C) is that by the samples."""
    for k in reversed(range(len(layers))):
        layer = layers[k]
        into.weights[k].addmm_(slope.t(), tape.inputs.pop(), alpha=layer.per_weight)
        into.biases[k].add_(slope.sum(0), alpha=layer.per_bias)
        if k > 0:
            by_input = torch.addmm(slope[:1, :1], slope, layer.weight, beta=0, alpha=layer.per_input)
            slope = network.slope(tape.kept.pop(), by_input)
