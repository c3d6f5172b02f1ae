"""The latents of the lowest distortion + price · rate so far, from which a small picture is refined further.

What a change brings is reckoned as if its neighbours stayed. In a large picture what they spoil evens out; in a small
one an iteration may make things worse. Then the next one starts from the best latents again, and changes fewer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .passes import Level

FEWER, MORE = 0.7, 1.3  # times as large a share may change after an iteration that made it worse, or better


class Best:
    """Of one component, of which all latents are refined at once, by networks that stay."""

    def __init__(self) -> None:
        self.levels: Sequence[Level] = ()  # with their gradients
        self._cost, self._reach = math.inf, 1.0

    def of(self, cost: float, levels: Sequence[Level]) -> tuple[Sequence[Level], float]:
        """The best ones, after those that cost so much, and by what the share that may change is multiplied."""
        if cost < self._cost:
            self._cost, self.levels = cost, levels
            self._reach = min(1.0, MORE * self._reach)
        else:
            self._reach *= FEWER
        return self.levels, self._reach
