"""A picture ↔ strips of its planes, from top to bottom, none of which needs another one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..container.chunks import MAX_CHUNKS
from ..container.header import Raster
from ..errors import FormatError
from ..kernels import switch
from ..pixels import Array, with_colours
from .colours import Planes
from .strips import Part, Shape

STRIP_PIXELS = 2**20  # in larger pictures more, so that there are at most MAX_CHUNKS strips
STRIP_MEMORY = 50 * 10**6  # bytes that the mixing coder takes for a strip of so many pixels
MAX_MIXED = 2**32  # bits of the samples of a picture that the mixing coder may code, each of which takes 0.1 µs
MAX_PLAIN = 2**26  # of them without the compiled kernels: plain Python takes 60 µs for each
BILEVEL = 128  # from which sample on a pixel of mode 1 is white


def strip_rows(width: int, height: int) -> list[tuple[int, int]]:
    """First row and the one after the last of each strip of a picture."""
    rows = max(STRIP_PIXELS // width, -(-height // MAX_CHUNKS))
    return list(pairwise([*range(0, height, rows), height]))


def strips_at_once(raster: Raster) -> int:
    """How many threads may be busy with strips: two, or more where that is little beside the picture itself."""
    picture = raster.width * raster.height * sum(plane_groups(raster)) * raster.bit_depth // 8
    return max(2, picture // STRIP_MEMORY)


def strip_shapes(raster: Raster) -> list[Shape]:
    """Of the strips of a picture of the exact model."""
    planes = 1 if raster.mode == "P" else raster.channels
    size = 1 << raster.bit_depth
    return [Shape(planes, bottom - top, raster.width, size) for top, bottom in strip_rows(raster.width, raster.height)]


def may_mix(raster: Raster) -> bool:
    """Whether the picture is not too large for the mixing coder."""
    shape = strip_shapes(raster)[0]
    return raster.width * raster.height * shape.planes * (shape.size - 1).bit_length() <= MAX_MIXED


def check_patience(parts: Sequence[Part], shapes: Sequence[Shape], what: str) -> None:
    """FormatError: one of these strips of a picture is mixed, and without compiled kernels that takes hours."""
    bits = sum(s.planes * s.height * s.width * (s.size - 1).bit_length() for s in shapes)
    if bits > MAX_PLAIN and any(part.mixed for part in parts) and not switch.compiled():
        raise FormatError(f"{what}: expected at most {MAX_PLAIN} bits of samples without compiled kernels, got {bits}")


def plane_groups(raster: Raster) -> tuple[int, ...]:
    """Numbers of planes that belong together: a colour's, an alpha's."""
    return (1,) if raster.mode == "P" else raster.components


def to_planes(pixels: Array, mode: str) -> Planes:
    """Pixels (h, w) or (h, w, C) of a mode → planes (P, h, w); those of mode 1 are 0 and 1."""
    planes = np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), 2, 0)
    return (planes >= BILEVEL).astype(np.uint8) if mode == "1" else planes


def from_planes(planes: Planes, mode: str) -> Array:
    """Planes (P, h, w) → pixels (h, w) or (h, w, C)."""
    if mode == "1":
        planes = planes * np.uint8(255)
    pixels = with_colours(np.moveaxis(planes, 0, 2), mode)
    return pixels[..., 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels)
