"""Saving with the latent model: what comes back, and targets. Pictures are small, floors have margin."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from latent_saves import fast, picture
from networks import latent_of
from numpy.typing import NDArray
from PIL import Image
from toy_prior import toy_arrays

from inr_core import (
    Decoder,
    FormatError,
    Metadata,
    Progress,
    Settings,
    SettingsError,
    TargetError,
    decode,
    encode,
    psnr,
    read_head,
)
from inr_core.latent import encoding, plan, prior
from inr_core.latent.plan import iterations_for, last_true, levels_for, shift_for_psnr, shift_for_size, step_for
from inr_core.models import MAX_LATENT_PIXELS, MODELS
from inr_core.save import latent, spread
from inr_core.save.choice import choose_models
from inr_core.save.job import Request

Pixels = NDArray[np.uint8]


def model_of(data: bytes) -> str:
    return read_head(io.BytesIO(data)).header.model


@pytest.mark.parametrize(
    ("channels", "bit_depth", "mode"),
    [(1, 8, "L"), (1, 16, "I;16"), (2, 8, "LA"), (2, 16, "LA"), (3, 8, "RGB"), (3, 16, "RGB"), (4, 8, "RGBA"),
     (4, 16, "RGBA")],
)  # fmt: skip
def test_modes_come_back_near(channels: int, bit_depth: int, mode: str) -> None:
    pixels = picture(21, 30, channels, bit_depth)
    pixels = pixels[..., 0] if channels == 1 else pixels
    data = encode(pixels, fast(quality=95))
    decoded = decode(data)
    assert (decoded.shape, decoded.dtype, model_of(data)) == (pixels.shape, pixels.dtype, "latent")
    assert read_head(io.BytesIO(data)).header.mode == mode
    visible = pixels if channels in (1, 3) else np.where(pixels[..., -1:] == 0, decoded, pixels)
    assert psnr(decoded, visible, 2**bit_depth - 1) > 36


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16", "1", "P", "CMYK", "YCbCr", "LAB"])
def test_pillow_saves_every_mode_with_it(mode: str) -> None:
    im = tiny.picture(mode)
    out = io.BytesIO()
    im.save(out, "INR", effort=0, quality=95, model="latent")
    assert model_of(out.getvalue()) == "latent"
    with Image.open(out) as back:
        assert (back.mode, back.size) == (im.mode, im.size)
        error = np.asarray(back, np.float64) - np.asarray(im, np.float64)
        if mode in ("1", "P"):
            assert not error.any()  # not always: the nearest colour is the right one here
        else:
            assert np.abs(error).mean() < 0.01 * (65_535 if mode == "I;16" else 255)


def request(**options: Any) -> Request:
    return Request(picture(), "RGB", None, Metadata(), Settings.from_options(options), None)


def test_options_of_the_siren_choose_it() -> None:
    for options in ({"width": 8}, {"steps": 3}, {"density": 0.5}, {"sparsity": "prune"}, {"omega_hidden": 20.0}):
        assert choose_models(request(**options)) == ["siren"]
        name = next(iter(options))
        for other in ("latent", "exact"):
            with pytest.raises(SettingsError, match=f"{name}: expected with model 'siren' only, got model '{other}'"):
                Settings.from_options({**options, "model": other})


def test_only_a_siren_can_do_with_more_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_LATENT_PIXELS == 67_108_864
    for limit, model in ((48 * 64, "latent"), (48 * 64 - 1, "siren")):
        monkeypatch.setitem(MODELS, "latent", replace(MODELS["latent"], max_pixels=limit))
        assert choose_models(request()) == [model]
    with pytest.raises(SettingsError, match="model: 'latent' expects at most 3071 pixels, got 3072"):
        choose_models(request(model="latent"))


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (17, 33), (5, 70)])
def test_odd_sizes(shape: tuple[int, int]) -> None:
    pixels = picture(*shape)
    decoded = decode(encode(pixels, fast(quality=90)))
    assert decoded.shape == pixels.shape
    assert psnr(decoded, pixels) > 28


def test_quality_is_monotonic() -> None:
    pixels = picture()
    files = [encode(pixels, fast(quality=q)) for q in range(0, 101, 10)]
    sizes, values = [len(f) for f in files], [psnr(decode(f), pixels) for f in files]
    assert sizes == sorted(sizes)
    assert len(set(sizes[2:])) == 9
    assert values == sorted(values)
    assert values[-1] > 50
    steps = [step_for(q) for q in range(101)]
    assert steps == sorted(steps, reverse=True)


@pytest.mark.parametrize("effort", [0, 1])
def test_target_size_is_never_exceeded_and_well_used(effort: int) -> None:
    pixels = picture(64, 96)
    for target in (700, 2500):
        size = len(encode(pixels, fast(target_size=target, effort=effort)))
        assert 0.85 * target < size <= target


@pytest.mark.parametrize("effort", [0, 1])
def test_target_psnr_is_reached(effort: int) -> None:
    pixels = picture(64, 96)
    data = encode(pixels, fast(target_psnr=34.0, effort=effort))
    assert 34.0 <= psnr(decode(data), pixels) < 35.5


def test_impossible_targets_say_what_is_possible() -> None:
    random = np.random.default_rng(0)
    comment = Metadata(comment=random.bytes(400))
    with pytest.raises(TargetError, match=r"target_size: expected at least \d+ bytes for this picture, got 300"):
        encode(picture(), fast(target_size=300), metadata=comment)
    noise = random.integers(0, 65_536, (16, 16, 3)).astype(np.uint16)
    with pytest.raises(TargetError, match=r"target_psnr: expected 100 dB, reached \d+\.\d\d dB"):
        encode(noise, fast(target_psnr=100, model="latent"))
    assert model_of(encode(noise, fast(target_psnr=100))) == "exact"


def test_same_input_same_bytes_whatever_the_threads() -> None:
    pixels = picture()
    files = {encode(pixels, fast(effort=1, threads=threads)) for threads in (1, 1, 2)}
    assert len(files) == 1


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = pytest.importorskip("inr_core.fit.latent.tiles")
    monkeypatch.setattr(tiles, "TILE", 128)


@pytest.mark.usefixtures("small_tiles")
def test_tiles_leave_no_seams_and_need_no_order() -> None:
    pixels = picture(40, 300)
    one, two = (encode(pixels, fast(effort=2, quality=50, threads=threads)) for threads in (1, 2))
    assert one == two
    error = np.square(decode(one).astype(float) - pixels).mean((0, 2))
    borders = [x for cut in (128, 192) for x in range(cut - 4, cut + 4)]
    assert error[borders].mean() < 2 * np.delete(error, borders).mean()


def test_bright_pictures_stay_bright() -> None:
    pixels = np.full((40, 40, 3), 255, np.uint8)
    pixels[10:14, 10:30] = 0
    decoded = decode(encode(pixels, fast(quality=85, effort=1)))
    assert decoded[25:, 25:].min() > 245
    assert decoded[11:13, 15:25].max() < 60


def test_hidden_colours_cost_nothing_to_quality() -> None:
    pixels = picture(40, 40, 4)
    pixels[..., 3] = 255
    pixels[:20, :, 3] = 0
    pixels[:20, :, :3] = np.random.default_rng(1).integers(0, 256, (20, 40, 3))
    seen: list[Progress] = []
    decoded = decode(encode(pixels, fast(quality=85, effort=2), progress=seen.append))
    assert decoded[:19, :, 3].max() < 60
    assert decoded[21:, :, 3].min() > 195
    assert psnr(decoded[21:, :, :3], pixels[21:, :, :3]) > 30
    shown = np.where(pixels[..., 3:] == 0, pixels, decoded)
    assert seen[-1].psnr == pytest.approx(psnr(shown, pixels))


def test_regions_sizes_bands_and_devices_are_of_one_picture() -> None:
    data = encode(picture(), fast())
    whole = decode(data)
    assert np.array_equal(decode(data, region=(7, 3, 40, 31)), whole[3:31, 7:40])
    assert np.array_equal(decode(data, threads=2), whole)
    assert decode(data, size=(20, 10)).shape == (10, 20, 3)
    smaller = np.asarray(Image.fromarray(whole).resize((32, 24), Image.Resampling.LANCZOS), np.int16)
    assert np.abs(decode(data, size=(32, 24)) - smaller).max() <= 2
    assert decode(data, size=(100, 90), region=(0, 0, 10, 9)).shape == (90, 100, 3)
    head = read_head(io.BytesIO(data))
    bands = list(Decoder(head, data[head.payload_offset :], 1).bands(block=64 * 10))
    assert [top for top, _ in bands] == [0, 10, 20, 30, 40]
    assert np.array_equal(np.concatenate([rows for _, rows in bands]), whole)
    with pytest.raises(SettingsError, match="region: expected integers"):
        decode(data, region=(0, 0, 65, 48))


def test_torch_decodes_the_same_pixels() -> None:
    pytest.importorskip("torch")
    data = encode(picture(20, 27), fast())
    assert np.array_equal(decode(data, device="torch"), decode(data))


def test_priors_live_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(picture(), fast(tune="psnr"))
    whole = decode(data)
    (tmp_path / "1.npz").write_bytes((prior.FOLDER / "1.npz").read_bytes())
    np.savez(tmp_path / "7.npz", **toy_arrays(3))
    monkeypatch.setattr(prior, "FOLDER", tmp_path)
    prior.load.cache_clear()
    try:
        monkeypatch.setattr(plan, "PRIORS", (7,))
        other = encode(picture(), fast(tune="psnr"))
        assert latent_of(read_head(io.BytesIO(other)).header).prior == 7
        assert decode(other).shape == whole.shape
        assert np.array_equal(decode(data), whole)
        monkeypatch.setattr(prior, "FOLDER", tmp_path / "none")
        prior.load.cache_clear()
        with pytest.raises(FormatError, match="prior: expected one of none, got 7"):
            decode(other)
    finally:
        prior.load.cache_clear()


def test_tables_of_the_plan() -> None:
    assert [levels_for(*size) for size in ((1, 1), (512, 1), (513, 1), (768, 512), (65_535, 8))] == [6, 6, 7, 7, 13]
    assert iterations_for(0, 1) == 0
    assert [iterations_for(5, pixels) for pixels in (1, 10**7, 2**26)] == [14, 10, 1]
    assert iterations_for(1, 2**28) == 1
    for edge in (-1, 0, 3, 100, 255):
        tried: list[int] = []

        def holds(i: int, edge: int = edge, tried: list[int] = tried) -> bool:
            tried.append(i)
            return i <= edge

        assert last_true(holds, 90) == edge
        assert len(tried) == len(set(tried)) < 14
        assert all(0 <= i <= 255 for i in tried)
    assert [shift_for_size(size, 1000) for size in (900, 990, 1001, 1100)] == [-1, 0, 1, 3]
    assert [shift_for_psnr(value, 30.0) for value in (29.0, 30.0, 30.1, 31.0)] == [-4, 0, 0, 2]


def test_at_effort_0_choosing_the_prior_has_made_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    real = encoding.encode_transformed

    def counted(*args: Any) -> Any:
        encoded.append(args[0])
        return real(*args)

    monkeypatch.setattr(latent, "encode_transformed", counted)
    small = encode(picture(), fast(tune="psnr"))
    assert len(encoded) == len(plan.PRIORS)
    monkeypatch.setattr(spread, "SAMPLED", 1000)  # the picture is larger now: parts of it are tried
    monkeypatch.setattr(spread, "SIDE", 20)
    chosen = latent_of(read_head(io.BytesIO(small)).header).prior
    monkeypatch.setattr(plan, "PRIORS", (chosen,))
    assert encode(picture(), fast(tune="psnr")) == small
