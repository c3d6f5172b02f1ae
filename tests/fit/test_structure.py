"""How much structure errors destroy, and gradients of that by hand."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor
from torch.nn.functional import avg_pool2d
from toy_prior import smooth_picture

from inr_core.fit.latent.band_products import blur, blur_back
from inr_core.fit.latent.distortion import ITERATIONS, STRUCTURE, Distortion, structure_share
from inr_core.fit.latent.passes import Window
from inr_core.fit.latent.structure import BIAS, CELLS, CHROMA, CONSTANT, SCALES, WINDOW, XYB, structure_slope
from inr_core.latent import prior


def pictures(planes: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Samples of 0.1 … 0.9, and what they should be."""
    rng = np.random.default_rng(planes)
    wanted = 0.1 + smooth_picture(rng, height, width, planes, 8).transpose(2, 0, 1) / 320
    noise = rng.normal(0, 0.02, wanted.shape)
    return torch.from_numpy((wanted + noise).astype(np.float32)), torch.from_numpy(wanted.astype(np.float32))


def blurring(n: int) -> Tensor:
    """A Gaussian of 1.5 pixels, cut off after five; beyond the ends is what is at them."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    matrix = np.zeros((n, n), np.float32)
    for row in range(n):
        for tap, weight in zip(range(-5, 6), taps / taps.sum(), strict=True):
            matrix[row, min(max(row + tap, 0), n - 1)] += weight
    found: Tensor = torch.from_numpy(matrix)
    return found


def by_autograd(x: Tensor, wanted: Tensor) -> Tensor:
    """What `structure_slope` is the gradient of, term by term."""
    light, aim = x.square(), wanted.square()
    total: Tensor = torch.zeros(())
    for scale in SCALES:
        light, aim = avg_pool2d(light[None], 2)[0], avg_pool2d(aim[None], 2)[0]
        planes = []
        for linear in (light, aim):
            if len(x) == 3:
                cells = torch.einsum("ij,jhw->ihw", torch.tensor(CELLS), linear) + BIAS
                planes.append(torch.einsum("ij,jhw->ihw", torch.tensor(XYB), cells ** (1 / 3)))
            else:
                planes.append((linear + BIAS) ** (1 / 3))
        down, across = blurring(light.shape[1]), blurring(light.shape[2])
        p, q = planes
        m, n, mm, nn, mn = (down @ v @ across.T for v in (p, q, p * p, q * q, p * q))
        likeness = (2 * (mn - m * n) + CONSTANT) / (mm - m * m + nn - n * n + CONSTANT)
        lost = (1 - (1 - (n - m) ** 2) * likeness).mean((1, 2))
        total = total + scale * (lost @ (torch.tensor([CHROMA, 1, CHROMA]) if len(x) == 3 else torch.ones(1)))
    return total


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("size", [(128, 160), (135, 149)])
def test_gradients_are_those_of_autograd(planes: int, size: tuple[int, int]) -> None:
    x, wanted = pictures(planes, *size)
    found = structure_slope(x, wanted)
    x.requires_grad_()
    (slope,) = torch.autograd.grad(by_autograd(x, wanted), x)
    assert (found - slope).norm() < 1e-3 * slope.norm()
    assert structure_slope(wanted, wanted).norm() < 1e-3 * slope.norm()


def test_small_grids_are_left_out() -> None:
    x, wanted = pictures(3, 15, 200)
    slope = structure_slope(x, wanted)
    assert slope.shape == x.shape
    assert not slope.any()
    assert structure_slope(*pictures(3, 16, 200)).any()


def test_windows_too_small_for_structure_have_the_other_gradients() -> None:
    x, wanted = pictures(3, 12, 500)
    found = []
    for share in (0, STRUCTURE):
        counts = Distortion(3, prior.load(1), True, "cpu", wanted - 0.5, 3, structure=share)
        at = (counts._to_planes @ (1 - x).flatten(1) * 100).view_as(x)  # far from what is wanted
        found.append(counts.of_samples(at, wanted - 0.5, None, 3, Window(0, 12, 0, 500))[2])
    assert found[0].isfinite().all()
    assert torch.equal(*found)


def test_the_blur_has_its_adjoint() -> None:
    x, y = torch.randn(2, 37, 21), torch.randn(2, 37, 21)
    assert torch.allclose(blur(x, WINDOW), blurring(37) @ x @ blurring(21).T, atol=1e-6)
    assert torch.allclose((blur(x, WINDOW) * y).sum(), (x * blur_back(y, WINDOW)).sum(), atol=1e-3)


def test_their_share_is_less_in_few_iterations() -> None:
    assert structure_share(ITERATIONS) == structure_share(65) == STRUCTURE
    assert structure_share(2) == STRUCTURE / 2


@pytest.mark.parametrize("planes", [1, 3])
def test_distortion_has_a_share_of_them_for_looks_alone(planes: int) -> None:
    x, wanted = (each - 0.5 for each in pictures(planes, 64, 96))
    known, window = prior.load(1), Window(0, 64, 0, 96)
    visible = torch.rand(64, 96, generator=torch.Generator().manual_seed(1)) > 0.3

    def slope(look: bool, kept: float, hidden: bool = False) -> Tensor:
        counts = Distortion(planes, known, look, "cpu", wanted, 3, structure=kept)
        at = (counts._to_planes @ x.flatten(1)).view_as(x)
        return counts.of_samples(at, wanted, visible if hidden else None, 3, window)[2]

    assert torch.equal(slope(False, STRUCTURE), slope(False, 0))
    plain = slope(True, 0)
    assert (slope(True, STRUCTURE) - plain).norm().item() == pytest.approx(STRUCTURE * plain.norm().item(), rel=1e-3)
    hidden = slope(True, STRUCTURE, hidden=True)
    assert not hidden[:, ~visible].any()
    assert hidden[:, visible].any()
    exact = Distortion(planes, known, True, "cpu", wanted, 3, structure=STRUCTURE)
    found = exact.of_samples((exact._to_planes @ wanted.flatten(1)).view_as(x), wanted, None, 3, window)[2]
    assert found.abs().max() < 1e-5
