"""Tuning a prior on refined latents: its gradients, its schedule, and what the command writes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from toy_prior import smooth_picture, toy_prior

torch = pytest.importorskip("torch")
from inr_core import latents, prior  # noqa: E402
from inr_core.fit import tune as tuning  # noqa: E402
from inr_core.fit.export_prior import quantised_arrays  # noqa: E402
from inr_core.fit.float_prior import State, float_state  # noqa: E402
from inr_core.fit.latent import Refinement, refine  # noqa: E402
from inr_core.fit.tune import Tuner, Tuning, tune  # noqa: E402
from inr_core.latent_plan import DEAD_ZONE, TRADE  # noqa: E402

START = float_state(toy_prior())


def pictures(*sizes: int) -> list[NDArray[np.uint8]]:
    return [smooth_picture(np.random.default_rng(n), n, n + 9, 3).transpose(2, 0, 1) for n in sizes]


def same(a: State, b: State) -> bool:
    return all((a[name] == b[name]).all() for name in a)


@pytest.mark.parametrize("which", ["parameters", "_slopes"])
def test_gradients_say_what_a_small_step_against_them_gains(which: str) -> None:
    tuner = Tuner(START, pictures(64), Tuning(steps=1, batch=1, pool=1, unused=0))
    crop = tuner._crops[0]
    fresh = [q.clone() for q in crop.component.q]

    def cost() -> float:
        crop.component.q, crop.age = [q.clone() for q in fresh], 0
        return crop.iterate(None)[1]

    gradients, first = crop.iterate(tuner.parameters)
    assert first == cost()
    moved = getattr(tuner, which)
    if which == "_slopes":
        assert moved.keys() == {"luma_b1", "chroma_b1", "cell_b1"}
        gradients = {name: crop.by_condition(gradients[name]) for name in moved}
    moves = {name: 0.01 * p.abs().mean() * gradients[name].sign() for name, p in moved.items()}
    costs = []
    for side in (1, -2):
        for name, p in moved.items():
            p.add_(moves[name], alpha=side)
        costs.append(cost())
    expected = sum(float((g * moves[name]).sum()) for name, g in gradients.items())
    assert (costs[0] - costs[1]) / 2 / (tuning.EVEN_OUT + first) == pytest.approx(expected, rel=0.15)


def test_a_rate_of_zero_moves_nothing_and_any_other_all_but_the_gains() -> None:
    still = tune(START, pictures(40, 50), Tuning(steps=3, batch=2, pool=4, unused=0, rate=0.0))
    assert all(np.allclose(still[name], START[name], rtol=1e-6, atol=1e-9) for name in START)
    moved = tune(START, pictures(40, 50), Tuning(steps=3, batch=2, pool=4, unused=0))
    assert {name for name in START if np.allclose(moved[name], START[name], rtol=1e-6, atol=1e-9)} == {"lg", "rec"}
    again = tune(START, pictures(40, 50), Tuning(steps=3, batch=2, pool=4, unused=0, threads=2))
    assert same(moved, again)


def test_the_first_iterations_do_not_count_and_crops_of_all_ages_take_turns() -> None:
    tuner = Tuner(START, pictures(40), Tuning(steps=100, batch=2, pool=4, iterations=3, unused=2))
    before = list(tuner._crops)
    ages = []
    with ThreadPoolExecutor(1) as pool:
        for k in range(6):
            tuner.advance(pool)
            ages.append([crop.age for crop in tuner._crops])
            if k == 1:
                assert not tuner._optimiser.state  # nothing has moved
    assert ages == [[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 0, 2], [2, 2, 0, 2], [2, 2, 1, 0]]
    assert tuner._optimiser.state
    assert tuner._crops[0] is not before[0]  # one iteration, so that their ends are spread


def test_tuned_networks_cost_less() -> None:
    """On another picture than those learnt from, refined with either."""
    state = tune(START, pictures(90, 100), Tuning(steps=60, batch=2, pool=6, rate=4e-3))
    other = smooth_picture(np.random.default_rng(9), 80, 90, 3)
    costs = []
    for each in (toy_prior(), prior.from_arrays(quantised_arrays(state))):
        quantised = latents.quantise(other, each, (3,), 160, 6, DEAD_ZONE)
        refined, _ = refine(other, quantised, each, Refinement(8, TRADE), lambda *_: True)
        payloads, _, decoded = latents._encode(refined, each, False, 1, "cpu")
        error = np.square((decoded.astype(float) - other) / 255).mean(2).sum()
        costs.append(error / (TRADE * (2.0 ** (160 / 16 - 6) / 255) ** 2) + 8 * sum(map(len, payloads)))
    assert costs[1] < 0.9 * costs[0]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "start.npz", **dict[str, Any](START))
    Image.fromarray(pictures(130)[0].transpose(1, 2, 0)).save(tmp_path / "a.png")
    out, arguments = tmp_path / "6.npz", [*map(str, (tmp_path / "start.npz", tmp_path / "a.png")), "--steps=2"]
    tuning.main([*arguments, "--out", str(out), "--batch=1", "--pool=2", "--crops=1", "--device=cpu"])
    assert capsys.readouterr().out == f"{out}: {out.stat().st_size:,} bytes\n"
    with np.load(out, allow_pickle=False) as file:
        made = prior.from_arrays({name: file[name] for name in file.files})
    assert (made.gains == toy_prior().gains).all()
    with np.load(tmp_path / "6.float.npz", allow_pickle=False) as file:
        assert set(file.files) == set(START)
    with pytest.raises(SystemExit):
        tuning.main([str(tmp_path / "start.npz"), str(tmp_path / "none"), "--out", str(out)])
    assert "none: expected a picture or a folder of pictures, got nothing there" in capsys.readouterr().err
