"""The same part of a picture as each codec leaves it, at files of nearly one size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from .codecs import Codec, nearest_size
from .pictures import Samples
from .points import Bench, Picture, Recipe, Row, key_of, other_recipe
from .summary import number

SIDE = 128  # pixels of a crop, or the picture's where that is less
STEPS = 4  # a crop's side has so many places to begin at


@dataclass(frozen=True)
class Crop:
    """One codec's part; of the original `row` is None."""

    row: Row | None
    png: bytes


@dataclass(frozen=True)
class Comparison:
    """The original's part, ours, then the others at the size nearest to that of our first."""

    picture: str
    box: tuple[int, int, int, int]  # left, top, right, bottom
    crops: tuple[Crop, ...]


def compare(bench: Bench, picture: Picture, ours: Sequence[Recipe], others: Sequence[Codec]) -> Comparison:
    """Measure the others at the size of our first recipe's file, and cut the busiest part out of every picture."""
    box = busiest(picture.samples)
    crops = [Crop(None, _png(picture.samples, box))]
    rows: list[tuple[Row, str | None]] = [(bench.point(picture, recipe), recipe.plugin) for recipe in ours]
    target = int(number(rows[0][0], "bytes"))
    rows += [(bench.point(picture, nearest_recipe(bench, picture, codec, target)), codec.plugin) for codec in others]
    for row, plugin in rows:
        decoded = bench.load(bench.folder / str(row["file"]), plugin)
        crops.append(Crop(row, _png(decoded, box)))
    return Comparison(picture.name, box, tuple(crops))


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


def busiest(samples: Samples) -> tuple[int, int, int, int]:
    """The box, (left, top, right, bottom), with the most contrast: the largest sum of squared differences of luma."""
    luma = samples @ np.array([0.299, 0.587, 0.114])  # (H, W)
    height, width = luma.shape
    activity = np.zeros((height + 1, width + 1))
    activity[1:, 2:] += np.diff(luma, axis=1) ** 2
    activity[2:, 1:] += np.diff(luma, axis=0) ** 2
    total = activity.cumsum(0).cumsum(1)
    h, w = min(SIDE, height), min(SIDE, width)
    tops = [*range(0, height - h, SIDE // STEPS), height - h]
    lefts = [*range(0, width - w, SIDE // STEPS), width - w]

    def inside(corner: tuple[int, int]) -> float:
        top, left = corner
        return float(total[top + h, left + w] - total[top, left + w] - total[top + h, left] + total[top, left])

    top, left = max(((top, left) for top in tops for left in lefts), key=inside)
    return left, top, left + w, top + h


def _png(samples: Samples, box: tuple[int, int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(samples).crop(box).save(out, "PNG", optimize=True)
    return out.getvalue()
