"""What decoding a pyramid costs, as far as a size needs."""

from __future__ import annotations

from ..container.header import Raster
from ..exact.beside import Beside
from ..limits import Cost
from .latents import grid_size

PASSES = 95  # of a sample of the finest grid: maps, symbols, wavelet, coarser grids
GREY_SHARE = 0.5  # of the networks' work on three planes, for one


def pyramid_cost(raster: Raster, macs: int, level: int, beside: Beside | None = None) -> Cost:
    """Of all grids down to one; macs: of the networks, a pixel of three planes."""
    width, height = grid_size(raster.width, raster.height, level)
    return grid_cost(raster, macs, width * height) + (beside.cost if beside else Cost())


def grid_cost(raster: Raster, macs: int, positions: int) -> Cost:
    """Of one grid and those coarser."""
    share = sum(1.0 if planes > 1 else GREY_SHARE for planes in raster.components)
    return Cost(macs=round(positions * share * macs), passes=positions * PASSES * sum(raster.components))
