"""The latent model of FORMAT.md in plain Python integers: `LATS` chunks to samples, the whole picture at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from reference_coding import Reader, Symbols, require
from reference_differences import ORDER, Arrays, changed
from reference_planes import Grid, clip, colours, dot, inverse, scaled, wrap

PRIORS = Path(__file__).parents[2] / "inr_core" / "latent" / "priors"
COMPONENTS = {
    "1": (1,),
    "L": (1,),
    "LA": (1, 1),
    "P": (3,),
    "RGB": (3,),
    "RGBA": (3, 1),
    "CMYK": (3, 1),
    "YCbCr": (1, 1, 1),
    "LAB": (1, 1, 1),
    "I;16": (1,),
}
MANTISSA = [round(2 ** (k / 16) * 2**16) for k in range(16)]
RECIPROCAL = [round(2 ** (-k / 16) * 2**16) for k in range(16)]
SHORT = [round(2 ** (k / 16) * 2**8) for k in range(16)]
BAND_GAINS = (-16384, -16384, 21653)
LOOK = (
    ((134, 134, 168), (295, 295, 368)),
    ((70, 70, 88), (154, 154, 194)),
    ((41, 41, 41), (90, 90, 90)),
    ((32, 32, 32), (70, 70, 70)),
    ((29, 29, 29), (63, 63, 63)),
)


@dataclass(frozen=True)
class Shape:
    """What `HEAD` says of a latent picture."""

    width: int
    height: int
    bit_depth: int
    components: tuple[int, ...]
    index: int
    levels: int

    @property
    def octave(self) -> int:
        return self.index // 16 + (6 if self.bit_depth == 8 else 8)

    def size(self, grid: int) -> tuple[int, int]:
        """Rows and columns."""
        if grid < 0:
            return 2 * self.height, 2 * self.width
        return -(-self.height // 2**grid), -(-self.width // 2**grid)


@cache
def prior(number: int) -> Arrays:
    with np.load(PRIORS / f"{number}.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    arrays = {name: (a.reshape(len(a), -1) if a.ndim == 4 else a).tolist() for name, a in arrays.items()}
    freqs = iter(arrays["table_freqs"])
    arrays["tables"] = [[next(freqs) for _ in range(2 * m + 6)] for m in arrays["table_largest"]]
    return arrays


def looking(d: int, gains: Sequence[int]) -> list[int]:
    """Gains of the prior's level d, weighted for looks."""
    luma, chroma = LOOK[min(d, 4)]
    return [clip(gain * (chroma if c > 2 else luma)[c % 3] + 32 >> 6, 1, 8191) for c, gain in enumerate(gains)]


def window(maps: Sequence[Grid], y: int, x: int) -> list[int]:
    """The 3×3 neighbours of a position in every map, zero outside."""
    return [
        grid[j][i] if 0 <= j < len(grid) and 0 <= i < len(grid[0]) else 0
        for grid in maps
        for j in range(y - 1, y + 2)
        for i in range(x - 1, x + 2)
    ]


def edge_window(maps: Sequence[Grid], y: int, x: int, reach: int = 1) -> list[int]:
    """The same, the edges repeated."""
    h, w = len(maps[0]), len(maps[0][0])
    rows = [clip(j, 0, h - 1) for j in range(y - reach, y + reach + 1)]
    columns = [clip(i, 0, w - 1) for i in range(x - reach, x + reach + 1)]
    return [grid[j][i] for grid in maps for j in rows for i in columns]


def samples_of(
    chunks: Sequence[bytes], shape: Shape, number: int, sine: Sequence[int], grid: int = 0
) -> list[list[tuple[int, ...]]]:
    """Rows of pixels, each a tuple of its samples, of a grid; grid −1 lies between the pixels."""
    arrays, level = prior(number), shape.levels
    components: list[Component] = []
    for data in chunks:
        content = Reader(data, 0, [])
        levels = content.unsigned(1, "levels", 0, 255)
        skip, levels = levels < 128, levels % 128
        different = not components and levels & 64
        look = not components and levels & 32
        levels -= different + look
        require(1 <= levels <= level, "levels")
        if not components:
            lowpass = [read_lowpass(content, shape, count) for count in shape.components]
            if look:
                arrays = {**arrays, "gains": [looking(d, gains) for d, gains in enumerate(arrays["gains"])]}
            if different:
                size = content.number("differences", 1, content.left)
                arrays = changed(arrays, Reader(content.take(size, "differences"), 0, []))
            components = [Component(shape, arrays, sine, planes) for planes in lowpass]
        sizes = [shape.size(grid) for grid in range(level, level - levels, -1)]
        symbols = Symbols(content, arrays, sum(3 * sum(shape.components) * h * w for h, w in sizes))
        wanted = min(levels, level - max(grid, 0))
        for _ in range(wanted):
            level -= 1
            for component in components:
                component.refine(level, symbols, skip)
        if wanted < levels:
            break
        symbols.finish()
    require(level == max(grid, 0), "levels missing")
    if grid < 0:
        for component in components:
            component.refine(-1, Zeros(), skip=True)
    channels = [channel for component in components for channel in colours(component.planes, shape.bit_depth)]
    return [list(zip(*rows, strict=True)) for rows in zip(*channels, strict=True)]


def read_lowpass(content: Reader, shape: Shape, count: int) -> Sequence[Grid]:
    h, w = shape.size(shape.levels)
    unit = max(1, scaled(MANTISSA[shape.index % 16], 22 + shape.levels - shape.octave))
    planes = []
    for _ in range(count):
        least = content.number("least + 2^23", 0, 2**24) - 2**23
        width = content.unsigned(1, "bits", 0, 24)
        values = content.bits(h * w, width, "low-pass") if width else [0] * (h * w)
        values = [clip((least + v) * unit, -(2**20), 2**20) for v in values]
        planes.append([values[k : k + w] for k in range(0, h * w, w)])
    return planes


class Zeros(Symbols):
    """The symbols of grid −1."""

    def __init__(self) -> None:
        pass

    def next(self, row: int) -> int:
        return 0


def depth(level: int) -> int:
    """A prior's level."""
    return min(max(level, 0), 5)


@dataclass
class Component:
    shape: Shape
    arrays: Arrays
    sine: Sequence[int]
    planes: Sequence[Grid]
    mags: Sequence[Grid] = field(default_factory=list)  # of the level above
    signs: Sequence[Grid] = field(default_factory=list)
    grand: Sequence[Grid] = field(default_factory=list)  # magnitudes of the level above that

    def refine(self, level: int, symbols: Symbols, skip: bool) -> None:
        """From the planes of grid level + 1 to those of grid level."""
        high = self.high_pass(level)
        values = self.details(level, high, symbols, skip)
        self.planes = self.synthesis(level, high, values)

    def bias(self, name: str, level: int) -> list[int]:
        """Of a network's first layer."""
        t = clip(self.shape.index - 160, -40, 40)
        b1, (q0, q1) = self.arrays[f"{name}_b1"], self.arrays[f"{name}_q1"]
        own = b1[depth(level)]
        return [b + (u * 32 * t + v * t * t >> 10) for b, u, v in zip(own, q0, q1, strict=True)]

    def high_pass(self, level: int) -> Sequence[Grid]:
        h, w = self.shape.size(level + 1)
        kernel = [a * b for a in (1, 2, 2, 2, 1) for b in (1, 2, 2, 2, 1)]
        factor = RECIPROCAL[self.shape.index % 16]
        shift = 13 + self.shape.octave - level

        def at(plane: Grid, y: int, x: int) -> int:
            z = wrap(64 * plane[y][x] - dot(kernel, edge_window([plane], y, x, 2)))
            return clip(scaled(z * factor, shift), -256, 256)

        return [[[at(plane, y, x) for x in range(w)] for y in range(h)] for plane in self.planes]

    def details(self, level: int, high: Sequence[Grid], symbols: Symbols, skip: bool) -> Sequence[Grid]:
        """Values (bands, h, w) of a level, in 1/64 of a step."""
        h, w = self.shape.size(level + 1)
        h2, w2 = (h + 1) // 2, (w + 1) // 2
        bands = 3 * len(self.planes)

        def zeros(n: int, h: int, w: int) -> list[list[list[int]]]:
            return [[[0] * w for _ in range(h)] for _ in range(n)]

        values, mags, signs = zeros(bands, h, w), zeros(bands, h, w), zeros(bands, h, w)
        parent = self.mags or zeros(bands, h2, w2)
        parent_signs = self.signs or zeros(bands, h2, w2)
        grand = [[[g[y // 2][x // 2] for x in range(w2)] for y in range(h2)] for g in self.grand]
        grand = grand or zeros(bands, h2, w2)
        seen = [[[clip(v, -128, 128) for v in row] for row in plane] for plane in high]

        def split(grids: Iterable[Grid]) -> Sequence[Grid]:
            return [[row[p % 2 :: 2] for row in grid[p // 2 :: 2]] for grid in grids for p in range(4)]

        def code(name: str, first: int, last: int, context: Sequence[Grid]) -> None:
            for parity in ORDER:
                known = [*(split(mags[first:last]) if name == "luma" else []), *split(signs[first:last])]
                neurons = self.parity_net(name, level, parity)
                for y in range(parity // 2, h, 2):
                    for x in range(parity % 2, w, 2):
                        *_, outputs = neurons([*context, *known], y // 2, x // 2)
                        for band in range(first, last):
                            scale = clip(outputs[band - first], 0, 63)
                            mean = clip(outputs[last - 2 * first + band], -256, 255)
                            row, r = scale * 8 + (mean + 4) % 8, mean + 4 >> 3
                            skipped = skip and r == 0 and self.arrays["table_skipped"][row]
                            q = 0 if skipped else symbols.next(row) + r
                            reach = self.arrays["recon"][scale]
                            values[band][y][x] = 64 * q + clip(8 * mean - 64 * q, -reach, reach)
                            mags[band][y][x] = self.arrays["mag"][min(abs(q), 255)]
                            signs[band][y][x] = 8 * clip(q, -8, 8)

        code("luma", 0, 3, [*parent[:3], *parent_signs[:3], *grand[:3], *split(seen[:1])])
        if bands == 9:
            code("chroma", 3, 9, [*split(mags[:3]), *parent[3:], *grand[3:], *split(seen[1:])])
        self.grand, self.mags, self.signs = self.mags, mags, signs
        return values

    def parity_net(self, name: str, level: int, parity: int) -> Any:
        """A function of maps and a position → inputs, two layers' activations; scale indices and means, unclipped."""
        w1, w2, w3, b2, b3, s1, s2, s3 = (
            self.arrays[f"{name}_{k}"] for k in ("w1", "w2", "w3", "b2", "b3", "s1", "s2", "s3")
        )
        b1 = self.bias(name, level)
        b3 = b3[depth(level)]
        n, outputs = len(w2[parity]), len(w3[parity])
        mine, results = range(parity * n, parity * n + n), range(parity * outputs, parity * outputs + outputs)
        first = [(w1[k], b1[k]) for k in mine]
        second = [(row, b2[k]) for row, k in zip(w2[parity], mine, strict=True)]
        third = [(row, b3[k]) for row, k in zip(w3[parity], results, strict=True)]

        def neurons(maps: Sequence[Grid], y: int, x: int) -> tuple[list[int], ...]:
            seen = window(maps, y, x)
            one = [clip(scaled(dot(w, seen) + b, s1), 0, 1023) for w, b in first]
            two = [clip(scaled(dot(w, one) + b, s2), 0, 1023) for w, b in second]
            return seen, one, two, [scaled(dot(w, two) + b, s3) for w, b in third]

        return neurons

    def gains(self, level: int) -> list[int]:
        found: list[int] = self.arrays["gains"][depth(level)]
        return found

    def coefficients(self, level: int, values: Sequence[Grid]) -> list[Grid]:
        """Of the wavelet."""
        found: list[Grid] = []
        for c, grid in enumerate(values):
            factor = scaled(MANTISSA[self.shape.index % 16] * self.gains(level)[c] * BAND_GAINS[c % 3], 27)
            down = 27 + level - self.shape.octave
            found.append([[clip(scaled(v * factor, down), -(2**20), 2**20) for v in row] for row in grid])
        return found

    def synthesis(self, level: int, high: Sequence[Grid], values: Sequence[Grid]) -> Sequence[Grid]:
        k, octave = self.shape.index % 16, self.shape.octave
        shown = []
        for gain, grid in zip(self.gains(level), values, strict=False):  # of one plane or of three
            shown.append([[clip(scaled(clip(v, -2047, 2047) * gain, 14), -256, 256) for v in row] for row in grid])
        coefficients = self.coefficients(level, values)
        residuals = self.cell(level, high, shown)
        out = []
        rows, columns = self.shape.size(level)
        for plane, low in enumerate(self.planes):
            linear = inverse(low, coefficients[3 * plane : 3 * plane + 3])

            def at(y: int, x: int, plane: int = plane, linear: Grid = linear) -> int:
                r = residuals[y // 2][x // 2][4 * plane + 2 * (y % 2) + x % 2]
                return wrap(linear[y][x] + scaled(r * SHORT[k], 20 + level - octave))

            out.append([[at(y, x) for x in range(columns)] for y in range(rows)])
        return out

    def cell(self, level: int, high: Sequence[Grid], shown: Sequence[Grid]) -> list[list[list[int]]]:
        """Residuals of every position: plane · 4 + parity."""
        h, w = self.shape.size(level + 1)
        none = [[0] * w for _ in range(h)]
        maps = [*high, *[none] * (3 - len(high)), *shown, *[none] * (9 - len(shown))]
        w1, wm, w2, bm, b2, s1, sm, s2 = (
            self.arrays[f"cell_{k}"] for k in ("w1", "wm", "w2", "bm", "b2", "s1", "sm", "s2")
        )
        first = list(zip(w1, self.bias("cell", level), strict=True))
        last = list(zip(w2, b2, strict=True))[: 4 * len(high)]

        def hidden(y: int, x: int) -> list[int]:
            seen = edge_window(maps, y, x)
            a = [self.sine[scaled(dot(w, seen) + b, s1) % 4096] for w, b in first]
            return [self.sine[scaled(dot(w, a) + b, sm) % 4096] for w, b in zip(wm, bm, strict=True)]

        positions = [[hidden(y, x) for x in range(w)] for y in range(h)]
        activations = [[[a[k] for a in row] for row in positions] for k in range(len(wm))]

        def residual(y: int, x: int) -> list[int]:
            seen = edge_window(activations, y, x)
            return [clip(scaled(dot(w, seen) + b, s2), -16383, 16383) for w, b in last]

        return [[residual(y, x) for x in range(w)] for y in range(h)]
