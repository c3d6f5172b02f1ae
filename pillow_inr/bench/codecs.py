"""The other formats, through Pillow, and the search for the setting whose file has a wanted size."""

from __future__ import annotations

import dataclasses
import io
import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module, metadata, util

import PIL
from PIL import Image, features

REPEATS = 5  # timings of a quick encode or decode; the median counts
COARSEST_RATE, RATE_STEP = 400.0, 1.01  # of JPEG2000: compression ratios from 400 down in steps of one per cent

Options = dict[str, object]  # of `Image.save`


@dataclass(frozen=True)
class Codec:
    """A format with one integer setting, low … high, that makes its files larger."""

    key: str  # what the command line calls it
    name: str
    format: str  # Pillow's name
    suffix: str
    low: int
    high: int
    curve: tuple[int, ...]  # the settings of a rate–distortion curve
    options: Callable[[int], Options]
    label: Callable[[int], str]
    feature: str | None = None  # of PIL.features, for a format of Pillow's own
    plugin: str | None = None  # the module that registers it, for one that is not
    package: str | None = None  # where the plugin comes from

    def encode(self, im: Image.Image, setting: int) -> bytes:
        """The file of an RGB picture."""
        if self.plugin:
            import_module(self.plugin)
        out = io.BytesIO()
        im.save(out, self.format, **self.options(setting))
        return out.getvalue()

    def missing(self) -> str | None:
        """Why the format cannot be written here, or None."""
        if self.plugin and util.find_spec(self.plugin) is None:
            return f"its plugin, {self.package}, is not installed"
        if self.feature and not features.check(self.feature):
            return "this Pillow is built without it"
        return None

    @property
    def version(self) -> str:
        """Of Pillow and of the library or plugin that does the work."""
        if self.package:
            return f"Pillow {PIL.__version__}, {self.package} {metadata.version(self.package)}"
        library = features.version(self.feature) if self.feature else None
        return f"Pillow {PIL.__version__}, {self.name} library {library}"


def _rate(setting: int) -> float:
    return COARSEST_RATE / RATE_STEP**setting


def _rate_settings(rates: Iterable[float]) -> tuple[int, ...]:
    return tuple(round(math.log(COARSEST_RATE / rate, RATE_STEP)) for rate in rates)


def _quality(setting: int) -> str:
    return f"quality {setting}"


def _jpeg2000(step: int) -> Options:
    """Colours through JPEG2000's own transform, as its other writers do: without, it loses 3 to 4 dB at equal size."""
    return {"irreversible": True, "mct": 1, "quality_mode": "rates", "quality_layers": [_rate(step)]}


def _avif(quality: int) -> Options:
    return {"quality": quality, "speed": 4, "subsampling": "4:4:4"}


def _avif_psnr(quality: int) -> Options:
    """For PSNR, as ours is: by default libaom weights what people see."""
    return {**_avif(quality), "advanced": {"tune": "psnr"}}


HOW = (
    "JPEG: optimize. JPEG2000: irreversible, mct=1, by rate. WebP: method 6. AVIF: speed 4, 4:4:4, by default and with "
)
HOW += "tune=psnr. JPEG XL: defaults."

AVIF = Codec(
    key="avif",
    name="AVIF",
    format="AVIF",
    suffix=".avif",
    low=0,
    high=100,
    curve=(0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90),
    options=_avif,
    label=_quality,
    feature="avif",
)
CODECS = (
    Codec(
        key="jpeg",
        name="JPEG",
        format="JPEG",
        suffix=".jpg",
        low=1,
        high=100,
        curve=(2, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 95),
        options=lambda quality: {"quality": quality, "optimize": True},
        label=_quality,
        feature="jpg",
    ),
    Codec(
        key="jpeg2000",
        name="JPEG2000",
        format="JPEG2000",
        suffix=".jp2",
        low=0,
        high=math.floor(math.log(COARSEST_RATE, RATE_STEP)),
        curve=_rate_settings([400, 240, 160, 120, 80, 60, 40, 30, 20, 15, 10, 7, 5]),
        options=_jpeg2000,
        label=lambda step: f"rate {_rate(step):.1f}",
        feature="jpg_2000",
    ),
    Codec(
        key="webp",
        name="WebP",
        format="WEBP",
        suffix=".webp",
        low=0,
        high=100,
        curve=(0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95),
        options=lambda quality: {"quality": quality, "method": 6},
        label=_quality,
        feature="webp",
    ),
    AVIF,
    dataclasses.replace(AVIF, key="avif-psnr", name="AVIF tune=psnr", options=_avif_psnr),
    Codec(
        key="jxl",
        name="JPEG XL",
        format="JXL",
        suffix=".jxl",
        low=1,
        high=99,
        curve=(1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95),
        options=lambda quality: {"quality": quality},
        label=_quality,
        plugin="pillow_jxl",
        package="pillow-jxl-plugin",
    ),
)


def chosen(keys: Iterable[str]) -> list[Codec]:
    """The codecs of these keys, in the order of CODECS."""
    wanted = set(keys)
    return [codec for codec in CODECS if codec.key in wanted]


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
