"""How far a fit has come."""

from __future__ import annotations

import time

HURRY_SECONDS, HURRY_STEPS = 2.0, 300  # what a stopped fit may still spend on quantising what it has


class Clock:
    """How far a fit has come, by steps or by seconds, whichever is further."""

    def __init__(self, steps: int, time_limit: float | None) -> None:
        self.steps, self.time_limit = steps, time_limit
        self.started = time.perf_counter()
        self.hurried = False
        self._hurried_from, self._hurried_at = 0.0, (0.0, 0)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self.started

    def fraction(self, step: int) -> float:
        """0 … 1 and more."""
        done = step / self.steps if self.steps else 1.0
        if self.hurried:
            seconds, steps = self.seconds - self._hurried_at[0], step - self._hurried_at[1]
            hurry = max(seconds / HURRY_SECONDS, steps / HURRY_STEPS)
            return max(self._hurried_from + (1 - self._hurried_from) * hurry, done)
        return max(done, self.seconds / self.time_limit) if self.time_limit else done

    def hurry(self, step: int, fraction: float) -> None:
        """Run from `fraction` at `step` to the end in HURRY_SECONDS or HURRY_STEPS, whichever is sooner."""
        self.hurried, self._hurried_from, self._hurried_at = True, fraction, (self.seconds, step)
