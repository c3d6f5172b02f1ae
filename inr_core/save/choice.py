"""Which model a picture is saved with: what was asked for, or what costs less."""

from __future__ import annotations

import dataclasses
from contextlib import suppress

from ..errors import SettingsError, TargetError
from ..exact.colours import has_few_colours
from ..exact.planes import to_planes
from ..exact.strips import MAX_LISTED
from ..models import MODELS
from .exact import GUESSED, HURRIED, LEVELS, guessed_size
from .graphics import reduced_instead
from .job import Job, Request
from .reduced import is_graphics
from .tiled import tiled_instead

LOSSY, LOSSLESS = ("latent", "siren"), "exact"  # to choose from: the first that can do with so many pixels; and for all
FEW_COLOURS = 16  # that mean something rather than show something
HOPE = 8  # an exact file of many colours is hardly smaller than the samples' bytes by this factor
NEAR = 1.6  # a quickly packed one is hardly larger by this than one packed with care


def save(request: Request) -> bytes:
    """The file; TargetError for a target that cannot be met, SettingsError for a model that cannot be."""
    first, *others = choose_models(request)
    if first == LOSSLESS and _is_quickly_mixed(request):
        request = dataclasses.replace(request, settings=dataclasses.replace(request.settings, effort=1))
    job = _job(first, request)
    if request.settings.asked is None:
        job = tiled_instead(job) or job
    if request.settings.asked is None and job.guessed_size is not None and job.guessed_cost is not None:
        return reduced_instead(job, job.guessed_cost) or _lossy_or_exact(job, job.guessed_size)
    try:
        return job.saved()
    except TargetError:
        if not others:
            raise
    return _job(others[0], request).saved()


def choose_models(request: Request) -> list[str]:
    """The model to save a picture with, and perhaps another one, for a target that it cannot meet.

    What was asked for or, left to us, LOSSLESS for indices, two levels and few colours, which mean something, and else
    a lossy one, but see `_lossy_or_exact`.
    """
    settings = request.settings
    if settings.asked is not None:
        most = MODELS[settings.asked].max_pixels
        if request.count > most:
            raise SettingsError(f"model: {settings.asked!r} expects at most {most} pixels, got {request.count}")
        return [settings.asked]
    lossy = next(name for name in LOSSY if request.count <= MODELS[name].max_pixels)
    few = request.mode in ("1", "P") or has_few_colours(to_planes(request.coded, request.mode), FEW_COLOURS)
    if few:
        return [LOSSLESS] if settings.target_size is None else [LOSSLESS, lossy]
    return [lossy] if settings.target_psnr is None else [lossy, LOSSLESS]


def _is_quickly_mixed(request: Request) -> bool:
    """Whether the mixing coder, which effort 0 leaves out, is as quick as what is packed then."""
    settings = request.settings
    return settings.asked is None and not settings.work and is_graphics(to_planes(request.coded, request.mode))


def _job(model: str, request: Request) -> Job:
    job: type[Job] = MODELS[model].load("job")
    return job(dataclasses.replace(request, settings=job.possible(request.settings)))


def _lossy_or_exact(lossy: Job, guessed: float) -> bytes:
    """The lossy file, or an exact one where that is not larger, or nothing else meets the target."""
    settings = lossy.settings
    if settings.target_psnr is not None:
        try:
            data = lossy.saved()
        except TargetError:
            return _job(LOSSLESS, lossy.request).saved()
        if not _fits(lossy, len(data)):
            return data
        kept = _job(LOSSLESS, lossy.request).saved()
        return kept if len(kept) <= len(data) else lossy.reported_again()
    if _fits(lossy, settings.target_size or guessed):
        with suppress(TargetError):
            return _job(LOSSLESS, lossy.request).saved()
    return lossy.saved()


def _fits(lossy: Job, most: float) -> bool:
    """Whether an exact file is likely to have at most so many bytes; not tried where there is little hope."""
    pixels, raster, level = lossy.request.coded, lossy.raster, min(GUESSED, LEVELS[lossy.settings.work])
    planes = to_planes(pixels, raster.mode)
    few = len(planes) == 1 or has_few_colours(planes, MAX_LISTED)
    if not few and HOPE * most < pixels.nbytes:
        return False
    return guessed_size(pixels, raster, HURRIED) < NEAR * most and guessed_size(pixels, raster, level) <= most
