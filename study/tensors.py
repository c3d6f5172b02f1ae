"""The parameters of networks that the format does not have ↔ bytes: one scale a tensor, integers, entropy coding.

A matrix is stored as integers of `bits` bits times its largest value over the largest integer, by whichever is
smallest of packed bits, Zstandard and the project's range coder; a vector (biases, scales) as float16.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inr_core.container import zstd
from inr_core.container.fields import FieldReader, pack_bits, with_length
from inr_core.entropy import densities
from inr_core.entropy import rans as rc

RAW, ZSTD, RANGE = 0, 1, 2
HALF_BITS = 16  # bits of a tensor that is stored as float16
MAX_LANES_EXPONENT = rc.MAX_LANES.bit_length() - 1
STEP = struct.Struct("<f")

Floats = NDArray[np.float32]


def limit_of(bits: int) -> int:
    """The largest integer of a tensor: it holds −limit … limit."""
    return (1 << bits - 1) - 1


def pack(tensors: Sequence[Floats], bits: Sequence[int]) -> bytes:
    """All tensors in order; `bits` 2 … 12 of each, or HALF_BITS."""
    return b"".join(_pack(tensor.reshape(-1), b) for tensor, b in zip(tensors, bits, strict=True))


def unpack(reader: FieldReader, shapes: Sequence[tuple[int, ...]], bits: Sequence[int]) -> list[Floats]:
    """The tensors that `pack` wrote, of these shapes; FormatError for bytes it cannot have written."""
    return [
        _unpack(reader, f"tensor {k}", math.prod(shape), b).reshape(shape)
        for k, (shape, b) in enumerate(zip(shapes, bits, strict=True))
    ]


def _pack(values: Floats, bits: int) -> bytes:
    if bits == HALF_BITS:
        return values.astype("<f2").tobytes()
    limit = limit_of(bits)
    step = np.float32(max(float(np.abs(values).max()), 1e-30) / limit)
    codes = (np.clip(np.rint(values / step), -limit, limit) + limit).astype(np.intp)
    wide = codes.astype("<u2" if bits > 8 else "u1").tobytes()
    choices = [
        bytes([RAW]) + pack_bits(codes, bits),
        bytes([ZSTD]) + with_length(zstd.squeeze(wide)),
        bytes([RANGE]) + pack_range(codes, 2 * limit + 1),
    ]
    return STEP.pack(float(step)) + min(choices, key=len)


def _unpack(reader: FieldReader, what: str, count: int, bits: int) -> Floats:
    if bits == HALF_BITS:
        return np.frombuffer(reader.take(2 * count, what), "<f2").astype(np.float32)
    limit = limit_of(bits)
    (step,) = STEP.unpack(reader.take(STEP.size, f"{what} step"))
    coder = reader.byte(f"{what} coder", RAW, RANGE)
    codes: NDArray[np.integer[Any]]
    if coder == RAW:
        codes = reader.bits(count, bits, what)
    elif coder == ZSTD:
        dtype = np.dtype("<u2" if bits > 8 else "u1")
        codes = np.frombuffer(reader.squeezed(count * dtype.itemsize, what), dtype)
    else:
        codes = unpack_range(reader, count, 2 * limit + 1, what)
    return (codes.astype(np.float32) - np.float32(limit)) * np.float32(step)


def pack_range(symbols: NDArray[np.integer[Any]], size: int) -> bytes:
    """Symbols (N,), each 0 … size − 1 ≤ 4095, by the project's range coder: density, lanes and payload."""
    nodes = densities.fit_density(symbols, size)
    table = densities.density_frequencies(nodes, size)
    freqs = table[symbols]
    lanes = rc.choose_lanes(densities.code_length(freqs) / 8, len(freqs))
    payload = rc.encode((np.cumsum(table) - table)[symbols], freqs, lanes)
    return with_length(nodes) + bytes([lanes.bit_length() - 1]) + with_length(payload)


def unpack_range(reader: FieldReader, count: int, size: int, what: str) -> NDArray[np.uint16]:
    """The symbols (count,) that `pack_range` wrote."""
    nodes = reader.take(reader.number(f"{what} nodes", 0, size), f"{what} nodes")
    lanes = 1 << reader.byte(f"{what} lanes", 0, MAX_LANES_EXPONENT)
    length = reader.number(f"{what} length", 0, len(reader.data))
    decoder = rc.Decoder(reader.take(length, what), lanes, count)
    return decoder.decode([densities.density_frequencies(nodes, size)], np.zeros(count, np.uint8))
