"""A siren ready to be evaluated: by compiled kernels, NumPy or torch, with the same samples."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError, shown
from ..kernels import switch
from ..kernels.siren import CompiledSiren, Network, NumpySiren, fits_int16

Ints = NDArray[np.int64]


class Evaluator(Protocol):
    """A network ready to be evaluated, by up to `threads` threads at once."""

    threads: int
    most: int  # samples that it evaluates at once

    def samples(self, x: Ints, y: Ints) -> NDArray[np.integer[Any]]:
        """Samples 0 … peak at every (x, y): (w,) and (h,) coordinates with w·h ≤ most → (h, w, C)."""


def evaluator(network: Network, peak: int, threads: int, device: str, most: int | None = None) -> Evaluator:
    """The fastest there is for a device, "cpu" or one of torch's; `most`: samples at once, its own choice by default.

    SettingsError for a device that there is not, or that cannot compute what this network needs.
    """
    if device != "cpu":
        try:
            from ..kernels.on_torch import TorchSiren
        except ImportError as e:
            raise SettingsError(f"device: expected 'cpu' where torch is not installed, got {shown(device)}") from e
        return TorchSiren(network, peak, "cpu" if device == "torch" else device, most)
    if switch.compiled() is not None and fits_int16(network):
        return CompiledSiren(network, peak, threads, most)
    return NumpySiren(network, peak, threads, most)
