"""Float weights → the format's integers, and training through the format's arithmetic.

Straight-through estimators: Bengio et al., "Estimating or Propagating Gradients Through Stochastic Neurons", 2013.
Post-training quantisers (range, distribution, k-means, float16) are here for comparison; see `QUANTIZATIONS`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import fixedpoint as fx
from ..weights import (
    CODEBOOK,
    HALF,
    HALF_ONE,
    MAX_CODEBOOK_VALUE,
    OUTPUT_BIAS_BITS,
    UNIFORM,
    QuantizedLayer,
    half_codes,
    uniform_codes,
)
from .siren import Siren

MAX_MULTIPLIER = 2**32 - 1
OUTPUT_BIAS_LIMIT = 2 ** (OUTPUT_BIAS_BITS - 1) - 1
SIGMAS = 3.0  # the distribution-based quantiser clips at three standard deviations


def multiplier_unit(siren: Siren, k: int, peak: int) -> float:
    """The real weight that one integer step times one unit of the multiplier stands for, in layer k."""
    if k == len(siren.weights) - 1:
        return 2 * fx.ACT_MAX / (peak * 2.0**fx.OUTPUT_SHIFT)
    turn = 2 * math.pi / siren.omegas[k]
    return turn / 2.0**16 if k == 0 else turn * fx.ACT_MAX / 2.0**32


@dataclass(frozen=True)
class Scale:
    """The uniform quantiser of one layer: weights are integers in ±limit times `step`."""

    multiplier: int
    step: float
    limit: int


def choose_scale(siren: Siren, k: int, peak: int, mask: Tensor, bits: int, method: str) -> Scale:
    """The quantisation step of layer k: from the largest weight ("range"), three σ ("distribution"), or least error."""
    unit = multiplier_unit(siren, k, peak)
    limit = 2 ** (bits - 1) - 1
    weight = siren.weights[k].detach()[mask]
    largest = float(weight.abs().max())
    if method == "distribution":
        clips = [min(largest, SIGMAS * float(weight.square().mean().sqrt()))]
    elif method == "qat":
        clips = [largest * f for f in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)]
    else:
        clips = [largest]
    scales = []
    for clip in clips:
        multiplier = min(max(1, math.ceil(clip / (limit * unit))), MAX_MULTIPLIER)
        scales.append(Scale(multiplier, multiplier * unit, limit))
    return min(scales, key=lambda s: float((_round(weight, s) * s.step - weight).square().sum()))


def _round(weight: Tensor, scale: Scale) -> Tensor:
    return torch.round(weight / scale.step).clamp_(-scale.limit, scale.limit)


def integer_weight(weight: Tensor, mask: Tensor | None, scale: Scale) -> Tensor:
    """Integer-valued (out, in); a weight in the mask never becomes zero, one outside always is (no mask: dense)."""
    q = _round(weight, scale)
    if mask is None:
        return q
    q = torch.where(q == 0, torch.where(weight < 0, -1.0, 1.0), q)
    return q * mask


class _TableSine(torch.autograd.Function):
    """The format's sine: 12-bit phase, table of 9-bit magnitudes; its gradient is that of the sine."""

    @staticmethod
    def forward(ctx: Any, phase: Tensor) -> Tensor:
        ctx.save_for_backward(phase)
        cells = 2**fx.PHASE_BITS / (2 * math.pi)
        activation = (phase * cells).floor_().add_(0.5).mul_(1 / cells).sin_()
        rounded: Tensor = activation.mul_(fx.ACT_MAX).round_().mul_(1 / fx.ACT_MAX)
        return rounded

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (phase,) = ctx.saved_tensors
        slope: Tensor = torch.cos(phase)
        return slope.mul_(gradient)


def table_sine(phase: Tensor) -> Tensor:
    """The format's sine of phases in radians, differentiable."""
    activation: Tensor = _TableSine.apply(phase)  # type: ignore[no-untyped-call]
    return activation


class QuantizedForward:
    """Evaluates a Siren through the format's arithmetic, differentiably: what is trained is what is decoded.

    Scales are fixed when this is made; `masks[k]` None means a dense layer.
    """

    def __init__(
        self,
        siren: Siren,
        masks: Sequence[Tensor | None],
        bits: Sequence[int],
        bias_bits: int,
        peak: int,
        method: str = "qat",
    ) -> None:
        self.siren, self.masks, self.bits, self.bias_bits, self.peak = siren, list(masks), list(bits), bias_bits, peak
        full = [
            torch.ones_like(w, dtype=torch.bool) if m is None else m for w, m in zip(siren.weights, masks, strict=True)
        ]
        self.scales = [choose_scale(siren, k, peak, mask, bits[k], method) for k, mask in enumerate(full)]

    def __call__(self, x: Tensor) -> Tensor:
        """Coordinates (n, 2) → samples (n, C) around [−1, 1]."""
        siren = self.siren
        for k, omega in enumerate(siren.omegas):
            x = table_sine(torch.nn.functional.linear(x, omega * self._weight(k), omega * self._bias(k)))
        last = len(siren.omegas)
        return torch.nn.functional.linear(x, self._weight(last), self._bias(last))

    def _weight(self, k: int) -> Tensor:
        weight, scale = self.siren.weights[k], self.scales[k]
        with torch.no_grad():
            shift = integer_weight(weight, self.masks[k], scale) * scale.step - weight
        return weight + shift

    def _bias(self, k: int) -> Tensor:
        bias = self.siren.biases[k]
        with torch.no_grad():
            cells = self._bias_cells(k)
            shift = torch.round(bias * cells) / cells - bias
        return bias + shift

    def _bias_cells(self, k: int) -> float:
        """Quantisation cells per unit of bias."""
        if k == len(self.siren.omegas):
            return 255 / 2 * (1 << fx.OUTPUT_BIAS_FRACTION)
        return float(1 << self.bias_bits) * self.siren.omegas[k] / (2 * math.pi)

    def layers(self) -> list[QuantizedLayer]:
        """The network as it is stored."""
        return [self._layer(k) for k in range(len(self.siren.weights))]

    def _layer(self, k: int) -> QuantizedLayer:
        scale, mask = self.scales[k], self.masks[k]
        values = integer_weight(self.siren.weights[k].detach(), mask, scale).to(torch.int32).cpu().numpy()
        stored = np.ones(values.shape, np.bool_) if mask is None else values != 0
        codes = uniform_codes(values[stored], self.bits[k], dense=bool(stored.all()))
        return QuantizedLayer(
            stored, codes, UNIFORM, self.bits[k], scale.multiplier, self._bias_codes(k), self.bias_bits
        )

    def _bias_codes(self, k: int) -> NDArray[np.int32]:
        bias = self.siren.biases[k].detach().cpu().double().numpy()
        if k == len(self.siren.omegas):
            codes = np.rint((bias + 1) * self._bias_cells(k))
            return np.clip(codes, -OUTPUT_BIAS_LIMIT, OUTPUT_BIAS_LIMIT).astype(np.int32)
        return (np.rint(bias * self._bias_cells(k)).astype(np.int64) % (1 << self.bias_bits)).astype(np.int32)


def post_training(
    siren: Siren, masks: Sequence[Tensor | None], bits: Sequence[int], bias_bits: int, peak: int, method: str
) -> list[QuantizedLayer]:
    """Quantise a trained float network without further training, by one of the methods kept for comparison.

    As in the study, k-means leaves the first and the last layer alone: they are stored as float16.
    """
    uniform = QuantizedForward(siren, masks, bits, bias_bits, peak, method)
    layers = uniform.layers()
    last = len(layers) - 1
    for k in range(len(layers)):
        if method == "float16" or (method == "kmeans" and k in (0, last)):
            layers[k] = _half_layer(uniform, k)
        elif method == "kmeans":
            layers[k] = _codebook_layer(uniform, k)
    return layers


def _half_layer(uniform: QuantizedForward, k: int) -> QuantizedLayer:
    weight, mask, multiplier = _scaled(uniform, k, 2**HALF_ONE)
    codes = half_codes(weight[mask])
    return QuantizedLayer(mask, codes, HALF, 16, multiplier, uniform._bias_codes(k), uniform.bias_bits)


def _codebook_layer(uniform: QuantizedForward, k: int) -> QuantizedLayer:
    weight, mask, multiplier = _scaled(uniform, k, MAX_CODEBOOK_VALUE)
    values = weight[mask]
    centres = kmeans(values, 2 ** uniform.bits[k])
    codes = nearest(values, centres).astype(np.uint16)
    codebook = np.rint(centres * MAX_CODEBOOK_VALUE).astype(np.int32)
    return QuantizedLayer(
        mask, codes, CODEBOOK, uniform.bits[k], multiplier, uniform._bias_codes(k), uniform.bias_bits, codebook
    )


def _scaled(uniform: QuantizedForward, k: int, one: int) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Weights of layer k divided by a step that the multiplier represents exactly, so that they lie in [−1, 1]."""
    weight = uniform.siren.weights[k].detach().cpu().double().numpy()
    mask = uniform.masks[k]
    unit = multiplier_unit(uniform.siren, k, uniform.peak)
    rows = np.abs(weight).sum(1).max() * 1.001 / fx.ROW_LIMIT  # half rounding may add to a row
    multiplier = min(max(1, math.ceil(max(np.abs(weight).max() / one, rows) / unit)), MAX_MULTIPLIER)
    stored = np.ones(weight.shape, np.bool_) if mask is None else mask.cpu().numpy()
    return weight / (multiplier * unit * one), stored, multiplier


def kmeans(values: NDArray[np.float64], clusters: int, rounds: int = 25) -> NDArray[np.float64]:
    """Lloyd's algorithm in one dimension from equally spaced centres → (clusters,) sorted centres."""
    centres = np.linspace(values.min(), values.max(), clusters)
    for _ in range(rounds):
        labels = nearest(values, centres)
        counts = np.bincount(labels, minlength=clusters)
        sums = np.bincount(labels, weights=values, minlength=clusters)
        centres = np.sort(np.where(counts > 0, sums / np.maximum(counts, 1), centres))
    return centres


def nearest(values: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index of the nearest of sorted centres for each value."""
    return np.searchsorted((centres[1:] + centres[:-1]) / 2, values)
