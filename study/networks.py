"""Networks the format does not have, beside its SIREN: Fourier features, Feathermap, and a pair for wavelet bands.

Fourier features: Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional
Domains", NeurIPS 2020. Feathermap: Eban et al., "Structured Multi-Hashing for Model Compression", CVPR 2020.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from inr_core.fit.siren.network import Siren
from inr_core.models import SirenShape
from inr_core.siren.plan import Shape

from .tensors import HALF_BITS

OMEGA_FIRST, OMEGA_HIDDEN = 50.0, 30.0  # the study's
BITS, FIRST_LAYER_BITS = 8, 12  # of weights; a SIREN's first layer has more, as in the format
FEATURES, SIGMA = 256, 16.0  # of the Fourier features, as in the study


class Network(Protocol):
    """A network as a function of its stored tensors."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of the tensors that are trained and stored."""

    @property
    def bits(self) -> tuple[int, ...]:
        """Of each tensor: integers of so many, or float16."""

    def start(self, seed: int) -> list[Tensor]:
        """Fresh tensors, on the CPU."""

    def forward(self, tensors: Sequence[Tensor], x: Tensor) -> Tensor:
        """Coordinates (n, 2) in [−1, 1] → (n, C) around [−1, 1]."""


def parameters(network: Network) -> int:
    """How many numbers it stores."""
    return sum(math.prod(shape) for shape in network.shapes)


@dataclass(frozen=True)
class PlainSiren:
    """A dense SIREN: weight and bias of each layer in turn."""

    width: int
    layers: int
    channels: int = 3

    @property
    def _matrices(self) -> tuple[Shape, ...]:
        return SirenShape(self.width, self.layers).linear(self.channels)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Weights (out, in) and biases (out,)."""
        return tuple(shape for out, into in self._matrices for shape in ((out, into), (out,)))

    @property
    def bits(self) -> tuple[int, ...]:
        """Integers for weights, float16 for biases."""
        return (FIRST_LAYER_BITS, HALF_BITS, *(BITS, HALF_BITS) * (self.layers - 1))

    def start(self, seed: int) -> list[Tensor]:
        """The format's own start."""
        siren = Siren(self._matrices, OMEGA_FIRST, OMEGA_HIDDEN, seed, torch.device("cpu"))
        return [t.clone() for pair in zip(siren.weights, siren.biases, strict=True) for t in pair]

    def forward(self, tensors: Sequence[Tensor], x: Tensor) -> Tensor:
        """Sines of ω (W a + b), the last layer linear."""
        return _sines(tensors[::2], tensors[1::2], x)


def _sines(weights: Sequence[Tensor], biases: Sequence[Tensor], x: Tensor) -> Tensor:
    for k, (weight, bias) in enumerate(zip(weights[:-1], biases[:-1], strict=True)):
        omega = OMEGA_HIDDEN if k else OMEGA_FIRST
        x = torch.sin(torch.nn.functional.linear(x, omega * weight, omega * bias))
    return torch.nn.functional.linear(x, weights[-1], biases[-1])


@dataclass(frozen=True)
class FourierNetwork:
    """Sines and cosines of random frequencies, then ReLU layers. The frequencies are made of `features_seed`."""

    width: int
    layers: int
    features: int = FEATURES
    features_seed: int = 0

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Weights (out, in) and biases (out,)."""
        sizes = [2 * self.features, *[self.width] * (self.layers - 1), 3]
        return tuple(shape for k in range(self.layers) for shape in ((sizes[k + 1], sizes[k]), (sizes[k + 1],)))

    @property
    def bits(self) -> tuple[int, ...]:
        """Integers for weights, float16 for biases."""
        return (BITS, HALF_BITS) * self.layers

    def start(self, seed: int) -> list[Tensor]:
        """He's uniform start for ReLU (2015), biases zero."""
        generator = torch.Generator().manual_seed(seed)
        tensors = []
        for out, into in self.shapes[::2]:
            bound = math.sqrt(6 / into)
            tensors += [(torch.rand((out, into), generator=generator) * 2 - 1) * bound, torch.zeros(out)]
        return tensors

    def forward(self, tensors: Sequence[Tensor], x: Tensor) -> Tensor:
        """Features of coordinates in [0, 1], as in the paper; ReLU, the last layer linear."""
        frequencies = np.random.default_rng(self.features_seed).normal(0, SIGMA, (2, self.features))
        turns = torch.tensor(2 * math.pi * frequencies, dtype=torch.float32, device=x.device)
        phases = (x + 1) / 2 @ turns
        x = torch.cat([phases.cos(), phases.sin()], 1)
        for k in range(self.layers - 1):
            x = torch.relu(torch.nn.functional.linear(x, tensors[2 * k], tensors[2 * k + 1]))
        return torch.nn.functional.linear(x, tensors[-2], tensors[-1])


@dataclass(frozen=True)
class Feathermap:
    """A SIREN whose weights are read, row after row, from one matrix of low rank: A (n, r) times B (r, n).

    n² is the least square that holds all weights. Each layer's have the deviation of a fresh SIREN's times a learned
    factor: one that is near 1, as the rate that suits the rest would throw a small number about.
    """

    width: int
    layers: int
    rank: int

    @classmethod
    def of_size(cls, width: int, layers: int, numbers: int) -> Feathermap:
        """The largest rank that stores at most `numbers` in A and B, at least 1."""
        side = math.isqrt(SirenShape(width, layers).macs(3) - 1) + 1
        return cls(width, layers, max(1, numbers // (2 * side)))

    @property
    def _matrices(self) -> tuple[Shape, ...]:
        return SirenShape(self.width, self.layers).linear(3)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """A, B, the layers' factors, and their biases."""
        side = math.isqrt(SirenShape(self.width, self.layers).macs(3) - 1) + 1
        return ((side, self.rank), (self.rank, side), (self.layers,), *[(out,) for out, _ in self._matrices])

    @property
    def bits(self) -> tuple[int, ...]:
        """Integers for A and B, float16 for the rest."""
        return (BITS, BITS, HALF_BITS, *[HALF_BITS] * self.layers)

    def start(self, seed: int) -> list[Tensor]:
        """Products of variance 1, factors of 1, a SIREN's biases."""
        siren = Siren(self._matrices, OMEGA_FIRST, OMEGA_HIDDEN, seed, torch.device("cpu"))
        generator = torch.Generator().manual_seed(seed)
        bound = math.sqrt(3) * self.rank**-0.25
        left, right = ((torch.rand(s, generator=generator) * 2 - 1) * bound for s in self.shapes[:2])
        return [left, right, torch.ones(self.layers), *(bias.clone() for bias in siren.biases)]

    def _deviation(self, k: int) -> float:
        into = self._matrices[k][1]
        return (math.sqrt(6 / into) / OMEGA_HIDDEN if k else 1 / into) / math.sqrt(3)

    def forward(self, tensors: Sequence[Tensor], x: Tensor) -> Tensor:
        """The SIREN of these weights."""
        left, right, factors, *biases = tensors
        hashed = (left @ right).flatten()
        sizes = [out * into for out, into in self._matrices]
        parts = torch.split(hashed[: sum(sizes)], sizes)
        weights = [
            p.view(s) * (factors[k] * self._deviation(k))
            for k, (p, s) in enumerate(zip(parts, self._matrices, strict=True))
        ]
        return _sines(weights, biases, x)


@dataclass(frozen=True)
class BandPair:
    """Two equal SIRENs side by side: one gives the low band of Y with Cb and Cr, one Y's three high bands."""

    width: int
    layers: int

    @classmethod
    def within(cls, layers: int, weights: int) -> BandPair:
        """The widest pair that has at most so many weights."""
        width = 1
        while 2 * SirenShape(width + 1, layers).macs(3) <= weights:
            width += 1
        return cls(width, layers)

    @property
    def _one(self) -> PlainSiren:
        return PlainSiren(self.width, self.layers)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Those of the low network, then those of the high one."""
        return self._one.shapes * 2

    @property
    def bits(self) -> tuple[int, ...]:
        """As `shapes`."""
        return self._one.bits * 2

    def start(self, seed: int) -> list[Tensor]:
        """Different starts."""
        return [*self._one.start(2 * seed), *self._one.start(2 * seed + 1)]

    def forward(self, tensors: Sequence[Tensor], x: Tensor) -> Tensor:
        """(n, 6): Y low, Cb, Cr, Y horizontal, vertical, diagonal."""
        half = len(tensors) // 2
        return torch.cat([self._one.forward(part, x) for part in (tensors[:half], tensors[half:])], 1)
