"""The arithmetic of FORMAT.md's latent model, its wavelet and its colours: what `reference_latent` ends with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import mul

LOW_GAIN, ALPHA, BETA, GAMMA, DELTA = 12397, -12994, -434, 7233, 3633

Row = Sequence[int]
Grid = Sequence[Row]


def clip(a: int, low: int, high: int) -> int:
    return min(max(a, low), high)


def scaled(a: int, n: int) -> int:
    """a / 2^n, rounded half up."""
    return a + (1 << n - 1) >> n if n > 0 else a << -n


def wrap(a: int) -> int:
    return (a + 2**31) % 2**32 - 2**31


def dot(weights: Iterable[int], values: Iterable[int]) -> int:
    return sum(map(mul, weights, values))


def inverse(low: Grid, bands: Sequence[Grid]) -> Grid:
    """The inverse wavelet: a grid and its three bands → twice as many rows and columns."""
    top = [unlift([product(LOW_GAIN, v) for v in s], d) for s, d in zip(low, bands[0], strict=True)]
    bottom = [unlift(s, d) for s, d in zip(bands[1], bands[2], strict=True)]
    columns = [unlift(s, d) for s, d in zip(zip(*top, strict=True), zip(*bottom, strict=True), strict=True)]
    return list(zip(*columns, strict=True))


def product(c: int, v: int) -> int:
    return wrap(c * v + 2**12) >> 13


def unlift(s: Row, d: Row) -> Row:
    for factors in ((DELTA, GAMMA), (BETA, ALPHA)):
        s = [wrap(v - product(factors[0], d[max(i - 1, 0)] + d[i])) for i, v in enumerate(s)]
        d = [wrap(v - product(factors[1], s[i] + s[min(i + 1, len(s) - 1)])) for i, v in enumerate(d)]
    return [v for pair in zip(s, d, strict=True) for v in pair]


def colours(planes: Sequence[Grid], bit_depth: int) -> list[Grid]:
    """Samples of a component's channels."""
    shift, middle = (20, 8160) if bit_depth == 8 else (14, 32768)

    def samples(*factors: int) -> Grid:
        def sample(*values: int) -> int:
            total = dot(factors, [clip(v, -35000, 35000) for v in values]) + middle * 2**14 + 2 ** (shift - 1)
            return clip(wrap(total) >> shift, 0, 2**bit_depth - 1)

        return [list(map(sample, *rows)) for rows in zip(*planes, strict=True)]

    if len(planes) == 1:
        return [samples(2**14)]
    return [samples(2**14, 0, 22970), samples(2**14, -5638, -11700), samples(2**14, 29032, 0)]
