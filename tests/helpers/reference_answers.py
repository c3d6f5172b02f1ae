"""The mixing coder of FORMAT.md in plain Python: answers, and the counters and networks that learn from them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from reference_coding import require

Counter = list[int]  # c, k
STRETCH = [min(max(round(256 * math.log((i + 0.5) / (4095.5 - i))), -2047), 2047) for i in range(4096)]
SQUASH = [min(max(round(65536 / (1 + math.exp(-d / 256))), 16), 65520) for d in range(-2047, 2048)]
OFTEN, SELDOM = 1000, 250  # limits of counters


def clip(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


class Answers:
    """The digits of a body."""

    def __init__(self, body: bytes) -> None:
        self.low, self.high, self.at = 0, 2**32 - 1, 4
        self.body = body + bytes(4)
        self.window, self.bytes = int.from_bytes(self.body[:4], "big"), len(body)

    def next(self, p: int) -> int:
        middle = self.low + ((self.high - self.low) * p >> 16)
        answer = int(self.window <= middle)
        if answer:
            self.high = middle
        else:
            self.low = middle + 1
        while self.low >> 24 == self.high >> 24:
            require(self.at < len(self.body), "answers end early")
            self.low = self.low << 8 & 0xFFFFFFFF
            self.high = self.high << 8 & 0xFFFFFFFF | 255
            self.window = self.window << 8 & 0xFFFFFFFF | self.body[self.at]
            self.at += 1
        return answer

    def end(self) -> None:
        moved = self.at - 4
        require(moved <= self.bytes <= moved + 4, "bytes that the answers do not take")


class Network:
    """One kind of questions: the tables of its counters, and its weights."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.counters: dict[tuple[int, int], Counter] = defaultdict(lambda: [2**21, 0])
        self.rows: dict[int, list[int]] = defaultdict(lambda: [14418] * 8)
        self.shares: dict[int, list[int]] = defaultdict(lambda: [21845] * 3)

    def chosen(self, places: Sequence[int]) -> list[Counter]:
        """The counter at a place of each context's table."""
        return [self.counters[table] for table in enumerate(places)]

    def ask(self, counters: Sequence[Counter], slow: Sequence[int], rows: Sequence[int], share: int) -> int:
        x = [STRETCH[c >> 10] if k else 0 for c, k in counters]
        x += [0] * (7 - len(x)) + [256]
        weights, v = [self.rows[row] for row in rows], self.shares[share]
        a = [mixed(row, x) for row in weights]
        p = SQUASH[mixed(v, a) + 2047]
        answer = self.answers.next(p)
        for row, said in zip(weights, a, strict=True):
            learn(row, x, 5 * (65536 * answer - SQUASH[said + 2047]))
        learn(v, a, 3 * (65536 * answer - p) >> 4)
        for number, counter in enumerate(counters):
            c, k = counter
            counter[0] = c + ((4194303 * answer - c) * (131072 // (2 * k + 3)) >> 16)
            counter[1] = min(k + 1, OFTEN if number in slow else SELDOM)
        return answer


def mixed(weights: Sequence[int], said: Sequence[int]) -> int:
    return clip(sum([w * x >> 8 for w, x in zip(weights, said, strict=True)]) >> 8, -2047, 2047)


def learn(weights: list[int], inputs: Sequence[int], error: int) -> None:
    for i, x in enumerate(inputs):
        if x:
            weights[i] = clip(weights[i] + (x * error + 32768 >> 16), -524287, 524287)
