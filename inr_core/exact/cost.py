"""What decoding parts of strips costs, and when what is saved had better not be coded by the mixing coder."""

from __future__ import annotations

from collections.abc import Sequence

from ..container.header import Raster
from ..kernels import switch
from ..limits import Cost, Limits
from .planes import may_mix, strip_shapes
from .strips import Part, Shape

PASSES = 75  # of a sample: expanding, undoing the prediction, of which the median takes most


def strips_cost(strips: Sequence[tuple[Shape, Sequence[Part]]]) -> Cost:
    """Of strips and the parts that each of them is stored as."""
    questions = samples = 0
    for shape, parts in strips:
        for part in parts:
            count = part.planes * shape.height * shape.width
            samples += count
            questions += count * (shape.size - 1).bit_length() if part.mixed else 0
    if switch.compiled():
        return Cost(questions=questions, passes=PASSES * samples)
    return Cost(plain_questions=questions, passes=PASSES * samples)


def mixed_cost(shapes: Sequence[Shape]) -> Cost:
    """Of strips that are coded by the mixing coder, where there are compiled kernels."""
    samples = [shape.planes * shape.height * shape.width for shape in shapes]
    bits = (count * (shape.size - 1).bit_length() for count, shape in zip(samples, shapes, strict=True))
    return Cost(questions=sum(bits), passes=PASSES * sum(samples))


def opens_mixed(raster: Raster) -> bool:
    """Whether a picture coded by the mixing coder may be, and opens by default limits."""
    return may_mix(raster) and mixed_cost(strip_shapes(raster)).seconds <= Limits().seconds
