"""Quantised layers: what the codes of a file stand for, and the integer network they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..kernels import sine as fx
from ..kernels.siren import Layer, Network

UNIFORM, CODEBOOK, HALF = 0, 1, 2  # what a code stands for
KIND_NAMES = ("uniform", "codebook", "float16")
CODE_BITS = {UNIFORM: (2, 16), CODEBOOK: (2, 10), HALF: (16, 16)}  # fewest and most
MAX_CODEBOOK_VALUE = 2**15 - 1
HALF_ONE = 14  # a float16 weight of 1.0, the largest allowed, is the integer 2**14
HALF_SIGN, HALF_TOP = 0x8000, 0x3C00  # bit patterns: of the sign, of 1.0
OUTPUT_BIAS_BITS = 24  # of the output layer's biases, signed


@dataclass(frozen=True)
class QuantisedLayer:
    """One layer as it is stored."""

    mask: NDArray[np.bool_]  # (out, in): where weights are not zero
    codes: NDArray[np.uint16]  # (nonzeros,) in row order: see `values`
    kind: int
    bits: int  # of a code
    multiplier: int  # 1 … 2**32 − 1
    bias_codes: NDArray[np.int32]  # (out,): hidden: 0 … 2**bias_bits − 1 of a turn; output: signed, always 24 bits
    bias_bits: int  # hidden: 1 … 16; output: 24 when read, not looked at when written
    codebook: NDArray[np.int32] | None = None  # (2**bits,) of kind CODEBOOK

    def weights(self) -> NDArray[np.int32]:
        """Integer weights (out, in)."""
        values = np.zeros(self.mask.shape, np.int32)
        values[self.mask] = self.values()
        return values

    def values(self) -> NDArray[np.int32]:
        """Integer weights (nonzeros,) that the codes stand for."""
        codes = self.codes.astype(np.int32)
        if self.kind == UNIFORM:
            return uniform_values(codes, self.bits, dense=bool(self.mask.all()))
        if self.kind == CODEBOOK:
            assert self.codebook is not None
            values: NDArray[np.int32] = self.codebook[codes]
            return values
        return half_values(codes)


def uniform_values(codes: NDArray[np.int32], bits: int, dense: bool) -> NDArray[np.int32]:
    """Codes 0 … of a symmetric uniform quantiser → values ±(2**(bits−1) − 1); a masked layer has no code for zero."""
    values: NDArray[np.int32] = codes - (2 ** (bits - 1) - 1)
    if not dense:
        values += values >= 0
    return values


def uniform_codes(values: NDArray[np.int32], bits: int, dense: bool) -> NDArray[np.uint16]:
    """The inverse of `uniform_values`; a masked layer's values must not be zero."""
    codes: NDArray[np.int32] = values + (2 ** (bits - 1) - 1)
    if not dense:
        codes -= values > 0
    return codes.astype(np.uint16)


def half_values(codes: NDArray[np.int32]) -> NDArray[np.int32]:
    """IEEE binary16 bit patterns in [−1, 1] → integers: the value times 2**14, towards zero."""
    exponent = (codes >> 10) & 31
    significand = (codes & 1023) + np.where(exponent > 0, 1024, 0)
    shift = np.maximum(exponent, 1) - (25 - HALF_ONE)
    magnitude = (significand << np.maximum(shift, 0)) >> np.maximum(-shift, 0)
    values: NDArray[np.int32] = np.where(codes & HALF_SIGN, -magnitude, magnitude).astype(np.int32)
    return values


def half_codes(values: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Values in [−1, 1] → IEEE binary16 bit patterns, rounded to nearest; there is no −0."""
    codes: NDArray[np.uint16] = (values.astype(np.float16) + np.float16(0)).view(np.uint16)  # −0 + 0 is 0
    return codes


def alphabet_size(kind: int, bits: int, dense: bool) -> int:
    """How many codes a layer may have: 0 … this − 1."""
    size = 1 << bits
    if kind == UNIFORM:
        size -= 1 if dense else 2
    return size


def to_network(layers: Sequence[QuantisedLayer], bit_depth: int) -> Network:
    """Integer layers the decoder evaluates; raises FormatError where a row's sum breaks the arithmetic's bound."""
    built = []
    for k, layer in enumerate(layers):
        weight = layer.weights()
        row = fx.largest_row(weight)
        if row > fx.ROW_LIMIT:
            raise FormatError(f"layer {k}: expected rows of Σ|w| up to {fx.ROW_LIMIT}, got {row}")
        if k < len(layers) - 1:
            bias = layer.bias_codes.astype(np.int64) << (32 - layer.bias_bits)
        else:
            scale = 257 if bit_depth == 16 else 1  # 16-bit samples are 257 times their 8-bit value
            unit = scale << (fx.OUTPUT_SHIFT - fx.OUTPUT_BIAS_FRACTION)
            bias = layer.bias_codes.astype(np.int64) * unit + 2 ** (fx.OUTPUT_SHIFT - 1)  # rounds half up
        built.append(Layer(weight, layer.multiplier, bias))
    return Network(tuple(built))
