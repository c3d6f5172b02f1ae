"""The fit: sparsity, quantisers, the training loop and its ways to end."""

from __future__ import annotations

import math
import os
import signal
import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from small_fits import CPU, decoded, plan, scene

torch = pytest.importorskip("torch")

from inr_core.container.header import Header
from inr_core.fit.siren import gradients as gradients_of
from inr_core.fit.siren.adam import Adam
from inr_core.fit.siren.gradients import Gradients
from inr_core.fit.siren.network import Grid, Siren
from inr_core.fit.siren.quantise import QuantisedForward, integer_weight, kmeans, post_training
from inr_core.fit.siren.sparsity import Pruning, RigL, erk_counts, largest, random_masks
from inr_core.fit.siren.trainer import Fitted, Run, fit
from inr_core.process.threads import Crew
from inr_core.settings import Progress
from inr_core.siren.plan import shapes_of
from inr_core.siren.streams import pack
from inr_core.siren.weights import to_network


def run(samples: np.ndarray | None = None, **changes: object) -> Fitted:
    return fit(scene() if samples is None else samples, 255, False, plan(**changes), CPU, lambda p: None)


def stored(fitted: Fitted) -> int:
    return sum(len(layer.codes) for layer in fitted.layers)


def test_erk_counts_are_exact_and_follow_the_rule() -> None:
    shapes = shapes_of(128, 8, 3)
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
    siren = Siren(shapes_of(8, 3, 1), 30.0, 30.0, 0, CPU)
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
    siren = Siren(shapes_of(24, 5, 3), 30.0, 30.0, 3, CPU)
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
    siren = Siren(shapes_of(10, 4, 4), 40.0, 30.0, 2, CPU)
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


def test_fit_reaches_a_floor_and_is_repeatable() -> None:
    first, second = run(), run()
    assert pack(first.layers) == pack(second.layers)
    assert pack(run(seed=1).layers) != pack(first.layers)
    error = np.square(decoded(first, 20, 28) - scene().astype(float)).mean()
    assert 10 * math.log10(255**2 / error) > 19.0


@pytest.mark.parametrize("sparsity", ["rigl", "prune"])
def test_sparse_fit_stores_exactly_the_nonzeros_asked_for(sparsity: str) -> None:
    fitted = run(nonzeros=100, sparsity=sparsity, steps=60)
    assert stored(fitted) == 100
    hidden = fitted.layers[1]
    assert int(hidden.mask.sum()) == len(hidden.codes) < 144


def test_max_bytes_is_never_exceeded() -> None:
    free = len(pack(run(steps=40).layers))
    for limit in (free - 1, free * 3 // 4, free // 2):
        size = len(pack(run(steps=40, max_bytes=limit).layers))
        assert limit * 0.9 < size <= limit


@pytest.mark.parametrize("method", ["range", "distribution", "kmeans", "float16"])
def test_post_training_quantisers(method: str) -> None:
    fitted = run(quantization=method, steps=80)
    error = np.square(decoded(fitted, 20, 28) - scene().astype(float)).mean()
    assert 10 * math.log10(255**2 / error) > 15.0


def test_float16_is_nearly_the_float_network() -> None:
    siren = Siren(shapes_of(24, 4, 3), 30.0, 30.0, 5, CPU)
    layers = post_training(siren, [None] * 4, [13, 8, 8, 8], 16, 255, "float16")
    grid = Grid(scene(), 255, False, CPU, 0)
    y = siren.forward(grid.batch(560)[0]).clamp(-1, 1).reshape(20, 28, 3).numpy()
    error = (y + 1) * 127.5 - decoded(Fitted(layers, 0, False, False), 20, 28)
    assert float(np.sqrt(np.square(error).mean())) < 1.0


def test_kmeans_finds_clusters() -> None:
    values = np.concatenate([np.full(10, -1.0), np.full(5, 0.25), np.full(3, 2.0)])
    assert set(np.round(kmeans(values, 4), 6)) >= {-1.0, 0.25, 2.0}


def test_no_steps_solves_the_output_layer() -> None:
    flat = np.full((5, 7, 3), (10, 200, 77), np.uint8)
    assert np.array_equal(decoded(run(flat, steps=0), 5, 7), flat)


def test_sixteen_bit_samples() -> None:
    samples = scene().astype(np.uint16) * 257
    fitted = fit(samples, 65_535, False, plan(), CPU, lambda p: None)
    error = np.square(decoded(fitted, 20, 28, peak=65_535) - samples.astype(float)).mean()
    assert 10 * math.log10(65_535**2 / error) > 19.0


def test_report_false_stops_with_a_quantised_network() -> None:
    seen: list[Progress] = []

    def report(progress: Progress) -> bool:
        seen.append(progress)
        return False

    fitted = fit(scene(), 255, False, plan(steps=1_000_000), CPU, report)
    assert fitted.stopped
    assert not fitted.interrupted
    assert len(seen) == 1
    assert seen[0].phase == "fit"
    assert 0 < seen[0].step < 1_000_000
    assert stored(fitted) == plan().nonzeros


def test_reports_progress_in_order() -> None:
    seen: list[Progress] = []
    fit(scene(), 255, False, plan(steps=100_000, time_limit=1.5), CPU, seen.append)
    assert len(seen) >= 3
    assert all(a.step < b.step and a.seconds < b.seconds for a, b in pairwise(seen))
    assert {p.phase for p in seen} == {"fit", "quantise"}


def test_first_interrupt_keeps_the_network_and_the_handler() -> None:
    before = signal.getsignal(signal.SIGINT)
    fitted = fit(scene(), 255, False, plan(steps=1_000_000), CPU, lambda p: os.kill(os.getpid(), signal.SIGINT))
    assert fitted.interrupted
    assert stored(fitted) == plan().nonzeros
    assert signal.getsignal(signal.SIGINT) is before


def test_second_interrupt_ends_at_once() -> None:
    def interrupt_twice(progress: Progress) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(scene(), 255, False, plan(steps=1_000_000), CPU, interrupt_twice)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("method", ["kmeans", "float16"])
def test_wide_layers_keep_the_row_limit(method: str) -> None:
    siren = Siren(shapes_of(1024, 3, 3), 30.0, 30.0, 0, CPU)
    siren.weights[1].fill_(0.01)
    layers = post_training(siren, [None] * 3, [13, 8, 8], 9, 255, method)
    to_network(layers, Header(4, 4, "RGB", 8, 3, "siren", 0, 1024, 3, 0))


def test_fits_outside_the_main_thread() -> None:
    results: list[Fitted] = []
    thread = threading.Thread(target=lambda: results.append(run(steps=5)))
    thread.start()
    thread.join()
    assert results[0].steps == 5


def test_a_fit_that_diverges_begins_again_slower() -> None:
    wild = plan(
        learning_rate=0.04, steps=800, shapes=shapes_of(24, 5, 3), nonzeros=48 + 3 * 576 + 72, bits=(13, 8, 8, 8, 8)
    )
    error = np.square(
        decoded(fit(scene(), 255, False, wild, CPU, lambda p: None), 20, 28) - scene().astype(float)
    ).mean()
    assert error < 0.5 * float(scene().var((0, 1)).mean())


@pytest.mark.parametrize(
    ("losses", "restarts"),
    [((0.75, 0.7), 0), ((1.0,), 1), ((math.nan,), 1), ((0.5, 0.7), 1), ((0.1, 0.2), 0), ((0.5, 0.7, 0.75, 0.75), 1)],
)
def test_what_counts_as_diverging(losses: tuple[float, ...], restarts: int) -> None:
    state = Run(scene(), 255, False, plan(), CPU)
    for loss in losses:
        state._restart_if_diverged(loss * state.variance)
    assert state.restarts == restarts
