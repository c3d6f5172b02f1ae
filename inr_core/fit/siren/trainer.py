"""The fitting loop: sparsify, then train through the format's arithmetic, and keep the best network."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from ...pixels import Array
from ...process.own_thread import Watch, watched
from ...process.threads import Crew
from ...process.torch_settings import FASTER, products, undisturbed
from ...settings import Progress
from ...siren.plan import FitPlan
from ...siren.streams import pack
from ...siren.weights import QuantisedLayer
from ..captured import Captured, own_stream, records
from .adam import Adam
from .clock import Clock
from .gradients import Gradients
from .layer_pass import forward
from .masks import Masks
from .network import Grid, Siren, solve_output
from .quantise import QuantisedForward, post_training

SPARSE_PHASE = 0.7  # of the run: masks move until here (the study stops at 75 %, with no quantised phase to follow)
QUANTISED_PHASE = 0.75  # from here on training goes through the format's arithmetic
BEST_PHASE = 0.9  # from here on the picture is evaluated now and then and the best network kept
EVALUATIONS, EVALUATED_PIXELS = 4, 2**18
EVALUATED_AT_ONCE = {"cpu": 4096}  # pixels; elsewhere all of them
REPORT_SECONDS = 0.2
RESTARTS = 3  # of a fit that diverged, each at a third of the learning rate
DIVERGED = 0.86  # of the picture's variance: a loss above it has learnt next to nothing; dense text is at 0.84 for long
ROSE, UNLEARNT = 1.2, 0.25  # so does one that has risen so much, where it is still this share of the variance
CHECK_EVERY, DIVERGED_STEPS = 0.1, 100  # of the run, and steps before anything is concluded from a loss
BUDGET_MARGIN = 0.995  # of `max_bytes`: what the quantised phase aims at, since the symbols' entropy drifts in it


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves: the network as it is stored, and how it ended."""

    layers: list[QuantisedLayer]
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
    threads: int = 1,
) -> Fitted:
    """Fit a SIREN to samples (H, W, C) of 0 … peak; with `alpha`, colours under a last channel of zero do not count.

    On so many threads of a CPU, which do not change the result. `report` is called a few times a second, by the thread
    that has called this, while others work; False from it, or a first Ctrl-C, ends the fit with what there is, after at
    most HURRY_SECONDS and HURRY_STEPS of training through the quantiser; a second Ctrl-C ends it with nothing.
    """

    def work(watch: Watch) -> Fitted:
        with Run(samples, peak, alpha, plan, device, threads) as run, run.at_work():
            run.train(watch.report, watch.interrupted, watch.check)
            return Fitted(run.finish(), run.step, watch.interrupted.is_set(), run.stopped)

    return watched(work, report)


def diverged(loss: float, lowest: float, variance: float) -> bool:
    """Whether a loss, after one that was `lowest`, of samples of that variance, is that of a fit thrown back."""
    return not loss <= min(DIVERGED * variance, max(ROSE * lowest, UNLEARNT * variance))


class Run:
    """The state of one fit: a context manager, since threads and recordings end with it.

    A step is two parts, gradients and update, that work on tensors which stay and read none of them, so that on CUDA
    they are recorded and replayed (see `captured`); RigL comes between them, and reads none either.
    """

    def __init__(
        self, samples: Array, peak: int, alpha: bool, plan: FitPlan, device: torch.device, threads: int = 1
    ) -> None:
        self.plan, self.peak, self.device = plan, peak, device
        self.learning_rate = plan.learning_rate
        self.restarts = 0
        self.lowest = math.inf  # loss at a check since the last start
        self.crew = Crew(threads if device.type == "cpu" else 1, around=undisturbed)
        self._computing, self._updating = Captured(records(device)), Captured(records(device))
        self.aware = plan.quantization == "qat"
        self.best: tuple[float, Tensor] | None = None
        self.bytes = plan.expected_bytes
        self.step = 0
        self.stopped = False
        with self.at_work():
            self.grid = Grid(samples, peak, alpha, device, plan.seed, resident=records(device))
            self.variance = self.grid.variance()
            size = min(plan.batch, self.grid.pixels)
            self.gradient = Gradients(plan.shapes, size, device, self.crew)
            self._start()
        self.clock = Clock(plan.steps, plan.time_limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.crew.__exit__(None, None, None)
        self._computing.renew()
        self._updating.renew()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """What everything that this does has to be done in; it may be left and entered again."""
        with undisturbed(), own_stream(self.device):
            yield

    def _start(self) -> None:
        """A fresh network, its optimiser and its masks."""
        plan = self.plan
        seed = plan.seed + self.restarts
        self._computing.renew()
        self._updating.renew()
        self.siren = Siren(plan.shapes, plan.omega_first, plan.omega_hidden, seed, self.device)
        self.quantised: QuantisedForward | None = None
        self.optimizer = Adam(self.siren.parameters.flat)
        self.masks = Masks(plan, self.siren, self.optimizer, self._updating, seed)

    def _restart_if_diverged(self, loss: float) -> None:
        """Too high a learning rate throws a SIREN back towards the mean colour, where it stays: begin again, slower."""
        lowest, self.lowest = math.inf if self.masks.pruned else self.lowest, min(self.lowest, loss)
        if self.restarts < RESTARTS and self.quantised is None and diverged(loss, lowest, self.variance):
            self.restarts += 1
            self.learning_rate /= 3
            self.lowest = math.inf
            self._start()

    def train(
        self,
        report: Callable[[Progress], bool | None],
        interrupted: threading.Event,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """All steps, or as many as are left time for. `check` is called before each, to raise what is to end it."""
        if self.plan.steps == 0:  # as a start for training it would cost 0.9 dB: its large weights are a bad one
            with products(self.device, FASTER):
                solve_output(self.siren, self.grid)
        next_check, next_best, reported = CHECK_EVERY, BEST_PHASE, time.perf_counter()
        while (fraction := self.clock.fraction(self.step)) < 1:
            self.masks.settle(self.step, fraction / SPARSE_PHASE)
            if self.aware and self.quantised is None and fraction >= QUANTISED_PHASE:
                self._start_quantised()
            check()
            self._train_step(fraction)
            self.step += 1
            if fraction >= next_check and self.step >= DIVERGED_STEPS:
                self._restart_if_diverged(float(self.gradient.loss))
                next_check += CHECK_EVERY
            if fraction >= next_best and not self.clock.hurried:
                self._keep_best()
                next_best += (1 - BEST_PHASE) / EVALUATIONS
            if not self.clock.hurried:
                now = time.perf_counter()
                if now - reported >= REPORT_SECONDS:
                    reported = now
                    self.stopped = report(self._progress(float(self.gradient.loss), fraction)) is False
                if self.stopped or interrupted.is_set():
                    self.clock.hurry(self.step, max(fraction, QUANTISED_PHASE))

    def _train_step(self, fraction: float) -> None:
        """One step, at `fraction` of the run; nothing of it waits for the device."""
        self.optimizer.start_step(self.learning_rate * 0.5 * (1 + math.cos(math.pi * fraction)))
        self.grid.draw(self.plan.batch)
        self.compute_gradients()
        self.masks.grow(self.step, fraction / SPARSE_PHASE, self.gradient.total.weights)
        self.update()

    def compute_gradients(self) -> None:
        """Of the batch that is drawn, by all parameters, masked or not."""
        with products(self.device, FASTER):
            self._computing(self._compute)

    def _compute(self) -> None:
        self.gradient.compute(self.quantised or self.siren, self.grid)

    def update(self) -> None:
        """Move the parameters that are not masked."""
        self._updating(self._update)

    def _update(self) -> None:
        gradient = self.gradient.total.flat
        self.masks.apply(gradient)
        self.optimizer.step(gradient)

    def finish(self) -> list[QuantisedLayer]:
        """The best network seen, quantised, within `max_bytes`."""
        self.masks.settle(self.step, 1.0)
        if self.aware and self.quantised is None:
            self._start_quantised()
        if self.best is not None:
            self._keep_best()
            self.siren.parameters.flat.copy_(self.best[1])
        self._shrink_to_budget(1.0)
        return self._layers()

    def _start_quantised(self) -> None:
        """From now on the forward pass is the format's, of weights that fit into `max_bytes`."""
        plan = self.plan
        self._computing.renew()
        self.quantised = QuantisedForward(self.siren, self.masks.stored(), plan.bits, plan.bias_bits, self.peak)
        self._shrink_to_budget(BUDGET_MARGIN)
        self.bytes = len(pack(self._layers()))

    def _layers(self) -> list[QuantisedLayer]:
        """As they would be stored now."""
        if self.quantised is not None:
            return self.quantised.stored()
        plan = self.plan
        return post_training(self.siren, self.masks.stored(), plan.bits, plan.bias_bits, self.peak, plan.quantization)

    def _shrink_to_budget(self, margin: float) -> None:
        """Drop the smallest weights until the packed network has at most margin · max_bytes."""
        if self.plan.max_bytes is None:
            return
        limit = int(self.plan.max_bytes * margin)
        nonzeros = self.masks.nonzeros()
        floor = len(self.plan.shapes)
        while (size := len(pack(self._layers()))) > limit and nonzeros > floor:
            nonzeros = max(floor, min(int(nonzeros * limit / size), nonzeros - 1))
            self.masks.keep_largest(nonzeros)
            if self.quantised is not None:
                self.quantised.masks = self.masks.stored()

    def _keep_best(self) -> None:
        """Remember the parameters if the picture's error is the least so far."""
        error = self._error()
        if self.best is None or error < self.best[0]:
            self.best = (error, self.siren.parameters.flat.clone())

    def _error(self) -> float:
        """Squared, of the whole picture or evenly spread pixels of a large one."""
        network = self.quantised or self.siren
        layers = network.layers()

        def error(part: range) -> Tensor:
            x, target = self.grid.block(part)
            return self.grid.apart(forward(network, layers, x), target).square_().sum(dtype=torch.float64)

        parts = self.grid.parts(EVALUATED_PIXELS, EVALUATED_AT_ONCE.get(self.device.type, EVALUATED_PIXELS))
        with products(self.device, FASTER):
            return float(torch.stack(self.crew.map(error, parts)).sum())

    def _progress(self, loss: float, fraction: float) -> Progress:
        """What `report` is told at `fraction` of the run; the PSNR is that of the last batch."""
        psnr = 10 * math.log10(4 / max(loss, 1e-10))  # samples span 2
        bpp = 8 * self.bytes / self.grid.pixels
        seconds = self.clock.seconds
        left = seconds * (1 - fraction) / fraction if fraction else math.inf
        phase = "quantise" if self.quantised else "fit"
        return Progress(self.step, max(self.plan.steps, self.step), psnr, bpp, seconds, left, phase)
