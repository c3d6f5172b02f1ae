"""The fields a network's bytes are made of: numbers of seven bits a byte, and strings of equally wide values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from . import zstd


def pack_number(value: int) -> bytes:
    """Seven bits a byte, the low ones first; every byte but the last has its high bit set."""
    parts = []
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def with_length(data: bytes) -> bytes:
    """Bytes behind their number."""
    return pack_number(len(data)) + data


def pack_bits(values: NDArray[np.integer[Any]], bits: int) -> bytes:
    """Values (N,) of `bits` bits each, high bit first, padded with zero bits to a byte."""
    flags = np.empty((len(values), bits), np.uint8)
    for column in range(bits):
        flags[:, column] = values >> (bits - 1 - column) & 1
    return np.packbits(flags).tobytes()


def unpack_bits(data: bytes, count: int, bits: int, what: str) -> NDArray[np.int32]:
    """`count` values of `bits` ≤ 24 bits each out of all of `data` → (count,). FormatError: padding is not zero."""
    flags = np.unpackbits(np.frombuffer(data, np.uint8))
    if flags[count * bits :].any():
        raise FormatError(f"{what}: expected zero bits after {count} values of {bits} bits, got others")
    columns = flags[: count * bits].reshape(count, bits)
    values = np.zeros(count, np.int32)
    for column in range(bits):
        values <<= 1
        values |= columns[:, column]
    return values


def expect(what: str, value: int, low: int, high: int) -> int:
    """The value, or FormatError if it is not in low … high."""
    if not low <= value <= high:
        raise FormatError(f"{what}: expected {low} to {high}, got {value}")
    return value


class FieldReader:
    """Takes fields off the front of bytes; whatever is missing or out of range is a FormatError that says where."""

    def __init__(self, data: bytes) -> None:
        self.data, self.offset = data, 0

    def take(self, n: int, what: str) -> bytes:
        """The next n bytes."""
        field = self.data[self.offset : self.offset + n]
        if len(field) < n:
            raise FormatError(f"{what}: expected {n} bytes, got {len(field)}")
        self.offset += n
        return field

    def since(self, start: int) -> bytes:
        """The bytes taken from offset `start` on."""
        return self.data[start : self.offset]

    def rest(self) -> bytes:
        """Everything not yet taken."""
        return self.take(len(self.data) - self.offset, "rest")

    def byte(self, what: str, low: int, high: int) -> int:
        """A number of one byte."""
        return expect(what, self.take(1, what)[0], low, high)

    def number(self, what: str, low: int, high: int) -> int:
        """A number as `pack_number` writes it, of at most five bytes."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.take(1, what)[0]
            value |= (byte & 0x7F) << shift
            if byte == 0 < shift:
                raise FormatError(f"{what}: expected a number that does not end in a byte of 0, got one that does")
            if byte < 0x80:
                return expect(what, value, low, high)
        raise FormatError(f"{what}: expected a number of at most 5 bytes, got a longer one")

    def bits(self, count: int, bits: int, what: str) -> NDArray[np.int32]:
        """Values as `pack_bits` writes them."""
        return unpack_bits(self.take((count * bits + 7) // 8, what), count, bits, what)

    def squeezed(self, length: int, what: str) -> bytes:
        """`length` bytes, stored as a Zstandard frame behind its own length."""
        frame = self.take(self.number(f"{what} length", 0, len(self.data)), what)
        expanded = zstd.expand(frame, length, what)
        if len(expanded) != length:
            raise FormatError(f"{what}: expected {length} bytes, got {len(expanded)}")
        return expanded
