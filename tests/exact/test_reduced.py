"""Graphics saved nearly exactly: what comes back, how good, how large, and when this is chosen."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tiny
from compiled import each_compiled
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inr_core import Interrupted, Settings, decode, encode, psnr, read_head
from inr_core.container.metadata import Metadata
from inr_core.exact.mixed import joined
from inr_core.exact.planes import to_planes
from inr_core.exact.reduction import Kept, reduce_strip
from inr_core.kernels import mixing, reducing, switch
from inr_core.save.job import Request
from inr_core.save.latent import LatentJob
from inr_core.save.reduced import ReducedJob, is_graphics

pytestmark = pytest.mark.skipif(not reducing.available(), reason="nothing is compiled here")

Pixels = NDArray[Any]
QUICK: dict[str, Any] = {"effort": 1, "threads": 1}


def page(mode: str = "RGB", size: tuple[int, int] = (260, 180)) -> Pixels:
    """Lines of soft letters in a few colours on two grounds, a little noise in one corner."""
    im = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(im)
    draw.rectangle((0, 0, size[0], 30), fill=(40, 60, 90))
    font = ImageFont.load_default(13)
    for k in range(9):
        draw.text(
            (6, 8 + 18 * k),
            f"line {k}: {k * 7919 % 1000} words of text",
            fill=[(20, 20, 20), (150, 30, 20)][k % 2],
            font=font,
        )
    noise = np.random.default_rng(1).integers(-6, 7, (40, 60, 3))
    pixels = np.asarray(im).astype(np.int16)
    pixels[-40:, -60:] += noise
    made = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return np.asarray(made.convert(mode))


def model_of(data: bytes) -> str:
    return read_head(io.BytesIO(data)).header.model


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "YCbCr"])
def test_a_page_is_nearly_exact_and_much_smaller(mode: str) -> None:
    pixels = page(mode)
    data = encode(pixels, Settings(**QUICK), mode=mode)
    assert model_of(data) == "exact"
    back = decode(data)
    assert 36 < psnr(pixels, back) < 70
    exactly = encode(pixels, Settings(lossless=True, **QUICK), mode=mode)
    lossy = encode(pixels, Settings(model="latent", **QUICK), mode=mode)
    assert len(data) < 0.8 * len(exactly)
    assert len(data) < 0.7 * len(lossy)
    assert psnr(pixels, back) > psnr(pixels, decode(lossy))
    assert encode(pixels, Settings(effort=1, threads=3), mode=mode) == data


def test_quality_is_monotonic_up_to_exact() -> None:
    pixels = page()
    files = [encode(pixels, Settings(quality=q, **QUICK)) for q in (5, 25, 50, 75, 90, 100)]
    assert {model_of(data) for data in files} == {"exact"}
    assert all(len(a) < len(b) for a, b in pairwise(files))
    decibels = [psnr(pixels, decode(data)) for data in files]
    assert all(a < b for a, b in pairwise(decibels))
    assert (decode(files[-1]) == pixels).all()
    assert files[-1] == encode(pixels, Settings(lossless=True, **QUICK))


def test_targets() -> None:
    pixels = page()
    whole = len(encode(pixels, Settings(lossless=True, **QUICK)))
    for share in (0.4, 0.7):
        data = encode(pixels, Settings(target_size=int(share * whole), **QUICK))
        assert (model_of(data), len(data) <= share * whole) == ("exact", True)
        assert len(data) > 0.7 * share * whole
    sizes = []
    for decibels in (35, 45):
        data = encode(pixels, Settings(target_psnr=decibels, **QUICK))
        assert model_of(data) == "exact"
        assert decibels <= psnr(pixels, decode(data)) < decibels + 6
        sizes.append(len(data))
    assert sizes[0] < sizes[1] < whole
    assert len(encode(pixels, Settings(target_size=whole, **QUICK))) <= whole


def test_alpha_stays_as_it_is() -> None:
    colours = page()
    alpha = np.zeros((*colours.shape[:2], 1), np.uint8)
    alpha[20:-20, 20:-20] = 255
    alpha[60:80] = np.random.default_rng(2).integers(0, 256, (20, colours.shape[1], 1))
    pixels = np.concatenate([colours, alpha], 2)
    data = encode(pixels, Settings(**QUICK))
    back = decode(data)
    assert model_of(data) == "exact"
    assert (back[..., 3] == pixels[..., 3]).all()
    seen = pixels[..., 3] > 0
    assert psnr(pixels[seen][None], back[seen][None]) > 36


def test_a_mask_keeps_its_ends() -> None:
    y, x = np.mgrid[:120, :160]
    mask = (np.clip((45 - np.hypot(x - 80, y - 60)) / 6, 0, 1) * 255).astype(np.uint8)
    back = decode(encode(mask, Settings(quality=20, **QUICK)))
    for end in (0, 255):
        assert ((back == end) == (mask == end)).all()


def test_photographs_stay_with_the_latent_model() -> None:
    photograph = np.asarray(tiny.photograph(200, 150))
    for quality in (30, 75):
        assert model_of(encode(photograph, Settings(quality=quality, **QUICK))) == "latent"


def flat_photograph(width: int = 900, height: int = 620) -> Pixels:
    """Flat in most places, as those of JPEG origin are, with soft blobs, of which a lossy model makes less."""
    y, x = np.mgrid[:height, :width]
    waves = np.sin(x / 37 + y / 61) + np.sin(x / 23 - y / 41) + np.sin((x + 2 * y) / 90)
    soft = np.clip(waves * 40, -12, 60)[..., None] * [1.0, 0.8, 0.6] + [90, 120, 140]
    pixels: Pixels = soft.round().astype(np.uint8)
    return pixels


def refuse(*given: object) -> Any:
    raise AssertionError("this takes time for nothing")


def test_a_flat_photograph_is_told_without_reducing_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = flat_photograph()
    assert is_graphics(to_planes(pixels, "RGB"))
    monkeypatch.setattr(ReducedJob, "of_quality", refuse)
    data = encode(pixels, Settings(effort=0, threads=1))
    assert model_of(data) == "latent"
    assert data == encode(pixels, Settings(effort=0, threads=1, model="latent"))


def test_what_is_clearly_graphics_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = page(size=(1000, 540))
    monkeypatch.setattr(LatentJob, "unrefined", refuse)
    monkeypatch.setattr("inr_core.save.exact.pack_strip", refuse)
    assert model_of(encode(pixels, Settings(effort=0, threads=1))) == "exact"


def test_a_strip_that_hardly_changes_is_compared_with_the_exact_one() -> None:
    planes = np.moveaxis(page(), 2, 0)
    small = b"smaller than it can be"
    kept = reduce_strip(planes, lambda: small, (3,), 6, 1e-3, Kept())
    assert (kept.planes == planes).all()
    assert (kept.payload, kept.error) == (small, 0)


def test_colours_that_nobody_sees_are_not_continued_for_nothing() -> None:
    pixels = np.concatenate([page(), np.full((180, 260, 1), 255, np.uint8)], 2)
    pixels[:90, :90, 3] = 0
    job = ReducedJob(Request(pixels, "RGBA", None, Metadata(), Settings(**QUICK), None))
    assert (job.samples == pixels).all()
    lossy = LatentJob(job.request)
    assert (lossy.samples != pixels).any()


def test_few_colours_are_mixed_without_effort_where_that_is_quick() -> None:
    pixels = np.asarray(Image.fromarray(page()).convert("P", palette=Image.Palette.ADAPTIVE, colors=12).convert("RGB"))
    data = encode(pixels, Settings(effort=0))
    assert (decode(data) == pixels).all()
    assert data == encode(pixels, Settings(effort=1))
    assert len(data) < len(encode(pixels, Settings(effort=0, lossless=True)))
    dots = np.random.default_rng(1).integers(0, 2, (120, 120, 1), np.uint8) * np.array([255, 90, 60], np.uint8)
    assert encode(dots, Settings(effort=0)) == encode(dots, Settings(effort=0, lossless=True))


def test_without_compiled_kernels_the_latent_model_does_it() -> None:
    with switch.using("numpy"):
        assert model_of(encode(page(size=(90, 60)), Settings(**QUICK))) == "latent"


@each_compiled
@pytest.mark.parametrize("asks", [True, False])
def test_the_kernel_writes_what_the_coder_reads(asks: bool, backend: str) -> None:
    planes = np.moveaxis(page(size=(120, 80)), 2, 0)
    pixels = joined(planes)
    same, data = reducing.reduce_pixels(pixels, 3, 8, asks, 0)
    assert (same == pixels).all()
    assert data == mixing.write_pixels(pixels, 3, 8, asks)
    made, fewer = reducing.reduce_pixels(pixels, 3, 8, asks, 40)
    height, width = pixels.shape
    back = mixing.read_pixels(fewer, height, width, 3, 8, asks)
    assert back is not None
    assert (back == made).all()
    assert len(fewer) < 0.8 * len(data)
    assert 0 < np.mean(made != pixels) < 0.5
    assert (made[:5] == pixels[:5]).all(), "what is flat stays"


def test_what_is_kept_does_not_change() -> None:
    pixels = joined(np.moveaxis(page(size=(120, 80)), 2, 0))
    made, _ = reducing.reduce_pixels(pixels, 3, 8, True, 1e4, kept=1)
    assert ((made ^ pixels) >> np.uint64(16) & np.uint64(65535) == 0).all()
    assert (made != pixels).any()
    grey = joined(page("L", (120, 80))[None])
    made, _ = reducing.reduce_pixels(grey, 1, 8, False, 1e4, ends=(0, 255))
    assert ((made == 255) == (grey == 255)).all()
    assert (made != grey).any()


def test_an_interrupted_search_keeps_what_meets_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = page()
    made: list[Any] = []
    whole = len(encode(pixels, Settings(lossless=True, **QUICK)))
    saved = ReducedJob.saved_with

    def interrupted(job: ReducedJob, trade: float) -> Any:
        if len(made) == 3:
            raise Interrupted(b"the file that was being made")
        made.append(saved(job, trade))
        return made[-1]

    monkeypatch.setattr(ReducedJob, "saved_with", interrupted)
    with pytest.raises(Interrupted) as caught:
        encode(pixels, Settings(target_size=whole // 2, **QUICK))
    small = [result.data for result in made if len(result.data) <= whole // 2]
    assert caught.value.data in small
    made.clear()
    with pytest.raises(Interrupted) as caught:
        encode(pixels, Settings(target_psnr=40, **QUICK))
    assert len(caught.value.data) == min(len(result.data) for result in made if result.psnr >= 40)
