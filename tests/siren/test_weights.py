"""Layers ↔ bytes: what codes stand for, round trips of every kind and coder, cost against entropy, bad bytes."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import numpy as np
import pytest
import reference_decoder as reference
import zstandard
from networks import header_of, make_file, make_layer, make_layers, shapes_of
from numpy.typing import NDArray

from inr_core.container.fields import FieldReader, pack_bits, pack_number, unpack_bits
from inr_core.container.header import Header
from inr_core.errors import FormatError
from inr_core.siren.streams import StreamInfo, pack, unpack
from inr_core.siren.weights import (
    CODEBOOK,
    HALF,
    UNIFORM,
    QuantisedLayer,
    half_codes,
    half_values,
    uniform_codes,
    uniform_values,
)

HEADER = header_of("RGB")


def assert_same(a: list[QuantisedLayer], b: list[QuantisedLayer]) -> None:
    for x, y in zip(a, b, strict=True):
        for field in dataclasses.fields(QuantisedLayer):
            assert np.array_equal(getattr(x, field.name), getattr(y, field.name)), field.name


def round_trip(layers: list[QuantisedLayer], header: Header = HEADER) -> list[StreamInfo]:
    data = pack(layers)
    read, streams = unpack(data, shapes_of(header))
    assert_same(read, layers)
    assert pack(read) == data
    return streams


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("bits", [2, 4, 7, 8, 12, 16])
def test_uniform_codes_are_the_values_in_order(bits: int, dense: bool) -> None:
    top = 2 ** (bits - 1) - 1
    values = np.array([v for v in range(-top, top + 1) if v or dense], np.int32)
    codes = uniform_codes(values, bits, dense)
    assert codes.tolist() == list(range(len(values)))
    assert (uniform_values(codes.astype(np.int32), bits, dense) == values).all()


def test_halves_are_scaled_and_cut_towards_zero() -> None:
    codes = np.array([c | sign for sign in (0, 0x8000) for c in range(sign >> 15, 0x3C01)], np.int32)
    expected = [int(struct.unpack("<e", struct.pack("<H", c))[0] * 2**14) for c in codes.tolist()]
    assert half_values(codes).tolist() == expected
    assert (min(expected), max(expected)) == (-(2**14), 2**14)
    values = codes.astype(np.uint16).view(np.float16).astype(np.float64)
    assert half_codes(values).tolist() == codes.tolist()
    assert half_codes(np.array([-0.0, -1e-9, 1e-9])).tolist() == [0, 0, 0]


def test_numbers_and_bits_are_pinned() -> None:
    assert [pack_number(n).hex() for n in (0, 127, 128, 300, 2**32 - 1)] == ["00", "7f", "8001", "ac02", "ffffffff0f"]
    assert pack_bits(np.array([1, 2, 7, 0, 5]), 3) == bytes([0b00101011, 0b10001010])


@pytest.mark.parametrize("bits", [*range(1, 17), 24])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100])
def test_bits_come_back(bits: int, count: int) -> None:
    values = np.random.default_rng(count).integers(0, 2**bits, count)
    data = pack_bits(values, bits)
    assert len(data) == -(-count * bits // 8)
    assert (unpack_bits(data, count, bits, "values") == values).all()
    if count * bits % 8:
        with pytest.raises(FormatError, match=f"^values: expected zero bits after {count} values of {bits} bits"):
            unpack_bits(data[:-1] + bytes([data[-1] | 1]), count, bits, "values")


@pytest.mark.parametrize("density", [1.0, 0.9, 0.1])
@pytest.mark.parametrize("bits", [2, 4, 8, 10, 12, 13, 16])
def test_uniform_layers_come_back(bits: int, density: float) -> None:
    round_trip(make_layers(HEADER, bits, UNIFORM, bits, density))


@pytest.mark.parametrize("density", [1.0, 0.3])
@pytest.mark.parametrize(("kind", "bits"), [(CODEBOOK, 2), (CODEBOOK, 6), (CODEBOOK, 10), (HALF, 16)])
def test_other_layers_come_back(kind: int, bits: int, density: float) -> None:
    layers = make_layers(HEADER, bits, kind, bits, density)
    round_trip(layers)
    read = reference.read(make_file(HEADER, layers)).layers
    assert [layer.weights().tolist() for layer in layers] == [layer.weights for layer in read]


def test_layers_of_too_many_bits_are_not_written() -> None:
    layers = make_layers(HEADER)
    with pytest.raises(FormatError, match=r"^layer 1 bits: expected 2 to 16, got 17$"):
        pack([layers[0], dataclasses.replace(layers[1], bits=17), *layers[2:]])


def test_layers_without_weights_come_back() -> None:
    streams = round_trip(make_layers(HEADER, density=0.0))
    assert all(stream.symbol_bytes == 0 and stream.mask_bytes < 1 for stream in streams)


def test_biases_come_back() -> None:
    layers = make_layers(HEADER)
    for bias_bits, codes in ((1, [0, 1] * 4), (9, [0, 511] * 4), (16, [0, 2**16 - 1] * 4)):
        layers[1] = dataclasses.replace(layers[1], bias_bits=bias_bits, bias_codes=np.array(codes, np.int32))
        layers[3] = dataclasses.replace(layers[3], bias_codes=np.array([-(2**23), -1, 2**23 - 1], np.int32))
        round_trip(layers)


def test_multipliers_come_back() -> None:
    layers = make_layers(HEADER)
    for multiplier in (1, 127, 128, 2**28, 2**32 - 1):
        layers[2] = dataclasses.replace(layers[2], multiplier=multiplier)
        round_trip(layers)


def coders(layer: QuantisedLayer) -> tuple[str, str]:
    """Of layer 1's mask and symbols."""
    layers = make_layers(header_of("RGB", hidden=layer.mask.shape[0]))
    layers[1] = layer
    stream = round_trip(layers, header_of("RGB", hidden=layer.mask.shape[0]))[1]
    return stream.mask_coder, stream.symbol_coder


def test_every_coder_is_reached() -> None:
    rng = np.random.default_rng(1)
    header = header_of("RGB", hidden=64)
    dense = make_layer(rng, header, 1)
    assert coders(dense) == ("none", "range")
    assert coders(make_layer(rng, header, 1, density=0.1)) == ("range", "range")
    assert coders(make_layer(rng, header_of("RGB"), 1, HALF, 16, 0.5)) == ("raw", "raw")
    repeated = dataclasses.replace(dense, codes=np.tile(rng.permutation(255)[:64], 64).astype(np.uint16))
    assert coders(repeated) == ("none", "zstd")
    rows = np.zeros((64, 64), np.bool_)
    rows[::2] = True
    striped = dataclasses.replace(repeated, mask=rows, codes=repeated.codes[:2048] % 254)
    assert coders(striped) == ("zstd", "zstd")


def entropy_bits(symbols: NDArray[Any]) -> float:
    counts = np.unique(symbols, return_counts=True)[1]
    return float(counts @ np.log2(symbols.size / counts))


@pytest.mark.parametrize(("density", "bits"), [(0.1, 8), (0.2, 8), (1.0, 8), (1.0, 6), (0.2, 10)])
def test_cost_is_within_three_per_cent_of_the_entropy(density: float, bits: int) -> None:
    header = header_of("RGB", hidden=128, layers=8)
    layers = make_layers(header, 3, UNIFORM, bits, density)
    entropy = sum(entropy_bits(layer.codes) + entropy_bits(layer.mask) for layer in layers) / 8
    data = pack(layers)
    biases = sum(stream.bias_bytes for stream in unpack(data, shapes_of(header))[1])
    assert 0.97 * entropy < len(data) - biases < 1.03 * entropy  # records, tables and the coder's states included


def test_the_range_coder_is_left_out_where_its_states_outweigh_it() -> None:
    small, large = header_of("L", hidden=3, layers=2), header_of("L", hidden=64, layers=3)
    streams = round_trip(make_layers(small, bits=2, density=2 / 3), small)
    assert [(s.mask_coder, s.symbol_coder) for s in streams] == [("raw", "raw")] * 2
    assert sum(s.mask_bytes + s.symbol_bytes for s in streams) == 4
    streams = round_trip(make_layers(large, bits=2, density=2 / 3), large)
    assert [(s.mask_coder, s.symbol_coder) for s in streams] == [("range", "range")] * 3


TINY = header_of("L", hidden=1, layers=2)
FIRST = [0x0C, 8, 6, 0xAC, 0x02, 2, 200, 17, 0b110011_00]  # dense, raw; multiplier 300; 2 weights; a bias of 6 bits
LAST = [0x0C, 4, 24, 1, 1, 0x30, 0xFF, 0xFF, 0x80]  # a weight of 4 bits, 3 − 7; a bias of −128

ONLY_DENSE = "expected none exactly where no weight is zero"
ONE_FORM = "expected a number that does not end in a byte of 0, got one that does"
MAGNITUDE = "largest magnitude: expected 0 to 15360"


def refused(data: list[int], message: str, header: Header = TINY) -> None:
    with pytest.raises(FormatError) as caught:
        unpack(bytes(data), shapes_of(header))
    assert str(caught.value).startswith(message)


def changed(values: list[int], at: int, *new: int) -> list[int]:
    return [*values[:at], *new, *values[at + len(new) :]]


def test_layout_is_pinned() -> None:
    data = bytes([0, *FIRST, *LAST])
    (first, last), streams = unpack(data, shapes_of(TINY))
    assert (first.weights().tolist(), first.multiplier, first.bias_codes.tolist()) == ([[73, -110]], 300, [51])
    assert (last.weights().tolist(), last.multiplier, last.bias_codes.tolist()) == ([[-4]], 1, [-128])
    assert streams == [StreamInfo("none", 0, "raw", 2, 1, 0), StreamInfo("none", 0, "raw", 1, 3, 0)]
    assert pack([first, last]) == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "lanes: expected 1 bytes, got 0"),
        ([11, *FIRST, *LAST], "lanes: expected 0 to 10, got 11"),
        ([1, *FIRST, *LAST], "range coder: expected lanes a power of two up to 1024 and to 0 symbols, got 2"),
        ([0, *FIRST, *LAST, 0], "range coder: expected 16-bit words after the states, got 1 bytes"),
        ([0, *FIRST, *LAST, 0, 0], "range coder: expected 0 words, got 1"),
        ([0, *changed(FIRST, 0, 0x4C), *LAST], "layer 0 kind and coders: expected 0 to 63, got 76"),
        ([0, *changed(FIRST, 0, 0x0F), *LAST], "layer 0 kind: expected 0 to 2, got 3"),
        ([0, *changed(FIRST, 0, 0x3C), *LAST], "layer 0 symbol coder: expected 0 to 2, got 3"),
        ([0, *changed(FIRST, 1, 1), *LAST], "layer 0 bits: expected 2 to 16, got 1"),
        ([0, *changed(FIRST, 1, 17), *LAST], "layer 0 bits: expected 2 to 16, got 17"),
        ([0, *changed(FIRST, 0, 0x0D, 11), *LAST], "layer 0 bits: expected 2 to 10, got 11"),
        ([0, *changed(FIRST, 0, 0x0E, 8), *LAST], "layer 0 bits: expected 16 to 16, got 8"),
        ([0, *changed(FIRST, 2, 0), *LAST], "layer 0 bias bits: expected 1 to 16, got 0"),
        ([0, *changed(FIRST, 2, 17), *LAST], "layer 0 bias bits: expected 1 to 16, got 17"),
        ([0, *FIRST, *changed(LAST, 2, 10)], "layer 1 bias bits: expected 24 to 24, got 10"),
        ([0, *changed(FIRST, 3, 0x80, 0), *LAST], f"layer 0 multiplier: {ONE_FORM}"),
        ([0, *FIRST[:3], 0xAC, 0x82, 0], f"layer 0 multiplier: {ONE_FORM}"),
        ([0, *FIRST[:3], 0, *LAST], "layer 0 multiplier: expected 1 to 4294967295, got 0"),
        ([0, *FIRST[:3], *[0xFF] * 4, 0x7F], "layer 0 multiplier: expected 1 to 4294967295, got 34359738367"),
        ([0, *FIRST[:3], *[0xFF] * 9], "layer 0 multiplier: expected a number of at most 5 bytes, got a longer one"),
        ([0, *changed(FIRST, 5, 3), *LAST], "layer 0 non-zeros: expected 0 to 2, got 3"),
        ([0, *changed(FIRST, 0, 0x00), *LAST], f"layer 0 mask coder: {ONLY_DENSE}, got raw"),
        ([0, *changed(FIRST, 5, 1), *LAST], f"layer 0 mask coder: {ONLY_DENSE}, got none"),
        ([0, *changed(FIRST, 6, 255), *LAST], "layer 0 symbols: largest: expected 0 to 254, got 255"),
        ([0, *changed(FIRST, 8, 0b110011_01), *LAST], "layer 0 biases: expected zero bits after 1 values of 6 bits"),
        ([0, *FIRST, *changed(LAST, 5, 0x31)], "layer 1 symbols: expected zero bits after 1 values of 4 bits"),
        ([0, *FIRST, *LAST[:-1]], "layer 1 biases: expected 3 bytes, got 2"),
        ([0, 0x0D, 2, 6, 1, 2, *[0] * 7], "layer 0 codebook: expected 8 bytes, got 7"),
        ([0, 0x0E, 16, 6, 1, 2, 0x3C, 0x01, 0, 0, 0], f"layer 0 symbols: {MAGNITUDE}, got 15361"),
        ([0, 0x0E, 16, 6, 1, 2, 0xFC, 0x00, 0, 0, 0], f"layer 0 symbols: {MAGNITUDE}, got 31744"),
        ([0, 0x0E, 16, 6, 1, 2, 0x3C, 0, 0x80, 0, 0, *LAST], "layer 0 symbols: expected 0 for zero, got −0"),
        ([0, 0x00, 8, 6, 1, 1, 0b11_000000, 9, 0, *LAST], "layer 0 mask: expected 1 non-zeros, got 2"),
        ([0, 0x00, 8, 6, 1, 1, 0b10_100000, 9, 0, *LAST], "layer 0 mask: expected zero bits after 2 values of 1 bits"),
        ([0, 0x2C, 8, 6, 1, 2, 3, 0, 0, 0, 0, *LAST], "layer 0 symbols: density: expected a node that is not zero"),
        ([0, 0x2C, 8, 6, 1, 2, 1, 0, 0, 0, 0, *LAST], "layer 0 symbols: density: expected 0, 2 … 65 or as many nodes"),
        ([0, 0x2C, 8, 6, 1, 2, 0x80, 0x02, 0, *LAST], "layer 0 symbols nodes: expected 0 to 255, got 256"),
        ([0, 0x2E, 16, 6, 1, 2, 0, 0, *LAST], "layer 0 symbols: density: expected 0, 2 … 65 or as many nodes"),
        ([0, 0x2C, 8, 6, 1, 2, 0, 0, *LAST], "range coder, state of lane 0: expected"),
        ([0, 0x1C, 8, 6, 1, 2, 100, 0], "layer 0 symbols length: expected 0 to 8, got 100"),
        ([0, 0x1C, 8, 6, 1, 2, 1, 0, 0, *LAST], "layer 0 symbols: expected Zstandard data, got "),
    ],
)  # fmt: skip
def test_bytes_that_are_not_layers(data: list[int], message: str) -> None:
    refused(data, message)


@pytest.mark.parametrize("size", [1, 3, 2**20])
def test_a_zstandard_stream_has_exactly_its_size(size: int) -> None:
    frame = zstandard.compress(bytes(size))
    most = "1 to 2 decompressed" if size > 2 else "2"
    data = [0, 0x1C, 8, 6, 1, 2, len(frame), *frame, 0, *LAST]
    refused(data, f"layer 0 symbols: expected {most} bytes, got {size}")


def test_the_reader_never_takes_more_than_there_is() -> None:
    reader = FieldReader(b"abc")
    with pytest.raises(FormatError, match=r"^field: expected 4294967296 bytes, got 3$"):
        reader.take(2**32, "field")
    assert reader.rest() == b"abc"
