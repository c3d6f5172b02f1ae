"""Symbols of the latent model: pinned bytes, round trips, a plain decoder, and cost."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from plain_symbols import LAPLACE, TABLES, fixed_lanes, read, sample, write

from inr_core.container.fields import FieldReader
from inr_core.entropy import densities
from inr_core.entropy import symbols as symbols_module
from inr_core.entropy.symbols import SymbolReader, SymbolTables, SymbolWriter, code_lengths
from inr_core.errors import FormatError

Arrays = dict[str, NDArray[Any]]
EXTREMES = np.array([-(2**23), -(2**23) + 1, -70_000, -900, 900, 70_000, 2**23 - 2, 2**23 - 1])


def plain_arrays() -> Arrays:
    """Tables of integers only, hence the same everywhere: 1 … 5 buckets a side, up to 7 raw bits."""
    largest = 1 + np.arange(512) % 5
    halving = [np.array([2**20 >> e * (2 + row % 3) for e in range(2 * m + 6)]) for row, m in enumerate(largest)]
    return {
        "table_freqs": np.concatenate([densities.quantise_frequencies(weights) for weights in halving]),
        "table_largest": largest,
        "table_raw_bits": np.maximum(np.arange(64) - 56, 0),
        "table_skipped": np.zeros(512, np.uint8),
    }


PLAIN_ARRAYS = plain_arrays()
PLAIN = SymbolTables.of(PLAIN_ARRAYS)


def read_by_the_book(data: bytes, rows: list[int], arrays: Arrays) -> list[int]:
    """The docstrings of the three modules, as plainly as they can be written."""
    fields = FieldReader(data)
    count, lanes = fields.number("count", 0, 10**6), 1 << fields.byte("lanes", 0, 10)
    raw = iter("".join(f"{byte:08b}" for byte in fields.take(fields.number("size", 0, 10**6), "raw bits")))
    coded = fields.rest()
    bits = iter("".join(f"{byte:08b}" for byte in coded))
    states, used = [], 0
    for _ in range(lanes):
        exponent = int("".join(itertools.islice(bits, 4)), 2)
        states.append(int("1" + "".join(itertools.islice(bits, 16 + exponent)), 2))
        used += 20 + exponent
    words = coded[-(-used // 8) :]
    sizes = 2 * arrays["table_largest"].astype(int) + 1 + 5
    first = np.cumsum(sizes) - sizes
    symbols: list[int] = []
    assert count == len(rows)
    for t, row in enumerate(rows):
        m, k = int(arrays["table_largest"][row]), int(arrays["table_raw_bits"][row // 8])
        freqs = arrays["table_freqs"][first[row] :][: sizes[row]].tolist()
        signs = (-1, 1) if row % 8 < 4 else (1, -1)
        buckets = [0, *(sign * size for size in range(1, m + 1) for sign in signs)]
        slot = states[t % lanes] % 2**15
        entry = next(e for e in range(len(freqs)) if slot < sum(freqs[: e + 1]))
        x = freqs[entry] * (states[t % lanes] >> 15) + slot - sum(freqs[:entry])
        if x < 2**16 and t + lanes < count:
            x, words = x * 2**16 + words[0] + 256 * words[1], words[2:]
        states[t % lanes] = x
        if entry <= 2 * m:
            value = int("0" + "".join(itertools.islice(raw, k)), 2)
            symbols.append(buckets[entry] * 2**k - (2**k >> 1) + value)
            continue
        tail = entry - 2 * m - 1
        number = 2**k * (0, 2, 10, 42, 298)[tail]
        number += int("0" + "".join(itertools.islice(raw, min((1, 3, 5, 8, 24)[tail] + k, 24))), 2)
        symbols.append((-1) ** number * ((m + 1) * 2**k - (2**k >> 1) + number // 2))
    assert words == b""
    assert set(raw) <= {"0"}
    return symbols


def test_golden_bytes() -> None:
    rows = np.array([0, 100, 303, 511, 4, 448, 2, 200, 511, 511])
    symbols = np.array([0, -1, 2, -100, 9, 1, 0, 1, 700, -90_000])
    # 92 in 7 bits, 14 − 10 in 3; 700 − 320 is u = 380, and 2u − 2·2^7 is 504 in 10; 2·89,680 + 1 − 298·2^7 in 24
    golden = "0a0006" + "b91f80227a10" + "f23385c3c0fcff437ffcff"
    assert write(rows, symbols, PLAIN).hex() == golden
    assert read(bytes.fromhex(golden), rows, PLAIN) == symbols.tolist()
    assert read_by_the_book(bytes.fromhex(golden), rows.tolist(), PLAIN_ARRAYS) == symbols.tolist()


def test_golden_bytes_of_a_long_stream() -> None:
    t = np.arange(60_000)
    rows = t * 37 % 512
    symbols = t * t % 2003 * (t * 7 % 11 < 3) * (rows // 8 > 50) // 9 - (t % 13 == 5)
    data = write(rows, symbols, PLAIN)
    assert data[:4].hex() == "e0d40305"  # 60,000 symbols in 32 lanes
    assert hashlib.sha256(data).hexdigest() == "ceff6300964a1bdd3d6631e124df4fe3061378db09318ceafcf7529c76233c89"
    assert read(data, rows, PLAIN) == symbols.tolist()


@pytest.mark.parametrize("lanes", [1, 4, 32])
def test_a_plain_decoder_agrees(monkeypatch: pytest.MonkeyPatch, lanes: int) -> None:
    fixed_lanes(monkeypatch, lanes)
    rows, symbols = sample(1000, 0, 64)
    symbols[::100] = 80_000
    data = write(rows, symbols)
    assert data[2] == lanes.bit_length() - 1
    assert read_by_the_book(data, rows.tolist(), LAPLACE) == symbols.tolist()


@pytest.mark.parametrize("lanes", [1, 32])
def test_every_symbol_of_every_row(monkeypatch: pytest.MonkeyPatch, lanes: int) -> None:
    fixed_lanes(monkeypatch, lanes)
    for mean in range(8):
        near = np.arange(-70, 71)
        wanted = [np.concatenate([near << int(k), (near << int(k)) + 1, EXTREMES]) for k in LAPLACE["table_raw_bits"]]
        symbols = np.concatenate(wanted)
        rows = np.repeat(np.arange(64) * 8 + mean, [len(part) for part in wanted])
        assert read(write(rows, symbols), rows) == symbols.tolist()


@pytest.mark.parametrize("lanes", [1, 2, 32, 64, 256])
def test_reads_may_be_divided_anywhere(monkeypatch: pytest.MonkeyPatch, lanes: int) -> None:
    fixed_lanes(monkeypatch, lanes)
    rows, symbols = sample(5000, 0, 64)
    data = write(rows, symbols)
    rng = np.random.default_rng(lanes)
    for mean_size in (3, 100, 900):
        reader = SymbolReader(data, TABLES, "x", 5000)
        at, parts = 0, []
        while at < 5000:
            n = min(int(rng.integers(0, 2 * mean_size)), 5000 - at)
            parts.append(reader.read(rows[at : at + n]))
            at += n
        reader.finish()
        assert np.concatenate(parts).tolist() == symbols.tolist()


@pytest.mark.parametrize("lanes", [1, 32, 64])
def test_streams_of_few_steps(monkeypatch: pytest.MonkeyPatch, lanes: int) -> None:
    fixed_lanes(monkeypatch, lanes)
    rows, symbols = sample(4 * lanes, 30, 64)
    for count in {lanes, lanes + 1, 2 * lanes - 1, 2 * lanes, 3 * lanes + lanes // 2, 4 * lanes}:
        assert read(write(rows[:count], symbols[:count]), rows[:count]) == symbols[:count].tolist()


def test_additions_may_be_divided_anywhere() -> None:
    rows, symbols = sample(3000, 0, 64)
    writer = SymbolWriter(TABLES)
    for begin, end in itertools.pairwise([0, 0, 1, 700, 701, 2999, 3000]):
        writer.add(rows[begin:end].astype(np.uint16), symbols[begin:end].astype(np.int16))
    assert writer.finish() == write(rows, symbols)


def test_no_symbols() -> None:
    nothing = np.zeros(0, np.int64)
    assert write(nothing, nothing) == b"\0"
    assert read(b"\0", nothing) == []
    with pytest.raises(FormatError, match="x: expected at least 1 more symbols, got 0"):
        SymbolReader(b"\0", TABLES, "x", 9).read(np.array([7]))


@pytest.mark.parametrize("count", [1, 10, 100, 1000, 10_000, 100_000])
@pytest.mark.parametrize(("first", "last"), [(9, 16), (8, 40), (40, 64)])
def test_cost_is_the_ideal_and_one_per_cent(count: int, first: int, last: int) -> None:
    rows, symbols = sample(count, first, last)
    writer = SymbolWriter(TABLES)
    writer.add(rows, symbols)
    ideal = code_lengths(TABLES, rows, symbols).sum(dtype=np.float64)
    assert writer.ideal_bits == pytest.approx(ideal, rel=1e-6)
    size = len(writer.finish())
    assert ideal / 8 < size <= 1.01 * ideal / 8 + 12


def test_code_lengths_by_hand() -> None:
    # 24571 of 32768 (row 480 has four raw bits); of row 0's tails, the last has 3 and the second, 2 … 9, 97.
    lengths = code_lengths(PLAIN, np.array([480, 0, 0]), np.array([0, 10**6, -3]))
    assert lengths.tolist() == pytest.approx([0.4153 + 4, 13.4150 + 24, 8.4001 + 3], abs=1e-3)


def test_lanes_are_what_the_bytes_can_pay_for() -> None:
    chosen = [symbols_module._choose_lanes(size, 10**6) for size in (0, 11_990, 12_010, 25_000, 99_000, 10**7)]
    assert chosen == [1, 1, 32, 64, 256, 1024]
    assert symbols_module._choose_lanes(10**6, 100) == 64


def test_arguments_of_the_writer() -> None:
    writer = SymbolWriter(TABLES)
    for rows, symbols in (([1, 2], [1]), ([[1]], [[1]])):
        with pytest.raises(ValueError, match="as many rows"):
            writer.add(np.array(rows), np.array(symbols))
    for row in (-1, 512):
        with pytest.raises(ValueError, match=f"rows 0 … 511, got {row}"):
            writer.add(np.array([row]), np.array([0]))
    for symbol in (-(2**23) - 1, 2**23):
        with pytest.raises(ValueError, match=f"8388607, got {symbol}"):
            writer.add(np.array([1]), np.array([symbol]))
    assert writer.finish() == b"\0"


def test_every_edge_of_the_tails() -> None:
    for row in (0, 4, 511):  # M = 1 and 5 without raw bits, 2 with 7
        m, k = int(PLAIN.largest[row]), int(PLAIN.raw_bits[row])
        least = (m + 1 << k) - (1 << k >> 1)
        firsts = np.array([least + (first << k) // 2 for first in (0, 2, 10, 42, 298)])
        symbols = np.concatenate([firsts - 1, firsts, -firsts - 1, -firsts, 1 - firsts])
        rows = np.full(len(symbols), row)
        data = write(rows, symbols, PLAIN)
        assert read(data, rows, PLAIN) == symbols.tolist()
        assert read_by_the_book(data, rows.tolist(), PLAIN_ARRAYS) == symbols.tolist()
        tails = PLAIN.entries(rows, symbols) - PLAIN.offsets[row] - 2 * m - 1
        assert tails[:10].tolist() == [-1 - (row % 8 >= 4), 0, 1, 2, 3, 0, 1, 2, 3, 4]


def test_symbols_beyond_the_range_are_refused() -> None:
    rows = np.array([511])
    for symbol, beyond in ((2**23 - 1, 2**23), (-(2**23), -(2**23) - 1)):
        data = write(rows, np.array([symbol]), PLAIN)
        assert read(data, rows, PLAIN) == [symbol]
        raw = int.from_bytes(data[3:6], "big") + 2
        message = f"^level 3, raw bits, symbol: expected -8388608 to 8388607, got {beyond}$"
        with pytest.raises(FormatError, match=message):
            read(data[:3] + raw.to_bytes(3, "big") + data[6:], rows, PLAIN)
