"""Second derivatives as gradients show them from one iteration to the next."""

from __future__ import annotations

import pytest
import torch

from inr_core.fit.latent.curvature import ASSUMED, KEPT, LEAST, MOST, Curvature


def changes(seed: int) -> torch.Tensor:
    """Of two bands' latents, by −1, 0 or 1."""
    return torch.randint(-1, 2, (8, 40, 40), generator=torch.Generator().manual_seed(seed)).float()


def test_of_a_quadratic_it_is_found() -> None:
    """Bands that are twice and half as stiff as assumed, but for what is assumed beforehand."""
    stiffness = torch.linspace(1, 3, 40)[None, :, None].expand(8, 40, 40)
    true = torch.tensor([2.0, 0.5]).repeat_interleave(4)[:, None, None] * stiffness
    slope, curvature = torch.randn(8, 40, 40), Curvature()
    curvature.measure(slope)
    assert curvature.ratio == 1  # nothing has changed
    for seed in range(2):
        moved = changes(seed)
        curvature.remember(moved, slope, stiffness)
        slope = slope + true * moved
        curvature.measure(slope)
        assert curvature.ratio.shape == (8, 1, 1)
        assert curvature.ratio.flatten().tolist() == pytest.approx([2] * 4 + [0.5] * 4, rel=0.02)


def test_older_iterations_count_less() -> None:
    one, curvature, found = torch.ones(4, 40, 40), Curvature(), []
    for true in (1.0, 3.0):
        curvature.remember(one, one, one)
        curvature.measure(one + true)
        found.append(curvature.ratio[0].item())
    assert found == pytest.approx([1, (3 + KEPT) / (1 + KEPT)], rel=1e-2)


@pytest.mark.parametrize(("true", "wanted"), [(-5.0, LEAST), (100.0, MOST)])
def test_it_stays_within_bounds(true: float, wanted: float) -> None:
    moved, curvature = torch.ones(4, 40, 40), Curvature()
    curvature.remember(moved, moved, moved)
    curvature.measure(moved + true)
    assert curvature.ratio.flatten().tolist() == pytest.approx([wanted] * 4)


def test_few_changes_tell_little_and_none_nothing() -> None:
    moved, curvature = torch.zeros(8, 40, 40), Curvature()
    moved[0, 0, :2] = 1
    curvature.remember(moved, moved, torch.ones(8, 40, 40))
    curvature.measure(moved * 6)
    wanted = (2 * 5 + ASSUMED) / (2 + ASSUMED)
    assert curvature.ratio.flatten().tolist() == pytest.approx([wanted] * 4 + [1] * 4)
