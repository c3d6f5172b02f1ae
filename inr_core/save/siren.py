"""Saving with the siren model: plan a network of the coordinates, train it, pack it."""

from __future__ import annotations

import time

from ..container.header import check_header
from ..container.ranges import Range
from ..errors import Interrupted, SettingsError
from ..limits import Limits
from ..models import SirenShape
from ..siren.cost import siren_cost
from ..siren.plan import FIRST_QUALITY, characteristic_frequency, make_plan, next_quality
from ..siren.streams import pack
from ..stretch import ranges_of
from .job import NOT_MEASURED, Request, Result, choose_device
from .lossy import LossyJob
from .search import Made, reaching, search, smallest_reaching, too_small

BLANK = SirenShape(1, 2)  # the least there is, for the bytes that a file has beside its network
LAST_SHARE = 0.1  # of the time limit: with less left, no further fit is worth beginning


class SirenJob(LossyJob):
    """A picture as a network of the coordinates."""

    def __init__(self, request: Request, *, plane: bool = True) -> None:
        super().__init__(request, plane=plane)
        self.device = choose_device(self.settings.device)

    def _ranges(self) -> tuple[Range, ...]:
        """Without what only a few pixels have: one hot pixel would take all of the training, and not come back."""
        return ranges_of(self.values, self.alpha, few=False)

    def run(self, quality: float) -> Result:
        """As `Job.run`: fit once."""
        return self._fitted(quality)

    def _fitted(self, quality: float, max_bytes: int | None = None, time_limit: float | None = None) -> Result:
        """Fit once; `max_bytes` bounds the whole file."""
        from ..fit.siren.trainer import fit

        overhead = len(self.file(BLANK, [b""]))  # refuses what no file can hold
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
        shape = SirenShape(plan.shapes[0][0], len(plan.shapes))
        check_header(self.raster.header(shape))  # before training, not after
        self._check_cost(shape)
        if max_bytes is not None and limit is not None and limit < plan.smallest_bytes:
            raise too_small(plan.smallest_bytes + overhead, max_bytes)
        fitted = fit(self.coded, self.peak, self.codes_alpha, plan, self.device, self.fitting, self.threads)
        data = self.file(shape, [pack(fitted.layers)])
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

    def _check_cost(self, shape: SirenShape) -> None:
        """SettingsError for a network that readers refuse to decode by default."""
        cost = siren_cost(shape, self.raster.coded, (self.raster.width, self.raster.height))
        cost, most = cost + self._beside.cost if self._beside else cost, Limits().seconds
        if cost.seconds > most:
            got = f"{cost.seconds:.0f}: {shape.layers} layers of {shape.hidden} neurons for {self.request.count} pixels"
            raise SettingsError(f"width, depth: expected a network decoded in {most:g} nominal seconds, got {got}")

    def meet_size(self, target: int) -> bytes:
        """As `Job.meet_size`: the network is planned by what is left for it."""
        data = self._fitted(self.settings.quality, target).data
        if len(data) > target:
            raise too_small(len(data), target)
        return data

    def reach_psnr(self, target: float) -> bytes:
        """As `Job.reach_psnr`, by a secant search over quality, each fit within half of the time that is left."""
        limit = self.settings.time_limit

        def left() -> float | None:
            return None if limit is None else limit - (time.perf_counter() - self.started)

        def make(quality: float) -> Result:
            seconds = left()
            return self._fitted(quality, time_limit=None if seconds is None else seconds / 2)

        def following(made: Made) -> float | None:
            seconds = left()
            if limit is not None and seconds is not None and seconds <= LAST_SHARE * limit:
                return None
            return next_quality({quality: result.psnr for quality, result in made.items()}, target)

        made = search(make, FIRST_QUALITY, following, lambda complete: smallest_reaching(complete, target))
        return self.handed_back(reaching(made.values(), target, "; more effort may reach it"))
