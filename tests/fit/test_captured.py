"""Steps that are recorded and replayed: how, shown without a GPU (`test_cuda` has one)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from graphs import Recording
from small_fits import CPU, plan, scene
from torch.utils._python_dispatch import TorchDispatchMode

from inr_core.fit import captured
from inr_core.fit.captured import WARM_UP, Captured
from inr_core.fit.siren import trainer
from inr_core.fit.siren.network import Grid
from inr_core.fit.siren.trainer import Run, fit
from inr_core.siren.plan import FitPlan
from inr_core.siren.streams import pack

META = torch.device("meta")  # tensors without values: reading one, or mixing it with the host's, is an error


class Log:
    """What is recorded and replayed, in order, by the function's name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, broken: bool = False) -> None:
        self.entries: list[tuple[str, str]] = []
        self.broken = broken
        monkeypatch.setattr(captured, "record", self.record)

    def record(self, function: Callable[[], None]) -> Recording:
        self.entries.append(("record", function.__name__))
        if self.broken:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        log = self.entries

        class Logged(Recording):
            def replay(self) -> None:
                log.append(("replay", function.__name__))
                super().replay()

        return Logged(function)

    def of(self, name: str) -> list[str]:
        return [what for what, whose in self.entries if whose == name]


def recorded_plan(**changes: Any) -> FitPlan:
    return plan(steps=240, **changes)


def test_recorded_once_then_only_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    log, counter, calls = Log(monkeypatch), torch.zeros(()), []

    def part() -> None:
        calls.append(1)
        counter.add_(1)

    again = Captured(recording=True)
    for _ in range(6):
        again(part)
    once = ["record"] + ["replay"] * (6 - WARM_UP)
    assert log.of("part") == once
    again.renew()
    for _ in range(6):
        again(part)
    assert log.of("part") == once * 2
    assert len(calls) == 2 * (WARM_UP + 1)
    assert counter == 12, "every call counts, recording is none"


def test_what_cannot_be_recorded_runs_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    log, calls = Log(monkeypatch, broken=True), []

    def part() -> None:
        calls.append(1)

    again = Captured(recording=True)
    for _ in range(6):
        again(part)
    again.renew()
    again(part)
    assert log.of("part") == ["record"]
    assert len(calls) == 7


def test_nothing_is_recorded_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(monkeypatch)
    fit(scene(), 255, False, plan(steps=20), CPU, lambda p: None)
    assert log.entries == []
    assert [captured.records(torch.device(name)) for name in ("cpu", "mps", "cuda:1")] == [False, False, True]


def test_the_stand_in_behaves_as_graphs_do() -> None:
    """Memory is used again by every replay, recording leaves it alone, and a dropped recording's is not to be used."""
    values, results = torch.arange(3.0), []

    def part() -> None:
        doubled = values * 2
        values.add_(doubled[1])
        results.append(doubled)

    recording = Recording(part)
    assert values.tolist() == [0, 1, 2]
    for expected in ([2, 3, 4], [8, 9, 10]):
        recording.replay()
        assert values.tolist() == expected
    assert results[0].tolist() == [4, 6, 8]  # of the last replay
    del recording
    assert results[0].isnan().all()
    assert values.tolist() == [8, 9, 10]


PHASES = [
    ({}, 2, 1),  # the float phase and the quantised one
    ({"quantization": "range"}, 1, 1),
    ({"nonzeros": 120}, 2, 1),  # masked from the start: RigL changes masks in place
    ({"nonzeros": 120, "sparsity": "prune"}, 2, 1),  # masked at the first step
    ({"max_bytes": 300}, 2, 2),  # masked when the quantised phase begins
    ({"batch": 300}, 2, 1),
    ({"batch": 300, "nonzeros": 120, "learning_rate": 0.5}, None, None),  # diverges: begins again
]


@pytest.mark.parametrize(("changes", "gradients", "updates"), PHASES)
@pytest.mark.parametrize("broken", [False, True])
def test_a_recorded_fit_is_the_plain_one(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], gradients: int | None, updates: int | None, broken: bool
) -> None:
    """Nothing recorded uses what another recording has owned: that memory is rubbish once the other is dropped."""
    plain = fit(scene(), 255, False, recorded_plan(**changes), CPU, lambda p: None)
    monkeypatch.setattr(trainer, "records", lambda device: device == CPU)
    log = Log(monkeypatch, broken)
    fitted = fit(scene(), 255, False, recorded_plan(**changes), CPU, lambda p: None)
    recorded = [log.of(name).count("record") for name in ("_compute", "_update")]
    if broken:
        assert recorded == [1, 1]
    elif gradients is None:
        assert min(recorded) == 2
    else:
        assert recorded == [gradients, updates]
        expected = [240 - (WARM_UP - 1) * count for count in recorded]
        assert [len(log.of(name)) for name in ("_compute", "_update")] == expected
    assert pack(fitted.layers) == pack(plain.layers)


def test_a_restart_records_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "records", lambda device: True)
    log = Log(monkeypatch)
    with Run(scene(), 255, False, plan(), CPU) as run, run.at_work():
        for _ in range(2 * WARM_UP):
            run._train_step(0.0)
        before = float(run.optimizer._rate)
        run._restart_if_diverged(math.nan)
        for _ in range(2 * WARM_UP):
            run._train_step(0.0)
        assert [log.of(name).count("record") for name in ("_compute", "_update")] == [2, 2]
        assert float(run.optimizer._rate) == pytest.approx(before / 3)
        assert not run.siren.parameters.flat.isnan().any()


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
@pytest.mark.parametrize("quantised", [False, True])
def test_no_step_reads_a_tensor(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], quantised: bool) -> None:
    monkeypatch.setattr(trainer, "records", lambda device: True)
    Log(monkeypatch, broken=True)
    with Run(scene(), 255, False, plan(**changes), CPU) as run, run.at_work():
        if quantised:
            run._start_quantised()
        before = run.masks.kept and run.masks.kept.flat.clone()
        with _NoReading():  # type: ignore[no-untyped-call]
            for step in (0, 1, run.masks.rigl.every):
                run.step = step
                run._train_step(0.1)
        if before is not None:
            assert run.masks.kept is not None
            assert not torch.equal(before, run.masks.kept.flat)
        with pytest.raises(AssertionError, match="_local_scalar_dense"), _NoReading():  # type: ignore[no-untyped-call]
            float(run.gradient.loss)


@pytest.mark.parametrize("changes", [{}, {"nonzeros": 120}, {"nonzeros": 120, "batch": 300}])
def test_a_step_stays_on_its_device(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> None:
    """But for the drawing of pixels, which knows no such device."""
    monkeypatch.setattr(trainer, "records", lambda device: True)
    monkeypatch.setattr(Grid, "variance", lambda grid: 1.0)
    generator = torch.Generator()
    monkeypatch.setattr(torch, "Generator", lambda device=None: generator)
    Log(monkeypatch, broken=True)
    with Run(scene(), 255, False, plan(**changes), META) as run, run.at_work():
        monkeypatch.setattr(run.grid, "_generator", None)
        for step in (0, run.masks.rigl.every):
            run.step = step
            run._train_step(0.1)
        assert run.gradient.loss.device == META
        with pytest.raises(RuntimeError):
            float(run.gradient.loss)
