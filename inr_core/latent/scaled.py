"""Latent pictures at other sizes: from which grid, how much of the file that takes, what lies between the pixels."""

from __future__ import annotations

import math

from ..container.arrival import Arrival
from ..container.header import Raster
from ..kernels.resample import Box, Samples, opaque, resample
from ..models import MAX_LATENT_PIXELS, LatentShape
from .completed import Grids
from .latents import grid_size
from .payload import LEVELS_MASK

FINE = 1.5  # columns and rows of the grid for one of the result: above 38 dB beside one made from all pixels
ENOUGH_OF_SMOOTH = 0.95  # columns and rows for one of the result that are enough where the next details are small
SMALL_DETAILS = 1.5  # log2 of their size in levels of 8 bits, as `_log2_of_details` estimates it
MIXED = 2  # times as many where not all is opaque: a coarse grid mixes colours of much alpha with those of little
MARGIN = 32  # pixels that what lies between others may depend on


def level_for(box: Box, size: tuple[int, int], levels: int, share: float = FINE) -> int:
    """The coarsest grid that has `share` columns and rows in `box` for each of the result's; 0 if none has."""
    x0, y0, x1, y1 = box
    width, height = size
    level = 0
    while level < levels and x1 - x0 >= share * (width << level + 1) and y1 - y0 >= share * (height << level + 1):
        level += 1
    return level


def grids_for(raster: Raster, levels: int, box: Box, size: tuple[int, int], share: float = FINE) -> tuple[int, int]:
    """Of a pyramid: the coarsest grid that will do for what is opaque, and the one for what is not."""
    coarse, mixed = (level_for(box, size, levels, share * times) for times in (1, MIXED))
    return coarse, mixed if raster.alpha else coarse


def enough(arrival: Arrival, size: tuple[int, int]) -> bool:
    """Whether a picture of `size` needs no more of a file than what has arrived of it."""
    header = arrival.header
    assert isinstance(header.parameters, LatentShape)
    arrived = sum(first & LEVELS_MASK for first in arrival.first_bytes)
    if not arrived or size == (header.width, header.height):  # the picture takes all, and checks it
        return False
    levels, box = header.parameters.levels, (0, 0, header.width, header.height)
    finest = levels - arrived
    if finest <= grids_for(header, levels, box, size)[1]:
        return True
    near = grids_for(header, levels, box, size, ENOUGH_OF_SMOOTH)[1]
    return finest <= near and _log2_of_details(arrival, header.parameters.step, finest) < SMALL_DETAILS


def _log2_of_details(arrival: Arrival, step: int, finest: int) -> float:
    """log2 of the size of the details that refine grid `finest`, in levels of 8 bits; infinite where nothing says.

    Judged by the bytes of the next chunk: with every bit a position more, details are twice as large beside the step.
    """
    header, length = arrival.header, arrival.next_bytes
    if length is None:
        return math.inf
    width, height = grid_size(header.width, header.height, finest - 1)
    bits = 8 * length / (width * height)
    log2_of_step = step / 16 - 6 - finest  # in planes of grid `finest`, which have 2^−finest of the size
    return bits + log2_of_step - math.log2(header.share)


def scaled(pyramid: Grids, box: Box, size: tuple[int, int], raster: Raster, grids: tuple[int, int]) -> Samples:
    """The part `box` of a picture at another size, from one of the grids or finer: (h, w, C)."""
    x0, y0, x1, y1 = box
    if size[0] < x1 - x0 or size[1] < y1 - y0 or size == (x1 - x0, y1 - y0):
        level, mixed = grids
        samples = pyramid.samples(level)
        if mixed < level and not opaque(samples):
            samples, level = pyramid.samples(mixed), mixed
        return resample(samples, box, size, level, alpha=raster.alpha)
    left, top = (max(0, low - MARGIN) & ~3 for low in (x0, y0))
    right, bottom = min(x1 + MARGIN, raster.width), min(y1 + MARGIN, raster.height)
    if 4 * (right - left) * (bottom - top) > MAX_LATENT_PIXELS:
        return resample(pyramid.samples(), box, size, alpha=raster.alpha)
    part = pyramid.between((left, top, right, bottom))
    return resample(part, (x0 - left, y0 - top, x1 - left, y1 - top), size, -1, alpha=raster.alpha)
