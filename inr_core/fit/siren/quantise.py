"""Float weights → the format's integers, and training through the format's arithmetic.

Straight-through estimators: Bengio et al., "Estimating or Propagating Gradients Through Stochastic Neurons", 2013.
Post-training quantisers (range, distribution, k-means, float16) are here for comparison; see `QUANTIZATIONS`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...kernels import sine as fx
from ...siren.weights import (
    CODEBOOK,
    HALF,
    HALF_ONE,
    MAX_CODEBOOK_VALUE,
    OUTPUT_BIAS_BITS,
    UNIFORM,
    QuantisedLayer,
    half_codes,
    uniform_codes,
)
from . import layer_pass
from .layer_pass import Layer
from .network import Siren

MAX_MULTIPLIER = 2**32 - 1
OUTPUT_BIAS_LIMIT = 2 ** (OUTPUT_BIAS_BITS - 1) - 1
CELLS = 2**fx.PHASE_BITS / (2 * math.pi)  # of the sine's table, in a radian
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
    weight = siren.weights[k][mask]
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
    one = torch.ones_like(q)
    q = torch.where(q == 0, torch.where(weight < 0, -one, one), q)
    return q * mask


class _Tables:
    """Sine and cosine by phase, of the middles of the format's cells: looked up faster than torch computes a sine."""

    def __init__(self, device: torch.device) -> None:
        middles = (torch.arange(2**fx.PHASE_BITS, dtype=torch.float64, device="cpu") + 0.5) / CELLS
        self.sine = torch.from_numpy(fx.SINE_TABLE).float().to(device)  # ±ACT_MAX
        self.cosine = torch.cos(middles).float().to(device)


def table_index(phase: Tensor) -> Tensor:
    """Which cell each phase (…) falls into, in cells and wrapping → (n,) int32."""
    return phase.floor().to(torch.int32).bitwise_and_(2**fx.PHASE_BITS - 1).flatten()


class QuantisedForward:
    """A Siren through the format's arithmetic, as `layer_pass` takes it: what is trained is what is decoded.

    Gradients go straight through every rounding; the sine's is the cosine of its cell's middle, where the decoder has
    it. Weights and activations are multiplied as the integers they are, and scaled within the product: exact in
    float32, and in the TF32 of a GPU, as far as integers of 11 bits go.

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
        last = len(siren.omegas)
        self.units = [  # what a weight of 1 adds for each unit of its input: cells of phase, or samples
            self.scales[k].step * (CELLS * siren.omegas[k] if k < last else 1.0) / (fx.ACT_MAX if k else 1)
            for k in range(last + 1)
        ]
        self.tables = _Tables(siren.weights[0].device)

    def layers(self) -> list[Layer]:
        """As `layer_pass` takes them: weights in quantisation steps, phases in cells of the table."""
        last = len(self.siren.omegas)
        return [
            Layer(
                self.integers(k),
                self.bias_term(k),
                scale=unit,
                per_weight=unit / self.scales[k].step,
                per_bias=CELLS * self.siren.omegas[k] if k < last else 1.0,
                per_input=unit * fx.ACT_MAX / CELLS,
            )
            for k, unit in enumerate(self.units)
        ]

    def sine(self, phase: Tensor) -> tuple[Tensor, Tensor]:
        """Activations of phases (n, out), and their cells."""
        index = table_index(phase)
        return self.tables.sine.index_select(0, index).view(phase.shape), index

    def slope(self, kept: Tensor, out: Tensor) -> Tensor:
        """Derivatives of the sines in those cells, times what is in `out`."""
        return out.mul_(self.tables.cosine.index_select(0, kept).view(out.shape))

    def forward(self, x: Tensor) -> Tensor:
        """Coordinates (n, 2) → samples (n, C) around [−1, 1]."""
        return layer_pass.forward(self, self.layers(), x)

    def integers(self, k: int) -> Tensor:
        """The weights of layer k as they are stored, (out, in)."""
        return integer_weight(self.siren.weights[k], self.masks[k], self.scales[k])

    def bias_term(self, k: int) -> Tensor:
        """The rounded biases of layer k, in cells of phase; of the last layer, in samples."""
        cells = self._bias_cells(k)
        unit = 1 / cells if k == len(self.siren.omegas) else 2.0 ** (fx.PHASE_BITS - self.bias_bits)
        return torch.mul(self.siren.biases[k], cells).round_().mul_(unit)

    def _bias_cells(self, k: int) -> float:
        """Quantisation cells per unit of bias."""
        if k == len(self.siren.omegas):
            return 255 / 2 * (1 << fx.OUTPUT_BIAS_FRACTION)
        return float(1 << self.bias_bits) * self.siren.omegas[k] / (2 * math.pi)

    def stored(self) -> list[QuantisedLayer]:
        """The network as it is in the file."""
        return [self._layer(k) for k in range(len(self.siren.weights))]

    def _layer(self, k: int) -> QuantisedLayer:
        """Layer k as it is stored, with uniform weights."""
        scale, mask = self.scales[k], self.masks[k]
        values = self.integers(k).to(torch.int32).cpu().numpy()
        stored = np.ones(values.shape, np.bool_) if mask is None else values != 0
        codes = uniform_codes(values[stored], self.bits[k], dense=bool(stored.all()))
        return QuantisedLayer(
            stored, codes, UNIFORM, self.bits[k], scale.multiplier, self._bias_codes(k), self.bias_bits
        )

    def _bias_codes(self, k: int) -> NDArray[np.int32]:
        """Biases (out,) of layer k: of hidden ones in 2^−bias_bits of a turn, of the last in the format's units."""
        bias = self.siren.biases[k].cpu().double().numpy()
        if k == len(self.siren.omegas):
            codes = np.rint((bias + 1) * self._bias_cells(k))
            return np.clip(codes, -OUTPUT_BIAS_LIMIT, OUTPUT_BIAS_LIMIT).astype(np.int32)
        return (np.rint(bias * self._bias_cells(k)).astype(np.int64) % (1 << self.bias_bits)).astype(np.int32)


def post_training(
    siren: Siren, masks: Sequence[Tensor | None], bits: Sequence[int], bias_bits: int, peak: int, method: str
) -> list[QuantisedLayer]:
    """Quantise a trained float network without further training, by one of the methods kept for comparison.

    As in the study, k-means leaves the first and the last layer alone: they are stored as float16.
    """
    uniform = QuantisedForward(siren, masks, bits, bias_bits, peak, method)
    layers = uniform.stored()
    last = len(layers) - 1
    for k in range(len(layers)):
        if method == "float16" or (method == "kmeans" and k in (0, last)):
            layers[k] = _half_layer(uniform, k)
        elif method == "kmeans":
            layers[k] = _codebook_layer(uniform, k)
    return layers


def _half_layer(uniform: QuantisedForward, k: int) -> QuantisedLayer:
    """Layer k with weights of binary16."""
    weight, mask, multiplier = _scaled(uniform, k, 2**HALF_ONE)
    codes = half_codes(weight[mask])
    return QuantisedLayer(mask, codes, HALF, 16, multiplier, uniform._bias_codes(k), uniform.bias_bits)


def _codebook_layer(uniform: QuantisedForward, k: int) -> QuantisedLayer:
    """Layer k with the centres of its weights, as many as its bits can name."""
    weight, mask, multiplier = _scaled(uniform, k, MAX_CODEBOOK_VALUE)
    values = weight[mask]
    centres = kmeans(values, 2 ** uniform.bits[k])
    codes = nearest(values, centres).astype(np.uint16)
    codebook = np.rint(centres * MAX_CODEBOOK_VALUE).astype(np.int32)
    return QuantisedLayer(
        mask, codes, CODEBOOK, uniform.bits[k], multiplier, uniform._bias_codes(k), uniform.bias_bits, codebook
    )


def _scaled(uniform: QuantisedForward, k: int, one: int) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Weights of layer k divided by a step that the multiplier represents exactly, so that they lie in [−1, 1]."""
    weight = uniform.siren.weights[k].cpu().double().numpy()
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
