"""Where networks run through torch: the same integers as NumPy's, on any of its devices."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import SettingsError, shown
from ..process.own_thread import apart
from ..process.torch_settings import exact_product, undisturbed
from . import sine as fx
from .ops import Ops
from .siren import Network, strip_samples

GPU_POSITIONS = 1 << 18  # of a grid evaluated at once: enough to keep a GPU busy
GPU_ACTIVATIONS = 2**23  # of one layer of a siren at once: as well


class TorchOps(Ops):
    """Arrays of torch on a device; SettingsError for a device that this machine lacks."""

    xp: Any = torch

    def __init__(self, device: str) -> None:
        super().__init__()
        try:
            self.device = torch.device(device)
            self._table = torch.from_numpy(fx.SINE_TABLE).to(self.device)
        except (AssertionError, RuntimeError) as e:  # torch has no error of its own
            message = str(e).partition("\n")[0]
            raise SettingsError(f"device: expected one of this machine's, got {shown(device)} ({message})") from e
        self.positions = None if self.device.type == "cpu" else GPU_POSITIONS

    def product(self, weight: Any, values: Any, out: Any) -> Any:
        """weight @ values, exact, into `out`."""
        return exact_product(weight, values, out)

    def empty(self, size: int) -> Any:
        """Float32 memory."""
        return torch.empty(size, dtype=torch.float32, device=self.device)

    def put(self, array: NDArray[Any]) -> Any:
        """A host array to the device."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def get(self, array: Any) -> NDArray[Any]:
        """An array from there."""
        host: NDArray[Any] = array.cpu().numpy()
        return host

    def sine(self, phase: Any, out: Any) -> None:
        """Activations of phases (n, m), integer-valued, any number of turns; `phase` is destroyed."""
        index = torch.floor(phase).to(torch.int64) & (1 << fx.PHASE_BITS) - 1
        out.copy_(self._table[index])


class TorchSiren:
    """Evaluates a network on a torch device. Products are float32 or float64 exactly where NumPy's are.

    Raises SettingsError for a device that this machine lacks or that cannot compute what this network needs.
    """

    threads = 1

    def __init__(self, network: Network, peak: int, device: str, most: int | None = None) -> None:
        self.network, self.peak = network, peak
        try:
            apart(partial(self._put, device))
        except (AssertionError, RuntimeError, TypeError) as e:  # torch has no error of its own; TypeError: MPS, float64
            message = str(e).partition("\n")[0]
            raise SettingsError(
                f"device: expected one that can decode this file, got {shown(device)} ({message})"
            ) from e
        wide = len(network.layers[0].bias)
        self.most = most or (strip_samples(network) if self.device.type == "cpu" else GPU_ACTIVATIONS // wide)

    def _put(self, device: str) -> None:
        """What the network is, to the device."""
        self.device = torch.device(device)
        layers = self.network.layers
        self._table = torch.from_numpy(fx.SINE_TABLE).to(self.device)
        self._weight = [torch.from_numpy(layer.factors).to(self.device) for layer in layers]
        self._bias = [torch.from_numpy(layer.bias).to(self.device)[:, None] for layer in layers]

    def samples(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
        """As `siren.evaluator.Evaluator`, int64."""
        return apart(partial(self._samples, x, y))

    def _samples(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
        first = self.network.layers[0]
        with undisturbed():
            columns = torch.from_numpy(fx.first_phase(first.weight[:, 0], first.multiplier, x).astype(np.int64))
            rows = torch.from_numpy(fx.first_phase(first.weight[:, 1], first.multiplier, y).astype(np.int64))
            phase = rows.to(self.device)[:, :, None] + columns.to(self.device)[:, None, :]  # (width, h, w) int64
            phase = phase.flatten(1) + self._bias[0]
            for layer, weight, bias in zip(self.network.layers[1:], self._weight[1:], self._bias[1:], strict=True):
                index = (phase & 0xFFFFFFFF) >> fx.PHASE_SHIFT  # int64 holds what wraps in 32 bits
                act = self._table[index].to(weight.dtype)
                acc = exact_product(weight, act).to(torch.int64)  # (out, n)
                # acc · multiplier stays below 2**63, and only its low 32 bits matter to a hidden layer
                phase = acc * layer.multiplier + bias
            samples = (phase >> fx.OUTPUT_SHIFT).clamp_(0, self.peak)
            out: NDArray[np.int64] = samples.T.reshape(len(y), len(x), -1).cpu().numpy()
            return out
