"""The linear half of the latent model: the CDF 9/7 wavelet by lifting, in int32 that wraps.

One level splits a plane (h, w), each side padded to even by its last sample, into four bands of half the size: a
low-pass with a gain of 1 for constants, and per band (low rows/high columns, high rows/low columns, high/high) the
coefficients of the lifting scheme before its scaling, so that scaling costs nothing: the quantiser's step takes it in.

Along an axis with even samples s and odd samples d, whole-sample symmetric at both ends, the inverse is

    s −= δ(d₋ + d);  d −= γ(s + s₊);  s −= β(d₋ + d);  d −= α(s + s₊)

and every product c·x is (c·2^13·x + 2^12) >> 13. Rows are filtered first, then columns; the forward transform runs the
same steps backwards and undoes them exactly. Only the low-pass is scaled, by K² a level.

Method: I. Daubechies and W. Sweldens, "Factoring wavelet transforms into lifting steps", J. Fourier Anal. Appl. 1998.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import switch

Ints = NDArray[np.int32]

BITS = 13
ALPHA, BETA, GAMMA, DELTA = -12994, -434, 7233, 3633  # −1.586134, −0.052980, 0.882911, 0.443507 in 2^-13
LOW_GAIN = 12397  # K² = 1.513328 in 2^-13: from the low-pass to the lifting scheme's own
BAND_GAINS = (-16384, -16384, 21653)  # lifting coefficient / (orthonormal coefficient / 2) in 2^-13: −2, −2, 4/K²
HALO = 2  # coefficients beyond a range of rows that the inverse of that range depends on
COEFFICIENT_MAX = 1 << 20  # of what values times factors give
VALUE_BITS = 48  # of a value times the integer of its factor, at most

_HALF, _SHIFT = np.int32(1 << BITS - 1), np.int32(BITS)


def inverse(low: Ints, details: Ints) -> Ints:
    """Low-pass (P, h, w) and lifting coefficients (P·3, h, w), int32 → planes (P, 2h, 2w), int32.

    Both arrays may be a range of rows: then 2·HALO rows of the result are wrong at an end that is not the picture's.
    """
    planes, h, w = low.shape
    bands = details.reshape(planes, 3, h, w)
    rows = np.empty((2, planes, h, w, 2), np.int32)  # low and high rows; the last axis: even and odd columns
    _scale(low, LOW_GAIN, rows[0, ..., 0])
    rows[0, ..., 1] = bands[:, 0]
    rows[1, ..., 0] = bands[:, 1]
    rows[1, ..., 1] = bands[:, 2]
    even, odd = rows[..., 0].copy(), rows[..., 1].copy()  # (2, P, h, w)
    _lift(even, odd, axis=3, inverse=True)
    rows[..., 0], rows[..., 1] = even, odd
    flat = rows.reshape(2, planes, h, 2 * w)
    _lift(flat[0], flat[1], axis=1, inverse=True)
    return np.ascontiguousarray(flat.transpose(1, 2, 0, 3)).reshape(planes, 2 * h, 2 * w)


def finer(low: Ints, values: Ints, factors: NDArray[np.float64], shift: int, first: int, last: int, out: Ints) -> None:
    """Rows [first, last) of low-pass (P, h, w) and quantised values (P·3, h, w) → rows 2·first … 2·last − 1 of `out`.

    factors (P·3,): from values to lifting coefficients, integers below 2^18 times 2^−shift. Coefficients are rounded
    and kept within ±2^20. out (P, H, W): the finer planes, H = 2h or 2h − 1, W alike.
    """
    found = switch.compiled()
    if found is not None:
        native, kernels = found
        # what floor(x + ½) needs to be exact: 2^21 is beyond every coefficient, smaller where x has fewer binary places
        offsets = np.full(len(factors), 2.0 ** min(COEFFICIENT_MAX.bit_length(), max(0, VALUE_BITS - shift)))
        native.wavelet_rows(kernels, low, values, factors, offsets, *low.shape, first, last, out, *out.shape[1:])
        return
    begin, end = max(first - HALO, 0), min(last + HALO, low.shape[1])
    c = values[:, begin:end] * factors[:, None, None]
    c += 0.5
    np.floor(c, out=c)
    np.clip(c, -COEFFICIENT_MAX, COEFFICIENT_MAX, out=c)
    planes = inverse(low[:, begin:end], c.astype(np.int32))[:, 2 * (first - begin) : 2 * (last - begin)]
    height, width = out.shape[1:]
    out[:, 2 * first : 2 * last] = planes[:, : height - 2 * first, :width]


def forward(plane: Ints) -> tuple[Ints, Ints]:
    """Planes (P, H, W), int32 → low-pass (P, h, w) and lifting coefficients (P·3, h, w), h = ceil(H / 2)."""
    planes, height, width = plane.shape
    found = switch.compiled()
    if found is not None and plane.flags.c_contiguous:
        native, kernels = found
        low = np.empty((planes, -(-height // 2), -(-width // 2)), np.int32)
        details = np.empty((3 * planes, *low.shape[1:]), np.int32)
        native.forward(kernels, plane, planes, height, width, low, details)
        return low, details
    if height % 2 or width % 2:
        plane = np.pad(plane, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    even, odd = plane[:, 0::2].copy(), plane[:, 1::2].copy()
    _lift(even, odd, axis=1, inverse=False)
    h, w = even.shape[1], even.shape[2] // 2
    bands = np.empty((planes, 3, h, w), np.int32)
    high, bands[:, 2] = odd[..., 0::2].copy(), odd[..., 1::2]
    _lift(high, bands[:, 2], axis=2, inverse=False)
    bands[:, 1] = high
    low, bands[:, 0] = even[..., 0::2].copy(), even[..., 1::2]
    _lift(low, bands[:, 0], axis=2, inverse=False)
    low = (low.astype(np.int64) * 2**BITS + LOW_GAIN // 2) // LOW_GAIN  # what `inverse` scales back the nearest
    return low.astype(np.int32), bands.reshape(planes * 3, h, w)


def quantise_band(values: Ints, step: float, kept: float, out: Ints) -> None:
    """Coefficients (h, w) → whole steps of size `step`: sign(y)·floor(|y| + `kept`), written to `out` (h, w)."""
    found = switch.compiled()
    if found is not None:
        native, kernels = found
        native.quantise(kernels, values, step, kept, out)
        return
    y = values / step
    out[:] = np.copysign(np.minimum(np.floor(np.abs(y) + kept), np.iinfo(np.int32).max), y)


def _scale(values: Ints, factor: int, out: Ints) -> None:
    """Values times factor · 2^-13, rounded half up, written to `out`; products wrap in 32 bits."""
    np.multiply(values, np.int32(factor), out=out)
    np.add(out, _HALF, out=out)
    np.right_shift(out, _SHIFT, out=out)


def _lift(even: Ints, odd: Ints, axis: int, *, inverse: bool) -> None:
    """One axis, in place; the inverse takes the same steps back, last one first."""
    sums = np.empty_like(even, order="C")
    steps = ((odd, even, ALPHA, False), (even, odd, BETA, True), (odd, even, GAMMA, False), (even, odd, DELTA, True))
    change = np.subtract if inverse else np.add
    for samples, others, factor, back in reversed(steps) if inverse else steps:
        _neighbours(others, sums, axis, back)
        _scale(sums, factor, sums)
        change(samples, sums, out=samples)


def _neighbours(values: Ints, out: Ints, axis: int, back: bool) -> None:
    """Each sample plus the one before (`back`) or after it along an axis; at the end there, twice itself."""
    before = (slice(None),) * axis
    end = (*before, slice(0, 1) if back else slice(-1, None))
    first, rest = (*before, slice(None, -1)), (*before, slice(1, None))
    np.add(values[first], values[rest], out=out[rest if back else first])
    np.add(values[end], values[end], out=out[end])
