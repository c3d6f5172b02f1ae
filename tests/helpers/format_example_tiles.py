"""The worked example of FORMAT.md for tiles: a small file, what its bytes are, and how its pixels come together.

The text comes from what `reference_exact` and `reference_latent` read. After a change of the format, write it anew:

    python tests/helpers/format_example_tiles.py
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import reference_decoder as reference
import reference_latent as latent
from format_example import dump, join, picture, write_section
from reference_coding import Field, Reader, Symbols
from reference_exact import Tiles

from inr_core.container import chunks
from inr_core.container.fields import pack_number
from inr_core.container.header import Header
from inr_core.container.metadata import Metadata
from inr_core.exact import strips
from inr_core.latent import prior
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import Latents
from inr_core.models import LatentShape

START = "<!-- made by tests/helpers/format_example_tiles.py -->\n"
NUMBER, STEP, LEVELS, WIDTH, HEIGHT = 1, 116, 1, 10, 2
SIDE_BITS, MAP = 3, [[0, 1]]
GREY = [[0] * 8 + [250, 30], [0] * 8 + [30, 250]]
ALPHA = [[255] * 9 + [0], [255] * 10]


def example() -> bytes:
    """A file of 10×2 pixels of grey and alpha and two tiles, of which the right one stands beside the model."""
    parts = stored([MAP], 2), stored([GREY], 256), stored([ALPHA], 256)
    lowpass = [np.array([[[40, 44, 60, 52, 48]]], np.int32)]
    details = [[np.array([[[1, 0, -2, 0, 1]], [[0, 1, 0, 0, 0]], [[0, 0, 0, 0, 0]]], np.int32)]]
    latents = Latents(WIDTH, HEIGHT, 8, (1,), STEP, LEVELS, lowpass, details)
    payloads, _, _ = encode_latents(latents, prior.load(NUMBER))
    header = Header(WIDTH, HEIGHT, "LA", 8, 2, LatentShape(NUMBER, STEP, LEVELS), plane="tiles")
    return chunks.write(header, None, Metadata(), [bytes([SIDE_BITS]) + b"".join(parts), *payloads])


def stored(planes: list[list[list[int]]], size: int) -> bytes:
    """A part of a strip whose colours are listed."""
    head, body = next(iter(strips._listed(np.array(planes, np.uint8), size)))
    return head + pack_number(0) + body


def text() -> str:
    """The section, in Markdown."""
    data = example()
    file = reference.read(data)
    file.fields[:] = sorted(file.fields + latent_fields(data, file))
    parts = dump(data, file), made(file), picture(data)
    return "\n".join(line for part in parts for line in part)


def latent_fields(data: bytes, file: reference.File) -> list[Field]:
    """What the bytes of `LATS` are."""
    fields: list[Field] = []
    shape, arrays = reference.shape_of(file.head), latent.prior(NUMBER)
    content = Reader(file.latents[0], data.index(b"LATS") + 4, fields)
    content.unsigned(1, "levels", LEVELS, LEVELS)
    (lowpass,) = [latent.read_lowpass(content, shape, count) for count in shape.components]
    symbols = Symbols(content, arrays, 3 * len(lowpass[0][0]) * len(lowpass[0]))
    latent.Component(shape, arrays, reference.SINE, lowpass).refine(0, symbols, True)
    symbols.finish()
    return fields


def made(file: reference.File) -> Iterator[str]:
    tiles = file.beside
    assert isinstance(tiles, Tiles)
    yield "The map is 0 and 1: the model makes the left tile, the right one, of two columns, is the planes'."
    yield "Rows parted by /; g is the grey that the model makes. Grid 0:"
    yield from grid(file, tiles, 0, 0)
    yield "Grid 1, of a picture half as large:"
    yield from grid(file, tiles, 1, 0)
    yield "The last five columns of grid −1:"
    yield from grid(file, tiles, -1, 2 * WIDTH - 5)


def grid(file: reference.File, tiles: Tiles, level: int, first: int) -> Iterator[str]:
    """How a grid's columns come together, from `first` on."""
    own = tiles.on_grid(level)
    made = latent.samples_of(file.latents, reference.shape_of(file.head), file.head.prior, reference.SINE, level)
    both = [[own.complete(pixel, y, x) for x, pixel in enumerate(row)] for y, row in enumerate(made)]

    def rows_of(rows: Iterable[Iterable[int]]) -> str:
        return " / ".join(join([*row][first:]) for row in rows)

    yield ""
    yield "```text"
    yield f"g            {rows_of((grey for (grey,) in row) for row in made)}"
    yield f"m            {rows_of(own.weights)}"
    yield f"m · colour   {rows_of(own.weighted[0])}"
    yield f"grey         {rows_of((grey for grey, _ in row) for row in both)}"
    yield f"alpha        {rows_of((alpha for _, alpha in row) for row in both)}"
    yield "```"
    yield ""


if __name__ == "__main__":
    write_section(START, text())
