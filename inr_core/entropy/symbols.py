"""Symbols of the latent model: integers coded by the table row that the entropy network chose for each. Integers only.

Bytes: the number of symbols; unless that is 0, log2 of the lanes (one byte), then behind the number of their bytes the
raw bits of all symbols (see `tables`) in their order, high bit first, zero bits filling the last byte; then the
bytes of `rans`. They come last because all raw bits are needed for any symbol of a stream that ends early.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from ..container.fields import FieldReader, pack_number, with_length
from ..errors import FormatError
from . import rans as rc
from .tables import ROWS, SYMBOL_HALF, SymbolTables, code_lengths, laplace_tables

__all__ = ["SymbolReader", "SymbolTables", "SymbolWriter", "code_lengths", "laplace_tables"]

MIN_LANES = 32  # below, a reader's step is no faster than a loop over its symbols
LANE_OVERHEAD = 0.006  # of the bytes: what many lanes, which make the reader fast, may cost
MAX_LANES_EXPONENT = rc.MAX_LANES.bit_length() - 1


class SymbolWriter:
    """Collects symbols and their rows in coding order."""

    def __init__(self, tables: SymbolTables) -> None:
        self._tables = tables
        self._entries: list[NDArray[np.uint16]] = []
        self._raw: list[NDArray[np.int32]] = []  # for every entry with raw bits
        self.ideal_bits = 0.0  # of what was added

    def add(self, rows: NDArray[np.integer], symbols: NDArray[np.integer]) -> None:
        """Append symbols (n,) of −2^23 … 2^23 − 1 in rows (n,); ValueError for others."""
        if rows.shape != symbols.shape or rows.ndim != 1:
            raise ValueError(f"expected as many rows (n,) as symbols (n,), got {rows.shape} and {symbols.shape}")
        if not rows.size:
            return
        if rows.min() < 0 or rows.max() >= ROWS:
            raise ValueError(f"expected rows 0 … {ROWS - 1}, got {rows.min()} … {rows.max()}")
        if symbols.min() < -SYMBOL_HALF or symbols.max() >= SYMBOL_HALF:
            expected = f"expected symbols {-SYMBOL_HALF} … {SYMBOL_HALF - 1}"
            raise ValueError(f"{expected}, got {symbols.min()} … {symbols.max()}")
        entries = self._tables.entries(rows, symbols)
        wide = np.flatnonzero(self._tables.widths[entries])
        self.append(entries.astype(np.uint16), self._tables.raw(entries[wide], symbols[wide].astype(np.int32)))

    def append(self, entries: NDArray[np.uint16], raw: NDArray[np.int32]) -> None:
        """Append symbols by their entries (n,), and the raw bits of those that have any."""
        self._entries.append(entries)
        self._raw.append(raw)
        self.ideal_bits += float(self._tables.costs[entries].sum(dtype=np.float64))

    def exchange(
        self, rows: NDArray[np.integer], rounded: NDArray[np.int32], wanted: NDArray[np.int32] | None
    ) -> NDArray[np.int32]:
        """Append values (n,) that count from `rounded`, and return them."""
        assert wanted is not None
        self.add(rows, wanted - rounded)
        return wanted

    def finish(self) -> bytes:
        """The bytes of all that was added."""
        entries = np.concatenate([*self._entries, np.empty(0, np.uint16)])
        if not len(entries):
            return pack_number(0)
        lanes = _choose_lanes(self.ideal_bits / 8, len(entries))
        starts, freqs = (part[entries] for part in self._tables.intervals)
        ranged = rc.encode(starts, freqs, lanes)
        widths = self._tables.widths[entries]
        raw = _pack_raw(np.concatenate(self._raw), widths[widths > 0])
        return pack_number(len(entries)) + bytes([lanes.bit_length() - 1]) + with_length(raw) + ranged


def _choose_lanes(ideal_bytes: float, symbols: int) -> int:
    """As `rans.choose_lanes`, with limits of its own."""
    return rc.affordable_lanes(ideal_bytes, symbols, LANE_OVERHEAD, MIN_LANES)


def _pack_raw(values: NDArray[np.int32], widths: NDArray[np.uint8]) -> bytes:
    """Values (n,) of as many bits each as widths (n,) say, high bit first."""
    ends = np.cumsum(widths, dtype=np.int64)
    flags = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint8)
    for bit in range(int(widths.max(initial=0))):
        wider = np.flatnonzero(widths > bit)
        flags[ends[wider] - 1 - bit] = values[wider] >> bit & 1
    return np.packbits(flags).tobytes()


class SymbolReader:
    """Reads the bytes of a `SymbolWriter`, told the row of every symbol. `what` names them in errors.

    The rows of later symbols may depend on symbols read before. FormatError: more than `most` symbols, or bytes that
    no writer made.
    """

    def __init__(self, data: bytes, tables: SymbolTables, what: str, most: int) -> None:
        self._tables, self._what = tables, what
        fields = FieldReader(data)
        count = fields.number(f"{what}, symbols", 0, most)
        exponent = fields.byte(f"{what}, log2 lanes", 0, MAX_LANES_EXPONENT) if count else 0
        size = fields.number(f"{what}, bytes of raw bits", 0, len(data)) if count else 0
        with self._named():
            self._raw = fields.take(size, "raw bits")
            self._ranged = rc.Decoder(fields.rest(), 1 << exponent, count)
        self._raw_bit = 0
        # Big-endian, the four bytes from each byte on: enough for 24 bits beginning at any bit of the first.
        self._windows = np.ndarray(len(self._raw) + 1, ">u4", self._raw + bytes(4), strides=(1,))

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors inside begin with what is read."""
        try:
            yield
        except FormatError as error:
            raise FormatError(f"{self._what}, {error}") from error

    def read(self, rows: NDArray[np.integer]) -> NDArray[np.int32]:
        """The next symbols (n,), which are in rows (n,) of 0 … 511; FormatError if there are fewer."""
        left = self._ranged.count - self._ranged.position
        if len(rows) > left:
            raise FormatError(f"{self._what}: expected at least {len(rows)} more symbols, got {left}")
        with self._named():
            entries = self._ranged.entries(self._tables, rows)
        symbols: NDArray[np.int32] = self._tables.bases[entries]
        widths = self._tables.widths[entries]
        wide = np.flatnonzero(widths)
        if len(wide):
            values = self._read_raw(widths[wide])
            with self._named():
                symbols[wide] = self._tables.symbols(entries[wide], values)
        return symbols

    def exchange(
        self, rows: NDArray[np.integer], rounded: NDArray[np.int32], wanted: NDArray[np.int32] | None
    ) -> NDArray[np.int32]:
        """The next values (n,), which count from `rounded`."""
        return self.read(rows) + rounded

    def position(self) -> tuple[NDArray[np.int64], bytes, bytes, NDArray[np.int64]]:
        """States, all words, all raw bits; symbols read, all symbols, words and raw bits read. For compiled kernels."""
        states, word, position = self._ranged.state()
        cursor = np.array([position, self._ranged.count, word, self._raw_bit], np.int64)
        return states, self._ranged.data, self._raw, cursor

    def move(self, states: NDArray[np.int64], cursor: NDArray[np.int64]) -> None:
        """Go to where a compiled kernel has read to."""
        position, _, word, self._raw_bit = cursor.tolist()
        self._ranged.return_to((states, word, position))

    def _read_raw(self, widths: NDArray[np.uint8]) -> NDArray[np.int32]:
        """The next raw values (n,), of widths (n,)."""
        ends = np.cumsum(widths, dtype=np.int64)
        ends += self._raw_bit
        if ends[-1] > 8 * len(self._raw):
            needed = ends[-1] + 7 >> 3
            raise FormatError(f"{self._what}, raw bits: expected at least {needed} bytes, got {len(self._raw)}")
        begins = ends - widths
        self._raw_bit = int(ends[-1])
        values = self._windows[begins >> 3] << (begins & 7).astype(np.uint32)
        values >>= (32 - widths).astype(np.uint32)
        raw: NDArray[np.int32] = values.astype(np.int32)
        return raw

    def finish(self) -> None:
        """FormatError if anything was not read."""
        if self._ranged.position != self._ranged.count:
            raise FormatError(f"{self._what}: expected {self._ranged.position} symbols, got {self._ranged.count}")
        used = self._raw_bit + 7 >> 3
        if used != len(self._raw):
            raise FormatError(f"{self._what}, raw bits: expected {used} bytes, got {len(self._raw)}")
        if used and self._raw[-1] << (self._raw_bit - 1 & 7) + 1 & 0xFF:
            raise FormatError(f"{self._what}, raw bits: expected zero bits after bit {self._raw_bit}, got others")
