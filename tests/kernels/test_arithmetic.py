"""The integer arithmetic: the sine table, exact products, phases that wrap, rounding, and a plain reference."""

from __future__ import annotations

import math
import zlib
from fractions import Fraction

import numpy as np
import pytest
import reference_decoder as reference
from networks import header_of, make_file, make_layer, make_layers, shapes_of
from numpy.typing import NDArray

from inr_core.container.header import Header
from inr_core.kernels import sine as fx
from inr_core.kernels.siren import Network, NumpySiren
from inr_core.siren.coordinates import axis_coordinates
from inr_core.siren.weights import CODEBOOK, HALF, UNIFORM, QuantisedLayer, to_network

BOUND = (fx.FLOAT32_EXACT - 1) // fx.ACT_MAX  # the largest Σ|w| of a float32 row


def row_of(total: int, columns: int = 300) -> NDArray[np.int32]:
    """One row with Σ|w| == total and alternating signs, (1, columns)."""
    values = np.full(columns, total // columns)
    values[: total % columns] += 1
    return (values * np.where(np.arange(columns) % 2, -1, 1))[None].astype(np.int32)


def test_sine_table_is_pinned() -> None:
    table = fx.SINE_TABLE.astype("<i2")
    assert table.tolist() == reference.SINE
    assert zlib.crc32(table.tobytes()) == 0x43456265


def test_sine_table_is_odd_symmetric_and_full_range() -> None:
    table = fx.SINE_TABLE
    assert (table[::-1] == -table).all()
    assert (table[:2048] == table[:2048][::-1]).all()
    assert (table.min(), table.max()) == (-511, 511)
    assert (np.diff(table[:1024]) >= 0).all()


def test_no_entry_of_the_sine_table_depends_on_the_platform() -> None:
    exact = [511 * math.sin(2 * math.pi * (i + 0.5) / 4096) for i in range(4096)]
    assert min(abs(value - math.floor(value) - 0.5) for value in exact) > 1e-4


def test_sine_reads_the_top_twelve_bits_of_a_phase() -> None:
    phase = np.array([[0, 2**20 - 1, 2**20, 2**31 - 1, 2**31, 2**32 - 1]], np.uint32)
    for dtype in (np.float32, np.float64):
        out = np.empty(phase.shape, dtype)
        fx.sine_of_phase(phase, np.empty(phase.shape, np.int64), out)
        assert out[0].tolist() == [reference.SINE[i] for i in (0, 0, 1, 2047, 2048, 4095)]


@pytest.mark.parametrize(
    ("total", "dtype"), [(0, np.float32), (BOUND, np.float32), (BOUND + 1, np.float64), (fx.ROW_LIMIT, np.float64)]
)
def test_products_switch_to_float64_where_float32_stops_being_exact(total: int, dtype: type) -> None:
    assert fx.product_dtype(row_of(total)) is dtype
    assert fx.largest_row(row_of(total)) == total


@pytest.mark.parametrize("total", [BOUND, fx.ROW_LIMIT])
def test_products_are_exact_in_any_order_at_the_bound(total: int) -> None:
    weight = row_of(total)
    dtype = fx.product_dtype(weight)
    signs = np.sign(weight[0])
    for order in (np.arange(300), np.argsort(signs), np.random.default_rng(0).permutation(300)):
        for act in (511 * signs, np.full(300, 511), np.where(np.arange(300) % 3, 511, -510)):
            product = weight[:, order].astype(dtype) @ act[order].astype(dtype)
            assert int(product[0]) == sum(int(w) * int(a) for w, a in zip(weight[0], act, strict=True))


def test_float32_is_not_exact_beyond_the_bound() -> None:
    weight, act = np.array([[2**15, 2**15, 1]]), np.array([511, 511, 509])
    exact = 2**16 * 511 + 509
    assert int((weight.astype(np.float32) @ act.astype(np.float32))[0]) != exact
    assert int((weight.astype(np.float64) @ act.astype(np.float64))[0]) == exact


def test_phases_wrap() -> None:
    acc = np.array([[2.0**31 - 2**22, -(2.0**31) + 2**22, -1, 0, 123_457]])
    for multiplier in (1, 65_537, 2**31, 2**32 - 1):
        for bias in (0, 2**32 - 1):
            out = np.empty(acc.shape, np.uint32)
            fx.to_phase(acc, multiplier, np.array([bias], np.uint32), out)
            assert out[0].tolist() == [(int(a) * multiplier + bias) % 2**32 for a in acc[0]]


def test_first_phase_is_exact_even_where_its_products_wrap_64_bits() -> None:
    weight = np.array([-(2**15), -1, 0, 1, 2**15 - 1], np.int32)
    coordinate = np.array([-(2**24), -12_345_677, -1, 0, 1, 2**24], np.int64)
    for multiplier in (1, 999, 2**32 - 1):
        phases = fx.first_phase(weight, multiplier, coordinate)
        expected = [[(w * multiplier * c >> 8) % 2**32 for c in coordinate.tolist()] for w in weight.tolist()]
        assert phases.tolist() == expected


@pytest.mark.parametrize("peak", [255, 65_535])
def test_samples_are_shifted_down_and_clipped(peak: int) -> None:
    acc = np.array([[-(2.0**31) + 2**22, -1, 0, 1, 2, 2.0**31 - 2**22]])
    for multiplier in (1, 2**24, 2**32 - 1):
        for bias in (0, 2**23, 2**24 - 1, -1, peak << 24):
            out = fx.to_samples(acc, multiplier, np.array([bias]), peak)
            expected = [min(max(int(a) * multiplier + bias >> 24, 0), peak) for a in acc[0]]
            assert out[0].tolist() == expected


def test_an_output_bias_of_half_a_sample_rounds_up() -> None:
    header = header_of("L", hidden=1, layers=2)
    layers = make_layers(header, density=0.0)  # no weight at all: the bias is the picture
    one, half = 2**14, 2**13
    for code, sample in (
        *((0, 0), (half - 1, 0), (half, 1), (one + half - 1, 1), (one + half, 2)),
        *((254 * one + half, 255), (-1, 0), (2**23 - 1, 255), (-(2**23), 0)),
    ):
        last = layers[-1]
        biased = QuantisedLayer(last.mask, last.codes, UNIFORM, 8, 1, np.array([code], np.int32), 24)
        network = to_network([layers[0], biased], 8)
        out = NumpySiren(network, 255, 1, 1).samples(np.zeros(1, np.int64), np.zeros(1, np.int64))
        assert out.tolist() == [[[sample]]]


def test_every_sample_of_16_bits_has_an_output_bias() -> None:
    header = header_of("I;16")
    sample = np.arange(65_536)  # more outputs than a file's network has: one for each sample
    codes = np.rint(sample * 2**14 / 257).astype(np.int32)
    last = QuantisedLayer(np.zeros((65_536, 1), np.bool_), np.zeros(0, np.uint16), UNIFORM, 8, 1, codes, 24)
    (layer,) = to_network([last], header.bit_depth).layers
    assert fx.to_samples(np.zeros((65_536, 1)), 1, layer.bias, 65_535)[:, 0].tolist() == sample.tolist()


@pytest.mark.parametrize(
    ("side", "longest", "start", "stop", "samples"),
    [
        (1, 1, 0, 1, 1),
        (24, 24, 0, 24, 24),
        (16, 24, 3, 9, 6),
        (7, 1000, 0, 7, 13),
        (65_535, 65_535, 0, 65_535, 65_535),
        (65_535, 65_535, 65_000, 65_535, 100_000),
    ],
)
def test_coordinates_are_rounded_half_up(side: int, longest: int, start: int, stop: int, samples: int) -> None:
    values = axis_coordinates(side, longest, start, stop, samples).tolist()
    assert len(values) == samples
    for j in {0, 1 % samples, samples // 3, samples // 2, samples - 1}:
        position = start + (j + Fraction(1, 2)) * (stop - start) / samples
        assert values[j] == math.floor((2 * position - side) / longest * 2**24 + Fraction(1, 2))
    assert abs(values[0] + values[-1]) <= 1 or (start, stop) != (0, side)
    assert max(map(abs, values)) < 2**24 or side == 1


def test_pixel_centres_do_not_depend_on_the_region() -> None:
    whole = axis_coordinates(1000, 3000, 0, 1000, 1000)
    assert (axis_coordinates(1000, 3000, 123, 456, 333) == whole[123:456]).all()


def coordinates(header: Header) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    longest = max(header.width, header.height)
    return (
        axis_coordinates(header.width, longest, 0, header.width, header.width),
        axis_coordinates(header.height, longest, 0, header.height, header.height),
    )


def evaluate(layers: list[QuantisedLayer], header: Header) -> NDArray[np.int64]:
    x, y = coordinates(header)
    peak = 65_535 if header.bit_depth == 16 else 255
    return NumpySiren(to_network(layers, header.bit_depth), peak, 1, len(x) * len(y)).samples(x, y)


CASES = {
    "dense": (header_of("RGB"), UNIFORM, 8, 1.0),
    "four bits": (header_of("L", layers=2), UNIFORM, 4, 1.0),
    "sparse": (header_of("RGBA", hidden=16), UNIFORM, 10, 0.3),
    "codebook": (header_of("RGB", width=9, height=31), CODEBOOK, 5, 0.9),
    "float16": (header_of("LA"), HALF, 16, 1.0),
    "deep": (header_of("RGB", 16, hidden=5, layers=9), UNIFORM, 8, 1.0),
    "grey": (header_of("I;16", hidden=40), HALF, 16, 0.5),
}


@pytest.mark.parametrize("case", CASES)
def test_network_equals_the_reference(case: str) -> None:
    header, kind, bits, density = CASES[case]
    layers = make_layers(header, 1, kind, bits, density)
    picture = evaluate(layers, header)
    assert picture.shape == (header.height, header.width, header.channels)
    assert picture.std() > 20, "a flat picture proves nothing"
    file = reference.read(make_file(header, layers))
    for row, column in ((0, 0), (3, 8), (header.height - 1, 0), (header.height - 1, header.width - 1)):
        assert tuple(picture[row, column]) == reference.pixel(file, column, row)
    doubles = any(layer.factors.dtype == np.float64 for layer in to_network(layers, header.bit_depth).layers)
    assert doubles == (kind == HALF), "both kinds of products are meant to be here"


def test_extreme_multipliers_and_weights_equal_the_reference() -> None:
    header = header_of("RGB", hidden=4)
    rng = np.random.default_rng(5)
    layers = []
    for k in range(len(shapes_of(header))):
        layer = make_layer(rng, header, k, CODEBOOK, 2)
        book = np.array([-(2**15), -1, 1, 2**15 - 1], np.int32)
        layers.append(
            QuantisedLayer(layer.mask, layer.codes, CODEBOOK, 2, 2**32 - 1 - k, layer.bias_codes, layer.bias_bits, book)
        )
    picture = evaluate(layers, header)
    file = reference.read(make_file(header, layers))
    for row, column in ((0, 0), (7, 11), (15, 23)):
        assert tuple(picture[row, column]) == reference.pixel(file, column, row)


def test_first_layer_is_separable() -> None:
    header = header_of("RGB")
    network: Network = to_network(make_layers(header), header.bit_depth)
    x, y = coordinates(header)
    whole = NumpySiren(network, 255, 1, len(x) * len(y)).samples(x, y)
    single = NumpySiren(network, 255, 1, 1)
    for i, j in ((0, 0), (5, 3), (23, 15)):
        assert (single.samples(x[i : i + 1], y[j : j + 1])[0, 0] == whole[j, i]).all()
