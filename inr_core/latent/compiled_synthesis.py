"""The finer planes of a level, by compiled kernels: inverse wavelet and cell. `latent_level` has the other way."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..kernels.layers import Layer, pack_bias, pack_neighbours, pack_weights
from ..kernels.switch import native
from .prior import CellNet, conditioned

Ints = NDArray[np.int32]

COEFFICIENT_BITS, VALUE_BITS = 20, 48  # of a coefficient; of a value times a factor


class CompiledSynthesis:
    """A CellNet at one level and step, and the wavelet beside it.

    `factors` (3·planes,): from values in 1/64 steps to coefficients, integers below 2^18 times 2^−shift. `gains`
    (3·planes,): as the prior has them. `residual`: the integer by which residuals count, times 2^−shift.
    """

    def __init__(
        self,
        net: CellNet,
        level: int,
        t: int,
        planes: int,
        gains: Ints,
        factors: NDArray[np.float64],
        factor_shift: int,
        residual: int,
        residual_shift: int,
        kernels: int,
    ) -> None:
        packed = _packed(net, planes)
        assert packed is not None
        biases = conditioned(net.b1, net.q1, t)[level], net.bm, net.b2[: 4 * planes]
        self._layers = [
            part
            for weights, bias, shift in zip(packed, biases, (net.s1, net.sm, net.s2), strict=True)
            for part in Layer(weights, pack_bias(bias, shift), shift)
        ]
        self._gains = np.ascontiguousarray(gains, np.int32)
        self._factors = np.ascontiguousarray(factors, np.float64)
        offset = 2.0 ** min(COEFFICIENT_BITS + 1, max(0, VALUE_BITS - factor_shift))
        self._offsets = np.full(len(factors), offset)
        self._residual = residual, residual_shift
        self._kernels = kernels

    @staticmethod
    def fits(net: CellNet, planes: int) -> bool:
        """Whether the weights are narrow enough."""
        return _packed(net, planes) is not None

    def rows(self, first: int, last: int, low: Ints, high: NDArray[np.int16], values: Ints, out: Ints) -> None:
        """Rows 2·first … 2·last − 1 of the finer planes `out`, from low-pass, high-pass and values (…, h, w)."""
        assert native is not None
        where = (*low.shape, first, last)
        finer = (out, *out.shape[1:])
        native.wavelet_rows(self._kernels, low, values, self._factors, self._offsets, *where, *finer)
        native.cell_rows(self._kernels, high, values, self._gains, *where, *self._layers, *self._residual, *finer)


@lru_cache(16)
def _packed(net: CellNet, planes: int) -> list[NDArray[np.int16]] | None:
    """The weights of the three layers, None if they are too wide."""
    inputs = [*range(planes), *range(3, 3 + 3 * planes)]
    layers = [
        pack_neighbours(net.w1[:, inputs], len(inputs)),
        pack_weights(net.wm),
        pack_neighbours(net.w2[: 4 * planes]),
    ]
    return None if any(layer is None for layer in layers) else [layer for layer in layers if layer is not None]
