"""Where the networks of the latent model run through torch: the same integers as NumPy's, on any of its devices."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .errors import SettingsError, shown
from .fixedpoint import PHASE_BITS, SINE_TABLE
from .latentnet import Ops
from .network_torch import exact_products

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

    def exact(self) -> AbstractContextManager[None]:
        """While products are made: no TF32, no bfloat16."""
        return exact_products()

    def empty(self, size: int) -> Any:
        """Float32 memory."""
        return torch.empty(size, device=self.device)

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
