"""How stiff errors turn out to be, from one iteration to the next.

`changes` needs second derivatives of the error by each latent. Those that are assumed hold for a latent alone and for a
nearly linear decoder; of many that change together, and of networks that answer strongly, errors are stiffer. The
gradients tell: after changes v they differ by v · (g′ − g), where v · h · v was assumed. The ratio of both, by band, is
what the next iteration multiplies h by: a secant condition, as quasi-Newton methods have it (C. Broyden, 1967).
"""

from __future__ import annotations

import torch
from torch import Tensor

KEPT = 0.5  # share of older iterations' sums in those of the next
ASSUMED = 20.0  # changes that the ratio of 1, which is assumed, counts as
LEAST, MOST = 0.4, 10.0  # of a ratio


class Curvature:
    """Of a tile's latents of one level."""

    def __init__(self) -> None:
        self._last: tuple[Tensor, Tensor, Tensor] | None = None  # changes, v · g, v · h · v
        self._sums: Tensor | None = None  # (3, bands): v · (g′ − g), v · h · v, how many changes
        self.ratio = torch.ones((), dtype=torch.float32, device="cpu")  # then (4·bands, 1, 1), by parity

    def measure(self, slope: Tensor) -> None:
        """Gradients (4·bands, h, w) by the latents as they have become."""
        if self._last is None:
            return
        moved, before, assumed = self._last
        after, count = _by_band(slope * moved), _by_band(moved.abs())
        sums = torch.stack([after - before, assumed, count])
        self._sums = sums if self._sums is None else sums.add_(self._sums, alpha=KEPT)
        found, assumed, count = self._sums
        start = assumed * (ASSUMED / count.clamp(min=1e-9))
        ratio = torch.where(assumed > 0, (found + start) / (assumed + start), 1.0).clamp_(LEAST, MOST)
        self.ratio = ratio.repeat_interleave(4)[:, None, None]

    def remember(self, moved: Tensor, slope: Tensor, stiffness: Tensor) -> None:
        """By what latents change (4·bands, h, w), the gradients before, and the second derivatives assumed."""
        self._last = moved.to(torch.int8), _by_band(slope * moved), _by_band(stiffness * moved.square())


def _by_band(x: Tensor) -> Tensor:
    """(4·bands, h, w) → sums (bands,)."""
    return torch.unflatten(x, 0, (-1, 4)).sum((1, 2, 3), dtype=torch.float32)
