"""Whether a picture is saved by a lossy model or nearly exactly: by error and bits together."""

from __future__ import annotations

import math

from ..errors import TargetError
from ..exact.planes import to_planes
from .job import Job, Result
from .reduced import ReducedJob, is_graphics, may_reduce
from .spread import SAMPLED
from .tiled import SIMPLER

HOPE = 1.5  # parts of a picture cost hardly more than this times what all of it does: the coder has to learn
LARGE, LARGE_PART, LARGE_HOPE = 2**19, 128, 1.15  # pixels from which on larger parts are asked, too, which tell better
CLEAR = 0.6  # of what parts say that a lossy file costs: less is less than any, which then need not be made
REFINED = 0.4  # dB, about, that refining gains


def reduced_instead(lossy: Job, guessed_cost: float) -> bytes | None:
    """The file of a picture that is reduced, where that is better than what a lossy model will make; else None."""
    request = lossy.request
    if not may_reduce(lossy.raster) or not is_graphics(to_planes(request.coded, request.mode)):
        return None
    tiles = lossy.raster.plane == "tiles"
    if tiles and request.count > SAMPLED:
        return None  # parts of a large picture have been asked already
    job = ReducedJob(request)
    guessed_cost *= SIMPLER if tiles else 1.0
    if not tiles and _parts_cost_more(job, lossy, guessed_cost):
        return None
    found = _meets(job, lossy, guessed_cost)
    return None if found is None else job.handed_back(found)


def _parts_cost_more(job: ReducedJob, lossy: Job, guessed_cost: float) -> bool:
    """Whether there is little hope that reducing all of a picture is worth while, judged by parts of it.

    Not asked where tiles stand beside the lossy model: then all of the picture may be nearly as good as some of it.
    """
    if job.guess() > HOPE * guessed_cost:
        return True
    return lossy.request.count > LARGE and _larger_parts_cost_more(job, lossy, guessed_cost)


def _larger_parts_cost_more(job: ReducedJob, lossy: Job, guessed_cost: float) -> bool:
    """Whether reducing all of a picture is not worth while; in doubt the lossy file tells, which takes less time."""
    cost = job.guess(LARGE_PART)
    if cost > LARGE_HOPE * guessed_cost:
        return True
    if job.has_target or cost < CLEAR * guessed_cost:
        return False
    other = lossy.unrefined()
    return other is not None and cost > lossy.refined_cost(job.cost(other))


def _meets(job: ReducedJob, lossy: Job, guessed_cost: float) -> Result | None:
    """The better one; None: it is not."""
    settings = job.settings
    if not job.has_target:
        found = job.of_quality(settings.quality)
        if job.cost(found) > guessed_cost:
            return None
        if lossy.raster.plane == "tiles" or job.cost(found) < CLEAR * guessed_cost:
            return found
        other = lossy.unrefined()  # of a large picture, parts do not tell all
        return found if other is None or job.cost(found) <= lossy.refined_cost(job.cost(other)) else None
    try:
        found = job.of_target()
    except TargetError:
        return None
    if found.psnr == math.inf and settings.target_psnr is None:
        return found
    other = lossy.unrefined()
    if other is None:
        return found
    if settings.target_size is not None:
        return found if found.psnr >= other.psnr + REFINED * (settings.work > 0) else None
    return found if job.pixel_bytes(found) <= lossy.refined_cost(job.pixel_bytes(other)) else None
