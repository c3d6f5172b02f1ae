"""What needs a GPU: recorded fits are as good as plain ones, files have the pixels they have everywhere.

And nothing is left: of memory, of what a recording owned, of the program's settings. Run it twice in one process, too:
`pytest tests/fit/test_cuda.py tests/fit/test_cuda.py`.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import program_state
from small_fits import plan, psnr_of, scene

from inr_core import Settings, decode, encode, psnr
from inr_core.fit import captured
from inr_core.fit.captured import WARM_UP
from inr_core.fit.siren.trainer import Fitted, Run, fit
from inr_core.models import SirenShape
from inr_core.siren.streams import pack
from training import learner
from training.train import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")

FOLDER = Path(__file__).parents[1] / "golden"
CUDA = torch.device("cuda")
PLANS: list[dict[str, Any]] = [
    {},
    {"nonzeros": 120},
    {"nonzeros": 120, "sparsity": "prune"},
    {"batch": 300},
    {"max_bytes": 300},
    {"quantization": "range"},
    {"shapes": SirenShape(128, 8).linear(3), "nonzeros": 98_944, "bits": (12, *[8] * 7), "learning_rate": 1e-3},
]


def fitted(steps: int = 600, **changes: Any) -> Fitted:
    return fit(scene(), 255, False, plan(**{"steps": steps, **changes}), CUDA, lambda p: None)


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.inr")))
def test_cuda_gives_the_committed_pixels(name: str) -> None:
    data = (FOLDER / f"{name}.inr").read_bytes()
    with program_state.matmul_precision("high"):  # which allows TF32
        assert (decode(data, device="cuda") == np.load(FOLDER / f"{name}.npy")).all()


def test_cuda_gives_the_committed_pixels_beside_fits() -> None:
    """In the same process: fits let products be TF32's, decoding never does."""
    files = [(path.read_bytes(), np.load(path.with_suffix(".npy"))) for path in sorted(FOLDER.glob("*.inr"))]
    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(fitted, 3000), pool.submit(fitted, 3000, nonzeros=120)]
        while not all(f.done() for f in fits):
            for data, pixels in files:
                assert (decode(data, device="cuda") == pixels).all()
        assert all(psnr_of(f.result()) > 19 for f in fits)


@pytest.mark.parametrize("model", ["siren", "latent"])
@pytest.mark.parametrize("effort", [1, 5])
def test_files_made_on_cuda_decode_alike_everywhere(model: str, effort: int) -> None:
    settings = Settings(model=model, device="cuda", effort=effort, steps=500 if model == "siren" else None)
    data = encode(scene(), settings)
    assert encode(scene(), settings) == data
    assert (decode(data) == decode(data, device="cuda")).all()
    assert psnr(scene(), decode(data)) > psnr(scene(), decode(encode(scene(), Settings(model=model, effort=0))))


@pytest.mark.parametrize("changes", PLANS)
def test_recorded_fits_are_as_good_on_cuda_and_repeatable(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    recorded = fitted(**changes)
    assert pack(fitted(**changes).layers) == pack(recorded.layers)
    monkeypatch.setattr(captured, "WARM_UP", math.inf)
    plain = fitted(**changes)
    assert abs(psnr_of(recorded) - psnr_of(plain)) < 0.1


def test_a_recording_is_made_on_cuda() -> None:
    """Not the plain way that stands in for it where torch refuses; in both phases, and no step waits for the device."""
    with Run(scene(), 255, False, plan(nonzeros=120), CUDA) as run, run.at_work():
        for quantised in (False, True):
            if quantised:
                run._start_quantised()
            for step in range(WARM_UP + 2):
                run.step = step
                run._train_step(0.1)
            for part in (run._computing, run._updating):
                assert part.recording
                assert part._graph is not None
            torch.cuda.set_sync_debug_mode("error")
            try:
                for step in (1, run.masks.rigl.every):
                    run.step = step
                    run._train_step(0.1)
            finally:
                torch.cuda.set_sync_debug_mode("default")
        assert math.isfinite(float(run.gradient.loss))


def test_fits_end_and_begin_while_another_goes_on() -> None:
    """What a dropped recording owned is used again at once; the others must not notice."""
    expected = pack(fitted(nonzeros=120).layers)
    with Run(scene(), 255, False, plan(nonzeros=120), CUDA) as run, run.at_work():
        for step in range(WARM_UP + 2):
            run.step = step
            run._train_step(0.1)
        before = float(run.gradient.loss)
        for _ in range(3):
            assert pack(fitted(nonzeros=120).layers) == expected
        for step in range(200):
            run.step = 1 + step % 50
            run._train_step(0.1)
        assert float(run.gradient.loss) < before


def occupied() -> int:
    gc.collect()
    torch.cuda.synchronize()
    return int(torch.cuda.memory_allocated())


@pytest.mark.parametrize(
    "work",
    [
        lambda: fitted(150),
        lambda: fitted(150, nonzeros=120),
        lambda: encode(scene(), Settings(device="cuda", effort=5)),
        lambda: decode((FOLDER / "grey.inr").read_bytes(), device="cuda"),
    ],
    ids=["siren", "sparse siren", "latent", "decoding"],
)
def test_twenty_in_a_row_take_no_more_memory_than_one(work: Callable[[], object]) -> None:
    work()
    before, reserved = occupied(), torch.cuda.memory_reserved()
    for _ in range(20):
        work()
    assert occupied() == before
    assert torch.cuda.memory_reserved() <= 1.5 * reserved + 2**25


@pytest.mark.parametrize("model", ["siren", "latent"])
def test_three_threads_at_once(model: str) -> None:
    options: dict[str, Any] = {"steps": 500} if model == "siren" else {"effort": 5}
    settings = [Settings(model=model, device="cuda", seed=seed, **options) for seed in (1, 2, 3)]
    alone = [encode(scene(), one) for one in settings]
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            assert list(pool.map(lambda one: encode(scene(), one), settings)) == alone


@pytest.mark.parametrize("model", ["siren", "latent"])
@pytest.mark.parametrize("name", program_state.SETTINGS)
def test_no_setting_of_the_program_matters_on_cuda(model: str, name: str) -> None:
    settings = Settings(model=model, device="cuda", effort=1, steps=100 if model == "siren" else None)
    expected = encode(scene(), settings)
    with program_state.SETTINGS[name]():
        before = None if name.startswith("a mode that sees") else program_state.everything()
        assert encode(scene(), settings) == expected
        if before is not None:
            assert program_state.everything() == before
        assert (decode(expected, device="cuda") == decode(expected)).all()


def test_the_programs_own_stream_stays() -> None:
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        fitted(50)
        assert torch.cuda.current_stream() == stream


def test_learning_a_prior_is_recorded_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [np.ascontiguousarray(np.tile(scene(), (4, 4, 1)).transpose(2, 0, 1))]
    how = learner.Training(2 * WARM_UP + 4, 4, CUDA, crop=64, neurons=(8, 8, 8))

    def learnt() -> learner.Learner:
        made = learner.Learner(pictures, how, None)
        assert train(made)
        return made

    whole = learnt()
    assert whole._step._graph is not None
    parts = learner.Learner(pictures, how, None)
    for _ in range(WARM_UP):
        parts.step()
    other = learner.Learner(pictures, how, None)
    other.restore(parts.state())
    assert train(other)
    monkeypatch.setattr(learner, "records", lambda device: False)
    plain = learnt()
    for name, value in plain.averaged.items():
        assert np.allclose(value, whole.averaged[name], atol=1e-3), name
        assert np.allclose(other.averaged[name], whole.averaged[name], atol=1e-3), name
