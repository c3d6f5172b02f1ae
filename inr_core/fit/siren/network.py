"""The float SIREN that is fitted: its initialisation, its forward pass, and the pixels it is shown.

Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", NeurIPS 2020.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ...kernels.sine import COORD_BITS
from ...pixels import Array
from ...siren.coordinates import axis_coordinates
from . import layer_pass
from .layer_pass import Layer
from .parameters import Parameters

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
        generator = torch.Generator("cpu").manual_seed(seed)  # every device starts from the same network
        self.omegas = [omega_first] + [omega_hidden] * (len(shapes) - 2)
        self.shapes = list(shapes)
        self.parameters = Parameters.zeros(shapes, device)
        self.weights, self.biases = self.parameters.weights, self.parameters.biases
        for k, (out, into) in enumerate(shapes):
            bound = 1 / into if k == 0 else math.sqrt(6 / into) / omega_hidden  # section 3.2 and the authors' code
            self.weights[k].copy_(_uniform((out, into), bound, generator))
            self.biases[k].copy_(_uniform((out,), 1 / math.sqrt(into), generator))
        self.biases[-1].zero_()

    def layers(self) -> list[Layer]:
        """As `layer_pass` takes them."""
        return [
            Layer(weight, omega * bias, omega, omega, omega, omega)
            for weight, bias, omega in zip(self.weights, self.biases, [*self.omegas, 1.0], strict=True)
        ]

    def sine(self, phase: Tensor) -> tuple[Tensor, Tensor]:
        """Activations of phases (n, out), which `slope` takes."""
        return torch.sin(phase), phase

    def slope(self, kept: Tensor, out: Tensor) -> Tensor:
        """Derivatives of the sines, times what is in `out`."""
        return out.mul_(kept.cos_())

    def forward(self, x: Tensor) -> Tensor:
        """Coordinates (n, 2) → samples (n, C) around [−1, 1]."""
        return layer_pass.forward(self, self.layers(), x)

    def features(self, x: Tensor) -> Tensor:
        """Coordinates (n, 2) → activations (n, width) of the last hidden layer."""
        return torch.sin(layer_pass.forward(self, self.layers()[:-1], x))


def _uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(shape, generator=generator, dtype=torch.float32, device="cpu") * 2 - 1) * bound


def solve_output(siren: Siren, grid: Grid) -> None:
    """Set the output layer to its least-squares optimum over the last features of the untrained network.

    Ridge regression on random sine features; a picture of one colour is exact after it.
    """
    x, target = grid.batch(SOLVE_PIXELS)
    features = siren.features(x).double().cpu()  # (n, width)
    target = target.double().cpu()
    mean, level = features.mean(0), target.mean(0)
    centred = features - mean
    ridge = torch.eye(features.shape[1], dtype=torch.float64, device="cpu") * (SOLVE_RIDGE * len(x))
    weight = torch.linalg.solve(centred.T @ centred + ridge, centred.T @ (target - level)).T  # (C, width)
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
        self.device = device
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
        self._offsets = torch.empty(0, dtype=torch.float64, device=self._drawn_on)  # (n,) in [0, 1)
        self._whole: tuple[Tensor, Tensor] | None = None  # a batch of every pixel

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Coordinates (n, 2) and targets (n, C) in [−1, 1]: every pixel, or one at random out of each stratum."""
        self.draw(size)
        return self.drawn(slice(None))

    def draw(self, size: int) -> None:
        """Choose the next batch: where in its stratum each pixel lies; in place, where the last was as large."""
        if size >= self.pixels:
            self._whole = self._whole or self.block(range(self.pixels))
            return
        self._whole = None
        if len(self._offsets) != size:
            self._offsets = torch.empty(size, dtype=torch.float64, device=self._drawn_on)
        torch.rand(size, generator=self._generator, out=self._offsets)

    def drawn(self, part: slice) -> tuple[Tensor, Tensor]:
        """A part of the batch that `draw` chose."""
        if self._whole is not None:
            return self._whole[0][part], self._whole[1][part]
        first, last, _ = part.indices(len(self._offsets))
        strata = torch.arange(first, last, dtype=torch.float64, device=self._drawn_on).add_(self._offsets[part])
        index = strata.mul_(self.pixels / len(self._offsets)).long().clamp_(max=self.pixels - 1)
        return self._at(index.to(self.device))

    def blocks(self, most: int | None = None, size: int = 16_384) -> Iterator[tuple[Tensor, Tensor]]:
        """The whole picture, or every n-th pixel so that there are at most `most`, in batches of `size` pixels."""
        return (self.block(part) for part in self.parts(most, size))

    def parts(self, most: int | None, size: int) -> list[range]:
        """Flat indices of the batches that `blocks` gives."""
        stride = 1 if most is None else -(-self.pixels // most)
        starts = range(0, self.pixels, size * stride)
        return [range(start, min(start + size * stride, self.pixels), stride) for start in starts]

    def block(self, part: range) -> tuple[Tensor, Tensor]:
        """Coordinates and targets of pixels."""
        return self._at(torch.arange(part.start, part.stop, part.step, dtype=torch.int64, device=self.device))

    def variance(self) -> float:
        """Mean squared distance of the samples from their mean colour: the loss of a network that learnt nothing."""
        _, target = self.batch(SOLVE_PIXELS)
        return float(target.var(0, correction=0).mean())

    def apart(self, y: Tensor, target: Tensor) -> Tensor:
        """How far samples (n, C), as the decoder would clamp them, are from those wanted; colours nobody sees: 0."""
        apart = y.clamp(-1, 1).sub_(target)
        if self._alpha:
            apart[:, :-1].masked_fill_(target[:, -1:] == -1, 0.0)
        return apart

    def _at(self, index: Tensor) -> tuple[Tensor, Tensor]:
        coordinates = torch.stack([self._x[index % self.width], self._y[index // self.width]], 1)
        return coordinates, self._samples[index].to(torch.float32).div_(self._half).sub_(1)
