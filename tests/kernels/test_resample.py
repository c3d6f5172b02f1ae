"""Samples of a grid at another size: exact fractions say the same, and nothing moves or rings where it should not."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inr_core.kernels.resample import KERNEL, PHASES, UNIT, resample
from inr_core.metrics import psnr

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
    columns = resample(samples, (0, part[0], width, part[1]), (width, size), level, alpha=False)
    across = samples.swapaxes(0, 1)
    rows = resample(np.ascontiguousarray(across), (part[0], 0, part[1], width), (size, width), level, alpha=False)
    assert columns.dtype == np.uint16
    assert np.array_equal(columns, rows.swapaxes(0, 1))
    for x in range(width):
        for channel in range(3):
            assert columns[:, x, channel].tolist() == plain(samples[:, x, channel].tolist(), *part, size, level)


def test_a_region_at_its_own_size_is_a_crop() -> None:
    samples = np.random.default_rng(0).integers(0, 256, (8, 9, 2)).astype(np.uint8)
    assert np.array_equal(resample(samples, (2, 1, 7, 8), (5, 7), alpha=False), samples[1:8, 2:7])
    assert np.array_equal(
        resample(samples, (2, 0, 7, 8), (5, 20), alpha=False)[:, :2],
        resample(samples, (2, 0, 4, 8), (2, 20), alpha=False),
    )


def plain_by_alpha(column: list[list[int]], start: int, stop: int, size: int, level: int, peak: int) -> list[list[int]]:
    """One column of pixels that end with an alpha, in exact fractions."""
    out = []
    alphas = plain([pixel[-1] for pixel in column], start, stop, size, level)
    grid, pixel = Fraction(2) ** level, Fraction(stop - start, size)
    wide = max(Fraction(1), pixel / grid)
    for i, alpha in enumerate(min(a, peak) for a in alphas):
        at = (start + (i + Fraction(1, 2)) * pixel - Fraction(1, 2)) / grid
        new = []
        for channel in range(len(column[0]) - 1):
            total = weights = 0
            for j in range(ceil(at - 3 * wide), floor(at + 3 * wide) + 1):
                *colours, own = column[min(max(j, 0), len(column) - 1)]
                weight = int(KERNEL[floor(PHASES * abs(j - at) / wide + Fraction(1, 2))]) * (own if alpha else 1)
                total += weight * colours[channel]
                weights += weight
            new.append(min(max(floor(Fraction(total, weights) + Fraction(1, 2)), 0), peak))
        out.append([*new, alpha])
    return out


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("n", "part", "size", "level"),
    [(12, (0, 12), 5, 0), (9, (2, 9), 1, 0), (7, (0, 7), 20, 0), (6, (7, 21), 4, 2), (16, (2, 5), 7, -1)],
)
def test_colours_count_by_alpha(
    kind: type[np.uint8 | np.uint16], n: int, part: tuple[int, int], size: int, level: int
) -> None:
    rng, peak = np.random.default_rng(n), int(np.iinfo(kind).max)
    samples = rng.integers(0, peak + 1, (n, 3, 3)).astype(kind)
    samples[rng.random(n) < 0.5, 0, 2] = 0
    samples[: n // 2, 1, 2] = 0
    samples[:, 2, 2] = 0
    for x in range(3):
        column = np.ascontiguousarray(samples[:, x : x + 1])
        down = resample(column, (0, part[0], 1, part[1]), (1, size), level, alpha=True)
        across = resample(column.swapaxes(0, 1), (part[0], 0, part[1], 1), (size, 1), level, alpha=True)
        assert down.dtype == kind
        assert np.array_equal(down, across.swapaxes(0, 1))
        assert down[:, 0].tolist() == plain_by_alpha(samples[:, x].tolist(), *part, size, level, peak)


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_what_is_opaque_does_not_depend_on_its_alpha(level: int) -> None:
    """Bit for bit, also with a clear pixel too far away to matter."""
    samples = np.random.default_rng(3).integers(0, 256, (40, 30, 4)).astype(np.uint8)
    samples[..., 3] = 255
    box, size = (0, 0, 15, 10), (6, 7) if level >= 0 else (22, 13)
    plain = resample(samples, box, size, level, alpha=False)
    assert np.array_equal(resample(samples, box, size, level, alpha=True), plain)
    samples[-1, -1, 3] = 0
    assert np.array_equal(resample(samples, box, size, level, alpha=True), plain)


def test_a_colour_stays_whatever_is_clear_beside_it() -> None:
    rng = np.random.default_rng(4)
    samples = rng.integers(0, 256, (30, 30, 4)).astype(np.uint8)
    samples[..., 3] = np.where(rng.random((30, 30)) < 0.5, 0, rng.integers(1, 256, (30, 30)))
    samples[samples[..., 3] > 0, :3] = 10, 200, 255
    for size in ((7, 9), (30, 11), (60, 45)):
        small = resample(samples, (0, 0, 30, 30), size, alpha=True)
        seen = small[..., 3] > 0
        assert seen.any()
        assert (small[seen, :3] == [10, 200, 255]).all()


def test_where_all_is_clear_colours_are_as_without_alpha() -> None:
    samples = np.random.default_rng(5).integers(0, 65_536, (20, 20, 2)).astype(np.uint16)
    samples[..., 1] = 0
    for size in ((3, 3), (50, 20)):
        clear = resample(samples, (0, 0, 20, 20), size, alpha=True)
        assert np.array_equal(clear[..., :1], resample(samples[..., :1], (0, 0, 20, 20), size, alpha=False))


def test_sums_beyond_double_precision_are_exact() -> None:
    rng = np.random.default_rng(6)
    samples = rng.integers(65_000, 65_536, (3000, 1, 2)).astype(np.uint16)
    got = resample(samples, (0, 0, 1, 3000), (1, 1), alpha=True)[0].tolist()
    assert got == plain_by_alpha(samples[:, 0].tolist(), 0, 3000, 1, 0, 65_535)


@pytest.mark.parametrize("level", [-1, 0, 2])
def test_flat_stays_flat(level: int) -> None:
    flat = np.full((20, 20, 1), 255, np.uint8)
    assert (resample(flat, (3, 0, 9, 10), (13, 2), level, alpha=False) == 255).all()


@pytest.mark.parametrize("level", [0, 1, 3, -1])
def test_nothing_moves(level: int) -> None:
    """A slope stays where it is, whichever grid it comes from."""
    places = np.arange(-(-800 >> level) if level >= 0 else 1600) * 2.0**level
    grid = np.broadcast_to((places * 50 + 100).astype(np.uint16), (4, len(places)))[:4, :, None]
    for size in (90, 100, 1300):
        got = resample(np.ascontiguousarray(grid), (200, 0, 600, 1), (size, 1), level, alpha=False)[0, :, 0].astype(int)
        centres = 200 + (np.arange(size) + 0.5) * 400 / size - 0.5
        assert np.abs(got - (centres * 50 + 100)).max() < 8 + 2**level  # a sixth of a pixel's step


@pytest.mark.parametrize("size", [(20, 18), (41, 30), (60, 80)])
def test_beside_pillows_lanczos(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    smooth = Image.fromarray(rng.integers(0, 256, (11, 13, 3)).astype(np.uint8)).resize(
        (41, 37), Image.Resampling.BICUBIC
    )
    theirs = np.asarray(smooth.resize(size, Image.Resampling.LANCZOS))
    ours = resample(np.asarray(smooth), (0, 0, 41, 37), size, alpha=False)
    assert psnr(theirs[4:-4, 4:-4], ours[4:-4, 4:-4]) > 45  # edges are treated differently
