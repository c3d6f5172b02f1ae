"""What the mixing coder knows of a pixel before it is coded: its neighbours, and what followed such ones before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .mixer import folded, hashed
from .room import EDGE

BLOCK = 16  # pixels of a flat block

CANDIDATES = 6
FROM_MATCH, FROM_NEIGHBOUR = 7, 6  # sources of candidates; those of the six neighbourhoods are 0 … 5


@dataclass
class Match:
    """An earlier place that the pixels before were like; `at`: what came there next."""

    at: int = 0
    length: int = 0  # of pixels that were the same; 0: there is none


@dataclass
class Seen:
    """What followed a neighbourhood."""

    pixel: int = 0
    times: int = 0
    tag: int = 0  # of the neighbourhood's hash

    def follow(self, pixel: int, tag: int) -> None:
        """A pixel has followed a neighbourhood of that tag."""
        if self.tag != tag or not self.times or (self.pixel != pixel and self.times <= 3):
            self.pixel, self.times, self.tag = pixel, 1, tag
        elif self.pixel != pixel:
            self.times >>= 1
        else:
            self.times = min(self.times + 1, 255)


class Neighbours:
    """Of the pixel at a place; colours by where they are: w is to the left, nne two rows above and one to the right."""

    def __init__(self, pixels: list[int], here: int, stride: int) -> None:
        up, up2 = here - stride, here - 2 * stride
        self.w, self.ww, self.www = pixels[here - 1], pixels[here - 2], pixels[here - 3]
        self.nww, self.nw, self.n, self.ne, self.nee = pixels[up - 2 : up + 3]
        self.nnw, self.nn, self.nne = pixels[up2 - 1 : up2 + 2]
        f = [folded(pixel) for pixel in (self.w, self.n, self.nw, self.ne, self.ww, self.nn, self.www)]
        self.fw, self.fn, self.fnw, self.fne, self.fww, self.fnn, self.fwww = f

        def of(place: int) -> int:
            return folded(pixels[place])

        h2 = hashed(self.fw, self.fn) + 0x1234567 & 0xFFFFFFFF
        self.h4 = hashed(hashed(self.fnw, self.fne), h2)
        h6 = hashed(hashed(self.fww, self.fnn), self.h4)
        h10 = hashed(hashed(hashed(of(up + 2), of(up - 2)), hashed(of(up2 + 1), of(up2 - 1))), h6)
        h12 = hashed(hashed(self.fwww, of(up + 3)), h10)
        h16 = hashed(hashed(hashed(of(up - 3), of(up + 4)), hashed(of(up2 + 2), of(up2 - 2))), h12)
        ends = hashed(of(here - 4), of(up2 - stride)), hashed(of(here - 5), of(up + 5))
        self.longest = hashed(hashed(*ends), h16)
        self.hashes = (h16, h12, h10, h6, self.h4, h2)
        pairs = (
            *((self.w, self.n), (self.w, self.nw), (self.n, self.nw), (self.n, self.ne), (self.w, self.ww)),
            *((self.n, self.nn), (self.ne, self.nee), (self.nw, self.nww), (self.w, self.ne)),
        )
        self.equal = sum((a == b) << k for k, (a, b) in enumerate(pairs))

    def candidates(self, seen: Sequence[Seen | None], expected: int, length: int) -> list[tuple[int, int, int]]:
        """Different pixels that this one may be, at most six: pixel, source, and how far to trust that, 0 … 3.

        seen: at the places of the hashes. expected: by a match of this length.
        """
        found: list[tuple[int, int, int]] = []
        if length >= 16:
            found.append((expected, FROM_MATCH, 3 if length >= 32 else 2))
        for k, (own, hash_) in enumerate(zip(seen, self.hashes, strict=True)):
            if own is not None and own.times and own.tag == hash_ & 255:
                found.append((own.pixel, k, min(own.times, 3)))
        found += [(pixel, FROM_NEIGHBOUR, k) for k, pixel in enumerate((self.w, self.n, self.ne, self.nw))]
        different = {pixel: (pixel, source, trust) for pixel, source, trust in reversed(found)}
        return [own for own in found if different[own[0]] == own][:CANDIDATES]

    def like(self, pixel: int) -> int:
        """A bit for each of ten neighbours: whether it is that pixel."""
        ten = (self.w, self.n, self.nw, self.ne, self.ww, self.nn, self.nee, self.nne, self.nnw, self.nww)
        return sum((pixel == other) << k for k, other in enumerate(ten))


def in_flat_area(pixels: list[int], here: int, stride: int, x: int, runs: tuple[list[int], list[int]]) -> bool:
    """Whether the neighbours of a block to the left and above all have one colour; runs: of the two rows above."""
    if x + BLOCK > stride - 2 * EDGE:
        return False
    up, up2 = here - stride, here - 2 * stride
    one = pixels[here - 1] == pixels[here - 2] == pixels[here - 3] == pixels[up - 3] == pixels[up2 - 2]
    return one and runs[0][x + EDGE - 3] >= BLOCK + 6 and runs[1][x + EDGE - 2] >= BLOCK + 3


def runs_of(row: list[int]) -> list[int]:
    """How many pixels to the right of each are as it is, up to 255."""
    runs = [0] * len(row)
    for x in reversed(range(len(row) - 1)):
        runs[x] = min(runs[x + 1] + 1, 255) if row[x] == row[x + 1] else 0
    return runs


def limited(value: int, top: int) -> int:
    """At least 0, at most `top`."""
    return max(0, min(top, value))
