"""The same parts of a picture as each codec leaves them, at files of nearly one size, to judge looks by."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .codecs import Codec, nearest_size
from .pictures import Samples
from .points import Bench, Picture, Recipe, Row, key_of, other_recipe
from .summary import number

SIDE = 128  # pixels of a part, or the picture's where that is less
STEPS = 4  # a part's side has so many places to begin at
MASKED = 5  # pixels of the window over which contrast hides differences
SURROUND = 33  # of that whose mean difference nobody sees, as there is nothing beside it
UNSEEN = 4.0  # variance of luma that hides nothing yet

Box = tuple[int, int, int, int]  # left, top, right, bottom
Plane = NDArray[np.float64]  # (H, W)


@dataclass(frozen=True)
class Crop:
    """One codec's part; of the original `row` is None."""

    row: Row | None
    png: bytes


@dataclass(frozen=True)
class Comparison:
    """The original's part, ours, then the others at the size nearest to that of our first."""

    picture: str
    box: Box
    why: str  # this part
    crops: tuple[Crop, ...]


def compare(bench: Bench, picture: Picture, ours: Sequence[Recipe], others: Sequence[Codec]) -> list[Comparison]:
    """Measure the others at the size of our first recipe's file, and cut the same parts out of every picture.

    One where the picture has the most detail, and beside it one where ours and the others differ most to the eye.
    """
    rows: list[tuple[Row, str | None]] = [(bench.point(picture, recipe), recipe.plugin) for recipe in ours]
    target = int(number(rows[0][0], "bytes"))
    rows += [(bench.point(picture, nearest_recipe(bench, picture, codec, target)), codec.plugin) for codec in others]
    decoded = [bench.load(bench.folder / str(row["file"]), plugin) for row, plugin in rows]
    parts = {"the most detail": busiest(picture.samples)}
    apart = most_different(picture.samples, decoded, parts["the most detail"])
    if apart is not None:
        parts["where they differ most"] = apart
    return [
        Comparison(picture.name, box, why, tuple(_cut(picture.samples, [row for row, _ in rows], decoded, box)))
        for why, box in parts.items()
    ]


def _cut(original: Samples, rows: Sequence[Row], decoded: Sequence[Samples], box: Box) -> list[Crop]:
    pairs = zip(rows, decoded, strict=True)
    return [Crop(None, _png(original, box)), *(Crop(row, _png(picture, box)) for row, picture in pairs)]


def nearest_recipe(bench: Bench, picture: Picture, codec: Codec, target: int) -> Recipe:
    """The setting whose file is nearest to `target` bytes; what was searched for once is remembered."""
    key = key_of("nearest", picture.digest, codec.key, codec.options(codec.high), codec.version, target)
    kept = bench.archive.get(key)
    if kept is None:
        encode = partial(codec.encode, Image.fromarray(picture.samples))
        setting, _ = nearest_size(encode, codec.low, codec.high, target)
        kept = {"setting": setting}
        bench.archive.put(key, kept)
    return other_recipe(codec, int(kept["setting"]))


def busiest(samples: Samples) -> Box:
    """The part with the most contrast: the largest sum of squared differences of neighbours' luma."""
    plane = luma(samples)
    activity = np.zeros(plane.shape)
    activity[:, 1:] += np.diff(plane, axis=1) ** 2
    activity[1:] += np.diff(plane, axis=0) ** 2
    return max(_boxes(plane.shape), key=_sums(activity))


def most_different(original: Samples, decoded: Sequence[Samples], taken: Box) -> Box | None:
    """The part, apart from `taken`, where the first of `decoded` and the others differ most to the eye, if any do.

    Squared differences of luma, each smoothed over 5×5 pixels, as single pixels are not what eyes compare, and against
    the original's variance there, which hides them: bands in a sky count, noise in grass does not. More than that
    variance counts as that: not how far the worst one is off, but how much of the part is other than in ours. What
    is the same all around counts nowhere: nobody sees that white is a little darker.
    """
    plane = luma(original)
    hidden = _means(plane**2, MASKED) - _means(plane, MASKED) ** 2 + UNSEEN
    first, *rest = (luma(picture) for picture in decoded)
    seen = np.zeros(plane.shape)
    for other in rest:
        difference = other - first
        seen += np.minimum((_means(difference, MASKED) - _means(difference, SURROUND)) ** 2 / hidden, 1)
    apart = [box for box in _boxes(plane.shape) if not _overlap(box, taken)]
    return max(apart, key=_sums(seen)) if apart and seen.any() else None


def luma(samples: Samples) -> Plane:
    """Rec. 601's, 0 … 255."""
    return np.asarray(samples @ np.array([0.299, 0.587, 0.114]), np.float64)


def _means(plane: Plane, taps: int) -> Plane:
    """Over taps × taps pixels around each, edges repeated."""
    for axis in (0, 1):
        around = [(taps // 2, taps // 2) if axis == k else (0, 0) for k in (0, 1)]
        plane = np.lib.stride_tricks.sliding_window_view(np.pad(plane, around, "edge"), taps, axis).mean(-1)
    return plane


def _boxes(shape: Sequence[int]) -> list[Box]:
    """The places of a part, from the top down."""
    height, width = shape
    h, w = min(SIDE, height), min(SIDE, width)
    tops = [*range(0, height - h, SIDE // STEPS), height - h]
    lefts = [*range(0, width - w, SIDE // STEPS), width - w]
    return [(left, top, left + w, top + h) for top in tops for left in lefts]


def _sums(plane: Plane) -> Callable[[Box], float]:
    """A function of a box: the plane's sum inside."""
    total = np.zeros((plane.shape[0] + 1, plane.shape[1] + 1))
    total[1:, 1:] = plane.cumsum(0).cumsum(1)

    def inside(box: Box) -> float:
        left, top, right, bottom = box
        return float(total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left])

    return inside


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _png(samples: Samples, box: Box) -> bytes:
    out = io.BytesIO()
    Image.fromarray(samples).crop(box).save(out, "PNG", optimize=True)
    return out.getvalue()
