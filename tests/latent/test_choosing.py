"""Symbols that are chosen as they are coded: they cost less than those of one threshold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compiled import each_compiled
from numpy.typing import NDArray
from PIL import Image
from toy_prior import smooth_picture, toy_prior

from inr_core.kernels import switch
from inr_core.latent import choosing, prior
from inr_core.latent.choosing import UNIT, Wanted, nearest, transform
from inr_core.latent.encoding import Encoded, encode_latents, encode_transformed
from inr_core.latent.latents import quantise
from inr_core.latent.masking import FLAT, MASK_BITS, POWER, USUAL, hidden
from inr_core.latent.plan import DEAD_ZONE, price_of_bit
from inr_core.latent.steps import keys_of

RNG = np.random.default_rng
STEP, LEVELS = 150, 6


def photograph(name: str) -> NDArray[np.uint8]:
    with Image.open(Path("sample_images", f"{name}.webp")) as image:
        return np.asarray(image.convert("RGB"))[100:228, 150:310]


def chosen(samples: NDArray[np.uint8], look: bool = False, components: tuple[int, ...] = (3,)) -> Encoded:
    return encode_transformed(transform(samples, prior.load(1), components, STEP, LEVELS, look), prior.load(1))


def cost(encoded: Encoded, samples: NDArray[np.uint8]) -> float:
    payloads, _, decoded = encoded
    error = np.square((decoded.astype(float) - samples) / 255).sum() / samples.shape[2]
    return float(error + price_of_bit(STEP) * 8 * sum(map(len, payloads)))


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_what_is_chosen_costs_less_than_any_threshold(name: str) -> None:
    samples = photograph(name)
    best = cost(chosen(samples), samples)
    for dead_zone in (0.55, DEAD_ZONE, 0.7):
        by_threshold = encode_latents(quantise(samples, prior.load(1), (3,), STEP, LEVELS, dead_zone), prior.load(1))
        assert best < 0.99 * cost(by_threshold, samples)


@pytest.mark.parametrize("look", [False, True])
def test_what_is_chosen_is_next_to_the_coefficient_and_never_beyond_it(look: bool) -> None:
    samples = photograph("coffee")
    wanted = transform(samples, prior.load(1), (3,), STEP, LEVELS, look).wanted[0]
    _, kept, _ = chosen(samples, look)
    assert (nearest(wanted[1].coefficients) != kept.details[0][1]).any()
    for each, symbols in zip(wanted, kept.details[0], strict=True):
        aim = nearest(each.coefficients)
        less = np.abs(aim) - np.abs(symbols)
        assert (less >= 0).all()
        assert (np.sign(symbols) * np.sign(aim) >= 0).all()
        assert (less <= 1).mean() > 0.999  # others are surely 0, and not coded


def by_hand(wanted: int, key: int, price: int) -> int:
    """Of two integers the one that costs less, in floats."""
    keys, tables = keys_of(prior.load(1)), prior.load(1).tables
    found = np.array([key])

    def costs(size: int) -> float:
        symbol = np.array([size if wanted > 0 else -size], np.int32)
        entry = tables.entries(keys.row[found], symbol - keys.rounded[found])[0]
        bits = float(tables.costs[entry]) + np.log2(1 + size)
        return float((wanted - keys.values(found, symbol)[0]) ** 2 + price * bits / 16)

    size = (abs(wanted) + UNIT // 2) // UNIT
    if size and costs(size - 1) < costs(size):
        size -= 1
    return size if wanted > 0 else -size


def test_one_by_one_as_it_is_meant() -> None:
    random = RNG(0)
    count = 3000
    keys = random.integers(0, 64 << 9, count, np.int32)
    keys[::2] = (keys[::2] >> 9 << 9) + random.integers(240, 272, count // 2)  # means near 0
    wanted = np.rint(random.laplace(0, 80, count)).astype(np.int32)
    prices = random.integers(500, 8000, count)
    symbols = choosing._cheapest(wanted, prices, keys, keys_of(prior.load(1)), prior.load(1).tables, False)
    expected = [by_hand(int(w), int(k), int(p)) for w, k, p in zip(wanted, keys, prices, strict=True)]
    assert (symbols != expected).mean() < 0.002  # integers round costs
    assert (symbols != nearest(wanted)).mean() > 0.04


def test_symbols_that_are_surely_zero_are_chosen_so() -> None:
    keys = keys_of(prior.load(1))
    sure = np.flatnonzero(~keys.coded)[:8].astype(np.int32)
    wanted = np.full(len(sure), 5 * UNIT, np.int32)
    few = np.zeros(len(sure), np.int64)
    tables = prior.load(1).tables
    assert not choosing._cheapest(wanted, few, sure, keys, tables, True).any()
    assert (choosing._cheapest(wanted, few, sure, keys, tables, False) == 5).all()


@each_compiled
@pytest.mark.parametrize("look", [False, True])
def test_compiled_kernels_and_numpy_choose_the_same(backend: str, look: bool) -> None:
    samples = photograph("astronaut")[:101, :83]
    with switch.using(backend):
        here = chosen(samples, look)
    with switch.using("numpy"):
        there = chosen(samples, look)
    assert here[0] == there[0]
    assert np.array_equal(here[2], there[2])


@pytest.mark.parametrize("components", [(3,), (1,), (3, 1), (1, 1)])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (13, 2), (37, 52)])
@pytest.mark.parametrize("bits", [8, 16])
def test_every_shape_decodes_to_what_was_said(components: tuple[int, ...], size: tuple[int, int], bits: int) -> None:
    picture = smooth_picture(RNG(4), *size, sum(components), bits)
    transformed = transform(picture, toy_prior(), components, STEP, 3, True)
    payloads, kept, samples = encode_transformed(transformed, toy_prior())
    assert not any(band.any() for bands in transformed.latents.details for band in bands)
    again = encode_latents(kept, toy_prior())
    assert again[0] == payloads
    assert np.array_equal(again[2], samples)


def test_the_smallest_steps_are_the_nearest_integers() -> None:
    noise = RNG(1).integers(0, 256, (24, 31, 3), np.uint8)
    transformed = transform(noise, prior.load(1), (3,), 0, 3)
    _, kept, samples = encode_transformed(transformed, prior.load(1))
    for each, symbols in zip(transformed.wanted[0], kept.details[0], strict=True):
        far = np.abs(each.coefficients) > (choosing.LARGEST + 1) * UNIT
        assert far.any()
        assert np.array_equal(symbols[far], nearest(each.coefficients)[far])
    assert np.array_equal(samples, noise)


def test_nearest_integers() -> None:
    wanted = np.array([0, 31, 32, 95, 96, -31, -32, -33, -96, 2**31 - 64, 64 - 2**31], np.int32)
    assert nearest(wanted).tolist() == [0, 0, 1, 1, 2, 0, -1, -1, -2, 2**25 - 1, 1 - 2**25]


def test_where_errors_hide() -> None:
    flat = np.full((9, 14), -4000, np.int32)
    least = round(2**MASK_BITS * (FLAT**2 / (USUAL**2 + FLAT**2)) ** POWER)
    assert (hidden(flat, 8) == least).all()
    assert hidden(flat, 8).shape == (5, 7)
    noise = np.rint(RNG(2).normal(0, 64 * USUAL, (64, 64))).astype(np.int32)
    assert abs(float((hidden(noise, 8) / 2**MASK_BITS).mean()) - 1) < 0.15
    assert np.array_equal(hidden(noise, 8), hidden(noise + 9000, 8))
    assert np.array_equal(hidden(4 * noise, 16), hidden(noise, 8))


def test_for_looks_fewer_bits_are_spent_where_errors_hide() -> None:
    wanted = np.full((3, 2, 2), UNIT * 7 // 8, np.int32)
    key = np.full((3, 2, 2), 30 << 9 | 256, np.int32)
    mask = np.array([[256, 256], [4096, 4096]], np.int32)
    known = prior.load(1)
    each = Wanted(wanted, np.full(3, 2000), mask)
    everywhere = (slice(None), slice(None), slice(None))
    symbols = each.choose(everywhere, key, keys_of(known), known.tables, False)
    assert symbols[:, 0].all()
    assert not symbols[:, 1].any()
    plain = replace(each, hidden=None).choose(everywhere, key, keys_of(known), known.tables, False)
    assert plain.all()
