"""One call of `encode`: the picture and what is wanted of it, whatever the model."""

from __future__ import annotations

import dataclasses
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..container.header import Raster
from ..container.metadata import Metadata
from ..container.ranges import Range
from ..decoder import decode
from ..errors import InrError, SettingsError, shown
from ..limits import Limits
from ..metrics import psnr
from ..models import MAX_LATENT_PIXELS, MAX_PIXELS
from ..pixels import Array, check_pixels, to_colours, without_colours
from ..process.once import once
from ..process.own_thread import apart
from ..process.threads import cores
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


@dataclass(frozen=True)
class Request:
    """What `encode` was asked for; InrError for pixels that no file can hold."""

    pixels: Array  # (H, W) or (H, W, C), in the mode
    mode: str
    palette: NDArray[np.uint8] | None
    metadata: Metadata
    settings: Settings
    progress: Report | None

    def __post_init__(self) -> None:
        check_pixels(self.pixels, self.mode, self.palette)
        if self.count > MAX_PIXELS:
            height, width = self.pixels.shape[:2]
            raise InrError(f"pixels: expected at most {MAX_PIXELS}, got {width}x{height}")

    @once
    def coded(self) -> Array:
        """The pixels as they are saved: one sample for red, green and blue where these are the same in all of them."""
        return without_colours(self.pixels, self.mode)

    @property
    def count(self) -> int:
        """Of pixels."""
        return math.prod(self.pixels.shape[:2])


class Job(ABC):
    """One call of `encode` for one model: the picture, ready to be saved as often as its target needs."""

    lossless = False  # whether every sample is kept, also of colours that nobody can see
    continues = True  # whether colours that nobody can see become a continuation of others

    def __init__(self, request: Request) -> None:
        self.request, self.settings, self.progress = request, request.settings, request.progress
        mode, palette = request.mode, request.palette
        self.palette, self.metadata = palette, request.metadata
        bit_depth = check_pixels(request.pixels, mode, palette)
        self.values = to_colours(request.coded, mode, palette)  # (H, W, C)
        height, width, channels = self.values.shape
        self.peak = 65_535 if bit_depth == 16 else 255  # of the samples
        raster = Raster(width, height, mode, bit_depth, channels)
        self.alpha = raster.alpha
        self.raster = dataclasses.replace(raster, ranges=self._ranges() if bit_depth == 16 else ())
        self.samples = to_samples(self.values, self.raster.ranges)
        if self.alpha and self.continues and request.count <= MAX_LATENT_PIXELS:
            self.samples = with_colours_continued(self.samples)  # beyond, memory is dearer, and a siren needs it less
        self.started = time.perf_counter()
        self._reported: Result | None = None

    @classmethod
    def possible(cls, settings: Settings) -> Settings:
        """The settings, or what comes nearest to them here, with a warning, where nobody has asked for just these."""
        return settings

    @property
    def guessed_size(self) -> float | None:
        """About how many bytes of pixels the file will have by the quality, if that can be told without making it."""
        return None

    @property
    def guessed_cost(self) -> float | None:
        """About the squared error of all samples + `plan.trade_for` · bits, where that can be told."""
        return None

    def unrefined(self) -> Result | None:
        """The file of the target or quality asked for without any effort; None: there is none, or no telling."""
        return None

    def refined_size(self, unrefined: float) -> float:
        """About how many bytes a file of so many has when all effort is made."""
        return unrefined

    def refined_cost(self, unrefined: float) -> float:
        """The same of error and bits together, as `guessed_cost` has them, and of bytes for one PSNR."""
        return unrefined

    @property
    def has_target(self) -> bool:
        """Whether a size or a PSNR is asked for, not a quality."""
        return self.settings.target_size is not None or self.settings.target_psnr is not None

    @property
    def threads(self) -> int:
        """That may work on it."""
        return self.settings.threads or cores()

    def saved(self) -> bytes:
        """The file, of the quality, size or PSNR that is asked for; TargetError: there is none."""
        if self.settings.target_psnr is not None:
            return self.reach_psnr(self.settings.target_psnr)
        if self.settings.target_size is not None:
            return self.meet_size(self.settings.target_size)
        return self.run(self.settings.quality).data

    @abstractmethod
    def run(self, quality: float) -> Result:
        """Save once."""

    @abstractmethod
    def meet_size(self, target: int) -> bytes:
        """The best file of at most `target` bytes; TargetError."""

    @abstractmethod
    def reach_psnr(self, target: float) -> bytes:
        """The smallest file found whose decoded pixels reach `target` dB; TargetError.

        Stopped, interrupted or out of time, it keeps that file, or the nearest one where none has reached the target.
        """

    def _ranges(self) -> tuple[Range, ...]:
        """Of values of 16 bits, that samples are made by."""
        return ranges_of(self.values, self.alpha)

    def done(self, data: bytes, steps: int, measured: float) -> None:
        """The last report of a file that was made."""
        self._reported = Result(data, measured, False, steps)
        if self.progress is not None:
            seconds = time.perf_counter() - self.started
            bpp = 8 * len(data) / (self.raster.width * self.raster.height)
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
        spread = [each.share**-2 for each in self.raster.ranges] or [1.0]
        return self.progress(dataclasses.replace(report, psnr=report.psnr - 10 * math.log10(np.mean(spread))))

    def psnr_of_file(self, data: bytes) -> float:
        """PSNR of the decoded file."""
        pixels = decode(data, threads=self.settings.threads, limits=Limits.unlimited())
        colours = to_colours(pixels, self.raster.mode, self.palette)
        return self._psnr(colours[..., ::3] if self.raster.grey else colours)

    def psnr(self, decoded: Array) -> float:
        """PSNR of decoded samples (H, W, C)."""
        return self._psnr(to_values(decoded, self.raster.ranges))

    def _psnr(self, values: Array) -> float:
        """Relative to the ranges; outliers, and colours nobody can see, under an alpha of zero, do not count."""
        own, ranges = self.values, self.raster.ranges
        if self.alpha:
            values = np.where(own[..., -1:] == 0, own, values)
        if not ranges:
            return psnr(own, values, self.peak)
        low, high = (np.array([getattr(each, end) for each in ranges], np.uint16) for end in ("low", "high"))
        values = np.where((own < low) | (own > high), own, values)
        return psnr(own, values, [max(each.width, 1) for each in ranges])


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
