"""The integer forward pass through torch, on any of its devices: the same pixels as `network`, to the bit."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from . import fixedpoint as fx
from .network import Network


class TorchEvaluator:
    """Evaluates a network on a torch device. Products are float32 or float64 exactly where NumPy's are."""

    def __init__(self, network: Network, peak: int, device: str) -> None:
        self.network, self.peak, self.device = network, peak, torch.device(device)
        self._table = torch.from_numpy(fx.SINE_TABLE.astype(np.float64)).to(self.device)
        self._weight = [
            torch.from_numpy(layer.weight.astype(fx.product_dtype(layer.weight))).to(self.device)
            for layer in network.layers
        ]
        self._bias = [torch.from_numpy(layer.bias).to(self.device)[:, None] for layer in network.layers]

    def samples(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Samples 0 … peak at every (x, y): (w,) and (h,) coordinates → (h, w, C) int64."""
        first = self.network.layers[0]
        columns = torch.from_numpy(fx.first_phase(first.weight[:, 0], first.multiplier, x).astype(np.int64))
        rows = torch.from_numpy(fx.first_phase(first.weight[:, 1], first.multiplier, y).astype(np.int64))
        phase = rows.to(self.device)[:, :, None] + columns.to(self.device)[:, None, :]  # (width, h, w) int64
        phase = phase.flatten(1) + self._bias[0]
        with torch.no_grad(), _exact_products():
            for k, layer in enumerate(self.network.layers[1:], 1):
                index = (phase & 0xFFFFFFFF) >> fx.PHASE_SHIFT  # int64 holds what wraps in 32 bits
                act = self._table[index].to(self._weight[k].dtype)
                acc = (self._weight[k] @ act).to(torch.int64)  # (out, n), exact
                # acc · multiplier stays below 2**63, and only its low 32 bits matter to a hidden layer
                phase = acc * layer.multiplier + self._bias[k]
        samples = (phase >> fx.OUTPUT_SHIFT).clamp_(0, self.peak)
        return samples.T.reshape(len(y), len(x), -1).cpu().numpy()


class _exact_products:
    """TF32 rounds the integers: it is off while we multiply."""

    def __enter__(self) -> None:
        self._before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = False

    def __exit__(self, *_: object) -> None:
        torch.backends.cuda.matmul.allow_tf32 = self._before
