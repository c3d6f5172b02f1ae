"""What decoding a pyramid costs, as far as a size needs."""

from __future__ import annotations

from ..container.header import Raster
from ..limits import Cost
from .completed import Besides
from .latents import grid_size

TILE = 16  # positions of a row that are evaluated together, by AVX2

PASSES = 95  # of a sample of the finest grid: maps, symbols, wavelet, coarser grids
GREY_SHARE = 0.5  # of the networks' work on three planes, for one


def pyramid_cost(raster: Raster, levels: int, macs: int, level: int, beside: Besides | None = None) -> Cost:
    """Of all grids of a pyramid down to one; macs: of the networks, a pixel of three planes."""
    cost = grid_cost(raster, macs, positions(raster, level, levels))
    return cost + beside.cost if beside else cost


def positions(raster: Raster, level: int, levels: int) -> int:
    """Of a grid, where those coarser are a third of it: made by fours out of the next, whose rows are whole tiles."""
    coarser = (grid_size(raster.width, raster.height, k + 1) for k in range(level, levels))
    made = sum(4 * -(-width // TILE) * TILE * height for width, height in coarser)
    width, height = grid_size(raster.width, raster.height, level)
    return max(width * height, 3 * made // 4)


def grid_cost(raster: Raster, macs: int, positions: int) -> Cost:
    """Of one grid and those coarser."""
    share = sum(1.0 if planes > 1 else GREY_SHARE for planes in raster.components)
    return Cost(macs=round(positions * share * macs), passes=positions * PASSES * sum(raster.components))
