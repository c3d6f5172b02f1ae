"""Where the networks of the latent model run through torch: the same integers as NumPy's, on any of its devices."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import SettingsError, shown
from ..kernels.sine import PHASE_BITS, SINE_TABLE
from ..process.torch_settings import exact_product
from .networks import Ops

GPU_POSITIONS = 1 << 18  # of a grid evaluated at once: enough to keep a GPU busy


class TorchOps(Ops):
    """Arrays of torch on a device; SettingsError for a device that this machine lacks."""

    xp: Any = torch

    def __init__(self, device: str) -> None:
        super().__init__()
        try:
            self.device = torch.device(device)
            self._table = torch.from_numpy(SINE_TABLE).to(self.device)
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
        index = torch.floor(phase).to(torch.int64) & (1 << PHASE_BITS) - 1
        out.copy_(self._table[index])
