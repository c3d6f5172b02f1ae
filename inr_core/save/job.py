"""One call of `encode`: the picture and what is wanted of it, whatever the model."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..container.header import MAX_LATENT_PIXELS, MAX_PIXELS, Header
from ..container.metadata import Metadata
from ..container.ranges import Range
from ..decoder import decode
from ..errors import InrError, SettingsError, shown
from ..metrics import psnr
from ..pixels import Array, check_pixels, to_colours
from ..process.own_thread import apart
from ..settings import Progress, Settings
from ..stretch import ranges_of, to_samples, to_values
from .unseen import with_colours_continued

if TYPE_CHECKING:
    import torch

Report = Callable[[Progress], "bool | None"]
NOT_MEASURED = math.nan


@dataclass(frozen=True)
class Result:
    """A finished file."""

    data: bytes
    psnr: float  # of the decoded file; not a number where nobody asked
    stopped: bool
    steps: int  # of fitting


class Job:
    """The picture, ready to be fitted as often as its target needs; InrError for pixels that cannot be stored."""

    exact = False  # whether every sample is kept, also of colours that nobody can see

    def __init__(
        self,
        pixels: Array,
        mode: str,
        palette: NDArray[np.uint8] | None,
        metadata: Metadata,
        settings: Settings,
        progress: Report | None,
    ) -> None:
        bit_depth = check_pixels(pixels, mode, palette)
        self.palette, self.metadata, self.settings, self.progress = palette, metadata, settings, progress
        self.values = to_colours(pixels, mode, palette)  # (H, W, C)
        height, width, channels = self.values.shape
        if width * height > MAX_PIXELS:
            raise InrError(f"pixels: expected at most {MAX_PIXELS}, got {width}x{height}")
        self.peak = 65_535 if bit_depth == 16 else 255  # of the samples
        header = Header(width, height, mode, bit_depth, channels, "siren", 0, 1, 2, 0)
        self.alpha = header.alpha
        self.header = dataclasses.replace(header, ranges=self._ranges() if bit_depth == 16 else ())
        self.samples = to_samples(self.values, self.header.ranges)
        if (
            self.alpha and not self.exact and width * height <= MAX_LATENT_PIXELS
        ):  # beyond, memory is dearer, and a siren does not need it
            self.samples = with_colours_continued(self.samples)
        self.started = time.perf_counter()
        self._reported: Result | None = None

    def _ranges(self) -> tuple[Range, ...]:
        """Of values of 16 bits, that samples are made by."""
        return ranges_of(self.values, self.alpha)

    def done(self, data: bytes, steps: int, measured: float) -> None:
        """The last report of a file that was made."""
        self._reported = Result(data, measured, False, steps)
        if self.progress is not None:
            seconds = time.perf_counter() - self.started
            bpp = 8 * len(data) / (self.header.width * self.header.height)
            self.progress(Progress(steps, steps, measured, bpp, seconds, 0.0, "done"))

    def handed_back(self, chosen: Result) -> bytes:
        """The file chosen of those made, of which the last report is to be."""
        if self._reported is None or chosen.data is not self._reported.data:
            self.done(chosen.data, chosen.steps, chosen.psnr)
        return chosen.data

    def reported_again(self) -> bytes:
        """The file last reported, after another job has reported one of its own."""
        assert self._reported is not None
        self.done(self._reported.data, self._reported.steps, self._reported.psnr)
        return self._reported.data

    def fitting(self, report: Progress) -> bool | None:
        """Hand on the report of a fit, which knows a PSNR of samples only."""
        if self.progress is None:
            return None
        spread = [each.share**-2 for each in self.header.ranges] or [1.0]
        return self.progress(dataclasses.replace(report, psnr=report.psnr - 10 * math.log10(np.mean(spread))))

    def psnr_of_file(self, data: bytes) -> float:
        """PSNR of the decoded file."""
        pixels = decode(data, threads=self.settings.threads)
        return self._psnr(to_colours(pixels, self.header.mode, self.palette))

    def psnr(self, decoded: Array) -> float:
        """PSNR of decoded samples (H, W, C)."""
        return self._psnr(to_values(decoded, self.header.ranges))

    def _psnr(self, values: Array) -> float:
        """Relative to the ranges; outliers, and colours nobody can see, under an alpha of zero, do not count."""
        own, ranges = self.values, self.header.ranges
        if self.alpha:
            values = np.where(own[..., -1:] == 0, own, values)
        if not ranges:
            return psnr(own, values, self.peak)
        low, high = (np.array([getattr(each, end) for each in ranges], np.uint16) for end in ("low", "high"))
        values = np.where((own < low) | (own > high), own, values)
        return psnr(own, values, [max(each.width, 1) for each in ranges])


def smallest_reaching(tried: Iterable[Result], target: float) -> Result | None:
    """The smallest of the files tried that reach `target` dB."""
    reached = [r for r in tried if r.psnr >= target]
    return min(reached, key=lambda r: len(r.data)) if reached else None


def why_no_torch() -> str | None:
    """What is to be said where torch cannot be imported; None: it can."""
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as e:
        return "torch is not installed here" if e.name == "torch" else f"torch cannot be imported ({e})"
    except (ImportError, OSError) as e:  # of a library that it is linked with
        return f"torch cannot be imported ({e})"
    return None


def choose_device(name: str) -> torch.device:
    """The device a fit runs on; "auto" is CUDA, then MPS, then the CPU. SettingsError for one that is not there.

    ImportError, with what to do, where torch is not installed.
    """
    if missing := why_no_torch():
        raise ImportError(f"effort above 0 and model='siren' need torch; {missing}: pip install torch")
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = name.split(":")[0]
    if (kind == "cuda" and not torch.cuda.is_available()) or (kind == "mps" and not torch.backends.mps.is_available()):
        raise SettingsError(f"device: expected one this machine has, got {shown(name)}")
    return apart(partial(torch.device, name))
