"""Moving a file's networks away from the prior's, where a weight pays for its bits.

A difference counts steps of a power of two, near a fixed share of its array's root mean square. While the latents are
refined, the same gradients move the differences by Adam (D. Kingma, J. Ba, 2015); in the second half of the iterations
they are rounded, and gradients pass straight through. What a step costs, the slope of the code length of a Laplace
distribution as wide as the array's differences are now, is taken off as a soft threshold in Adam's metric
(I. Daubechies, M. Defrise, C. De Mol, 2004): so most of them stay exactly 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...errors import FormatError
from ...latent import differences
from ...latent.differences import ARRAYS, Difference, Differences, coded_mask
from ...latent.prior import LAYERS, MAX_SHIFT, Prior
from .float_prior import State, float_state
from .model import LatentModel

SHARE = 0.2  # of an array's root mean square: its step, about
RATE, WARM_UP = 0.3, 5  # of Adam, in steps; iterations until it is reached
SOFT = 0.5  # of the iterations: so long the networks are evaluated with differences as they are, then rounded
DECAY, SQUARE_DECAY = 0.9, 0.98  # of Adam's means
FLOOR = 1e-3  # bits a step: gradients far below it move nothing
DEAD_ZONE = 0.6  # from which distance to zero on a difference counts
NARROWEST = 0.15  # steps: scale of the distribution that a difference is priced by, at least


class Networks:
    """The differences of one picture's networks, and the model whose parameters follow them."""

    def __init__(self, model: LatentModel, prior: Prior, price: float) -> None:
        self.prior, self.price = prior, price
        parameters = dict(model.named_parameters())
        device = model.log_gains.device
        self.parameters = {name: parameters[_parameter(name)] for name in ARRAYS}
        self._start = {name: p.detach().clone() for name, p in self.parameters.items()}
        units = _units(prior)
        self._shifts, self._units, self._used = {}, {}, {}
        for name, start in self._start.items():
            unit = torch.from_numpy(units[_parameter(name)]).to(device)
            size = SHARE * start.square().mean().sqrt() / unit.abs().mean()
            self._shifts[name] = min(max(round(math.log2(size.item())), 0), MAX_SHIFT)
            self._units[name] = unit * 2.0 ** self._shifts[name]
            self._used[name] = torch.from_numpy(coded_mask(name, start.shape).copy()).to(device)
        self._values, self._gradients, self._mean, self._square = (
            {name: torch.zeros_like(p) for name, p in self._start.items()} for _ in range(4)
        )  # values in steps
        self._count = 0

    def zeros(self) -> dict[str, Tensor]:
        """Room for gradients by the parameters."""
        return {name: torch.zeros_like(p) for name, p in self.parameters.items()}

    def collect(self, gradients: Mapping[str, Tensor]) -> None:
        """Add gradients of a tile's distortion + price · rate by the parameters."""
        for name, gradient in gradients.items():
            self._gradients[name] += gradient

    def step(self, done: float) -> None:
        """Move by what was collected; `done`: the share of all iterations."""
        self._count += 1
        rate = RATE * min(1.0, self._count / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * done))
        corrections = 1 - DECAY**self._count, 1 - SQUARE_DECAY**self._count
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                slope = self._gradients[name] * self._units[name] * self._used[name] / self.price  # bits a step
                mean, square, values = self._mean[name], self._square[name], self._values[name]
                mean.lerp_(slope, 1 - DECAY)
                square.lerp_(slope.square(), 1 - SQUARE_DECAY)
                metric = (square / corrections[1]).sqrt() + FLOOR
                values -= rate * (mean / corrections[0]) / metric
                width = max(NARROWEST, (values.abs().sum() / self._used[name].sum()).item())
                threshold = rate / (width * math.log(2)) / metric
                values.copy_(values.sign() * (values.abs() - threshold).clamp(min=0))
                self._gradients[name].zero_()
                parameter.copy_(self._start[name] + self._units[name] * (values if done < SOFT else _rounded(values)))

    def differences(self) -> Differences:
        """Those that are not 0, and of arrays with which all sums stay exact."""
        found = {}
        for name, values in self._values.items():
            steps = _rounded(values).cpu().numpy().astype(np.int32)
            if steps.any():
                difference = Difference(steps, self._shifts[name])
                try:
                    differences.adapted(self.prior, {name: difference})
                except FormatError:
                    continue
                found[name] = difference
        return found

    def bits(self) -> float:
        """What the differences take in the file, about."""
        found = self.differences()
        return differences.pack(self.prior, found)[1] if found else 0.0


def _rounded(values: Tensor) -> Tensor:
    return values.sign() * (values.abs() + (1 - DEAD_ZONE)).floor()


def _parameter(name: str) -> str:
    """The model's name of a prior's array."""
    part, array = name.split("_")
    return f"cell.{array}" if part == "cell" else f"entropy.{part}.{array}"


def _units(prior: Prior) -> State:
    """What the model's parameters change by, in their shapes, if all integers of the prior are one larger."""
    moved = {}
    for part, names in LAYERS.items():
        net = getattr(prior, part)
        moved[part] = replace(net, **{name: getattr(net, name) + 1 for name in names})
    start, end = float_state(prior), float_state(replace(prior, **moved))
    return {name: end[name] - start[name] for name in start}
