"""A batch's error and its gradients by a network's parameters: shared by threads, and the same bits for any number."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch

from ...process.threads import Crew
from ...siren.plan import Shape
from .layer_pass import Layer, Network, Tape, backward, forward
from .network import Grid
from .parameters import Parameters

CHUNK = 512  # pixels that go through the network at once: what they leave for the way back stays in a core's cache
SUMS = 16  # of chunks that follow each other, at the most; they are added up at the end


class Gradients:
    """Of the mean squared error over a batch of `size` pixels.

    A CPU takes the batch in chunks, which its threads share. Chunks and the order of all sums depend on the batch
    alone. Another device takes it whole.
    """

    def __init__(self, shapes: Sequence[Shape], size: int, device: torch.device, crew: Crew) -> None:
        self._crew = crew
        self._shares = _shares(size) if device.type == "cpu" else [[slice(0, size)]]
        self._by_share, self._rows = Parameters.copies(shapes, len(self._shares), device)
        self._losses = torch.zeros(len(self._shares), dtype=torch.float32, device=device)
        self._values = size * shapes[-1][0]
        self.total = Parameters.zeros(shapes, device)
        self.loss = torch.zeros((), dtype=torch.float32, device=device)

    def compute(self, network: Network, grid: Grid) -> None:
        """Of the batch that the grid has drawn, into `total` and `loss`."""
        layers = network.layers()
        self._crew.map(lambda k: self._share(k, network, layers, grid), range(len(self._shares)))
        torch.sum(self._rows, 0, out=self.total.flat)
        torch.sum(self._losses, 0, out=self.loss)

    def _share(self, k: int, network: Network, layers: Sequence[Layer], grid: Grid) -> None:
        """Gradients and squared error of a share's chunks, into its own row and place."""
        into, loss = self._by_share[k], self._losses[k]
        into.flat.zero_()
        loss.zero_()
        for part in self._shares[k]:
            x, target = grid.drawn(part)
            tape = Tape([], [])
            apart = grid.apart(forward(network, layers, x, tape), target)
            loss.add_(apart.square().sum(), alpha=1 / self._values)
            backward(network, layers, tape, apart.mul_(2 / self._values), into)


def _shares(size: int) -> list[list[slice]]:
    """A batch in chunks of at most CHUNK pixels, as lists of those that one thread adds up, one after the other."""
    chunks = -(-size // CHUNK)
    edges = [k * size // chunks for k in range(chunks + 1)]
    parts = [slice(a, b) for a, b in pairwise(edges)]
    count = min(chunks, SUMS)
    return [parts[k * chunks // count : (k + 1) * chunks // count] for k in range(count)]
