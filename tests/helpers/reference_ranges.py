"""`RANG` of FORMAT.md in plain Python integers: what a sample of 16 bits stands for."""

from __future__ import annotations


def value_of(sample: int, lowest: int, lower: int, low: int, high: int, higher: int, highest: int) -> int:
    """The value of a sample 0 … 65535, by the six numbers of its channel."""
    if lowest == low and high == highest:
        rows = [(0, 65535, low, high)]
    else:
        a = 0 if lowest == low else 49152 if high == highest else 24576
        rows = [
            (0, a - 16385, lowest, lower),
            (a - 16384, a - 8193, lower, lower),
            (a - 8192, a - 1, low, low),
            (a, a + 16383, low, high),
            (a + 16384, a + 24575, high, high),
            (a + 24576, a + 32767, higher, higher),
            (a + 32768, 65535, higher, highest),
        ]
    s0, s1, v0, v1 = next(row for row in rows if row[0] <= sample <= row[1])
    return v0 + (2 * (sample - s0) * (v1 - v0) + s1 - s0) // (2 * (s1 - s0))
