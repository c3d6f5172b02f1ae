"""Tiles of interface and text that stand beside the latents of a photograph."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tiny
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inr_core import Decoder, Limits, Metadata, Settings, TargetError, decode, describe, encode, psnr, read_head
from inr_core.container import chunks
from inr_core.exact.tiles import Tiles, tiled_pixels
from inr_core.kernels import reducing
from inr_core.latent import plan
from inr_core.latent.plan import price_of_bit, step_for
from inr_core.metrics import ms_ssim
from inr_core.save import choice, tiled

Pixels = NDArray[Any]
QUICK: dict[str, Any] = {"effort": 0, "threads": 1}
SIZE = (320, 240)

pytestmark = pytest.mark.skipif(not reducing.available(), reason="only compiled kernels are quick enough to save so")


def photograph(width: int = SIZE[0], height: int = SIZE[1]) -> Pixels:
    """Slopes, blobs and noise: (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(3)
    blobs = sum(rng.integers(20, 60) * np.sin((x * a + y * b) / 40 + c) for a, b, c in rng.uniform(-4, 4, (6, 3)))
    values = np.stack([110 + blobs, 120 + 0.8 * blobs, 100 + 0.6 * blobs], 2) + rng.normal(0, 2, (height, width, 3))
    return values.clip(0, 255).astype(np.uint8)


def interface(width: int = SIZE[0], height: int = SIZE[1]) -> Pixels:
    im = Image.new("RGB", (width, height), (247, 247, 250))
    draw = ImageDraw.Draw(im)
    draw.rectangle((0, 0, width, 24), fill=(38, 50, 71))
    for k in range(height // 15):
        draw.text((8, 4 + 15 * k), f"item {k * 7919 % 997}: a line of words in a list", fill=(20, 20, 24),
                  font=ImageFont.load_default(11))  # fmt: skip
    return np.asarray(im)


def window() -> Pixels:
    """A photograph in an interface; its edges lie within tiles."""
    both = interface().copy()
    both[70:210, 100:290] = photograph()[70:210, 100:290]
    return both


def plane_of(data: bytes) -> str:
    return read_head(io.BytesIO(data)).header.plane


def with_tiles(monkeypatch: pytest.MonkeyPatch, pixels: Pixels, **settings: Any) -> tuple[bytes, bytes]:
    """The file as it is saved, and as it would be without tiles."""
    made = encode(pixels, Settings(**QUICK, **settings))
    with monkeypatch.context() as changed:
        changed.setattr(choice, "tiled_instead", lambda _: None)
        return made, encode(pixels, Settings(**QUICK, **settings))


def seen(pixels: Pixels, data: bytes) -> NDArray[np.bool_]:
    """Which pixels (H, W) of a file stand beside its latents."""
    head = read_head(io.BytesIO(data))
    payload = chunks.read_payloads(head.header, data[head.payload_offset :])[0]
    return Tiles(head.header, payload).tiled


@pytest.mark.parametrize("tune", ["look", "psnr"])
def test_a_photograph_in_an_interface_takes_fewer_bytes_at_less_error(
    monkeypatch: pytest.MonkeyPatch, tune: str
) -> None:
    pixels = window()
    made, without = with_tiles(monkeypatch, pixels, tune=tune)
    assert (plane_of(made), plane_of(without)) == ("tiles", "")
    assert len(made) < 0.85 * len(without)
    assert psnr(pixels, decode(made)) > psnr(pixels, decode(without)) + 1
    assert "tiles beside it (" in describe(made).network
    assert "TILE" in [kind for kind, _, _ in describe(made).chunks]


def test_interface_is_nearly_exact_and_the_photograph_is_not_in_tiles() -> None:
    pixels = window()
    data = encode(pixels, Settings(**QUICK, quality=90))
    shown = seen(pixels, data)
    assert shown[:48].all()
    assert not shown[96:192, 128:272].any()
    apart = np.abs(decode(data).astype(int) - pixels)[shown]
    assert np.mean(apart == 0) > 0.95
    assert apart.max() < 60


def test_quality_is_monotonic_and_100_keeps_tiles_exactly() -> None:
    pixels = window()
    files = [encode(pixels, Settings(**QUICK, quality=q)) for q in (20, 50, 75, 90, 100)]
    assert all(plane_of(data) == "tiles" for data in files)
    assert all(len(a) < len(b) for a, b in pairwise(files))
    assert all(psnr(pixels, decode(a)) < psnr(pixels, decode(b)) for a, b in pairwise(files))
    shown = seen(pixels, files[-1])
    assert (decode(files[-1])[shown] == pixels[shown]).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "grey"])
def test_modes(mode: str) -> None:
    pixels = window()
    if mode == "grey":
        pixels = pixels[..., 1:2].repeat(3, 2)
    elif mode in ("L", "LA"):
        pixels = pixels[..., 1:2]
    if mode.endswith("A"):
        alpha = np.full(pixels.shape[:2], 255, np.uint8)
        alpha[:30, :40] = 0
        pixels = np.dstack([pixels, alpha])
    pixels = pixels[..., 0] if mode == "L" else pixels
    data = encode(pixels, Settings(**QUICK))
    assert plane_of(data) == "tiles"
    back = decode(data)
    assert (back.dtype, back.shape) == (pixels.dtype, pixels.shape)
    opaque = pixels[..., -1] == 255 if mode.endswith("A") else np.ones(pixels.shape[:2], bool)
    assert psnr(pixels[opaque], back[opaque]) > 38
    if mode.endswith("A"):
        assert (back[..., -1] == pixels[..., -1]).all()
        small = decode(data, size=(80, 60))
        assert small[0, 0, -1] == 0
        assert small[30, 40, -1] == 255
    if mode == "grey":
        assert (back[..., 0] == back[..., 2]).all()


def test_what_is_all_photograph_or_all_interface_has_none() -> None:
    assert plane_of(encode(photograph(), Settings(**QUICK))) == ""
    data = encode(interface(), Settings(**QUICK))
    assert read_head(io.BytesIO(data)).header.model == "exact"
    assert plane_of(encode(window(), Settings(**QUICK, model="latent"))) == ""


@pytest.mark.parametrize("tune", ["look", "psnr"])
def test_refining_leaves_tiles_and_lowers_error_and_bits_together(tune: str) -> None:
    pytest.importorskip("torch")
    pixels = window()
    plain = encode(pixels, Settings(**QUICK, tune=tune))
    refined = encode(pixels, Settings(effort=2, threads=1, tune=tune))
    assert plane_of(refined) == "tiles"
    shown = seen(pixels, plain)
    assert (decode(refined)[shown] == decode(plain)[shown]).all()
    if tune == "look":  # bytes that an unrefined file as near by structure would take
        finer = encode(pixels, Settings(**QUICK, quality=76))
        near = [-math.log(1 - ms_ssim(pixels, decode(data))) for data in (plain, finer, refined)]
        assert near[0] < near[2] < near[1]
        assert len(refined) < np.interp(near[2], near[:2], [len(plain), len(finer)])
        return
    costs = []
    for data in (plain, refined):
        error = np.square(decode(data).astype(float) - pixels).sum() / 3
        costs.append(error + 255**2 * price_of_bit(step_for(75)) * 8 * len(data))
    assert costs[1] < costs[0]


@pytest.mark.parametrize(
    ("make", "model", "plane"),
    [(window, "latent", "tiles"), (tiny.page, "exact", ""), (tiny.picture, "latent", "")],
    ids=["window", "page", "slopes"],
)
def test_what_is_taken_does_not_depend_on_metadata(make: Callable[[], Any], model: str, plane: str) -> None:
    pixels = np.asarray(make())
    files = [encode(pixels, Settings(**QUICK), metadata=Metadata(comment=b"a" * size)) for size in (1, 60_000)]
    heads = [read_head(io.BytesIO(data)) for data in files]
    assert [(head.header.model, head.header.plane) for head in heads] == [(model, plane)] * 2
    assert len({data[head.payload_offset :] for head, data in zip(heads, files, strict=True)}) == 1


def test_size_that_tiles_alone_would_take_is_met_without() -> None:
    pixels = window()
    data = encode(pixels, Settings(**QUICK, target_size=2500))
    assert len(data) <= 2500
    assert decode(data).shape == pixels.shape
    with pytest.raises(TargetError):
        encode(pixels, Settings(**QUICK, target_size=128))


@pytest.mark.parametrize("least", [32.0, 44.0])
def test_psnr_is_reached(least: float) -> None:
    pixels = window()
    data = encode(pixels, Settings(**QUICK, target_psnr=least))
    assert psnr(pixels, decode(data)) >= least


@pytest.mark.parametrize("size", [(160, 120), (107, 80), (40, 30), (7, 5)])
def test_smaller_pictures_see_tiles_and_photograph(size: tuple[int, int]) -> None:
    pixels = window()
    data = encode(pixels, Settings(**QUICK, quality=90))
    wanted = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    assert psnr(decode(data, size=size), wanted) > 31


def test_regions_are_those_of_the_picture_and_larger_ones_agree() -> None:
    data = encode(window(), Settings(**QUICK, quality=90))
    whole, box = decode(data), (85, 50, 171, 121)
    part = decode(data, region=box)
    assert (part == whole[50:121, 85:171]).all()
    large = decode(data, region=box, size=(172, 142))
    wanted = np.asarray(Image.fromarray(part).resize((172, 142), Image.Resampling.BICUBIC))
    assert psnr(large, wanted) > 27


def test_grey_of_a_colour_picture_sees_tiles() -> None:
    data = encode(window(), Settings(**QUICK))
    head = read_head(io.BytesIO(data))
    grey = Decoder(head, data[head.payload_offset :]).decode(grey=True)
    assert psnr(grey, np.asarray(Image.fromarray(decode(data)).convert("L"))) > 50


def test_cost_counts_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "LOOK_PRIORS", (4,))  # both files have its networks
    data = encode(window(), Settings(**QUICK))
    alone = encode(window(), Settings(**QUICK, model="latent"))
    questions = SIZE[0] * SIZE[1] * (3 * (8 + 3) + 8)
    cost = describe(data).cost
    assert questions <= cost.questions + cost.plain_questions < 1.05 * questions
    assert cost.macs == describe(alone).cost.macs


def test_a_file_that_ends_early_shows_its_tiles() -> None:
    pixels = window()
    data = encode(pixels, Settings(**QUICK, quality=90))
    sizes = [(at, size) for kind, at, size in describe(data).chunks if kind == "LATS"]
    cut = data[: sizes[0][0] + 12 + sizes[0][1] + 40]
    shown = seen(pixels, data)
    assert (decode(cut, truncated=True)[shown] == decode(data)[shown]).all()


def test_a_picture_that_would_cost_too_much_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiled, "SHARE", 0.1 / Limits().seconds)
    assert plane_of(encode(window(), Settings(**QUICK))) == ""


def test_where_tiles_end() -> None:
    tiles = np.array([[True, False, True], [False, False, True]])
    found = tiled_pixels(tiles, 3, 20, 11)
    assert found.shape == (11, 20)
    assert found[:8, :8].all()
    assert not found[:, 8:16].any()
    assert found[:, 16:].all()
    assert not found[8:, :8].any()
