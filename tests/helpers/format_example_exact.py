"""The worked example of FORMAT.md for the exact model: a small file, what its bytes are, and its symbols.

The text comes from what `reference_exact` reads and computes. After a change of the format, write it anew:

    python tests/helpers/format_example_exact.py
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import reference_decoder as reference
from format_example import dump, join, picture, write_section
from reference_exact import Part, Plane, difference, prediction

from inr_core.container import chunks
from inr_core.container.fields import pack_number
from inr_core.container.header import Header
from inr_core.container.metadata import Metadata
from inr_core.exact import strips
from inr_core.models import ExactShape

START = "<!-- made by tests/helpers/format_example_exact.py -->\n"
WIDTH, HEIGHT = 3, 2
PIXELS = (
    ((201, 180, 90, 255), (204, 182, 90, 255), (190, 170, 77, 0)),
    ((12, 5, 250, 255), (205, 184, 93, 255), (191, 172, 80, 0)),
)
COLOURS_APART_BY_MEDIAN, LISTED = 7, 0  # places in what the encoder would try


def example() -> bytes:
    """A file of 3×2 pixels of RGBA: a part of three planes, and alpha, whose two values are listed."""
    planes = np.array(PIXELS, np.uint8).transpose(2, 0, 1)
    ways = [*strips._plain(planes[:3], 256)][COLOURS_APART_BY_MEDIAN], [*strips._listed(planes[3:], 256)][LISTED]
    payload = b"".join(head + pack_number(0) + body for head, body in ways)
    return chunks.write(Header(WIDTH, HEIGHT, "RGBA", 8, 4, ExactShape()), None, Metadata(), payload)


def text() -> str:
    """The section, in Markdown."""
    data = example()
    file = reference.read(data)
    (strip,) = file.strips
    parts = dump(data, file), made(strip), picture(data)
    return "\n".join(line for part in parts for line in part)


def made(strip: list[Part]) -> Iterator[str]:
    colour, alpha = strip
    yield f"The first part's flags, {colour.flags}, say median, apart, and three planes:"
    yield ""
    yield "| plane | y, x | f | d | p | symbol | sample |"
    yield "|---:|---|---:|---:|---:|---:|---:|"
    for plane, (stored, symbols, samples) in enumerate(zip(colour.stored, colour.symbols, colour.planes, strict=True)):
        for y in range(HEIGHT):
            for x in range(WIDTH):
                f, p = stored[y][x], prediction(symbols, y, x, 3)
                assert symbols[y][x] == (p + difference(f)) % 256
                yield f"| {plane} | {y}, {x} | {f} | {difference(f)} | {p} | {symbols[y][x]} | {samples[y][x]} |"
    yield ""
    listed = " and ".join(join(value) for value in alpha.colours)
    yield f"The second's, {alpha.flags}, say listed, without a predictor, and one plane. The list is {listed},"
    yield f"and places are of one bit: {rows_of(alpha.symbols[0])} in the two rows."
    yield ""


def rows_of(plane: Plane) -> str:
    return " / ".join(map(join, plane))


if __name__ == "__main__":
    write_section(START, text())
