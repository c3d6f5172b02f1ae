"""16-bit pictures that use a part of 0 … 65535: what their range is, and that quality is relative to it."""

from __future__ import annotations

import math
import struct
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from hostile import join, split
from networks import header_of, make_file
from numpy.typing import NDArray
from range_pictures import HOT, PICTURES, Values, ranges_in, saved, scene
from reference_ranges import value_of

from inr_core import Progress, Range, Settings, TargetError, decode, encode, psnr
from inr_core.container.ranges import FULL
from inr_core.stretch import ranges_of, to_samples, to_values


@pytest.mark.parametrize("name", PICTURES)
def test_the_range_of_a_picture(name: str) -> None:
    values, expected = PICTURES[name]
    assert ranges_of(values[..., None], False) == (expected,)
    assert ranges_in(saved(values)) == (expected,)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0, 65_535]], ()),
        ([[0, 0, 0, 65_535]] * 9, ()),  # a mask
        ([[0] * 999 + [65_535]], ()),  # of which there is little
        ([[0, 65_535], [0, 65_534]], ()),
        ([[7]], (Range.even(7, 7),)),
        ([[3, 9]], (Range.even(3, 9),)),
        ([[0, 1, 2, 65_535]] * 5, (Range(0, 0, 0, 2, 65_535, 65_535),)),
        (np.arange(65_536).reshape(256, 256), ()),
        (np.arange(600).reshape(20, 30) + 500, (Range.even(500, 1099),)),
    ],
)
def test_ranges_of_few_values(values: Any, expected: tuple[Range, ...]) -> None:
    assert ranges_of(np.asarray(values, np.uint16)[..., None], False) == expected


def test_eight_bits_have_no_range() -> None:
    assert ranges_in(saved(scene(15, 33).astype(np.uint8))) == ()


@pytest.mark.parametrize(
    "of",
    [FULL, Range.even(0, 1400), Range.even(9, 9), Range.even(HOT, HOT), Range.even(0, 1), Range.even(30_000, 34_000),
     Range(0, 0, 0, 1400, HOT, HOT),
     Range(0, 9, 30_000, 34_000, 60_000, HOT), Range(3, 3, 40_000, 40_018, 40_018, 40_018),
     Range(0, 0, 1, 2, 3, HOT), Range(7, 7, 7, 8, 16, 16), Range(0, 49, 50, 50, 60, 99),
     Range(0, 0, 0, 16_383, HOT, HOT), Range(0, 20_000, 40_000, 50_000, 50_000, 50_000)],
)  # fmt: skip
def test_values_and_samples_are_those_of_the_specification(of: Range) -> None:
    every = np.arange(65_536).astype(np.uint16)[:, None, None]
    values = to_values(every, (of,)).ravel()
    expected = [value_of(s, *astuple(of)) for s in range(65_536)]
    assert values.tolist() == expected
    assert (np.diff(values.astype(int)) >= 0).all()
    assert (values[0], values[-1]) == (of.lowest, of.highest)
    back = to_values(to_samples(every, (of,)), (of,)).ravel().astype(int)
    clipped = np.clip(np.arange(65_536), of.lowest, of.highest)
    assert (back[of.low : of.high + 1] == clipped[of.low : of.high + 1]).all()
    for a, b in ((of.lowest, of.lower), (of.higher, of.highest)):
        assert (np.abs(back - clipped)[a : b + 1] <= (b - a) / 8191).all()  # outliers are rounded, a mark is exact


EIGHT_BITS = np.rint(255 * (scene(0, 1000) / 1000)).astype(np.uint8)


def errors(values: Values, quality: float, **options: Any) -> NDArray[np.float64]:
    """Of the values that nearly all are, in parts of their range."""
    data = saved(values, quality=quality, **options)
    (of,) = ranges_in(data)
    inside = (values >= of.low) & (values <= of.high)
    found: NDArray[np.float64] = np.abs(decode(data, threads=1).astype(np.float64) - values)[inside] / of.width
    return found


@pytest.mark.parametrize("quality", [30, 75, 100])
@pytest.mark.parametrize("name", PICTURES)
def test_quality_is_that_of_eight_bits(name: str, quality: float) -> None:
    values, of = PICTURES[name]
    of_eight = saved(EIGHT_BITS, quality=quality, tune="psnr")  # as measurements are
    shallow = np.abs(decode(of_eight).astype(np.float64) - EIGHT_BITS) / 255
    found = errors(values, quality)
    rounding = 0.5 / of.width
    assert found.mean() < 1.6 * shallow.mean() + 0.0005 + (0.5 * rounding if quality < 100 else 0)
    assert found.max() < 2 * shallow.max() + 0.002 + rounding
    if quality == 100 and of.width <= 100:
        assert found.max() == 0


@pytest.mark.parametrize("quality", [30, 75])
def test_outliers_come_back(quality: float) -> None:
    for name, (values, of) in PICTURES.items():
        if any(of.outliers):
            outside = (values < of.low) | (values > of.high)
            found = decode(saved(values, quality=quality)).astype(int)
            limit = 0.0 if of.lowest == of.lower and of.higher == of.highest else 0.2 if quality == 30 else 0.03
            assert np.abs(found - values)[outside].max() <= limit * HOT, name
            if limit == 0:
                assert (((found < of.low) | (found > of.high)) == outside).all(), name


def nearly_all(values: Values, data: bytes) -> float:
    """PSNR without outliers, relative to the range."""
    (of,) = ranges_in(data)
    outside = (values < of.low) | (values > of.high)
    return psnr(values, np.where(outside, values, decode(data, threads=1)), of.width)


@pytest.mark.parametrize("name", ["a hot pixel", "dead and hot pixels", "stars"])
def test_quality_is_monotonic(name: str) -> None:
    values, _ = PICTURES[name]
    files = [saved(values, quality=q) for q in (0, 25, 50, 75, 90, 100)]
    sizes = [len(data) for data in files]
    found = [nearly_all(values, data) for data in files]
    assert sizes == sorted(sizes)
    assert found == sorted(found)


@pytest.mark.parametrize("name", ["an offset", "narrow", "a hot pixel", "dead and hot pixels", "stars"])
def test_a_siren_too_is_fitted_to_the_range(name: str) -> None:
    """It draws in what only a few pixels have."""
    options: dict[str, Any] = {"model": "siren", "width": 24, "depth": 3, "steps": 150, "device": "cpu"}
    shallow = decode(saved(EIGHT_BITS, **options))
    noise = np.abs(shallow.astype(np.float64) - EIGHT_BITS).mean() / 255
    values, of = PICTURES[name]
    data = saved(values, **options)
    (own,) = ranges_in(data)
    assert not any(own.outliers)
    assert abs(own.low - of.low) + abs(own.high - of.high) <= 0.1 * of.width
    apart = np.abs(decode(data).astype(np.float64) - np.clip(values, own.low, own.high))
    assert apart.mean() / own.width < 1.3 * noise + 0.01


def test_a_siren_keeps_marks() -> None:
    assert ranges_in(saved(PICTURES["holes of 0"][0], model="siren")) == (PICTURES["holes of 0"][1],)


@pytest.mark.parametrize("model", ["latent", "siren"])
def test_every_way_to_decode_gives_values(model: str) -> None:
    values, of = PICTURES["dead and hot pixels"]
    data = saved(values, model=model) if model == "latent" else make_file(header_of("I;16"), None)
    if model == "siren":
        of = Range(0, 1, 3000, 3018, 40_000, HOT)
        head, *rest = split(data)
        data = join([head, (b"RANG", struct.pack("<6H", 0, 1, 3000, 3018, 40_000, HOT)), *rest])
    whole = decode(data)
    height, width = whole.shape
    box = (3, 2, width - 3, height - 5)
    assert np.array_equal(decode(data, region=box), whole[2:-5, 3:-3])
    torch = pytest.importorskip("torch")
    assert torch is not None
    assert np.array_equal(decode(data, device="torch"), whole)
    if model == "latent":
        for size in ((width // 2, height // 2), (5, 7), (width + 9, height + 9)):
            other = decode(data, size=size)
            assert abs(int(np.median(other)) - int(np.median(whole))) <= of.width
        cut = decode(data[:-200], truncated=True)
        assert abs(int(np.median(cut)) - int(np.median(whole))) <= of.width


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colours_share_a_range_and_alpha_has_the_whole_scale(channels: int) -> None:
    grey = scene(200, 4095)
    planes = [grey, grey[::-1], grey.T][: channels - (channels % 2 == 0)]
    ranges = [Range.even(200, 4095)] * len(planes)
    if channels % 2 == 0:
        alpha = np.full_like(grey, HOT)
        alpha[30:60] = 40_000
        planes.append(alpha)
        ranges.append(FULL)
    values = np.stack(planes, axis=2)
    data = saved(values, quality=100)
    assert ranges_in(data) == tuple(ranges)
    apart = np.abs(decode(data).astype(int) - values)
    assert apart[..., 0].max() < 0.012 * 3895
    if channels % 2 == 0:
        assert apart[..., -1].max() < 0.012 * HOT


def test_colours_of_far_different_ranges_have_their_own() -> None:
    """A microscope's channels."""
    values = np.stack([scene(0, 60_000), scene(100, 400)[::-1], np.full((96, 96), 12, np.uint16)], axis=2)
    data = saved(values, quality=100)
    assert ranges_in(data) == (Range.even(0, 60_000), Range.even(100, 400), Range.even(12, 12))
    apart = np.abs(decode(data).astype(int) - values).reshape(-1, 3).max(0)
    assert (apart <= [700, 4, 0]).all()


def test_colours_nobody_sees_do_not_count() -> None:
    values = np.stack([scene(500, 900), np.full((96, 96), HOT, np.uint16)], axis=2)
    values[:8] = [40_000, 0]
    assert ranges_of(values, True) == (Range.even(500, 900), FULL)
    values[..., 1] = 0
    assert ranges_of(values, True)[1] == Range.even(0, 0)


@pytest.mark.parametrize("model", ["latent", "siren", "auto"])
@pytest.mark.parametrize("colour", [(257,), (12_345, 999), (65_535, 0, 1), (40_000, 3, 77, 12_345)])
def test_one_colour_is_exact(model: str, colour: tuple[int, ...]) -> None:
    values = np.full((9, 14, len(colour)), colour, np.uint16)
    values = values[..., 0] if len(colour) == 1 else values
    data = saved(values, model=model)
    assert np.array_equal(decode(data), values)
    assert len(data) < 200


def test_the_peak_of_a_target_is_the_range() -> None:
    for name in ("12 bits", "an offset", "a hot pixel", "stars", "holes of 0"):
        values, _ = PICTURES[name]
        reports: list[Progress] = []
        data = encode(values, Settings(effort=0, threads=1, model="latent", target_psnr=38), progress=reports.append)
        reached = nearly_all(values, data)
        assert 38 <= reached < 39.5
        assert any(r.psnr == pytest.approx(reached) and r.phase == "done" for r in reports)


def test_reports_while_refining_have_the_same_peak() -> None:
    values, of = PICTURES["a hot pixel"]
    reports: list[Progress] = []
    data = encode(values, Settings(effort=1, threads=1, device="cpu", model="latent"), progress=reports.append)
    assert reports[0].phase == "fit"
    assert reports[0].psnr == pytest.approx(psnr(values, decode(data), of.width), abs=3)


@pytest.mark.parametrize("name", ["narrow", "three values"])
def test_an_exact_file_reaches_any_target(name: str) -> None:
    values, _ = PICTURES[name]
    for target in (70, 100):
        assert np.array_equal(decode(saved(values, target_psnr=target)), values)


def test_each_channel_has_its_own_peak() -> None:
    values = np.stack([scene(0, 60_000), scene(100, 400)[::-1], scene(7, 7)], axis=2)
    data = saved(values, target_psnr=35)
    expected = psnr(values, decode(data), [60_000, 300, 1])
    apart = (decode(data).astype(float) - values) / [60_000, 300, 1]
    assert expected == pytest.approx(-10 * math.log10(np.square(apart).mean()))
    assert 35 <= expected < 36.5
    with pytest.raises(TargetError, match=r"^target_psnr: expected 100 dB, reached "):
        saved(scene(0, HOT), target_psnr=100)


def test_a_size_is_met() -> None:
    values, _ = PICTURES["holes and a hot pixel"]
    assert 700 < len(saved(values, target_size=900)) <= 900
