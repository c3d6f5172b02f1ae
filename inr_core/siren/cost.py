"""What evaluating a siren costs, on any number of samples, with the plane beside it."""

from __future__ import annotations

from ..exact.beside import Beside
from ..kernels.layers import NEURONS
from ..limits import Cost
from ..models import SirenShape

PASSES = 12  # of a sample: coordinates, what becomes of it


def siren_cost(shape: SirenShape, outputs: int, samples: int, beside: Beside | None = None) -> Cost:
    """Of so many samples of so many outputs; neurons count by fours, as they are evaluated."""
    hidden = -(-shape.hidden // NEURONS) * NEURONS
    inside = hidden * (2 + hidden * (shape.layers - 2) + outputs)
    cost = Cost(
        macs=samples * inside,
        sines=samples * hidden * (shape.layers - 1),
        passes=samples * PASSES * outputs,
    )
    return cost + beside.cost if beside else cost
