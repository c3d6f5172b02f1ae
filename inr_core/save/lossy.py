"""What saving with either lossy model has in common: a plane that stands exactly beside what the model makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..container import chunks
from ..errors import TargetError
from ..latent.completed import Besides, read_beside
from ..latent.plan import step_for
from ..models import Parameters
from ..pixels import Array
from .beside import choose_plane
from .exact import LEVELS
from .job import Job, Request
from .spread import spread_parts

PLANE_LEVEL = 15  # of Zstandard at least: it is not much that is packed


class LossyJob(Job):
    """A picture whose colours may change. `plane`: whether something may stand beside it that does not."""

    def __init__(self, request: Request, *, plane: bool = True) -> None:
        super().__init__(request)
        self._payloads: list[bytes] = []
        self._beside: Besides | None = None
        if plane and (found := self._choose_plane()):
            kind, payload = found
            self.raster = dataclasses.replace(self.raster, plane=kind)
            self._payloads, self._beside = [payload], read_beside(self.raster, payload)
        self.coded = self._to_code()
        self.codes_alpha = self.alpha and not self.raster.keeps_alpha

    def _choose_plane(self) -> tuple[str, bytes] | None:
        """`Raster.plane` of what is to stand beside the model, and its payload."""
        step = step_for(self.settings.quality, self.raster.share)
        level = max(LEVELS[self.settings.work], PLANE_LEVEL)
        return choose_plane(self.samples, spread_parts(self.samples), self.raster, step, level, self.threads)

    def _to_code(self) -> Array:
        """What the model makes."""
        return np.ascontiguousarray(self.samples[..., : self.raster.coded])

    def without(self) -> LossyJob:
        """The job of the same picture in which less stands beside the model."""
        return type(self)(self.request, plane=False)

    def saved(self) -> bytes:
        """As `Job.saved`; where what comes back exactly takes too much of a size, without it."""
        try:
            return super().saved()
        except TargetError:
            if self.settings.target_size is None or not self.raster.plane:
                raise
        return self.without().saved()

    def file(self, parameters: Parameters, payloads: Sequence[bytes]) -> bytes:
        """The file of what a model made; SettingsError for what no reader accepts."""
        header = self.raster.header(parameters)
        return chunks.write(header, self.palette, self.metadata, [*self._payloads, *payloads])

    def completed(self, samples: Array) -> Array:
        """All channels (H, W, C) of those that a model made."""
        return self._beside.completed(samples) if self._beside else samples
