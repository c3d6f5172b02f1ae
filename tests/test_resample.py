"""Decoded samples at another size, against the same in plain floating point."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from inr_core.resample import resize


def plain(row: list[int], size: int) -> list[int]:
    """One row at another size, in exact fractions."""
    n = len(row)
    out = []
    for k in range(size):
        if size < n:  # the mean over [k, k + 1) · n / size
            first, last = Fraction(k * n, size), Fraction((k + 1) * n, size)
            shares = [max(Fraction(0), min(last, Fraction(i + 1)) - max(first, Fraction(i))) for i in range(n)]
            value = sum(share * v for share, v in zip(shares, row, strict=True)) / (last - first)
        else:  # between the centres of the nearest two
            place = min(max((k + Fraction(1, 2)) * n / size - Fraction(1, 2), Fraction(0)), Fraction(n - 1))
            low = floor(place)
            value = row[low] + (row[min(low + 1, n - 1)] - row[low]) * (place - low)
        out.append(floor(value + Fraction(1, 2)))
    return out


@pytest.mark.parametrize(("n", "size"), [(7, 3), (12, 6), (5, 4), (9, 1), (3, 7), (1, 5), (4, 8), (6, 6), (2, 3)])
def test_rows_and_columns_are_as_in_exact_fractions(n: int, size: int) -> None:
    samples = np.random.default_rng(n).integers(0, 65_536, (n, 2, 3)).astype(np.uint16)
    columns = resize(samples, 2, size)
    rows = resize(samples.swapaxes(0, 1), size, 2)
    assert columns.dtype == np.uint16
    assert np.array_equal(columns, rows.swapaxes(0, 1))
    for x in range(2):
        for channel in range(3):
            assert columns[:, x, channel].tolist() == plain(samples[:, x, channel].tolist(), size)


def test_both_axes_at_once() -> None:
    samples = np.random.default_rng(0).integers(0, 256, (8, 9, 2)).astype(np.uint8)
    assert resize(samples, 9, 8) is samples
    assert np.array_equal(resize(samples, 4, 20), resize(resize(samples, 9, 20), 4, 20))
    assert (resize(np.full((5, 5, 1), 255, np.uint8), 13, 2) == 255).all()
