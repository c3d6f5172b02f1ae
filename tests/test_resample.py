"""Samples of a grid at another size: exact fractions say the same, and nothing moves or rings where it should not."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inr_core.metrics import psnr
from inr_core.resample import KERNEL, PHASES, UNIT, resample

Ints = NDArray[np.int64]


def plain(column: list[int], start: int, stop: int, size: int, level: int) -> list[int]:
    """One column of a grid in exact fractions."""
    grid, pixel = Fraction(2) ** level, Fraction(stop - start, size)
    wide = max(Fraction(1), pixel / grid)
    out = []
    for i in range(size):
        at = (start + (i + Fraction(1, 2)) * pixel - Fraction(1, 2)) / grid
        total = weights = 0
        for j in range(ceil(at - 3 * wide), floor(at + 3 * wide) + 1):
            weight = int(KERNEL[floor(PHASES * abs(j - at) / wide + Fraction(1, 2))])
            total += weight * column[min(max(j, 0), len(column) - 1)]
            weights += weight
        out.append(min(max(floor(Fraction(total, weights) + Fraction(1, 2)), 0), 65_535))
    return out


def test_the_kernel_does_not_depend_on_the_platforms_sine() -> None:
    t = np.arange(len(KERNEL)) / PHASES
    exact = UNIT * np.sinc(t) * np.sinc(t / 3)
    assert np.abs(exact % 1 - 0.5).min() > 1e-3
    assert KERNEL[[0, PHASES, 2 * PHASES, 3 * PHASES]].tolist() == [UNIT, 0, 0, 0]
    assert (np.abs(KERNEL - exact) <= 0.5).all()


@pytest.mark.parametrize(
    ("n", "part", "size", "level"),
    [
        *((7, (0, 7), 3, 0), (12, (0, 12), 6, 0), (9, (0, 9), 1, 0), (3, (0, 3), 7, 0), (1, (0, 1), 5, 0)),
        *((12, (3, 8), 2, 0), (12, (3, 8), 9, 0), (5, (0, 40), 5, 3), (5, (0, 38), 3, 3), (6, (7, 21), 4, 2)),
        *((16, (0, 8), 11, -1), (16, (2, 5), 7, -1), (40, (1, 19), 5, -1)),
    ],
)
def test_rows_and_columns_are_as_in_exact_fractions(n: int, part: tuple[int, int], size: int, level: int) -> None:
    samples = np.random.default_rng(n).integers(0, 65_536, (n, 1 if level else 2, 3)).astype(np.uint16)
    width = samples.shape[1] if level == 0 else 1
    columns = resample(samples, (0, part[0], width, part[1]), (width, size), level)
    across = samples.swapaxes(0, 1)
    rows = resample(np.ascontiguousarray(across), (part[0], 0, part[1], width), (size, width), level)
    assert columns.dtype == np.uint16
    assert np.array_equal(columns, rows.swapaxes(0, 1))
    for x in range(width):
        for channel in range(3):
            assert columns[:, x, channel].tolist() == plain(samples[:, x, channel].tolist(), *part, size, level)


def test_a_region_at_its_own_size_is_a_crop() -> None:
    samples = np.random.default_rng(0).integers(0, 256, (8, 9, 2)).astype(np.uint8)
    assert np.array_equal(resample(samples, (2, 1, 7, 8), (5, 7)), samples[1:8, 2:7])
    assert np.array_equal(resample(samples, (2, 0, 7, 8), (5, 20))[:, :2], resample(samples, (2, 0, 4, 8), (2, 20)))


@pytest.mark.parametrize("level", [-1, 0, 2])
def test_flat_stays_flat(level: int) -> None:
    flat = np.full((20, 20, 1), 255, np.uint8)
    assert (resample(flat, (3, 0, 9, 10), (13, 2), level) == 255).all()


@pytest.mark.parametrize("level", [0, 1, 3, -1])
def test_nothing_moves(level: int) -> None:
    """A slope stays where it is, whichever grid it comes from."""
    places = np.arange(-(-800 >> level) if level >= 0 else 1600) * 2.0**level
    grid = np.broadcast_to((places * 50 + 100).astype(np.uint16), (4, len(places)))[:4, :, None]
    for size in (90, 100, 1300):
        got = resample(np.ascontiguousarray(grid), (200, 0, 600, 1), (size, 1), level)[0, :, 0].astype(int)
        centres = 200 + (np.arange(size) + 0.5) * 400 / size - 0.5
        assert np.abs(got - (centres * 50 + 100)).max() < 8 + 2**level  # a sixth of a pixel's step


@pytest.mark.parametrize("size", [(20, 18), (41, 30), (60, 80)])
def test_beside_pillows_lanczos(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    smooth = Image.fromarray(rng.integers(0, 256, (11, 13, 3)).astype(np.uint8)).resize(
        (41, 37), Image.Resampling.BICUBIC
    )
    theirs = np.asarray(smooth.resize(size, Image.Resampling.LANCZOS))
    ours = resample(np.asarray(smooth), (0, 0, 41, 37), size)
    assert psnr(theirs[4:-4, 4:-4], ours[4:-4, 4:-4]) > 45  # edges are treated differently
