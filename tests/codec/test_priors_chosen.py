"""Which prior a file is written with, and what a photograph costs with each."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from networks import latent_of
from PIL import Image

from inr_core import Settings, decode, encode, ms_ssim, psnr, read_head
from inr_core.latent import plan, prior

with Image.open(Path(__file__).parents[2] / "sample_images" / "chelsea.webp") as im:
    PHOTOGRAPH = np.ascontiguousarray(np.asarray(im.convert("RGB"))[40:200, 120:312])


def prior_of(data: bytes) -> int:
    number: int = latent_of(read_head(io.BytesIO(data)).header).prior
    return number


@pytest.mark.parametrize(
    ("number", "quality", "most", "least"), [(1, 50, 2750, 32.15), (2, 48, 2700, 30.9), (3, 50, 2775, 32.27)]
)
def test_bytes_and_decibels_of_each(
    number: int, quality: float, most: int, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "PRIORS", (number,))
    data = encode(PHOTOGRAPH, Settings(effort=0, quality=quality, threads=1, tune="psnr"))
    assert prior_of(data) == number
    assert len(data) <= most
    assert psnr(PHOTOGRAPH, decode(data)) >= least


@pytest.mark.parametrize(("number", "most", "least"), [(4, 5780, 0.9910), (5, 5710, 0.9911)])
def test_bytes_and_ms_ssim_of_each_for_looks(
    number: int, most: int, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "LOOK_PRIORS", (number,))
    data = encode(PHOTOGRAPH, Settings(effort=0, quality=70, threads=1))
    assert prior_of(data) == number
    assert len(data) <= most
    assert ms_ssim(PHOTOGRAPH, decode(data)) >= least


@pytest.mark.parametrize(
    ("effort", "tune", "number"),
    [
        (0, "psnr", 1),
        (6, "psnr", 1),
        (7, "psnr", 3),
        (9, "psnr", 3),
        (0, "look", 4),
        (6, None, 4),
        (7, None, 5),
        (9, "look", 5),
    ],
)
def test_photographs_have_wider_networks_from_effort_7_on(
    effort: int, tune: str | None, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "REFINEMENTS", (1,) * 10)
    assert prior_of(encode(PHOTOGRAPH, Settings(effort=effort, tune=tune, threads=1, device="cpu"))) == number


def test_wider_networks_take_more_arithmetic() -> None:
    assert [prior.load(number).macs for number in (2, 1, 4, 3, 5)] == [8048, 16096, 16096, 33643, 33643]
    assert {*plan.PRIORS, *plan.WIDER_PRIORS, *plan.LOOK_PRIORS, *plan.WIDER_LOOK_PRIORS} == set(prior.known_ids())
