"""Planes of whole numbers ↔ bits, by probabilities that a small network learns while it codes.

A pixel is asked for: is it this candidate, which followed the same neighbours before, or that one, or a neighbour?
Where no candidate is right its samples are coded bit by bit. Every answer has a probability, mixed by a logistic
network from those of seven counters, each of which has seen another part of the neighbourhood. The network and the
counters learn from every answer, the same way where pixels are read as where they are written: a file holds none of
them. Blocks in flat areas are asked for as one. FORMAT.md says all of it in formulas.

This is the definition, in plain Python; the compiled kernel (mixing.h) does the same, some 2,000 times as fast.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from . import switch
from .bitcoder import BitCoder
from .mixer import Counters, Mixer, folded, hashed, tables
from .neighbours import BLOCK, Match, Neighbours, Seen, in_flat_area, limited, runs_of
from .room import EDGE, INSIDE, ROWS_ABOVE, Pixels, with_room

Contexts = tuple[int, ...]  # hashes, one for each counter
Rows = tuple[int, int, int]  # of weights
Left: TypeAlias = "array[int]"  # of one integer of 64 bits, "q": of what may be asked

NO_HIT = 7  # the rank of no candidate
LOOKING, LOOKING_SAMPLE = 2, 3  # questions that finding a pixel's candidates, a sample's neighbours takes as long as
FLAT_BITS, SLOT = 12, 16  # of the counters of flat blocks; counters of four bits of a sample
LIMIT, SLOW_LIMIT = 250, 1000  # up to which counters count
ORDERS = ((0,), (0, 1), (1, 0, 2), (1, 0, 2, 3))  # of planes, where samples are coded


def write_pixels(pixels: Pixels, planes: int, bits: int, asks: bool) -> bytes | None:
    """The bytes of pixels of `planes` (1 … 4) samples of `bits` (1 … 16). None: more than plain samples would take.

    asks: whether pixels are asked for; if not, all but those in flat blocks are coded by their samples.
    """
    height, width = pixels.shape
    most = height * width * planes * (2 if bits > 8 else 1) + 64
    if found := switch.compiled():
        around, out = with_room(height, width), bytearray(most)
        around[INSIDE] = pixels
        size = found[0].mix_pixels(
            found[1], height, width, planes, bits, asks, *tables(), around, b"", out, bytearray()
        )
        return bytes(out[:size]) if size <= most else None
    coder = BitCoder(None)
    Mixing(coder, height, width, planes, bits, asks).code(pixels)
    data = coder.finish()
    return data if len(data) <= most else None


def read_pixels(
    data: bytes, height: int, width: int, planes: int, bits: int, asks: bool, left: Left | None = None
) -> Pixels | None:
    """The pixels that `write_pixels` was given. None: the bytes are too few or too many, or more was asked than `left`.

    left: how many questions may be asked, from which those asked are taken, row by row; after a row that leaves less
    than none the reader gives up. Readers in other threads may share it. A flat block is 1 question. A pixel that is
    asked for is LOOKING and 1 for each candidate. Each sample that is coded is LOOKING_SAMPLE and its bits.
    """
    around, picture = with_room(height, width), (height, width, planes, bits, asks)
    pixels = around[INSIDE]
    if found := switch.compiled():
        given = around, data, bytearray(), bytearray() if left is None else left
        size = found[0].mix_pixels(found[1], *picture, *tables(), *given)
    else:
        coder = BitCoder(data)
        Mixing(coder, *picture).code(pixels, left)
        size = coder.at - 4
    return pixels if (not left or left[0] >= 0) and size <= len(data) <= size + 4 else None


class Mixing:
    """Everything that is learnt of one array of pixels, and the pixels themselves."""

    def __init__(self, coder: BitCoder, height: int, width: int, planes: int, bits: int, asks: bool) -> None:
        self._coder, self._asks = coder, asks
        self._height, self._width, self._planes, self._bits = height, width, planes, bits
        self._stride = width + 2 * EDGE
        size = (height + ROWS_ABOVE) * self._stride
        self._pixels, self._ranks, self._depth = [0] * size, [0] * size, [0] * self._stride
        area = (height * width - 1).bit_length()
        self._seen_bits, slot_bits = min(max(area - 2, 8), 17), min(max(area - 3, 6), 16)
        self._seen: list[dict[int, Seen]] = [{} for _ in range(6)]
        self._places: dict[int, int] = {}
        self._question, self._sample, self._flat = Mixer(coder), Mixer(coder), Mixer(coder)
        self._questions = [Counters(self._seen_bits) for _ in range(7)]
        self._slots = [Counters(slot_bits, SLOT) for _ in range(7)]
        self._flats = [Counters(FLAT_BITS) for _ in range(6)]

    def code(self, pixels: Pixels, left: Left | None = None) -> None:
        """Code all of them: those given where the coder writes, or into `pixels`, unless more is asked than is left."""
        if self._coder.writes:
            for y, row in enumerate(pixels.tolist()):
                self._pixels[self._place(y, 0) : self._place(y, self._width)] = row
        for y in range(self._height):
            asked = self._code_row(y)
            if left:
                left[0] -= asked
            if self._coder.starved or (left and left[0] < 0):
                break
        if not self._coder.writes:
            rows = [self._pixels[self._place(y, 0) : self._place(y, self._width)] for y in range(self._height)]
            pixels[:] = np.array(rows, np.uint64)

    def _place(self, y: int, x: int) -> int:
        return (y + ROWS_ABOVE) * self._stride + EDGE + x

    def _code_row(self, y: int) -> int:
        """How much was asked. Left of a row is the first pixel above, right of it, once it is upper, its own last."""
        pixels, width, begin = self._pixels, self._width, self._place(y, 0)
        up = begin - self._stride
        pixels[begin - EDGE : begin] = [pixels[up]] * EDGE
        if y:
            pixels[up + width : up + width + EDGE] = [pixels[up + width - 1]] * EDGE
        run1, run2 = (runs_of(pixels[at - EDGE : at - EDGE + self._stride]) for at in (up, up - self._stride))
        match = Match()
        due = broken = x = asked = 0
        while x < width:
            here = begin + x
            if not due and in_flat_area(pixels, here, self._stride, x, (run1, run2)):
                asked += 1
                flat = self._code_flat(here, x, run1[x + EDGE - 3], match, broken)
                broken = (broken << 1 | (not flat)) & 0xFFFFFFFF
                if flat:
                    x += BLOCK
                    continue
                due = BLOCK
            a = Neighbours(pixels, here, self._stride)
            if self._asks and not match.length and (place := self._places.get(a.longest >> 32 - self._seen_bits)):
                match = Match(place, 1)
            self._settle(here, a, match, due)
            rank, pixel, tried = self._code_questions(here, a, match, due) if self._asks else (NO_HIT, 0, 0)
            asked += LOOKING + tried if self._asks else 0
            if rank == NO_HIT:
                pixel = self._code_samples(a, pixels[here])
                asked += self._planes * (self._bits + LOOKING_SAMPLE)
            pixels[here], self._ranks[here] = pixel, rank
            due = due - 1 if due and pixel == a.w else 0
            self._depth[x + EDGE] = 0 if pixel != a.n else min(self._depth[x + EDGE] + 1, 255)
            if self._asks:
                self._remember(here, a, match)
            x += 1
        return asked

    def _code_flat(self, here: int, x: int, run: int, match: Match, broken: int) -> bool:
        """Whether the block has its neighbours' colour; if so it is made. broken: a bit for each in the row so far."""
        pixels, w, depth = self._pixels, self._pixels[here - 1], self._depth
        state = 0
        if match.length and match.at + BLOCK <= here:
            as_there = all(pixel == w for pixel in pixels[match.at : match.at + BLOCK])
            state = (3 if match.length >= 32 else 1) if as_there else 2
        above = any(self._ranks[here - self._stride : here - self._stride + BLOCK])
        far = (run >= BLOCK + 22) + 2 * (run >= BLOCK + 86)
        d = depth[x + EDGE]
        contexts = (
            *(hashed((state * 2 + above) * 4 + far, 1), hashed(d, depth[x + EDGE + BLOCK - 1] + 1000)),
            *(hashed(broken & 63, state * 64 + far), hashed(hashed(folded(w), d), broken & 3)),
            *(hashed(x, folded(w) + d & 0xFFFFFFFF), hashed(broken & 7, d * 4 + state)),
        )
        rows = state * 4 + far, 16 + (broken & 31), 48 + min(d, 31)
        flat = self._is_flat(here, w, contexts, rows)
        if not self._answer(self._flat, self._flats, contexts, flat, rows, 0, ()):
            return False
        pixels[here : here + BLOCK] = [w] * BLOCK
        for k in range(BLOCK):
            depth[x + EDGE + k] = min(depth[x + EDGE + k] + 1, 255)
        if state & 1:
            match.at, match.length = match.at + BLOCK, match.length + BLOCK
        else:
            match.length = 0
        return True

    def _is_flat(self, here: int, w: int, contexts: Contexts, rows: Rows) -> bool:
        """Whether a block is to be w; contexts and rows are of that question."""
        return all(pixel == w for pixel in self._pixels[here : here + BLOCK])

    def _settle(self, here: int, a: Neighbours, match: Match, due: int) -> None:
        """Before a pixel is coded, whoever writes may change it."""

    def _answer(
        self,
        mixer: Mixer,
        counters: list[Counters],
        contexts: Contexts,
        bit: bool,
        rows: Rows,
        second: int,
        slow: tuple[int, ...],
    ) -> int:
        """Code a bit by its contexts; all counters learn, those of `slow` contexts count further."""
        places = [own.place(context) for own, context in zip(counters, contexts, strict=True)]
        known = [own.get(place) for own, place in zip(counters, places, strict=True)]
        answer = mixer.code(int(bit), known, rows, second)
        for k, (own, place) in enumerate(zip(counters, places, strict=True)):
            own.count(place, answer, SLOW_LIMIT if k in slow else LIMIT)
        return answer

    def _code_questions(self, here: int, a: Neighbours, match: Match, due: int) -> tuple[int, int, int]:
        """Ask of candidates whether they are the pixel: the rank of the one that is, or NO_HIT, it, and how many."""
        k = -1
        for k, (c, contexts, rows) in enumerate(self._asked(here, a, match, due)):
            if self._answer(self._question, self._questions, contexts, self._pixels[here] == c, rows, k, (0, 6)):
                return k, c, k + 1
        return NO_HIT, 0, k + 1

    def _asked(self, here: int, a: Neighbours, match: Match, due: int) -> Iterator[tuple[int, Contexts, Rows]]:
        """Each candidate, with the contexts of its question and the rows of weights."""
        ranks, up = self._ranks, here - self._stride
        near = ranks[here - 1], ranks[up], ranks[up + 1], ranks[up - 1], ranks[here - 2]
        recent = sum(min(rank, 3) << shift for rank, shift in zip(near, (8, 6, 4, 2, 0), strict=True))
        expected = self._pixels[match.at] if match.length else 0
        length = sum(match.length >= least for least in (1, 8, 16, 32, 64))
        seen = [own.get(hash_ >> 32 - self._seen_bits) for own, hash_ in zip(self._seen, a.hashes, strict=True)]
        for k, (c, source, trust) in enumerate(a.candidates(seen, expected, match.length)):
            fc, like = folded(c), a.like(c)
            matched = 0 if not match.length else length if c == expected else length + 5
            contexts = (
                hashed(like, a.equal * 8 + k),
                hashed(a.h4, fc + 1),
                hashed(hashed(a.fn, a.fne), hashed(a.fnn, fc)),
                hashed(hashed(a.fw, a.fww), hashed(a.fwww, fc)),
                hashed(matched * 1024 + like, k + 8 + due * 16),
                hashed(hashed(a.fn, fc), like + 78),
                hashed((source * 8 + k) * 4 + trust, (near[0] * 8 + near[1]) * 512 + a.equal),
            )
            known = sum(
                own.get(own.place(context)) & 1023 > 0
                for own, context in zip(self._questions[1:4], contexts[1:4], strict=True)
            )
            first = (k * 8 + source) * 16 + trust * 4 + known
            yield c, contexts, (first, 1024 + min(k, 3) * 1024 + recent, 5120 + matched * 128 + (like & 15) * 8 + k)

    def _code_samples(self, a: Neighbours, pixel: int) -> int:
        """Code a pixel's samples bit by bit, the highest first."""
        top, bits, coarse = (1 << self._bits) - 1, self._bits, max(self._bits - 6, 0)
        value = value_w = value_n = value_nw = done = made = 0  # of the plane before: here and next to here
        for plane, number in enumerate(ORDERS[self._planes - 1]):
            w, n, nw, ne, ww, nn, given = (
                own >> 16 * number & 0xFFFF for own in (a.w, a.n, a.nw, a.ne, a.ww, a.nn, pixel)
            )
            left, above, slope, step = w, n, w + n - nw, 0
            if plane:
                left, above = left + value - value_w, above + value - value_n
                slope += value - (value_w + value_n - value_nw)
                step = value - limited(value_w + value_n - value_nw, top)
            left, above, slope = limited(left, top), limited(above, top), limited(slope, top)
            rough = min(abs(w - nw) + abs(n - nw) + abs(ne - n) >> 2 + max(bits - 8, 0), 15)
            expected = limited((w + ne >> 1) + (n - nn >> 1) + step, top)
            contexts = (
                hashed(plane * 65536 + value, done * 3 + 1 & 0xFFFFFFFF),
                hashed(slope, plane * 3 + 0x300),
                hashed(a.fn, hashed(done, 0x600 + plane)),
                hashed((left >> coarse) * 64 + (above >> coarse), 0x900 + plane),
                hashed(hashed(ww, w), hashed(value, 0xB00 + plane)),
                hashed(expected, 0x1200 + plane * 16 + rough),
                hashed(left, hashed(value, 0xD00 + plane)),
            )
            nearby = (abs(left - above) >> max(bits - 4, 0) & 15) * 8 + (abs(nw - n) >> max(bits - 3, 0) & 7)
            value, value_w, value_n, value_nw = self._code_sample(plane, contexts, nearby, given), w, n, nw
            made |= value << 16 * number
            done = done * 65536 + value + 1 & 0xFFFFFFFF
        return made

    def _code_sample(self, plane: int, contexts: Contexts, nearby: int, given: int) -> int:
        prefix = place = 1
        slots: list[int] = []
        for bit in reversed(range(self._bits)):
            if bit == self._bits - 1 or bit & 3 == 3:
                slots = [own.place(hashed(c, prefix)) for own, c in zip(self._slots, contexts, strict=True)]
                place = 1
            counters, rows = self._of_bit(plane, nearby, bit, prefix, [slot + place for slot in slots])
            one = self._sample.code(given >> bit & 1, counters, rows, bit)
            for k, (own, slot) in enumerate(zip(self._slots, slots, strict=True)):
                own.count(slot + place, one, LIMIT if k else SLOW_LIMIT)
            prefix, place = prefix * 2 + one, place * 2 + one
        return prefix - (1 << self._bits)

    def _of_bit(self, plane: int, nearby: int, bit: int, prefix: int, places: list[int]) -> tuple[list[int], Rows]:
        """What counters say of a bit of a sample, and the rows of weights."""
        counters = [own.get(place) for own, place in zip(self._slots, places, strict=True)]
        known = sum(counter & 1023 > 0 for counter in counters)
        first = plane * 256 + (prefix & 255)
        return counters, (first, 1024 + plane * 1024 + (bit & 7) * 128 + nearby, 5120 + plane * 64 + known)

    def _remember(self, here: int, a: Neighbours, match: Match) -> None:
        """What followed the neighbourhoods is as it is now, where pixels are asked for."""
        pixel = self._pixels[here]
        for known, hash_ in zip(self._seen, a.hashes, strict=True):
            known.setdefault(hash_ >> 32 - self._seen_bits, Seen()).follow(pixel, hash_ & 255)
        if match.length and self._pixels[match.at] == pixel:
            match.at, match.length = match.at + 1, match.length + 1
        else:
            match.length = 0
        self._places[a.longest >> 32 - self._seen_bits] = here
