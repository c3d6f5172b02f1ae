"""Steps that are recorded and replayed: how, shown without a GPU (`test_cuda` has one)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from test_fit import CPU, decoded, plan, scene  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from inr_core.fit import captured, trainer  # noqa: E402
from inr_core.fit.captured import WARM_UP, Captured, training_on  # noqa: E402
from inr_core.fit.siren import Grid  # noqa: E402
from inr_core.fit.trainer import Run, fit  # noqa: E402

META = torch.device("meta")  # tensors without values: reading one, or mixing it with the host's, is an error


class Graphs:
    """Stands for CUDA's: a replay calls the function again, and everything is written down by the function's name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, broken: bool = False) -> None:
        self.log: list[tuple[str, str]] = []
        self.broken = broken
        monkeypatch.setattr(captured, "record", self.record)
        monkeypatch.setattr(captured, "run_beside", self.run_beside)

    def run_beside(self, function: Callable[[], None]) -> None:
        self.log.append(("warm", function.__name__))
        function()

    def record(self, function: Callable[[], None]) -> Callable[[], None]:
        self.log.append(("record", function.__name__))
        if self.broken:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

        def replay() -> None:
            self.log.append(("replay", function.__name__))
            function()

        return replay

    def of(self, name: str) -> list[str]:
        return [what for what, whose in self.log if whose == name]


def psnr_of(fitted: trainer.Fitted) -> float:
    error = np.square(decoded(fitted, 20, 28) - scene().astype(float)).mean()
    return 10 * math.log10(255**2 / error)


def test_recorded_once_then_only_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs, calls = Graphs(monkeypatch), []

    def part() -> None:
        calls.append(1)

    again = Captured(part, recording=True)
    for _ in range(6):
        again()
    once = ["warm"] * WARM_UP + ["record"] + ["replay"] * (6 - WARM_UP)
    assert graphs.of("part") == once
    again.renew()
    for _ in range(6):
        again()
    assert graphs.of("part") == once * 2
    assert len(calls) == 12, "every call counts, recording is none"


def test_what_cannot_be_recorded_runs_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs, calls = Graphs(monkeypatch, broken=True), []

    def part() -> None:
        calls.append(1)

    again = Captured(part, recording=True)
    for _ in range(6):
        again()
    again.renew()
    again()
    assert graphs.of("part") == ["warm"] * WARM_UP + ["record"]
    assert len(calls) == 7


def test_nothing_is_recorded_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = Graphs(monkeypatch)
    fit(scene(), 255, False, plan(steps=20), CPU, lambda p: None)
    assert graphs.log == []
    assert [captured.records(torch.device(name)) for name in ("cpu", "mps", "cuda:1")] == [False, False, True]


@pytest.mark.parametrize(
    ("changes", "gradients", "updates"),
    [
        ({}, 2, 1),  # the float phase and the quantised one
        ({"quantization": "range"}, 1, 1),
        ({"nonzeros": 120}, 2, 1),  # masked from the start: RigL changes masks in place
        ({"nonzeros": 120, "sparsity": "prune"}, 2, 1),  # masked at the first step
        ({"max_bytes": 300}, 2, 2),  # masked when the quantised phase begins
        ({"batch": 300}, 2, 1),
    ],
)
@pytest.mark.parametrize("broken", [False, True])
def test_a_fit_records_each_phase_once(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], gradients: int, updates: int, broken: bool
) -> None:
    monkeypatch.setattr(trainer, "records", lambda device: True)
    graphs = Graphs(monkeypatch, broken)
    fitted = fit(scene(), 255, False, plan(steps=240, **changes), CPU, lambda p: None)
    recorded = [graphs.of(name).count("record") for name in ("_gradients", "_update")]
    assert recorded == ([1, 1] if broken else [gradients, updates])
    if not broken:
        assert [len(graphs.of(name)) for name in ("_gradients", "_update")] == [240 + gradients, 240 + updates]
    monkeypatch.undo()
    plain = fit(scene(), 255, False, plan(steps=240, **changes), CPU, lambda p: None)
    assert abs(psnr_of(fitted) - psnr_of(plain)) < 0.1  # a rate of float32 is the one difference


def test_a_restart_records_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "records", lambda device: True)
    graphs = Graphs(monkeypatch)
    run = Run(scene(), 255, False, plan(), CPU)
    for _ in range(2 * WARM_UP):
        run._train_step(0.0)
    assert isinstance(run.optimizer.param_groups[0]["lr"], torch.Tensor)
    before = float(run.optimizer.param_groups[0]["lr"])
    run._restart_if_diverged(math.nan)
    for _ in range(2 * WARM_UP):
        run._train_step(0.0)
    assert [graphs.of(name).count("record") for name in ("_gradients", "_update")] == [2, 2]
    assert float(run.optimizer.param_groups[0]["lr"]) == pytest.approx(before / 3)


class _NoReading(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Fails where the host reads a tensor, makes one of its own values, or copies one to another device."""

    READS = ("_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "lift_fresh", "unique")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.partition(".")[0]
        assert name not in self.READS, name
        if name == "_to_copy":
            assert "device" not in (kwargs or {}), "to another device"
        if name == "copy_":
            assert args[0].device == args[1].device
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("changes", [{}, {"nonzeros": 120}, {"nonzeros": 120, "batch": 300}])
@pytest.mark.parametrize("quantized", [False, True])
def test_no_step_reads_a_tensor(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], quantized: bool) -> None:
    monkeypatch.setattr(trainer, "records", lambda device: True)
    Graphs(monkeypatch, broken=True)
    run = Run(scene(), 255, False, plan(**changes), CPU)
    if quantized:
        run._start_quantized()
    before = [mask.clone() for mask in run.masks or []]
    with _NoReading():  # type: ignore[no-untyped-call]
        for step in (0, 1, run.rigl.every):
            run.step = step
            run._train_step(0.1)
    assert any(not torch.equal(a, b) for a, b in zip(before, run.masks or [], strict=True)) == bool(before)
    with pytest.raises(AssertionError, match="_local_scalar_dense"), _NoReading():  # type: ignore[no-untyped-call]
        float(run.loss)


@pytest.mark.parametrize("changes", [{}, {"nonzeros": 120}, {"nonzeros": 120, "batch": 300}])
def test_a_step_stays_on_its_device(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> None:
    """But for the drawing of pixels and the optimiser, which know no such device."""
    monkeypatch.setattr(trainer, "records", lambda device: True)
    monkeypatch.setattr(Grid, "variance", lambda grid: 1.0)
    generator = torch.Generator()
    monkeypatch.setattr(torch, "Generator", lambda device=None: generator)
    Graphs(monkeypatch, broken=True)
    run = Run(scene(), 255, False, plan(**changes), META)
    monkeypatch.setattr(run.grid, "_generator", None)
    monkeypatch.setattr(run.optimizer, "step", lambda: None)
    for step in (0, run.rigl.every):
        run.step = step
        run._train_step(0.1)
    assert run.loss.device == META
    assert all(weight.grad is not None and weight.grad.device == META for weight in run.siren.weights)
    with pytest.raises(RuntimeError):
        float(run.loss)


def test_products_are_as_they_were_outside_of_training() -> None:
    before = torch.get_float32_matmul_precision()
    with training_on(CPU):
        assert torch.get_float32_matmul_precision() == before
