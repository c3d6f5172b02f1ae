"""Pixels → bytes. This module says what saving is: choose a network, fit it, pack it, and meet the target asked for."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .container.header import MAX_LATENT_PIXELS, check_header
from .container.metadata import Metadata
from .container.ranges import Range
from .errors import Interrupted, SettingsError, TargetError
from .exact.colours import has_few_colours
from .exact.picture import to_planes
from .exact.strips import MAX_LISTED
from .pixels import Array, check_pixels, default_mode, plain_array
from .process.threads import cores
from .save.exact import GUESSED, HURRIED, LEVELS, ExactJob, guessed_size
from .save.job import NOT_MEASURED, Report, Result, choose_device, smallest_reaching, why_no_torch
from .save.latent import LatentJob
from .save.lossy import LossyJob
from .settings import Settings
from .siren.plan import FIRST_QUALITY, characteristic_frequency, make_plan, next_quality
from .siren.streams import pack
from .stretch import ranges_of

FEW_COLOURS = 16  # that mean something rather than show something
HOPE = 8  # an exact file of many colours is hardly smaller than the samples' bytes by this factor
NEAR = 1.6  # a quickly packed one is hardly larger by this than one packed with care


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
    pixels = plain_array(pixels)
    mode = mode or default_mode(pixels)
    check_pixels(pixels, mode, palette)
    first, *others = choose_models(settings, mode, pixels)
    picture = pixels, mode, palette, metadata or Metadata()
    made = _JOBS[first](*picture, _possible(settings, first), progress)
    if settings.model == "auto" and isinstance(made, LatentJob):
        return _latent_or_exact(made, pixels)
    try:
        return _saved(made)
    except TargetError:
        if not others:
            raise
    return _saved(_JOBS[others[0]](*picture, _possible(settings, others[0]), progress))


def _possible(settings: Settings, model: str) -> Settings:
    """With an effort of 0, and a warning, where nobody asked for one and what the usual one needs is not there."""
    if model == "latent" and settings.effort is None and (missing := why_no_torch()):
        warnings.warn(f"{missing}: saving with effort=0; pip install torch", stacklevel=3)
        return dataclasses.replace(settings, effort=0)
    return settings


def choose_models(settings: Settings, mode: str, pixels: Array) -> list[str]:
    """The model to save checked pixels with, and perhaps another one, for a target that it cannot meet.

    What was asked for or, left to us, "exact" for indices, two levels and few colours, which mean something, and else
    "latent", but see `_latent_or_exact`. Only "siren" can do with more pixels, and where options of its own are given.
    SettingsError: the model was asked for and cannot be.
    """
    count = math.prod(pixels.shape[:2])
    possible = count <= MAX_LATENT_PIXELS
    if settings.model == "latent" and not possible:
        raise SettingsError(f"model: 'latent' expects at most {MAX_LATENT_PIXELS} pixels, got {count}")
    if settings.lossless:
        return ["exact"]
    if settings.model != "auto":
        return [settings.model]
    if settings.siren_options:
        return ["siren"]
    lossy = "latent" if possible else "siren"
    if mode in ("1", "P") or has_few_colours(to_planes(pixels, mode), FEW_COLOURS):
        return ["exact"] if settings.target_size is None else ["exact", lossy]
    return [lossy] if settings.target_psnr is None else [lossy, "exact"]


def _latent_or_exact(lossy: LatentJob, pixels: Array) -> bytes:
    """The lossy file, or an exact one where that is not larger, or nothing else meets the target."""
    settings = lossy.settings
    if settings.target_psnr is not None:
        try:
            data = _saved(lossy)
        except TargetError:
            return _saved(ExactJob(*lossy.job))
        if not _fits(lossy, pixels, len(data)):
            return data
        exact = ExactJob(*lossy.job)
        kept = exact.run(settings.quality)
        return kept.data if len(kept.data) <= len(data) else lossy.reported_again()
    if _fits(lossy, pixels, settings.target_size or lossy.guessed_size):
        with suppress(TargetError):
            return _saved(ExactJob(*lossy.job))
    return _saved(lossy)


def _fits(lossy: LatentJob, pixels: Array, most: float) -> bool:
    """Whether an exact file is likely to have at most so many bytes; not tried where there is little hope."""
    header, level = lossy.header, min(GUESSED, LEVELS[lossy.settings.work])
    planes = to_planes(pixels, header.mode)
    few = len(planes) == 1 or has_few_colours(planes, MAX_LISTED)
    if not few and HOPE * most < pixels.nbytes:
        return False
    return guessed_size(pixels, header, HURRIED) < NEAR * most and guessed_size(pixels, header, level) <= most


def _saved(job: LatentJob | _SirenJob | ExactJob) -> bytes:
    settings = job.settings
    if settings.target_psnr is not None:
        return job.reach_psnr(settings.target_psnr)
    if settings.target_size is None:
        return job.run(settings.quality).data
    try:
        return job.meet_size(settings.target_size)
    except TargetError:
        if isinstance(job, ExactJob) or not job.header.plane:
            raise
    return type(job)(*job.job, plane=False).meet_size(settings.target_size)  # what comes back exactly takes too much


class _SirenJob(LossyJob):
    """A picture as a network of the coordinates."""

    def __init__(self, *job: Any, plane: bool = True) -> None:
        super().__init__(*job, plane=plane)
        self.device = choose_device(self.settings.device)

    def _ranges(self) -> tuple[Range, ...]:
        """Without what only a few pixels have: one hot pixel would take all of the training, and not come back."""
        return ranges_of(self.values, self.alpha, few=False)

    def run(self, quality: float, max_bytes: int | None = None, time_limit: float | None = None) -> Result:
        """Fit once; `max_bytes` bounds the whole file."""
        from .fit.siren.trainer import fit

        overhead = len(self.file(self.header, [b""]))  # refuses what no file can hold
        limit = None if max_bytes is None else max(0, max_bytes - overhead)
        plan = make_plan(
            self.coded.shape,
            self.settings,
            quality=quality,
            flat=bool((self.coded == self.coded[:1, :1]).all()),
            max_bytes=limit,
            time_limit=time_limit or self.settings.time_limit,
            frequency=characteristic_frequency(self.coded),
            accelerated=self.device.type != "cpu",
        )
        header = dataclasses.replace(self.header, hidden=plan.shapes[0][0], layers=len(plan.shapes))
        check_header(header)  # before training, not after
        if limit is not None and limit < plan.smallest_bytes:
            least = plan.smallest_bytes + overhead
            raise TargetError(f"target_size: expected at least {least} bytes for this picture, got {max_bytes}")
        threads = self.settings.threads or cores()
        fitted = fit(self.coded, self.peak, self.codes_alpha, plan, self.device, self.fitting, threads)
        data = self.file(header, [pack(fitted.layers)])
        if fitted.interrupted:
            raise Interrupted(data)
        measured = NOT_MEASURED
        if self.progress is not None or self.settings.target_psnr is not None:
            try:
                measured = self.psnr_of_file(data)
            except KeyboardInterrupt as e:
                raise Interrupted(data) from e  # the file is complete, only its figures are not
        self.done(data, fitted.steps, measured)
        return Result(data, measured, fitted.stopped, fitted.steps)

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
        tried: dict[float, Result] = {}
        quality: float | None = FIRST_QUALITY
        left = self.settings.time_limit
        while quality is not None and (left is None or left > 0.1 * (self.settings.time_limit or 0)):
            try:
                tried[quality] = self.run(quality, time_limit=None if left is None else left / 2)
            except Interrupted as e:
                reached = smallest_reaching(tried.values(), target)
                raise (Interrupted(reached.data) if reached else e) from e
            if tried[quality].stopped:
                break
            quality = next_quality({q: r.psnr for q, r in tried.items()}, target)
            if self.settings.time_limit is not None:
                left = self.settings.time_limit - (time.perf_counter() - self.started)
        best = smallest_reaching(tried.values(), target) or max(tried.values(), key=lambda r: r.psnr)
        if best.psnr < target and not any(r.stopped for r in tried.values()):
            reason = f"target_psnr: expected {target:g} dB, reached {best.psnr:.2f} dB"
            raise TargetError(f"{reason}; more effort may reach it")
        return self.handed_back(best)


_JOBS: dict[str, type[LatentJob | _SirenJob | ExactJob]] = {
    "latent": LatentJob,
    "siren": _SirenJob,
    "exact": ExactJob,
}
