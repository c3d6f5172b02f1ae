"""The integer forward pass through torch, on any of its devices: the same pixels as `network`, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from . import fixedpoint as fx
from .errors import SettingsError, shown
from .network import Network

GPU_BLOCK_ACTIVATIONS = 2**23  # of one layer in a block: enough to keep a GPU busy


class TorchEvaluator:
    """Evaluates a network on a torch device. Products are float32 or float64 exactly where NumPy's are.

    Raises SettingsError for a device that this machine lacks or that cannot compute what this network needs.
    """

    def __init__(self, network: Network, peak: int, device: str) -> None:
        self.network, self.peak = network, peak
        factors = [layer.factors for layer in network.layers]
        try:
            self.device = torch.device(device)
            self._table = torch.from_numpy(fx.SINE_TABLE).to(self.device)
            self._weight = [torch.from_numpy(weight).to(self.device) for weight in factors]
        except (AssertionError, RuntimeError, TypeError) as e:  # torch has no error of its own; TypeError: MPS, float64
            message = str(e).partition("\n")[0]
            raise SettingsError(
                f"device: expected one that can decode this file, got {shown(device)} ({message})"
            ) from e
        self._bias = [torch.from_numpy(layer.bias).to(self.device)[:, None] for layer in network.layers]

    @property
    def block(self) -> int:
        """How many pixels to evaluate at once."""
        if self.device.type == "cpu":
            return self.network.block
        return GPU_BLOCK_ACTIVATIONS // len(self.network.layers[0].bias)

    def samples(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Samples 0 … peak at every (x, y): (w,) and (h,) coordinates → (h, w, C) int64."""
        first = self.network.layers[0]
        columns = torch.from_numpy(fx.first_phase(first.weight[:, 0], first.multiplier, x).astype(np.int64))
        rows = torch.from_numpy(fx.first_phase(first.weight[:, 1], first.multiplier, y).astype(np.int64))
        phase = rows.to(self.device)[:, :, None] + columns.to(self.device)[:, None, :]  # (width, h, w) int64
        phase = phase.flatten(1) + self._bias[0]
        with torch.no_grad(), exact_products():
            for layer, weight, bias in zip(self.network.layers[1:], self._weight[1:], self._bias[1:], strict=True):
                index = (phase & 0xFFFFFFFF) >> fx.PHASE_SHIFT  # int64 holds what wraps in 32 bits
                act = self._table[index].to(weight.dtype)
                acc = (weight @ act).to(torch.int64)  # (out, n), exact
                # acc · multiplier stays below 2**63, and only its low 32 bits matter to a hidden layer
                phase = acc * layer.multiplier + bias
        samples = (phase >> fx.OUTPUT_SHIFT).clamp_(0, self.peak)
        out: NDArray[np.int64] = samples.T.reshape(len(y), len(x), -1).cpu().numpy()
        return out


@contextmanager
def exact_products() -> Iterator[None]:
    """TF32 and bfloat16 round the integers: whatever the program allows elsewhere, they are off while we multiply."""
    if not hasattr(torch.backends.cuda.matmul, "fp32_precision"):  # torch before 2.9
        allowed = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(allowed)
        return
    backends = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
    before = [backend.fp32_precision for backend in backends]
    for backend in backends:
        backend.fp32_precision = "ieee"
    try:
        yield
    finally:
        for backend, precision in zip(backends, before, strict=True):
            backend.fp32_precision = precision
