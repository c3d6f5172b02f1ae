"""Saving as a whole: plans, targets, modes, ways to end."""

from __future__ import annotations

import io
import os
import signal

import numpy as np
import pytest
import reference_decoder as reference

import inr_core
from inr_core import Interrupted, Progress, Settings, SettingsError, TargetError, decode, encode, psnr
from inr_core.models import MAX_WEIGHTS, SirenShape
from inr_core.siren.plan import (
    characteristic_frequency,
    expected_bytes,
    learning_rate,
    make_plan,
    next_quality,
    omega_for,
    quality_bytes,
)

pytest.importorskip("torch")

TINY = Settings(width=8, depth=3, steps=40, device="cpu", threads=1)


ENOUGH = 200  # steps of a small fit for a picture to be seen, however busy the machine is


def ramp(height: int = 16, width: int = 24, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    planes = [x * 10, y * 15, (x + y) * 6, 255 - x * 5][:channels]
    return np.stack(planes, 2).clip(0, 255).astype(np.uint8)


def test_same_input_same_bytes() -> None:
    assert encode(ramp(), TINY) == encode(ramp(), TINY)
    seeded = Settings(width=8, depth=3, steps=40, device="cpu", threads=1, seed=1)
    assert encode(ramp(), seeded) != encode(ramp(), TINY)


@pytest.mark.parametrize(
    ("shape", "dtype", "mode"),
    [
        ((6, 9), np.uint8, "L"),
        ((6, 9, 1), np.uint8, "L"),
        ((6, 9, 2), np.uint8, "LA"),
        ((6, 9, 3), np.uint8, "RGB"),
        ((6, 9, 4), np.uint8, "RGBA"),
        ((6, 9), np.uint16, "I;16"),
        ((6, 9, 2), np.uint16, "LA"),
        ((6, 9, 3), np.uint16, "RGB"),
        ((6, 9, 4), np.uint16, "RGBA"),
    ],
)
def test_arrays_keep_shape_type_and_mode(shape: tuple[int, ...], dtype: type, mode: str) -> None:
    pixels = (np.indices(shape).sum(0) * (10 if dtype == np.uint8 else 2570)).astype(dtype)
    data = encode(pixels, TINY)
    decoded = decode(data)
    assert decoded.dtype == dtype
    assert decoded.shape == (shape if shape[-1] != 1 else shape[:2])
    header = inr_core.read_head(io.BytesIO(data)).header
    assert (header.mode, header.width, header.height) == (mode, 9, 6)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (3, 141, 59)])
def test_one_colour_is_exact_small_and_needs_no_training(colour: tuple[int, int, int]) -> None:
    pixels = np.full((40, 50, 3), colour, np.uint8)
    seen: list[Progress] = []
    data = encode(pixels, progress=seen.append)
    assert np.array_equal(decode(data), pixels)
    assert len(data) < 130
    assert [(p.phase, p.step) for p in seen] == [("done", 1)]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (1000, 3), (2, 2)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    data = encode(ramp(*size), TINY)
    assert np.array_equal(decode(data), reference.decode(data))


def test_palette_pictures_come_back_in_their_own_colours() -> None:
    palette = np.array([[255, 255, 255], [200, 0, 0], [0, 0, 160]], np.uint8)
    indices = np.zeros((24, 24), np.uint8)
    indices[6:18, 4:12] = 1
    indices[10:20, 10:20] = 2
    settings = Settings(width=16, depth=4, steps=1000, device="cpu", threads=1)
    data = encode(indices, settings, mode="P", palette=palette)
    assert decode(data).dtype == np.uint8
    assert (decode(data) == indices).mean() > 0.9
    stored = inr_core.read_head(io.BytesIO(data)).palette
    assert stored is not None
    assert stored.tolist() == palette.tolist()


def test_bilevel_pictures_come_back_bilevel() -> None:
    pixels = np.zeros((20, 20), np.uint8)
    pixels[5:15, 5:15] = 255
    decoded = decode(encode(pixels, Settings(width=16, depth=4, steps=1000, threads=1), mode="1"))
    assert set(np.unique(decoded)) <= {0, 255}
    assert (decoded == pixels).mean() > 0.95


def test_target_size_is_never_exceeded_and_well_used() -> None:
    for target in (300, 700, 1500):
        settings = Settings(target_size=target, steps=30, device="cpu", threads=1)
        size = len(encode(ramp(40, 60), settings))
        assert 0.8 * target < size <= target


def test_target_size_counts_metadata_and_says_what_is_possible() -> None:
    metadata = inr_core.Metadata(comment=bytes(np.random.default_rng(0).integers(0, 256, 400, np.uint8)))
    settings = Settings(target_size=800, steps=5, threads=1)
    assert len(encode(ramp(), settings, metadata=metadata)) <= 800
    with pytest.raises(TargetError, match=r"target_size: expected at least \d+ bytes for this picture, got 300"):
        encode(ramp(), Settings(target_size=300, steps=5, threads=1), metadata=metadata)


def test_target_psnr_is_reached_by_the_decoded_file() -> None:
    settings = Settings(target_psnr=24.0, steps=150, device="cpu", threads=1)
    pixels = ramp(32, 32)
    assert psnr(decode(encode(pixels, settings)), pixels) >= 24.0


def test_target_psnr_out_of_reach_names_the_best() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    with pytest.raises(TargetError, match=r"target_psnr: expected 60 dB, reached \d+\.\d\d dB"):
        encode(noise, Settings(target_psnr=60, steps=10, device="cpu", threads=1))


def test_a_stopped_search_keeps_its_nearest_file() -> None:
    settings = Settings(target_psnr=60.0, steps=10_000_000, width=8, depth=3, device="cpu", threads=1)
    data = encode(ramp(64, 64), settings, progress=lambda p: p.step < ENOUGH)
    assert psnr(decode(data), ramp(64, 64)) > 10


def test_a_search_that_runs_out_of_time_says_how_near_it_came() -> None:
    settings = Settings(target_psnr=70.0, steps=10_000_000, time_limit=1.0, width=8, depth=3, device="cpu", threads=1)
    with pytest.raises(TargetError, match=r"target_psnr: expected 70 dB, reached \d+\.\d\d dB"):
        encode(ramp(64, 64), settings)


def test_an_interrupted_search_keeps_what_reached_the_target() -> None:
    done = 0

    def interrupt_the_second(progress: Progress) -> None:
        nonlocal done
        done += progress.phase == "done"
        if done and progress.phase == "fit":
            os.kill(os.getpid(), signal.SIGINT)

    settings = Settings(target_psnr=12.0, steps=1500, device="cpu", threads=1)
    with pytest.raises(Interrupted) as caught:
        encode(ramp(64, 64), settings, progress=interrupt_the_second)
    assert done == 1
    assert psnr(decode(caught.value.data), ramp(64, 64)) >= 12.0


def test_an_interrupt_while_measuring_keeps_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("inr_core.save.job.decode", interrupted)
    with pytest.raises(Interrupted) as caught:
        encode(ramp(), TINY, progress=lambda p: None)
    monkeypatch.undo()
    assert caught.value.data == encode(ramp(), TINY)


def test_next_quality_brackets_and_stops() -> None:
    assert next_quality({60: 30.1}, 30.0) is None
    assert next_quality({60: 33.0}, 30.0) == pytest.approx(31.5, abs=1)
    assert 60 < (next_quality({60: 28.0}, 30.0) or 0) <= 100
    assert 40 < (next_quality({40: 28.0, 60: 33.0}, 30.0) or 0) < 60
    assert next_quality({100: 28.0}, 30.0) is None


def test_time_limit_ends_the_fit() -> None:
    seen: list[Progress] = []
    encode(ramp(64, 64), Settings(steps=10_000_000, time_limit=1.0, device="cpu", threads=1), progress=seen.append)
    assert seen[-1].phase == "done"
    assert seen[-1].step < 10_000_000


def test_interrupt_carries_a_complete_file() -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step >= ENOUGH:
            os.kill(os.getpid(), signal.SIGINT)

    settings = Settings(width=8, depth=3, steps=10_000_000, device="cpu", threads=1)
    with pytest.raises(Interrupted) as caught:
        encode(ramp(64, 64), settings, progress=interrupt)
    assert psnr(decode(caught.value.data), ramp(64, 64)) > 10


def test_progress_false_stops_with_a_complete_file() -> None:
    seen: list[Progress] = []

    def stop(progress: Progress) -> bool:
        seen.append(progress)
        return False

    data = encode(ramp(64, 64), Settings(width=8, depth=3, steps=10_000_000, threads=1), progress=stop)
    assert psnr(decode(data), ramp(64, 64)) > 8
    assert [p.phase for p in seen] == ["fit", "done"]
    assert seen[-1].psnr == pytest.approx(psnr(decode(data), ramp(64, 64)))
    assert seen[-1].bpp == 8 * len(data) / 64**2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quality": 101}, "quality: expected a number from 0 to 100, got 101"),
        ({"quality": float("nan")}, "quality: expected a number from 0 to 100, got nan"),
        ({"quality": None}, "quality: expected a number from 0 to 100, got None"),
        ({"effort": 2.5}, "effort: expected an integer from 0 to 9, got 2.5"),
        ({"effort": True}, "effort: expected an integer from 0 to 9, got True"),
        ({"target_size": 0}, "target_size: expected an integer from 128 to 2147483647, got 0"),
        ({"time_limit": 0}, "time_limit: expected a number above 0, got 0"),
        ({"bits": 11}, "bits: expected an integer from 4 to 10, got 11"),
        ({"model": "dct"}, "model: expected one of auto, siren, latent, exact, got 'dct'"),
        ({"device": "tpu"}, "device: expected auto, cpu, cuda, cuda:N or mps, got 'tpu'"),
        ({"qualty": 50}, "unknown option 'qualty'; did you mean 'quality'?"),
        (
            {"target_size": 900, "target_psnr": 30},
            "target_size and target_psnr: expected at most one of them, got both",
        ),
    ],
)
def test_bad_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_options(options)
    assert str(caught.value) == message
    assert isinstance(caught.value, ValueError)


def test_bad_pixels_are_refused_before_any_work() -> None:
    for pixels in (np.zeros((4, 4), np.float32), np.zeros((0, 4), np.uint8), np.zeros((4, 4, 5), np.uint8)):
        with pytest.raises(inr_core.InrError, match="pixels: expected"):
            encode(pixels)  # type: ignore[arg-type]


def test_absent_devices_are_refused() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(SettingsError, match="device: expected one this machine has, got 'cuda'"):
        encode(ramp(), Settings(device="cuda"))


def test_quality_grows_the_network_and_effort_the_steps() -> None:
    plans = [make_plan((512, 512, 3), Settings(), quality=q) for q in range(0, 101, 5)]
    weights = [p.nonzeros for p in plans]
    assert weights == sorted(set(weights))
    assert all(p.expected_bytes <= quality_bytes(q, 512 * 512) for p, q in zip(plans, range(0, 101, 5), strict=True))
    most = make_plan((9, 9, 3), Settings(), quality=50, max_bytes=2**31 - 1)
    assert 0.99 < sum(out * inputs for out, inputs in most.shapes) / MAX_WEIGHTS <= 1
    steps = [make_plan((512, 512, 3), Settings(effort=e), quality=50).steps for e in range(10)]
    assert steps[0] == 0
    assert steps == sorted(set(steps))


def test_first_frequency_follows_the_picture() -> None:
    x = np.linspace(-1, 1, 512, endpoint=False)
    sine = np.tile(128 + 100 * np.sin(40 * x), (512, 1))[..., None].round().astype(np.uint8)
    assert characteristic_frequency(sine) == pytest.approx(40, rel=0.02)
    assert characteristic_frequency(np.full((4, 4, 1), 7, np.uint8)) == 0.0
    assert characteristic_frequency(np.zeros((1, 1, 3), np.uint8)) == 0.0
    assert omega_for(0.0) == 6.0
    assert omega_for(60.0) == pytest.approx(42.8, abs=0.1)
    assert omega_for(1e9) == 150.0


def test_learning_rates_by_hand() -> None:
    assert learning_rate(100, 50.0) == learning_rate(100, 12.0) == pytest.approx(8e-4)
    assert learning_rate(10, 50.0) == 2e-3  # the most
    assert learning_rate(100, 200.0) == pytest.approx(1e-4)  # a quarter to the power 1.5
    assert make_plan((512, 512, 3), Settings(width=100, omega_first=200.0), quality=50).learning_rate == pytest.approx(
        1e-4
    )


def test_plans_of_small_dense_and_sparse_networks_have_equal_budgets() -> None:
    sparse = make_plan((512, 512, 3), Settings(width=128, depth=8, density=0.2), quality=50)
    dense = make_plan((512, 512, 3), Settings(width=128, depth=8, density=0.2, sparsity="small-dense"), quality=50)
    assert sparse.nonzeros == round(0.2 * SirenShape(128, 8).macs(3))
    width = dense.shapes[0][0]
    assert SirenShape(width, 8).macs(3) <= sparse.nonzeros < SirenShape(width + 1, 8).macs(3)


@pytest.mark.parametrize(("width", "bits", "density"), [(24, 7, 1.0), (40, 8, 1.0), (32, 8, 0.3)])
def test_expected_bytes_are_near(width: int, bits: int, density: float) -> None:
    settings = Settings(width=width, depth=6, bits=bits, density=density, steps=20, device="cpu", threads=1)
    size = len(encode(ramp(48, 64), settings))
    assert size == pytest.approx(expected_bytes(width, 6, 3, density, bits), rel=0.2)


@pytest.mark.parametrize("bits", range(4, 11))
def test_every_width_of_weights_is_readable(bits: int) -> None:
    data = encode(ramp(), Settings(width=8, depth=3, steps=10, bits=bits, device="cpu", threads=1))
    assert [layer.bits for layer in inr_core.describe(data).layers] == [bits + 5, bits, bits]
    assert np.array_equal(decode(data), reference.decode(data))
