"""Saving with the latent model: quantise the pyramid, refine it if there is any effort, code it, meet the target."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..container.chunks import FRAME_BYTES
from ..errors import Interrupted, NoTorchWarning
from ..latent import prior
from ..latent.choosing import transform
from ..latent.encoding import Encoded, encode_latents, encode_transformed
from ..latent.latents import Latents
from ..latent.plan import (
    TRADE,
    TRIALS,
    adapts,
    cost_gain,
    iterations_for,
    last_true,
    levels_for,
    price_of_bit,
    priors_for,
    shift_for_psnr,
    shift_for_size,
    size_gain,
    step_for,
    trade_for,
)
from ..models import MAX_STEP, LatentShape
from ..pixels import Array
from ..settings import Progress, Settings
from .job import Request, Result, choose_device, why_no_torch
from .lossy import LossyJob
from .search import Made, reaching, search, smallest_reaching, too_small, within
from .spread import spread_parts

_Made = TypeVar("_Made")

# times what is not refined costs in squared error and bits: then refining has gone astray. For looks, which squared
# errors do not tell, it is 0.95 to 1.15 on Kodak's pictures.
ASTRAY = 1.5
MEASURED = ("I;16",)  # modes that are tuned for PSNR always


class LatentJob(LossyJob):
    """A picture as a pyramid of latent grids."""

    def __init__(self, request: Request, *, plane: bool = True) -> None:
        super().__init__(request, plane=plane)
        self._device = str(choose_device(self.settings.device)) if self.settings.work else "cpu"
        self._chosen: tuple[int, float, float] | None = None
        # what choosing a prior for a small picture leaves, by prior and step: at effort 0 it is the file
        self._unrefined: dict[tuple[int, int], Encoded] = {}
        self._files: dict[int, Result] = {}  # not refined, by step

    @classmethod
    def possible(cls, settings: Settings) -> Settings:
        """As `Job.possible`: without torch there is no effort."""
        if settings.effort is None and (missing := why_no_torch()):
            msg = f"{missing}: saving with effort=0; pip install torch"
            warnings.warn(msg, NoTorchWarning, stacklevel=5)  # from `encode`'s caller
            return dataclasses.replace(settings, effort=0)
        return settings

    def run(self, quality: float) -> Result:
        """As `Job.run`."""
        return self._save(self._step(quality))

    def meet_size(self, target: int) -> bytes:
        """As `Job.meet_size`: refined from the step on that unrefined files say, or one of these."""
        most = target * size_gain(self.settings.work, self._look)
        first = self._step(self.settings.quality)
        index = last_true(lambda i: len(self._unrefined_file(i).data) > most, first) + 1
        made = self._approach(min(index, MAX_STEP), lambda r: shift_for_size(len(r.data), target))
        best = within(made.values(), target)
        if best is None and self._iterations():
            coarsest = int(max(made))
            index = last_true(lambda i: len(self._unrefined_file(i).data) > target, coarsest) + 1
            best = self._unrefined_file(index) if index <= MAX_STEP else None
        if best is None:
            raise too_small(min(len(r.data) for r in made.values()), target)
        return self.handed_back(best)

    def reach_psnr(self, target: float) -> bytes:
        """As `Job.reach_psnr`: refined from the step on that unrefined files say, or one of these."""
        first = self._step(self.settings.quality)
        index = last_true(lambda i: self._unrefined_file(i).psnr >= target, first)
        made = self._approach(max(index, 0), lambda r: shift_for_psnr(r.psnr, target))
        if index >= 0 and smallest_reaching(made.values(), target) is None:
            return self.handed_back(self._unrefined_file(index))
        return self.handed_back(reaching(made.values(), target))

    def _unrefined_file(self, index: int) -> Result:
        """A file with that quantisation step, not refined."""
        if index not in self._files:
            self._files[index] = Result(*self._write(self._encoded(index)), stopped=False, steps=0)
        return self._files[index]

    def _step(self, quality: float) -> int:
        return step_for(quality, self.raster.share, self._look)

    def _approach(self, first: int, shift: Callable[[Result], int]) -> dict[float, Result]:
        """Files from a first step index on to where `shift` of the file made says, until it says 0."""

        def following(made: Made) -> float | None:
            last, result = list(made.items())[-1]
            index = min(max(last + shift(result), 0), MAX_STEP)
            return None if index in made or len(made) == TRIALS or self._seconds_left() == 0 else index

        def best(made: Iterable[Result]) -> Result | None:
            return min(made, key=lambda r: abs(shift(r)), default=None)

        return search(lambda index: self._save(int(index)), first, following, best)

    def _save(self, index: int) -> Result:
        """A file with that quantisation step, refined as the effort says."""
        iterations = self._iterations()
        if not iterations and (known := self._files.get(index)):
            self.done(known.data, known.steps, known.psnr)
            return known
        stopped = False
        encoded, interrupted = _done(lambda: self._encoded(index))
        if iterations and not interrupted:
            refined, stopped, interrupted = self._refined(encoded[1], iterations)
            encoded, again = _done(lambda: self._better(refined, encoded, index))
            interrupted |= again
        (data, measured), again = _done(lambda: self._write(encoded))
        if interrupted or again:
            raise Interrupted(data)
        self.done(data, iterations, measured)
        return Result(data, measured, stopped, iterations)

    def _iterations(self) -> int:
        return iterations_for(self.settings.work, self.request.count)

    def _seconds_left(self) -> float:
        if self.settings.time_limit is None:
            return math.inf
        return max(0.0, self.settings.time_limit - (time.perf_counter() - self.started))

    def _encoded(self, index: int) -> Encoded:
        """The picture by the step of an index, not refined."""
        number = self._prior
        return self._unrefined.get((number, index)) or self._encode(self.coded, number, index)

    def _encode(self, samples: Array, number: int, index: int) -> Encoded:
        """Samples (h, w, C) by a prior and the index of a step, not refined."""
        height, width = samples.shape[:2]
        levels, known = levels_for(width, height), prior.load(number)
        transformed = transform(samples, known, self.raster.components, index, levels, self._look)
        return encode_transformed(transformed, known, self.threads)

    @property
    def _look(self) -> bool:
        """Whether steps are weighted for looks: not those of measured values, which mode I;16 mostly holds."""
        return self.settings.look and self.raster.mode not in MEASURED

    @property
    def visible(self) -> NDArray[np.bool_] | None:
        """(H, W): which pixels anybody can see; None: all."""
        return self.samples[..., -1] > 0 if self.alpha else None

    @property
    def guessed_size(self) -> float:
        """As `Job.guessed_size`."""
        return self.refined_size(self._tried[1]) + sum(map(len, self._payloads))

    @property
    def guessed_cost(self) -> float:
        """As `Job.guessed_cost`."""
        _, size, error = self._tried
        coded, trade = self.raster.coded, trade_for(self.settings.quality, self.raster.coded)
        beside = FRAME_BYTES + sum(FRAME_BYTES + len(payload) for payload in self._payloads)
        return self.refined_cost(coded * 255**2 * error + 8 * trade * size) + 8 * trade * beside

    def refined_size(self, unrefined: float) -> float:
        """As `Job.refined_size`."""
        return unrefined / size_gain(self.settings.work, self._look)

    def refined_cost(self, unrefined: float) -> float:
        """As `Job.refined_cost`."""
        return unrefined / cost_gain(self.settings.work)

    def unrefined(self) -> Result | None:
        """As `Job.unrefined`."""
        settings, first = self.settings, self._step(self.settings.quality)
        if not self.has_target:
            index = first
        elif settings.target_psnr is not None:
            least = settings.target_psnr
            index = last_true(lambda i: self._unrefined_file(i).psnr >= least, first)
        else:
            most = settings.target_size or math.inf
            index = last_true(lambda i: len(self._unrefined_file(i).data) > most, first) + 1
        return self._unrefined_file(index) if 0 <= index <= MAX_STEP else None

    @property
    def _prior(self) -> int:
        """The prior that makes the picture cost the least without refining."""
        return self._tried[0]

    @property
    def _tried(self) -> tuple[int, float, float]:
        """The better prior, judged by evenly spread parts of a large picture; bytes and error of all, not refined."""
        if self._chosen is None:
            index, parts = self._step(self.settings.quality), spread_parts(self.coded)
            numbers = priors_for(self.settings.work, self._look)
            costs = {number: [self._cost(part, number, index) for part in parts] for number in numbers}
            best = min(costs, key=lambda number: sum(error + 8 * price_of_bit(index) * n for n, error in costs[number]))
            share = sum(part[..., 0].size for part in parts) / self.coded[..., 0].size
            size, error = (sum(each) / share for each in zip(*costs[best], strict=True))
            self._chosen = best, size, error
        return self._chosen

    def _cost(self, samples: Array, number: int, index: int) -> tuple[int, float]:
        """The bytes of samples (h, w, C) that a prior codes, and the squared error of a pixel's mean sample, 0 … 1."""
        payloads, _, decoded = encoded = self._encode(samples, number, index)
        if samples.shape == self.coded.shape:
            self._unrefined[number, index] = encoded
        return sum(map(len, payloads)), self._error_of(decoded, samples)

    def _error_of(self, decoded: Array, samples: Array) -> float:
        """The squared error of a pixel's mean sample, 0 … 1, of samples (h, w, C)."""
        apart = decoded.astype(np.float32) - samples
        error: float = np.square(apart, out=apart).sum().item() / self.peak**2 / samples.shape[2]
        return error

    def _better(self, refined: Latents, unrefined: Encoded, index: int) -> Encoded:
        """What is refined, but for what costs far more then, as noise does: nearly all latents change at once there."""
        made = encode_latents(refined, prior.load(self._prior), self.threads)
        seen = None if self.visible is None else self.visible[..., None]

        def cost(encoded: Encoded) -> float:
            payloads, _, decoded = encoded
            samples = decoded.reshape(self.coded.shape)
            error = self._error_of(samples if seen is None else np.where(seen, samples, self.coded), self.coded)
            return error + 8 * price_of_bit(index) * sum(map(len, payloads))

        return made if cost(made) <= ASTRAY * cost(unrefined) else unrefined

    def _refined(self, latents: Latents, iterations: int) -> tuple[Latents, bool, bool]:
        """Better latents; whether the caller stopped it, whether Ctrl-C did."""
        from ..fit.latent.refine import Refinement, refine

        threads = self.threads
        adapt = adapts(self.settings.work, self.request.count)
        how = Refinement(
            iterations,
            TRADE,
            adapt,
            self.visible,
            self.codes_alpha,
            self.settings.seed,
            threads,
            self._device,
            self._seconds_left(),
        )
        stopped = False
        started = time.perf_counter()

        def report(step: int, psnr: float, bpp: float) -> bool:
            nonlocal stopped
            if self.progress is not None:
                seconds = time.perf_counter() - self.started
                left = (time.perf_counter() - started) / step * (iterations - step)
                stopped = self.fitting(Progress(step, iterations, psnr, bpp, seconds, left, "fit")) is False
            return not stopped

        refined, interrupted = refine(self.coded, latents, prior.load(self._prior), how, report)
        return refined, stopped, interrupted

    def _write(self, encoded: Encoded) -> tuple[bytes, float]:
        """The file, and the PSNR of what it decodes to."""
        payloads, latents, samples = encoded
        data = self.file(LatentShape(self._prior, latents.step, latents.levels), payloads)
        return data, self.psnr(self.completed(samples.reshape(self.coded.shape)))


def _done(work: Callable[[], _Made]) -> tuple[_Made, bool]:
    """What `work` gives, and whether Ctrl-C came meanwhile: it is done once more then, and a second one ends it."""
    try:
        return work(), False
    except KeyboardInterrupt:
        return work(), True
