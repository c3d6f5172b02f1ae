"""The worked example of FORMAT.md: a small file, its bytes with what they are, and its decoding step by step.

The text comes from what `reference_decoder` reads and computes. After a change of the format, write it anew:

    python tests/helpers/format_example.py
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import reference_decoder as reference
from networks import make_file
from numpy.typing import NDArray
from reference_coding import density, frequencies_of

from inr_core.container.header import Header
from inr_core.models import SirenShape
from inr_core.siren.weights import UNIFORM, QuantisedLayer, uniform_codes

DOCUMENT = Path(__file__).parents[2] / "FORMAT.md"
START, END = "<!-- made by tests/helpers/format_example.py -->\n", "<!-- end -->"
DUMP_BYTES = 8  # of a line of the dump
BLANK_BEFORE = ("length", "states")


def example() -> bytes:
    """A file of 3×2 pixels and three layers of three neurons; the range coder has two masks and one layer's codes."""
    header = Header(3, 2, "RGB", 8, 3, SirenShape(3, 3))
    layers = [
        uniform_layer([[3, -1], [1, 2], [-2, 1]], 4, 5_000, [1, 11, 6], 4),
        uniform_layer([[1, 1, 0], [-1, 1, 1], [1, 0, -1]], 2, 600_000, [50, 7, 30], 6),
        uniform_layer([[50, 9, -8], [-23, 40, 17], [0, 61, -30]], 7, 60_000, [2_300_000, 1_800_000, 1_150_000], 24),
    ]
    return make_file(header, layers)


def uniform_layer(
    weights: list[list[int]], bits: int, multiplier: int, biases: list[int], bias_bits: int
) -> QuantisedLayer:
    values = np.array(weights, np.int32)
    mask = values != 0
    codes: NDArray[np.uint16] = uniform_codes(values[mask], bits, bool(mask.all()))
    return QuantisedLayer(mask, codes, UNIFORM, bits, multiplier, np.array(biases, np.int32), bias_bits)


def text() -> str:
    """The section, in Markdown."""
    data = example()
    file = reference.read(data)
    parts = dump(data, file), range_coder(file), weights(file), first_pixel(file), picture(data), frequencies_of_nodes()
    return "\n".join(line for part in parts for line in part)


def dump(data: bytes, file: reference.File) -> Iterator[str]:
    head = file.head
    yield f"A picture of {head.width} × {head.height} pixels in mode {head.mode}, {len(data)} bytes:"
    yield ""
    yield "```text"
    for offset, field, what in file.fields:
        if what.startswith(BLANK_BEFORE) or what.partition(": ")[2].startswith("kind and coders"):
            yield ""
        parts = [field[k : k + DUMP_BYTES] for k in range(0, len(field), DUMP_BYTES)]
        for k, part in enumerate(parts):
            note = what if k == 0 else ""
            yield f"{offset + k * DUMP_BYTES:4}  {part.hex(' '):{3 * DUMP_BYTES}} {note}".rstrip()
    yield "```"
    yield ""


def weights(file: reference.File) -> Iterator[str]:
    yield "The layers, once all their streams are read:"
    yield ""
    yield "| layer | weights, a neuron in brackets | multiplier | bias codes |"
    yield "|---:|---|---:|---|"
    for k, layer in enumerate(file.layers):
        rows = " ".join(f"({', '.join(map(str, row))})" for row in layer.weights)
        yield f"| {k} | {rows} | {layer.multiplier} | {', '.join(map(str, layer.biases))} |"
    yield ""


def range_coder(file: reference.File) -> Iterator[str]:
    streams: list[tuple[str, list[int], int]] = []
    for k, layer in enumerate(file.layers):
        flat = [w for row in layer.weights for w in row]
        ones = sum(w != 0 for w in flat)
        if ones < len(flat):
            streams.append((f"layer {k}, mask", frequencies_of([len(flat) - ones, ones]), len(flat)))
        if k == 1:
            streams.append((f"layer {k}, codes", frequencies_of(density(b"", 2)), ones))
    yield f"The range coder's {len(file.steps)} symbols:"
    yield ""
    yield "| stream | frequencies | t | state | slot | symbol | new state | then the word |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    steps = enumerate(file.steps)
    for name, frequencies, count in streams:
        stream = f"{name} | {join(frequencies)}"
        for t, step in islice(steps, count):
            begin = sum(frequencies[: step.symbol])
            assert begin <= step.slot < begin + frequencies[step.symbol]
            word = "" if step.word is None else step.word
            yield f"| {stream} | {t} | {step.before} | {step.slot} | {step.symbol} | {step.after} | {word} |"
            stream = " | "
    assert next(steps, None) is None
    yield ""
    yield f"The last new state is 2 · {file.steps[-1].after // 2}, as it must be. No word is left."
    yield ""


def frequencies_of_nodes() -> Iterator[str]:
    nodes, size = bytes([0x10, 0x83, 0x00]), 6
    yield f"Not in this file, a density: the nodes `{nodes.hex(' ')}` for {size} codes have"
    yield ""
    yield "```text"
    yield f"h            {join(16 + v % 16 << (v >> 4) if v else 0 for v in nodes)}"
    yield f"W            {join(density(nodes, size))}"
    yield f"f            {join(frequencies_of(density(nodes, size)))}"
    yield "```"
    yield ""


def first_pixel(file: reference.File) -> Iterator[str]:
    head, (first, hidden, last) = file.head, file.layers
    longest = max(head.width, head.height)
    x, y = (reference.coordinate(0, side, longest) for side in (head.width, head.height))
    yield "The pixel in column 0 and row 0:"
    yield ""
    yield "```text"
    yield f"x, y         {x}, {y}"
    phases = reference.first_phases(first, x, y)
    yield from phase_lines(0, phases)
    sums = reference.sums_of(hidden, phases)
    yield f"1 sum        {join(sums)}"
    phases = reference.next_phases(hidden, sums)
    yield from phase_lines(1, phases)
    sums = reference.sums_of(last, phases)
    totals = reference.totals_of(last, sums, head.bit_depth)
    yield f"2 sum        {join(sums)}"
    yield f"  total      {join(totals)}"
    yield f"  >> 24      {join(total >> 24 for total in totals)}"
    yield "```"
    yield ""


def phase_lines(k: int, phases: list[int]) -> Iterator[str]:
    yield f"{k} phase      {join(phases)}"
    yield f"  >> 20      {join(phase >> 20 for phase in phases)}"
    yield f"  activation {join(reference.SINE[phase >> 20] for phase in phases)}"


def join(values: Iterable[int]) -> str:
    return ", ".join(map(str, values))


def picture(data: bytes) -> Iterator[str]:
    rows = reference.decode(data)
    yield "The picture:"
    yield ""
    yield "| |" + "".join(f" column {i} |" for i in range(len(rows[0])))
    yield "|---|" + "---|" * len(rows[0])
    for j, row in enumerate(rows):
        yield f"| row {j} |" + "".join(f" {join(pixel)} |" for pixel in row)
    yield ""


def write_section(start: str, section: str) -> None:
    """Put a section into the document, from the line `start` to the next END."""
    before, _, rest = DOCUMENT.read_text("utf-8").partition(start)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(before + start + "\n" + section + END + after, "utf-8")


if __name__ == "__main__":
    write_section(START, text())
