"""The networks of a prior as the kernels take them: inputs in their places, biases of a level and a step.

Weights are put in order once for each prior or file; biases differ from level to level.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..kernels.cell import Cell, cell
from ..kernels.layers import Layers, Weights
from ..kernels.parities import PARITIES, Biases, ParityKeys, parity_keys
from ..kernels.strips import Strips
from .maps import NONE, Layout, ParityMaps
from .prior import MEAN_HALF, ORDER, CellNet, ParityNet, conditioned

Ints = NDArray[np.int32]


def parities_of(net: ParityNet, maps: ParityMaps, level: int, t: int, strips: Strips) -> ParityKeys:
    """The networks of a level's parities by rank, at step offset t, over its maps."""
    return parity_keys(parity_layers(net, maps.layout), parity_biases(net, level, t), maps, maps.layout.pairs, strips)


def cell_of(
    net: CellNet, planes: int, level: int, t: int, gains: Ints, residual: tuple[int, int], strips: Strips
) -> Cell:
    """The cell of 3 planes or 1 at a level and step offset t; gains and residual as `kernels.cell.cell` takes them."""
    return cell(cell_layers(net, planes), cell_biases(net, planes, level, t), gains, residual, strips)


@lru_cache(16)  # nets of four files or priors
def parity_layers(net: ParityNet, layout: Layout) -> list[Layers]:
    """Weights by rank: inputs where the maps have them, outputs a scale and a mean of each band in turn."""
    w1 = net.w1.reshape(PARITIES, net.hidden, -1, 3, 3)
    layers = []
    for rank, parity in enumerate(ORDER):
        inputs = layout.inputs(rank)
        first = w1[parity][:, inputs]
        first[:, [place for place, number in enumerate(inputs) if number == NONE]] = 0
        last = net.w3[parity].reshape(2, net.bands, -1).transpose(1, 0, 2).reshape(2 * net.bands, -1)
        middle = Weights(net.w2[parity], net.s2)
        layers.append((Weights(first, net.s1, whole_fours=False), middle, Weights(last, net.s3)))
    return layers


def parity_biases(net: ParityNet, level: int, t: int) -> list[Biases]:
    """Biases by rank at a level and step offset t; those of means carry the + 256 of a key."""
    b1 = conditioned(net.b1, net.q1, t)[level].reshape(PARITIES, -1)
    b2 = net.b2.astype(np.int64).reshape(PARITIES, -1)
    b3 = net.b3[level].astype(np.int64).reshape(PARITIES, 2, net.bands)
    b3[:, 1] += MEAN_HALF << net.s3
    return [(b1[parity], b2[parity], b3[parity].T.reshape(-1)) for parity in ORDER]


@lru_cache(16)
def cell_layers(net: CellNet, planes: int) -> Layers:
    """Weights for 3 planes or 1: then chroma's inputs would be zero, and its outputs are not wanted."""
    inputs = [*range(planes), *range(3, 3 + 3 * planes)]
    first = Weights(net.w1[:, inputs], net.s1, whole_fours=False)
    return first, Weights(net.wm, net.sm), Weights(net.w2[: 4 * planes], net.s2)


def cell_biases(net: CellNet, planes: int, level: int, t: int) -> Biases:
    """Biases of the cell's layers at a level and step offset t."""
    last = net.b2[: 4 * planes].astype(np.int64)
    return conditioned(net.b1, net.q1, t)[level], net.bm.astype(np.int64), last
