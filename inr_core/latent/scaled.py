"""Latent pictures at other sizes: from which grid, how much of the file that takes, what lies between the pixels."""

from __future__ import annotations

import math
from typing import IO

from ..container.arrival import Arrival
from ..container.header import MAX_LATENT_PIXELS, Header
from ..exact.beside import Pyramid
from ..kernels.resample import Box, Samples, opaque, resample
from .latents import grid_size

FINE = 1.5  # columns and rows of the grid for one of the result: above 38 dB beside one made from all pixels
ENOUGH_OF_SMOOTH = 0.95  # columns and rows for one of the result that are enough where the next details are small
SMALL_DETAILS = 1.5  # log2 of their size in levels of 8 bits, as `_log2_of_details` estimates it
MIXED = 2  # times as many where not all is opaque: a coarse grid mixes colours of much alpha with those of little
MARGIN = 32  # pixels that what lies between others may depend on
PIECE = 1 << 20  # bytes asked for at once


def level_for(box: Box, size: tuple[int, int], levels: int, share: float = FINE) -> int:
    """The coarsest grid that has `share` columns and rows in `box` for each of the result's; 0 if none has."""
    x0, y0, x1, y1 = box
    width, height = size
    level = 0
    while level < levels and x1 - x0 >= share * (width << level + 1) and y1 - y0 >= share * (height << level + 1):
        level += 1
    return level


def grids_for(header: Header, box: Box, size: tuple[int, int], share: float = FINE) -> tuple[int, int]:
    """The coarsest grid that will do for what is opaque, and the one for what is not."""
    coarse, mixed = (level_for(box, size, header.layers, share * times) for times in (1, MIXED))
    return coarse, mixed if header.alpha else coarse


def read_for(fp: IO[bytes], header: Header, size: tuple[int, int]) -> tuple[Arrival, tuple[int, int], bool]:
    """Read as much of a file as a picture of `size` needs, from `payload_offset` on: all of it for a siren.

    And the grids to make the picture from, and whether the file ended before them. FormatError as `Arrival`.
    """
    arrival = Arrival(header)
    box = (0, 0, header.width, header.height)
    latent = header.model == "latent" and size != (header.width, header.height)  # that takes all, and checks it
    grids, near = (grids_for(header, box, size, share) if latent else (0, 0) for share in (FINE, ENOUGH_OF_SMOOTH))
    while arrival.missing:
        if latent and arrival.levels:
            finest = header.layers - arrival.levels
            if finest <= grids[1]:
                break
            if finest <= near[1] and _log2_of_details(arrival, finest) < SMALL_DETAILS:
                return arrival, (max(grids[0], finest), finest), False
        data = fp.read(min(arrival.wanted, PIECE))
        if not data:
            return arrival, grids, True
        arrival.feed(data)
    return arrival, grids, False


def _log2_of_details(arrival: Arrival, finest: int) -> float:
    """log2 of the size of the details that refine grid `finest`, in levels of 8 bits; infinite where nothing says.

    Judged by the bytes of the next chunk: with every bit a position more, details are twice as large beside the step.
    """
    header, length = arrival.header, arrival.next_bytes
    if length is None:
        return math.inf
    width, height = grid_size(header.width, header.height, finest - 1)
    bits = 8 * length / (width * height)
    log2_of_step = header.hidden / 16 - 6 - finest  # in planes of grid `finest`, which have 2^−finest of the size
    return bits + log2_of_step - math.log2(header.share)


def scaled(decoder: Pyramid, box: Box, size: tuple[int, int], header: Header, grids: tuple[int, int]) -> Samples:
    """The part `box` of a picture at another size, from one of the grids or finer: (h, w, C)."""
    x0, y0, x1, y1 = box
    if size[0] < x1 - x0 or size[1] < y1 - y0 or size == (x1 - x0, y1 - y0):
        level, mixed = grids
        samples = decoder.samples(level)
        if mixed < level and not opaque(samples):
            samples, level = decoder.samples(mixed), mixed
        return resample(samples, box, size, level, alpha=header.alpha)
    left, top = (max(0, low - MARGIN) & ~3 for low in (x0, y0))
    right, bottom = min(x1 + MARGIN, header.width), min(y1 + MARGIN, header.height)
    if 4 * (right - left) * (bottom - top) > MAX_LATENT_PIXELS:
        return resample(decoder.samples(), box, size, alpha=header.alpha)
    part = decoder.between((left, top, right, bottom))
    return resample(part, (x0 - left, y0 - top, x1 - left, y1 - top), size, -1, alpha=header.alpha)
