"""The fit of a siren: what it reaches, its quantisers, and its ways to end."""

from __future__ import annotations

import math
import os
import signal
import threading
from itertools import pairwise

import numpy as np
import pytest
from small_fits import CPU, decoded, plan, scene

torch = pytest.importorskip("torch")

from inr_core.fit.siren.network import Grid, Siren
from inr_core.fit.siren.quantise import kmeans, post_training
from inr_core.fit.siren.trainer import Fitted, Run, fit
from inr_core.kernels.sine import ROW_LIMIT
from inr_core.models import SirenShape
from inr_core.settings import Progress
from inr_core.siren.streams import pack
from inr_core.siren.weights import to_network


def run(samples: np.ndarray | None = None, **changes: object) -> Fitted:
    return fit(scene() if samples is None else samples, 255, False, plan(**changes), CPU, lambda p: None)


def stored(fitted: Fitted) -> int:
    return sum(len(layer.codes) for layer in fitted.layers)


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
    siren = Siren(SirenShape(24, 4).linear(3), 30.0, 30.0, 5, CPU)
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
    siren = Siren(SirenShape(1024, 3).linear(3), 30.0, 30.0, 0, CPU)
    siren.weights[1].fill_(0.01)
    layers = post_training(siren, [None] * 3, [13, 8, 8], 9, 255, method)
    sums = [int(np.abs(layer.weights()).sum(1).max()) for layer in layers]
    assert max(sums) <= ROW_LIMIT
    assert sums[1] > ROW_LIMIT / 2  # or there would be nothing to keep
    to_network(layers, 8)


def test_fits_outside_the_main_thread() -> None:
    results: list[Fitted] = []
    thread = threading.Thread(target=lambda: results.append(run(steps=5)))
    thread.start()
    thread.join()
    assert results[0].steps == 5


def test_a_fit_that_diverges_begins_again_slower() -> None:
    wild = plan(
        learning_rate=0.04,
        steps=800,
        shapes=SirenShape(24, 5).linear(3),
        nonzeros=48 + 3 * 576 + 72,
        bits=(13, 8, 8, 8, 8),
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
