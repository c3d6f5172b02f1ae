"""Symbols' payloads that no writer makes: truncated, padded, changed, with fields out of range."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from plain_symbols import TABLES, fixed_lanes, read, sample, write

from inr_core.entropy.symbols import SymbolReader
from inr_core.errors import FormatError


@pytest.mark.parametrize("lanes", [1, 32])
def test_every_truncation_and_addition_is_an_error(monkeypatch: pytest.MonkeyPatch, lanes: int) -> None:
    fixed_lanes(monkeypatch, lanes)
    rows, symbols = sample(300, 20, 64)
    data = write(rows, symbols)
    for size in range(len(data)):
        with pytest.raises(FormatError, match=r"^level 3"):
            read(data[:size], rows)
    for extra in (b"\0", b"\0\0", b"\xff" * 9):
        with pytest.raises(FormatError, match=r"^level 3, range coder: expected \d+(-bit)? words"):
            read(data + extra, rows)


@pytest.mark.parametrize("lanes", [1, 4, 32])
def test_changed_and_random_bytes_are_errors_or_other_symbols(monkeypatch: pytest.MonkeyPatch, lanes: int) -> None:
    fixed_lanes(monkeypatch, lanes)
    rng = np.random.default_rng(lanes)
    rows, symbols = sample(300, 20, 64)
    data = write(rows, symbols)
    raw_bits = int(TABLES.widths[TABLES.entries(rows, symbols)].sum())
    accepted = []
    for position in range(len(data) - 1):
        changed = bytearray(data)
        changed[position] ^= 1 << rng.integers(8)
        with contextlib.suppress(FormatError):
            assert read(bytes(changed), rows) != symbols.tolist()
            accepted.append(position)
    raw = 4 + raw_bits // 8  # behind their count; raw bits may be any
    assert accepted[: raw - 4] == list(range(4, raw))
    coder = [position for position in accepted if position > raw]
    # A range coder that takes one symbol for another rarely ends in the right state: only where states meet again.
    assert len(coder) <= (len(data) - raw) // 64
    for size in range(300):
        with pytest.raises(FormatError, match=r"^level 3"):
            read(rng.bytes(size), rows)
        with pytest.raises(FormatError, match=r"^level 3"):
            read(data[:4] + rng.bytes(size), rows)


def test_fields_are_checked() -> None:
    rows, symbols = sample(40, 30, 50)
    data = write(rows, symbols)
    assert data[:2] == bytes([40, 0])
    with pytest.raises(FormatError, match="x, symbols: expected 0 to 39, got 40"):
        SymbolReader(data, TABLES, "x", 39)
    with pytest.raises(FormatError, match="x, log2 lanes: expected 0 to 10, got 11"):
        SymbolReader(b"\x28\x0b" + data[2:], TABLES, "x", 40)
    with pytest.raises(FormatError, match=r"x, range coder: expected lanes .* up to 1024 and to 40 symbols, got 64"):
        SymbolReader(b"\x28\x06" + data[2:], TABLES, "x", 40)
    with pytest.raises(FormatError, match="x, bytes of raw bits: expected 0 to"):
        SymbolReader(b"\x28\x00\xff\x7f" + data[3:], TABLES, "x", 40)
    reader = SymbolReader(data, TABLES, "x", 40)
    reader.read(rows[:30])
    with pytest.raises(FormatError, match="x: expected 30 symbols, got 40"):
        reader.finish()
    with pytest.raises(FormatError, match="x: expected at least 11 more symbols, got 10"):
        reader.read(rows[:11])
    with pytest.raises(FormatError, match="x, range coder: expected 16-bit words after the states, got 1 bytes"):
        SymbolReader(b"\0\0", TABLES, "x", 40)


def test_padding_must_be_zero() -> None:
    rows, symbols = np.array([511]), np.array([3])  # 7 raw bits
    data = write(rows, symbols)
    assert read(data, rows) == [3]
    assert data[2] == 1  # byte of raw bits
    assert data[3] & 1 == 0
    with pytest.raises(FormatError, match="level 3, raw bits: expected zero bits after bit 7, got others"):
        read(data[:3] + bytes([data[3] | 1]) + data[4:], rows)
