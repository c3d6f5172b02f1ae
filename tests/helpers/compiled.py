"""The kernels that this machine has, for tests that compare them."""

from __future__ import annotations

import pytest

from inr_core.kernels import switch

COMPILED = switch.available()[1:]
each_compiled = pytest.mark.parametrize("backend", COMPILED)  # no test at all where nothing is compiled
