"""Metrics against values worked out by hand or by other programs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from inr_core import metrics
from inr_core.errors import InrError

Picture = NDArray[np.uint8]


def pair(height: int, width: int, channels: int) -> tuple[Picture, Picture]:
    """A picture of waves, and the same with less contrast and a fine pattern."""
    y, x, k = np.mgrid[:height, :width, :channels]
    waves = np.rint(127.5 + 80 * np.sin(x / (9 + 3 * k) + y / 17) + 45 * np.sin(x * y / 900))
    changed = np.rint(waves * 0.9 + 12 * np.sin(x * 1.7 + y * 2.3))
    return np.clip(waves, 0, 255).astype(np.uint8), np.clip(changed, 0, 255).astype(np.uint8)


def test_psnr_by_hand() -> None:
    zeros = np.zeros((4, 5, 3), np.uint8)
    one_off = zeros.copy()
    one_off[2, 3, 1] = 60  # MSE 3600 / 60 = 60
    assert metrics.psnr(zeros, one_off) == pytest.approx(10 * math.log10(65025 / 60), abs=1e-12)
    assert metrics.psnr(zeros, zeros + np.uint8(255)) == 0  # no wrap-around
    assert metrics.psnr(one_off, one_off) == math.inf
    assert metrics.psnr(zeros[..., 0], one_off[..., 1], peak=1023) == pytest.approx(10 * math.log10(1023**2 / 180))


def test_psnr_of_16_bits_in_several_blocks() -> None:
    a = np.full((1100, 500), 65535, np.uint16)  # more than two blocks of samples
    b = a.copy()
    b[-1] = 0  # MSE 65535² / 1100
    assert metrics.psnr(a, b) == pytest.approx(10 * math.log10(1100), abs=1e-12)
    assert metrics.psnr(a[:1].reshape(1, -1), b[-1:]) == 0


def test_psnr_with_a_peak_for_each_channel() -> None:
    a = np.zeros((600, 500, 2), np.uint16)
    b = a.copy()
    b[0, 0] = 60, 600
    assert metrics.psnr(a, b, [60, 300]) == pytest.approx(10 * math.log10(600_000 / (1 + 4)))
    assert metrics.psnr(a, b, (10, 10)) == pytest.approx(metrics.psnr(a, b, 10))
    assert metrics.psnr(b, b, [1, 1]) == math.inf


def test_pictures_that_cannot_be_compared() -> None:
    a = np.zeros((20, 20), np.uint8)
    for b in (np.zeros((20, 21), np.uint8), np.zeros((20, 20), np.uint16)):
        for metric in (metrics.psnr, metrics.ms_ssim):
            with pytest.raises(InrError, match=r"two pictures of one shape and type, got uint8 \(20, 20\) and"):
                metric(a, b)
    with pytest.raises(InrError, match="expected a peak for samples of type float64"):
        metrics.psnr(np.zeros((2, 2)), np.ones((2, 2)))
    with pytest.raises(InrError, match=r"sides of at least 11, got \(10, 20\)"):
        metrics.ms_ssim(a[:10], a[:10])


def test_bpp() -> None:
    assert metrics.bpp(24_576, 512, 768) == 0.5


def test_ms_ssim() -> None:
    a, b = pair(192, 176, 3)
    assert metrics.ms_ssim(a, a) == pytest.approx(1, abs=1e-12)
    # SciPy's convolve2d in the formulas of the paper, mean of the three channels.
    assert metrics.ms_ssim(a, b) == pytest.approx(0.9759810663040751, abs=1e-9)
    assert metrics.ms_ssim(a[..., 0], b[..., 0]) == pytest.approx(0.9800735188455736, abs=1e-9)
    wide_a, wide_b = a.astype(np.uint16) * 257, b.astype(np.uint16) * 257
    assert metrics.ms_ssim(wide_a, wide_b) == pytest.approx(metrics.ms_ssim(a, b), abs=1e-9)


def test_ms_ssim_of_small_pictures_uses_fewer_scales() -> None:
    a, b = pair(44, 60, 1)  # three scales: 44, 22, 11
    assert metrics.ms_ssim(a, b) == pytest.approx(0.9667178242939138, abs=1e-9)
    for size in (11, 12, 21, 33, 161):
        a, b = pair(size, size + 1, 2)
        assert metrics.ms_ssim(a, a) == pytest.approx(1, abs=1e-12)
        assert 0.5 < metrics.ms_ssim(a, b) < 1


def test_ms_ssim_of_an_inverted_picture_is_zero() -> None:
    a, _ = pair(176, 176, 1)
    assert metrics.ms_ssim(a, 255 - a) == 0


def test_pchip_is_scipys() -> None:
    x = [25.0, 27.5, 31, 36, 37.2]
    rising = metrics.Pchip.through(x, [-1.2, -0.9, 0.1, 0.15, 2.0])
    assert rising([25.5, 27.5, 29, 33.3, 36.9]) == pytest.approx(
        [-1.165716355157212, -0.9, -0.4329787799359202, 0.12149784214775472, 1.4021551462946227], abs=1e-13
    )
    assert rising.integral(26, 36.5) == pytest.approx(-1.9979574728874299, abs=1e-12)
    turning = metrics.Pchip.through(x, [0, 3, 3, -1, 0.5])
    assert turning.slopes == pytest.approx([1.7, 0, 0, 0, 1.6467741935483846], abs=1e-13)
    assert turning([25.5, 29, 33.3, 36.9]) == pytest.approx(
        [0.856, 3.0, 1.2394880000000037, -0.01226814516129665], abs=1e-13
    )
    assert turning.integral(25, 37.2) == pytest.approx(19.637803763440857, abs=1e-12)


def test_pchip_is_scipys_of_any_points() -> None:
    interpolate = pytest.importorskip("scipy.interpolate", reason="comes with ssimulacra2")
    rng = np.random.default_rng(5)
    for n in (2, 3, 4, 5, 9, 9, 9):
        x = np.cumsum(rng.uniform(0.1, 5, n))
        y = np.cumsum(rng.uniform(-0.3, 1, n)) if n % 2 else rng.integers(-3, 4, n).astype(float)
        ours, scipys = metrics.Pchip.through(x, y), interpolate.PchipInterpolator(x, y)
        at, ends = rng.uniform(x[0], x[-1], 50), sorted(rng.uniform(x[0], x[-1], 2))
        assert ours(at) == pytest.approx(scipys(at), abs=1e-12)
        assert ours.integral(*ends) == pytest.approx(float(scipys.integrate(*ends)), abs=1e-12)


def test_pchip_integral_by_hand() -> None:
    # Two points: a line. Its integral from 1 to 3 is that of 2x + 1: 12 − 2.
    assert metrics.Pchip.through([0, 4], [1, 9]).integral(1, 3) == pytest.approx(10, abs=1e-14)
    # A step with flat ends: 3x² − 2x³ between 0 and 1, x³ − x⁴/2 its integral.
    step = metrics.Pchip.through([-1, 0, 1, 2], [0, 0, 1, 1])
    assert step.integral(-1, 0.5) == pytest.approx(1 / 8 - 1 / 32, abs=1e-14)
    assert step.integral(0.5, 2) == pytest.approx(1 / 2 - (1 / 8 - 1 / 32) + 1, abs=1e-14)
    with pytest.raises(InrError, match="at least two points of increasing x"):
        metrics.Pchip.through([0, 2, 2], [0, 1, 2])


RATES, DECIBELS = [0.2, 0.4, 0.8, 1.6, 2.4], [27.1, 29.8, 33.0, 36.9, 38.8]


def test_half_the_rate_is_minus_fifty_per_cent() -> None:
    half = metrics.bd_rate(RATES, DECIBELS, [rate / 2 for rate in RATES], DECIBELS)
    assert half.percent == pytest.approx(-50, abs=1e-12)
    assert (half.low, half.high, half.covered) == (27.1, 38.8, 1.0)
    assert metrics.bd_rate(RATES, DECIBELS, RATES, DECIBELS).percent == 0


def test_bd_rate_of_straight_lines_by_hand() -> None:
    # log2 rate: a = (d − 30) / 3 over 30 … 42, b = (d − 30) / 2 − 1 over 32 … 44, b − a = (d − 30) / 6 − 1; its mean
    # over 32 … 42 is its value at the middle, 37: 1/6.
    a = [30.0, 33, 36, 42]
    b = [32.0, 34, 38, 44]
    result = metrics.bd_rate([2 ** ((d - 30) / 3) for d in a], a, [2 ** ((d - 30) / 2 - 1) for d in b], b)
    assert result.percent == pytest.approx(100 * (2 ** (1 / 6) - 1), abs=1e-10)
    assert (result.low, result.high) == (32, 42)
    assert result.covered == pytest.approx(10 / 12)


def test_bd_rate_of_curves_is_scipys() -> None:
    result = metrics.bd_rate(RATES, DECIBELS, [0.15, 0.33, 0.7, 1.3], [26.5, 29.9, 33.9, 37.0])
    assert result.percent == pytest.approx(-21.488552206652233, abs=1e-10)
    assert (result.low, result.high) == (27.1, 37.0)


def test_order_and_dominated_points_do_not_matter() -> None:
    clean = metrics.bd_rate(RATES, DECIBELS, [0.15, 0.33, 0.7, 1.3], [26.5, 29.9, 33.9, 37.0])
    rates = [0.7, 0.33, 0.9, 1.3, 0.15, 1.4, 0.33]  # 0.9 and 1.4 give no more dB than less rate did
    decibels = [33.9, 29.9, 33.0, 37.0, 26.5, 37.0, 28.0]
    assert metrics.bd_rate(RATES, DECIBELS, rates, decibels) == clean


@pytest.mark.parametrize(
    ("rates", "decibels", "message"),
    [
        ([1, 2, 3], [30, 31, 32], "curve b: expected at least 4 points that no other dominates, got 3 of 3"),
        ([1, 2, 3, 4], [30, 31, 31, 32], "got 3 of 4"),
        ([1, 2, 3, 4], [40, 41, 42, 43], r"overlap in PSNR, got curve a 27.10 … 38.80 dB and curve b 40.00 … 43.00 dB"),
        ([0, 2, 3, 4], [30, 31, 32, 33], "expected finite PSNR and rates above 0"),
        ([1, 2, 3, 4], [30, 31, 32, math.inf], "expected finite PSNR and rates above 0"),
        ([1, 2, 3, math.nan], [30, 31, 32, 33], "expected finite PSNR and rates above 0"),
        ([1, 2, 3], [30, 31, 32, 33], "a PSNR for every rate, got 3 and 4"),
    ],
)
def test_curves_that_cannot_be_compared(rates: list[float], decibels: list[float], message: str) -> None:
    with pytest.raises(InrError, match=message):
        metrics.bd_rate(RATES, DECIBELS, rates, decibels)
