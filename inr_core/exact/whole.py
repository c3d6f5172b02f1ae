"""Planes of a whole picture in one chunk: all their strips, one behind the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..container.fields import FieldReader
from ..limits import Budget, Cost
from .colours import Planes
from .cost import strips_cost
from .planes import check_patience, strip_rows
from .strips import Shape, pack_strip, read_parts, unpack_parts


def whole_shapes(planes: int, width: int, height: int, size: int) -> list[Shape]:
    """Of the strips of planes of width × height samples of 0 … size − 1."""
    return [Shape(planes, bottom - top, width, size) for top, bottom in strip_rows(width, height)]


def pack_whole(planes: Planes, size: int, groups: Sequence[int], level: int, may_mix: bool) -> bytes:
    """The strips of planes (P, H, W) of 0 … size − 1; the rest as `pack_strip`."""
    rows = strip_rows(planes.shape[2], planes.shape[1])
    return b"".join(pack_strip(planes[:, a:b], size, groups, level, may_mix) for a, b in rows)


class Whole:
    """What `pack_whole` made, off the front of a chunk's fields. FormatError, here or when expanded: it is not that."""

    def __init__(self, fields: FieldReader, shapes: Sequence[Shape], what: str) -> None:
        self._shapes, self._what = shapes, what
        self.strips = [read_parts(fields, shape, f"{what}, strip {k}") for k, shape in enumerate(shapes)]

    @property
    def cost(self) -> Cost:
        """Of all of it, whatever part is asked for."""
        return strips_cost(list(zip(self._shapes, self.strips, strict=True)))

    def planes(self, budget: Budget | None = None) -> Planes:
        """(P, H, W); LimitError: they ask more than the budget has."""
        for k, parts in enumerate(self.strips):
            check_patience(parts, self._shapes, f"{self._what}, strip {k}")
        strips = [
            unpack_parts(parts, shape, f"{self._what}, strip {k}", budget)
            for k, (parts, shape) in enumerate(zip(self.strips, self._shapes, strict=True))
        ]
        return strips[0] if len(strips) == 1 else np.concatenate(strips, 1)
