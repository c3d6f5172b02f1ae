"""Compiled kernels give the bytes and pixels of NumPy, at every level that this machine has, and refuse wrong sizes."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from compiled import COMPILED, each_compiled
from networks import header_of, make_file, make_layer
from numpy.typing import NDArray
from toy_prior import smooth_picture, toy_arrays, toy_prior

from inr_core import decode
from inr_core.entropy.rans import encode
from inr_core.errors import FormatError
from inr_core.kernels import switch
from inr_core.kernels.colour import from_planes
from inr_core.kernels.highpass import highpass
from inr_core.kernels.layers import fit_int16, pack_bias, pack_neighbours, pack_weights
from inr_core.kernels.resample import resample
from inr_core.kernels.sine import FIRST_SHIFT, SINE_TABLE
from inr_core.kernels.siren import CompiledSiren, Layer, Network
from inr_core.kernels.strips import Strips
from inr_core.latent import prior
from inr_core.latent.decoding import LatentDecoder
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import Latents, quantise
from inr_core.latent.maps import CHROMA, LUMA
from inr_core.latent.networks import cell_layers, parity_layers
from inr_core.siren.weights import CODEBOOK, HALF, UNIFORM

RNG = np.random.default_rng
native = switch.native
needs_library = pytest.mark.skipif(native is None, reason="nothing is compiled here")


def decoder(payloads: list[bytes], of: Latents, start: prior.Prior, **options: Any) -> LatentDecoder:
    return LatentDecoder(payloads, start, of, **options)


def everything(picture: NDArray[Any], start: prior.Prior, components: tuple[int, ...], step: int, threads: int) -> Any:
    """All that comes of a picture: bytes, what is kept, samples of every level, between pixels, and of cut bytes."""
    height, width, _ = picture.shape
    quantised = quantise(picture, start, components, step, 4)
    payloads, kept, samples = encode_latents(quantised, start, threads)
    out: list[Any] = [*payloads, samples, *(band for bands in kept.details for band in bands)]
    reader = decoder(payloads, kept, start, threads=threads)
    out += [reader.samples(level) for level in (4, 3, 1, 0)]
    out.append(decoder(payloads, kept, start, threads=threads).between((0, 0, width, height)))
    left = min(4, width // 2 & ~3)
    out.append(decoder(payloads, kept, start, threads=threads).between((left, 0, width, height)))
    if components == (3,):
        out.append(decoder(payloads, kept, start).luma(0))
    for share in (0.3, 0.8, 0.99):
        cut = payloads[-1][: int(share * len(payloads[-1]))]
        if len(payloads) > 1:
            out.append(decoder(payloads[:-1], kept, start, threads=threads, cut=cut).samples())
    return out


def same(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


COLOUR, GREY, COLOUR_ALPHA, GREY_ALPHA = (3,), (1,), (3, 1), (1, 1)


@pytest.mark.parametrize(
    ("size", "components", "bit_depth"),
    [
        ((1, 1), COLOUR, 8),
        ((2, 3), GREY, 16),
        ((1, 40), COLOUR_ALPHA, 8),
        ((33, 1), COLOUR, 16),
        ((37, 52), COLOUR, 8),
        ((64, 48), GREY_ALPHA, 8),
        ((70, 95), COLOUR_ALPHA, 16),
        ((5, 901), COLOUR, 8),
    ],
)
def test_pictures_are_the_same(
    size: tuple[int, int], components: tuple[int, ...], bit_depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inr_core.latent.encoding.GROUP_BITS", 300)  # several payloads
    monkeypatch.setattr("inr_core.latent.level.CODED_SYMBOLS", 400)
    monkeypatch.setattr("inr_core.kernels.strips.LEAST_POSITIONS", 16)
    picture = smooth_picture(RNG(sum(size)), *size, sum(components), bit_depth)
    start, step = toy_prior(size[0] % 3), 90 + 11 * (size[1] % 9)
    with switch.using("numpy"):
        expected = everything(picture, start, components, step, 1)
    for backend in COMPILED:
        with switch.using(backend):
            assert same(everything(picture, start, components, step, 1 + size[1] % 3), expected), backend


@pytest.mark.parametrize("step", [0, 7, 60, 127, 200, 255])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_priors_and_steps_are_the_same(step: int, number: int) -> None:
    picture = smooth_picture(RNG(step), 53, 47, 3, 16 if step % 2 else 8)
    with switch.using("numpy"):
        expected = everything(picture, prior.load(number), (3,), step, 1)
    for backend in COMPILED:
        with switch.using(backend):
            assert same(everything(picture, prior.load(number), (3,), step, 2), expected), backend


@pytest.mark.parametrize(
    ("hidden", "chroma", "sines"), [(1, 1, 1), (3, 5, 2), (12, 20, 9), (28, 6, 17), (64, 32, 64), (128, 64, 96)]
)
def test_networks_of_any_width_are_the_same(hidden: int, chroma: int, sines: int) -> None:
    arrays = toy_arrays(hidden, hidden, chroma, sines)
    if hidden > 32:
        arrays |= {name: array // 4 for name, array in arrays.items() if "_w" in name}
    start = prior.from_arrays(arrays)
    picture = smooth_picture(RNG(hidden), 45, 61, 3)
    with switch.using("numpy"):
        expected = everything(picture, start, (3,), 150, 1)
    for backend in COMPILED:
        with switch.using(backend):
            assert same(everything(picture, start, (3,), 150, 1), expected), backend


def test_weights_too_wide_for_the_kernels_go_through_numpy() -> None:
    arrays = toy_arrays()
    arrays["chroma_w1"][0, 0, 0, 0] = 1 << 15
    arrays["cell_w1"][0, 3, 0, 0] = -(1 << 15) - 1
    start = prior.from_arrays(arrays)
    picture = smooth_picture(RNG(5), 45, 61, 3)
    assert all(map(fit_int16, parity_layers(start.luma, LUMA)))
    assert not all(map(fit_int16, parity_layers(start.chroma, CHROMA)))
    assert not fit_int16(cell_layers(start.cell, 1))
    with switch.using("numpy"):
        expected = everything(picture, start, (3,), 150, 1)
    for backend in COMPILED:
        with switch.using(backend):
            assert same(everything(picture, start, (3,), 150, 1), expected), backend


@each_compiled
def test_planes_of_all_integers_are_the_same(backend: str) -> None:
    """Whatever a hostile file makes of them: sums that wrap, values far beyond any sample."""
    random = RNG(1)
    for size, bits in itertools.product([(1, 1), (3, 7), (20, 33)], [1, 12, 20, 31]):
        planes = random.integers(-(1 << bits), 1 << bits, (3, *size)).astype(np.int32)
        for factor in (65536 * 2.0**-30, 34219 * 2.0**-4, 50535 * 2.0**-16):
            found = []
            for name in (backend, "numpy"):
                with switch.using(name):
                    found.append(highpass(planes, factor, Strips(2, "cpu")))
            assert np.array_equal(found[0], found[1])
        for bit_depth in (8, 16):
            samples = np.zeros((2, *size, 4), np.uint8 if bit_depth == 8 else np.uint16)
            for out, name in zip(samples, (backend, "numpy"), strict=True):
                with switch.using(name):
                    from_planes(planes, bit_depth, out)
                    from_planes(planes[2:].copy(), bit_depth, out, 3)
            assert np.array_equal(*samples)


@each_compiled
def test_hostile_values_are_the_same(backend: str) -> None:
    """Details of all magnitudes in every level."""
    random = RNG(2)
    peaks = [60, 3000, (1 << 23) - 64]
    for peak, step in itertools.product(peaks, [30, 255]):
        details = [
            [random.integers(-peak, peak + 1, (9, -(-40 >> k + 1), -(-50 >> k + 1))).astype(np.int32) for k in range(3)]
        ]
        lowpass = [random.integers(-(1 << 22), 1 << 22, (3, 5, 7)).astype(np.int32)]
        values = Latents(50, 40, 8, (3,), step, 3, lowpass, details)
        outcomes = []
        for name in ("numpy", backend):
            with switch.using(name):
                payloads, kept, samples = encode_latents(values, prior.load(1))
                outcomes.append([*payloads, samples, decoder(payloads, kept, prior.load(1), threads=2).samples()])
        assert same(*outcomes)


@each_compiled
def test_bytes_that_no_writer_made_have_the_same_error(backend: str) -> None:
    picture = smooth_picture(RNG(3), 40, 52, 3)
    payloads, kept, _ = encode_latents(quantise(picture, toy_prior(), (3,), 150, 4), toy_prior())
    random = RNG(4)
    messages = set()
    for _ in range(60):
        changed = [bytearray(payload) for payload in payloads]
        victim = changed[int(random.integers(len(changed)))]
        for _ in range(int(random.integers(1, 4))):
            victim[int(random.integers(1, len(victim)))] = int(random.integers(256))
        if random.random() < 0.3:
            del victim[int(random.integers(2, len(victim))) :]
        outcomes: list[list[Any]] = []
        for name in ("numpy", backend):
            with switch.using(name):
                try:
                    outcomes.append([decoder([bytes(c) for c in changed], kept, toy_prior()).samples()])
                except FormatError as e:
                    outcomes.append([str(e)])
                    messages.add(str(e).partition(":")[0])
        assert same(*outcomes)
    assert len(messages) >= 3


@pytest.mark.parametrize("hidden", [1, 5, 24, 130])
def test_sirens_are_the_same(hidden: int) -> None:
    """Of every kind of weights, dense and sparse, on grids narrower and wider than what is evaluated together."""
    for k, (width, height, layers) in enumerate([(1, 1, 2), (7, 3, 4), (95, 2, 3), (300, 3, 4)]):
        mode = ("L", "RGB", "RGBA", "LA")[k]
        header = header_of(mode, 16 if mode == "LA" else 8, width=width, height=height, hidden=hidden, layers=layers)
        random = RNG(hidden)
        kinds = [(UNIFORM, 8, 1.0), (UNIFORM, 16, 0.1), (HALF, 16, 0.6), (CODEBOOK, 3, 0.5)]
        of = [make_layer(random, header, n, *kinds[(n + k) % 4]) for n in range(layers)]
        data = make_file(header, of)
        with switch.using("numpy"):
            expected = [decode(data), decode(data, size=(width + 5, 2)), decode(data, size=(max(1, width // 3), 1))]
        for backend in COMPILED:
            with switch.using(backend):
                found = [decode(data, threads=2)]
                found += [decode(data, size=(width + 5, 2)), decode(data, size=(max(1, width // 3), 1))]
                assert same(found, expected), backend


@each_compiled
def test_sines_are_those_of_the_table(backend: str) -> None:
    """Of all phases, by a layer that hands them on, and by one that only the table's values could be right for."""
    phases = np.arange(1 << 12, dtype=np.int64) << 20
    first = Layer(np.array([[1, 0]], np.int32), 1, np.zeros(1, np.int64))
    last = Layer(np.array([[1]], np.int32), 1 << 24, np.array([511 << 24], np.int64))
    with switch.using(backend):
        network = CompiledSiren(Network((first, last)), 65_535)
        found = network.samples(phases << FIRST_SHIFT, np.zeros(1, np.int64))[0, :, 0]
    assert np.array_equal(found, SINE_TABLE + 511)


@each_compiled
def test_words_of_the_coder_are_the_same(backend: str) -> None:
    random = RNG(6)
    for count, lanes in [(1, 1), (700, 1), (700, 64), (5000, 1024), (1024, 1024)]:
        freqs = random.integers(1, 1 + (1 << int(random.integers(1, 15))), count)
        freqs[::50] = 1 << 15
        starts = random.integers(0, (1 << 15) - freqs + 1)
        with switch.using("numpy"):
            expected = encode(starts, freqs, lanes)
        with switch.using(backend):
            assert encode(starts, freqs, lanes) == expected
            assert encode(starts.astype(np.uint16), freqs.astype(np.uint16), lanes) == expected
            for bad in (0, (1 << 15) + 1):
                with pytest.raises(ValueError, match="expected intervals"):
                    encode(starts, np.where(np.arange(count) == count // 2, bad, freqs), lanes)


@each_compiled
def test_resampled_pictures_are_the_same(backend: str) -> None:
    random = RNG(7)
    samples: NDArray[Any]
    for size, peak, alpha in [((1, 1), 255, False), ((40, 53), 65_535, False), ((31, 70), 255, True)]:
        samples = random.integers(0, peak + 1, (*size, 4)).astype(np.uint8 if peak == 255 else np.uint16)
        samples[: size[0] // 2] = samples.max() * (samples[: size[0] // 2] > samples.max() // 2)  # overshoots
        box = (0, 0, size[1], size[0])
        for wanted, level in [((3, 5), 0), ((90, 77), 0), ((20, 20), 0), ((9, 9), 1), ((33, 12), -1)]:
            with switch.using("numpy"):
                expected = resample(samples, box, wanted, level, alpha=alpha)
            with switch.using(backend):
                assert np.array_equal(resample(samples, box, wanted, level, alpha=alpha), expected)


def test_packed_weights_stand_by_pairs_of_inputs_and_fours_of_neurons() -> None:
    weights = np.arange(15).reshape(5, 3)
    packed = pack_weights(weights)
    assert packed is not None
    assert packed.tolist() == [
        [[[0, 1], [3, 4], [6, 7], [9, 10]], [[2, 0], [5, 0], [8, 0], [11, 0]]],
        [[[12, 13], [0, 0], [0, 0], [0, 0]], [[14, 0], [0, 0], [0, 0], [0, 0]]],
    ]
    assert pack_bias(np.array([5, -3]), 3).tolist() == [9, 1, 0, 0]
    near = pack_neighbours(np.arange(18).reshape(1, 2, 3, 3), 2)
    assert near is not None
    assert near[0, :, 0].tolist() == [[k, k + 9] for k in range(9)]
    assert pack_weights(np.array([[1 << 15]])) is None
    assert pack_weights(np.array([[-(1 << 15)]])) is not None


@needs_library
def test_a_prior_that_differs_does_not_meet_the_weights_of_another() -> None:
    """Packed weights are kept by the identity of a network, which a file may bring with it."""
    picture = smooth_picture(RNG(3), 40, 52, 3)
    quantised = quantise(picture, toy_prior(), (3,), 150, 4)
    plain = encode_latents(quantised, toy_prior())[0]
    other = replace(toy_prior(), luma=replace(toy_prior().luma, w2=toy_prior().luma.w2 + 1))
    assert encode_latents(quantised, other)[0] != plain
    assert encode_latents(quantised, toy_prior())[0] == plain
