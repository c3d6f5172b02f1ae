"""Adam (D. Kingma, J. Ba, 2015) on all parameters at once, in place: nothing of it is read, so a GPU can record it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

DECAY, SQUARE_DECAY = 0.9, 0.999  # of the means
LEAST = 1e-8  # added to the root of the mean square


class Adam:
    """Moves `values` (n,) against gradients."""

    def __init__(self, values: Tensor) -> None:
        self._values = values
        self._mean, self._square = torch.zeros_like(values), torch.zeros_like(values)
        self._rate, self._unbias = (torch.zeros((), dtype=torch.float32, device=values.device) for _ in range(2))
        self._count = 0

    def start_step(self, rate: float) -> None:
        """Before each `step`, never recorded: its learning rate, and how young the means are."""
        self._count += 1
        self._rate.fill_(rate / (1 - DECAY**self._count))
        self._unbias.fill_(1 / math.sqrt(1 - SQUARE_DECAY**self._count))

    def step(self, gradient: Tensor) -> None:
        """Move a step."""
        self._mean.lerp_(gradient, 1 - DECAY)
        self._square.mul_(SQUARE_DECAY).addcmul_(gradient, gradient, value=1 - SQUARE_DECAY)
        size = self._square.sqrt().mul_(self._unbias).add_(LEAST)
        self._values.sub_(torch.div(self._mean, size, out=size).mul_(self._rate))

    def forget(self, mask: Tensor) -> None:
        """The means where a mask of ones and zeros (n,) is 0."""
        self._mean.mul_(mask)
        self._square.mul_(mask)
