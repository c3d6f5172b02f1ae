"""The tables of the latent model's symbols: 64 scales × 8 fractional means, a row each. Integers only.

Row s·8 + f is a Laplace distribution of scale exp(−5 + s·11/63) and mean (f − 4)/8, in steps. Its table codes a bucket
j of 2^k symbols, j = (symbol + half) >> k with half = 2^k >> 1; k, which depends on s alone, is 0 but for wide scales.
The entries of a row stand in this order: bucket 0, then for every m = 1 … M the buckets −m, m (where f < 4) or m, −m,
last the tails, classes c of symbols beyond these buckets. Raw bits say which symbol of a bucket it is, symbol + half −
j·2^k in k bits. A symbol beyond, whose magnitude is u above the least one of bucket M + 1, has the number z = 2u, or
2u + 1 below zero. The tails divide the numbers among them, 2^(w + k) each for w = TAIL_WIDTHS[c] and all others for the
last; raw bits say how far into its tail a number is, w + k of them, at most 24.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..container.fields import expect
from ..errors import FormatError
from ..kernels import parities
from ..kernels.rans import PROB_BITS, PROB_SCALE, Rows

SCALES = parities.SCALES
MEANS = 8
ROWS = SCALES * MEANS
MAX_BUCKET = 127  # the largest M of a row
MAX_RAW_BITS = 16
MAX_ENTRIES = 1 << 16
SYMBOL_HALF = 1 << 23  # symbols are −2^23 … 2^23 − 1
MOST_WIDTH = 24  # of an entry: twice the magnitude of every symbol fits
TAIL_WIDTHS = np.array([1, 3, 5, 8, MOST_WIDTH])
TAILS = len(TAIL_WIDTHS)
TAIL_STARTS = np.cumsum(1 << TAIL_WIDTHS) - (1 << TAIL_WIDTHS)  # their least numbers, in 2^k
BIN_BITS = 4  # a slot >> 4 is its bin; what a bin inside one entry means is looked up, others are searched
MIN_LARGEST = 3  # the M of narrow scales
REACH = 8.0  # the M of others, in scales
WIDEST = 6.0  # scale, in buckets
TAIL_SHARE = 2.0**-14  # of each tail: pictures have heavier ones than Laplace
SKIP_AT = 0.9985  # probability of a symbol 0 that needs no coding

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SymbolTables(Rows):
    """What 512 rows say, for coding E entries and for decoding them: about 10 MB."""

    skipped: NDArray[np.bool_]  # (512,) rows whose symbol 0 needs no coding
    raw_bits: NDArray[np.int32]  # (512,) k
    largest: NDArray[np.int32]  # (512,) M
    offsets: NDArray[np.int32]  # (512,) of a row's first entry
    bases: NDArray[np.int32]  # (E,) the symbol if all raw bits are 0
    tails: NDArray[np.bool_]  # (E,) whether it is a tail
    widths: NDArray[np.uint8]  # (E,) number of raw bits
    intervals: NDArray[np.uint16]  # (2, E) starts and frequencies again
    costs: NDArray[np.float32]  # (E,) bits, the raw ones included

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> SymbolTables:
        """Tables out of the arrays of `laplace_tables`; FormatError for a missing one, a wrong shape or a value."""
        skipped = _integers(arrays, "table_skipped", ROWS, 0, 1)
        raw_bits = np.repeat(_integers(arrays, "table_raw_bits", SCALES, 0, MAX_RAW_BITS), MEANS)
        largest = _integers(arrays, "table_largest", ROWS, 0, MAX_BUCKET)
        sizes = 2 * largest + 1 + TAILS
        ends = np.cumsum(sizes)
        count = expect("table_largest, entries", int(ends[-1]), ROWS, MAX_ENTRIES)
        freqs = _integers(arrays, "table_freqs", count, 1, PROB_SCALE)
        sums = np.add.reduceat(freqs, ends - sizes)
        for wrong in np.flatnonzero(sums != PROB_SCALE):
            raise FormatError(f"table_freqs, row {wrong}: expected a sum of {PROB_SCALE}, got {sums[wrong]}")
        row = np.repeat(np.arange(ROWS), sizes)  # (E,)
        place = np.arange(count) - (ends - sizes)[row]
        negative = (place % 2 == 1) == (row % MEANS < MEANS // 2)
        bucket = np.where(negative, -1, 1) * (place + 1 >> 1)
        width = raw_bits[row]
        tail = place - 2 * largest[row] - 1
        tails = tail >= 0
        beyond = largest[row] + 1 + TAIL_STARTS[tail * tails] // 2
        bases = (np.where(tails, beyond, bucket) << width) - (1 << width >> 1)
        widths = width + tails * TAIL_WIDTHS[tail * tails]
        parts = Rows.parts(freqs, BIN_BITS)
        return cls(
            **parts,
            skipped=skipped.astype(np.bool_),
            raw_bits=raw_bits.astype(np.int32),
            largest=largest.astype(np.int32),
            offsets=(ends - sizes).astype(np.int32),
            bases=bases.astype(np.int32),
            tails=tails,
            widths=widths.clip(0, MOST_WIDTH).astype(np.uint8),
            intervals=np.stack([parts["starts"], freqs]).astype(np.uint16),
            costs=(PROB_BITS - np.log2(freqs) + widths.clip(0, MOST_WIDTH)).astype(np.float32),
        )

    def entries(self, rows: NDArray[np.integer], symbols: NDArray[np.integer]) -> NDArray[np.int32]:
        """The entries (…) that code symbols (…) of −2^23 … 2^23 − 1 in rows (…)."""
        width, whole = self.raw_bits[rows], symbols.astype(np.int32)
        bucket = whole + (1 << width >> 1) >> width
        size = np.abs(bucket)
        limit = self.largest[rows]
        before = (bucket < 0) == (rows % MEANS < MEANS // 2)  # of −m and m, the one that comes first
        place = 2 * size - (before & (size > 0))
        far = size > limit
        if far.any():
            width, limit, whole = width[far], limit[far], whole[far]
            least = (limit + 1 << width) - (1 << width >> 1)
            number = 2 * (np.abs(whole) - least) + (whole < 0)
            place[far] = 2 * limit + np.searchsorted(TAIL_STARTS, number >> width, side="right")
        entries: NDArray[np.int32] = self.offsets[rows] + place
        return entries

    def raw(self, entries: NDArray[np.integer], symbols: NDArray[np.int32]) -> NDArray[np.int32]:
        """What the raw bits of symbols (n,) in entries (n,) are."""
        values: NDArray[np.int32] = symbols - self.bases[entries]
        far = np.flatnonzero(self.tails[entries])
        if len(far):
            values[far] = 2 * (np.abs(symbols[far]) - self.bases[entries[far]]) + (symbols[far] < 0)
        return values

    def symbols(self, entries: NDArray[np.integer], values: NDArray[np.int32]) -> NDArray[np.int32]:
        """The symbols (n,) of entries (n,) with raw bits (n,); FormatError for any beyond −2^23 … 2^23 − 1."""
        symbols: NDArray[np.int32] = self.bases[entries] + values
        far = np.flatnonzero(self.tails[entries])
        if len(far):
            magnitude = self.bases[entries[far]] + (values[far] >> 1)
            symbols[far] = np.where(values[far] & 1, -magnitude, magnitude)
            for symbol in (symbols[far].min(), symbols[far].max()):
                expect("raw bits, symbol", int(symbol), -SYMBOL_HALF, SYMBOL_HALF - 1)
        return symbols


def _integers(arrays: Mapping[str, NDArray[Any]], name: str, count: int, low: int, high: int) -> Ints:
    """An array (count,) of integers low … high."""
    array = arrays.get(name)
    if array is None or array.dtype.kind not in "iu" or array.shape != (count,):
        got = "none" if array is None else f"{array.dtype} {array.shape}"
        raise FormatError(f"{name}: expected integers ({count},), got {got}")
    for value in (array.min(), array.max()):
        expect(name, int(value), low, high)
    return array.astype(np.int64)


def code_lengths(tables: SymbolTables, rows: NDArray[np.integer], symbols: NDArray[np.integer]) -> NDArray[np.float32]:
    """Bits (…) of symbols (…) in rows (…), raw bits included."""
    lengths: NDArray[np.float32] = tables.costs[tables.entries(rows, symbols)]
    return lengths


def laplace_tables() -> dict[str, NDArray[Any]]:
    """The arrays of the tables, computed in float: a prior stores them."""
    scales = np.exp(-5 + np.arange(SCALES) * (11 / 63))
    raw_bits = np.maximum(0, np.ceil(np.log2(scales / WIDEST))).astype(int)
    largest = np.maximum(MIN_LARGEST, np.ceil(REACH * scales / 2.0**raw_bits)).astype(int)
    arrays = {
        "table_largest": np.repeat(largest, MEANS).astype(np.uint8),
        "table_raw_bits": raw_bits.astype(np.uint8),
    }
    return arrays | frequencies(laplace_shares(arrays))


def laplace_shares(arrays: Mapping[str, NDArray[Any]]) -> list[Floats]:
    """The probabilities of each row's entries where table_largest and table_raw_bits say what these are.

    Tails are as probable as they are beside a Laplace distribution with TAIL_SHARE for each of them.
    """
    shares = []
    for row in range(ROWS):
        scale, mean = np.exp(-5 + row // MEANS * (11 / 63)), (row % MEANS - MEANS // 2) / MEANS
        last, width = int(arrays["table_largest"][row]), int(arrays["table_raw_bits"][row // MEANS])
        half = 1 << width >> 1
        size = (np.arange(2 * last + 1) + 1) // 2
        signs = np.where(np.arange(2 * last + 1) % 2 == 0, -1, 1) * (-1 if mean < 0 else 1)
        low = (size * signs << width) - half
        inside = _laplace(low + (1 << width) - 0.5 - mean, scale) - _laplace(low - 0.5 - mean, scale)
        edges = (last + 1 + TAIL_STARTS // 2 << width) - half - 0.5  # of the tails, in magnitude
        reached = np.append(_laplace(mean - edges, scale) + _laplace(-mean - edges, scale), 0)
        shares.append(np.append(inside, -np.diff(reached) + TAIL_SHARE) / (1 + TAILS * TAIL_SHARE))
    return shares


def frequencies(shares: Sequence[Floats]) -> dict[str, NDArray[Any]]:
    """table_freqs and table_skipped of the probabilities of each row's entries.

    Rows whose symbol 0 has a probability of at least SKIP_AT are flagged. The frequencies of the probable entries are
    multiples of 2^BIN_BITS, so that few slots need a search.
    """
    return {
        "table_freqs": np.concatenate([_aligned(row) for row in shares]).astype(np.uint16),
        "table_skipped": np.array([row[0] >= SKIP_AT for row in shares], np.uint8),
    }


def _laplace(x: Any, scale: float) -> Any:
    """The cumulative distribution."""
    tail = 0.5 * np.exp(-np.abs(x) / scale)
    return np.where(np.asarray(x) < 0, tail, 1 - tail)


def _aligned(shares: NDArray[np.float64]) -> Ints:
    """Frequencies (A,) of probabilities (A,); up to the first small one in multiples of 2^BIN_BITS."""
    exact = shares * PROB_SCALE
    unit = 1 << BIN_BITS
    head = int(np.argmax(np.append(exact < 2 * unit, True)))
    freqs = np.rint(exact / unit).astype(np.int64) * unit
    rest = len(exact) - head
    tail = unit * max(-(-rest // unit), round(exact[head:].sum() / unit))
    freqs[np.argmax(exact[: max(head, 1)])] += PROB_SCALE - tail - freqs[:head].sum()
    excess = np.maximum(exact[head:] - 1, 0)
    excess = excess if excess.any() else np.ones(rest)
    ends = np.rint(np.cumsum(excess) / excess.sum() * (tail - rest)).astype(np.int64)
    freqs[head:] = 1 + np.diff(ends, prepend=0)
    return freqs
