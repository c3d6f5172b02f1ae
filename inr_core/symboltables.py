"""The tables of the latent model's symbols: 64 scales × 8 fractional means, a row each. Integers only.

Row s·8 + f is a Laplace distribution of scale exp(−5 + s·11/63) and mean (f − 4)/8, in steps. Its table codes a bucket
j of 2^k symbols, j = (symbol + half) >> k with half = 2^k >> 1; k, which depends on s alone, is 0 but for wide scales.
The entries of a row stand in this order: bucket 0, then for every m = 1 … M the buckets −m, m (where f < 4) or m, −m,
last the escape. Raw bits say which symbol of a bucket it is, symbol + half − j·2^k in k bits, and what an escape stands
for, symbol + 2^23 in 24 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import rangecoder as rc
from .errors import FormatError
from .fields import expect

SCALES = 64
MEANS = 8
ROWS = SCALES * MEANS
MAX_BUCKET = 127  # the largest M of a row
MAX_RAW_BITS = 16
MAX_ENTRIES = 1 << 16
ESCAPE_BITS = 24
ESCAPE_HALF = 1 << ESCAPE_BITS - 1  # symbols are −2^23 … 2^23 − 1
BIN_BITS = 4  # a slot >> 4 is its bin; what a bin inside one entry means is looked up, others are searched
ROW_BITS = rc.PROB_BITS - BIN_BITS  # of the bins of a row
BINS = ROWS << ROW_BITS
SEARCHED = (1 << rc.WORD_BITS) - 1  # instead of a bin's entry: frequency 0, start 2^16 − 1, makes the state negative
MIN_LARGEST = 3  # the M of narrow scales: the tails of pictures are heavier than Laplace's
WIDEST = 6.0  # scale, in buckets

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SymbolTables:
    """What 512 rows say, for coding E entries and for decoding them: about 10 MB."""

    skipped: NDArray[np.bool_]  # (512,) rows whose symbol 0 needs no coding
    raw_bits: NDArray[np.int32]  # (512,) k
    largest: NDArray[np.int32]  # (512,) M
    offsets: NDArray[np.int32]  # (512,) of a row's first entry
    starts: Ints  # (E,) in units of 2^-15, as `rangecoder` takes them
    freqs: Ints  # (E,)
    edges: Ints  # (E,) row << 15 | start, ascending
    bases: NDArray[np.int32]  # (E,) the symbol if all raw bits are 0
    widths: NDArray[np.uint8]  # (E,) number of raw bits
    costs: NDArray[np.float32]  # (E,) bits, the raw ones included
    bins: Ints  # (512 << 11,) frequency << 16 | start of the one entry in a bin, or SEARCHED
    entry_of: NDArray[np.uint16]  # (512 << 11 + E,) the entry of a bin; after the bins, every entry

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> SymbolTables:
        """Tables out of the arrays of `laplace_tables`; FormatError for a missing one, a wrong shape or a value."""
        skipped = _integers(arrays, "table_skipped", ROWS, 0, 1)
        raw_bits = np.repeat(_integers(arrays, "table_raw_bits", SCALES, 0, MAX_RAW_BITS), MEANS)
        largest = _integers(arrays, "table_largest", ROWS, 0, MAX_BUCKET)
        sizes = 2 * largest + 2
        ends = np.cumsum(sizes)
        count = expect("table_largest, entries", int(ends[-1]), ROWS, MAX_ENTRIES)
        freqs = _integers(arrays, "table_freqs", count, 1, rc.PROB_SCALE)
        sums = np.add.reduceat(freqs, ends - sizes)
        for wrong in np.flatnonzero(sums != rc.PROB_SCALE):
            raise FormatError(f"table_freqs, row {wrong}: expected a sum of {rc.PROB_SCALE}, got {sums[wrong]}")
        row = np.repeat(np.arange(ROWS), sizes)  # (E,)
        edges = np.cumsum(freqs) - freqs
        place = np.arange(count) - (ends - sizes)[row]
        negative = (place % 2 == 1) == (row % MEANS < MEANS // 2)
        bucket = np.where(negative, -1, 1) * (place + 1 >> 1)
        escape = place == sizes[row] - 1
        width = raw_bits[row]
        bases = np.where(escape, -ESCAPE_HALF, (bucket << width) - (1 << width >> 1))
        widths = np.where(escape, ESCAPE_BITS, width)
        bins, entry_of = _bins(edges, freqs)
        return cls(
            skipped=skipped.astype(np.bool_),
            raw_bits=raw_bits.astype(np.int32),
            largest=largest.astype(np.int32),
            offsets=(ends - sizes).astype(np.int32),
            starts=edges & rc.SLOT_MASK,
            freqs=freqs,
            edges=edges,
            bases=bases.astype(np.int32),
            widths=widths.astype(np.uint8),
            costs=(rc.PROB_BITS - np.log2(freqs) + widths).astype(np.float32),
            bins=bins,
            entry_of=entry_of,
        )

    def entries(self, rows: NDArray[np.integer], symbols: NDArray[np.integer]) -> NDArray[np.int32]:
        """The entries (…) that code symbols (…) of −2^23 … 2^23 − 1 in rows (…)."""
        width = self.raw_bits[rows]
        bucket = symbols.astype(np.int32) + (1 << width >> 1) >> width
        size = np.abs(bucket)
        limit = self.largest[rows]
        before = (bucket < 0) == (rows % MEANS < MEANS // 2)  # of −m and m, the one that comes first
        place = 2 * size - (before & (size > 0))
        entries: NDArray[np.int32] = self.offsets[rows] + np.where(size <= limit, place, 2 * limit + 1)
        return entries

    def search(self, edges: Ints) -> Ints:
        """The entries (n,) in which row << 15 | slot (n,) lie."""
        return np.searchsorted(self.edges, edges, side="right") - 1


def _integers(arrays: Mapping[str, NDArray[Any]], name: str, count: int, low: int, high: int) -> Ints:
    """An array (count,) of integers low … high."""
    array = arrays.get(name)
    if array is None or array.dtype.kind not in "iu" or array.shape != (count,):
        got = "none" if array is None else f"{array.dtype} {array.shape}"
        raise FormatError(f"{name}: expected integers ({count},), got {got}")
    for value in (array.min(), array.max()):
        expect(name, int(value), low, high)
    return array.astype(np.int64)


def _bins(edges: Ints, freqs: Ints) -> tuple[Ints, NDArray[np.uint16]]:
    """`SymbolTables.bins` and `entry_of`."""
    first = np.append(edges, ROWS << rc.PROB_BITS) + (1 << BIN_BITS) - 1 >> BIN_BITS
    number = np.diff(first)  # of the bins that begin inside
    bins = np.repeat(freqs << rc.WORD_BITS | edges & rc.SLOT_MASK, number)
    bins[edges[edges & (1 << BIN_BITS) - 1 > 0] >> BIN_BITS] = SEARCHED
    every = np.arange(len(freqs), dtype=np.uint16)
    return bins, np.append(np.repeat(every, number), every)


def code_lengths(tables: SymbolTables, rows: NDArray[np.integer], symbols: NDArray[np.integer]) -> NDArray[np.float32]:
    """Bits (…) of symbols (…) in rows (…), raw bits included."""
    lengths: NDArray[np.float32] = tables.costs[tables.entries(rows, symbols)]
    return lengths


def laplace_tables(skip_at: float = 0.9985) -> dict[str, NDArray[Any]]:
    """The arrays of the tables, computed in float: a prior stores them.

    Rows whose symbol 0 has a probability of at least `skip_at` are flagged. The frequencies of the probable entries are
    multiples of 2^BIN_BITS, so that few slots need a search.
    """
    largest, raw_bits, freqs, skipped = [], [], [], []
    for row in range(ROWS):
        scale = np.exp(-5 + row // MEANS * (11 / 63))
        mean = (row % MEANS - MEANS // 2) / MEANS
        width = max(0, int(np.ceil(np.log2(scale / WIDEST))))
        last = max(MIN_LARGEST, int(np.ceil(scale / 2**width * np.log(2 * rc.PROB_SCALE))))
        size = (np.arange(2 * last + 1) + 1) // 2
        signs = np.where(np.arange(2 * last + 1) % 2 == 0, -1, 1) * (-1 if mean < 0 else 1)
        low = (size * signs << width) - (1 << width >> 1)
        inside = _laplace(low + (1 << width) - 0.5 - mean, scale) - _laplace(low - 0.5 - mean, scale)
        freqs.append(_aligned(np.append(inside, max(0.0, 1 - inside.sum()))))
        largest.append(last)
        raw_bits.append(width)
        skipped.append(_laplace(0.5 - mean, scale) - _laplace(-0.5 - mean, scale) >= skip_at)
    return {
        "table_freqs": np.concatenate(freqs).astype(np.uint16),
        "table_largest": np.array(largest, np.uint8),
        "table_raw_bits": np.array(raw_bits[::MEANS], np.uint8),
        "table_skipped": np.array(skipped, np.uint8),
    }


def _laplace(x: Any, scale: float) -> Any:
    """The cumulative distribution."""
    tail = 0.5 * np.exp(-np.abs(x) / scale)
    return np.where(np.asarray(x) < 0, tail, 1 - tail)


def _aligned(shares: NDArray[np.float64]) -> Ints:
    """Frequencies (A,) of probabilities (A,) whose first is among the largest."""
    exact = shares * rc.PROB_SCALE
    unit = 1 << BIN_BITS
    head = int(np.argmax(exact < 2 * unit))  # the escape at the latest
    freqs = np.rint(exact / unit).astype(np.int64) * unit
    rest = len(exact) - head
    tail = unit * max(-(-rest // unit), round(exact[head:].sum() / unit))
    freqs[0] += rc.PROB_SCALE - tail - freqs[:head].sum()
    excess = np.maximum(exact[head:] - 1, 0)
    excess = excess if excess.any() else np.ones(rest)
    ends = np.rint(np.cumsum(excess) / excess.sum() * (tail - rest)).astype(np.int64)
    freqs[head:] = 1 + np.diff(ends, prepend=0)
    return freqs
