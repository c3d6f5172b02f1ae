"""Tables of symbols that are easy to follow, and their payloads."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inr_core.entropy import symbols as symbols_module
from inr_core.entropy.symbols import SymbolReader, SymbolTables, SymbolWriter, laplace_tables

Ints = NDArray[np.int64]
LAPLACE = laplace_tables()
TABLES = SymbolTables.of(LAPLACE)


def sample(count: int, first: int = 8, last: int = 40, seed: int = 0) -> tuple[Ints, Ints]:
    """Rows of scales first … last − 1, and symbols as these rows expect them."""
    rng = np.random.default_rng([count, first, last, seed])
    rows = rng.integers(8 * first, 8 * last, count)
    means = (rows % 8 - 4) / 8
    return rows, np.rint(rng.laplace(means, np.exp(-5 + rows // 8 * 11 / 63))).astype(np.int64)


def write(rows: Ints, symbols: Ints, tables: SymbolTables = TABLES) -> bytes:
    writer = SymbolWriter(tables)
    writer.add(rows, symbols)
    return writer.finish()


def read(data: bytes, rows: Ints, tables: SymbolTables = TABLES) -> list[int]:
    reader = SymbolReader(data, tables, "level 3", len(rows))
    symbols = reader.read(rows)
    reader.finish()
    assert symbols.dtype == np.int32
    return [int(symbol) for symbol in symbols]


def fixed_lanes(monkeypatch: pytest.MonkeyPatch, lanes: int) -> None:
    monkeypatch.setattr(symbols_module, "_choose_lanes", lambda ideal_bytes, count: min(lanes, count))
