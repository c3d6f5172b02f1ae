"""What decoding parts of strips costs, and when what is saved had better not be coded by the mixing coder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..container.header import Raster
from ..kernels import switch
from ..kernels.mixing import LOOKING, LOOKING_SAMPLE
from ..kernels.neighbours import BLOCK, CANDIDATES
from ..limits import Cost, Limits
from .planes import may_mix, strip_shapes
from .prediction import MEDIAN
from .strips import Part, Shape

PASSES = 90  # of a sample: expanding, undoing the prediction, of which the median takes most
MIXED_PASSES = 60  # of a pixel, whatever is asked: its place in rows, runs of colours, planes made of it
ASKED = LOOKING + CANDIDATES  # questions that it takes to ask for a pixel, at the most


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
    return sum((_most(shape, asks=True, compiled=True) for shape in shapes), Cost())


def _plain(shape: Shape, predictor: int) -> Cost:
    """Of what is expanded, and differences undone: by the median, one diagonal after the other."""
    steps = shape.height + shape.width if predictor == MEDIAN else 0
    return Cost(passes=PASSES * shape.planes * shape.height * shape.width, steps=steps)


def _mixed(shape: Shape, asks: bool) -> Cost:
    return _most(shape, asks, switch.compiled() is not None)


def _most(shape: Shape, asks: bool, compiled: bool) -> Cost:
    """Of the mixing coder, with what of that is not certain."""
    most, passes = _questions(shape, asks), MIXED_PASSES * shape.height * shape.width
    cost = Cost(passes=passes, unsure=most - _least_questions(shape, asks))
    return replace(cost, questions=most) if compiled else replace(cost, plain_questions=most)


def _questions(shape: Shape, asks: bool) -> int:
    """That the mixing coder asks at the most, and what takes as long, as it counts them itself.

    Blocks that prove not to be flat are one more each, one in 16 pixels or in rows of a few, which is not counted here.
    """
    return shape.height * shape.width * (_sample_questions(shape) + (ASKED if asks else 0))


def _least_questions(shape: Shape, asks: bool) -> int:
    """That it asks for certain: a row is at best flat blocks, and pixels that are their first candidate."""
    blocks, pixels = divmod(shape.width, BLOCK)
    return shape.height * (blocks + pixels * (LOOKING + 1 if asks else _sample_questions(shape)))


def _sample_questions(shape: Shape) -> int:
    """Of the samples of a pixel."""
    return shape.planes * ((shape.size - 1).bit_length() + LOOKING_SAMPLE)


def opens_mixed(raster: Raster) -> bool:
    """Whether a picture coded by the mixing coder may be, and opens by default limits."""
    return may_mix(raster) and mixed_cost(strip_shapes(raster)).seconds <= Limits().seconds
