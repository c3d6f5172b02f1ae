"""Strips of other sizes than the measured ones, for tests that pixels do not depend on them."""

from __future__ import annotations

import pytest

from inr_core.kernels import cell, highpass, parities, strips
from inr_core.latent import level


def set_positions(monkeypatch: pytest.MonkeyPatch, positions: int) -> None:
    """Everything that is evaluated or coded together in the latent model has about so many positions or symbols."""
    for module in (parities, cell, highpass):
        monkeypatch.setattr(module, "STRIP_POSITIONS", positions)
    monkeypatch.setattr(parities, "SHARED_POSITIONS", positions)
    monkeypatch.setattr(strips, "LEAST_POSITIONS", positions)
    monkeypatch.setattr(level, "CODED_SYMBOLS", positions)
