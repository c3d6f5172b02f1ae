"""What refining does to pictures of every kind: it lowers error and bits together, or leaves them as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from latent_saves import fast, picture
from numpy.typing import NDArray
from PIL import Image

from inr_core import Metadata, decode, encode, psnr
from inr_core.container import chunks
from inr_core.container.header import Header
from inr_core.latent import plan, prior
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import quantise
from inr_core.latent.plan import levels_for, step_for
from inr_core.models import LatentShape


def cost(data: bytes, pixels: NDArray[Any]) -> float:
    """What is minimised at quality 60, distortion + λ · rate: the error, and the price that the step puts on a bit."""
    error = np.square(decode(data).astype(float) - pixels).mean() / 255**2
    return float(error + plan.price_of_bit(step_for(60)) * 8 * len(data) / pixels[..., 0].size)


def test_effort_lowers_the_cost() -> None:
    with Image.open(Path(__file__).parents[2] / "sample_images" / "coffee.webp") as image:
        pixels = np.asarray(image.convert("RGB"))[100:228, 100:292]
    costs = [cost(encode(pixels, fast(effort=effort, quality=60, tune="psnr")), pixels) for effort in (0, 3)]
    assert costs[1] < 0.99 * costs[0]


def test_effort_lowers_the_cost_of_small_pictures() -> None:
    """Beside symbols by one threshold; those that effort 0 chooses are nearly as good there."""
    pixels = picture(64, 96)
    costs = [cost(encode(pixels, fast(effort=effort, quality=60, tune="psnr")), pixels) for effort in (0, 3)]
    known = prior.load(1)
    quantised = quantise(pixels, known, (3,), step_for(60), levels_for(96, 64), plan.DEAD_ZONE)
    payloads, latents, _ = encode_latents(quantised, known)
    shape = LatentShape(1, latents.step, latents.levels)
    by_threshold = chunks.write(Header(96, 64, "RGB", 8, 3, shape), None, Metadata(), payloads)
    assert costs[1] < 0.99 * cost(by_threshold, pixels)
    assert costs[1] < costs[0]


@pytest.mark.parametrize("rows", [1, 2])
def test_thin_pictures_are_refined_like_others(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is alone along an axis does not count twice a level; no matrix is of the whole side's square."""
    products = pytest.importorskip("inr_core.fit.latent.band_products")
    sides: list[int] = []
    matrices = products.wavelet_matrices

    def watched(n: int) -> Any:
        sides.append(n)
        return matrices(n)

    monkeypatch.setattr(products, "wavelet_matrices", watched)
    for kept in (products._analysis, products._synthesis):
        kept.cache_clear()
    wave = 128 + 40 * np.sin(np.arange(5000) / 30)[None, :, None]
    pixels = (wave + np.random.default_rng(1).normal(0, 3, (rows, 5000, 3))).clip(0, 255).astype(np.uint8)
    plain, refined = (encode(pixels, fast(effort=effort, quality=50, model="latent")) for effort in (0, 1))
    assert len(refined) < 1.02 * len(plain)
    assert psnr(pixels, decode(refined)) > psnr(pixels, decode(plain)) - 0.1
    assert 0 < max(sides) < 1000


@pytest.mark.parametrize("threshold", [False, True])
@pytest.mark.parametrize("tune", ["look", "psnr"])
def test_noise_is_not_made_worse(tune: str, threshold: bool) -> None:
    """Refining goes astray there; what was not refined is kept then."""
    pixels = np.random.default_rng(1).integers(0, 256, (210, 210, 3)).astype(np.uint8)
    pixels = (pixels > 127).astype(np.uint8) * 255 if threshold else pixels
    plain, refined = (encode(pixels, fast(effort=e, quality=50, model="latent", tune=tune)) for e in (0, 2))
    assert len(refined) < 1.02 * len(plain)
    assert psnr(pixels, decode(refined)) > psnr(pixels, decode(plain)) - 1


def test_black_on_white_does_not_go_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    """What rings beyond white is clipped: latents for looks moved ever farther to mend what has no effect there."""
    monkeypatch.setattr("inr_core.save.latent.ASTRAY", np.inf)
    pixels = np.full((220, 220, 3), 255, np.uint8)
    strokes = np.random.default_rng(1).random((20, 40)) < 0.4
    pixels[10:210, 10:210] = np.where(strokes.repeat(10, 0).repeat(5, 1), 20, 255)[..., None]
    plain, refined = (encode(pixels, fast(effort=e, quality=50, model="latent")) for e in (0, 5))
    assert len(refined) < 1.15 * len(plain)
    assert psnr(pixels, decode(refined)) > psnr(pixels, decode(plain)) - 2
