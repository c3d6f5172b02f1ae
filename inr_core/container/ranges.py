"""The ranges of values that a picture of 16 bits uses, as a file holds them: a sensor's 12 bits in 16, a depth map.

What the models code are samples of the whole scale; `stretch` says which of them stand for which values.
"""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass

from ..errors import FormatError

RANGE = struct.Struct("<6H")  # the fields of Range in order, for each channel
SHARE = 1 / 4  # of the scale, that values take beside outliers


@dataclass(frozen=True)
class Range:
    """Values of a channel, 0 … 65535, in order: nearly all of them are low … high, the others are outliers.

    Those are lowest … lower and higher … highest; without any, lowest and lower are low, higher and highest are high.
    """

    lowest: int
    lower: int
    low: int
    high: int
    higher: int
    highest: int

    @classmethod
    def even(cls, low: int, high: int) -> Range:
        """A range without outliers."""
        return cls(low, low, low, high, high, high)

    @property
    def width(self) -> int:
        """Of the values that nearly all are: what quality is relative to, and the peak of a PSNR."""
        return self.high - self.low

    @property
    def outliers(self) -> tuple[bool, bool]:
        """Whether there are any below, and above."""
        return self.lowest < self.low, self.high < self.highest

    @property
    def share(self) -> float:
        """Of the scale, that low … high are stretched to."""
        return SHARE if any(self.outliers) else 1.0


FULL = Range.even(0, 65_535)


def pack_ranges(ranges: tuple[Range, ...]) -> bytes:
    """The data of their chunk."""
    return b"".join(RANGE.pack(*astuple(each)) for each in ranges)


def parse_ranges(data: bytes, channels: int) -> tuple[Range, ...]:
    """The ranges of their chunk's data, one for each channel; raises FormatError."""
    if len(data) != RANGE.size * channels:
        raise FormatError(f"chunk 'RANG': expected {RANGE.size * channels} bytes, got {len(data)}")
    rows = list(RANGE.iter_unpack(data))
    for row in rows:
        if list(row) != sorted(row):
            raise FormatError(f"chunk 'RANG': expected six values in ascending order, got {row}")
    return tuple(Range(*row) for row in rows)
