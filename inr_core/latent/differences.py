"""What a file's networks are beside the prior's: sparse differences, multiples of a power of two for each array.

Bytes: for every array of `ARRAYS` one byte, 0 where nothing differs, else 1 + the scale of its symbols, and then one
byte for log2 of what they count; behind them the symbols (see `symbols`) of all arrays that differ, in their order.
Weights that no parity may use are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..container.fields import FieldReader
from ..entropy.symbols import SymbolReader, SymbolWriter
from ..entropy.tables import MEANS, SCALES, SymbolTables, code_lengths
from ..errors import FormatError
from .prior import LAYERS, MAX_SHIFT, Prior, parity_mask, replaced, to_arrays

ARRAYS = tuple(f"{part}_{name}" for part, names in LAYERS.items() for name in names)

Ints = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Difference:
    """Of one array."""

    steps: Ints  # as the array: the difference in multiples of 2^shift
    shift: int  # 0 … 20


Differences = Mapping[str, Difference]  # by name, those of ARRAYS that differ


def adapted(prior: Prior, differences: Differences) -> Prior:
    """The prior with the differences added; FormatError where its sums could then become inexact."""
    if not differences:
        return prior
    arrays = to_arrays(prior)
    changed = {
        name: arrays[name] + (difference.steps.astype(np.int64) << difference.shift)
        for name, difference in differences.items()
    }
    try:
        return replaced(prior, changed)
    except FormatError as e:
        raise FormatError(f"differences, {e}") from e


def pack(prior: Prior, differences: Differences) -> tuple[bytes, float]:
    """The bytes, and the ideal length of their symbols in bits."""
    head = bytearray()
    writer = SymbolWriter(prior.tables)
    for name in ARRAYS:
        difference = differences.get(name)
        steps = difference.steps[coded_mask(name, difference.steps.shape)] if difference else np.zeros(0, np.int32)
        if difference is None or not steps.any():
            head.append(0)
            continue
        scale = int(bits_by_scale(prior.tables, steps).argmin())
        head += bytes([1 + scale, difference.shift])
        writer.add(_rows(scale, steps.size), steps)
    return bytes(head) + writer.finish(), writer.ideal_bits


def unpack(data: bytes, prior: Prior) -> Differences:
    """What `pack` wrote; FormatError for anything else."""
    fields = FieldReader(data)
    arrays = to_arrays(prior)
    present: list[tuple[str, int, int]] = []
    for name in ARRAYS:
        scale = fields.byte(f"differences, {name}, scale", 0, SCALES)
        if scale:
            present.append((name, scale - 1, fields.byte(f"differences, {name}, shift", 0, MAX_SHIFT)))
    coded = {name: coded_mask(name, arrays[name].shape) for name, _, _ in present}
    reader = SymbolReader(fields.rest(), prior.tables, "differences", sum(int(m.sum()) for m in coded.values()))
    differences = {}
    for name, scale, shift in present:
        steps = np.zeros(arrays[name].shape, np.int32)
        steps[coded[name]] = reader.read(_rows(scale, int(coded[name].sum())))
        differences[name] = Difference(steps, shift)
    reader.finish()
    return differences


def bits_by_scale(tables: SymbolTables, steps: Ints) -> NDArray[np.float64]:
    """Bits of symbols (n,) for each scale that all of them could be coded with (64,)."""
    values, counts = np.unique(steps, return_counts=True)
    return np.array([code_lengths(tables, _rows(s, len(values)), values) @ counts for s in range(SCALES)])


def _rows(scale: int, count: int) -> NDArray[np.int64]:
    """Rows of symbols whose mean is 0."""
    return np.full(count, scale * MEANS + MEANS // 2)


@cache
def coded_mask(name: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which values of an array of that shape a network can use."""
    if name.endswith("_w1") and not name.startswith("cell"):
        return np.broadcast_to(parity_mask(*shape[:2])[:, :, None, None], shape)
    return np.ones(shape, np.bool_)
