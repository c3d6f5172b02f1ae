"""Pictures of 16 bits whose values use a part of the range, with outliers or without."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inr_core import Range, Settings, encode, read_head

Values = NDArray[np.uint16]
HOT = 65_535


def scene(low: int, high: int) -> Values:
    """A disc on waves, (96, 96) of all of low … high."""
    y, x = np.mgrid[:96, :96]
    waves = 1.4 * (np.hypot(y - 48, x - 48) < 36) + 0.3 + 0.3 * np.sin(x / 5)
    waves -= waves.min()
    values: Values = np.rint(low + (high - low) * waves / waves.max()).astype(np.uint16)
    return values


def dotted(values: Values, *dots: int) -> Values:
    """With a pixel of each of these values."""
    for k, dot in enumerate(dots):
        values[17 + 9 * k, 23 + 11 * k] = dot
    return values


def striped(values: Values, mark: int) -> Values:
    """With a mark in a tenth of the pixels, as of a depth map where nothing was measured."""
    values[:, 40:50] = mark
    return values


def with_stars(values: Values) -> Values:
    """With 20 pixels beyond the others, of all values."""
    random = np.random.default_rng(1)
    values.reshape(-1)[random.choice(values.size, 20, replace=False)] = np.linspace(values.max() + 1, HOT, 20)
    return values


def ranges_in(data: bytes) -> tuple[Range, ...]:
    return read_head(io.BytesIO(data)).header.ranges


def saved(values: NDArray[Any], **options: Any) -> bytes:
    return encode(values, Settings(**{"effort": 0, "threads": 1, "model": "latent", **options}))


PICTURES: dict[str, tuple[Values, Range]] = {
    "12 bits": (scene(0, 1400), Range.even(0, 1400)),
    "narrow": (scene(15, 33), Range.even(15, 33)),
    "three values": (scene(7, 9), Range.even(7, 9)),
    "an offset": (scene(30_000, 34_000), Range.even(30_000, 34_000)),
    "the end of the scale": (scene(65_500, HOT), Range.even(65_500, HOT)),
    "a hot pixel": (dotted(scene(0, 1400), HOT), Range(0, 0, 0, 1400, HOT, HOT)),
    "a dead pixel": (dotted(scene(30_000, 34_000), 0), Range(0, 0, 30_000, 34_000, 34_000, 34_000)),
    "dead and hot pixels": (dotted(scene(3000, 3018), 0, 1, 40_000, HOT), Range(0, 1, 3000, 3018, 40_000, HOT)),
    "a warm pixel": (dotted(scene(0, 1400), 4000), Range(0, 0, 0, 1400, 4000, 4000)),
    "stars": (with_stars(scene(100, 400)), Range(100, 100, 100, 401, 3829, HOT)),
    "holes of 0": (striped(scene(20_000, 20_500), 0), Range(0, 0, 20_000, 20_500, 20_500, 20_500)),
    "holes of 65535": (striped(scene(100, 200), HOT), Range(100, 100, 100, 200, HOT, HOT)),
    "holes and a hot pixel": (dotted(striped(scene(2000, 2999), 0), HOT), Range(0, 0, 2000, 2999, HOT, HOT)),
}
