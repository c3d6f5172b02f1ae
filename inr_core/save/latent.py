"""Saving with the latent model: quantise the pyramid, refine it if there is any effort, code it, meet the target."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..container.header import MAX_STEP
from ..errors import Interrupted, TargetError
from ..kernels.colour import Samples
from ..latent import prior
from ..latent.encoding import encode_latents
from ..latent.latents import Latents, quantise
from ..latent.plan import (
    DEAD_ZONE,
    PRIORS,
    SIZE_GAIN,
    TRADE,
    TRIALS,
    adapts,
    iterations_for,
    last_true,
    levels_for,
    shift_for_psnr,
    shift_for_size,
    step_for,
    tiles,
)
from ..pixels import Array
from ..process.threads import cores
from ..settings import Progress
from .job import Result, choose_device, smallest_reaching
from .lossy import LossyJob

Encoded = tuple[list[bytes], Latents, Samples]  # what `encode_latents` gives


class LatentJob(LossyJob):
    """A picture as a pyramid of latent grids."""

    def __init__(self, *job: Any, plane: bool = True) -> None:
        super().__init__(*job, plane=plane)
        self._device = str(choose_device(self.settings.device)) if self.settings.work else "cpu"
        self._chosen: tuple[int, float] | None = None
        # what choosing a prior for a small picture leaves, by prior and step: at effort 0 it is the file
        self._unrefined: dict[tuple[int, int], tuple[Latents, Encoded]] = {}

    def run(self, quality: float) -> Result:
        """Save once."""
        return self._save(self._step(quality))

    def meet_size(self, target: int) -> bytes:
        """The best file of at most `target` bytes."""
        most = target * (SIZE_GAIN if self._iterations() else 1.0)
        first = self._step(self.settings.quality)
        index = last_true(lambda i: len(self._write(self._quantised(i))[0]) > most, first) + 1
        tried = self._approach(min(index, MAX_STEP), lambda r: shift_for_size(len(r.data), target))
        small = [r for r in tried.values() if len(r.data) <= target]
        if not small and self._iterations():  # unrefined one may
            index = last_true(lambda i: len(self._write(self._quantised(i))[0]) > target, max(tried)) + 1
            if index <= MAX_STEP:
                return self.handed_back(self._unrefined_file(index))
        if not small:
            least = min(len(r.data) for r in tried.values())
            raise TargetError(f"target_size: expected at least {least} bytes for this picture, got {target}")
        return self.handed_back(max(small, key=lambda r: len(r.data)))

    def reach_psnr(self, target: float) -> bytes:
        """The smallest file found whose decoded pixels reach `target` dB.

        Stopped or out of time, it keeps that file, or the nearest one where none has reached the target yet.
        """
        first = self._step(self.settings.quality)
        index = last_true(lambda i: self._write(self._quantised(i))[1] >= target, first)
        tried = self._approach(max(index, 0), lambda r: shift_for_psnr(r.psnr, target))
        best = smallest_reaching(tried.values(), target) or max(tried.values(), key=lambda r: r.psnr)
        if best.psnr < target and index >= 0:  # unrefined it does
            return self.handed_back(self._unrefined_file(index))
        if best.psnr < target and not any(r.stopped for r in tried.values()):
            raise TargetError(f"target_psnr: expected {target:g} dB, reached {best.psnr:.2f} dB")
        return self.handed_back(best)

    def _unrefined_file(self, index: int) -> Result:
        """A file with that quantisation step, not refined."""
        return Result(*self._write(self._quantised(index)), stopped=False, steps=0)

    def _step(self, quality: float) -> int:
        return step_for(quality, self.header.share)

    def _approach(self, index: int, shift: Callable[[Result], int]) -> dict[int, Result]:
        """Files by step index: from a first guess to where `shift` of the file made says, until it says 0."""
        tried: dict[int, Result] = {}
        for _ in range(TRIALS):
            try:
                result = tried[index] = self._save(index)
            except Interrupted as e:
                best = min(tried.values(), key=lambda r: abs(shift(r)), default=None)
                raise (Interrupted(best.data) if best else e) from e
            index = min(max(index + shift(result), 0), MAX_STEP)
            if index in tried or result.stopped or self._seconds_left() == 0:
                break
        return tried

    def _save(self, index: int) -> Result:
        """A file with that quantisation step, refined as the effort says."""
        latents, stopped, interrupted = self._quantised(index), False, False
        iterations = self._iterations()
        if iterations:
            latents, stopped, interrupted = self._refined(latents, iterations)
        try:
            data, measured = self._write(latents)
        except KeyboardInterrupt:  # the latents are there: a second one ends it
            (data, measured), interrupted = self._write(latents), True
        if interrupted:
            raise Interrupted(data)
        self.done(data, iterations, measured)
        return Result(data, measured, stopped, iterations)

    def _iterations(self) -> int:
        return iterations_for(self.settings.work, self.header.width * self.header.height)

    @property
    def _threads(self) -> int:
        return self.settings.threads or cores()

    def _seconds_left(self) -> float:
        if self.settings.time_limit is None:
            return math.inf
        return max(0.0, self.settings.time_limit - (time.perf_counter() - self.started))

    def _quantised(self, index: int) -> Latents:
        header, number = self.header, self._prior
        if (number, index) in self._unrefined:
            return self._unrefined[number, index][0]
        levels = levels_for(header.width, header.height)
        return quantise(self.coded, prior.load(number), header.components, index, levels, DEAD_ZONE)

    @property
    def guessed_size(self) -> float:
        """About how many bytes of pixels the file will have by the quality."""
        refined = SIZE_GAIN if self._iterations() else 1.0
        return self._tried[1] / refined + sum(map(len, self._payloads))

    @property
    def _prior(self) -> int:
        """The prior that makes the picture cost the least without refining."""
        return self._tried[0]

    @property
    def _tried(self) -> tuple[int, float]:
        """The better prior, judged by evenly spread tiles of a large picture; bytes of the whole, not refined."""
        if self._chosen is None:
            index, parts = self._step(self.settings.quality), tiles(self.coded)
            costs = {number: [self._cost(part, number, index) for part in parts] for number in PRIORS}
            best = min(costs, key=lambda number: sum(cost for cost, _ in costs[number]))
            share = sum(part[..., 0].size for part in parts) / self.coded[..., 0].size
            self._chosen = best, sum(size for _, size in costs[best]) / share
        return self._chosen

    def _cost(self, samples: Array, number: int, index: int) -> tuple[float, int]:
        """Distortion + λ · rate of samples (h, w, C) that a prior codes, and the bytes."""
        latents = quantise(
            samples, prior.load(number), self.header.components, index, levels_for(*samples.shape[:2]), DEAD_ZONE
        )
        payloads, _, decoded = encoded = encode_latents(latents, prior.load(number), self._threads)
        if samples is self.coded:
            self._unrefined[number, index] = latents, encoded
        error = float(np.square((decoded.astype(np.float32) - samples) / self.peak).mean(2).sum())
        step = math.exp2(index / 16 - 6) / 255
        size = sum(map(len, payloads))
        return error + 8 * TRADE * step * step * size, size

    def _refined(self, latents: Latents, iterations: int) -> tuple[Latents, bool, bool]:
        """Better latents; whether the caller stopped it, whether Ctrl-C did."""
        from ..fit.latent.refine import Refinement, refine

        threads = self._threads
        adapt = adapts(self.settings.work)
        how = Refinement(
            iterations,
            TRADE,
            adapt,
            self.samples[..., -1] > 0 if self.alpha else None,
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

    def _write(self, latents: Latents) -> tuple[bytes, float]:
        """The file, and the PSNR of what it decodes to."""
        encoded = next((known for own, known in self._unrefined.values() if own is latents), None)
        payloads, _, samples = encoded or encode_latents(latents, prior.load(self._prior), self._threads)
        header = dataclasses.replace(
            self.header, model="latent", prior=self._prior, hidden=latents.step, layers=latents.levels
        )
        data = self.file(header, payloads)
        return data, self.psnr(self.completed(samples.reshape(self.coded.shape)))
