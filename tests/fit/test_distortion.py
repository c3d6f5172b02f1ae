"""What errors of planes count for while latents are refined: gradients, and weights for looks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_prior import smooth_picture, toy_prior

from inr_core import metrics
from inr_core.fit.latent.band_products import analysis, analysis_back, synthesis
from inr_core.fit.latent.distortion import COLOUR, Distortion
from inr_core.fit.latent.float_wavelet import forward_wavelet
from inr_core.fit.latent.model import RGB_TO_YCC
from inr_core.fit.latent.passes import Window
from inr_core.fit.latent.refine import Refinement, refine
from inr_core.latent import prior
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import quantise
from inr_core.latent.plan import DEAD_ZONE, TRADE
from inr_core.latent.tunes import looking, tuned


@pytest.mark.parametrize("size", [(16, 24), (13, 7), (1, 5)])
def test_analysis_is_the_forward_wavelet_and_has_its_adjoint(size: tuple[int, int]) -> None:
    x = torch.randn(3, *size)
    low, bands = analysis(x)
    wanted = forward_wavelet(x[None])
    assert torch.allclose(low, wanted[0][0], atol=1e-5)
    assert torch.allclose(bands, wanted[1][0], atol=1e-5)
    other = torch.randn_like(low), torch.randn_like(bands)
    products = (low * other[0]).sum() + (bands * other[1]).sum()
    assert torch.allclose(products, (x * analysis_back(*other, size)).sum(), atol=1e-3)


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_those_of_what_counts(planes: int, first: int, hidden: bool, masked: bool) -> None:
    generator = torch.Generator().manual_seed(planes)
    target = torch.rand(planes, 24 << first, 20 << first, generator=generator) - 0.5 if masked else None
    counts, window = Distortion(planes, prior.load(1), True, "cpu", target, first + 3), Window(0, 24, 0, 20)
    x, change = (torch.randn(planes, 24, 20, generator=generator) * 0.04 for _ in range(2))
    wanted = torch.zeros_like(x)
    visible = torch.rand(24, 20, generator=generator) > 0.3 if hidden and not first else None

    def found(at: torch.Tensor) -> tuple[float, torch.Tensor]:
        if first:
            _, total, slope = counts.of_planes(at.clone(), wanted, first, 3, window)
        else:
            _, total, slope = counts.of_samples(at.clone(), wanted, visible, 3, window)
        return total.item(), slope

    total, slope = found(x)
    assert total == pytest.approx(0.5 * (x * slope).sum().item(), rel=1e-3)  # a quadratic form
    small = 1e-2 * change
    assert found(x + small)[0] - found(x - small)[0] == pytest.approx(2 * (slope * small).sum().item(), rel=2e-2)
    assert total > 0


def test_a_latent_that_is_one_off_counts_the_same_with_weights_and_without_but_for_colours() -> None:
    known = prior.load(1)
    for level in (0, 1, 3):
        for band in (0, 2, 4, 8):
            counted = []
            for look in (False, True):
                counts, gains = Distortion(3, known, look, "cpu"), tuned(known, look).gains / 4096
                planes = torch.zeros(3, 64, 64)
                low, details = planes, []
                for _ in range(level + 1):
                    low, bands = analysis(low)
                    details.append(torch.zeros_like(bands))
                details[level][band, details[level].shape[1] // 2, 1] = 1e-3 * gains[level, band]
                for k in range(level, -1, -1):
                    low = synthesis(low, details[k], (64 >> k, 64 >> k))
                _, total, _ = counts.of_samples(low.clone(), planes, None, 5, Window(0, 64, 0, 64))
                counted.append(total.item())
            wanted = counted[0] * (COLOUR if band >= 3 else 1)
            assert counted[1] == pytest.approx(wanted, rel=0.35), (level, band)


def test_refining_for_looks_costs_fewer_bytes_and_not_what_counts() -> None:
    known, samples = prior.load(1), smooth_picture(np.random.default_rng(3), 72, 88, 3, 8)
    found = []
    for iterations in (0, 6):
        latents = quantise(samples, known, (3,), 150, 6, DEAD_ZONE, True)
        if iterations:
            latents, _ = refine(samples, latents, known, Refinement(iterations, TRADE), lambda *_: True)
        assert latents.look
        payloads, _, decoded = encode_latents(latents, known)
        apart = torch.from_numpy((decoded.astype(np.float32) - samples).transpose(2, 0, 1) / 255)
        planes = torch.einsum("ij,jhw->ihw", torch.tensor(RGB_TO_YCC), apart)
        target = torch.from_numpy(samples.transpose(2, 0, 1).astype(np.float32) / 255 - 0.5)
        counts = Distortion(3, known, True, "cpu", target, 6)
        _, total, _ = counts.of_planes(planes, torch.zeros_like(planes), 0, 6, Window(0, 72, 0, 88))
        price = 8 * TRADE * (2 ** (150 / 16 - 6) / 255) ** 2
        found.append(total.item() + price * sum(map(len, payloads)))
        assert metrics.psnr(samples, decoded) > 25
    assert found[1] < found[0]


def test_errors_count_less_in_textures() -> None:
    """By the power of the variance over SSIM's constant; three quarters more where all is flat."""
    generator = torch.Generator().manual_seed(1)
    target = torch.zeros(1, 64, 64)
    target[:, :, 32:] = torch.randn(64, 32, generator=generator) * (40 / 255)
    known, window = prior.load(1), Window(0, 64, 0, 64)
    counts = Distortion(1, known, True, "cpu", target, 5)
    for level in range(3):  # noise is not in the coarser ones
        mask = counts.mask(level, window, level + 1)
        assert mask is not None
        assert mask.shape == (32 >> level, 32 >> level)
        flat, textured = mask[:, 0].mean().item(), mask[:, -1].mean().item()
        assert flat == pytest.approx(((13.6**2 + 6.4**2) / 6.4**2) ** 0.33, rel=1e-2)
        assert textured < 0.9 * flat, level
        if not level:
            assert textured < 1
        part = counts.mask(level, Window(16, 48, 32, 64), level + 1)
        assert part is not None
        assert torch.equal(part, mask[8 >> level : 24 >> level, 16 >> level : 32 >> level])
    assert Distortion(1, known, False, "cpu", target, 5).mask(0, window, 1) is None


def test_gains_for_looks_are_within_the_format() -> None:
    for known in (toy_prior(), *(prior.load(number) for number in prior.known_ids())):
        gains = looking(known.gains)
        assert gains.shape == known.gains.shape
        assert gains.min() >= 1
        assert gains.max() <= prior.GAIN_MAX
        assert (gains[0] > known.gains[0]).all()
        assert (gains[-1, :3] < known.gains[-1, :3]).all()
        assert (tuned(known, True).gains == gains).all()
        assert tuned(known, False) is known
