"""The mixing coder of FORMAT.md in plain Python: what it asks of a part's pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from reference_answers import Answers, Network, clip
from reference_coding import require

ORDERS = ((0,), (0, 1), (1, 0, 2), (1, 0, 2, 3))  # of the planes
LEFT = RIGHT = 8  # of a row
ABOVE = 3  # rows above the first


def h(a: int, b: int) -> int:
    x = (a * 0x2C1B3C6D ^ b * 0x297A2D39) & 0xFFFFFFFF
    x = (x ^ x >> 15) * 0x85EBCA6B & 0xFFFFFFFF
    return x ^ x >> 13


def fold(pixel: int) -> int:
    return (pixel ^ pixel >> 29) & 0xFFFFFFFF


@dataclass
class Seen:
    """An entry of a table of pixels seen."""

    pixel: int = 0
    count: int = 0
    tag: int = 0

    def add(self, pixel: int, tag: int) -> None:
        if self.tag != tag or self.count == 0 or (self.pixel != pixel and self.count <= 3):
            self.pixel, self.count, self.tag = pixel, 1, tag
        else:
            self.count = min(self.count + 1, 255) if self.pixel == pixel else self.count // 2


class Near:
    """The pixels around one, by row and column, or by name; and the hashes of them."""

    def __init__(self, pixels: Sequence[int], at: int, stride: int) -> None:
        self.pixels, self.at, self.stride = pixels, at, stride
        self.w, self.ww, self.www = pixels[at - 1], pixels[at - 2], pixels[at - 3]
        north = at - stride
        self.nww, self.nw, self.n, self.ne, self.nee = pixels[north - 2 : north + 3]
        self.nnw, self.nn, self.nne = pixels[north - stride - 1 : north - stride + 2]

    def f(self, row: int, column: int) -> int:
        return fold(self.pixels[self.at + row * self.stride + column])

    def hashes(self) -> tuple[int, ...]:
        """h2, h4, h6, h10, h12, h16, h20."""
        f = self.f
        h2 = h(f(0, -1), f(-1, 0)) + 0x1234567 & 0xFFFFFFFF
        h4 = h(h(f(-1, -1), f(-1, 1)), h2)
        h6 = h(h(f(0, -2), f(-2, 0)), h4)
        h10 = h(h(h(f(-1, 2), f(-1, -2)), h(f(-2, 1), f(-2, -1))), h6)
        h12 = h(h(f(0, -3), f(-1, 3)), h10)
        h16 = h(h(h(f(-1, -3), f(-1, 4)), h(f(-2, 2), f(-2, -2))), h12)
        h20 = h(h(h(f(0, -4), f(-3, 0)), h(f(0, -5), f(-1, 5))), h16)
        return h2, h4, h6, h10, h12, h16, h20

    def equal(self) -> int:
        w, n, nw, ne = self.w, self.n, self.nw, self.ne
        pairs = ((w, n), (w, nw), (n, nw), (n, ne), (w, self.ww), (n, self.nn), (ne, self.nee), (nw, self.nww), (w, ne))
        return sum((a == b) << k for k, (a, b) in enumerate(pairs))

    def like(self, c: int) -> int:
        ten = (self.w, self.n, self.nw, self.ne, self.ww, self.nn, self.nee, self.nne, self.nnw, self.nww)
        return sum((c == other) << k for k, other in enumerate(ten))


@dataclass
class Course:
    """What a row begins anew."""

    place: int = 0  # of the match
    length: int = 0
    due: int = 0
    broken: int = 0


@dataclass
class Mixed:
    """A part while it is read."""

    body: bytes
    planes: int
    rows: int
    width: int
    bits: int
    asks: bool
    pixels: list[int] = field(init=False)  # with those around the picture, row by row
    ranks: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.answers = Answers(self.body)
        self.flat, self.candidate, self.bit = (Network(self.answers) for _ in range(3))
        area = (self.width * self.rows - 1).bit_length()
        self.table = 32 - clip(area - 2, 8, 17)  # what a hash is shifted by
        self.samples = 32 - clip(area - 3, 6, 16)
        self.stride = LEFT + self.width + RIGHT
        self.pixels = [0] * (self.stride * (ABOVE + self.rows))
        self.ranks = self.pixels.copy()
        self.depth = [0] * self.width
        self.seen: dict[tuple[int, int], Seen] = defaultdict(Seen)
        self.places: dict[int, int] = {}

    def read(self) -> list[list[list[int]]]:
        made = []
        for y in range(self.rows):
            first = (ABOVE + y) * self.stride + LEFT
            self.pixels[first - LEFT : first] = [self.pixels[first - self.stride]] * LEFT
            self.course, x = Course(), 0
            while x < self.width:
                x += self.step(first + x, x)
            self.pixels[first + x : first + x + RIGHT] = [self.pixels[first + x - 1]] * RIGHT
            made.append(self.pixels[first : first + x])
        self.answers.end()
        return [[[pixel >> 16 * k & 65535 for pixel in row] for row in made] for k in range(self.planes)]

    def step(self, at: int, x: int) -> int:
        """Makes the pixel, or the flat block, in column x. How many pixels that is."""
        near, match = Near(self.pixels, at, self.stride), self.course
        if match.due == 0 and x + 16 <= self.width and self.may_be_flat(at, near):
            if self.is_flat(at, x, near):
                self.pixels[at : at + 16] = [near.w] * 16
                self.ranks[at : at + 16] = [0] * 16
                self.depth[x : x + 16] = [min(d + 1, 255) for d in self.depth[x : x + 16]]
                return 16
            match.due = 16
        *hashes, h20 = near.hashes()
        if self.asks and match.length == 0 and h20 >> self.table in self.places:
            match.place, match.length = self.places[h20 >> self.table], 1
        entries = [self.seen[k, hashed >> self.table] for k, hashed in enumerate(hashes)][::-1]
        hashes.reverse()
        pixel, rank = self.asked(at, near, hashes, entries) if self.asks else (None, 7)
        if pixel is None:
            pixel = self.sampled(near)
        self.pixels[at], self.ranks[at] = pixel, rank
        if match.due:
            match.due = match.due - 1 if pixel == near.w else 0
        self.depth[x] = min(self.depth[x] + 1, 255) if pixel == near.n else 0
        for entry, hashed in zip(entries, hashes, strict=True):
            entry.add(pixel, hashed & 255)
        if match.length and self.pixels[match.place] == pixel:
            match.place, match.length = match.place + 1, match.length + 1
        else:
            match.length = 0
        self.places[h20 >> self.table] = at
        return 1

    def may_be_flat(self, at: int, near: Near) -> bool:
        above, second = at - self.stride, at - 2 * self.stride
        around = {*self.pixels[above - 3 : above + 20], *self.pixels[second - 2 : second + 18]}
        return around == {near.w} == {near.ww} == {near.www}

    def is_flat(self, at: int, x: int, near: Near) -> bool:
        match, d, above = self.course, self.depth[x], at - self.stride
        state = 0
        if match.length and match.place + 16 <= at:
            same = all(pixel == near.w for pixel in self.pixels[match.place : match.place + 16])
            state = (1 if match.length < 32 else 3) if same else 2
        end = above - x + self.width + RIGHT
        run = next((k for k, pixel in enumerate(self.pixels[above - 2 : end]) if pixel != near.w), end - above + 2)
        far = (run >= 38) + 2 * (run >= 102)
        ranked = int(any(self.ranks[above : above + 16]))
        contexts = (
            h((2 * state + ranked) * 4 + far, 1),
            h(d, self.depth[x + 15] + 1000),
            h(match.broken % 64, 64 * state + far),
            h(h(fold(near.w), d), match.broken % 4),
            h(x, fold(near.w) + d),
            h(match.broken % 8, 4 * d + state),
        )
        counters = self.flat.chosen([context >> 20 for context in contexts])
        rows = (4 * state + far, 16 + match.broken % 32, 48 + min(d, 31))
        answer = self.flat.ask(counters, (), rows, 0)
        match.broken = 2 * match.broken + 1 - answer
        if answer:
            going = 16 if state in {1, 3} else 0
            match.place, match.length = match.place + going, (match.length + going) if going else 0
        return bool(answer)

    def candidates(self, near: Near, hashes: Sequence[int], entries: Sequence[Seen]) -> list[tuple[int, int, int]]:
        """Pixel, source and trust of each."""
        match, found = self.course, []
        if match.length >= 16:
            found.append((self.pixels[match.place], 7, 3 if match.length >= 32 else 2))
        for source, (hashed, entry) in enumerate(zip(hashes, entries, strict=True)):
            if entry.count and entry.tag == hashed & 255:
                found.append((entry.pixel, source, min(entry.count, 3)))
        found += [(c, 6, trust) for trust, c in enumerate((near.w, near.n, near.ne, near.nw))]
        first = {c: (c, source, trust) for c, source, trust in reversed(found)}
        return [each for each in found if first.pop(each[0], None)][:6]

    def asked(self, at: int, near: Near, hashes: list[int], entries: list[Seen]) -> tuple[int | None, int]:
        """The pixel, if it is a candidate, and its rank."""
        match, f, north = self.course, near.f, at - self.stride
        ranks = [self.ranks[place] for place in (at - 2, north - 1, north + 1, north, at - 1)]
        recent = sum(min(rank, 3) * 4**j for j, rank in enumerate(ranks))
        equal, reached = near.equal(), sum(match.length >= n for n in (1, 8, 16, 32, 64))
        fn, fnn = f(-1, 0), f(-2, 0)
        for k, (c, source, trust) in enumerate(self.candidates(near, hashes, entries)):
            like, fc = near.like(c), fold(c)
            matched = reached if reached == 0 or self.pixels[match.place] == c else reached + 5
            contexts = (
                h(like, 8 * equal + k),
                h(hashes[4], fc + 1),
                h(h(fn, f(-1, 1)), h(fnn, fc)),
                h(h(f(0, -1), f(0, -2)), h(f(0, -3), fc)),
                h(1024 * matched + like, k + 8 + 16 * match.due),
                h(h(fn, fc), like + 78),
                h((8 * source + k) * 4 + trust, (8 * ranks[4] + ranks[3]) * 512 + equal),
            )
            counters = self.candidate.chosen([context >> self.table for context in contexts])
            known = sum(counter[1] > 0 for counter in counters[1:4])
            rows = (
                (8 * k + source) * 16 + 4 * trust + known,
                1024 + 1024 * min(k, 3) + recent,
                5120 + 128 * matched + 8 * (like % 16) + k,
            )
            if self.candidate.ask(counters, (0, 6), rows, k):
                return c, k
        return None, 7

    def sampled(self, near: Near) -> int:
        """The pixel of its samples."""
        bits, top = self.bits, 2**self.bits - 1
        pixel = done = value = 0
        before = [0] * 3  # Vw, Vn, Vnw
        for q, plane in enumerate(ORDERS[self.planes - 1]):
            names = (near.w, near.n, near.nw, near.ne, near.ww, near.nn)
            w, n, nw, ne, ww, nn = (p >> 16 * plane & 65535 for p in names)
            vw, vn, vnw = before
            left, above = clip(w + value - vw, 0, top), clip(n + value - vn, 0, top)
            slope = clip(w + n - nw + value - (vw + vn - vnw), 0, top)
            step = value - clip(vw + vn - vnw, 0, top)
            rough = min((abs(w - nw) + abs(n - nw) + abs(ne - n)) >> (2 + max(bits - 8, 0)), 15)
            expected = clip((w + ne >> 1) + (n - nn >> 1) + step, 0, top)
            contexts = (
                h(65536 * q + value, 3 * done + 1),
                h(slope, 3 * q + 0x300),
                h(fold(near.n), h(done, 0x600 + q)),
                h(64 * (left >> max(bits - 6, 0)) + (above >> max(bits - 6, 0)), 0x900 + q),
                h(h(ww, w), h(value, 0xB00 + q)),
                h(expected, 0x1200 + 16 * q + rough),
                h(left, h(value, 0xD00 + q)),
            )
            middle = 1024 + 1024 * q + 8 * ((abs(left - above) >> max(bits - 4, 0)) % 16)
            middle += (abs(nw - n) >> max(bits - 3, 0)) % 8
            prefix = place = 1
            sets: list[int] = []
            for bit in range(bits - 1, -1, -1):
                if bit == bits - 1 or bit % 4 == 3:
                    sets, place = [16 * (h(context, prefix) >> self.samples) for context in contexts], 1
                counters = self.bit.chosen([first + place for first in sets])
                known = sum(counter[1] > 0 for counter in counters)
                rows = (256 * q + prefix % 256, middle + 128 * (bit % 8), 5120 + 64 * q + known)
                answer = self.bit.ask(counters, (0,), rows, bit)
                prefix, place = 2 * prefix + answer, 2 * place + answer
            value, before = prefix - 2**bits, [w, n, nw]
            done = (65536 * done + value + 1) & 0xFFFFFFFF
            pixel += value << 16 * plane
        return pixel


def read_mixed(body: bytes, planes: int, rows: int, width: int, size: int, asks: bool) -> list[list[list[int]]]:
    """The planes of a part."""
    made = Mixed(body, planes, rows, width, (size - 1).bit_length(), asks).read()
    require(all(sample < size for plane in made for row in plane for sample in row), "a sample")
    return made
