"""Pixels that take fewer bits: the mixing coder writes, of what it could, what costs the least error and bits together.

At each pixel it is asked what every candidate would cost, by what has been learnt so far, and which samples near those
of the picture would, if none of the candidates is right. Taken is the least square error + trade · bits. So a deviation
that is not worth its bits is left out, and a colour seen before stands for one that is nearly the same.

A pixel that stays as its neighbours are, where the picture begins something new, leaves the next pixel of that with
the same choice: what is saved is saved once, and the errors of all of them are the price. So an error counts for pixels
to the right and below that have the same colour, too.

Only a writer does this: the bytes are those of `mixing`. The definition is plain Python (reducer.py), too slow to save
with; the compiled kernel is reducing.h.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from . import switch
from .bitcoder import BitCoder
from .mixer import tables
from .reducer import Reducer, Rule
from .room import INSIDE, Pixels, with_room

MAX_BITS = 8  # of a sample
MAX_TRADE = (1 << 24) / 256  # square error, in levels of samples, for a bit


def available() -> bool:
    """Whether there is a kernel that does it in a time that one can wait for."""
    return switch.compiled() is not None


def reduce_pixels(
    pixels: Pixels,
    planes: int,
    bits: int,
    asks: bool,
    trade: float,
    *,
    kept: int | None = None,
    ends: tuple[int, int] | None = None,
) -> tuple[Pixels, bytes]:
    """Other pixels, and their bytes as `mixing.write_pixels` with `asks` gives them; of `planes` of 1 … 8 bits.

    trade: the square error of all samples of a pixel that a bit is worth, 0 … MAX_TRADE.
    kept: the plane that does not change, an alpha; where it is 0, the others may be anything.
    ends: of a single plane, two values that stay and that no other becomes.
    """
    height, width = pixels.shape
    picture, how = (height, width, planes, bits, asks), (round(256 * trade), -1 if kept is None else kept)
    found = switch.compiled()
    if not found:
        coder = BitCoder(None)
        plainly = Reducer(coder, pixels, planes, bits, asks, Rule(how[0], costs().tolist(), how[1], ends or (-1, -1)))
        plainly.code(pixels)
        return plainly.made(), coder.finish()
    around, out = with_room(height, width), bytearray(2 * height * width * planes + 64)
    around[INSIDE] = pixels
    size = found[0].reduce_pixels(found[1], *picture, *tables(), costs(), *how, *(ends or (-1, -1)), around, out)
    return around[INSIDE].copy(), bytes(out[:size])


@cache
def costs() -> NDArray[np.uint16]:
    """(4096,): 2^8 times the bits of an answer, by the highest 12 bits of its probability's 16."""
    p = (np.arange(4096) + 0.5) / 4096
    bits: NDArray[np.uint16] = np.rint(-256 * np.log2(p)).astype(np.uint16)
    return bits
