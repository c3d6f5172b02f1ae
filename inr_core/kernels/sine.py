"""The arithmetic of the format: exact products, phases that wrap, the sine table, rescaling.

Everything a decoder computes is an integer; these functions are the definition. Three facts make them fast:

- a float32 matrix product of integer-valued arrays is exact, in any order of summation, while every row's
  Σ|w|·ACT_MAX stays below 2**24 (float64: 2**53), so any BLAS on any device gives the same integers;
- a phase is a fraction of a turn in 32 bits, so unsigned wrap-around *is* the sine's period;
- the sine is a table of 2**PHASE_BITS entries sampled at the midpoints of its cells, hence odd and free of bias.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

COORD_BITS = 24  # a coordinate of 1.0 is 2**24
ACT_MAX = 511  # activations are integers in [−511, 511]; 511 stands for 1.0
PHASE_BITS = 12  # the table is indexed by the top 12 bits of a 32-bit phase
PHASE_SHIFT = 32 - PHASE_BITS
FIRST_SHIFT = COORD_BITS - 16  # the first layer's products carry 24 coordinate bits, of which 16 reach the phase
OUTPUT_SHIFT = 24  # a sample is (acc · multiplier + bias) >> 24
OUTPUT_BIAS_FRACTION = 14  # output biases count 2**−14 of a sample of 8 bits: flat areas of 16 bits are exact
FLOAT32_EXACT = 2**24
ROW_LIMIT = 2**31 // (ACT_MAX + 1)  # Σ|w| of a row may not exceed this: accumulators fit 32 bits


Reals = NDArray[np.floating[Any]]  # float32 or float64, integer-valued


def _sine_table() -> NDArray[np.float32]:
    """Sines (4096,) of the middles of equal parts of a turn, in 1/511, rounded."""
    # Correct rounding cannot depend on the platform's sine: no entry lies within 1e-4 of a rounding boundary (tested).
    phase = (np.arange(2**PHASE_BITS) + 0.5) * (2.0 * np.pi / 2**PHASE_BITS)
    table: NDArray[np.float32] = np.rint(ACT_MAX * np.sin(phase)).astype(np.float32)
    return table


SINE_TABLE = _sine_table()  # (4096,), integer-valued
_TABLES: dict[np.dtype[Any], Reals] = {table.dtype: table for table in (SINE_TABLE, SINE_TABLE.astype(np.float64))}


def largest_row(weight: NDArray[np.int32]) -> int:
    """The largest Σ|w| of a row of (out, in) integer weights."""
    return int(np.abs(weight).sum(1, dtype=np.int64).max())


def product_dtype(weight: NDArray[np.int32]) -> type[np.float32 | np.float64]:
    """The narrowest float in which the product of (out, in) integer weights with activations is exact."""
    return np.float32 if largest_row(weight) * ACT_MAX < FLOAT32_EXACT else np.float64


def first_phase(weight: NDArray[np.int32], multiplier: int, coordinate: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Phases of one axis: (out,) weights, (n,) coordinates → (out, n) uint32 turns, wrapped.

    The first layer is separable: its phase at (x, y) is first_phase of x, plus that of y, plus the bias.
    """
    products = weight.astype(np.int64)[:, None] * (multiplier * coordinate)[None, :]
    return (products >> FIRST_SHIFT).astype(np.uint32)  # products may wrap in 64 bits: only bits 8 … 39 are kept


def sine_of_phase(phase: NDArray[np.uint32], index: NDArray[np.int64], out: Reals) -> None:
    """Activations of uint32 phases, written to `out`; `index` is scratch of the same shape."""
    np.right_shift(phase, np.uint32(PHASE_SHIFT), out=index, casting="unsafe")
    np.take(_TABLES[out.dtype], index, out=out, mode="wrap")  # "wrap" skips the bounds check; every index is in range


def to_phase(acc: Reals, multiplier: int, bias: NDArray[np.uint32], out: NDArray[np.uint32]) -> None:
    """Hidden-layer accumulators (out, n) → phases: acc · multiplier + bias modulo 2**32, written to `out`."""
    np.copyto(out.view(np.int32), acc, casting="unsafe")  # |acc| < 2**31 by the row limit
    np.multiply(out, np.uint32(multiplier), out=out)
    np.add(out, bias[:, None], out=out)


def to_samples(acc: Reals, multiplier: int, bias: NDArray[np.int64], peak: int) -> NDArray[np.int64]:
    """Output accumulators (C, n) → samples 0 … peak: (acc · multiplier + bias) >> OUTPUT_SHIFT, clipped."""
    samples = acc.astype(np.int64)
    samples *= multiplier
    samples += bias[:, None]
    samples >>= OUTPUT_SHIFT
    return np.clip(samples, 0, peak, out=samples)
