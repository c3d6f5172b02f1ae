"""What saving with either lossy model has in common: a plane that stands exactly beside what the model makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..container import chunks
from ..container.header import Header
from ..exact.beside import Beside
from ..latent.plan import step_for, tiles
from ..pixels import Array
from ..process.threads import cores
from .exact import LEVELS
from .job import Job
from .planes import choose_plane

PLANE_LEVEL = 15  # of Zstandard at least: it is not much that is packed


class LossyJob(Job):
    """A picture whose colours may change. `plane`: whether something may stand beside it that does not."""

    def __init__(self, *job: Any, plane: bool = True) -> None:
        super().__init__(*job)
        self.job = job
        self._payloads: list[bytes] = []
        self._beside: Beside | None = None
        settings = self.settings
        if plane:
            step, level = step_for(settings.quality, self.header.share), max(LEVELS[settings.work], PLANE_LEVEL)
            threads = settings.threads or cores()
            found = choose_plane(self.samples, tiles(self.samples), self.header, step, level, threads)
            if found:
                kind, payload = found
                self.header = dataclasses.replace(self.header, plane=kind)
                self._payloads, self._beside = [payload], Beside(self.header, payload)
        self.coded: Array = np.ascontiguousarray(self.samples[..., : self.header.coded])  # what the model makes
        self.codes_alpha = self.alpha and self.header.plane != "alpha"

    def file(self, header: Header, payloads: Sequence[bytes]) -> bytes:
        """The file of what a model made."""
        return chunks.write(header, self.palette, self.metadata, [*self._payloads, *payloads])

    def completed(self, samples: Array) -> Array:
        """All channels (H, W, C) of those that a model made."""
        return self._beside.completed(samples) if self._beside else samples
