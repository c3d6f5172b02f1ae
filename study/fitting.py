"""Fitting: the format's own networks to .inr files, and the study's other networks by one loop for all of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inr_core.decoder import decode, describe
from inr_core.encoder import encode
from inr_core.fit.siren.trainer import CHECK_EVERY, DIVERGED_STEPS, RESTARTS, diverged
from inr_core.kernels.sine import COORD_BITS
from inr_core.metrics import psnr
from inr_core.save.job import choose_device
from inr_core.settings import Settings
from inr_core.siren.coordinates import axis_coordinates
from inr_core.siren.plan import learning_rate
from pillow_inr.bench.options import SIREN
from pillow_inr.bench.pictures import Samples
from pillow_inr.bench.report import stopwatch
from pillow_inr.bench.torch_threads import torch_threads

from .experiment import Study
from .networks import OMEGA_FIRST, OMEGA_HIDDEN, Network
from .tensors import HALF_BITS, limit_of

QUANTISED_PHASE = 0.75  # from here on weights are rounded while training, as in the format
TRIED_RATES = (1e-3, 3e-3, 1e-2, 3e-2)  # of Adam, for networks of which we know none
TRIAL_SHARE = 10  # a trial takes one step in ten of the fit
EVALUATED = 16_384  # pixels at once
MIN_BATCH = 256

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Fitted:
    """A fitted network as it was written and decoded again."""

    data: bytes
    picture: Samples
    psnr: float  # dB, of `picture`
    numbers: int  # weights that are not zero, without biases
    seconds: float


def siren_options(study: Study) -> dict[str, object]:
    """Settings of the study's network and schedule, at the run's scale, trained through 8-bit weights."""
    scale = study.scale
    return {
        **run_options(study),
        "width": scale.width,
        "depth": scale.depth,
        "bits": 8,
        "omega_first": OMEGA_FIRST,
        "omega_hidden": OMEGA_HIDDEN,
    }


def run_options(study: Study) -> dict[str, object]:
    """Settings of the run: how long, where, from which seed."""
    batch = max(MIN_BATCH, study.scale.pixels)
    run = {"model": SIREN, "device": study.device, "threads": study.threads, "seed": study.seed}
    return {**run, "steps": study.scale.steps, "batch": batch}


def fit_inr(pixels: Samples, options: dict[str, object]) -> Fitted:
    """An .inr file by the format's own encoder."""
    settings = Settings.from_options(options)
    with stopwatch() as seconds:
        data = encode(pixels, settings)
    picture = decode(data, threads=settings.threads).astype(np.uint8)
    numbers = sum(layer.nonzeros for layer in describe(data).layers)
    return Fitted(data, picture, psnr(pixels, picture), numbers, seconds[0])


def clamp_through(y: Tensor) -> Tensor:
    """Clamp to [−1, 1] as the decoder does, with the gradient of the identity: a bright flat area keeps learning."""
    return y + (y.detach().clamp(-1, 1) - y.detach())


@dataclass(frozen=True)
class Field:
    """What a network is fitted to: coordinates (n, 2) and targets (n, C), and what an error of each target counts."""

    x: Tensor
    target: Tensor
    weights: Tensor  # (C,)
    clamp: bool  # outputs are clamped to [−1, 1] when decoded

    @classmethod
    def of(cls, values: Floats, weights: Sequence[float], clamp: bool) -> Field:
        """Values (H, W, C) on the format's grid of that size."""
        target = torch.from_numpy(values.reshape(-1, values.shape[2]))
        return cls(coordinates(*values.shape[:2]), target, torch.tensor(weights), clamp)

    def to(self, device: torch.device) -> Field:
        """On a device."""
        return Field(self.x.to(device), self.target.to(device), self.weights.to(device), self.clamp)

    def loss(self, y: Tensor, index: Tensor | slice) -> Tensor:
        """Weighted mean squared error of outputs at some of the points."""
        y = clamp_through(y) if self.clamp else y
        return ((y - self.target[index]).square() * self.weights).mean()


def coordinates(height: int, width: int) -> Tensor:
    """Of the pixel centres, row after row, (height · width, 2): x, y."""
    longest = max(height, width)
    x, y = (axis_coordinates(n, longest, 0, n, n) * 2.0**-COORD_BITS for n in (width, height))
    grid = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), 2)
    return torch.tensor(grid.reshape(-1, 2), dtype=torch.float32)


def rgb_field(pixels: Samples) -> Field:
    """A picture's samples in [−1, 1]."""
    return Field.of(pixels.astype(np.float32) / 127.5 - 1, [1.0] * pixels.shape[2], clamp=True)


def siren_rate(width: int) -> float:
    """The learning rate that the format uses."""
    return learning_rate(width, OMEGA_FIRST)


@dataclass(frozen=True)
class Schedule:
    """How to train: the run's steps by Adam, its rate falling to zero along a cosine."""

    steps: int
    batch: int
    rate: float
    seed: int
    threads: int
    device: str

    @classmethod
    def of(cls, study: Study, rate: float) -> Schedule:
        """That of a run."""
        return cls(study.scale.steps, study.scale.pixels, rate, study.seed, study.threads, study.device)


def train(network: Network, field: Field, schedule: Schedule) -> list[Floats]:
    """The fitted tensors; their rounding is still to be done, but training has gone through it.

    Like the format's fits, one that diverges begins again at a third of the rate.
    """
    restarts, fitted = 0, None
    while fitted is None:
        slower = dataclasses.replace(schedule, rate=schedule.rate / 3**restarts)
        fitted = _train(network, field, slower, watched=restarts < RESTARTS)
        restarts += 1
    return [t.detach().cpu().numpy() for t in fitted[0]]


def best_rate(network: Network, field: Field, schedule: Schedule) -> Schedule:
    """The schedule with that of TRIED_RATES that fits best in a tenth of the steps."""

    def loss(rate: float) -> float:
        short = dataclasses.replace(schedule, rate=rate, steps=max(1, schedule.steps // TRIAL_SHARE))
        fitted = _train(network, field, short)
        assert fitted is not None
        return fitted[1]

    losses = {rate: loss(rate) for rate in TRIED_RATES}
    best = min(losses, key=lambda rate: losses[rate] if math.isfinite(losses[rate]) else math.inf)
    return dataclasses.replace(schedule, rate=best)


def _train(
    network: Network, field: Field, schedule: Schedule, watched: bool = False
) -> tuple[list[Tensor], float] | None:
    """The tensors, and the loss over the whole field; None for a `watched` fit that diverges."""
    device = choose_device(schedule.device)
    field = field.to(device)
    tensors = [t.to(device).requires_grad_() for t in network.start(schedule.seed)]
    optimizer = torch.optim.Adam(tensors, schedule.rate)
    generator = torch.Generator().manual_seed(schedule.seed)
    points = len(field.x)
    variance = float(((field.target - field.target.mean(0)).square() * field.weights).mean())
    lowest, check = math.inf, max(DIVERGED_STEPS, math.ceil(CHECK_EVERY * schedule.steps))
    with torch_threads(schedule.threads):
        for step in range(schedule.steps):
            fraction = step / schedule.steps
            optimizer.param_groups[0]["lr"] = schedule.rate * 0.5 * (1 + math.cos(math.pi * fraction))
            index: Tensor | slice = slice(None)
            if schedule.batch < points:  # one point at random out of each stratum
                strata = torch.arange(schedule.batch, dtype=torch.float64)
                offsets = torch.rand(schedule.batch, generator=generator, dtype=torch.float64)
                index = ((strata + offsets) * (points / schedule.batch)).long().clamp_(max=points - 1).to(device)
            now = rounded(network, tensors) if fraction >= QUANTISED_PHASE else tensors
            loss = field.loss(network.forward(now, field.x[index]), index)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            if watched and fraction < QUANTISED_PHASE and (step + 1) % check == 0:
                reached = float(loss.detach())
                if diverged(reached, lowest, variance):
                    return None
                lowest = min(lowest, reached)
        with torch.no_grad():
            y = evaluate(network, rounded(network, tensors), field.x)
            return tensors, float(field.loss(y, slice(None)))


def rounded(network: Network, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors as they will be stored, with the gradient of the identity."""
    return [_round(t, bits) for t, bits in zip(tensors, network.bits, strict=True)]


def _round(tensor: Tensor, bits: int) -> Tensor:
    with torch.no_grad():
        if bits == HALF_BITS:
            shift = tensor.half().float() - tensor
        else:
            step = tensor.abs().max().clamp(min=1e-30) / limit_of(bits)
            shift = torch.round(tensor / step) * step - tensor
    return tensor + shift


def evaluate(network: Network, tensors: Sequence[Tensor], x: Tensor) -> Tensor:
    """Outputs (n, C) at coordinates (n, 2), in blocks, without gradients."""
    with torch.no_grad():
        return torch.cat([network.forward(tensors, part) for part in torch.split(x, EVALUATED)])
