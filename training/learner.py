"""The networks while they are learnt: a step of training, which a GPU repeats as one recorded graph.

Every step takes random crops, decomposes them, rounds the wavelet coefficients with a random step and a random dead
zone, and lowers distortion + λ · rate of the decoded crops. Rounding passes gradients straight through, so that the
gains of the bands' steps are learnt too. What is kept is an average over the last steps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inr_core.errors import InrError
from inr_core.fit.captured import Captured, records
from inr_core.fit.latent.model import LatentModel, Pyramid, low_precision, to_rgb

from .batches import Batches
from .looks import Looks
from .weights import Weights

Arrays = dict[str, NDArray[Any]]

LAMBDA = 0.14  # of the square of the step: where the slopes of distortion and of rate meet
LOOK_LAMBDA = 0.085  # the same for looks: as files are refined with
LEVELS = 6
LAST_RATE, GAIN_RATE = 0.02, 0.25  # of Adam: its last share, the gains' share
WARM_UP = 20
AVERAGE = 0.02  # of a step in the averaged weights
CLIP_CELL, CLIP_ENTROPY = 0.3, 1.0  # largest norms of the gradients
EVEN_OUT = 0.3  # bits a pixel: crops below it count by their share less and less


@dataclass(frozen=True)
class Training:
    """How long and on what."""

    steps: int
    batch: int
    device: torch.device
    rate: float = 4e-3  # of Adam, at first
    seed: int = 0
    crop: int = 256  # pixels, the side
    neurons: tuple[int, int, int] = (40, 32, 16)  # of cell, luma and chroma, where nothing is gone on from
    look: bool = False  # for looks, with gains that stay


def cost(
    model: LatentModel, rgb: Tensor, step: Tensor, dead_zone: Tensor, looks: Looks | None = None
) -> tuple[Tensor, Tensor]:
    """Mean squared error and bits a pixel of each picture of a batch (B, 3, H, W), both (B,).

    step, dead_zone: (B, 1, 1, 1), or one for all. looks: what errors count for instead.
    """
    with torch.no_grad():
        pyramid = Pyramid.of(rgb, LEVELS)
    latents = []
    for k, bands in enumerate(pyramid.bands):
        y = bands / model.steps(k, step)
        q = torch.sign(y) * torch.floor(y.abs() + 1 - dead_zone)
        latents.append(y + (q - y).detach())
    low = low_precision(rgb.device)
    with torch.autocast(rgb.device.type, dtype=torch.bfloat16, enabled=low, cache_enabled=False):
        decoded = model(pyramid.low, latents, pyramid.sizes, step)
    error = looks.error(decoded.planes, rgb) if looks else (to_rgb(decoded.planes) - rgb).square().mean((1, 2, 3))
    bits = torch.stack([b.sum((1, 2, 3)) for b in decoded.bits]).sum(0)
    return error, bits / (rgb.shape[2] * rgb.shape[3])


class Learner:
    """Weights, their average and the optimiser's memory, after `done` of the steps."""

    def __init__(self, pictures: Sequence[NDArray[np.uint8]], training: Training, start: Weights | None) -> None:
        cell, luma, chroma = training.neurons
        model = LatentModel.of(start) if start else LatentModel(cell, luma, chroma, LEVELS, training.seed)
        self.training, self.done = training, 0
        self.model = model.to(training.device)
        self._looks: Looks | None = None
        self._kept: Weights = {}
        if training.look:
            if start is None:
                raise InrError("look: expected float weights to start from, whose gains stay, got none")
            self._kept = {name: start[name] for name in ("log_gains", "reach_line")}
            self._looks = Looks(start["log_gains"], training.device)
            with torch.no_grad():
                self.model.log_gains.copy_(self._looks.log_gains)
            self.model.log_gains.requires_grad_(False)
            self.model.reach_line.requires_grad_(False)
        learnt = [(name, value) for name, value in self.model.named_parameters() if value.requires_grad]
        self._names, parameters = map(list, zip(*learnt, strict=True))
        self._parameters: list[Tensor] = parameters
        self._average = [value.detach().clone() for value in parameters]
        self._batches = Batches(pictures, training.batch, training.crop, training.seed, training.device)
        gains = [] if training.look else [self.model.log_gains, self.model.reach_line]
        networks = [*self.model.cell.parameters(), *self.model.entropy.parameters()]
        # the rates and the share are tensors: what is recorded reads them anew
        self._rates = [torch.zeros((), device=training.device) for _ in range(2)]
        self._share = torch.zeros((), device=training.device)
        self._shown = torch.zeros((), device=training.device)
        groups = [
            {"params": each, "lr": rate} for each, rate in zip((networks, gains), self._rates, strict=True) if each
        ]
        self._optimiser = torch.optim.Adam(groups, capturable=records(training.device))
        for value in parameters:
            value.grad = torch.zeros_like(value)
        self._step = Captured(records(training.device))

    def step(self) -> None:
        """Learn from one batch."""
        k, training = self.done, self.training
        fall = 0.5 + 0.5 * math.cos(math.pi * k / training.steps)
        rate = training.rate * min(1, (k + 1) / WARM_UP) * (fall * (1 - LAST_RATE) + LAST_RATE)
        for tensor, share in zip(self._rates, (1.0, GAIN_RATE), strict=True):
            tensor.fill_(rate * share)
        self._share.fill_(max(AVERAGE, 1 / (k + 1)))
        self._batches.draw()
        self._step(self._learn)
        self.done += 1

    def _learn(self) -> None:
        batch = self._batches.batch()
        error, bpp = cost(self.model, batch.rgb, batch.step, batch.dead_zone, self._looks)
        trade = LOOK_LAMBDA if self._looks else LAMBDA
        total = error / (trade * batch.step.reshape(-1) ** 2) + bpp  # in bits a pixel
        self._optimiser.zero_grad(set_to_none=False)
        torch.autograd.backward((total / (EVEN_OUT + total.detach())).mean())
        torch.nn.utils.clip_grad_norm_(self.model.cell.parameters(), CLIP_CELL)
        torch.nn.utils.clip_grad_norm_(self.model.entropy.parameters(), CLIP_ENTROPY)
        self._optimiser.step()
        with torch.no_grad():
            for kept, value in zip(self._average, self._parameters, strict=True):
                kept.lerp_(value, self._share)
            self._shown.copy_(total.mean())

    @property
    def shown(self) -> float:
        """Distortion + λ · rate of the last batch, in bits a pixel. It waits for the device."""
        return self._shown.item()

    @property
    def averaged(self) -> Weights:
        """The averaged weights by name."""
        learnt = {name: value.cpu().numpy() for name, value in zip(self._names, self._average, strict=True)}
        return learnt | self._kept

    def state(self) -> Arrays:
        """All that going on needs, by name, but for the pictures."""
        arrays: Arrays = {"done": np.array(self.done)}
        arrays["random"] = _packed(self._batches.random.bit_generator.state)
        arrays["training"] = _packed(self._told())
        arrays |= {f"weights.{name}": value.cpu().numpy() for name, value in self.model.state_dict().items()}
        arrays |= {f"average.{name}": value for name, value in self.averaged.items()}
        for k, memory in self._optimiser.state_dict()["state"].items():
            arrays |= {f"adam.{k}.{kind}": value.cpu().numpy() for kind, value in memory.items()}
        return arrays

    def restore(self, arrays: Arrays) -> None:
        """Go on from `state`; InrError: it is of a training with other options."""
        if (was := _unpacked(arrays["training"])) != self._told():
            raise InrError(f"checkpoint: expected one of {self._told()}, got {was}")
        self.done = int(arrays["done"])
        self._batches.random.bit_generator.state = _unpacked(arrays["random"])
        self.model.load_state_dict(_tensors(arrays, "weights."))
        average = _tensors(arrays, "average.")
        for name, kept in zip(self._names, self._average, strict=True):
            kept.copy_(average[name])
        memory: dict[int, dict[str, Tensor]] = {}
        for name, value in _tensors(arrays, "adam.").items():
            k, kind = name.split(".")
            memory.setdefault(int(k), {})[kind] = value
        self._optimiser.load_state_dict({**self._optimiser.state_dict(), "state": memory})
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=False):  # gains may have none
            group["lr"] = rate  # what was loaded is a copy of it
        self._step.renew()

    def _told(self) -> dict[str, object]:
        """What has to be the same for a training to go on."""
        told = {each.name: getattr(self.training, each.name) for each in fields(self.training)}
        return {**told, "neurons": list(self.training.neurons), "device": self.training.device.type}


def _packed(facts: object) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(facts).encode(), np.uint8)


def _unpacked(array: NDArray[Any]) -> Any:
    return json.loads(array.tobytes())


def _tensors(arrays: Arrays, prefix: str) -> dict[str, Tensor]:
    """Those whose names begin so, without the beginning."""
    return {name[len(prefix) :]: torch.from_numpy(value) for name, value in arrays.items() if name.startswith(prefix)}
