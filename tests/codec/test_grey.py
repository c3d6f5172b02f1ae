"""Colour pictures without colours: one channel stands for red, green and blue, and they come back the same."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from small_fits import scene

import pillow_inr  # noqa: F401
from inr_core import Metadata, Settings, decode, encode, read_head
from inr_core.save.job import Request
from inr_core.save.latent import LatentJob

QUICK: dict[str, dict[str, Any]] = {
    "latent": {"model": "latent", "effort": 0},
    "exact": {"model": "exact", "effort": 1},
    "siren": {"model": "siren", "width": 8, "depth": 3, "steps": 5, "device": "cpu"},
}
SIDES = 60, 44


def grey(channels: int, deep: bool = False) -> NDArray[Any]:
    """(H, W, 1 or 2): a slope with a disc, and an alpha that is soft."""
    x, y = np.meshgrid(np.arange(SIDES[0]), np.arange(SIDES[1]))
    disc = (x - 20) ** 2 + (y - 20) ** 2 < 150
    values = np.stack([np.where(disc, 220, 3 * x + y), 255 - 4 * y], 2)[..., :channels]
    return (values * 257).astype(np.uint16) if deep else values.astype(np.uint8)


def colour(pixels: NDArray[Any]) -> NDArray[Any]:
    """The same as (H, W, 3 or 4)."""
    return pixels[..., [0, 0, 0, 1][: pixels.shape[2] + 2]]


def save(pixels: NDArray[Any], mode: str, model: str) -> bytes:
    return encode(pixels, Settings(threads=1, **QUICK[model]), mode=mode)


@pytest.fixture(params=QUICK)
def model(request: pytest.FixtureRequest) -> str:
    if request.param == "siren":
        pytest.importorskip("torch")
    return str(request.param)


@pytest.fixture(params=[1, 2])
def pair(request: pytest.FixtureRequest, model: str) -> tuple[bytes, bytes, int]:
    """Files of the same picture as L or LA and as RGB or RGBA, and its channels."""
    channels = request.param
    mode = "L" if channels == 1 else "LA", "RGB" if channels == 1 else "RGBA"
    return save(grey(channels), mode[0], model), save(colour(grey(channels)), mode[1], model), channels


def test_files_differ_from_grey_ones_by_their_mode_only(pair: tuple[bytes, bytes, int]) -> None:
    alone, together, channels = pair
    assert [k for k in range(len(alone)) if alone[k] != together[k]][:1] == [21]  # the mode, then the header's CRC
    assert (len(alone), alone[38:]) == (len(together), together[38:])
    expected = decode(alone).reshape(*SIDES[::-1], channels)
    assert (decode(together) == colour(expected)).all()
    head = read_head(io.BytesIO(together)).header
    assert (head.mode, head.channels, head.grey) == ("RGB" if channels == 1 else "RGBA", channels, True)


def test_their_pixels_are_in_one_piece(pair: tuple[bytes, bytes, int]) -> None:
    for options in ({}, {"size": (15, 11)}, {"region": (3, 5, 41, 40)}):
        assert decode(pair[1], **options).flags.c_contiguous


def test_a_file_may_be_grey_of_a_picture_that_is_not_quite() -> None:
    pixels = colour(grey(1))
    pixels[0, 0, 1] ^= 1
    job = LatentJob(Request(pixels, "RGB", None, Metadata(), Settings(**QUICK["latent"]), None))
    exact = save(colour(grey(1)), "RGB", "exact")
    assert job.raster.channels == 3
    assert job.psnr_of_file(exact) == pytest.approx(10 * np.log10(255**2 * pixels.size))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("deep", [False, True])
def test_nothing_of_them_is_lost(channels: int, deep: bool) -> None:
    pixels = colour(grey(channels, deep))
    data = encode(pixels, Settings(lossless=True))
    assert (decode(data) == pixels).all()
    assert read_head(io.BytesIO(data)).header.channels == channels


@pytest.mark.parametrize("model", ["latent", "exact"])
@pytest.mark.parametrize("where", [(0, 0), (SIDES[1] - 1, SIDES[0] - 1)])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_sample_that_differs_is_a_colour(model: str, where: tuple[int, int], channel: int) -> None:
    pixels = colour(grey(1))
    pixels[*where, channel] ^= 1
    assert read_head(io.BytesIO(save(pixels, "RGB", model))).header.channels == 3


def test_colours_that_nobody_sees_are_colours() -> None:
    pixels = colour(grey(2))
    pixels[5, 5] = 1, 2, 3, 0
    data = encode(pixels, Settings(lossless=True))
    assert (decode(data) == pixels).all()


def test_regions_and_other_sizes_are_those_of_grey_files(pair: tuple[bytes, bytes, int]) -> None:
    alone, together, channels = pair
    for options in ({"size": (15, 11)}, {"size": (100, 90)}, {"region": (3, 5, 41, 40)}):
        expected = decode(alone, **options)
        got = decode(together, **options)
        assert (got == colour(expected.reshape(*expected.shape[:2], channels))).all()


@pytest.mark.parametrize("model", ["latent", "exact"])
def test_pillow_opens_them_in_their_mode(model: str) -> None:
    pixels = colour(grey(1))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "INR", **QUICK[model])
    with Image.open(file) as im:
        assert (im.mode, im.size) == ("RGB", SIDES)
        assert (np.asarray(im) == decode(file.getvalue())).all()
    with Image.open(file) as im:
        im.draft("L", SIDES)
        assert im.mode == "L"
        assert (np.asarray(im) == decode(file.getvalue())[..., 0]).all()


def test_a_photograph_without_colours_gets_none() -> None:
    pixels = scene(64, 80)[..., [1, 1, 1]]
    decoded = decode(encode(pixels, Settings(quality=5, effort=0, model="latent")))
    assert (decoded == decoded[..., :1]).all()


def test_a_target_counts_as_it_does_for_grey_pictures() -> None:
    settings = Settings(target_psnr=38.0, effort=0, threads=1, model="latent")
    alone, together = encode(grey(1), settings, mode="L"), encode(colour(grey(1)), settings, mode="RGB")
    assert alone[38:] == together[38:]
