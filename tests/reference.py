"""The decoder once more, from the format's description alone: Python integers, one pixel at a time, no NumPy."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

from inr_core.header import Header
from inr_core.weights import CODEBOOK, UNIFORM, QuantizedLayer

SINE = [round(511 * math.sin(2 * math.pi * (i + 0.5) / 4096)) for i in range(4096)]


def coordinate(position: Fraction, side: int, longest: int) -> int:
    """A position in pixels from the edge → units of 2^−24, half up."""
    return math.floor((2 * position - side) / longest * 2**24 + Fraction(1, 2))


def weights(layer: QuantizedLayer) -> list[list[int]]:
    """The integers of a layer, row by row."""
    mask: list[list[bool]] = layer.mask.tolist()
    codes = iter(layer.codes.tolist())
    dense = all(all(row) for row in mask)
    return [[_value(layer, next(codes), dense) if present else 0 for present in row] for row in mask]


def _value(layer: QuantizedLayer, code: int, dense: bool) -> int:
    if layer.kind == UNIFORM:
        top: int = 2 ** (layer.bits - 1) - 1
        values: list[int] = [v for v in range(-top, top + 1) if v or dense]
        return values[code]
    if layer.kind == CODEBOOK:
        assert layer.codebook is not None
        return int(layer.codebook[code])
    half: float = struct.unpack("<e", struct.pack("<H", code))[0]
    return math.trunc(half * 2**14)


def sample(layers: list[QuantizedLayer], header: Header, x: int, y: int) -> list[int]:
    """The channels at a coordinate, 0 … 255 or 65535."""
    first, *hidden, last = layers
    phases = [
        (row[0] * first.multiplier * x >> 8) + (row[1] * first.multiplier * y >> 8) + (bias << 32 - first.bias_bits)
        for row, bias in zip(weights(first), first.bias_codes.tolist(), strict=True)
    ]
    for layer in hidden:
        biases = [code << 32 - layer.bias_bits for code in layer.bias_codes.tolist()]
        phases = [acc * layer.multiplier + bias for acc, bias in zip(_product(layer, phases), biases, strict=True)]
    scale, peak = (257, 65_535) if header.bit_depth == 16 else (1, 255)
    biases = [(code * scale << 18) + 2**23 for code in last.bias_codes.tolist()]
    totals = [acc * last.multiplier + bias for acc, bias in zip(_product(last, phases), biases, strict=True)]
    return [min(max(total >> 24, 0), peak) for total in totals]


def _product(layer: QuantizedLayer, phases: list[int]) -> list[int]:
    activations = [SINE[phase % 2**32 >> 20] for phase in phases]
    return [sum(w * a for w, a in zip(row, activations, strict=True)) for row in weights(layer)]


def pixel(layers: list[QuantizedLayer], header: Header, column: int, row: int) -> list[int]:
    """The samples at a pixel's centre."""
    longest = max(header.width, header.height)
    x = coordinate(column + Fraction(1, 2), header.width, longest)
    y = coordinate(row + Fraction(1, 2), header.height, longest)
    return sample(layers, header, x, y)
