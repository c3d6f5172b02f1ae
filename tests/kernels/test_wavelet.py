"""The integer wavelet: exact inverses of its steps, the CDF 9/7 filters, and ranges of rows."""

from __future__ import annotations

import numpy as np
import pytest
import pywt  # type: ignore[import-untyped]

from inr_core.kernels import wavelet

SIZES = [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (3, 2), (16, 16), (17, 24), (33, 31)]


@pytest.mark.parametrize("size", SIZES)
def test_the_inverse_undoes_the_forward_transform(size: tuple[int, int]) -> None:
    x = np.random.default_rng(0).integers(-8160, 8161, (3, *size)).astype(np.int32)
    low, details = wavelet.forward(x)
    h, w = -(-size[0] // 2), -(-size[1] // 2)
    assert (low.shape, details.shape) == ((3, h, w), (9, h, w))
    back = wavelet.inverse(low, details)
    assert back.shape == (3, 2 * h, 2 * w)
    assert np.abs(back[:, : size[0], : size[1]] - x).max() <= 4  # only the low-pass is rounded in being scaled


@pytest.mark.parametrize("size", SIZES)
def test_constant_planes_have_no_details_and_keep_their_value(size: tuple[int, int]) -> None:
    low, details = wavelet.forward(np.full((1, *size), 5000, np.int32))
    assert np.abs(low - 5000).max() <= 1
    assert np.abs(details).max() <= 1


def test_lifting_is_undone_exactly_even_where_it_wraps() -> None:
    rng = np.random.default_rng(1)
    even, odd = rng.integers(-(2**31), 2**31, (2, 2, 6, 5)).astype(np.int32)
    a, b = even.copy(), odd.copy()
    wavelet._lift(a, b, axis=1, inverse=False)
    assert (a != even).any()
    wavelet._lift(a, b, axis=1, inverse=True)
    assert np.array_equal(a, even)
    assert np.array_equal(b, odd)


def _axis(kind: int, n: int, at: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What one orthonormal coefficient (0 low, 1 high) makes of 2n samples, far from the ends."""
    taps = np.array(pywt.Wavelet("bior4.4").rec_lo if kind == 0 else pywt.Wavelet("bior4.4").rec_hi)
    taps = np.trim_zeros(np.where(np.abs(taps) < 1e-9, 0, taps))
    line = np.zeros(2 * n)
    middle = 2 * at + kind
    line[middle - len(taps) // 2 : middle + len(taps) // 2 + 1] = taps
    return line


@pytest.mark.parametrize("band", range(4))
def test_each_coefficient_makes_the_cdf_97_function(band: int) -> None:
    low, details = np.zeros((1, 12, 12), np.int32), np.zeros((3, 12, 12), np.int32)
    if band == 0:
        low[0, 6, 5] = 8000
    else:
        details[band - 1, 6, 5] = round(8000 * wavelet.BAND_GAINS[band - 1] / 2**13)
    rows, columns = _axis(band >> 1, 12, 6), _axis(band & 1, 12, 5)
    expected = 8000 * 2 * np.outer(rows, columns)  # the low-pass has a gain of 1, not 2, a level
    assert np.abs(wavelet.inverse(low, details)[0] - expected).max() < 2


def test_a_range_of_rows_is_the_same_as_the_whole() -> None:
    rng = np.random.default_rng(2)
    low = rng.integers(-8000, 8000, (2, 20, 7)).astype(np.int32)
    details = rng.integers(-3000, 3000, (6, 20, 7)).astype(np.int32)
    whole = wavelet.inverse(low, details)
    for a, b in ((0, 5), (4, 9), (7, 8), (13, 20)):
        first, last = max(0, a - wavelet.HALO), min(20, b + wavelet.HALO)
        part = wavelet.inverse(low[:, first:last], details[:, first:last])
        assert np.array_equal(part[:, 2 * (a - first) : 2 * (b - first)], whole[:, 2 * a : 2 * b]), (a, b)
