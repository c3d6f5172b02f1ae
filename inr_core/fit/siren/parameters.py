"""One number for every weight and bias of a network: its values, gradients, moments or masks, in one tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...siren.plan import Shape

ALIGNED = 16  # numbers, 64 bytes: where a layer's begin


class Parameters:
    """`flat` (n,) float32, and views of it: `weights[k]` (out, in) and `biases[k]` (out,). Beginning as zeros.

    Between the layers are numbers that belong to none.
    """

    def __init__(self, shapes: Sequence[Shape], flat: Tensor) -> None:
        self.flat = flat
        self.weights: list[Tensor] = []
        self.biases: list[Tensor] = []
        first = 0
        for views, sizes in ((self.weights, shapes), (self.biases, [(out,) for out, _ in shapes])):
            for size in sizes:
                views.append(flat[first : first + math.prod(size)].view(size))
                first += _room(size)

    @classmethod
    def zeros(cls, shapes: Sequence[Shape], device: torch.device) -> Parameters:
        """All of them 0."""
        return cls.copies(shapes, 1, device)[0][0]

    @classmethod
    def copies(cls, shapes: Sequence[Shape], count: int, device: torch.device) -> tuple[list[Parameters], Tensor]:
        """So many, all of them 0, and the tensor (count, n) that they are rows of."""
        length = sum(_room(shape) + _room(shape[:1]) for shape in shapes)
        rows = torch.zeros(count, length, dtype=torch.float32, device=device)
        return [cls(shapes, row) for row in rows], rows


def _room(size: Sequence[int]) -> int:
    return -(-math.prod(size) // ALIGNED) * ALIGNED
