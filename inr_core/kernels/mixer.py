"""A logistic network that learns from every bit it codes, and the counters that are its inputs. Integers only.

Method: M. V. Mahoney, "Adaptive weighing of context models for lossless data compression", 2005.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .bitcoder import BitCoder

LOGIT_MAX = 2047  # logits are natural ones times 256
BIAS = 256
WEIGHT_MAX = (1 << 19) - 1  # 8, in 2^-16
FIRST_WEIGHT, FIRST_SECOND = 14_418, 21_845  # 0.22, and a third
UNKNOWN = 0x80000000  # a counter: 22 bits of probability, 10 of how much it has seen
MASK = 0xFFFFFFFF


class Tables(NamedTuple):
    """What the arithmetic needs of the logistic function."""

    squash: NDArray[np.uint16]  # (4095,) probability of 1 in 2^-16, of logits −2047 … 2047
    stretch: NDArray[np.int16]  # (4096,) logit of a counter's highest 12 bits
    rates: NDArray[np.uint32]  # (1024,) by how much of its error a counter moves, in 2^-16


@cache
def tables() -> Tables:
    """No value is nearer than 9·10⁻⁵ to a half before it is rounded: every machine has the same."""
    logits = np.arange(-LOGIT_MAX, LOGIT_MAX + 1) / 256
    squash = np.clip(np.rint(65536 / (1 + np.exp(-logits))), 16, 65520)
    p = (np.arange(4096) + 0.5) / 4096
    stretch = np.clip(np.rint(256 * np.log(p / (1 - p))), -LOGIT_MAX, LOGIT_MAX)
    rates = 131_072 // (2 * np.arange(1024) + 3)
    return Tables(squash.astype(np.uint16), stretch.astype(np.int16), rates.astype(np.uint32))


def hashed(a: int, b: int) -> int:
    """32 bits of two times 32."""
    h = (a * 0x2C1B3C6D ^ b * 0x297A2D39) & MASK
    h = (h ^ h >> 15) * 0x85EBCA6B & MASK
    return h ^ h >> 13


def folded(pixel: int) -> int:
    """32 bits of a pixel's 64."""
    return (pixel ^ pixel >> 29) & MASK


class Counters:
    """Probabilities of 1, by a context's hash."""

    def __init__(self, bits: int, each: int = 1) -> None:
        self._shift, self._each = 32 - bits, each
        self._counters: dict[int, int] = {}

    def place(self, context: int) -> int:
        """Where the first counter of a context is."""
        return (context >> self._shift) * self._each

    def get(self, place: int) -> int:
        """The counter there."""
        return self._counters.get(place, UNKNOWN)

    def count(self, place: int, bit: int, limit: int) -> None:
        """It has seen a bit more."""
        counter = self.get(place)
        p, n = counter >> 10, counter & 1023
        p += ((0x3FFFFF if bit else 0) - p) * int(tables().rates[n]) >> 16
        self._counters[place] = p << 10 | min(n + 1, limit)


class Mixer:
    """Three rows of weights, chosen of many, for the logits of up to seven counters and a bias; and shares of them."""

    def __init__(self, coder: BitCoder) -> None:
        self._coder = coder
        self._squash, self._stretch = tables().squash.tolist(), tables().stretch.tolist()
        self._weights: dict[int, list[int]] = {}
        self._second: dict[int, list[int]] = {}

    def code(self, bit: int, counters: list[int], rows: tuple[int, int, int], second: int) -> int:
        """Code a bit, given what counters say, and learn from it."""
        inputs, chosen, logits, shares = self._asked(counters, rows, second)
        p = self._mixed(logits, shares)
        bit = self._coder.code(bit, p)
        for weights, own in zip(chosen, logits, strict=True):
            error = ((bit << 16) - self._squash[own + LOGIT_MAX]) * 5
            weights[:] = [_moved(w, x * error) for w, x in zip(weights, inputs, strict=True)]
        error = ((bit << 16) - p) * 3 >> 4
        shares[:] = [_moved(v, x * error) for v, x in zip(shares, logits, strict=True)]
        return bit

    def chance(self, counters: list[int], rows: tuple[int, int, int], second: int) -> int:
        """The probability of 1, in 2^-16, that `code` would code with."""
        _, _, logits, shares = self._asked(counters, rows, second)
        return self._mixed(logits, shares)

    def _asked(
        self, counters: list[int], rows: tuple[int, int, int], second: int
    ) -> tuple[list[int], list[list[int]], list[int], list[int]]:
        """Inputs, the rows of weights, what each of them says, and their shares."""
        inputs = [self._stretch[counter >> 20] if counter & 1023 else 0 for counter in counters]
        inputs += [0] * (7 - len(inputs)) + [BIAS]
        chosen = [self._weights.setdefault(row, [FIRST_WEIGHT] * 8) for row in rows]
        logits = [_logit(sum(w * x >> 8 for w, x in zip(weights, inputs, strict=True)) >> 8) for weights in chosen]
        return inputs, chosen, logits, self._second.setdefault(second, [FIRST_SECOND] * 3)

    def _mixed(self, logits: list[int], shares: list[int]) -> int:
        logit = _logit(sum(v * x >> 8 for v, x in zip(shares, logits, strict=True)) >> 8)
        p: int = self._squash[logit + LOGIT_MAX]
        return p


def _logit(value: int) -> int:
    return max(-LOGIT_MAX, min(LOGIT_MAX, value))


def _moved(weight: int, by: int) -> int:
    return max(-WEIGHT_MAX, min(WEIGHT_MAX, weight + (by + 0x8000 >> 16)))
