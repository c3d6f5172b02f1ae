"""A small prior with seeded random weights: the format's arithmetic without any training."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inr_core.entropy.tables import laplace_tables
from inr_core.latent import prior


def toy_arrays(seed: int = 0, hidden: int = 8, chroma: int = 4, sines: int = 6, levels: int = 3) -> dict[str, Any]:
    """Arrays of `prior.from_arrays`: scales around one step, means and residuals of a fraction of it."""
    rng = np.random.default_rng(seed)

    def normal(size: float, *shape: int) -> NDArray[np.int32]:
        return np.rint(rng.normal(0, size, shape)).astype(np.int32)

    arrays: dict[str, Any] = {
        "gains": 3700 + normal(100, levels, 9),
        "recon": np.arange(64, dtype=np.int32) // 3,
        "mag": np.rint(16 * np.log2(1 + np.arange(256))).astype(np.int32),
        **laplace_tables(),
    }
    for part, width, channels, bands in (("luma", hidden, 37, 3), ("chroma", chroma, 56, 6)):
        bias = np.tile(np.repeat([26, 0], bands), 4) << 10
        arrays |= {
            f"{part}_w1": normal(24, 4 * width, channels, 3, 3),
            f"{part}_b1": normal(2000, levels, 4 * width),
            f"{part}_q1": normal(500, 2, 4 * width),
            f"{part}_s1": np.array(8),
            f"{part}_w2": normal(200, 4, width, width),
            f"{part}_b2": normal(2000, 4 * width),
            f"{part}_s2": np.array(8),
            f"{part}_w3": normal(30, 4, 2 * bands, width),
            f"{part}_b3": bias.astype(np.int32) + normal(500, levels, 8 * bands),
            f"{part}_s3": np.array(10),
        }
    return arrays | {
        "cell_w1": normal(80, sines, 12, 3, 3),
        "cell_b1": normal(2000, levels, sines) * 8,
        "cell_q1": normal(500, 2, sines),
        "cell_s1": np.array(5),
        "cell_wm": normal(300, sines, sines),
        "cell_bm": normal(5000, sines),
        "cell_sm": np.array(8),
        "cell_w2": normal(6, 12, sines, 3, 3),
        "cell_b2": normal(50, 12),
        "cell_s2": np.array(9),
    }


@cache
def toy_prior(seed: int = 0) -> prior.Prior:
    """The prior of `toy_arrays`."""
    return prior.from_arrays(toy_arrays(seed))


def smooth_picture(
    rng: np.random.Generator, height: int, width: int, channels: int, bit_depth: int = 8
) -> NDArray[Any]:
    """Samples (H, W, C) with waves, edges and a little noise."""
    y, x = np.mgrid[:height, :width]
    planes = []
    for _ in range(channels):
        fy, fx, phase = (*rng.uniform(0.02, 0.3, 2), rng.uniform(0, 6))
        plane = (
            np.sin(fy * y + fx * x + phase)
            + (x + y > rng.integers(1, height + width + 1))
            + rng.normal(0, 0.05, x.shape)
        )
        planes.append(plane)
    values = np.stack(planes, -1)
    values = (values - values.min()) / max(1e-9, values.max() - values.min())
    samples: NDArray[Any] = np.rint(values * (2**bit_depth - 1)).astype(np.uint8 if bit_depth == 8 else np.uint16)
    return samples
