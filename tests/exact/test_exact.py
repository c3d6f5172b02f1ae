"""The exact model: what comes back, and what is chosen for it."""

from __future__ import annotations

import io
from itertools import product
from typing import Any

import numpy as np
import pytest
from exact_pictures import Pixels, palette, photograph, pixels_of
from numpy.typing import NDArray

from inr_core import (
    Settings,
    SettingsError,
    TargetError,
    decode,
    describe,
    encode,
    read_head,
    verify,
)
from inr_core.exact import prediction
from inr_core.exact.colours import few_colours, has_few_colours
from inr_core.modes import MODE_TABLE
from inr_core.pixels import with_colours, without_colours

SAMPLES = [
    (mode, depth, n) for mode, info in MODE_TABLE.items() for depth, n in product(info.bit_depths, info.channels)
]
SIZES = ((1, 1), (1, 40), (33, 1), (9, 14), (40, 27))


def model_of(data: bytes) -> str:
    return read_head(io.BytesIO(data)).header.model


@pytest.mark.parametrize(("mode", "depth", "channels"), SAMPLES)
def test_every_sample_of_every_mode_comes_back(mode: str, depth: int, channels: int) -> None:
    entries = palette(channels) if mode == "P" else None
    for kind, shape in product(("noise", "few", "slopes"), SIZES):
        given = with_colours(pixels_of(kind, mode, depth, channels, shape).reshape(*shape, -1), mode)
        coded = without_colours(given, mode).shape[2]
        data = encode(given, Settings(lossless=True, threads=1), mode=mode, palette=entries)
        decoded = decode(data, threads=1).reshape(given.shape)
        assert (model_of(data), coded) == ("exact", channels if mode != "P" and kind == "noise" else coded)
        assert (decoded.dtype, decoded.shape) == (given.dtype, given.shape)
        assert (decoded == given).all()
        verify(io.BytesIO(data))
        assert sum(part.planes for part in describe(data).parts) == coded
        assert len(data) < 120 + 2 * given.nbytes + (0 if entries is None else entries.nbytes)


@pytest.mark.parametrize("effort", range(10))
def test_every_effort_is_exact(effort: int) -> None:
    given = photograph()
    sizes = [len(encode(given, Settings(lossless=True, effort=e, threads=1))) for e in (0, effort)]
    assert (decode(encode(given, Settings(lossless=True, effort=effort, threads=1))) == given).all()
    assert sizes[1] <= 1.02 * sizes[0]


@pytest.mark.parametrize("size", [2, 3, 5, 16, 100, 256, 65_536])
def test_predictors_say_what_they_say(size: int) -> None:
    rng = np.random.default_rng(size)
    for shape, predictor in product(((1, 1, 1), (2, 3, 9), (3, 9, 3), (1, 12, 12)), prediction.PREDICTORS):
        symbols: NDArray[np.int32] = rng.integers(0, size, shape).astype(np.int32)
        stored = prediction.differences(symbols, predictor, size)
        assert 0 <= stored.min() <= stored.max() < size
        if predictor:
            for p, y, x in np.ndindex(shape):
                left = int(symbols[p, y, x - 1]) if x else 0
                above = int(symbols[p, y - 1, x]) if y else 0
                corner = int(symbols[p, y - 1, x - 1]) if x and y else 0
                expected = (0, left, above, sorted((left, above, left + above - corner))[1])[predictor]
                f = int(stored[p, y, x])
                assert (expected + (f // 2 if f % 2 == 0 else -(f + 1) // 2)) % size == symbols[p, y, x]
            stored = prediction.symbols_of(stored.copy(), predictor, size)
        assert (stored == symbols).all()


def test_few_colours_are_found_and_many_are_not() -> None:
    few = np.array([[9, 4, 200], [255, 0, 7], [4, 9, 200]], np.uint8).T
    places = np.random.default_rng(0).integers(0, 3, (700, 900))
    planes: NDArray[np.uint8] = few[:, places]
    found = few_colours(planes, 3)
    assert found is not None
    assert found[0].T.tolist() == sorted(few.T.tolist())
    assert (found[0][:, found[1]] == planes).all()
    assert has_few_colours(planes, 3)
    planes[:, 699, 899] = 1  # one pixel that a survey does not see
    assert few_colours(planes, 3) is None
    assert not has_few_colours(planes, 3)
    assert has_few_colours(planes, 4)
    wide = np.array([0, 65_535, 256], np.uint16)[places][None]
    assert has_few_colours(wide, 3)
    assert not has_few_colours(wide, 2)


@pytest.mark.parametrize("values", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_few_colours_come_back_exactly_by_default(values: int, channels: int, dtype: type) -> None:
    rng = np.random.default_rng(values)
    colours: Pixels = rng.integers(0, np.iinfo(dtype).max, (values, channels), endpoint=True).astype(dtype)
    given: Pixels = colours[rng.integers(0, values, (20, 30))]
    given = given[..., 0] if channels == 1 else given
    for quality in (0, 75):
        data = encode(given, Settings(quality=quality))
        assert model_of(data) == "exact"
        assert (decode(data) == given).all()


def test_what_is_chosen() -> None:
    photo = photograph()
    grey = photo[..., 0]
    assert model_of(encode(photo, Settings(effort=0))) == "latent"
    assert model_of(encode(grey, Settings(effort=0))) == "latent"
    assert model_of(encode(grey // 16 * 16, Settings(effort=0))) == "exact"
    assert model_of(encode(grey // 10 * 10, Settings(effort=0))) == "exact", "nearly"
    assert model_of(encode(grey % 200, Settings(effort=0), mode="P", palette=palette())) == "exact"
    assert model_of(encode(grey // 128 * np.uint8(255), Settings(effort=0), mode="1")) == "exact"
    assert model_of(encode(photo, Settings(model="exact"))) == "exact"
    assert model_of(encode(grey % 3, Settings(model="latent", effort=0))) == "latent"
    assert model_of(encode(grey % 3, Settings(steps=0, width=4))) == "siren"


def test_indices_are_kept_where_colours_could_not_tell_them_apart() -> None:
    entries = palette(4)
    entries[7] = entries[3]  # and 200 more that no pixel uses
    given = np.array([[3, 7, 3], [199, 7, 0]], np.uint8)
    data = encode(given, mode="P", palette=entries)
    assert (decode(data) == given).all()
    kept = read_head(io.BytesIO(data)).palette
    assert kept is not None
    assert (kept == entries).all()


def test_photographs_are_smaller_than_their_samples() -> None:
    photo = photograph()
    assert len(encode(photo, Settings(lossless=True))) < 0.7 * photo.nbytes
    gradient = np.add.outer(np.arange(100), np.arange(200)).astype(np.uint8)
    assert len(encode(gradient, Settings(lossless=True))) < 150
    mask: NDArray[np.bool_] = np.hypot(*np.mgrid[-60:60, -90:90]) < 50
    assert len(encode(np.where(mask, 255, 0).astype(np.uint8))) < 300


def test_a_target_size_that_cannot_be_met() -> None:
    noise = np.random.default_rng(0).integers(0, 200, (64, 64)).astype(np.uint8)
    job: dict[str, Any] = {"mode": "P", "palette": palette()}
    data = encode(noise, Settings(effort=0, target_size=3000), **job)  # a lossy picture, if that is what it takes
    assert (model_of(data), len(data) <= 3000) == ("latent", True)
    exact = encode(noise, Settings(target_size=6000), **job)
    assert (model_of(exact), len(exact) <= 6000) == ("exact", True)
    for asked in ({"lossless": True}, {"model": "exact"}):
        message = f"target_size: expected at least {len(exact)} bytes to keep every sample of this picture, got 3000"
        with pytest.raises(TargetError, match=f"^{message}$"):
            encode(noise, Settings(target_size=3000, **asked), **job)


def test_any_target_psnr_is_reached() -> None:
    photo = photograph(20, 30)
    for asked in ({"lossless": True}, {"model": "exact"}, {"effort": 0}):
        data = encode(photo, Settings(target_psnr=100, **asked))
        assert (decode(data) == photo).all()
    assert model_of(encode(photo, Settings(target_psnr=30, effort=0))) == "latent"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lossless": 0.5}, "lossless: expected True or False, got 0.5"),
        ({"lossless": "yes"}, "lossless: expected True or False, got 'yes'"),
        ({"lossless": None}, "lossless: expected True or False, got None"),
        ({"lossless": True, "model": "latent"}, "lossless: expected with model 'exact' only, got model 'latent'"),
        ({"lossless": True, "model": "siren"}, "lossless: expected with model 'exact' only, got model 'siren'"),
        ({"lossless": True, "width": 8}, "width: expected with model 'siren' only, got lossless"),
        ({"model": "exact", "bits": 8}, "bits: expected with model 'siren' only, got model 'exact'"),
    ],
)
def test_options_that_contradict_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_options(options)
    assert str(caught.value) == message


def test_truth_is_taken_of_any_type() -> None:
    values: list[Any] = [True, 1, np.bool_(True), np.int64(1), 7, False, 0, np.bool_(False), np.uint8(0)]
    taken = [Settings(lossless=value).lossless for value in values]
    assert [type(value) for value in taken] == [bool] * 9
    assert taken == [True] * 5 + [False] * 4
    refused: list[Any] = [np.array([True, True]), 1j, b"1", []]
    for value in refused:
        with pytest.raises(SettingsError, match="lossless: expected True or False"):
            Settings(lossless=value)
