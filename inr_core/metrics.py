"""How good a picture is and what it costs: PSNR, MS-SSIM, bits per pixel, BD-rate. NumPy only, in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InrError

Floats = NDArray[np.float64]

BLOCK = 1 << 18  # samples compared at a time
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest first
WINDOW_TAPS = 11
WINDOW_SIGMA = 1.5
MIN_POINTS = 4  # of a curve


def psnr(a: NDArray[np.generic], b: NDArray[np.generic], peak: float | Sequence[float] | None = None) -> float:
    """Peak signal-to-noise ratio in dB, from the mean squared error over all samples of all channels.

    `a`, `b`: of one shape, (H, W) or (H, W, C), and one type. `peak`: the largest value, by default that of an unsigned
    integer type, or one for each channel, which its errors are relative to. Equal pictures give inf. InrError where
    shapes or types differ, or floats come without a peak.
    """
    a, b = np.asarray(a), np.asarray(b)
    peaks = np.asarray(peak, np.float64) if isinstance(peak, Sequence) else None
    top = _check_pair("PSNR", a, b, 1.0 if isinstance(peak, Sequence) else peak)
    rows = max(1, BLOCK * len(a) // a.size)
    total = 0.0
    for begin in range(0, len(a), rows):
        step = slice(begin, begin + rows)
        difference = np.subtract(a[step], b[step], dtype=np.float64)
        if peaks is not None:
            difference /= peaks
        difference = difference.reshape(-1)
        total += float(difference @ difference)
    return 10 * math.log10(top**2 * a.size / total) if total else math.inf


def bpp(n_bytes: int, width: int, height: int) -> float:
    """Bits per pixel of a file."""
    return 8 * n_bytes / (width * height)


def ms_ssim(a: NDArray[np.generic], b: NDArray[np.generic], peak: float | None = None) -> float:
    """Multi-scale structural similarity, at most 1: the mean of the channels' own values.

    Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment", 2003: five scales, a
    Gaussian window of 11×11 taps with σ 1.5, placed only where it fits, K1 0.01, K2 0.03. Between scales, 2×2 means; an
    odd last row or column counts twice. A scale is used while the window fits: five from 161 pixels a side on, fewer
    below, and then the weights of those used are divided by their sum. A negative mean at a scale counts as 0.

    `a`, `b`, `peak` as for `psnr`. InrError also where a side is below 11 pixels.
    """
    a, b = np.asarray(a), np.asarray(b)
    top = _check_pair("MS-SSIM", a, b, peak)
    if a.ndim not in (2, 3) or min(a.shape[:2]) < WINDOW_TAPS:
        raise InrError(f"MS-SSIM: expected (H, W) or (H, W, C) with sides of at least {WINDOW_TAPS}, got {a.shape}")
    planes_a, planes_b = (np.moveaxis(np.atleast_3d(image), 2, 0) for image in (a, b))
    return float(np.mean([_ms_ssim_plane(*planes, top) for planes in zip(planes_a, planes_b, strict=True)]))


def _ms_ssim_plane(plane_a: NDArray[np.generic], plane_b: NDArray[np.generic], peak: float) -> float:
    a, b = plane_a.astype(np.float64), plane_b.astype(np.float64)
    structures: list[float] = []
    luminance = 1.0
    for _ in SCALE_WEIGHTS:
        if structures:
            a, b = _halve(a), _halve(b)
        if min(a.shape) < WINDOW_TAPS:
            break
        luminance, structure = _similarity(a, b, peak)
        structures.append(max(structure, 0.0))
    weights = np.array(SCALE_WEIGHTS[: len(structures)])
    weights /= weights.sum()
    terms = [*structures[:-1], max(luminance, 0.0)]
    return float(np.prod(np.array(terms) ** weights))


def _similarity(a: Floats, b: Floats, peak: float) -> tuple[float, float]:
    """Means of SSIM and of its contrast–structure part."""
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_a, mean_b = _blur(a), _blur(b)
    product = mean_a * mean_b
    squares = mean_a**2 + mean_b**2
    variances = _blur(a * a + b * b) - squares
    covariance = _blur(a * b) - product
    structure = (2 * covariance + c2) / (variances + c2)
    luminance = (2 * product + c1) / (squares + c1)
    return float((luminance * structure).mean()), float(structure.mean())


def _blur(plane: Floats) -> Floats:
    """(h, w) → (h − 10, w − 10): means under a Gaussian window that lies inside."""
    taps = np.exp(-((np.arange(WINDOW_TAPS) - WINDOW_TAPS // 2) ** 2) / (2 * WINDOW_SIGMA**2))
    taps /= taps.sum()
    for _ in range(2):  # rows, then columns
        length = len(plane) - WINDOW_TAPS + 1
        plane = sum(tap * plane[k : k + length] for k, tap in enumerate(taps)).T
    return plane


def _halve(plane: Floats) -> Floats:
    """Means of 2 × 2; an odd last row or column counts twice."""
    height, width = plane.shape
    even = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def _check_pair(name: str, a: NDArray[np.generic], b: NDArray[np.generic], peak: float | None) -> float:
    """The peak; InrError where two pictures cannot be compared."""
    if a.shape != b.shape or a.dtype != b.dtype or not a.size:
        msg = f"{name}: expected two pictures of one shape and type, got {a.dtype} {a.shape} and {b.dtype} {b.shape}"
        raise InrError(msg)
    if peak is not None:
        return float(peak)
    if a.dtype.kind != "u":
        raise InrError(f"{name}: expected a peak for samples of type {a.dtype}, got none")
    return 2.0 ** (8 * a.dtype.itemsize) - 1


@dataclass(frozen=True)
class Pchip:
    """A piecewise cubic with a continuous derivative, monotonic wherever its points are.

    SciPy's PchipInterpolator is the same, to 1e−12, but has 143 MB, more than all that opening a file takes, and 0.4 s
    of import: `bd_rate`, `inr bench rd`, training and the study would not do with what the package installs.
    """

    x: Floats  # (N,), increasing, N ≥ 2
    y: Floats  # (N,)
    slopes: Floats  # (N,)

    @classmethod
    def through(cls, x: ArrayLike, y: ArrayLike) -> Pchip:
        """Slopes as Fritsch and Butland choose them (1984) within the bounds of Fritsch and Carlson (1980).

        Inside, the weighted harmonic mean of the two secants, 0 where they differ in sign; at the ends, the parabola of
        three points, kept monotonic. `pchip` of MATLAB and SciPy does the same.
        """
        xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
        if xs.ndim != 1 or xs.shape != ys.shape or len(xs) < 2 or not (np.diff(xs) > 0).all():
            raise InrError(f"PCHIP: expected at least two points of increasing x, got {xs.tolist()} and {ys.tolist()}")
        h = np.diff(xs)
        secants = np.diff(ys) / h
        if len(xs) == 2:
            return cls(xs, ys, np.repeat(secants, 2))
        slopes = np.zeros(len(xs))
        near, far = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
        same = secants[:-1] * secants[1:] > 0
        inside = (near + far)[same] / (near[same] / secants[:-1][same] + far[same] / secants[1:][same])
        slopes[1:-1][same] = inside
        slopes[0] = _end_slope(h[0], h[1], secants[0], secants[1])
        slopes[-1] = _end_slope(h[-1], h[-2], secants[-1], secants[-2])
        return cls(xs, ys, slopes)

    def __call__(self, x: ArrayLike) -> Floats:
        """Values at `x`; beyond the ends, the end pieces go on."""
        at = np.asarray(x, np.float64)
        k = np.clip(np.searchsorted(self.x, at, side="right") - 1, 0, len(self.x) - 2)
        h = self.x[k + 1] - self.x[k]
        s = (at - self.x[k]) / h
        rise = self.y[k + 1] - self.y[k]
        values: Floats = self.y[k] + rise * s**2 * (3 - 2 * s)
        return values + h * s * (1 - s) * (self.slopes[k] * (1 - s) - self.slopes[k + 1] * s)

    def integral(self, low: float, high: float) -> float:
        """The exact integral from `low` to `high`, both inside the range of x."""
        h = np.diff(self.x)
        ends = (np.clip([low, high], *self.x[[0, -1]])[:, None] - self.x[:-1]) / h
        s = np.clip(ends, 0, 1)  # (2, pieces): where in each piece to begin and to end
        areas = self.y[:-1] * s + np.diff(self.y) * s**3 * (1 - s / 2)
        areas += h * self.slopes[:-1] * s**2 * (1 / 2 - s * (2 / 3) + s**2 / 4)
        areas += h * self.slopes[1:] * s**3 * (s / 4 - 1 / 3)
        return float(((areas[1] - areas[0]) * h).sum())


def _end_slope(h0: float, h1: float, secant0: float, secant1: float) -> float:
    """The three-point slope at an end, by the widths and secants of the two intervals there, kept monotonic."""
    slope = ((2 * h0 + h1) * secant0 - h0 * secant1) / (h0 + h1)
    if slope * secant0 <= 0:
        return 0.0
    if secant0 * secant1 <= 0 and abs(slope) > 3 * abs(secant0):
        return 3 * secant0
    return slope


@dataclass(frozen=True)
class BdRate:
    """The mean difference of rate at equal PSNR, or at an equal score of another metric."""

    percent: float  # of curve b against curve a: −50 is half the bytes
    low: float  # the range of scores both curves reach
    high: float
    covered: float  # that range as a share of curve a's, 0 … 1


def bd_rate(
    rate_a: Sequence[float],
    score_a: Sequence[float],
    rate_b: Sequence[float],
    score_b: Sequence[float],
    metric: str = "PSNR",
    unit: str = "dB",
) -> BdRate:
    """Bjøntegaard's rate difference of curve b against curve a, the reference, over the scores both reach.

    Rates in any one unit, above 0; scores: PSNR in dB, or any `metric`, in its `unit`, that grows with quality. The
    logarithm of the rate is interpolated by `Pchip` and integrated exactly (G. Bjøntegaard, VCEG-M33, 2001, with the
    piecewise cubic of later practice). Points may come in any order; one that another dominates (no lower score at no
    higher rate) is dropped, so that rates increase with it.
    InrError where a curve then has fewer than four points, a number is not finite, or the ranges do not overlap.
    """
    a, b = _curve("a", metric, rate_a, score_a), _curve("b", metric, rate_b, score_b)
    low, high = float(max(a.x[0], b.x[0])), float(min(a.x[-1], b.x[-1]))
    if low >= high:
        ranges = [f"curve {n} {c.x[0]:.2f} … {c.x[-1]:.2f} {unit}".rstrip() for n, c in (("a", a), ("b", b))]
        raise InrError(f"BD-rate: expected curves that overlap in {metric}, got {ranges[0]} and {ranges[1]}")
    difference = (b.integral(low, high) - a.integral(low, high)) / (high - low)
    return BdRate(100 * math.expm1(difference), low, high, (high - low) / float(a.x[-1] - a.x[0]))


def _curve(name: str, metric: str, rates: Sequence[float], scores: Sequence[float]) -> Pchip:
    """log rate over the score, of the points no other one dominates."""
    if len(rates) != len(scores):
        raise InrError(f"BD-rate, curve {name}: expected a {metric} for every rate, got {len(rates)} and {len(scores)}")
    if not all(0 < rate < math.inf and math.isfinite(score) for rate, score in zip(rates, scores, strict=True)):
        msg = f"expected finite {metric} and rates above 0, got {list(scores)} at {list(rates)}"
        raise InrError(f"BD-rate, curve {name}: {msg}")
    points: list[tuple[float, float]] = []
    for rate, score in sorted(zip(rates, scores, strict=True), key=lambda point: (point[0], -point[1])):
        if not points or score > points[-1][0]:
            points.append((score, math.log(rate)))
    if len(points) < MIN_POINTS:
        msg = f"expected at least {MIN_POINTS} points that no other dominates, got {len(points)} of {len(rates)}"
        raise InrError(f"BD-rate, curve {name}: {msg}")
    return Pchip.through(*zip(*points, strict=True))
