"""The symbols of one parity of a grid: keys → quantised values, what these stand for, what later networks see of them.

Where symbols come from or go to is a `Source`. NumPy's way is the definition; readers and writers of symbols have a
compiled one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..entropy.cut import CutSymbolReader
from ..entropy.symbols import SymbolReader, SymbolWriter
from ..entropy.tables import SymbolTables
from ..kernels import switch
from ..kernels.pairs import Maps
from .choosing import Place, Wanted
from .maps import ParityMaps
from .prior import ORDER
from .steps import Keys

Ints = NDArray[np.int32]
READ, WRITE, ZEROS = range(3)  # of the compiled kernel
SIGNED_MAX, SIGNED_UNIT = 8, 8
FIRST_BITS = 7  # of the slots for which `_CompiledTables.first` says where to look


class Source(Protocol):
    """Where symbols come from, or go to."""

    def exchange(self, rows: NDArray[np.integer[Any]], rounded: Ints, wanted: Ints | None) -> Ints:
        """Values (n,) of symbols in rows (n,) of the tables, which count from `rounded`; `wanted` if they are known."""


class NoSymbols:
    """All symbols are 0, which the networks expect."""

    def exchange(self, rows: NDArray[np.integer[Any]], rounded: Ints, wanted: Ints | None) -> Ints:
        """The means in whole steps."""
        return rounded


@dataclass(frozen=True, eq=False)
class Parity:
    """What one parity of a level's grid is coded with, and what it writes."""

    keys: Keys
    skip: bool  # whether symbols that are surely 0 are not coded
    tables: SymbolTables
    recon: Ints  # (64,)
    magnitudes: NDArray[np.int16]  # (256,)
    rank: int
    maps: ParityMaps
    values: Ints  # (bands, h, w) of the level, in 1/64 of a step
    features: Maps  # (3, h, w, 2) of the level: (magnitude, sign) of three bands, or two magnitudes each of six
    details: Ints | None  # (bands, h, w): an encoder's values; those that are not coded become 0
    wanted: Wanted | None = None  # what values are chosen for before they are coded; None: they are there

    @property
    def start(self) -> tuple[int, int]:
        """First row and column in the grid; each second one follows."""
        return divmod(ORDER[self.rank], 2)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        (top, left), (_, h, w) = self.start, self.values.shape
        return (h - top + 1) // 2, (w - left + 1) // 2

    def place(self, first: int, rows: int) -> Place:
        """Where rows [first, first + rows) are in the grid."""
        top, left = self.start
        return slice(None), slice(top + 2 * first, top + 2 * (first + rows), 2), slice(left, None, 2)

    def inside(self, keys: Ints, rows: int) -> Ints:
        """Keys of so many rows, (bands or more, rows · stride) → (bands, rows, columns)."""
        bands = len(self.values)
        return keys[:bands].reshape(bands, rows, -1)[..., : self.size[1]]


def code(parity: Parity, source: Source, keys: Ints, first: int, rows: int) -> None:
    """Code rows [first, first + rows) of a parity. `keys`: (bands or more, rows · stride) as the maps have them.

    FormatError from a reader, ValueError from a writer: symbols that cannot be.
    """
    if parity.wanted is not None:
        _choose(parity, keys, first, rows)
    found = switch.compiled()
    if found is None or not _code_compiled(*found, parity, source, keys, first, rows):
        _code(parity, source, keys, first, rows)


def _choose(parity: Parity, keys: Ints, first: int, rows: int) -> None:
    """Into `details`, what costs least."""
    assert parity.wanted is not None
    assert parity.details is not None
    at = parity.place(first, rows)
    parity.details[at] = parity.wanted.choose(at, parity.inside(keys, rows), parity.keys, parity.tables, parity.skip)


def _code(parity: Parity, source: Source, keys: Ints, first: int, rows: int) -> None:
    """`code` by NumPy."""
    at = parity.place(first, rows)
    values = parity.values[at]
    bands, _, columns = values.shape
    flat = parity.inside(keys, rows).transpose(1, 2, 0).reshape(-1)
    coded = np.flatnonzero(parity.keys.coded[flat]) if parity.skip else np.arange(len(flat))
    key = flat[coded]
    wanted = None
    if parity.details is not None:
        wanted = parity.details[at].transpose(1, 2, 0).reshape(-1)[coded]
    symbols = source.exchange(parity.keys.row[key], parity.keys.rounded[key], wanted)
    known = np.zeros(len(flat), np.int32)
    known[coded] = symbols
    v = parity.keys.zero[flat]
    v[coded] = parity.keys.values(key, symbols)
    values[:] = v.reshape(rows, columns, bands).transpose(2, 0, 1)
    q = known.reshape(rows, columns, bands).transpose(2, 0, 1)
    if parity.details is not None:
        parity.details[at] = q
    sizes = parity.magnitudes[np.minimum(np.abs(q), 255)]
    signs = np.clip(q, -SIGNED_MAX, SIGNED_MAX).astype(np.int16)
    signs *= SIGNED_UNIT
    if bands == 3:
        shown = seen = np.stack([sizes, signs], -1)
    else:
        shown, seen = (part.reshape(3, 2, rows, columns).transpose(0, 2, 3, 1) for part in (sizes, signs))
    parity.features[at] = shown
    parity.maps.show(parity.rank, first, seen)


def _code_compiled(
    native: ModuleType, kernels: int, parity: Parity, source: Source, keys: Ints, first: int, rows: int
) -> bool:
    """The same, compiled; False where that cannot be done, and nothing of the source has changed."""
    bands, height, width = parity.values.shape
    states, details = np.empty(0, np.int64), np.empty((0, 0, 0), np.int32)
    words = raw = b""
    cursor = np.zeros(4, np.int64)
    entries, raws = np.empty(0, np.uint16), np.empty(0, np.int32)
    columns = parity.size[1]
    if isinstance(source, SymbolReader):
        mode = READ
        if isinstance(source, CutSymbolReader) and source.ended:
            mode = ZEROS
        else:
            states, words, raw, cursor = source.position()
    elif isinstance(source, SymbolWriter) and parity.details is not None:
        mode, details = WRITE, parity.details
        entries, raws = np.empty(bands * rows * columns, np.uint16), np.empty(bands * rows * columns, np.int32)
    elif isinstance(source, NoSymbols):
        mode = ZEROS
    else:
        return False
    tables = _compiled(parity.tables)
    top, left = parity.start
    done: bool = native.code_parity(
        kernels,
        mode,
        bands,
        2 * top + left,
        not parity.skip,
        *(keys, keys.shape[1], parity.maps.stride),
        *(tables.rows, tables.entries, tables.first),
        *(height, width, first, rows, columns),
        *(parity.recon, parity.magnitudes, parity.values, parity.features),
        *(parity.maps.own(parity.rank), parity.maps.plane, parity.maps.stride),
        *(states, words, raw, cursor, details, entries, raws),
    )
    if done and isinstance(source, SymbolReader) and mode == READ:
        source.move(states, cursor)
    elif done and isinstance(source, SymbolWriter):
        source.append(entries[: cursor[0]], raws[: cursor[1]])
    return done


@dataclass(frozen=True, eq=False)
class _CompiledTables:
    """Tables as native.h has them."""

    rows: NDArray[Any]  # (512,) first entry, M, k, whether a symbol 0 is skipped
    entries: NDArray[Any]  # (E,) start, frequency, base, raw bits, whether it is a tail
    first: NDArray[np.uint16]  # (512 << 7,) the entry in which a range of slots begins


ROW = np.dtype([("offset", "<i4"), ("largest", "<i2"), ("raw_bits", "u1"), ("skipped", "u1")])
ENTRY = np.dtype(
    [("start", "<u2"), ("freq", "<u2"), ("base", "<i4"), ("width", "u1"), ("tail", "u1"), ("unused", "<u2")]
)


@lru_cache(4)
def _compiled(tables: SymbolTables) -> _CompiledTables:
    """What the compiled kernel takes of a prior's tables."""
    rows = np.zeros(len(tables.offsets), ROW)
    rows["offset"], rows["largest"] = tables.offsets, tables.largest
    rows["raw_bits"], rows["skipped"] = tables.raw_bits, tables.skipped
    entries = np.zeros(len(tables.starts), ENTRY)
    entries["start"], entries["freq"], entries["base"] = tables.starts, tables.freqs, tables.bases
    entries["width"], entries["tail"] = tables.widths, tables.tails
    slots = np.arange(len(rows) << FIRST_BITS, dtype=np.int64) << 15 - FIRST_BITS
    return _CompiledTables(rows, entries, tables.search(slots).astype(np.uint16))
