"""What evaluating a siren costs, on any number of samples, with the plane beside it."""

from __future__ import annotations

from ..container.header import Raster
from ..exact.beside import Beside
from ..kernels.layers import NEURONS
from ..kernels.siren import COMPILED_SAMPLES
from ..limits import Cost
from ..models import SirenShape
from .render import block_of

PASSES = 12  # of a sample: coordinates, what becomes of it
AVERAGING = 5  # of one of several samples that are a pixel's, and again where their alpha counts
PHASES = 6  # of a neuron of the first layer at a column, or at a row, of samples evaluated at once


def siren_cost(shape: SirenShape, outputs: int, grid: tuple[int, int], beside: Beside | None = None) -> Cost:
    """Of a grid of samples, across and down, of so many outputs; neurons count by fours, as they are evaluated."""
    hidden = -(-shape.hidden // NEURONS) * NEURONS
    inside = hidden * (2 + hidden * (shape.layers - 2) + outputs)
    across, down = grid
    columns, rows = block_of(across, down, COMPILED_SAMPLES)
    lines = across * -(-down // rows) + down * -(-across // columns)
    cost = Cost(
        macs=across * down * inside,
        sines=across * down * hidden * (shape.layers - 1),
        passes=across * down * PASSES * outputs + lines * PHASES * hidden,
    )
    return cost + beside.cost if beside else cost


def averaging_cost(raster: Raster, samples: int) -> Cost:
    """Of so many samples that become fewer pixels."""
    return Cost(passes=samples * raster.coded * AVERAGING * (2 if raster.alpha else 1))
