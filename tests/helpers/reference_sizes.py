"""Pictures at other sizes, as FORMAT.md's "Other sizes and regions" says: `reference_decoder` goes on here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import reference_decoder as reference
import reference_latent as latent
from reference_decoder import SINE, File, Head
from reference_planes import clip

Pixel = tuple[int, ...]
Rows = Sequence[Sequence[Pixel]]
Box = tuple[int, int, int, int]


def _sinc(t: float) -> float:
    return math.sin(math.pi * t) / (math.pi * t) if t else 1.0


KERNEL = [round(4000 * _sinc(k / 64) * _sinc(k / 192)) for k in range(193)]


def decode(data: bytes, size: tuple[int, int], box: Box | None = None) -> list[list[Pixel]]:
    """Rows of pixels, as `reference_decoder.decode`, of a region x0, y0, x1, y1 at a size."""
    file = reference.read(data)
    box = box or (0, 0, file.head.width, file.head.height)
    if file.head.model == 2:
        pixels = reference.decode(data)
        x0, y0, x1, y1 = box
        if size == (x1 - x0, y1 - y0):
            return [row[x0:x1] for row in pixels[y0:y1]]
        colours = [[file.palette[pixel[0]] for pixel in row] for row in pixels] if file.palette else pixels
        rows = resized(file.head, colours, box, size, 0)
    else:
        rows = latent_rows(file, box, size) if file.head.model == 1 else siren_rows(file, box, size)
    return [[reference.in_mode(file, samples) for samples in row] for row in rows]


def mean(head: Head, weighted: Iterable[tuple[int, Pixel]]) -> Pixel:
    """Of samples and their weights."""
    pixels = list(weighted)

    def of(channel: int, *, by_alpha: bool = False) -> int:
        weights = [w * (a[-1] if by_alpha else 1) for w, a in pixels]
        total = sum(w * a[channel] for w, (_, a) in zip(weights, pixels, strict=True))
        return clip(math.floor(Fraction(total, sum(weights)) + Fraction(1, 2)), 0, peak_of(head))

    channels = range(len(pixels[0][1]))
    means = [of(channel) for channel in channels]
    if has_alpha(head) and means[-1] > 0:
        means[:-1] = [of(channel, by_alpha=True) for channel in channels[:-1]]
    return tuple(means)


def has_alpha(head: Head) -> bool:
    return head.mode in ("LA", "RGBA") or (head.mode == "P" and head.channels == 4)


def peak_of(head: Head) -> int:
    return 65535 if head.bit_depth == 16 else 255


def siren_rows(file: File, box: Box, size: tuple[int, int]) -> list[list[Pixel]]:
    head, (x0, y0, x1, y1), (w, h) = file.head, box, size
    longest = max(head.width, head.height)
    across, down = -(-(x1 - x0) // w), -(-(y1 - y0) // h)

    def coordinates(start: int, stop: int, side: int, n: int) -> list[int]:
        at = [Fraction(((2 * start - side) * n + (2 * j + 1) * (stop - start)) * 2**24, n * longest) for j in range(n)]
        return [math.floor(x + Fraction(1, 2)) for x in at]

    def pixels(start: int, stop: int, n: int) -> list[int]:
        return [start + (2 * j + 1) * (stop - start) // (2 * n) for j in range(n)]

    xs, ys = coordinates(x0, x1, head.width, w * across), coordinates(y0, y1, head.height, h * down)
    columns, lines = pixels(x0, x1, len(xs)), pixels(y0, y1, len(ys))
    samples = [
        [reference.complete(file, reference.samples_at(file, x, y), j, i) for x, i in zip(xs, columns, strict=True)]
        for y, j in zip(ys, lines, strict=True)
    ]
    return [
        [
            mean(head, ((1, samples[down * i + k][across * j + m]) for k in range(down) for m in range(across)))
            for j in range(w)
        ]
        for i in range(h)
    ]


def latent_rows(file: File, box: Box, size: tuple[int, int]) -> Rows:
    head, (x0, y0, x1, y1), (w, h) = file.head, box, size

    def grid(share: int) -> int:
        """The coarsest that has enough columns and rows."""
        fits = [
            level
            for level in range(head.layers + 1)
            if 2 * (x1 - x0) >= share * w * 2**level and 2 * (y1 - y0) >= share * h * 2**level
        ]
        return max(fits, default=0)

    def samples(level: int) -> Rows:
        rows = latent.samples_of(file.latents, reference.shape_of(head), head.prior, SINE, level)
        if file.beside is None:
            return rows
        beside = file.beside.on_grid(level)
        return [[beside.complete(pixel, y, x) for x, pixel in enumerate(row)] for y, row in enumerate(rows)]

    level = grid(3)
    if w >= x1 - x0 and h >= y1 - y0 and (w, h) != (x1 - x0, y1 - y0):
        level = -1
    rows = samples(level)
    if level > 0 and has_alpha(head) and any(pixel[-1] < peak_of(head) for row in rows for pixel in row):
        level = grid(6)
        rows = samples(level)
    return resized(head, rows, box, size, level)


def resized(head: Head, rows: Rows, box: Box, size: tuple[int, int], level: int) -> Rows:
    """Of a grid."""
    (x0, y0, x1, y1), (w, h) = box, size
    columns = [resampled(head, column, y0, y1, h, level) for column in zip(*rows, strict=True)]
    return [resampled(head, row, x0, x1, w, level) for row in zip(*columns, strict=True)]


def resampled(head: Head, line: Sequence[Pixel], start: int, stop: int, m: int, level: int) -> Sequence[Pixel]:
    """A row or a column of a grid."""
    if m == stop - start and level == 0:
        return line[start:stop]
    grid, pixel = Fraction(2) ** level, Fraction(stop - start, m)
    wide = max(Fraction(1), pixel / grid)
    out = []
    for i in range(m):
        at = (start + (i + Fraction(1, 2)) * pixel - Fraction(1, 2)) / grid
        taps = []
        for j in range(math.ceil(at - 3 * wide), math.floor(at + 3 * wide) + 1):
            k = math.floor(64 * abs(j - at) / wide + Fraction(1, 2))
            taps.append((KERNEL[k] if k <= 192 else 0, line[clip(j, 0, len(line) - 1)]))
        out.append(mean(head, taps))
    return out
