"""What a writer changes of a picture so that it takes fewer bits, in plain Python: the definition of reducing.h."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from .bitcoder import BitCoder
from .mixer import hashed
from .mixing import ORDERS, Contexts, Mixing, Rows
from .neighbours import BLOCK, Match, Neighbours
from .room import Pixels

RUN = 64  # pixels of the same colour, to the right and below, at most, for which an error counts
BLOCK_BITS = 6  # that a block takes at least where it is not flat
NEVER = (1 << 63) // 4  # of a cost


@dataclass(frozen=True)
class Rule:
    """What may change, and for what; `reducing.reduce_pixels` says more."""

    trade: int  # 2^-8 of the square error that a bit is worth
    costs: list[int]  # (4096,) in 2^-8 bits, by the highest 12 bits of a probability
    kept: int  # the plane that stays; -1: none
    ends: tuple[int, int]  # of a single plane, values that stay and that no other becomes; -1: none

    def cost(self, yes: bool, p: int) -> int:
        """What an answer costs, by the probability of a yes; 2^16 times the square error."""
        return self.trade * self.costs[min((p if yes else 65536 - p) >> 4, 4095)]

    def error(self, wanted: int, made: int, planes: int) -> int:
        """2^16 times the square error of a pixel, once; NEVER where it may not become that."""
        if planes == 1 and self.forbids(wanted, made):
            return NEVER
        if self.kept >= 0 and (wanted ^ made) >> 16 * self.kept & 65535:
            return NEVER
        if self.hides(wanted):
            return 0
        apart = ((wanted >> 16 * k & 65535) - (made >> 16 * k & 65535) for k in range(planes))
        return sum(each * each for each in apart) << 16

    def forbids(self, wanted: int, made: int) -> bool:
        """Whether a value, of a single plane, may not become another one."""
        return wanted != made and (wanted in self.ends or made in self.ends)

    def hides(self, wanted: int) -> bool:
        """Whether nobody sees a pixel."""
        return self.kept >= 0 and not wanted >> 16 * self.kept & 65535


class Dearer(Exception):
    """No samples cost less than what was found before."""


def weights_of(pixels: Pixels) -> list[list[int]]:
    """For how many pixels an error of each counts: those to the right times those below that are like it."""
    height, width = pixels.shape
    weights = [[0] * width for _ in range(height)]
    columns = [0] * width
    for y in reversed(range(height)):
        right = 0
        for x in reversed(range(width)):
            right = min(right + 1, RUN) if x + 1 < width and pixels[y, x] == pixels[y, x + 1] else 1
            columns[x] = min(columns[x] + 1, RUN) if y + 1 < height and pixels[y, x] == pixels[y + 1, x] else 1
            weights[y][x] = right * columns[x]
    return weights


class Reducer(Mixing):
    """The mixing coder that writes, at each pixel, what has the least error and bits together."""

    def __init__(self, coder: BitCoder, pixels: Pixels, planes: int, bits: int, asks: bool, rule: Rule) -> None:
        height, width = pixels.shape
        super().__init__(coder, height, width, planes, bits, asks)
        self._rule = rule
        self._wanted, self._weight = [0] * len(self._pixels), [0] * len(self._pixels)
        for y, (row, weights) in enumerate(zip(pixels.tolist(), weights_of(pixels), strict=True)):
            inside = slice(self._place(y, 0), self._place(y, self._width))
            self._wanted[inside], self._weight[inside] = row, weights
        # while samples are searched: where, what those before this one cost, what all may cost
        self._searched: tuple[int, int, int] | None = None

    def made(self) -> Pixels:
        """The pixels that were written."""
        rows = (self._pixels[self._place(y, 0) : self._place(y, self._width)] for y in range(self._height))
        return np.array(list(rows), np.uint64)

    def _is_flat(self, here: int, w: int, contexts: Contexts, rows: Rows) -> bool:
        known = [own.get(own.place(context)) for own, context in zip(self._flats, contexts, strict=True)]
        p = self._flat.chance(known, rows, 0)
        most = self._rule.cost(False, p) - self._rule.cost(True, p) + self._rule.trade * BLOCK_BITS * 256
        error = 0
        for wanted in self._wanted[here : here + BLOCK]:
            own = self._rule.error(wanted, w, self._planes)
            if own and own >= most - error:
                return False
            error += own
        return True

    def _settle(self, here: int, a: Neighbours, match: Match, due: int) -> None:
        wanted, rule = self._wanted[here], self._rule
        best, no, pixel = NEVER, 0, wanted
        for k, (c, contexts, rows) in enumerate(self._asked(here, a, match, due) if self._asks else ()):
            if no >= best:
                break
            known = [own.get(own.place(context)) for own, context in zip(self._questions, contexts, strict=True)]
            p, error = self._question.chance(known, rows, k), rule.error(wanted, c, self._planes)
            total = NEVER if error == NEVER else error * self._weight[here] + no + rule.cost(True, p)
            if total < best:
                best, pixel = total, c
            no += rule.cost(False, p)
        self._pixels[here] = pixel
        if no < best:
            self._searched = here, no, best
            with suppress(Dearer):
                self._pixels[here] = self._code_samples(a, wanted)
            self._searched = None

    def _code_sample(self, plane: int, contexts: Contexts, nearby: int, given: int) -> int:
        """As `Mixing._code_sample`, or, while samples are searched, the best value of one."""
        if self._searched is None:
            return super()._code_sample(plane, contexts, nearby, given)
        here, spent, most = self._searched
        rule, bits, value = self._rule, self._bits, -1
        hidden = rule.hides(self._wanted[here])
        weight = (
            NEVER >> 16 if ORDERS[self._planes - 1][plane] == rule.kept else 0 if hidden else self._weight[here] << 16
        )
        best = most - spent  # what all bits and the error cost at the most

        def go_on(bit: int, prefix: int, slots: list[int], place: int, cost: int) -> None:
            """Through the tree of bits, the better branch first; `cost` has the error of the nearest value there."""
            nonlocal best, value
            if bit < 0:
                if self._planes > 1 or not rule.forbids(given, prefix - (1 << bits)):
                    best, value = cost, prefix - (1 << bits)
                return
            if bit == bits - 1 or bit & 3 == 3:
                slots = [own.place(hashed(c, prefix)) for own, c in zip(self._slots, contexts, strict=True)]
                place = 1
            counters, rows = self._of_bit(plane, nearby, bit, prefix, [slot + place for slot in slots])
            p, low = self._sample.chance(counters, rows, bit), (prefix << bit + 1) & (1 << bits) - 1
            size = 1 << bit
            away = _outside(given, low, low + size - 1), _outside(given, low + size, low + 2 * size - 1)
            first = int(away[1] < away[0] or (away[1] == away[0] and p > 32768))
            for one in (first, 1 - first):
                total = cost + (away[one] ** 2 - min(away) ** 2) * weight + rule.cost(bool(one), p)
                if total < best:
                    go_on(bit - 1, prefix * 2 + one, slots, place * 2 + one, total)

        go_on(bits - 1, 1, [], 1, 0)
        if value < 0:
            raise Dearer
        self._searched = here, spent + best, most
        return value


def _outside(value: int, low: int, high: int) -> int:
    return low - value if value < low else max(value - high, 0)
