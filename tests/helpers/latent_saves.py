"""Pictures and settings for saves with the latent model that take no time."""

from __future__ import annotations

from typing import Any

import numpy as np
from toy_prior import smooth_picture

from inr_core import (
    Settings,
)


def picture(height: int = 48, width: int = 64, channels: int = 3, bit_depth: int = 8) -> Any:
    return smooth_picture(np.random.default_rng(5), height, width, channels, bit_depth)


def fast(**options: Any) -> Settings:
    return Settings(**{"effort": 0, "threads": 1, "device": "cpu", **options})
