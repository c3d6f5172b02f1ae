"""The kernels that this machine has, for tests that compare them."""

from __future__ import annotations

import pytest

from inr_core.kernels import switch

COMPILED = switch.available()[1:]
each_compiled = pytest.mark.parametrize("backend", COMPILED)  # no test at all where nothing is compiled


def compiled_levels() -> list[int]:
    """Their numbers, as compiled kernels take them."""
    levels = []
    for backend in COMPILED:
        with switch.using(backend):
            level = switch.level()
            assert level is not None
            levels.append(level)
    return levels
