"""What needs a GPU: recorded fits are as good as plain ones, files have the pixels they have everywhere."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from test_captured import psnr_of  # noqa: E402
from test_fit import plan, scene  # noqa: E402

from inr_core import Settings, decode, encode, psnr  # noqa: E402
from inr_core.fit import captured  # noqa: E402
from inr_core.fit.captured import WARM_UP, training_on  # noqa: E402
from inr_core.fit.trainer import Run, fit  # noqa: E402

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")

FOLDER = Path(__file__).parent / "golden"
CUDA = torch.device("cuda")


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.inr")))
def test_cuda_gives_the_committed_pixels(name: str) -> None:
    data = (FOLDER / f"{name}.inr").read_bytes()
    with training_on(CUDA):  # which allows TF32
        assert (decode(data, device="cuda") == np.load(FOLDER / f"{name}.npy")).all()


@pytest.mark.parametrize("model", ["siren", "latent"])
def test_files_made_on_cuda_decode_alike_everywhere(model: str) -> None:
    settings = Settings(model=model, device="cuda", effort=1)
    data = encode(scene(), settings)
    assert encode(scene(), settings) == data
    assert (decode(data) == decode(data, device="cuda")).all()
    assert psnr(scene(), decode(data)) > psnr(scene(), decode(encode(scene(), Settings(model=model, effort=0))))


@pytest.mark.parametrize("changes", [{}, {"nonzeros": 120}, {"nonzeros": 120, "sparsity": "prune"}, {"batch": 300}])
def test_recorded_fits_are_as_good_on_cuda(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> None:
    precision = torch.get_float32_matmul_precision()
    recorded = fit(scene(), 255, False, plan(steps=600, **changes), CUDA, lambda p: None)
    monkeypatch.setattr(captured, "WARM_UP", math.inf)
    plain = fit(scene(), 255, False, plan(steps=600, **changes), CUDA, lambda p: None)
    assert abs(psnr_of(recorded) - psnr_of(plain)) < 0.1
    assert torch.get_float32_matmul_precision() == precision


def test_a_recording_is_made_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the plain way that stands in for it where torch refuses."""
    run = Run(scene(), 255, False, plan(nonzeros=120), CUDA)
    with training_on(run.device):
        for step in range(WARM_UP + 2):
            run.step = step
            run._train_step(0.1)
        assert run.gradients.recording
        assert run.update.recording
        torch.cuda.set_sync_debug_mode("error")
        try:
            for step in (1, run.rigl.every):
                run.step = step
                run._train_step(0.1)
        finally:
            torch.cuda.set_sync_debug_mode("default")
