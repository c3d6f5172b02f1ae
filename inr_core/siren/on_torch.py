"""The integer forward pass through torch, on any of its devices: the same pixels as `network`, to the bit."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import SettingsError, shown
from ..kernels import sine as fx
from ..process.own_thread import apart
from ..process.torch_settings import exact_product, undisturbed
from .network import Network

GPU_BLOCK_ACTIVATIONS = 2**23  # of one layer in a block: enough to keep a GPU busy


class TorchEvaluator:
    """Evaluates a network on a torch device. Products are float32 or float64 exactly where NumPy's are.

    Raises SettingsError for a device that this machine lacks or that cannot compute what this network needs.
    """

    def __init__(self, network: Network, peak: int, device: str) -> None:
        self.network, self.peak = network, peak
        try:
            apart(partial(self._put, device))
        except (AssertionError, RuntimeError, TypeError) as e:  # torch has no error of its own; TypeError: MPS, float64
            message = str(e).partition("\n")[0]
            raise SettingsError(
                f"device: expected one that can decode this file, got {shown(device)} ({message})"
            ) from e

    def _put(self, device: str) -> None:
        """What the network is, to the device."""
        self.device = torch.device(device)
        layers = self.network.layers
        self._table = torch.from_numpy(fx.SINE_TABLE).to(self.device)
        self._weight = [torch.from_numpy(layer.factors).to(self.device) for layer in layers]
        self._bias = [torch.from_numpy(layer.bias).to(self.device)[:, None] for layer in layers]

    @property
    def block(self) -> int:
        """How many pixels to evaluate at once."""
        if self.device.type == "cpu":
            return self.network.block
        return GPU_BLOCK_ACTIVATIONS // len(self.network.layers[0].bias)

    def samples(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Samples 0 … peak at every (x, y): (w,) and (h,) coordinates → (h, w, C) int64."""
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
