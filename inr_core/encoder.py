"""Pixels → bytes. This module says what saving is: choose a network, fit it, pack it, and meet the target asked for."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import container
from .decoder import decode
from .errors import InrError, Interrupted, SettingsError, TargetError
from .header import MAX_PIXELS, Header, check_header
from .metadata import Metadata
from .metrics import psnr
from .modes import ALPHA_MODES
from .pixels import Array, check_pixels, default_mode, to_samples
from .plan import FIRST_QUALITY, characteristic_frequency, make_plan, next_quality
from .settings import Progress, Settings
from .streams import pack
from .threads import cores

if TYPE_CHECKING:
    import torch


Report = Callable[[Progress], bool | None]


def encode(
    pixels: Array,
    settings: Settings | None = None,
    *,
    mode: str | None = None,
    palette: NDArray[np.uint8] | None = None,
    metadata: Metadata | None = None,
    progress: Report | None = None,
) -> bytes:
    """Fit a network to a picture and return the file.

    pixels: (H, W) or (H, W, C), uint8 or uint16, in `mode` (by default L, LA, RGB, RGBA or I;16, whatever fits);
    mode "P" takes indices and a `palette` (N, 3 or 4), mode "1" takes 0 and 255.
    progress: called a few times a second; returning False stops the fit and the file holds the best network so far.

    Raises InrError for pixels that cannot be stored, TargetError for a target that cannot be met, and Interrupted
    (a KeyboardInterrupt that carries the file) after Ctrl-C.
    """
    settings = settings or Settings()
    mode = mode or default_mode(pixels)
    job = _Job(pixels, mode, palette, metadata or Metadata(), settings, progress)
    if settings.target_psnr is not None:
        return job.reach_psnr(settings.target_psnr)
    if settings.target_size is not None:
        return job.meet_size(settings.target_size)
    return job.run(settings.quality).data


@dataclass(frozen=True)
class _Result:
    data: bytes
    psnr: float  # of the decoded file
    stopped: bool


class _Job:
    """One call of `encode`: the picture, ready to be fitted as often as its target needs."""

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
        self.samples = to_samples(pixels, mode, palette)  # (H, W, C)
        height, width, channels = self.samples.shape
        if width * height > MAX_PIXELS:
            raise InrError(f"pixels: expected at most {MAX_PIXELS}, got {width}x{height}")
        self.alpha = mode in ALPHA_MODES or (mode == "P" and channels == 4)
        self.peak = 65_535 if bit_depth == 16 else 255
        self.header = Header(width, height, mode, bit_depth, channels, settings.model, 0, 1, 2, 0)
        self.device = choose_device(settings.device)
        self.started = time.perf_counter()

    def run(self, quality: float, max_bytes: int | None = None, time_limit: float | None = None) -> _Result:
        """Fit once; `max_bytes` bounds the whole file."""
        from .fit.pace import Pace
        from .fit.trainer import fit

        overhead = len(container.write(self.header, self.palette, self.metadata, b""))  # refuses what no file can hold
        limit = None if max_bytes is None else max(0, max_bytes - overhead)
        plan = make_plan(
            self.samples.shape,
            self.settings,
            quality=quality,
            flat=bool((self.samples == self.samples[:1, :1]).all()),
            max_bytes=limit,
            time_limit=time_limit or self.settings.time_limit,
            frequency=characteristic_frequency(self.samples),
            accelerated=self.device.type != "cpu",
        )
        header = dataclasses.replace(self.header, hidden=plan.shapes[0][0], layers=len(plan.shapes))
        check_header(header)  # before training, not after
        if limit is not None and limit < plan.smallest_bytes:
            least = plan.smallest_bytes + overhead
            raise TargetError(f"target_size: expected at least {least} bytes for this picture, got {max_bytes}")
        threads = self.settings.threads or cores()
        pace = Pace(threads) if self.settings.threads is None and self.device.type == "cpu" else None
        with torch_threads(threads):
            fitted = fit(self.samples, self.peak, self.alpha, plan, self.device, self.progress or _ignore, pace)
        data = container.write(header, self.palette, self.metadata, pack(fitted.layers))
        if fitted.interrupted:
            raise Interrupted(data)
        measured = math.nan
        if self.progress is not None or self.settings.target_psnr is not None:
            try:
                measured = self._psnr(data)
            except KeyboardInterrupt as e:
                raise Interrupted(data) from e  # the file is complete, only its figures are not
        if self.progress is not None:
            seconds = time.perf_counter() - self.started
            bpp = 8 * len(data) / (self.header.width * self.header.height)
            self.progress(Progress(fitted.steps, fitted.steps, measured, bpp, seconds, 0.0, "done"))
        return _Result(data, measured, fitted.stopped)

    def meet_size(self, target: int) -> bytes:
        """The best file of at most `target` bytes."""
        data = self.run(self.settings.quality, target).data
        if len(data) > target:
            raise TargetError(f"target_size: expected at least {len(data)} bytes for this picture, got {target}")
        return data

    def reach_psnr(self, target: float) -> bytes:
        """The smallest file found whose decoded pixels reach `target` dB, by a secant search over quality.

        Stopped or interrupted, it keeps that file, or the nearest one where none has reached the target yet.
        """
        tried: dict[float, _Result] = {}
        quality: float | None = FIRST_QUALITY
        left = self.settings.time_limit
        while quality is not None and (left is None or left > 0.1 * (self.settings.time_limit or 0)):
            try:
                tried[quality] = self.run(quality, time_limit=None if left is None else left / 2)
            except Interrupted as e:
                reached = _smallest_reaching(tried, target)
                raise (Interrupted(reached.data) if reached else e) from e
            if tried[quality].stopped:
                break
            quality = next_quality({q: r.psnr for q, r in tried.items()}, target)
            if self.settings.time_limit is not None:
                left = self.settings.time_limit - (time.perf_counter() - self.started)
        best = _smallest_reaching(tried, target) or max(tried.values(), key=lambda r: r.psnr)
        if best.psnr < target and not any(r.stopped for r in tried.values()):
            reason = f"target_psnr: expected {target:g} dB, reached {best.psnr:.2f} dB"
            raise TargetError(f"{reason}; more effort may reach it")
        return best.data

    def _psnr(self, data: bytes) -> float:
        """Of the decoded file; colours nobody can see, under an alpha of zero, do not count."""
        decoded = to_samples(decode(data, threads=self.settings.threads), self.header.mode, self.palette)
        if self.alpha:
            decoded = np.where(self.samples[..., -1:] == 0, self.samples, decoded)
        return psnr(self.samples, decoded, self.peak)


def _smallest_reaching(tried: dict[float, _Result], target: float) -> _Result | None:
    reached = [r for r in tried.values() if r.psnr >= target]
    return min(reached, key=lambda r: len(r.data)) if reached else None


def _ignore(progress: Progress) -> None:
    """The report of a fit nobody watches."""


def choose_device(name: str) -> torch.device:
    """The device a fit runs on; "auto" is CUDA, then MPS, then the CPU. SettingsError for one that is not there.

    ImportError, with what to do, where torch is not installed.
    """
    try:
        import torch
    except ImportError as e:
        raise ImportError("saving .inr needs torch, which is not installed here: pip install torch") from e

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = name.split(":")[0]
    if (kind == "cuda" and not torch.cuda.is_available()) or (kind == "mps" and not torch.backends.mps.is_available()):
        raise SettingsError(f"device: expected one this machine has, got {name!r}")
    return torch.device(name)


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Run torch's operations on that many threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
