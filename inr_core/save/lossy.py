"""What saving with either lossy model has in common: a plane that stands exactly beside what the model makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..container import chunks
from ..errors import TargetError
from ..exact.beside import Beside
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
        self._beside: Beside | None = None
        if plane:
            step = step_for(self.settings.quality, self.raster.share)
            level = max(LEVELS[self.settings.work], PLANE_LEVEL)
            found = choose_plane(self.samples, spread_parts(self.samples), self.raster, step, level, self.threads)
            if found:
                kind, payload = found
                self.raster = dataclasses.replace(self.raster, plane=kind)
                self._payloads, self._beside = [payload], Beside(self.raster, payload)
        self.coded: Array = np.ascontiguousarray(self.samples[..., : self.raster.coded])  # what the model makes
        self.codes_alpha = self.alpha and self.raster.plane != "alpha"

    def saved(self) -> bytes:
        """As `Job.saved`; where what comes back exactly takes too much of a size, without it."""
        try:
            return super().saved()
        except TargetError:
            if self.settings.target_size is None or not self.raster.plane:
                raise
        return type(self)(self.request, plane=False).saved()

    def file(self, parameters: Parameters, payloads: Sequence[bytes]) -> bytes:
        """The file of what a model made; SettingsError for what no reader accepts."""
        header = self.raster.header(parameters)
        return chunks.write(header, self.palette, self.metadata, [*self._payloads, *payloads])

    def completed(self, samples: Array) -> Array:
        """All channels (H, W, C) of those that a model made."""
        return self._beside.completed(samples) if self._beside else samples
