"""Sparse differences of a file's networks: their bytes, what they do, what is refused, and how they are found."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import hostile
import numpy as np
import pytest
import reference_decoder as reference
from both_decoders import same_outcome
from numpy.typing import NDArray
from toy_prior import smooth_picture, toy_prior

from inr_core import FormatError, Settings, decode, describe, encode, psnr
from inr_core.container import chunks
from inr_core.container.header import Header
from inr_core.container.metadata import Metadata
from inr_core.latent import differences, prior
from inr_core.latent.decoding import LatentDecoder
from inr_core.latent.differences import ARRAYS, Difference, Differences, coded_mask
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import PyramidShape, quantise
from inr_core.latent.prior import Prior, to_arrays
from inr_core.models import LatentShape


def random_differences(start: Prior, seed: int, size: int = 3) -> Differences:
    """A few steps in some of the arrays."""
    rng = np.random.default_rng(seed)
    found = {}
    for name in ARRAYS:
        shape = to_arrays(start)[name].shape
        steps = rng.integers(-size, size + 1, shape, np.int32) * (rng.random(shape) < 0.02) * coded_mask(name, shape)
        if steps.any() and rng.random() < 0.7:
            found[name] = Difference(steps.astype(np.int32), int(rng.integers(0, 4)))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_differences_come_back(seed: int) -> None:
    start = toy_prior()
    wanted = random_differences(start, seed)
    data, bits = differences.pack(start, wanted)
    assert bits / 8 <= len(data) - len(ARRAYS) - len(wanted) < bits / 8 + 16
    found = differences.unpack(data, start)
    assert found.keys() == wanted.keys()
    for name, difference in found.items():
        assert difference.shift == wanted[name].shift
        assert np.array_equal(difference.steps, wanted[name].steps)
    moved = to_arrays(differences.adapted(start, found))
    for name, array in to_arrays(start).items():
        change = wanted[name].steps << wanted[name].shift if name in wanted else 0
        assert np.array_equal(moved[name], array + change), name


def test_what_no_parity_may_use_is_not_stored() -> None:
    start = toy_prior()
    shape = to_arrays(start)["luma_w1"].shape
    blind = {"luma_w1": Difference(np.where(coded_mask("luma_w1", shape), 0, 1).astype(np.int32), 0)}
    assert differences.pack(start, blind)[0] == bytes(len(ARRAYS) + 1)


def test_few_differences_take_few_bytes() -> None:
    start = prior.load(1)
    steps = np.zeros(to_arrays(start)["luma_w1"].shape, np.int32)
    steps[np.unravel_index(np.arange(7, 40_000, 2000), steps.shape)] = 1
    count = int(steps[coded_mask("luma_w1", steps.shape)].sum())
    data, _ = differences.pack(start, {"luma_w1": Difference(steps, 5)})
    assert count >= 10
    assert len(data) - len(ARRAYS) < 2.5 * count


def file_with(own: Differences, height: int = 9, width: int = 11, channels: int = 3) -> tuple[bytes, NDArray[Any]]:
    """A file of prior 1 with differences, and the samples it should decode to."""
    start = prior.load(1)
    samples = smooth_picture(np.random.default_rng(3), height, width, channels, 8)
    latents = dataclasses.replace(quantise(samples, start, (channels,), 150, 6), differences=own)
    payloads, _, decoded = encode_latents(latents, start)
    mode = {1: "L", 3: "RGB"}[channels]
    header = Header(width, height, mode, 8, channels, LatentShape(1, 150, 6))
    return chunks.write(header, None, Metadata(), payloads), decoded.reshape(samples.shape)


@pytest.mark.parametrize("channels", [1, 3])
def test_files_with_differences_decode_as_the_document_says(channels: int) -> None:
    own = random_differences(prior.load(1), 1)
    data, expected = file_with(own, channels=channels)
    plain, without = file_with({}, channels=channels)
    assert data != plain
    assert not np.array_equal(expected, without)
    pixels = decode(data, threads=1)
    assert np.array_equal(pixels.reshape(expected.shape), expected)
    assert np.array_equal(np.ravel(reference.decode(data)), np.ravel(pixels))
    assert decode(data, threads=2).tobytes() == pixels.tobytes()


def test_the_same_files_are_refused() -> None:
    head, latents = hostile.split(file_with(random_differences(prior.load(1), 2), 3, 4)[0])
    accepted = 0
    for seed in range(16):
        rng = random.Random(seed)
        edited = hostile.edit(latents[1][:400], rng) + latents[1][400:]
        accepted += not same_outcome(hostile.join([head, (latents[0], edited)], 12 + len(edited)))
    assert accepted < 12


def payload_with(bytes_of_differences: bytes, size: int | None = None) -> LatentDecoder:
    """A decoder of a grey picture of one pixel, whose low-pass is 0."""
    size = len(bytes_of_differences) if size is None else size
    payload = bytes([0x41]) + b"\x80\x80\x80\x04\x00" + bytes([size]) + bytes_of_differences + b"\x00"
    return LatentDecoder([payload], prior.load(1), PyramidShape(1, 1, 8, (1,), 160, 1))


def test_no_differences_may_be_said_in_so_many_words() -> None:
    assert payload_with(bytes(19)).samples().tolist() == [[[128]]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"differences, bytes: expected 1 to \d+, got 0"),
        (bytes(5), "differences, luma_b3, scale: expected 1 bytes, got 0"),
        (bytes([65]) + bytes(20), "differences, luma_w1, scale: expected 0 to 64, got 65"),
        (bytes([1, 21]) + bytes(20), "differences, luma_w1, shift: expected 0 to 20, got 21"),
        (bytes([0, 1, 0]) + bytes(17), "differences: expected at least 1536 more symbols, got 0"),
        (bytes(18) + b"\x01", "differences, symbols: expected 0 to 0, got 1"),
        (bytes(18), "differences, symbols: expected 1 bytes, got 0"),
    ],
)
def test_damaged_differences_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        payload_with(data).samples()


def test_differences_longer_than_the_payload_are_refused() -> None:
    with pytest.raises(FormatError, match=r"differences, bytes: expected 1 to \d+, got 99"):
        payload_with(bytes(19), 99).samples()


def test_only_the_first_payload_has_differences() -> None:
    with pytest.raises(FormatError, match="latents 1, levels: expected 1 to 16, got 65"):
        LatentDecoder([b"\x01", b"\x41"], prior.load(1), PyramidShape(4, 4, 8, (1,), 160, 2))


def test_sums_that_could_become_inexact_are_refused() -> None:
    start = prior.load(1)
    steps = np.zeros(to_arrays(start)["cell_wm"].shape, np.int32)
    steps[3] = 1 << 12
    with pytest.raises(FormatError, match=r"differences, prior, cell_wm, row 3: expected sums below 16777216, got up"):
        differences.adapted(start, {"cell_wm": Difference(steps, 6)})
    data, _ = differences.pack(start, {"cell_wm": Difference(steps, 6)})
    with pytest.raises(FormatError, match="cell_wm, row 3"):
        differences.adapted(start, differences.unpack(data, start))


@pytest.mark.slow
def test_networks_move_where_that_pays() -> None:
    """A picture of checks, unlike any photograph: its networks differ, and the file is the better for it."""
    pytest.importorskip("torch")
    from inr_core.fit.latent.refine import Refinement, refine
    from inr_core.latent import plan

    rng = np.random.default_rng(0)
    tiles = rng.integers(0, 2, (24, 32, 1)).repeat(3, 2).astype(np.uint8)
    samples = np.kron(tiles, np.ones((8, 8, 1), np.uint8)) * np.array([200, 120, 255], np.uint8)
    start = prior.load(1)
    quantised = quantise(samples, start, (3,), 160, 6)
    step = 2.0 ** (160 / 16 - 6)
    costs = []
    for adapt in (False, True):
        how = Refinement(16, plan.TRADE, adapt)
        refined, _ = refine(samples, quantised, start, how, lambda step, psnr, bpp: True)
        assert bool(refined.differences) == adapt
        payloads, _, decoded = encode_latents(refined, start)
        error = np.square(decoded.astype(float) - samples).sum() / 3
        costs.append(error + plan.TRADE * step**2 * 8 * sum(map(len, payloads)))
    assert costs[1] < 0.97 * costs[0]


@pytest.mark.parametrize(("effort", "block", "different"), [(1, 13, False), (5, 13, True), (5, 12, False)])
def test_a_default_save_of_a_picture_that_is_not_small_adapts(effort: int, block: int, different: bool) -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    blocks = np.kron(rng.integers(0, 2, (16, 16)), np.ones((block, block)))
    pixels = (100 + 40 * blocks + rng.normal(0, 3, blocks.shape)).astype(np.uint8)
    data = encode(pixels, Settings(effort=effort, threads=1, device="cpu", model="latent"))
    first = reference.read(data).latents[0][0]
    assert bool(first & 0x40) == different
    assert psnr(decode(data), pixels) > 28


def test_info_says_how_many_weights_moved() -> None:
    own = random_differences(prior.load(1), 1)
    facts = describe(file_with(own)[0])
    assert facts.moved == sum(np.count_nonzero(difference.steps) for difference in own.values())
    assert facts.moved_bytes == len(differences.pack(prior.load(1), own)[0])
    plain = describe(file_with({})[0])
    assert (plain.moved, plain.moved_bytes) == (0, 0)
