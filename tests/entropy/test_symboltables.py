"""The tables of symbols: the distributions they stand for, their layout, and malformed arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inr_core.entropy.symbols import SymbolTables, code_lengths, laplace_tables
from inr_core.errors import FormatError

LAPLACE = laplace_tables()
TABLES = SymbolTables.of(LAPLACE)


def test_tables_are_laplace_distributions() -> None:
    # The expected length of a symbol against the entropy of its distribution, both from the definition.
    x = np.arange(-8000, 8001)
    for row in [*range(0, 512, 31), 511]:
        scale, mean = np.exp(-5 + row // 8 * 11 / 63), (row % 8 - 4) / 8
        edges = np.concatenate([x - 0.5, x[-1:] + 0.5]) - mean
        cumulative = np.where(edges < 0, np.exp(-np.abs(edges) / scale) / 2, 1 - np.exp(-np.abs(edges) / scale) / 2)
        p = np.diff(cumulative)
        entropy = -(p[p > 0] * np.log2(p[p > 0])).sum()
        expected = (p * code_lengths(TABLES, np.full(len(x), row), x)).sum()
        assert entropy - 1e-6 < expected < 1.002 * entropy + 0.003
        assert TABLES.skipped[row] == (p[x == 0][0] >= 0.9985)


def test_tables_by_hand() -> None:
    assert [len(LAPLACE[name]) for name in ("table_largest", "table_raw_bits", "table_skipped")] == [512, 64, 512]
    sizes = 2 * LAPLACE["table_largest"].astype(int) + 1 + 5
    assert len(LAPLACE["table_freqs"]) == sizes.sum()
    begins = np.cumsum(sizes) - sizes
    assert np.add.reduceat(LAPLACE["table_freqs"].astype(int), begins).tolist() == [32768] * 512
    assert LAPLACE["table_freqs"].min() >= 1
    scales = np.exp(-5 + np.arange(64) * 11 / 63) / 2.0 ** LAPLACE["table_raw_bits"]
    assert scales.max() <= 6
    assert (scales[LAPLACE["table_raw_bits"] > 0] > 3).all()
    assert TABLES.skipped[:112:8].sum() == 0  # a mean half way between 0 and −1
    assert TABLES.skipped[4:112:8].all()
    # P(0) = 1 − exp(−1/2b) = 0.909 at s = 20 and mean 0; ±1 share most of the rest.
    # A tail has 2 of 32768, TAIL_SHARE, or what of Laplace's is in it.
    assert LAPLACE["table_freqs"][begins[164] :][:12].tolist() == [29328, 1696, 1696, 18, 18, 1, 1, 2, 2, 2, 2, 2]


def test_few_slots_need_a_search() -> None:
    bins = TABLES.bins.reshape(512, -1)
    assert (bins == 0xFFFF).mean(axis=1).max() < 0.02


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("table_freqs", lambda a: None, r"expected integers \(\d+,\), got none"),
        ("table_freqs", lambda a: a[:-1], r"expected integers \(21392,\), got uint16 \(21391,\)"),
        ("table_freqs", lambda a: a.astype(np.float32), "got float32"),
        ("table_freqs", lambda a: np.where(np.arange(len(a)) == 9, 0, a), "expected 1 to 32768, got 0"),
        ("table_freqs", lambda a: a + (np.arange(len(a)) == 9) * 2**40, "expected 1 to 32768, got 10995116"),
        ("table_freqs", lambda a: a + (np.arange(len(a)) == 21391), "row 511: expected a sum of 32768, got 32769"),
        ("table_largest", lambda a: a.reshape(64, 8), r"got uint8 \(64, 8\)"),
        ("table_largest", lambda a: a + 100, "expected 0 to 127, got 143"),
        ("table_largest", lambda a: a.astype(int) - 4, "expected 0 to 127, got -1"),
        ("table_largest", lambda a: np.full(512, 64), "expected 512 to 65536, got 68608"),
        ("table_raw_bits", lambda a: a + 10, "expected 0 to 16, got 17"),
        ("table_raw_bits", lambda a: a[:0], r"got uint8 \(0,\)"),
        ("table_skipped", lambda a: a + 1, "expected 0 to 1, got 2"),
        ("table_skipped", lambda a: a > 0, "got bool"),
    ],
)
def test_malformed_tables(name: str, change: Any, message: str) -> None:
    array = change(LAPLACE[name])
    others = {key: value for key, value in LAPLACE.items() if key != name}
    with pytest.raises(FormatError, match=f"^{name}.*{message}"):
        SymbolTables.of(others if array is None else {**others, name: array})
