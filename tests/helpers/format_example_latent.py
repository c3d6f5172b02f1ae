"""The worked example of FORMAT.md for the latent model: a small file, what its bytes are, and one level's numbers.

The text comes from what `reference_latent` reads and computes. After a change of the format, write it anew:

    python tests/helpers/format_example_latent.py
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import reference_decoder as reference
import reference_latent as latent
from format_example import dump, join, picture, write_section
from reference_coding import Field, Reader, Symbols
from reference_planes import LOW_GAIN, Grid, clip, inverse, product, scaled, unlift

from inr_core.container import chunks
from inr_core.container.header import Header
from inr_core.container.metadata import Metadata
from inr_core.latent import prior
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import Latents
from inr_core.models import LatentShape

START = "<!-- made by tests/helpers/format_example_latent.py -->\n"
NUMBER, STEP, LEVELS, WIDTH, HEIGHT = 1, 116, 3, 3, 2
LUMA = 3  # bands


def example() -> bytes:
    """A file of 3×2 grey pixels and three levels; one detail has no symbol, some symbols have raw bits."""
    lowpass = [np.array([[[24]]], np.int32)]
    bands = [[[16, 26]], [[12, -9]], [[-10, -2]]], [[[-89]], [[1]], [[4]]], [[[12]], [[2]], [[0]]]
    details = [[np.array(level, np.int32) for level in bands]]
    latents = Latents(WIDTH, HEIGHT, 8, (1,), STEP, LEVELS, lowpass, details)
    payloads, kept, _ = encode_latents(latents, prior.load(NUMBER))
    assert all((a == b).all() for a, b in zip(kept.details[0], details[0], strict=True))
    header = Header(WIDTH, HEIGHT, "L", 8, 1, LatentShape(NUMBER, STEP, LEVELS))
    return chunks.write(header, None, Metadata(), payloads)


class TracedSymbols(Symbols):
    """Keeps every symbol with its row and its raw bits."""

    def __init__(self, content: Reader, arrays: dict[str, Any], most: int) -> None:
        super().__init__(content, arrays, most)
        self.found: list[tuple[int, int, str]] = []

    def next(self, row: int) -> int:
        start = self.at
        symbol = super().next(row)
        self.found.append((row, symbol, self.bits[start : self.at]))
        return symbol


@dataclass
class TracedComponent(latent.Component):
    """Keeps what its last level is made of."""

    seen: list[tuple[int, int, int, tuple[list[int], ...]]] = field(default_factory=list)  # parity, y, x, of its net
    known: Sequence[Grid] = field(default_factory=list)  # planes of the coarser grid
    high: Sequence[Grid] = field(default_factory=list)
    values: Sequence[Grid] = field(default_factory=list)
    shown: Sequence[Grid] = field(default_factory=list)
    residuals: list[list[list[int]]] = field(default_factory=list)

    def details(self, level: int, high: Sequence[Grid], symbols: Symbols, skip: bool) -> Sequence[Grid]:
        self.known, self.high, self.seen = self.planes, high, []
        self.values = super().details(level, high, symbols, skip)
        return self.values

    def parity_net(self, name: str, level: int, parity: int) -> Any:
        neurons = super().parity_net(name, level, parity)

        def traced(maps: Sequence[Grid], y: int, x: int) -> tuple[list[int], ...]:
            layers: tuple[list[int], ...] = neurons(maps, y, x)
            self.seen.append((parity, 2 * y + parity // 2, 2 * x + parity % 2, layers))
            return layers

        return traced

    def cell(self, level: int, high: Sequence[Grid], shown: Sequence[Grid]) -> list[list[list[int]]]:
        self.shown = shown
        self.residuals = super().cell(level, high, shown)
        return self.residuals


def text() -> str:
    """The section, in Markdown."""
    data = example()
    file = reference.read(data)
    shape, arrays = reference.shape_of(file.head), latent.prior(NUMBER)
    fields: list[Field] = []
    content = Reader(file.latents[0], data.index(b"LATS") + 4, fields)
    content.unsigned(1, "levels", LEVELS, LEVELS)
    (lowpass,) = [latent.read_lowpass(content, shape, count) for count in shape.components]
    symbols = TracedSymbols(content, arrays, 12)
    component = TracedComponent(shape, arrays, reference.SINE, lowpass)
    table: list[str] = []
    for level in range(LEVELS - 1, -1, -1):
        first = len(symbols.found)
        component.refine(level, symbols, True)
        table += details(level, component, symbols, first)
    symbols.finish()
    file.fields[:] = sorted(file.fields + fields)
    parts = dump(data, file), steps(shape, lowpass), coded(table, symbols), one_level(component), picture(data)
    return "\n".join(line for part in parts for line in part)


def steps(shape: latent.Shape, lowpass: Sequence[Grid]) -> Iterator[str]:
    octave, k = shape.octave, shape.index % 16
    low = max(1, scaled(latent.MANTISSA[k], 22 + shape.levels - octave))
    yield f"The step, and the plane of grid {LEVELS}, which is 1 × 1:"
    yield ""
    yield "```text"
    yield f"k, o         {k}, {octave}"
    yield f"M, R, S, low {latent.MANTISSA[k]}, {latent.RECIPROCAL[k]}, {latent.SHORT[k]}, {low}"
    yield f"t            {clip(shape.index - 160, -40, 40)}"
    yield f"g            {rows_of(lowpass[0])}"
    yield "```"
    yield ""


def details(level: int, component: TracedComponent, symbols: TracedSymbols, first: int) -> Iterator[str]:
    """Rows of the table of a level's details."""
    arrays = component.arrays
    found = iter(range(first, len(symbols.found)))
    for parity, y, x, (*_, outputs) in component.seen:
        for band in range(LUMA):
            scale, mean = clip(outputs[band], 0, 63), clip(outputs[LUMA + band], -256, 255)
            row, r = scale * 8 + (mean + 4) % 8, mean + 4 >> 3
            v = component.values[band][y][x]
            where = f"| {level} | {parity} | {y}, {x} | {band} | {scale} | {mean} | {row} | {r}"
            if r == 0 and arrays["table_skipped"][row]:
                yield f"{where} {'| ' * 9}| 0 | {v} |"
                continue
            number = next(found)
            coded_row, symbol, raw = symbols.found[number]
            assert coded_row == row
            step, frequencies = symbols.coder.steps[number], arrays["tables"][row]
            begin, f = sum(frequencies[: step.symbol]), frequencies[step.symbol]
            assert begin <= step.slot < begin + f
            assert step.after == f * (step.before >> 15) + step.slot - begin
            kind = f"{arrays['table_largest'][row]}, {arrays['table_raw_bits'][scale]}"
            word = "" if step.word is None else step.word
            coder = f"{kind} | {step.before} | {step.slot} | {step.symbol} | {begin}, {f} | {step.after} | {word}"
            yield f"{where} | {coder} | {raw} | {symbol} | {symbol + r} | {v} |"
    assert next(found, None) is None


def coded(table: Iterable[str], symbols: TracedSymbols) -> Iterator[str]:
    yield f"The details, and the {symbols.count} symbols of those that have one:"
    yield ""
    given, read = (
        "level parity y,x band scale mean row r M,k",
        "state slot entry start,f new_state then_the_word raw_bits",
    )
    heads = [name.replace("_", " ").replace(",", ", ") for name in f"{given} {read} symbol q v".split()]
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---:|" * len(heads)
    yield from table
    yield ""
    yield f"The last new state is 2 · {symbols.coder.steps[-1].after // 2}, as it must be. No word is left."
    yield ""


def one_level(component: TracedComponent) -> Iterator[str]:
    """Level 0 step by step."""
    shape, arrays = component.shape, component.arrays
    yield "Level 0, at the 2 × 1 positions of grid 1. The maps that luma's network sees are 1 × 1, and 0 but for the"
    yield "inputs that stand here behind their [numbers](#parity-networks):"
    yield ""
    yield "```text"
    yield f"g            {rows_of(component.known[0])}"
    yield f"high         {rows_of(component.high[0])}"
    for parity, _, _, (seen, one, two, outputs) in component.seen:
        inputs = [(k // 9, k % 9, v) for k, v in enumerate(seen) if v]
        assert all(at == 4 for _, at, _ in inputs), "the maps are 1 × 1"
        yield ""
        yield from wrapped((f"{channel}: {v}" for channel, _, v in inputs), f"parity {parity}")
        yield from wrapped(one, "a")
        yield from wrapped(two, "b")
        yield f"out          {join(outputs)}"
    yield "```"
    yield ""
    coefficients = component.coefficients(0, component.values)
    factors = [
        scaled(latent.MANTISSA[shape.index % 16] * gain * band, 27)
        for gain, band in zip(component.gains(0), latent.BAND_GAINS, strict=False)
    ]
    yield "The plane of grid 0, rows parted by /: the lines of the wavelet, first rows, then columns, and what `cell`"
    yield "sees of the bands and adds, r at each position:"
    yield ""
    yield "```text"
    yield f"gains        {join(arrays['gains'][0][:LUMA])}"
    yield f"F            {join(factors)}"
    for band, grid in enumerate(coefficients):
        yield f"C of band {band}  {rows_of(grid)}"
    top = unlift([product(LOW_GAIN, g) for g in component.known[0][0]], coefficients[0][0])
    bottom = unlift(coefficients[1][0], coefficients[2][0])
    yield f"even row     {join(top)}"
    yield f"odd row      {join(bottom)}"
    yield f"columns      {rows_of(inverse(component.known[0], coefficients))}"
    for band, grid in enumerate(component.shown):
        if band < LUMA:
            yield f"shown {band}      {rows_of(grid)}"
    yield f"r            {'; '.join(join(r[:4]) for r in component.residuals[0])}"
    yield f"g            {rows_of(component.planes[0])}"
    yield "```"
    yield ""


def rows_of(grid: Grid) -> str:
    return " / ".join(map(join, grid))


def wrapped(values: Iterable[object], name: str = "", width: int = 16) -> Iterator[str]:
    """Values under a name, some in a line."""
    texts = list(map(str, values))
    for k in range(0, len(texts), width):
        yield f"{'' if k else name:13}{', '.join(texts[k : k + width])}"


if __name__ == "__main__":
    write_section(START, text())
