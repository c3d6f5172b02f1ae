"""The exact model of FORMAT.md, in plain Python: strips of planes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from reference_coding import Reader, require, split_bits, unzip
from reference_mixing import read_mixed

Plane = list[list[int]]  # rows


@dataclass(frozen=True)
class Part:
    """Some planes of a strip, and what they are made of."""

    flags: int
    colours: list[tuple[int, ...]]  # that it lists
    stored: list[Plane]  # symbols as they are stored
    symbols: list[Plane]
    planes: list[Plane]


@dataclass(frozen=True)
class Beside:
    """A plane beside a model."""

    ends: bool
    low: int
    high: int
    plane: Plane

    def complete(self, samples: tuple[int, ...], y: int, x: int) -> tuple[int, ...]:
        """All samples of a pixel, of those that the model makes."""
        if not self.ends:
            return (*samples, self.plane[y][x])
        between = min(max(samples[-1], self.low + 1), self.high - 1)
        return (*samples[:-1], (self.low, between, self.high)[self.plane[y][x]])

    def on_grid(self, level: int) -> Beside:
        """The same with the plane of a grid of model 1."""
        return Beside(self.ends, self.low, self.high, on_grid(self.plane, level, agreed if self.ends else mean))


@dataclass(frozen=True)
class Tiles:
    """Tiles beside a model."""

    weights: Plane  # 64: all of a position is theirs
    weighted: list[Plane]  # colours times weights
    alpha: list[Plane]  # one, or none

    def complete(self, samples: tuple[int, ...], y: int, x: int) -> tuple[int, ...]:
        m = self.weights[y][x]
        own = [plane[y][x] for plane in self.weighted]
        colours = [min((v * (64 - m) + w + 32) >> 6, 255) for v, w in zip(samples, own, strict=True)]
        return (*colours, *(plane[y][x] for plane in self.alpha))

    def on_grid(self, level: int) -> Tiles:
        first, *weighted = [on_grid(plane, level, mean) for plane in (self.weights, *self.weighted)]
        return Tiles(first, weighted, [on_grid(plane, level, mean) for plane in self.alpha])


def on_grid(plane: Plane, level: int, of: Callable[[Sequence[int]], int]) -> Plane:
    """A plane of pixels → that of a grid; `of` two or four values, of which the middle one comes twice."""
    for _ in range(abs(level)):
        line = coarser if level > 0 else finer
        columns = [line(column, of) for column in zip(*plane, strict=True)]
        plane = [line(row, of) for row in zip(*columns, strict=True)]
    return plane


def coarser(line: Sequence[int], of: Callable[[Sequence[int]], int]) -> list[int]:
    n = len(line)
    return [of((line[max(j - 1, 0)], line[j], line[j], line[min(j + 1, n - 1)])) for j in range(0, n, 2)]


def finer(line: Sequence[int], of: Callable[[Sequence[int]], int]) -> list[int]:
    return [value for two in pairwise([*line, line[-1]]) for value in (two[0], of(two))]


def mean(values: Sequence[int]) -> int:
    return (sum(values) + len(values) // 2) // len(values)


def agreed(values: Sequence[int]) -> int:
    return values[0] if len(set(values)) == 1 else 1


def rows_of_strip(width: int, height: int) -> int:
    return max(2**20 // width, -(-height // 64))


def read_strip(content: Reader, planes: int, rows: int, width: int, size: int) -> list[Part]:
    """The parts of a chunk that holds a strip."""
    parts: list[Part] = []
    while sum(len(part.planes) for part in parts) < planes:
        parts.append(read_part(content, planes - sum(len(part.planes) for part in parts), rows, width, size))
    require(content.left == 0, "bytes after a strip")
    return parts


Besides = Beside | Tiles


def read_beside(
    content: Reader, kind: bytes, counts: tuple[int, int], width: int, height: int, bit_depth: int
) -> Besides:
    """What stands beside a model; counts: of all channels, and of those that the model makes."""
    if kind == b"TILE":
        return read_tiles(content, *counts, width, height)
    return read_plane(content, kind, width, height, bit_depth)


def read_plane(content: Reader, kind: bytes, width: int, height: int, bit_depth: int) -> Beside:
    """What `ALPH` or `ENDS` holds."""
    peak, size = 2**bit_depth - 1, 2**bit_depth
    low, high = 0, peak
    if kind == b"ENDS":
        low = content.number("low", 0, peak - 2)
        high = content.number("high", low + 2, peak)
        size = 3
    (plane,) = read_whole(content, 1, width, height, size)
    require(content.left == 0, "bytes after a plane")
    return Beside(kind == b"ENDS", low, high, plane)


def read_tiles(content: Reader, channels: int, colours: int, width: int, height: int) -> Tiles:
    """What `TILE` holds."""
    s = content.unsigned(1, "s", 3, 8)
    tiles = read_part(content, 1, -(-height >> s), -(-width >> s), 2).planes[0]
    planes = read_whole(content, channels, width, height, 256)
    require(content.left == 0, "bytes after tiles")
    weights = [[64 * tiles[y >> s][x >> s] for x in range(width)] for y in range(height)]
    weighted = [
        [[m * value for m, value in zip(*rows, strict=True)] for rows in zip(weights, plane, strict=True)]
        for plane in planes[:colours]
    ]
    return Tiles(weights, weighted, planes[colours:])


def read_whole(content: Reader, count: int, width: int, height: int, size: int) -> list[Plane]:
    """So many planes, all strips one behind the other."""
    planes: list[Plane] = [[] for _ in range(count)]
    while len(planes[0]) < height:
        rows = min(rows_of_strip(width, height), height - len(planes[0]))
        found: list[Plane] = []
        while len(found) < count:
            found += read_part(content, count - len(found), rows, width, size).planes
        for plane, more in zip(planes, found, strict=True):
            plane.extend(more)
    return planes


def read_part(content: Reader, most: int, rows: int, width: int, size: int) -> Part:
    flags = content.unsigned(1, "flags", 0, 127)
    predictor, listed, from_second, planes = flags & 3, flags >> 2 & 1, flags >> 3 & 1, (flags >> 4 & 3) + 1
    require(planes <= most, "planes of a part")
    if flags >> 6:
        require(flags & 14 == 0, "bits 1, 2 and 3 of a mixed part")
        body = content.take(content.number("n", 0, content.left), "body")
        made = read_mixed(body, planes, rows, width, size, bool(flags & 1))
        return Part(flags, [], made, made, made)
    require(not from_second or (planes >= 3 and not listed), "differences from the second plane")
    count = content.unsigned(1, "colours − 1", 0, 255) + 1 if listed else 0
    wide = 2 if size > 256 else 1
    of, symbol_planes = (count, 1) if listed else (size, planes)
    bits = next(b for b in (0, 1, 2, 4, 8, 16) if 2**b >= of)
    line = (width * bits + 7) // 8  # bytes of a row of a plane
    length = count * planes * wide + rows * symbol_planes * line
    n = content.number("n", 0, content.left)
    body = unzip(content.take(n, "body"), length, length) if n else content.take(length, "body")
    colours = list(zip(*list_of(body, count, planes, wide), strict=True))
    require(all(value < size for colour in colours for value in colour), "a listed colour")
    rest = body[count * planes * wide :]
    if bits == 16:
        values = [high * 256 + low for high, low in zip(rest[: len(rest) // 2], rest[len(rest) // 2 :], strict=True)]
    elif bits == 8:
        values = list(rest)
    else:
        lines = [rest[k * line : (k + 1) * line] for k in range(rows)]
        values = [value for one in lines for value in split_bits(one, width, bits)] if bits else [0] * rows * width
    require(max(values) < of, "a symbol")
    stored = [arranged(values, plane, symbol_planes, rows, width, predictor) for plane in range(symbol_planes)]
    symbols = [predicted(plane, predictor, of) for plane in stored] if predictor else stored
    if listed:
        made = [[[colours[place][k] for place in row] for row in symbols[0]] for k in range(planes)]
    else:
        made = [added(plane, symbols[1], size) if from_second and k in (0, 2) else plane
                for k, plane in enumerate(symbols)]  # fmt: skip
    return Part(flags, colours, stored, symbols, made)


def list_of(body: bytes, count: int, planes: int, wide: int) -> list[list[int]]:
    """The values of each plane in the list."""
    n = count * planes
    values = [body[k] if wide == 1 else body[k] * 256 + body[n + k] for k in range(n)]
    return [values[k * count : (k + 1) * count] for k in range(planes)]


def arranged(values: Sequence[int], plane: int, planes: int, rows: int, width: int, predictor: int) -> Plane:
    if predictor == 0:  # pixel by pixel
        return [[values[(y * width + x) * planes + plane] for x in range(width)] for y in range(rows)]
    first = plane * rows * width
    return [list(values[first + y * width : first + (y + 1) * width]) for y in range(rows)]


def predicted(stored: Plane, predictor: int, size: int) -> Plane:
    made: Plane = []
    for y, row in enumerate(stored):
        made.append([])
        for x, f in enumerate(row):
            made[y].append((prediction(made, y, x, predictor) + difference(f)) % size)
    return made


def difference(f: int) -> int:
    return -((f + 1) // 2) if f % 2 else f // 2


def prediction(made: Plane, y: int, x: int, predictor: int) -> int:
    left = made[y][x - 1] if x else 0
    above = made[y - 1][x] if y else 0
    corner = made[y - 1][x - 1] if x and y else 0
    return (0, left, above, sorted((left, above, left + above - corner))[1])[predictor]


def added(plane: Plane, second: Plane, size: int) -> Plane:
    return [
        [(d + s - size // 2) % size for d, s in zip(*rows, strict=True)] for rows in zip(plane, second, strict=True)
    ]
