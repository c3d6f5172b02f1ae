"""Learning a prior: crops, steps, checkpoints, and the command."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from toy_prior import smooth_picture

torch = pytest.importorskip("torch")

from inr_core.errors import InrError
from inr_core.fit.latent.distortion import Distortion
from inr_core.fit.latent.float_prior import float_state
from inr_core.fit.latent.model import LatentModel, to_ycc
from inr_core.fit.latent.passes import Window
from inr_core.latent import prior
from inr_core.latent.tunes import tuned
from training import learner
from training import train as command
from training.batches import DEAD_ZONES, STEPS_RANGE, Batches
from training.learner import LEVELS, Learner, Training, cost
from training.looks import Looks
from training.validation import curves, mean_bd_rate
from training.weights import read_weights

CPU = torch.device("cpu")
SMALL = Training(6, 2, CPU, seed=3, crop=64, neurons=(6, 8, 4))


def pictures() -> list[NDArray[np.uint8]]:
    """Two, (3, H, W), of different sizes."""
    found = [smooth_picture(np.random.default_rng(1), height, width, 3) for height, width in ((64, 90), (100, 70))]
    return [np.ascontiguousarray(picture.transpose(2, 0, 1)) for picture in found]


def test_crops_are_parts_of_the_pictures_mirrored_and_transposed() -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (3, *size)).astype(np.uint8) for size in ((9, 12), (20, 8))]
    batches = Batches(noise, 40, 8, 1, CPU)
    batches.draw()
    batch = batches.batch()
    crops = ((batch.rgb + 0.5) * 255).round().numpy().astype(np.uint8)
    assert crops.shape == (40, 3, 8, 8)
    whole = [np.lib.stride_tricks.sliding_window_view(picture, (8, 8), (1, 2)) for picture in noise]
    ways = set()
    for crop in crops:
        found = [
            (k, flip, turned)
            for k, windows in enumerate(whole)
            for flip in (False, True)
            for turned in (False, True)
            for undone in [crop.transpose(0, 2, 1) if turned else crop]
            if (windows == (undone[:, :, ::-1] if flip else undone)[:, None, None]).all((0, 3, 4)).any()
        ]
        assert len(found) == 1
        ways.add(found[0])
    assert len(ways) == 8
    for values, (low, high) in ((batch.step, STEPS_RANGE), (batch.dead_zone, DEAD_ZONES)):
        assert values.shape == (40, 1, 1, 1)
        assert low <= values.min() < (low + high) / 2 < values.max() <= high


def test_products_are_of_bfloat16_only_where_these_are_the_fast_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    model, step = LatentModel(6, 8, 4, LEVELS, seed=1), torch.full((1, 1, 1, 1), 0.05)
    rgb = torch.from_numpy(pictures()[0]).float()[None] / 255 - 0.5
    found = []
    for low in (False, True):
        monkeypatch.setattr(learner, "low_precision", lambda device, low=low: low)
        found.append(cost(model, rgb, step, torch.full_like(step, 0.6))[1].item())
    monkeypatch.setattr(torch, "autocast", lambda *types, **how: nullcontext())
    found.append(cost(model, rgb, step, torch.full_like(step, 0.6))[1].item())
    exact, rounded, plain = found
    assert exact == plain
    assert 0 < abs(rounded - exact) < 0.01 * exact


def test_each_crop_has_a_step_of_its_own() -> None:
    model = LatentModel(6, 8, 4, LEVELS, seed=1)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("q1"):
                value.normal_(0, 0.3, generator=torch.Generator().manual_seed(2))
    rgb = (
        torch.from_numpy(np.stack([smooth_picture(np.random.default_rng(1), 40, 48, 3).transpose(2, 0, 1)] * 2)).float()
        / 255
        - 0.5
    )
    steps, zones = (torch.tensor(pair).reshape(2, 1, 1, 1) for pair in ((0.02, 0.2), (0.55, 0.7)))
    with torch.no_grad():
        together = cost(model, rgb, steps, zones)
        apart = [cost(model, rgb[k : k + 1], steps[k : k + 1], zones[k : k + 1]) for k in range(2)]
    for found, one, other in zip(together, *apart, strict=True):
        assert torch.allclose(found, torch.cat([one, other]), rtol=2e-2)  # products of bfloat16
    assert together[1][0] > 2 * together[1][1]


def test_going_on_from_a_checkpoint_is_as_never_having_stopped(tmp_path: Path) -> None:
    whole = Learner(pictures(), SMALL, None)
    assert command.train(whole)
    first = Learner(pictures(), SMALL, None)
    for _ in range(3):
        first.step()
    command.write_checkpoint(tmp_path / "a.npz", first)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    second = Learner(pictures(), SMALL, None)
    second.restore(command.read_arrays(tmp_path / "a.npz"))
    assert second.done == 3
    assert command.train(second)
    assert all(np.array_equal(second.averaged[name], value) for name, value in whole.averaged.items())
    ended, other = whole.state(), second.state()
    assert ended.keys() == other.keys()
    assert all(np.array_equal(ended[name], other[name]) for name in ended)
    assert any((whole.averaged[name] != first.averaged[name]).any() for name in whole.averaged)


def test_a_checkpoint_of_another_training_is_refused() -> None:
    state = Learner(pictures(), SMALL, None).state()
    other = Training(7, 2, CPU, seed=3, crop=64, neurons=(6, 8, 4))
    with pytest.raises(InrError, match=r"^checkpoint: expected one of \{'steps': 7, .*\}, got \{'steps': 6, "):
        Learner(pictures(), other, None).restore(state)


def test_learning_lowers_what_it_is_to_lower() -> None:
    picture = pictures()[:1]
    learner = Learner(picture, Training(24, 2, CPU, rate=0.01, crop=64, neurons=(6, 8, 4)), None)
    before = curves(learner.averaged, picture, CPU)
    command.train(learner)
    assert mean_bd_rate(before, curves(learner.averaged, picture, CPU)) < -3


def test_learning_for_looks_keeps_the_gains_and_lowers_the_weighted_error() -> None:
    picture, start = pictures()[:1], LatentModel(6, 8, 4, LEVELS, seed=5).state_dict()
    begun = {name: value.numpy().copy() for name, value in start.items()}
    begun["log_gains"] += np.linspace(-0.4, 0.4, 9, dtype=np.float32)
    how = Training(24, 2, CPU, rate=0.01, crop=64, look=True)
    learner = Learner(picture, how, begun)
    command.train(learner)
    learnt = learner.averaged
    assert learnt.keys() == begun.keys()
    assert all((learnt[name] == begun[name]).all() for name in ("log_gains", "reach_line"))
    before, after = (curves(weights, picture, CPU, look=True) for weights in (begun, learnt))
    assert mean_bd_rate(before, after) < -3
    again = Learner(picture, how, begun)
    again.restore(learner.state())
    assert all((again.averaged[name] == value).all() for name, value in learnt.items())
    with pytest.raises(InrError, match=r"^look: expected float weights to start from, whose gains stay, got none$"):
        Learner(picture, how, None)


def test_looks_weigh_errors_as_refining_does() -> None:
    known = prior.load(1)
    looks = Looks(float_state(known)["log_gains"], CPU)
    assert torch.allclose(looks.log_gains.exp() * 4096, torch.from_numpy(tuned(known, True).gains).float(), rtol=1e-5)
    rgb = torch.from_numpy(pictures()[0]).float()[None, :, :64, :64] / 255 - 0.5
    planes = to_ycc(rgb) + 0.02 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    weigher = Distortion(3, known, True, "cpu", rgb[0], LEVELS)
    whole = Window(0, 64, 0, 64)
    weighted, _, _ = weigher.of_planes(planes[0], to_ycc(rgb)[0], 0, LEVELS, whole)
    assert looks.error(planes, rgb).item() == pytest.approx(
        weighted.sum().item() / 64**2, rel=0.2
    )  # the wavelet is biorthogonal


def test_a_prior_is_its_own_equal_when_held_out() -> None:
    known, picture = float_state(prior.load(1)), pictures()
    found = curves(known, picture, CPU)
    assert mean_bd_rate(found, found) == 0
    assert all(rate > other for curve in found for (rate, _), (other, _) in pairwise(curve))
    untrained = curves({**Learner(picture, SMALL, None).averaged}, picture, CPU)
    assert mean_bd_rate(found, untrained) > 20


def test_the_command_stops_goes_on_and_writes_a_prior(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (64, 70, 3), np.uint8)).save(folder / "a.png")
    Image.new("L", (20, 20)).save(folder / "too_small.png")
    (folder / "notes.txt").write_text("no picture")
    out = tmp_path / "5.npz"
    options = ["--steps=2", "--batch=1", "--crop=64", "--neurons", "6", "8", "4", "--device=cpu", "--crops=1"]
    given = [str(folder), "--out", str(out), *options]
    held_out = ["--held-out", str(folder), "--against", str(prior.FOLDER / "1.npz")]
    command.main([*given, "--minutes=0", *held_out])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("held out: ")
    assert lines[1].startswith("BD-rate against ")
    assert lines[2:] == ["0 of 2 steps are done; the same command goes on"]
    assert not out.exists()
    command.main(given)
    assert capsys.readouterr().out == f"{out}: {out.stat().st_size:,} bytes\n"
    with np.load(out, allow_pickle=False) as file:
        made = prior.from_arrays({name: file[name] for name in file.files})
    assert (made.levels, made.cell.hidden, made.luma.hidden, made.chroma.hidden) == (LEVELS, 6, 8, 4)
    start = out.with_suffix(".float.npz")
    command.main([str(folder), "--out", str(tmp_path / "6.npz"), *options, "--start", str(start)])
    further = read_weights(tmp_path / "6.float.npz")
    assert any((further[name] != value).any() for name, value in read_weights(start).items())


def test_what_cannot_be_trained_on_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        ([tmp_path / "none"], f"{tmp_path / 'none'}: expected a picture or a folder of pictures, got nothing there"),
        ([tmp_path], "pictures: expected files of .bmp, .jpeg, .jpg, .png, .tif, .tiff, .webp, got none"),
    ):
        with pytest.raises(SystemExit) as caught:
            command.main([*map(str, arguments), "--out", str(tmp_path / "5.npz")])
        assert caught.value.code == 2
        assert capsys.readouterr().err.endswith(f"error: {message}\n")
    Image.new("L", (20, 20)).save(tmp_path / "a.png")
    with pytest.raises(SystemExit):
        command.main([str(tmp_path), "--out", str(tmp_path / "5.npz")])
    expected = "pictures: expected at least one of 256×256 pixels or more, got 1 smaller ones"
    assert capsys.readouterr().err.endswith(f"error: {expected}\n")
