"""What decoding parts of strips costs, and when what is saved had better not be coded by the mixing coder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..container.header import Raster
from ..kernels import switch
from ..limits import Cost, Limits
from .planes import may_mix, strip_shapes
from .prediction import MEDIAN
from .strips import Part, Shape

PASSES = 90  # of a sample: expanding, undoing the prediction, of which the median takes most
MIXED_OVERHEAD = 3  # questions that finding a sample's neighbours takes as long as
ASKED = 8  # that it takes to ask for a pixel


def strips_cost(strips: Sequence[tuple[Shape, Sequence[Part]]]) -> Cost:
    """Of strips and the parts that each of them is stored as."""
    total = Cost()
    for shape, parts in strips:
        for part in parts:
            own = replace(shape, planes=part.planes)
            total += _mixed(own, part.asks) if part.mixed else _plain(own, part.predictor)
    return total


def mixed_cost(shapes: Sequence[Shape]) -> Cost:
    """Of strips that are coded by the mixing coder, where there are compiled kernels."""
    return sum((Cost(questions=_questions(shape, asks=True)) for shape in shapes), Cost())


def _plain(shape: Shape, predictor: int) -> Cost:
    """Of what is expanded, and differences undone: by the median, one diagonal after the other."""
    steps = shape.height + shape.width if predictor == MEDIAN else 0
    return Cost(passes=PASSES * shape.planes * shape.height * shape.width, steps=steps)


def _mixed(shape: Shape, asks: bool) -> Cost:
    questions = _questions(shape, asks)
    return Cost(questions=questions) if switch.compiled() else Cost(plain_questions=questions)


def _questions(shape: Shape, asks: bool) -> int:
    """That the mixing coder asks at the most, and what takes as long."""
    pixels, bits = shape.height * shape.width, (shape.size - 1).bit_length()
    return pixels * (shape.planes * (bits + MIXED_OVERHEAD) + (ASKED if asks else 0))


def opens_mixed(raster: Raster) -> bool:
    """Whether a picture coded by the mixing coder may be, and opens by default limits."""
    return may_mix(raster) and mixed_cost(strip_shapes(raster)).seconds <= Limits().seconds
