"""Keys of the phase networks by compiled kernels; `latentnet.PhaseModel` says the same with NumPy or torch."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..kernels.layers import Layer, pack_bias, pack_neighbours, pack_weights
from ..kernels.switch import native
from .maps import NONE, Layout, PhaseMaps
from .prior import MEAN_HALF, ORDER, PHASES, PhaseNet, conditioned

Keys = NDArray[np.int32]

Packed = list[tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int16]]]  # weights of the layers by rank


class CompiledPhases:
    """A PhaseNet at one level and step."""

    def __init__(self, net: PhaseNet, layout: Layout, level: int, t: int, kernels: int) -> None:
        packed = _packed(net, layout)
        assert packed is not None
        self.bands, self._kernels = net.bands, kernels
        b1 = conditioned(net.b1, net.q1, t)[level].reshape(PHASES, -1)
        b2 = net.b2.reshape(PHASES, -1)
        b3 = net.b3[level].astype(np.int64).reshape(PHASES, 2, net.bands).copy()
        b3[:, 1] += MEAN_HALF << net.s3
        self._layers = [
            [
                *Layer(w1, pack_bias(b1[phase], net.s1), net.s1),
                *Layer(w2, pack_bias(b2[phase], net.s2), net.s2),
                *Layer(w3, pack_bias(b3[phase].T.reshape(-1), net.s3), net.s3),
            ]
            for phase, (w1, w2, w3) in zip(ORDER, packed, strict=True)
        ]

    @staticmethod
    def fits(net: PhaseNet, layout: Layout) -> bool:
        """Whether the weights are narrow enough."""
        return _packed(net, layout) is not None

    def empty(self, rows: int, stride: int) -> Keys:
        """Room for the keys of rows of a grid, (bands or more, rows · stride)."""
        return np.empty((self.bands + self.bands % 2, rows * stride), np.int32)

    def keys(self, rank: int, maps: PhaseMaps, first: int, rows: int, out: Keys, at: int) -> None:
        """Scale index · 512 + mean + 256 of phase ORDER[rank], rows from `first` on, each as long as those of the maps.

        They are written from place `at` of `out` on; the last two of a row mean nothing.
        """
        assert native is not None
        pairs = maps.layout.pairs + 3 * rank
        native.phase_keys(
            self._kernels,
            maps.flat,
            pairs,
            maps.plane,
            maps.stride,
            *self._layers[rank],
            first,
            rows,
            out,
            out.shape[1],
            at,
        )


@lru_cache(16)  # nets of four files or priors
def _packed(net: PhaseNet, layout: Layout) -> Packed | None:
    """The weights of all layers by rank, None if they are too wide: those of a file serve all its levels."""
    w1 = net.w1.reshape(PHASES, net.hidden, -1, 3, 3)
    out: Packed = []
    for rank, phase in enumerate(ORDER):
        inputs = layout.inputs(rank)
        first = w1[phase][:, inputs]
        first[:, [k for k, channel in enumerate(inputs) if channel == NONE]] = 0
        # a scale and a mean of each band side by side
        last = net.w3[phase].reshape(2, net.bands, -1).transpose(1, 0, 2).reshape(2 * net.bands, -1)
        layers = [pack_neighbours(first, len(inputs)), pack_weights(net.w2[phase]), pack_weights(last)]
        if layers[0] is None or layers[1] is None or layers[2] is None:
            return None
        out.append((layers[0], layers[1], layers[2]))
    return out
