"""A plane that stands exactly beside what another model makes: all of the alpha, or where its ends are.

The ends are the lowest and the highest value of the last channel: alpha or, in a mask, grey. A pixel that was at one of
them is at it again, and no other pixel is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..container.fields import FieldReader, pack_number
from ..container.header import Raster
from ..errors import FormatError, TruncatedError
from ..kernels.resample import Box
from ..limits import Cost
from .cost import mixed_cost, strips_cost
from .planes import check_patience, strip_rows
from .strips import Shape, pack_strip, read_parts, unpack_parts

MIXED_SECONDS = 9.5  # to decode a plane by the mixing coder at the most: what is beside it takes its own time
LOW, BETWEEN, HIGH = range(3)  # what the plane of ends says of a pixel
Plane = NDArray[np.unsignedinteger[Any]]  # (h, w)


def pack_alpha(alpha: Plane, level: int) -> bytes:
    """What stands for all of an alpha (H, W), by a level of Zstandard."""
    return _pack(alpha, 1 << 8 * alpha.itemsize, level)


def pack_ends(samples: Plane, low: int, high: int, level: int, made: tuple[int, int] | None = None) -> bytes:
    """What stands for the ends of samples (H, W) of low … high, at least two more; by a level of Zstandard.

    made: the samples that are made of them, by default low and high; all others come strictly between these two.
    """
    first, last = made or (low, high)
    return pack_number(first) + pack_number(last) + _pack(ends_of(samples, low, high), HIGH + 1, level)


def ends_of(values: Plane, low: int, high: int) -> NDArray[np.uint8]:
    """LOW, BETWEEN and HIGH for each of the values."""
    ends: NDArray[np.uint8] = (values > low).astype(np.uint8) + (values == high)
    return ends


def _pack(plane: Plane, size: int, level: int) -> bytes:
    height, width = plane.shape
    strips = strip_rows(width, height)
    may_mix = mixed_cost([Shape(1, b - a, width, size) for a, b in strips]).seconds <= MIXED_SECONDS
    return b"".join(pack_strip(plane[None, a:b], size, (1,), level, may_mix) for a, b in strips)


class Beside:
    """What the first pixel chunk of a file with `Raster.plane` holds. FormatError, here or later: it does not."""

    def __init__(self, raster: Raster, payload: bytes) -> None:
        self.kind, self.bytes = raster.plane, len(payload)
        self._plane: Plane | None = None
        peak = (1 << raster.bit_depth) - 1
        fields = FieldReader(payload)
        self.low, self.high, size = 0, peak, peak + 1
        if self.kind == "ends":
            self.low = fields.number("ends, low", 0, peak - 2)
            self.high = fields.number("ends, high", self.low + 2, peak)
            size = HIGH + 1
        rows = strip_rows(raster.width, raster.height)
        self._shapes = [Shape(1, bottom - top, raster.width, size) for top, bottom in rows]
        self.strips = [read_parts(fields, shape, f"{self.kind}, strip {k}") for k, shape in enumerate(self._shapes)]
        if rest := len(fields.rest()):
            raise FormatError(f"{self.kind}: expected nothing after the last strip, got {rest} bytes")

    @property
    def plane(self) -> Plane:
        """(H, W): alpha, or LOW, BETWEEN and HIGH."""
        if self._plane is None:
            self._plane = self._unpacked()
        return self._plane

    def _unpacked(self) -> Plane:
        """`plane`, from its strips."""
        for k, parts in enumerate(self.strips):
            check_patience(parts, self._shapes, f"{self.kind}, strip {k}")
        strips = [
            unpack_parts(parts, shape, f"{self.kind}, strip {k}")[0]
            for k, (parts, shape) in enumerate(zip(self.strips, self._shapes, strict=True))
        ]
        return strips[0] if len(strips) == 1 else np.concatenate(strips)

    @property
    def cost(self) -> Cost:
        """Of all of it, whatever part is asked for."""
        return strips_cost(list(zip(self._shapes, self.strips, strict=True)))

    def completed(self, samples: NDArray[Any], plane: Plane | None = None) -> NDArray[Any]:
        """Samples (h, w, C) that a model made, with what the plane there, by default all of it, says."""
        plane = self.plane if plane is None else plane
        if self.kind == "alpha":
            return np.concatenate([samples, plane[..., None]], 2)
        done = samples.copy()
        between = np.clip(samples[..., -1], self.low + 1, self.high - 1)
        ends = np.array([self.low, 0, self.high], samples.dtype)
        done[..., -1] = np.where(plane == BETWEEN, between, ends[plane])
        return done

    def grid(self, level: int) -> Plane:
        """The plane at the positions of a pyramid's grid; it sees what is beside them, too."""
        plane = self.plane
        for _ in range(level):
            for axis in (0, 1):
                lines = np.moveaxis(plane, axis, 0)
                places = np.arange(0, len(lines), 2)
                before, behind = lines[np.maximum(places - 1, 0)], lines[np.minimum(places + 1, len(lines) - 1)]
                plane = np.moveaxis(self._mixed((before, lines[places], lines[places], behind)), 0, axis)
        return plane

    def between(self, box: Box) -> Plane:
        """The plane of pixels `box` and what is between them, as `LatentDecoder.between` gives them."""
        x0, y0, x1, y1 = box
        plane = self.plane[y0:y1, x0:x1]
        for axis in (0, 1):
            lines = np.moveaxis(plane, axis, 0)
            behind = np.concatenate([lines[1:], lines[-1:]])
            doubled = np.stack([lines, self._mixed((lines, behind))], 1).reshape(-1, lines.shape[1])
            plane = np.moveaxis(doubled, 0, axis)
        return plane

    def _mixed(self, planes: Sequence[Plane]) -> Plane:
        """Two or four of one shape → their mean, rounded half up; of ends, what they all say, or BETWEEN."""
        first, *others = planes
        if self.kind == "ends":
            same = np.logical_and.reduce([first == other for other in others])
            return np.where(same, first, np.uint8(BETWEEN))
        total = np.sum([plane.astype(np.uint32) for plane in planes], 0)
        mean: Plane = ((2 * total + len(planes)) // (2 * len(planes))).astype(first.dtype)
        return mean


def take_beside(raster: Raster, payloads: Sequence[bytes]) -> tuple[Beside | None, list[bytes]]:
    """The plane beside the model, if there is to be one, and the model's payloads; TruncatedError: it is not there."""
    if not raster.plane:
        return None, list(payloads)
    if not payloads:
        raise TruncatedError(f"pixel chunks: expected the plane of {raster.plane}, got none of it")
    return Beside(raster, payloads[0]), list(payloads[1:])
