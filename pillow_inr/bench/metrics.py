"""What pictures are compared by: PSNR, MS-SSIM, SSIMULACRA2, and the curve that each gives a BD-rate over."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import util

from PIL import Image

from inr_core.errors import InrError
from inr_core.metrics import WINDOW_TAPS, ms_ssim, psnr

from .pictures import Samples


@dataclass(frozen=True)
class Metric:
    """One measure of a decoded picture; more is better."""

    key: str  # what the command line calls it
    name: str  # what reports call it
    column: str  # of a point's row
    spec: str  # how its values are shown
    unit: str  # of its curve, where it has one
    score: Callable[[Samples, Samples], float]  # of the original, decoded, (H, W, 3)
    curve: Callable[[float], float]  # from a value to where it stands on a curve; inf where nothing is lost
    smallest: int = 1  # pixels of a side; below, there is no value
    package: str | None = None  # what measures it, of the extra `bench`

    @property
    def title(self) -> str:
        """Of a curve's axis."""
        return f"{self.name}, {self.unit}" if self.unit else self.name

    def shown(self, value: float) -> str:
        """A value with its name or its unit."""
        return f"{value:{self.spec}} dB" if self is PSNR else f"{self.name} {value:{self.spec}}"

    def measure(self, original: Samples, decoded: Samples) -> float | None:
        """The value, or None where the picture is too small for it."""
        return self.score(original, decoded) if self.fits(original) else None

    def fits(self, picture: Samples) -> bool:
        """Whether the picture is large enough."""
        return all(side >= self.smallest for side in picture.shape[:2])

    def check(self) -> None:
        """InrError where its package is missing."""
        if self.package and util.find_spec(self.package) is None:
            raise InrError(f"--metrics {self.key}: expected the package {self.package}; install pillow-inr[bench]")


def _same(value: float) -> float:
    return value


def _decibels(similarity: float) -> float:
    return -10 * math.log10(1 - similarity) if similarity < 1 else math.inf


def _ssimulacra2(original: Samples, decoded: Samples) -> float:
    from ssimulacra2 import compute_ssimulacra2

    return float(compute_ssimulacra2(_as_file(original), _as_file(decoded)))


def _as_file(picture: Samples) -> io.BytesIO:
    """What the package opens in place of a path."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PPM")
    out.seek(0)
    return out


PSNR = Metric("psnr", "PSNR", "psnr_db", ".2f", "dB", psnr, _same)
MS_SSIM = Metric("ms-ssim", "MS-SSIM", "ms_ssim", ".4f", "dB", ms_ssim, _decibels, WINDOW_TAPS)
# Of sides below 8 pixels the package looks at nothing, and says 100.
SSIMULACRA2 = Metric(
    "ssimulacra2", "SSIMULACRA2", "ssimulacra2", ".2f", "", _ssimulacra2, _same, smallest=8, package="ssimulacra2"
)
METRICS = (PSNR, MS_SSIM, SSIMULACRA2)
DEFAULT_METRICS = (PSNR, MS_SSIM)


def chosen_metrics(keys: Iterable[str]) -> tuple[Metric, ...]:
    """The metrics of these keys, in the order of METRICS. InrError where a package is missing."""
    wanted = set(keys)
    found = tuple(metric for metric in METRICS if metric.key in wanted)
    for metric in found:
        metric.check()
    return found
