"""Which weights of a network exist while it is trained: all, or as many as were asked for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...siren.plan import FitPlan
from ..captured import Captured
from .adam import Adam
from .network import Siren
from .parameters import Parameters
from .sparsity import Pruning, RigL, erk_counts, largest, random_masks


class Masks:
    """The masks of one network, by the plan's density and sparsity; they reach into it and into its optimiser.

    updating: what moves the parameters, renewed where it has to look at a mask from then on.
    """

    def __init__(self, plan: FitPlan, siren: Siren, optimizer: Adam, updating: Captured, seed: int) -> None:
        self.plan, self._siren, self._optimizer, self._updating = plan, siren, optimizer, updating
        self.rigl, self._pruning = RigL(), Pruning()
        total = sum(out * into for out, into in plan.shapes)
        self._counts = erk_counts(plan.shapes, plan.nonzeros) if plan.nonzeros < total else None
        self.kept: Parameters | None = None  # of ones and zeros; None: no weight is masked
        self.settled = self._counts is None  # whether they stay as they are
        if self._counts and plan.sparsity == "rigl":
            self._set(random_masks(plan.shapes, self._counts, seed, siren.parameters.flat.device))

    @property
    def pruned(self) -> bool:
        """Whether weights are still taken away, which raises the loss by itself."""
        return not self.settled and self.plan.sparsity != "rigl"

    def apply(self, gradient: Tensor) -> None:
        """Zero the gradients (n,) of what is masked, in place."""
        if self.kept is not None:
            gradient.mul_(self.kept.flat)

    def settle(self, step: int, fraction: float) -> None:
        """At `fraction` of the sparse phase: pruning's next step; from 1 on exactly the non-zeros asked for."""
        if self.settled:
            return
        assert self._counts is not None
        if self.plan.sparsity == "prune" and (self._pruning.due(step) or fraction >= 1):
            self._set(self._pruning.update(self._siren.weights, self._counts, fraction))
        self.settled = fraction >= 1

    def grow(self, step: int, fraction: float, gradients: Sequence[Tensor]) -> None:
        """At `fraction` of the sparse phase: RigL's next step, given the gradients by all weights, zero ones too."""
        if self.settled or self.plan.sparsity != "rigl" or not self.rigl.due(step):
            return
        assert self._counts is not None
        self._set(self.rigl.update(self._siren.weights, gradients, self.boolean(), self._counts, fraction))

    def keep_largest(self, nonzeros: int) -> None:
        """Mask all but so many of the weights that are there, the smallest of each layer first."""
        masks = []
        counts = erk_counts(self.plan.shapes, nonzeros)
        for weight, mask, count in zip(self._siren.weights, self.boolean(), counts, strict=True):
            magnitude = torch.where(mask, weight.abs(), -1.0)
            masks.append(largest(magnitude, min(count, int(mask.sum()))))
        self._set(masks)

    def boolean(self) -> list[Tensor]:
        """Of every layer (out, in)."""
        if self.kept is None:
            return [torch.ones_like(w, dtype=torch.bool) for w in self._siren.weights]
        return [mask.bool() for mask in self.kept.weights]

    def stored(self) -> list[Tensor | None]:
        """Of every layer (out, in), None for a full one."""
        return [None if bool(mask.all()) else mask for mask in self.boolean()]

    def nonzeros(self) -> int:
        """Weights that are there."""
        return sum(int(mask.sum()) for mask in self.boolean())

    def _set(self, masks: Sequence[Tensor]) -> None:
        """Zero what is masked, in the weights and in the optimiser's moments, and from now on in the gradients."""
        if self.kept is None:
            self.kept = Parameters.zeros(self.plan.shapes, self._siren.parameters.flat.device)
            self.kept.flat.fill_(1)
            self._updating.renew()
        for kept, mask in zip(self.kept.weights, masks, strict=True):
            kept.copy_(mask)
        self._siren.parameters.flat.mul_(self.kept.flat)
        self._optimizer.forget(self.kept.flat)
