"""The other formats, through Pillow, and the search for the setting whose file has a wanted size."""

from __future__ import annotations

import io
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

REPEATS = 5  # timings of a quick encode or decode; the median counts
COARSEST_RATE, RATE_STEP = 400.0, 1.01  # of JPEG2000: compression ratios from 400 down in steps of one per cent


@dataclass(frozen=True)
class Codec:
    """A format with one integer setting, low … high, that makes its files larger."""

    name: str
    low: int
    high: int
    save: Callable[[Image.Image, io.BytesIO, int], None]
    label: Callable[[int], str]

    def encode(self, im: Image.Image, setting: int) -> bytes:
        """The file of an RGB picture."""
        out = io.BytesIO()
        self.save(im, out, setting)
        return out.getvalue()


def _save_jpeg(im: Image.Image, out: io.BytesIO, quality: int) -> None:
    im.save(out, "JPEG", quality=quality, optimize=True)


def _rate(setting: int) -> float:
    return COARSEST_RATE / RATE_STEP**setting


def _save_jpeg2000(im: Image.Image, out: io.BytesIO, setting: int) -> None:
    im.save(out, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[_rate(setting)])


def _save_webp(im: Image.Image, out: io.BytesIO, quality: int) -> None:
    im.save(out, "WEBP", quality=quality, method=6)


def _quality(setting: int) -> str:
    return f"quality {setting}"


CODECS = (
    Codec("JPEG", 1, 100, _save_jpeg, _quality),
    Codec(
        "JPEG2000",
        0,
        math.floor(math.log(COARSEST_RATE, RATE_STEP)),
        _save_jpeg2000,
        lambda setting: f"rate {_rate(setting):.1f}",
    ),
    Codec("WebP", 0, 100, _save_webp, _quality),
)


def nearest_size(encode: Callable[[int], bytes], low: int, high: int, target: int) -> tuple[int, bytes]:
    """The setting in [low, high] whose file is nearest to `target` bytes, and the file; the smaller one of equals.

    Sizes must not fall as the setting grows; where they do now and then, a neighbour may be a little nearer.
    """
    files: dict[int, bytes] = {}

    def file(setting: int) -> bytes:
        if setting not in files:
            files[setting] = encode(setting)
        return files[setting]

    first, last = low, high  # the largest setting that is not above the target, or the lowest of all
    while first < last:
        middle = (first + last + 1) // 2
        if len(file(middle)) <= target:
            first = middle
        else:
            last = middle - 1
    nearest = min((first, min(first + 1, high)), key=lambda setting: abs(len(file(setting)) - target))
    return nearest, file(nearest)


def decode(data: bytes) -> Image.Image:
    """Any file Pillow opens, loaded."""
    with Image.open(io.BytesIO(data)) as im:
        im.load()
    return im


def median_seconds(action: Callable[[], object]) -> float:
    """Of REPEATS calls."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
