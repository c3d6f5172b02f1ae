"""Saving with the latent model: quantise the pyramid, refine it if there is any effort, code it, meet the target."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from . import container, prior
from .errors import Interrupted, TargetError
from .header import MAX_STEP
from .job import Job, Result, choose_device, smallest_reaching
from .latent_pixels import Samples
from .latent_plan import (
    DEAD_ZONE,
    PRIORS,
    SAMPLED,
    SAMPLED_TILE,
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
)
from .latents import Latents, encode_latents, quantise
from .pixels import Array
from .settings import Progress
from .threads import cores

Encoded = tuple[list[bytes], Latents, Samples]  # what `encode_latents` gives


class LatentJob(Job):
    """A picture as a pyramid of latent grids."""

    def __init__(self, *job: Any) -> None:
        super().__init__(*job)
        self._device = str(choose_device(self.settings.device)) if self.settings.work else "cpu"
        self._chosen: int | None = None
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
                return self._write(self._quantised(index))[0]
        if not small:
            least = min(len(r.data) for r in tried.values())
            raise TargetError(f"target_size: expected at least {least} bytes for this picture, got {target}")
        return max(small, key=lambda r: len(r.data)).data

    def reach_psnr(self, target: float) -> bytes:
        """The smallest file found whose decoded pixels reach `target` dB.

        Stopped or out of time, it keeps that file, or the nearest one where none has reached the target yet.
        """
        first = self._step(self.settings.quality)
        index = last_true(lambda i: self._write(self._quantised(i))[1] >= target, first)
        tried = self._approach(max(index, 0), lambda r: shift_for_psnr(r.psnr, target))
        best = smallest_reaching(tried.values(), target) or max(tried.values(), key=lambda r: r.psnr)
        if best.psnr < target and index >= 0:  # unrefined it does
            return self._write(self._quantised(index))[0]
        if best.psnr < target and not any(r.stopped for r in tried.values()):
            raise TargetError(f"target_psnr: expected {target:g} dB, reached {best.psnr:.2f} dB")
        return best.data

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
        return Result(data, measured, stopped)

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
        return quantise(self.samples, prior.load(number), header.components, index, levels, DEAD_ZONE)

    @property
    def _prior(self) -> int:
        """The prior that makes the picture, or evenly spread tiles of a large one, cost the least without refining."""
        if self._chosen is None:
            index = self._step(self.settings.quality)
            costs = {number: sum(self._cost(part, number, index) for part in self._sample()) for number in PRIORS}
            self._chosen = min(costs, key=lambda number: costs[number])
        return self._chosen

    def _sample(self) -> list[Array]:
        """Parts of the picture, (h, w, C) each."""
        height, width = self.samples.shape[:2]
        if height * width <= SAMPLED:
            return [self.samples]
        side = SAMPLED_TILE
        rows, columns = max(1, height // side), max(1, width // side)
        count = min(rows * columns, SAMPLED // side**2)
        chosen = [divmod(k * rows * columns // count, columns) for k in range(count)]
        return [self.samples[y * side : y * side + side, x * side : x * side + side] for y, x in chosen]

    def _cost(self, samples: Array, number: int, index: int) -> float:
        """Distortion + λ · rate of samples (h, w, C) that a prior codes."""
        latents = quantise(
            samples, prior.load(number), self.header.components, index, levels_for(*samples.shape[:2]), DEAD_ZONE
        )
        payloads, _, decoded = encoded = encode_latents(latents, prior.load(number), self._threads)
        if samples is self.samples:
            self._unrefined[number, index] = latents, encoded
        error = float(np.square((decoded.astype(np.float32) - samples) / self.peak).mean(2).sum())
        step = math.exp2(index / 16 - 6) / 255
        bits = 8 * sum(map(len, payloads))
        return error + TRADE * step * step * bits

    def _refined(self, latents: Latents, iterations: int) -> tuple[Latents, bool, bool]:
        """Better latents; whether the caller stopped it, whether Ctrl-C did."""
        from .fit.latent import Refinement, refine

        threads = self._threads
        adapt = adapts(self.settings.work)
        how = Refinement(
            iterations, TRADE, adapt, self.alpha, self.settings.seed, threads, self._device, self._seconds_left()
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

        refined, interrupted = refine(self.samples, latents, prior.load(self._prior), how, report)
        return refined, stopped, interrupted

    def _write(self, latents: Latents) -> tuple[bytes, float]:
        """The file, and the PSNR of what it decodes to."""
        encoded = next((known for own, known in self._unrefined.values() if own is latents), None)
        payloads, _, samples = encoded or encode_latents(latents, prior.load(self._prior), self._threads)
        header = dataclasses.replace(
            self.header, model="latent", prior=self._prior, hidden=latents.step, layers=latents.levels
        )
        data = container.write(header, self.palette, self.metadata, payloads)
        return data, self.psnr(samples.reshape(self.samples.shape))
