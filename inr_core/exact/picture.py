"""A picture ↔ strips of its planes, from top to bottom, none of which needs another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from ..container.chunks import MAX_CHUNKS
from ..container.fields import FieldReader
from ..container.header import Header
from ..errors import FormatError, TruncatedError
from ..kernels import switch
from ..pixels import Array, Palette
from ..process.threads import Crew
from .colours import Planes
from .strips import Part, Shape, read_parts, sample_type, unpack_parts

STRIP_PIXELS = 2**21  # in larger pictures more, so that there are at most MAX_CHUNKS strips
MAX_MIXED = 2**32  # bits of the samples of a picture that the mixing coder may code, each of which takes 0.1 µs
MAX_PLAIN = 2**26  # of them without the compiled kernels: plain Python takes 60 µs for each
BILEVEL = 128  # from which sample on a pixel of mode 1 is white


def strip_rows(width: int, height: int) -> list[tuple[int, int]]:
    """First row and the one after the last of each strip of a picture."""
    rows = max(STRIP_PIXELS // width, -(-height // MAX_CHUNKS))
    return list(pairwise([*range(0, height, rows), height]))


def strip_shapes(header: Header) -> list[Shape]:
    """Of the strips of a picture of the exact model."""
    planes = 1 if header.mode == "P" else header.channels
    size = 1 << header.bit_depth
    return [Shape(planes, bottom - top, header.width, size) for top, bottom in strip_rows(header.width, header.height)]


def may_mix(header: Header) -> bool:
    """Whether the picture is not too large for the mixing coder."""
    shape = strip_shapes(header)[0]
    return header.width * header.height * shape.planes * (shape.size - 1).bit_length() <= MAX_MIXED


def check_patience(parts: Sequence[Part], shapes: Sequence[Shape], what: str) -> None:
    """FormatError: one of these strips of a picture is mixed, and without compiled kernels that takes hours."""
    bits = sum(s.planes * s.height * s.width * (s.size - 1).bit_length() for s in shapes)
    if bits > MAX_PLAIN and any(part.mixed for part in parts) and not switch.compiled():
        raise FormatError(f"{what}: expected at most {MAX_PLAIN} bits of samples without compiled kernels, got {bits}")


def plane_groups(header: Header) -> tuple[int, ...]:
    """Numbers of planes that belong together: a colour's, an alpha's."""
    return (1,) if header.mode == "P" else header.components


def to_planes(pixels: Array, mode: str) -> Planes:
    """Pixels (h, w) or (h, w, C) of a mode → planes (P, h, w); those of mode 1 are 0 and 1."""
    planes = np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), 2, 0)
    return (planes >= BILEVEL).astype(np.uint8) if mode == "1" else planes


def from_planes(planes: Planes, mode: str) -> Array:
    """Planes (P, h, w) → pixels (h, w) or (h, w, C), as `to_planes` takes them."""
    if mode == "1":
        planes = planes * np.uint8(255)
    return planes[0] if len(planes) == 1 else np.ascontiguousarray(np.moveaxis(planes, 0, 2))


class ExactDecoder:
    """Decodes the payloads of pixel chunks, one for each strip. FormatError, here or later: they are not that.

    `cut`: the last payloads may be missing, and their pixels are 0 in all samples; TruncatedError if all are.
    """

    def __init__(
        self, header: Header, palette: Palette | None, payloads: Sequence[bytes], threads: int = 1, *, cut: bool = False
    ) -> None:
        self._header, self._palette, self._payloads, self._threads = header, palette, payloads, threads
        self._shapes = strip_shapes(header)
        if cut and not payloads:
            raise TruncatedError(f"strips: expected at least one of {len(self._shapes)}, got none")
        if len(payloads) > len(self._shapes) or (len(payloads) < len(self._shapes) and not cut):
            raise FormatError(f"strips: expected {len(self._shapes)}, got {len(payloads)}")

    def strips(self, y0: int, y1: int) -> Iterator[tuple[int, Array]]:
        """(first row, pixels in the file's mode) of each strip that has one of the rows y0 … y1 − 1."""
        wanted = [
            (k, top)
            for k, (top, bottom) in enumerate(strip_rows(self._header.width, self._header.height))
            if top < y1 and bottom > y0
        ]
        with Crew(self._threads) as crew:
            for (_, top), pixels in crew.in_order(lambda strip: self._pixels(strip[0]), wanted):
                yield top, pixels

    def rows(self, y0: int, y1: int) -> Array:
        """Rows y0 … y1 − 1 of the picture."""
        pixels: Array | None = None
        for top, rows in self.strips(y0, y1):
            first, last = max(top, y0), min(top + len(rows), y1)
            if pixels is None:  # after the first strip: most files that hold nothing are found out by then
                pixels = np.empty((y1 - y0, *rows.shape[1:]), rows.dtype)
            pixels[first - y0 : last - y0] = rows[first - top : last - top]
        assert pixels is not None
        return pixels

    def parts(self) -> list[list[Part]]:
        """What each strip is stored as."""
        return [self._parts(k) for k in range(len(self._payloads))]

    def _pixels(self, k: int) -> Array:
        shape = self._shapes[k]
        if k >= len(self._payloads):
            blank: Planes = np.zeros((shape.planes, shape.height, shape.width), sample_type(shape.size))
            return from_planes(blank, self._header.mode)
        parts = self._parts(k)
        check_patience(parts, self._shapes, f"strip {k}")
        planes = unpack_parts(parts, shape, f"strip {k}")
        if self._palette is not None and (largest := planes.max()) >= len(self._palette):
            raise FormatError(f"strip {k}: expected places in a palette of {len(self._palette)}, got {largest}")
        return from_planes(planes, self._header.mode)

    def _parts(self, k: int) -> list[Part]:
        fields = FieldReader(self._payloads[k])
        parts = read_parts(fields, self._shapes[k], f"strip {k}")
        if any(part.mixed for part in parts) and not may_mix(self._header):
            raise FormatError(f"strip {k}: expected no part of the mixing coder in a picture of this size, got one")
        if rest := len(fields.rest()):
            raise FormatError(f"strip {k}: expected nothing after its parts, got {rest} bytes")
        return parts
