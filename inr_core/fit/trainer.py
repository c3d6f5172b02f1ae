"""The fitting loop: sparsify, then train through the format's arithmetic, and keep the best network."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..interrupts import first_interrupt
from ..pixels import Array
from ..plan import FitPlan
from ..settings import Progress
from ..streams import pack
from ..weights import QuantizedLayer
from .captured import Captured, records, training_on
from .pace import Pace
from .quantize import QuantizedForward, post_training
from .siren import Grid, Siren, solve_output
from .sparsity import Pruning, RigL, erk_counts, largest, random_masks

SPARSE_PHASE = 0.7  # of the run: masks move until here (the study stops at 75 %, with no quantised phase to follow)
QUANTIZED_PHASE = 0.75  # from here on training goes through the format's arithmetic
BEST_PHASE = 0.9  # from here on the picture is evaluated now and then and the best network kept
EVALUATIONS, EVALUATED_PIXELS = 4, 2**18
HURRY_SECONDS, HURRY_STEPS = 2.0, 300  # what a stopped fit may still spend on quantising what it has
REPORT_SECONDS = 0.2
RESTARTS = 3  # of a fit that diverged, each at a third of the learning rate
DIVERGED = 0.86  # of the picture's variance: a loss above it has learnt next to nothing; dense text is at 0.84 for long
ROSE, UNLEARNT = 1.2, 0.25  # so does one that has risen so much, where it is still this share of the variance
CHECK_EVERY, DIVERGED_STEPS = 0.1, 100  # of the run, and steps before anything is concluded from a loss
BUDGET_MARGIN = 0.995  # of `max_bytes`: what the quantised phase aims at, since the symbols' entropy drifts in it


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves: the network as it is stored, and how it ended."""

    layers: list[QuantizedLayer]
    steps: int
    interrupted: bool  # by Ctrl-C
    stopped: bool  # by `report`


def fit(
    samples: Array,
    peak: int,
    alpha: bool,
    plan: FitPlan,
    device: torch.device,
    report: Callable[[Progress], bool | None],
    pace: Pace | None = None,
) -> Fitted:
    """Fit a SIREN to samples (H, W, C) of 0 … peak; with `alpha`, colours under a last channel of zero do not count.

    `pace` chooses torch's threads. `report` is called a few times a second; False from it, or a first Ctrl-C, ends the
    fit with what there is, after at most HURRY_SECONDS and HURRY_STEPS of training through the quantiser; a second
    Ctrl-C ends it with nothing.
    """
    with first_interrupt() as interrupted:
        run = Run(samples, peak, alpha, plan, device)
        with training_on(device):
            run.train(report, interrupted, pace)
        return Fitted(run.finish(), run.step, interrupted.is_set(), run.stopped)


def diverged(loss: float, lowest: float, variance: float) -> bool:
    """Whether a loss, after one that was `lowest`, of samples of that variance, is that of a fit thrown back."""
    return not loss <= min(DIVERGED * variance, max(ROSE * lowest, UNLEARNT * variance))


class Run:
    """The state of one fit.

    A step is two parts, gradients and update, that work on tensors which stay and read none of them, so that on CUDA
    they are recorded and replayed (see `captured`); RigL comes between them, and reads none either.
    """

    def __init__(self, samples: Array, peak: int, alpha: bool, plan: FitPlan, device: torch.device) -> None:
        self.plan, self.peak, self.device = plan, peak, device
        self.learning_rate = plan.learning_rate
        self.restarts = 0
        self.lowest = math.inf  # loss at a check since the last start
        self.grid = Grid(samples, peak, alpha, device, plan.seed, resident=records(device))
        self.variance = self.grid.variance()
        total = sum(out * into for out, into in plan.shapes)
        self.counts = erk_counts(plan.shapes, plan.nonzeros) if plan.nonzeros < total else None
        self.rigl, self.pruning = RigL(), Pruning()
        self.loss = torch.zeros((), device=device)  # of the last step
        self.gradients, self.update = (Captured(part, records(device)) for part in (self._gradients, self._update))
        self._start()
        self.aware = plan.quantization == "qat"
        self.best: tuple[float, list[Tensor]] | None = None
        self.bytes = plan.expected_bytes
        self.step = 0
        self.stopped = False
        self.clock = _Clock(plan.steps, plan.time_limit)

    def _start(self) -> None:
        """A fresh network, its optimiser and its masks."""
        plan = self.plan
        seed = plan.seed + self.restarts
        self.siren = Siren(plan.shapes, plan.omega_first, plan.omega_hidden, seed, self.device)
        self.quantized: QuantizedForward | None = None
        recorded, fused = records(self.device), self.device.type != "mps"
        self.optimizer = torch.optim.Adam(self.siren.parameters, self.learning_rate, fused=fused, capturable=recorded)
        if recorded:
            self.optimizer.param_groups[0]["lr"] = torch.tensor(self.learning_rate, device=self.device)
        self.gradients.renew()
        self.update.renew()
        self.masks: list[Tensor] | None = None  # float (out, in) of ones and zeros; None: no weight is masked
        self.settled = self.counts is None
        if self.counts and plan.sparsity == "rigl":
            self._set_masks(random_masks(plan.shapes, self.counts, seed, self.device))

    def _restart_if_diverged(self, loss: float) -> None:
        """Too high a learning rate throws a SIREN back towards the mean colour, where it stays: begin again, slower."""
        steady = self.settled or self.plan.sparsity == "rigl"  # pruning raises the loss by itself
        lowest, self.lowest = self.lowest if steady else math.inf, min(self.lowest, loss)
        if self.restarts < RESTARTS and self.quantized is None and diverged(loss, lowest, self.variance):
            self.restarts += 1
            self.learning_rate /= 3
            self.lowest = math.inf
            self._start()

    def train(
        self, report: Callable[[Progress], bool | None], interrupted: threading.Event, pace: Pace | None = None
    ) -> None:
        if self.plan.steps == 0:  # as a start for training it would cost 0.9 dB: its large weights are a bad one
            solve_output(self.siren, self.grid)
        next_check, next_best, reported = CHECK_EVERY, BEST_PHASE, time.perf_counter()
        while (fraction := self.clock.fraction(self.step)) < 1:
            if not self.settled:
                self._move_masks(fraction / SPARSE_PHASE)
            if self.aware and self.quantized is None and fraction >= QUANTIZED_PHASE:
                self._start_quantized()
            if pace is not None:
                pace.step()
            self._train_step(fraction)
            self.step += 1
            if fraction >= next_check and self.step >= DIVERGED_STEPS:
                self._restart_if_diverged(float(self.loss))
                next_check += CHECK_EVERY
            if fraction >= next_best and not self.clock.hurried:
                self._keep_best()
                next_best += (1 - BEST_PHASE) / EVALUATIONS
            if not self.clock.hurried:
                now = time.perf_counter()
                if now - reported >= REPORT_SECONDS:
                    reported = now
                    self.stopped = report(self._progress(float(self.loss), fraction)) is False
                if self.stopped or interrupted.is_set():
                    self.clock.hurry(self.step, max(fraction, QUANTIZED_PHASE))

    def _train_step(self, fraction: float) -> None:
        """One step, at `fraction` of the run; nothing of it waits for the device."""
        group = self.optimizer.param_groups[0]
        rate = self.learning_rate * 0.5 * (1 + math.cos(math.pi * fraction))
        group["lr"] = group["lr"].fill_(rate) if isinstance(group["lr"], Tensor) else rate
        self.grid.draw(self.plan.batch)
        self.gradients()
        if not self.settled and self.plan.sparsity == "rigl" and self.rigl.due(self.step):
            assert self.counts is not None
            self._set_masks(self.rigl.update(self.siren.weights, self._masks(), self.counts, fraction / SPARSE_PHASE))
        self.update()

    def _gradients(self) -> None:
        x, target = self.grid.drawn()
        loss = self.grid.loss((self.quantized or self.siren.forward)(x), target)
        gradients = torch.autograd.grad(loss, self.siren.parameters)
        for parameter, gradient in zip(self.siren.parameters, gradients, strict=True):
            parameter.grad = gradient
        self.loss = loss.detach()

    def _update(self) -> None:
        if self.masks is not None:
            for weight, mask in zip(self.siren.weights, self.masks, strict=True):
                assert weight.grad is not None
                weight.grad.mul_(mask)
        self.optimizer.step()

    def finish(self) -> list[QuantizedLayer]:
        """The best network seen, quantised, within `max_bytes`."""
        if not self.settled:
            self._move_masks(1.0)
        if self.aware and self.quantized is None:
            self._start_quantized()
        if self.best is not None:
            self._keep_best()
            with torch.no_grad():
                for parameter, kept in zip(self.siren.parameters, self.best[1], strict=True):
                    parameter.copy_(kept)
        self._shrink_to_budget(1.0)
        return self._layers()

    def _move_masks(self, fraction: float) -> None:
        """Pruning's next step; at the end of the sparse phase exactly the non-zeros asked for."""
        assert self.counts is not None
        if self.plan.sparsity == "prune" and (self.pruning.due(self.step) or fraction >= 1):
            self._set_masks(self.pruning.update(self.siren.weights, self.counts, fraction))
        self.settled = fraction >= 1

    def _set_masks(self, masks: Sequence[Tensor]) -> None:
        """Zero what is masked, in the weights and in the optimiser's moments, and from now on in the gradients."""
        if self.masks is None:
            self.masks = [mask.float() for mask in masks]
            self.update.renew()
        for kept, mask in zip(self.masks, masks, strict=True):
            kept.copy_(mask)
        with torch.no_grad():
            for weight, mask in zip(self.siren.weights, self.masks, strict=True):
                weight.mul_(mask)
                state = self.optimizer.state[weight]
                for name in state.keys() & {"exp_avg", "exp_avg_sq"}:
                    state[name].mul_(mask)

    def _masks(self) -> list[Tensor]:
        """Boolean masks of every layer."""
        if self.masks is None:
            return [torch.ones_like(w, dtype=torch.bool) for w in self.siren.weights]
        return [mask.bool() for mask in self.masks]

    def stored_masks(self) -> list[Tensor | None]:
        """Boolean masks, None for a full layer."""
        return [None if bool(mask.all()) else mask for mask in self._masks()]

    def _start_quantized(self) -> None:
        plan = self.plan
        self.quantized = QuantizedForward(self.siren, self.stored_masks(), plan.bits, plan.bias_bits, self.peak)
        self.gradients.renew()
        self._shrink_to_budget(BUDGET_MARGIN)
        self.bytes = len(pack(self._layers()))

    def _layers(self) -> list[QuantizedLayer]:
        if self.quantized is not None:
            return self.quantized.layers()
        plan = self.plan
        return post_training(self.siren, self.stored_masks(), plan.bits, plan.bias_bits, self.peak, plan.quantization)

    def _shrink_to_budget(self, margin: float) -> None:
        """Drop the smallest weights until the packed network has at most margin · max_bytes."""
        if self.plan.max_bytes is None:
            return
        limit = int(self.plan.max_bytes * margin)
        nonzeros = sum(int(mask.sum()) for mask in self._masks())
        floor = len(self.plan.shapes)
        while (size := len(pack(self._layers()))) > limit and nonzeros > floor:
            nonzeros = max(floor, min(int(nonzeros * limit / size), nonzeros - 1))
            self._keep_largest(erk_counts(self.plan.shapes, nonzeros))

    def _keep_largest(self, counts: Sequence[int]) -> None:
        masks = []
        for weight, mask, count in zip(self.siren.weights, self._masks(), counts, strict=True):
            magnitude = torch.where(mask, weight.detach().abs(), -1.0)
            masks.append(largest(magnitude, min(count, int(mask.sum()))))
        self._set_masks(masks)
        if self.quantized is not None:
            self.quantized.masks = self.stored_masks()

    def _keep_best(self) -> None:
        with torch.no_grad():
            forward = self.quantized or self.siren.forward
            blocks = [(self.grid.loss(forward(x), t), len(x)) for x, t in self.grid.blocks(EVALUATED_PIXELS)]
            losses = torch.stack([loss for loss, _ in blocks]).tolist()
            error = sum(loss * pixels for loss, (_, pixels) in zip(losses, blocks, strict=True))
            if self.best is None or error < self.best[0]:
                self.best = (error, [p.clone() for p in self.siren.parameters])

    def _progress(self, loss: float, fraction: float) -> Progress:
        psnr = 10 * math.log10(4 / max(loss, 1e-10))  # samples span 2
        bpp = 8 * self.bytes / self.grid.pixels
        seconds = self.clock.seconds
        left = seconds * (1 - fraction) / fraction if fraction else math.inf
        phase = "quantise" if self.quantized else "fit"
        return Progress(self.step, max(self.plan.steps, self.step), psnr, bpp, seconds, left, phase)


class _Clock:
    """How far a fit has come, by steps or by seconds, whichever is further."""

    def __init__(self, steps: int, time_limit: float | None) -> None:
        self.steps, self.time_limit = steps, time_limit
        self.started = time.perf_counter()
        self.hurried = False
        self._hurried_from, self._hurried_at = 0.0, (0.0, 0)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def fraction(self, step: int) -> float:
        """0 … 1 and more."""
        done = step / self.steps if self.steps else 1.0
        if self.hurried:
            seconds, steps = self.seconds - self._hurried_at[0], step - self._hurried_at[1]
            hurry = max(seconds / HURRY_SECONDS, steps / HURRY_STEPS)
            return max(self._hurried_from + (1 - self._hurried_from) * hurry, done)
        return max(done, self.seconds / self.time_limit) if self.time_limit else done

    def hurry(self, step: int, fraction: float) -> None:
        """Run from `fraction` at `step` to the end in HURRY_SECONDS or HURRY_STEPS, whichever is sooner."""
        self.hurried, self._hurried_from, self._hurried_at = True, fraction, (self.seconds, step)
