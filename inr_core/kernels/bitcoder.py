"""Bits of known probabilities ↔ bytes, one after the other: a carryless binary arithmetic coder."""

from __future__ import annotations

MASK = 0xFFFFFFFF


class BitCoder:
    """Reads from data, or writes if there are none. `at`: how many bytes it has read, zeros after the end included."""

    def __init__(self, data: bytes | None) -> None:
        self._data, self._out = data, bytearray()
        self._low, self._high, self._window, self.at = 0, MASK, 0, 0
        if data is not None:
            for _ in range(4):
                self._window = self._window << 8 | self._next()

    @property
    def writes(self) -> bool:
        """Whether bits are known."""
        return self._data is None

    @property
    def starved(self) -> bool:
        """Whether more has been read than there is, and than zeros that a writer leaves out: the data are none's."""
        return self._data is not None and self.at > len(self._data) + 4

    def code(self, bit: int, p: int) -> int:
        """1 or 0, of which 1 has a probability of p / 65536, 16 … 65520; `bit` where it is known."""
        middle = self._low + ((self._high - self._low) * p >> 16)
        if self._data is not None:
            bit = int(self._window <= middle)
        if bit:
            self._high = middle
        else:
            self._low = middle + 1
        while not (self._low ^ self._high) >> 24:
            if self._data is None:
                self._out.append(self._high >> 24)
            else:
                self._window = (self._window << 8 | self._next()) & MASK
            self._low = self._low << 8 & MASK
            self._high = (self._high << 8 | 255) & MASK
        return bit

    def finish(self) -> bytes:
        """All that was written, and as few bytes as are needed if zeros follow."""
        count = next(n for n in range(5) if self._high >> 32 - 8 * n << 32 - 8 * n >= self._low)
        return bytes(self._out) + self._high.to_bytes(4, "big")[:count]

    def _next(self) -> int:
        assert self._data is not None
        self.at += 1
        return self._data[self.at - 1] if self.at <= len(self._data) else 0
