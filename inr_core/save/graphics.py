"""Whether a picture is saved by a lossy model or nearly exactly: by error and bits together."""

from __future__ import annotations

import math

from ..errors import TargetError
from ..exact.mixed import joined, share_alike
from .job import Job, Result
from .reduced import ReducedJob, may_reduce

GRAPHICS = 0.6  # of the pixels are like a neighbour: of photographs up to 0.52, of screens and text from 0.79 on
HOPE = 1.5  # parts of a picture cost hardly more than this times what all of it does: the coder has to learn
REFINED = 0.4  # dB, about, that refining gains


def reduced_instead(lossy: Job, guessed_cost: float) -> bytes | None:
    """The file of a picture that is reduced, where that is better than what a lossy model will make; else None."""
    if not may_reduce(lossy.raster):
        return None
    job = ReducedJob(lossy.request)
    if share_alike(joined(job.planes)) < GRAPHICS or job.guess() > HOPE * guessed_cost:
        return None
    found = _meets(job, lossy, guessed_cost)
    return None if found is None else job.handed_back(found)


def _meets(job: ReducedJob, lossy: Job, guessed_cost: float) -> Result | None:
    """The better one; None: it is not."""
    settings = job.settings
    if settings.target_size is None and settings.target_psnr is None:
        found = job.of_quality(settings.quality)
        return found if job.cost(found) <= guessed_cost else None
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
    return found if len(found.data) <= lossy.refined_size(len(other.data)) else None
