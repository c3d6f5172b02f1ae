"""Fits of sirens so small that a test may run them, and the pixels that come of them."""

from __future__ import annotations

import math

import numpy as np
import torch

from inr_core.fit.siren import trainer
from inr_core.fit.siren.trainer import Fitted
from inr_core.kernels.siren import NumpySiren
from inr_core.models import SirenShape
from inr_core.siren.coordinates import axis_coordinates
from inr_core.siren.plan import FitPlan
from inr_core.siren.weights import to_network

CPU = torch.device("cpu")


def plan(**changes: object) -> FitPlan:
    values: dict[str, object] = {
        "shapes": SirenShape(12, 4).linear(3),
        "nonzeros": 24 + 288 + 36,
        "sparsity": "rigl",
        "bits": (12, 8, 8, 8),
        "bias_bits": 9,
        "quantization": "qat",
        "steps": 120,
        "batch": 512,
        "learning_rate": 5e-3,
        "omega_first": 30.0,
        "omega_hidden": 30.0,
        "seed": 0,
        "expected_bytes": 400,
    }
    return FitPlan(**{**values, **changes})  # type: ignore[arg-type]


def scene(height: int = 20, width: int = 28) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / 28
    rgb = np.stack([np.sin(6 * x) * 0.5 + 0.5, y, np.hypot(x - 0.5, y - 0.3) < 0.25], 2)
    return (rgb * 255).round().clip(0, 255).astype(np.uint8)


def decoded(fitted: Fitted, height: int, width: int, channels: int = 3, peak: int = 255) -> np.ndarray:
    depth = 16 if peak > 255 else 8
    longest = max(width, height)
    x = axis_coordinates(width, longest, 0, width, width)
    y = axis_coordinates(height, longest, 0, height, height)
    return NumpySiren(to_network(fitted.layers, depth), peak, 1, 4096).samples(x, y)


def psnr_of(fitted: trainer.Fitted) -> float:
    error = np.square(decoded(fitted, 20, 28) - scene().astype(float)).mean()
    return 10 * math.log10(255**2 / error)
