"""A file of the exact model: strips, each decoded by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..container.chunks import Head
from ..container.fields import FieldReader
from ..errors import FormatError, TruncatedError
from ..fileinfo import Chunk, FileInfo, PartInfo
from ..kernels.resample import LOBES, Box, resample
from ..limits import Budget, Cost
from ..picture import Picture, resampling_cost
from ..pixels import Array, luma, to_colours
from ..process.threads import Crew
from .colours import Planes
from .cost import strips_cost
from .planes import check_patience, from_planes, may_mix, strip_rows, strip_shapes, strips_at_once
from .prediction import PREDICTOR_NAMES
from .strips import Part, read_parts, sample_type, unpack_parts

MIXING = "mixing coder"


class ExactPicture(Picture):
    """Pixels of strips, one payload each. Of those that are missing, all samples are 0; TruncatedError if all are."""

    def __init__(self, head: Head, payloads: Sequence[bytes], cut: bytes | None, threads: int, device: str) -> None:
        super().__init__(head, payloads, cut, threads, device)
        self._payloads, self._palette = payloads, head.palette
        self._shapes = strip_shapes(head.header)
        if cut is not None and not payloads:
            raise TruncatedError(f"strips: expected at least one of {len(self._shapes)}, got none")
        if len(payloads) > len(self._shapes) or (len(payloads) < len(self._shapes) and cut is None):
            raise FormatError(f"strips: expected {len(self._shapes)}, got {len(payloads)}")

    def bands(self, most: int | None, budget: Budget | None = None) -> Iterator[tuple[int, Array]]:
        """As `Picture.bands`; a band is a strip."""
        yield from self._strips(0, self.header.height, budget)

    def decode(self, box: Box, size: tuple[int, int], *, grey: bool, budget: Budget | None = None) -> Array:
        """As `Picture.decode`; at another size, the colours are what is resampled."""
        x0, y0, x1, y1 = box
        if size == (x1 - x0, y1 - y0):
            pixels = np.ascontiguousarray(self._rows(y0, y1, budget)[:, x0:x1])  # a view would keep the rows beside it
            return luma(pixels) if grey else pixels
        top, bottom = self._rows_for(box, size)
        samples = to_colours(self._rows(top, bottom, budget), self.header.mode, self._palette)
        pixels = self.finished(resample(samples, (x0, y0 - top, x1, y1 - top), size, alpha=self.header.alpha))
        return luma(pixels) if grey else pixels

    def cost(self, box: Box, size: tuple[int, int]) -> Cost:
        """As `Picture.cost`, by the heads of the parts."""
        top, bottom = self._rows_for(box, size)
        wanted = [k for k, _ in self._wanted(top, bottom) if k < len(self._payloads)]
        cost = strips_cost([(self._shapes[k], self._parts(k)) for k in wanted])
        if size == (box[2] - box[0], box[3] - box[1]):
            return cost
        return cost + resampling_cost(self.header.width * (bottom - top), size, self.header) + self.finishing_cost(size)

    def _rows_for(self, box: Box, size: tuple[int, int]) -> tuple[int, int]:
        """First row and the one after the last that a part at a size depends on."""
        _, y0, _, y1 = box
        if size == (box[2] - box[0], y1 - y0):
            return y0, y1
        reach = LOBES * -(-(y1 - y0) // size[1]) + 1  # rows that those of the result depend on beyond the box
        return max(0, y0 - reach), min(self.header.height, y1 + reach)

    def parts(self) -> list[list[Part]]:
        """What each strip is stored as."""
        return [self._parts(k) for k in range(len(self._payloads))]

    def describe(self, chunks: list[Chunk]) -> FileInfo:
        """As `Picture.describe`, part by part."""
        parts = [
            PartInfo(strip, part.planes, _way(part), part.colours, len(part.stored))
            for strip, parts in enumerate(self.parts())
            for part in parts
        ]
        sizes: dict[str, int] = {}
        for part in parts:
            planes = f"list of {_counted(part.colours, 'colour')}" if part.colours else _counted(part.planes, "plane")
            way = f"{planes}, {part.predictor if part.predictor == MIXING else 'predictor ' + part.predictor}"
            sizes[way] = sizes.get(way, 0) + part.bytes
        ways = ", ".join(f"{way} ({size:,} bytes)" for way, size in sizes.items())
        line = f"exact, {_counted(len(self._payloads), 'strip')}, {ways}"
        return FileInfo(self.head, chunks, line, parts=parts)

    def _strips(self, y0: int, y1: int, budget: Budget | None) -> Iterator[tuple[int, Array]]:
        """(first row, pixels in the file's mode) of each strip that has one of the rows y0 … y1 − 1."""
        with Crew(min(self.threads, strips_at_once(self.header))) as crew:
            wanted = self._wanted(y0, y1)
            for (_, top), pixels in crew.in_order(lambda strip: self._pixels(strip[0], budget), wanted, ahead=1):
                yield top, pixels

    def _wanted(self, y0: int, y1: int) -> list[tuple[int, int]]:
        """(number, first row) of each strip that has one of the rows y0 … y1 − 1."""
        rows = strip_rows(self.header.width, self.header.height)
        return [(k, top) for k, (top, bottom) in enumerate(rows) if top < y1 and bottom > y0]

    def _rows(self, y0: int, y1: int, budget: Budget | None) -> Array:
        """Rows y0 … y1 − 1 of the picture."""
        pixels: Array | None = None
        for top, rows in self._strips(y0, y1, budget):
            first, last = max(top, y0), min(top + len(rows), y1)
            if pixels is None:  # after the first strip: most files that hold nothing are found out by then
                pixels = np.empty((y1 - y0, *rows.shape[1:]), rows.dtype)
            pixels[first - y0 : last - y0] = rows[first - top : last - top]
        assert pixels is not None
        return pixels

    def _pixels(self, k: int, budget: Budget | None) -> Array:
        """Strip k in the file's mode, (h, W) or (h, W, C); all samples 0 where the file has ended."""
        shape = self._shapes[k]
        if k >= len(self._payloads):
            blank: Planes = np.zeros((shape.planes, shape.height, shape.width), sample_type(shape.size))
            return from_planes(blank, self.header.mode)
        parts = self._parts(k)
        check_patience(parts, self._shapes, f"strip {k}")
        planes = unpack_parts(parts, shape, f"strip {k}", budget)
        if self._palette is not None and (largest := planes.max()) >= len(self._palette):
            raise FormatError(f"strip {k}: expected places in a palette of {len(self._palette)}, got {largest}")
        return from_planes(planes, self.header.mode)

    def _parts(self, k: int) -> list[Part]:
        """What strip k is stored as, not expanded; FormatError: more follows, or it is mixed and may not be."""
        fields = FieldReader(self._payloads[k])
        parts = read_parts(fields, self._shapes[k], f"strip {k}")
        if any(part.mixed for part in parts) and not may_mix(self.header):
            raise FormatError(f"strip {k}: expected no part of the mixing coder in a picture of this size, got one")
        if rest := len(fields.rest()):
            raise FormatError(f"strip {k}: expected nothing after its parts, got {rest} bytes")
        return parts


def _way(part: Part) -> str:
    """How a part is stored, in a word or two."""
    return MIXING if part.mixed else PREDICTOR_NAMES[part.predictor]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"
