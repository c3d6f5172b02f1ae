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
from ..limits import Budget, Cost
from .cost import mixed_cost
from .grids import between, on_grid, rounded_mean
from .whole import Whole, pack_whole, whole_shapes

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
    may_mix = mixed_cost(whole_shapes(1, width, height, size)).seconds <= MIXED_SECONDS
    return pack_whole(plane[None], size, (1,), level, may_mix)


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
        self._whole = Whole(fields, whole_shapes(1, raster.width, raster.height, size), self.kind)
        if rest := len(fields.rest()):
            raise FormatError(f"{self.kind}: expected nothing after the last strip, got {rest} bytes")

    def read(self, budget: Budget | None) -> None:
        """Decode the plane, once; LimitError: it asks more than the budget has."""
        if self._plane is None:
            self._plane = self._whole.planes(budget)[0]

    @property
    def plane(self) -> Plane:
        """(H, W): alpha, or LOW, BETWEEN and HIGH."""
        self.read(None)
        assert self._plane is not None
        return self._plane

    @property
    def cost(self) -> Cost:
        """Of all of it, whatever part is asked for."""
        return self._whole.cost

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

    def completed_grid(self, samples: NDArray[Any], level: int) -> NDArray[Any]:
        """Samples (h, w, C) of a pyramid's grid, likewise."""
        return self.completed(samples, on_grid(self.plane, level, self._mean))

    def completed_between(self, samples: NDArray[Any], box: Box) -> NDArray[Any]:
        """Samples (2h, 2w, C) of pixels `box` and what is between them, likewise."""
        return self.completed(samples, between(self.plane, box, self._mean))

    def _mean(self, planes: Sequence[Plane]) -> Plane:
        """Of alpha; of ends, what they all say, or BETWEEN."""
        if self.kind == "alpha":
            return rounded_mean(planes)
        first, *others = planes
        same = np.logical_and.reduce([first == other for other in others])
        return np.where(same, first, np.uint8(BETWEEN))


def take_beside(raster: Raster, payloads: Sequence[bytes]) -> tuple[bytes | None, list[bytes]]:
    """The payload of what is to stand beside the model, or None, and the model's; TruncatedError: it is not there."""
    if not raster.plane:
        return None, list(payloads)
    if not payloads:
        raise TruncatedError(f"pixel chunks: expected the plane of {raster.plane}, got none of it")
    return payloads[0], list(payloads[1:])
