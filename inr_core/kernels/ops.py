"""Arrays that networks are evaluated with: NumPy's here, those of torch in `on_torch`.

Activations are integer-valued float32, (channels, positions). A layer's weights are scaled by 2^−s and carry bias and
half as a last column, against a row of ones: the product *is* (Σ w·a + b + 2^(s−1))·2^−s, exactly, and the floor of it
the activation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sine import PHASE_BITS, SINE_TABLE

Floats = NDArray[np.float32]
_PHASE_MASK = np.int32((1 << PHASE_BITS) - 1)


class Ops:
    """Arrays of NumPy, and scratch for one thread. `TorchOps` has the same members for those of torch."""

    xp: Any = np

    def __init__(self) -> None:
        self._scratch: dict[str, Any] = {}
        self.positions: int | None = None  # to evaluate at once; None: as many as fit a core's cache

    def product(self, weight: Any, values: Any, out: Any) -> Any:
        """weight @ values, exact, into `out`."""
        return np.matmul(weight, values, out=out)

    def scratch(self, name: str, *shape: int) -> Any:
        """A float32 array of a shape, valid until the next call with this name."""
        size = int(np.prod(shape))
        flat = self._scratch.get(name)
        if flat is None or len(flat) < size:
            flat = self._scratch[name] = self.empty(size)
        return flat[:size].reshape(shape)

    def empty(self, size: int) -> Any:
        """Float32 memory."""
        return np.empty(size, np.float32)

    def put(self, array: NDArray[Any]) -> Any:
        """A host array to where products are made."""
        return array

    def get(self, array: Any) -> NDArray[Any]:
        """An array from there."""
        host: NDArray[Any] = array
        return host

    def sine(self, phase: Any, out: Any) -> None:
        """Activations of phases (n, m), integer-valued, any number of turns; `phase` is destroyed."""
        np.floor(phase, out=phase)
        turns = self._scratch.get("turns")
        if turns is None or turns.size < phase.size:
            turns = self._scratch["turns"] = np.empty(phase.size, np.int32)
            self._scratch["index"] = np.empty(phase.size, np.int64)
        turn, index = (
            turns[: phase.size].reshape(phase.shape),
            self._scratch["index"][: phase.size].reshape(phase.shape),
        )
        np.copyto(turn, phase, casting="unsafe")
        np.bitwise_and(turn, _PHASE_MASK, out=index)
        np.take(SINE_TABLE, index, out=out, mode="wrap")  # "wrap" skips the bounds check; every index is in range


def factors(weight: NDArray[np.integer[Any]], bias: NDArray[np.integer[Any]], shift: int) -> Floats:
    """(out, in) weights and (out,) biases → (out, in + 1) with bias and half in the last column, times 2^−shift."""
    half = 1 << shift >> 1
    both = np.concatenate([weight, (bias.astype(np.int64) + half)[:, None]], 1)
    scaled: Floats = np.ldexp(both.astype(np.float32), -shift)
    return scaled
