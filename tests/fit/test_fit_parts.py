"""The parts of a fit by themselves: masks, batches, gradients, Adam, and the forward pass that is the decoder's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from small_fits import CPU, decoded, scene

torch = pytest.importorskip("torch")

from inr_core.fit.siren import gradients as gradients_of
from inr_core.fit.siren.adam import Adam
from inr_core.fit.siren.gradients import Gradients
from inr_core.fit.siren.network import Grid, Siren
from inr_core.fit.siren.quantise import QuantisedForward, integer_weight
from inr_core.fit.siren.sparsity import Pruning, RigL, erk_counts, largest, random_masks
from inr_core.fit.siren.trainer import Fitted
from inr_core.models import SirenShape
from inr_core.process.threads import Crew


def test_erk_counts_are_exact_and_follow_the_rule() -> None:
    shapes = SirenShape(128, 8).linear(3)
    counts = erk_counts(shapes, 10_000)
    assert sum(counts) == 10_000
    assert counts[0] == 256  # the first and the last layer are too small to be thinned at this density
    assert counts[-1] == 384
    assert max(counts[1:-1]) - min(counts[1:-1]) <= 1  # equal shapes, equal densities
    for nonzeros in (8, 9, 700, 98_943, 98_944):
        assert sum(erk_counts(shapes, nonzeros)) == nonzeros
    with pytest.raises(ValueError, match="nonzeros: expected 8 to 98944, got 7"):
        erk_counts(shapes, 7)


def test_largest_breaks_ties_to_an_exact_count() -> None:
    assert int(largest(torch.zeros(5, 5), 7).sum()) == 7
    assert largest(torch.tensor([[1.0, 3.0], [2.0, 0.0]]), 2).tolist() == [[False, True], [True, False]]


def test_rigl_swaps_the_smallest_for_the_steepest() -> None:
    weight = torch.tensor([[4.0, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    gradient = torch.tensor([[0.0, 0.0, 0.0, 0.0, 1.0, 5.0, 2.0, 0.0]])
    mask = torch.tensor([[True, True, True, True, False, False, False, False]])
    (new,) = RigL(rate=0.5).update([weight], [gradient], [mask], [4], 0.0)
    assert new.tolist() == [[True, True, False, False, False, True, True, False]]
    (same,) = RigL(rate=0.5).update([weight], [gradient], [mask], [4], 1.0)  # the rate has decayed to nothing
    assert same.tolist() == mask.tolist()


def test_pruning_follows_the_cubic() -> None:
    weight = torch.arange(1000.0).reshape(10, 100)
    counts = [int(Pruning().update([weight], [100], f)[0].sum()) for f in (0.0, 0.5, 1.0)]
    assert counts == [1000, 100 + round(900 / 8), 100]


def test_batches_take_one_pixel_of_every_stratum() -> None:
    samples = np.arange(4000, dtype=np.uint16).reshape(40, 100, 1)
    grid = Grid(samples, 65_535, False, CPU, 0)
    x, target = grid.batch(400)
    index = ((target[:, 0] + 1) * 32767.5).round().long()
    assert (index // 10).tolist() == list(range(400))
    assert x.shape == (400, 2)
    assert float(x[:, 0].abs().max()) <= 1.0
    assert float(x[:, 1].abs().max()) <= 0.4  # the short side has the long side's scale


def test_unseen_colours_do_not_count() -> None:
    samples = np.zeros((4, 4, 4), np.uint8)
    samples[:2, :, 3] = 255
    grid = Grid(samples, 255, True, CPU, 0)
    _, target = grid.batch(16)
    guess = target.clone()
    guess[8:, :3] = 1.0  # wrong, but transparent
    assert grid.apart(guess, target).count_nonzero() == 0
    guess[0, 0] = 3.0  # counts as 1
    assert grid.apart(guess, target)[0, 0] == 2
    assert grid.apart(guess, target).count_nonzero() == 1


def test_masked_weights_never_round_to_zero() -> None:
    siren = Siren(SirenShape(8, 3).linear(1), 30.0, 30.0, 0, CPU)
    masks = random_masks([(8, 2), (8, 8), (1, 8)], [16, 20, 8], 0, CPU)
    siren.weights[1].mul_(masks[1] * 1e-9)
    siren.weights[1].view(-1)[masks[1].view(-1).nonzero()[0]] = 0.1
    forward = QuantisedForward(siren, [None, masks[1], None], [8, 8, 8], 9, 255)
    values = integer_weight(siren.weights[1], masks[1], forward.scales[1])
    assert torch.equal(values != 0, masks[1])
    assert len(forward.stored()[1].codes) == 20


@pytest.mark.parametrize("bits", [4, 6, 8, 10])
def test_training_forward_is_the_decoders(bits: int) -> None:
    """What is trained is what is decoded: the differentiable forward pass and the integer one agree to a rounding."""
    siren = Siren(SirenShape(24, 5).linear(3), 30.0, 30.0, 3, CPU)
    samples = scene()
    grid = Grid(samples, 255, False, CPU, 0)
    forward = QuantisedForward(siren, [None] * 5, [bits + 5, *[bits] * 4], 9, 255)
    fitted = Fitted(forward.stored(), 0, False, False)
    y = forward.forward(grid.batch(20 * 28)[0]).clamp(-1, 1).reshape(20, 28, 3).numpy()
    difference = np.abs((y + 1) * 127.5 - decoded(fitted, 20, 28))
    assert float(difference.max()) < 4.0  # a phase on a cell's edge may fall to either side in float32
    assert float(np.median(difference)) <= 0.5


def straight(exact: Any, rounded: Any) -> Any:
    """The rounded value with the gradient of the exact one."""
    return exact + (rounded - exact).detach()


def in_double(siren: Siren, forward: QuantisedForward | None, x: Any, weights: list[Any], biases: list[Any]) -> Any:
    """The network in float64, differentiably: sines of quantised weights and phases, or of the float ones."""
    last = len(siren.omegas)
    cells, a = 4096 / (2 * math.pi), x.double()
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        if forward is None:
            phase = a @ weight.T + bias
            a = torch.sin(siren.omegas[k] * phase) if k < last else phase
            continue
        per_bias = 512 * siren.omegas[k] / (2 * math.pi) if k < last else 255 / 2 * 2**14
        w = straight(weight, forward.integers(k).double() * forward.scales[k].step)
        phase = a @ w.T + straight(bias, torch.round(bias * per_bias) / per_bias)
        a = phase
        if k < last:
            phase = straight(siren.omegas[k] * phase, (torch.floor(siren.omegas[k] * phase * cells) + 0.5) / cells)
            a = straight(torch.sin(phase), torch.round(torch.sin(phase) * 255) / 255)
    return a


@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("chunk", [37, 512])
def test_gradients_by_hand_are_autograds(quantised: bool, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same network in float64. They go straight through every rounding, and through the clamp of the samples."""
    monkeypatch.setattr(gradients_of, "CHUNK", chunk)
    monkeypatch.setattr(gradients_of, "SUMS", 4)
    siren = Siren(SirenShape(10, 4).linear(4), 40.0, 30.0, 2, CPU)
    siren.biases[-1].copy_(torch.tensor([1.0, -1.0, 0.0, 0.1]))  # to both sides of what is clamped
    masks = [None, random_masks([(10, 10)], [60], 0, CPU)[0], None, None]
    forward = QuantisedForward(siren, masks, [12, 7, 7, 7], 9, 255) if quantised else None
    grid = Grid(np.random.default_rng(0).integers(0, 3, (20, 28, 4)).astype(np.uint8) * 120, 255, True, CPU, 0)
    x, target = grid.batch(400)
    with Crew(3) as crew:
        found = Gradients(siren.shapes, 400, CPU, crew)
        found.compute(forward or siren, grid)
    weights = [w.double().requires_grad_() for w in siren.weights]
    biases = [b.double().requires_grad_() for b in siren.biases]
    y = in_double(siren, forward, x, weights, biases)
    assert float(((forward or siren).forward(x).double() - y).detach().abs().max()) < 2e-3
    seen = torch.cat([(target[:, 3:] != -1).expand(-1, 3), torch.ones(400, 1, dtype=torch.bool)], 1)
    assert not seen.all()
    assert (y.detach().abs() > 1).any()
    loss = ((straight(y, y.clamp(-1, 1)) - target).square() * seen).mean()
    assert float(found.loss) == pytest.approx(float(loss.detach()), rel=1e-3)
    expected = torch.autograd.grad(loss, [*weights, *biases])
    for mine, its in zip([*found.total.weights, *found.total.biases], expected, strict=True):
        assert float((mine.double() - its).norm() / its.norm()) < (1e-2 if quantised else 1e-4)


def test_adam_by_hand_is_torchs() -> None:
    random = torch.Generator().manual_seed(0)
    values, theirs = (torch.rand(50, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    ours, other = Adam(values), torch.optim.Adam([theirs.requires_grad_()])
    for rate in (0.1, 0.03, 0.01, 0.005):
        gradient = torch.randn(50, generator=random)
        ours.start_step(rate)
        ours.step(gradient)
        other.param_groups[0]["lr"], theirs.grad = rate, gradient
        other.step()
    torch.testing.assert_close(values, theirs.detach())
