"""The range coder: pinned bytes, round trips, an independent decoder, cost, and hostile data."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from inr_core.entropy import densities
from inr_core.entropy import rans as rc
from inr_core.errors import FormatError
from inr_core.kernels.rans import LOOP_SYMBOLS, PROB_SCALE

Ints = NDArray[np.int64]

QUARTERS = np.array([16384, 8192, 4096, 4096])
MESSAGE = np.array([0, 1, 2, 3, 0, 0, 1, 0, 3, 2, 1, 0, 0, 0, 1, 2, 0])
GOLDEN = {
    1: "e58fe070800060",
    2: "f12734001894ba0000",
    4: "604c00182c000754c000a97000",
}
GOLDEN_32_LANES = (  # of 0, 1, 2, 3 sixteen times; the first states say it all, no words follow
    "100001280006d8000df8000800009400036c0006fc000400004a0001b600037e00020000250000db0001bf00"
    "0100001280006d8000df8000800009400036c0006fc000400004a0001b600037e00020000250000db0001bf000"
)


def intervals(symbols: Ints, freqs: Ints) -> tuple[Ints, Ints]:
    return (np.cumsum(freqs) - freqs)[symbols], freqs[symbols]


def encode(symbols: Ints, freqs: Ints, lanes: int) -> bytes:
    return rc.encode(*intervals(symbols, freqs), lanes)


def decode(data: bytes, lanes: int, count: int, freqs: Ints) -> list[int]:
    table_of_symbol = np.zeros(count, np.int64)
    symbols = rc.Decoder(data, lanes, count).decode([freqs], table_of_symbol)
    return [int(symbol) for symbol in symbols]


def sample(kind: str, count: int, size: int = 255) -> Ints:
    rng = np.random.default_rng(count + size)
    if kind == "uniform":
        return rng.integers(0, size, count)
    values = rng.normal(0, size / 8, 4 * count)
    if kind == "hole":
        values = values[np.abs(values) > size / 20]
    return np.clip(np.rint(values[:count] + size / 2), 0, size - 1).astype(np.int64)


def entropy_bits(symbols: Ints) -> float:
    counts = np.bincount(symbols)
    counts = counts[counts > 0]
    return float(counts @ np.log2(len(symbols) / counts))


def read_by_the_book(data: bytes, lanes: int, count: int, freqs: list[int]) -> list[int]:
    """The module's docstring, as plainly as it can be written."""
    bits = "".join(f"{byte:08b}" for byte in data)
    states, at = [], 0
    for _ in range(lanes):
        e = int(bits[at : at + 4], 2)
        states.append(2 ** (16 + e) + int(bits[at + 4 : at + 20 + e], 2))
        at += 20 + e
    words = data[-(-at // 8) :]
    symbols = []
    for t in range(count):
        slot = states[t % lanes] % 2**15
        symbol = next(k for k in range(len(freqs)) if slot < sum(freqs[: k + 1]))
        x = freqs[symbol] * (states[t % lanes] >> 15) + slot - sum(freqs[:symbol])
        if x < 2**16 and t + lanes < count:
            x, words = x * 2**16 + words[0] + 256 * words[1], words[2:]
        states[t % lanes] = x
        symbols.append(symbol)
        assert t + lanes < count or x == 2 * freqs[symbol]
    assert words == b""
    return symbols


@pytest.mark.parametrize("lanes", GOLDEN)
def test_golden_bytes(lanes: int) -> None:
    golden = bytes.fromhex(GOLDEN[lanes])
    assert encode(MESSAGE, QUARTERS, lanes) == golden
    assert decode(golden, lanes, len(MESSAGE), QUARTERS) == MESSAGE.tolist()
    assert read_by_the_book(golden, lanes, len(MESSAGE), QUARTERS.tolist()) == MESSAGE.tolist()


def test_golden_bytes_of_vector_steps() -> None:
    symbols = np.arange(64) % 4
    assert encode(symbols, QUARTERS, 32) == bytes.fromhex(GOLDEN_32_LANES)
    assert decode(bytes.fromhex(GOLDEN_32_LANES), 32, 64, QUARTERS) == symbols.tolist()


@pytest.mark.parametrize("lanes", [1, 2, 16, 32, 64, 1024])
def test_round_trip_of_many_sizes(lanes: int) -> None:
    freqs = densities.quantise_frequencies(np.array([900, 40, 40, 10, 9, 1, 0]))
    symbols = np.random.default_rng(lanes).choice(7, 4 * lanes + 3, p=freqs / PROB_SCALE)
    for count in {lanes, lanes + 1, 2 * lanes - 1, 2 * lanes, 2 * lanes + 1, 3 * lanes, 4 * lanes + 3}:
        data = encode(symbols[:count], freqs, lanes)
        assert decode(data, lanes, count, freqs) == symbols[:count].tolist()


@pytest.mark.parametrize("lanes", [1, 4, 32, 128])
def test_independent_decoder_agrees(lanes: int) -> None:
    freqs = densities.quantise_frequencies(np.array([1, 2, 30, 5, 0, 70]))
    symbols = np.random.default_rng(7).choice(6, 700, p=freqs / PROB_SCALE)
    assert read_by_the_book(encode(symbols, freqs, lanes), lanes, 700, freqs.tolist()) == symbols.tolist()


def test_a_long_stream_in_one_lane() -> None:
    symbols = np.random.default_rng(1).choice(4, LOOP_SYMBOLS + 9, p=QUARTERS / PROB_SCALE)
    data = encode(symbols, QUARTERS, 1)
    assert decode(data, 1, len(symbols), QUARTERS) == symbols.tolist()
    with pytest.raises(FormatError, match=r"expected at least \d+ words, got 5"):
        decode(data[:14], 1, len(symbols), QUARTERS)


def test_no_symbols_and_one() -> None:
    assert rc.encode(np.zeros(0, np.int64), np.zeros(0, np.int64), 1) == b""
    assert decode(b"", 1, 0, QUARTERS) == []
    with pytest.raises(FormatError, match="expected 0 words, got 1"):
        rc.Decoder(b"ab", 1, 0)
    for symbol in range(4):
        data = encode(np.array([symbol]), QUARTERS, 1)
        assert len(data) == 3
        assert decode(data, 1, 1, QUARTERS) == [symbol]


def test_a_certain_symbol_costs_nothing() -> None:
    certain = np.array([PROB_SCALE])
    data = encode(np.zeros(5000, np.int64), certain, 1)
    assert data == bytes(3)
    assert decode(data, 1, 5000, certain) == [0] * 5000


@pytest.mark.parametrize("lanes", [2, 64])
def test_many_tables_in_several_calls(lanes: int) -> None:
    rng = np.random.default_rng(3)
    tables = [densities.quantise_frequencies(rng.integers(0, 99, size)) for size in (2, 255, 17)]
    table = rng.integers(0, 3, 3000)
    symbols = np.array([rng.choice(len(tables[k]), p=tables[k] / PROB_SCALE) for k in table])
    starts, freqs = np.transpose([np.ravel(intervals(s, tables[k])) for s, k in zip(symbols, table, strict=True)])
    decoder = rc.Decoder(rc.encode(starts, freqs, lanes), lanes, 3000)
    parts = [decoder.decode(tables, table[a:b]) for a, b in ((0, 7), (7, 1900), (1900, 2990), (2990, 3000))]
    assert np.concatenate(parts).tolist() == symbols.tolist()
    with pytest.raises(FormatError, match="at most 0 more symbols"):
        decoder.decode(tables, table[:1])


@pytest.mark.parametrize("lanes", [4, 64])
def test_steps_may_be_of_any_size(lanes: int) -> None:
    symbols = np.random.default_rng(5).choice(4, 1000, p=QUARTERS / PROB_SCALE)
    decoder = rc.Decoder(encode(symbols, QUARTERS, lanes), lanes, 1000)
    decoded: list[int] = []
    sizes = iter([1, 64, 0, 63, 64, 30, 50, 7] * 9)
    while len(decoded) < 1000:
        size = min(next(sizes), 1000 - len(decoded))
        decoded += decoder.decode([QUARTERS], np.zeros(size, np.int64)).tolist()
    assert decoded == symbols.tolist()
    with pytest.raises(FormatError, match="at most 0 more symbols, got a request for 1"):
        decoder.decode([QUARTERS], np.zeros(1, np.int64))


@pytest.mark.parametrize("lanes", [1, 4, 16, 32, 256])
@pytest.mark.parametrize("kind", ["normal", "mask"])
def test_cost_is_the_ideal_and_two_bytes_a_lane(lanes: int, kind: str) -> None:
    symbols = sample("normal", 20_000) if kind == "normal" else (sample("uniform", 20_000, 10) == 0).astype(np.int64)
    freqs = densities.quantise_frequencies(np.bincount(symbols))
    ideal = densities.code_length(freqs[symbols]) / 8
    data = encode(symbols, freqs, lanes)
    assert ideal < len(data) <= 1.001 * ideal + 2.5 * lanes + 2
    assert decode(data, lanes, 20_000, freqs) == symbols.tolist()


@pytest.mark.parametrize("lanes", [1, 8, 32])
def test_every_truncation_is_an_error(lanes: int) -> None:
    data = encode(sample("normal", 500), densities.quantise_frequencies(np.ones(255, np.int64)), lanes)
    freqs = densities.quantise_frequencies(np.ones(255, np.int64))
    for size in range(len(data)):
        with pytest.raises(FormatError, match=r"^range coder"):
            decode(data[:size], lanes, 500, freqs)
    for extra in (b"\0", b"\0\0", b"\xff" * 9):
        with pytest.raises(FormatError, match=r"^range coder"):
            decode(data + extra, lanes, 500, freqs)


@pytest.mark.parametrize("lanes", [1, 8, 32])
def test_random_and_changed_bytes_are_errors(lanes: int) -> None:
    rng = np.random.default_rng(lanes)
    freqs = densities.quantise_frequencies(rng.integers(0, 9, 30))
    symbols = rng.choice(30, 300, p=freqs / PROB_SCALE)
    data = encode(symbols, freqs, lanes)
    for size in range(200):
        with pytest.raises(FormatError, match=r"^range coder"):
            decode(rng.bytes(size), lanes, 300, freqs)
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << rng.integers(8)
        with pytest.raises(FormatError, match=r"^range coder"):
            decode(bytes(changed), lanes, 300, freqs)


def test_arguments_are_checked() -> None:
    for lanes in (0, -1, 3, 2048, 32):
        with pytest.raises(ValueError, match=f"{lanes} lanes"):
            encode(MESSAGE, QUARTERS, lanes)
        with pytest.raises(FormatError, match=f"got {lanes}"):
            rc.Decoder(bytes(99), lanes, len(MESSAGE))
    with pytest.raises(ValueError, match="at least 1 inside 0 … 32768"):
        rc.encode(np.array([5, 32768]), np.array([1, 1]), 1)
    with pytest.raises(ValueError, match="at least 1 inside"):
        rc.encode(np.array([5, 6]), np.array([1, 0]), 1)
    with pytest.raises(FormatError, match=r"table 0: .* a sum of 32768, got 1 and 32767"):
        decode(bytes.fromhex(GOLDEN[1]), 1, 17, np.array([32766, 1]))


def test_choose_lanes() -> None:
    assert [rc.choose_lanes(size, 10**6) for size in (0, 20_000, 29_000, 60_000, 120_000, 10**7)] == [
        1, 1, 64, 128, 256, 1024,
    ]  # fmt: skip
    assert rc.choose_lanes(10**6, 100) == 64
    for size in (29_000, 50_000, 400_000):
        assert rc.choose_lanes(size, 10**6) * rc.BYTES_PER_LANE <= 0.005 * size


def test_frequencies_by_hand() -> None:
    # 32766 units are shared out by 1 : 3, 32765 by 1 : 0 : 3 and by thirds, each symbol has one of its own.
    assert densities.quantise_frequencies(np.array([1, 3])).tolist() == [8192, 24576]
    assert densities.quantise_frequencies(np.array([[1, 0, 3], [5, 5, 5]])).tolist() == [
        [8192, 1, 24575],
        [10922, 10923, 10923],
    ]
    assert densities.quantise_frequencies(np.array([7])).tolist() == [32768]
    with pytest.raises(FormatError, match="one of them not zero"):
        densities.quantise_frequencies(np.array([0, 0]))
    with pytest.raises(FormatError, match="got 4097"):
        densities.quantise_frequencies(np.ones(4097, np.int64))


@pytest.mark.parametrize("size", [1, 2, 255, 4096])
def test_frequencies_are_whole_and_positive(size: int) -> None:
    weights = np.random.default_rng(size).integers(0, 2**17, (20, size)) ** 2
    freqs = densities.quantise_frequencies(weights)
    assert (freqs.sum(axis=1) == 32768).all()
    assert freqs.min() >= 1
    exact = weights / weights.sum(axis=1, keepdims=True) * (32768 - size) + 1
    assert np.abs(freqs - exact).max() < 1


def test_density_by_hand() -> None:
    assert densities.NODE_WEIGHTS[[0, 1, 15, 16, 31, 32, 255]].tolist() == [0, 17, 31, 32, 62, 64, 31 << 15]
    # Nodes 32, 64, 0 over nine symbols: weights ∝ 4, 5, 6, 7, 8, 6, 4, 2, 0 share out 32759 units.
    expected = [3120, 3901, 4681, 5461, 6241, 4681, 3121, 1561, 1]
    assert densities.density_frequencies(bytes([16, 32, 0]), 9).tolist() == expected
    assert densities.density_frequencies(b"", 5).tolist() == [6553, 6554, 6553, 6554, 6554]
    assert densities.density_frequencies(bytes([32, 0, 16]), 3).tolist() == [21844, 1, 10923]  # a full table
    assert densities.density_frequencies(b"", 1).tolist() == [32768]


def test_bad_densities() -> None:
    for nodes, size in ((b"a", 9), (b"a", 1), (b"abc", 2), (b"a" * 66, 99), (b"a" * 99, 98), (b"", 0), (b"", 4097)):
        with pytest.raises(FormatError, match=f"got {len(nodes)} for {size}"):
            densities.density_frequencies(nodes, size)
    with pytest.raises(FormatError, match="expected a node that is not zero"):
        densities.density_frequencies(bytes(5), 9)


@pytest.mark.parametrize(
    ("kind", "size", "count", "excess"),
    [  # excess: per cent above the sample's own entropy, nodes included, as measured and rounded up
        ("normal", 63, 2_000, 1.5),
        ("normal", 255, 2_000, 2.0),
        ("normal", 255, 16_000, 0.5),
        ("uniform", 255, 2_000, 1.5),
        ("uniform", 255, 16_000, 0.2),
        ("hole", 63, 2_000, 4.0),  # a sharp edge wants many nodes, which few symbols hardly pay for
        ("hole", 255, 2_000, 4.0),
        ("hole", 255, 16_000, 1.0),
    ],
)
def test_density_is_near_the_entropy(kind: str, size: int, count: int, excess: float) -> None:
    symbols = sample(kind, count, size)
    began = time.perf_counter()
    nodes = densities.fit_density(symbols, size)
    assert time.perf_counter() - began < 0.5  # takes 5 ms
    freqs = densities.density_frequencies(nodes, size)
    cost = 8 * len(nodes) + densities.code_length(freqs[symbols])
    assert cost < (1 + excess / 100) * entropy_bits(symbols)
    assert cost <= 8 * size + densities.code_length(
        densities.quantise_frequencies(np.bincount(symbols, minlength=size))[symbols]
    )


def test_fit_takes_the_full_table_for_unordered_symbols() -> None:
    counts = np.array([900, 3, 0, 500, 1, 0, 0, 800, 2, 70, 0, 400])
    assert len(densities.fit_density(np.repeat(np.arange(12), counts), 12)) == 12
    assert densities.fit_density(np.zeros(0, np.int64), 12) == b""
    with pytest.raises(ValueError, match="expected symbols of 0 … 11, got 0 … 12"):
        densities.fit_density(np.arange(13), 12)
