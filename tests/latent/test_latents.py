"""The latent model on integers: plain integer arithmetic, the same result everywhere, and no other bytes accepted."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import numpy as np
import pytest
from compiled import COMPILED
from numpy.typing import NDArray
from small_strips import set_positions
from toy_prior import smooth_picture, toy_arrays, toy_prior

from inr_core.errors import FormatError
from inr_core.kernels import switch
from inr_core.kernels.cell import RESIDUAL_MAX, TensorCell
from inr_core.kernels.colour import from_planes, to_planes
from inr_core.kernels.ops import Ops
from inr_core.kernels.parities import CompiledParities, ParityTensors
from inr_core.kernels.sine import SINE_TABLE
from inr_core.kernels.strips import Strips
from inr_core.latent import encoding, prior
from inr_core.latent.decoding import LatentDecoder
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import Latents, PyramidShape, quantise
from inr_core.latent.maps import CHROMA, LUMA, NONE, Layout, ParityMaps
from inr_core.latent.networks import cell_biases, cell_layers, parities_of, parity_biases, parity_layers
from inr_core.latent.prior import ORDER
from inr_core.latent.steps import Step, keys_of
from inr_core.metrics import psnr

RNG = np.random.default_rng
T = -7  # of the steps below
STEP = 160 + T


def coded(
    height: int = 37, width: int = 52, components: tuple[int, ...] = (3,), bit_depth: int = 8, levels: int = 4
) -> tuple[list[bytes], Latents, NDArray[Any]]:
    picture = smooth_picture(RNG(3), height, width, sum(components), bit_depth)
    return encode_latents(quantise(picture, toy_prior(), components, STEP, levels), toy_prior())


def decoder(payloads: list[bytes], of: Latents, **options: Any) -> LatentDecoder:
    return LatentDecoder(payloads, toy_prior(), of, **options)


def shifted(total: NDArray[np.int64], shift: int) -> NDArray[np.int64]:
    return total + (1 << shift >> 1) >> shift


def neighbourhoods(maps: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """(C, h + 2, w + 2) → (C, 3, 3, h, w)."""
    h, w = maps.shape[1] - 2, maps.shape[2] - 2
    taps = [[maps[:, y : y + h, x : x + w] for x in range(3)] for y in range(3)]
    return np.array(taps).transpose(2, 0, 1, 3, 4).astype(np.int64)


def parity_maps(layout: Layout, channels: NDArray[np.int16]) -> ParityMaps:
    """Maps of inputs (n, h, w) by the numbers that FORMAT.md gives them; what the last parity shows has no place."""
    maps = ParityMaps(layout, *channels.shape[1:])
    for place, channel in enumerate(layout.inputs(3)):
        if channel != NONE:
            maps.inner[place // 2, ..., place % 2] = channels[channel]
    return maps


@pytest.mark.parametrize("layout", [LUMA, CHROMA])
def test_every_input_of_a_parity_has_one_place(layout: Layout) -> None:
    """What all parities know, then what the three earlier ones show; the last one sees everything but its own."""
    assert all(len(group.numbers) % 2 == 0 for group in layout.groups)
    places = [number for number in layout.inputs(3) if number != NONE]
    shown = {layout.context + 4 * k + parity for k in range(6) for parity in ORDER[:3]}
    assert sorted(places) == sorted({*range(layout.context), *shown})
    for group in layout.groups:
        pairs = layout.pairs_of(group.name)
        assert tuple(layout.known[2 * pairs.start : 2 * pairs.stop]) == group.numbers
    with pytest.raises(KeyError, match="nothing"):
        layout.pairs_of("nothing")


@pytest.mark.parametrize("part", ["luma", "chroma"])
@pytest.mark.parametrize("rank", range(4))
def test_entropy_networks_are_plain_integer_arithmetic(part: str, rank: int) -> None:
    net: prior.ParityNet = getattr(toy_prior(), part)
    layout = {"luma": LUMA, "chroma": CHROMA}[part]
    channels = RNG(rank).integers(-128, 129, (net.w1.shape[1], 5, 6)).astype(np.int16)
    level, parity, hidden = 1, ORDER[rank], net.hidden
    unseen = np.zeros(len(channels), np.bool_)
    for later in ORDER[rank:]:
        unseen[layout.context + later :: 4] = True
    seen = np.pad(np.where(unseen[:, None, None], 0, channels), ((0, 0), (1, 1), (1, 1)))
    of = slice(parity * hidden, (parity + 1) * hidden)
    bias = net.b1[level] + (net.q1[0].astype(np.int64) * 32 * T + net.q1[1].astype(np.int64) * T * T >> 10)
    a = np.einsum("ocyx,cyxhw->ohw", net.w1[of].astype(np.int64), neighbourhoods(seen))
    a = shifted(a + bias[of, None, None], net.s1).clip(0, 1023)
    a = np.einsum("oc,chw->ohw", net.w2[parity].astype(np.int64), a) + net.b2[of, None, None]
    a = shifted(a, net.s2).clip(0, 1023)
    b3 = net.b3[level].reshape(4, -1)[parity]
    out = shifted(np.einsum("oc,chw->ohw", net.w3[parity].astype(np.int64), a) + b3[:, None, None], net.s3)
    scale, mean = out[: net.bands].clip(0, 63), out[net.bands :].clip(-256, 255)
    expected = scale * 512 + mean + 256
    maps = parity_maps(layout, channels)
    layers, biases = parity_layers(net, layout), parity_biases(net, level, T)
    model, ops = ParityTensors(layers, biases, layout.pairs, Ops()), Ops()
    shared = model.shared(ops, maps.all, 0, 5).copy()
    for given in (None, shared):
        keys = [model.keys(ops, rank, maps.all, given, y, n).copy() for y, n in ((0, 2), (2, 1), (3, 2))]
        assert np.array_equal(np.concatenate(keys, 1), expected)
    for backend in ["numpy", *COMPILED]:
        with switch.using(backend):
            networks = parities_of(net, maps, level, T, Strips(2, "cpu"))
        assert isinstance(networks, CompiledParities) == (backend != "numpy")
        for rows, most, count in ((5, 30, 1), (5, 13, 3), (2, 6, 2), (1, 1, 1), (0, 30, 0)):
            strips = list(networks.keys(rank, rows, most))
            assert [y for (first, last), _ in strips for y in range(first, last)] == list(range(rows))
            assert len(strips) == count
            for (first, last), strip in strips:
                found = strip[: net.bands].reshape(net.bands, last - first, -1)[..., :6]
                assert np.array_equal(found, expected[:, first:last])
    assert len(np.unique(scale)) > 3
    assert len(np.unique(mean)) > 3


@pytest.mark.parametrize("planes", [1, 3])
def test_the_cell_is_plain_integer_arithmetic(planes: int) -> None:
    net = toy_prior().cell
    inputs = np.zeros((12, 5, 6), np.int64)
    used = [*range(planes), *range(3, 3 + 3 * planes)]
    inputs[used] = RNG(4).integers(-256, 257, (4 * planes, 5, 6))
    bias = net.b1[2] + (net.q1[0].astype(np.int64) * 32 * T + net.q1[1].astype(np.int64) * T * T >> 10)
    edges = ((0, 0), (1, 1), (1, 1))
    a = np.einsum("ocyx,cyxhw->ohw", net.w1.astype(np.int64), neighbourhoods(np.pad(inputs, edges, mode="edge")))
    a = SINE_TABLE.astype(np.int64)[shifted(a + bias[:, None, None], net.s1) & 4095]
    a = np.einsum("oc,chw->ohw", net.wm.astype(np.int64), a) + net.bm[:, None, None]
    a = SINE_TABLE.astype(np.int64)[shifted(a, net.sm) & 4095]
    r = np.einsum("ocyx,cyxhw->ohw", net.w2.astype(np.int64), neighbourhoods(np.pad(a, edges, mode="edge")))
    expected = shifted(r + net.b2[:, None, None], net.s2).clip(-RESIDUAL_MAX, RESIDUAL_MAX)[: 4 * planes]
    maps = np.pad(inputs[used], ((0, 0), (2, 2), (1, 1)), mode="edge").astype(np.float32)
    ops = Ops()
    gains = np.full(3 * planes, 4096, np.int32)
    model = TensorCell(cell_layers(net, planes), cell_biases(net, planes, 2, T), gains, (1, 0), ops)
    strips = [
        model.residual(ops, maps[:, y : y + n + 4], y == 0, y + n == 5).copy() for y, n in ((0, 2), (2, 1), (3, 2))
    ]
    assert np.array_equal(np.concatenate(strips, 1), expected)
    assert np.array_equal(model.residual(ops, maps, True, True), expected)
    assert np.abs(expected).max() > 16


def test_values_move_towards_their_means_by_as_much_as_their_scale_allows() -> None:
    keys = keys_of(toy_prior())
    scale, mean, q = np.meshgrid([0, 9, 40, 63], [-256, -20, -1, 0, 3, 255], [-3, -1, 0, 1, 40], indexing="ij")
    key, values = (scale * 512 + mean + 256).reshape(-1), q.reshape(-1).astype(np.int32)
    expected = []
    for k, value in zip(key.tolist(), values.tolist(), strict=True):
        reach, m = int(toy_prior().recon[k // 512]), 8 * (k % 512 - 256)
        expected.append(64 * value + max(-reach, min(reach, m - 64 * value)))
    assert keys.values(key, values).tolist() == expected
    assert np.array_equal(keys.zero[key], keys.values(key, np.zeros_like(values)))
    assert keys.rounded[40 * 512 + 256 + 4] == 1
    assert keys.row[40 * 512 + 256 + 4] == 40 * 8
    assert not keys.coded[256]
    assert keys.coded[256 + 4]


@pytest.mark.parametrize("bit_depth", [8, 16])
def test_steps_are_what_their_indices_say(bit_depth: int) -> None:
    unit = 64 if bit_depth == 8 else 256
    for index in (0, 15, 16, 100, 167, 255):
        step, delta = Step(index, bit_depth), 2.0 ** (index / 16 - 6) * unit
        gains = np.array([4096, 3000, 8191], np.int32)
        for at in (0, 3, 15):
            expected = delta * gains / 4096 * np.array([-2, -2, 2.643181]) / 2 ** (at + 1) / 64
            assert step.coefficients(at, gains) == pytest.approx(expected, rel=5e-5)
            assert step.highpass(at) == pytest.approx(16 * 2 ** (at + 1) / 64 / (4 * delta), rel=2e-5)
            whole, shift = step.residual(at)
            assert whole * 2.0**-shift == pytest.approx(delta / 2**at / 64, rel=2e-3)
            assert step.low(at + 1) == pytest.approx(max(1, delta / 2 ** (at + 1)), abs=0.51)


@pytest.mark.parametrize(
    ("size", "components", "bit_depth", "levels"),
    [
        *itertools.product([(37, 52), (1, 1), (1, 33), (2, 3), (64, 16)], [(3,)], [8], [1, 5]),
        *itertools.product([(19, 21)], [(1,), (3, 1), (1, 1)], [8, 16], [4]),
    ],
)
def test_decoding_gives_what_the_encoder_saw(
    size: tuple[int, int], components: tuple[int, ...], bit_depth: int, levels: int
) -> None:
    payloads, kept, samples = coded(*size, components, bit_depth, levels)
    decoded = decoder(payloads, kept).samples()
    assert decoded.dtype == (np.uint8 if bit_depth == 8 else np.uint16)
    assert decoded.shape == (*size, sum(components))
    assert np.array_equal(decoded, samples)
    again, _, _ = encode_latents(kept, toy_prior())
    assert again == payloads


@pytest.mark.parametrize(("bit_depth", "lowest"), [(8, 70.0), (16, 75.0)])
def test_small_steps_are_nearly_lossless(bit_depth: int, lowest: float) -> None:
    picture = smooth_picture(RNG(5), 40, 33, 3, bit_depth)
    _, _, samples = encode_latents(quantise(picture, toy_prior(), (3,), 8, 3, 0.5), toy_prior())
    assert psnr(picture, samples) > lowest


def test_bytes_and_pixels_are_pinned() -> None:
    payloads, _, samples = coded(24, 40, (3, 1))
    digest = hashlib.sha256(b"".join(payloads)).hexdigest()[:16], hashlib.sha256(samples.tobytes()).hexdigest()[:16]
    assert digest == ("152a371fba7498e8", "d9a8e1f809bcd53e")


@pytest.mark.parametrize("positions", [50, 400, 10**6])
@pytest.mark.parametrize("threads", [1, 2])
def test_pixels_depend_on_neither_strips_nor_threads(
    monkeypatch: pytest.MonkeyPatch, positions: int, threads: int
) -> None:
    payloads, kept, samples = coded(61, 47, (3, 1))
    set_positions(monkeypatch, positions)
    assert np.array_equal(decoder(payloads, kept, threads=threads).samples(), samples)


def test_torch_gives_the_same_pixels() -> None:
    pytest.importorskip("torch")
    payloads, kept, samples = coded(61, 47, (3, 1))
    assert np.array_equal(decoder(payloads, kept, device="cpu:0").samples(), samples)


def test_a_level_needs_only_the_payloads_up_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "GROUP_BITS", 100)
    payloads, kept, samples = coded(50, 70)
    whole = decoder(payloads, kept)
    assert len(payloads) > 2
    assert whole.finest == 0
    for count in range(1, len(payloads) + 1):
        part = decoder(payloads[:count], kept)
        assert part.planes(part.finest)[0].shape == (3, -(-50 >> part.finest), -(-70 >> part.finest))
        assert np.array_equal(part.planes(part.finest)[0], whole.planes(part.finest)[0])
        if part.finest:
            with pytest.raises(FormatError, match=f"expected payloads down to level 0, got down to {part.finest}"):
                part.samples()
    assert np.array_equal(whole.samples(), samples)
    with pytest.raises(ValueError, match="level: expected at most 0"):
        whole.planes(1)


def test_what_is_surely_zero_is_not_coded() -> None:
    arrays = toy_arrays()
    for part in ("luma", "chroma"):  # scale 0, mean 0 everywhere
        arrays[f"{part}_w3"] = np.zeros_like(arrays[f"{part}_w3"])
        arrays[f"{part}_b3"] = np.zeros_like(arrays[f"{part}_b3"])
    sure = prior.from_arrays(arrays)
    wanted = quantise(smooth_picture(RNG(6), 30, 30, 3), sure, (3,), 120, 2)
    payloads, kept, _ = encode_latents(wanted, sure)  # too much would be lost
    assert payloads[0][0] == 0x82
    assert all(np.array_equal(a, b) for a, b in zip(wanted.details[0], kept.details[0], strict=True))
    for band in wanted.details[0]:
        np.clip(band, -1, 1, out=band)
    assert any(band.any() for band in wanted.details[0])
    payloads, kept, samples = encode_latents(wanted, sure)
    assert payloads[0][0] == 2
    assert not any(band.any() for band in kept.details[0])
    assert payloads[0][-1] == 0  # symbols
    assert np.array_equal(LatentDecoder(payloads, sure, PyramidShape(30, 30, 8, (3,), 120, 2)).samples(), samples)


def test_other_bytes_are_refused_or_decode_within_bounds() -> None:
    payloads, kept, samples = coded(20, 31, levels=3)
    assert len(payloads) == 1
    data = payloads[0]
    for size in range(0, len(data), 29):
        with pytest.raises(FormatError):
            decoder([data[:size]], kept).samples()
    with pytest.raises(FormatError):
        decoder([data + b"\0"], kept).samples()
    rng, refused = RNG(7), 0
    for _ in range(80):
        changed = bytearray(data)
        changed[rng.integers(1, len(data))] ^= 1 << int(rng.integers(8))
        try:
            assert decoder([bytes(changed)], kept).samples().shape == samples.shape
        except FormatError:
            refused += 1
    assert refused > 20


def test_payloads_must_hold_the_levels_of_the_picture() -> None:
    payloads, kept, _ = coded(20, 31, levels=3)
    with pytest.raises(FormatError, match="latents: expected at least one payload, got none"):
        decoder([], kept)
    with pytest.raises(FormatError, match="latents 1, levels: expected at most 0 more, got 3"):
        decoder(payloads * 2, kept)
    with pytest.raises(FormatError, match="latents 0, levels: expected 1 to 16, got 0"):
        decoder([b"\0" + payloads[0][1:]], kept)


def test_extreme_values_wrap_the_same_everywhere() -> None:
    picture = smooth_picture(RNG(8), 24, 25, 3)
    shape = quantise(picture, toy_prior(), (3,), 255, 3)
    for band in shape.details[0]:
        band[:] = RNG(9).integers(-(2**22), 2**22, band.shape)
    payloads, kept, samples = encode_latents(shape, toy_prior())
    assert np.array_equal(decoder(payloads, kept, threads=2).samples(), samples)


@pytest.mark.parametrize("bit_depth", [8, 16])
def test_colours_survive_their_planes(bit_depth: int) -> None:
    values = RNG(10).integers(0, 2**bit_depth, (50, 60, 3))
    samples = values.astype(np.uint8) if bit_depth == 8 else values.astype(np.uint16)
    out = np.empty_like(samples)
    from_planes(to_planes(samples, bit_depth), bit_depth, out)
    assert np.abs(out.astype(int) - samples).max() <= (0 if bit_depth == 8 else 3)
    grey = samples[..., :1].copy()
    from_planes(to_planes(grey, bit_depth), bit_depth, out[..., :1])
    assert np.array_equal(out[..., :1], grey)
