"""What the indices of the latent model stand for: a file's quantisation step, and a symbol's scale and mean.

Products with a step are float64, exact: integers below 2^48 times a power of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..entropy.tables import MEANS, SCALES, SymbolTables
from ..kernels.colour import UNIT_BITS
from ..kernels.parities import MEAN_VALUES
from ..kernels.wavelet import BAND_GAINS
from .prior import MEAN_HALF, STEP_RANGE, Prior

STEP_INDICES = 256
MANTISSAS = (
    *(65536, 68438, 71468, 74632, 77936, 81386, 84990, 88752),
    *(92682, 96785, 101070, 105545, 110218, 115098, 120194, 125515),
)  # 2^(k/16) in 2^-16
RECIPROCALS = (
    *(65536, 62757, 60097, 57549, 55109, 52773, 50535, 48393),
    *(46341, 44376, 42495, 40693, 38968, 37316, 35734, 34219),
)  # 2^(−k/16) in 2^-16
COARSE_MANTISSAS = (256, 267, 279, 292, 304, 318, 332, 347, 362, 378, 395, 412, 431, 450, 470, 490)  # in 2^-8


@dataclass(frozen=True)
class Step:
    """The step Δ = 2^(index/16 − 6) of an 8-bit level, orthonormal; plane units are those of a bit depth.

    A level l is the grid that its details make finer planes of; its own planes have 2^-(l+1) of the orthonormal size.
    """

    index: int  # 0 … 255
    bit_depth: int  # 8 or 16

    @property
    def t(self) -> int:
        """What the networks know of the step: −40 … 40."""
        return max(-STEP_RANGE, min(STEP_RANGE, self.index - 160))

    @property
    def _parts(self) -> tuple[int, int]:
        """Octave and k: the step is 2^(octave + k/16 − 6) in plane units."""
        octave, k = divmod(self.index, 16)
        return octave + UNIT_BITS[self.bit_depth], k

    def low(self, levels: int) -> int:
        """Step of the coarsest low-pass, in plane units: Δ·2^-levels, at least 1."""
        octave, k = self._parts
        shift = 22 + levels - octave
        return max(1, MANTISSAS[k] + (1 << shift - 1) >> shift if shift > 0 else MANTISSAS[k] << -shift)

    def highpass(self, level: int) -> float:
        """From 64 times a high-pass in plane units to its size in 1/16 of 4Δ."""
        octave, k = self._parts
        return float(RECIPROCALS[k]) * 2.0 ** (level - 13 - octave)

    def coefficients(self, level: int, gains: NDArray[np.int32]) -> NDArray[np.float64]:
        """From values in 1/64 steps to lifting coefficients, for gains (planes·3,) of a level → (planes·3,)."""
        octave, k = self._parts
        bands = np.resize(np.array(BAND_GAINS, np.int64), len(gains))
        factors = MANTISSAS[k] * gains.astype(np.int64) * bands + (1 << 26) >> 27  # below 2^18
        return np.ldexp(factors.astype(np.float64), octave - 27 - level)

    def coefficient_shift(self, level: int) -> int:
        """n of `coefficients`, which are integers times 2^−n."""
        return 27 + level - self._parts[0]

    def residual(self, level: int) -> tuple[int, int]:
        """From the cell's 1/64 steps to plane units of the finer grid: an integer and n; it is to be times 2^−n."""
        octave, k = self._parts
        return COARSE_MANTISSAS[k], 20 + level - octave


@dataclass(frozen=True, eq=False)
class Keys:
    """What each key, scale index · 512 + mean + 256, stands for; all arrays are (64·512,)."""

    coded: NDArray[np.bool_]  # whether the symbol is in the stream; otherwise the value is 0
    row: NDArray[np.int16]  # of the symbol's table
    rounded: NDArray[np.int32]  # the mean in whole steps: what the table's symbol counts from
    mean: NDArray[np.int32]  # in 1/64 of a step
    reach: NDArray[np.int32]  # how far towards the mean a value may move, in 1/64 of a step
    zero: NDArray[np.int32]  # what a 0 becomes, in 1/64 of a step

    def values(self, keys: NDArray[np.integer], q: NDArray[np.int32]) -> NDArray[np.int32]:
        """Quantised values (n,) → in 1/64 of a step (n,), moved towards the mean of their keys."""
        reach = self.reach[keys]
        v = q << 6
        moved = self.mean[keys]
        moved -= v
        np.minimum(moved, reach, out=moved)
        np.negative(reach, out=reach)
        np.maximum(moved, reach, out=moved)
        v += moved
        return v


def keys_of(prior: Prior) -> Keys:
    """The tables of a prior; files whose networks differ from it share them."""
    return _keys(prior.tables, prior.recon.tobytes())


@cache
def _keys(tables: SymbolTables, recon: bytes) -> Keys:
    """`Keys` of tables and `Prior.recon`, (64,) int32 as bytes."""
    scale, mean = np.divmod(np.arange(SCALES * MEAN_VALUES, dtype=np.int32), MEAN_VALUES)
    mean -= MEAN_HALF
    rounded = mean + MEANS // 2 >> 3
    row = scale * MEANS + (mean + MEANS // 2 & MEANS - 1)
    reach = np.frombuffer(recon, np.int32)[scale]
    return Keys(
        coded=~tables.skipped[row] | (rounded != 0),
        row=row.astype(np.int16),
        rounded=rounded,
        mean=8 * mean,
        reach=reach,
        zero=np.clip(8 * mean, -reach, reach),
    )
