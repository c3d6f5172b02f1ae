"""The float SIREN that is fitted: its initialisation, its forward pass, and the pixels it is shown.

Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", NeurIPS 2020.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor

from ..network_torch import exact_products
from ..pixels import COORD_BITS, Array, axis_coordinates

SOLVE_PIXELS = 16_384
SOLVE_RIDGE = 1e-6  # of the features' variance, so that the weights stay small enough to quantise


class Siren:
    """Parameters of a sine network: `weights[k]` (out, in) and `biases[k]` (out,), the output layer last.

    A hidden layer is sin(ω (W a + b)), with ω `omegas[k]`; the output layer is linear, its range [−1, 1] the samples'.
    """

    def __init__(
        self,
        shapes: Sequence[tuple[int, int]],
        omega_first: float,
        omega_hidden: float,
        seed: int,
        device: torch.device,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)  # on the CPU: every device starts from the same network
        self.omegas = [omega_first] + [omega_hidden] * (len(shapes) - 2)
        self.weights: list[Tensor] = []
        self.biases: list[Tensor] = []
        for k, (out, into) in enumerate(shapes):
            bound = 1 / into if k == 0 else math.sqrt(6 / into) / omega_hidden  # section 3.2 and the authors' code
            self.weights.append(_uniform((out, into), bound, generator).to(device).requires_grad_())
            self.biases.append(_uniform((out,), 1 / math.sqrt(into), generator).to(device).requires_grad_())
        with torch.no_grad():
            self.biases[-1].zero_()

    @property
    def parameters(self) -> list[Tensor]:
        return [*self.weights, *self.biases]

    def forward(self, x: Tensor) -> Tensor:
        """Coordinates (n, 2) → samples (n, C) around [−1, 1]."""
        return torch.nn.functional.linear(self.features(x), self.weights[-1], self.biases[-1])

    def features(self, x: Tensor) -> Tensor:
        """Coordinates (n, 2) → activations (n, width) of the last hidden layer."""
        for k, (weight, bias, omega) in enumerate(zip(self.weights, self.biases, self.omegas, strict=False)):
            with exact_products() if k == 0 and x.is_cuda else nullcontext():  # coordinates have too many bits for TF32
                phase = torch.nn.functional.linear(x, omega * weight, omega * bias)
            x = torch.sin(phase)
        return x


def _uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(shape, generator=generator) * 2 - 1) * bound


def clamp_through(y: Tensor) -> Tensor:
    """Clamp to [−1, 1] as the decoder does, with the gradient of the identity: a bright flat area keeps learning."""
    return y + (y.detach().clamp(-1, 1) - y.detach())


def solve_output(siren: Siren, grid: Grid) -> None:
    """Set the output layer to its least-squares optimum over the last features of the untrained network.

    Ridge regression on random sine features; a picture of one colour is exact after it.
    """
    x, target = grid.batch(SOLVE_PIXELS)
    with torch.no_grad():
        features = siren.features(x).double().cpu()  # (n, width)
        target = target.double().cpu()
        mean, level = features.mean(0), target.mean(0)
        centred = features - mean
        gram = centred.T @ centred + SOLVE_RIDGE * len(x) * torch.eye(features.shape[1], dtype=torch.float64)
        weight = torch.linalg.solve(gram, centred.T @ (target - level)).T  # (C, width)
        siren.weights[-1].copy_(weight)
        siren.biases[-1].copy_(level - weight @ mean)


class Grid:
    """The picture as a training set: coordinates and samples of any pixels, by flat index.

    resident: pixels are drawn on the device, so that a batch takes nothing from the host; otherwise on the CPU, so that
    every device sees the same ones.
    """

    def __init__(
        self, samples: Array, peak: int, alpha: bool, device: torch.device, seed: int, resident: bool = False
    ) -> None:
        self.height, self.width, self.channels = samples.shape
        self.pixels = self.height * self.width
        longest = max(self.width, self.height)
        scale = 2.0**-COORD_BITS
        x = axis_coordinates(self.width, longest, 0, self.width, self.width) * scale
        y = axis_coordinates(self.height, longest, 0, self.height, self.height) * scale
        self._x = torch.tensor(x, dtype=torch.float32, device=device)
        self._y = torch.tensor(y, dtype=torch.float32, device=device)
        wide = samples.astype(np.int32) if samples.dtype == np.uint16 else samples  # torch lacks most uint16 operations
        self._samples = torch.from_numpy(np.array(wide)).reshape(-1, self.channels).to(device)
        self._half = peak / 2
        self._alpha = alpha  # the last channel is one: where it is zero, colours do not count
        self._drawn_on = device if resident else torch.device("cpu")
        self._generator = torch.Generator(self._drawn_on).manual_seed(seed)
        self._offsets = torch.empty(0)  # (n,) in [0, 1): where in its stratum each pixel of the batch lies
        self._whole: tuple[Tensor, Tensor] | None = None  # a batch of every pixel

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Coordinates (n, 2) and targets (n, C) in [−1, 1]: every pixel, or one at random out of each stratum."""
        self.draw(size)
        return self.drawn()

    def draw(self, size: int) -> None:
        """Choose the next batch; in place, where the last had as many pixels."""
        if size >= self.pixels:
            self._whole = self._whole or self._at(torch.arange(self.pixels, device=self._x.device))
            return
        self._whole = None
        if len(self._offsets) != size:
            self._offsets = torch.empty(size, dtype=torch.float64, device=self._drawn_on)
        torch.rand(size, generator=self._generator, out=self._offsets)

    def drawn(self) -> tuple[Tensor, Tensor]:
        """The batch that `draw` chose."""
        if self._whole is not None:
            return self._whole
        size, device = len(self._offsets), self._offsets.device
        strata = torch.arange(size, dtype=torch.float64, device=device).add_(self._offsets).mul_(self.pixels / size)
        return self._at(strata.long().clamp_(max=self.pixels - 1).to(self._x.device))

    def blocks(self, most: int | None = None, size: int = 16_384) -> Iterator[tuple[Tensor, Tensor]]:
        """The whole picture, or every n-th pixel so that there are at most `most`, in batches of `size` pixels."""
        stride = 1 if most is None else -(-self.pixels // most)
        for start in range(0, self.pixels, size * stride):
            stop = min(start + size * stride, self.pixels)
            yield self._at(torch.arange(start, stop, stride, device=self._x.device))

    def variance(self) -> float:
        """Mean squared distance of the samples from their mean colour: the loss of a network that learnt nothing."""
        _, target = self.batch(SOLVE_PIXELS)
        return float(target.var(0, correction=0).mean())

    def loss(self, y: Tensor, target: Tensor) -> Tensor:
        """Mean squared error of (n, C) samples as the decoder would clamp them."""
        if self._alpha:
            unseen = torch.cat([target[:, -1:].expand(-1, self.channels - 1), torch.ones_like(target[:, -1:])], 1) == -1
            y = torch.where(unseen, target, y)
        return torch.nn.functional.mse_loss(clamp_through(y), target)

    def _at(self, index: Tensor) -> tuple[Tensor, Tensor]:
        coordinates = torch.stack([self._x[index % self.width], self._y[index // self.width]], 1)
        return coordinates, self._samples[index] / self._half - 1
