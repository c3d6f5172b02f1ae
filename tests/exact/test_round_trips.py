"""Random small pictures of every mode come back from `lossless=True` as they were: through Pillow, and as arrays.

How many: a few hundred; by the slow tests, ten thousand of each.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import inr_core
from inr_core import Settings
from inr_core.kernels import switch
from pillow_inr import same

FEW, ROUND_TRIPS = 300, 10_000
BANDS = {"1": 1, "L": 1, "LA": 2, "P": 1, "RGB": 3, "RGBA": 4, "CMYK": 4, "YCbCr": 3, "LAB": 3, "I;16": 1}
EFFORTS = (0, 1, 5) if switch.compiled() else (0,)
KINDS = ("noise", "few", "flat", "slopes", "repeated", "ends")


def samples_of(kind: str, shape: tuple[int, int, int], top: int, seed: int) -> NDArray[np.int64]:
    """(H, W, bands) of 0 … top − 1."""
    rng = np.random.default_rng(seed)
    height, width, bands = shape
    y, x = np.mgrid[:height, :width]
    if kind == "noise":
        return rng.integers(0, top, shape)
    if kind == "few":
        colours = rng.integers(0, top, (int(rng.integers(1, 20)), bands))
        few: NDArray[np.int64] = colours[rng.integers(0, len(colours), (height, width))]
        return few
    if kind == "slopes":
        steps = rng.integers(-9, 10, (2, bands))
        slopes: NDArray[np.int64] = (
            y[..., None] * steps[0] + x[..., None] * steps[1] + rng.integers(0, 3, shape)
        ) % top
        return slopes
    if kind == "repeated":
        part = rng.integers(0, top, (int(rng.integers(1, 4)), int(rng.integers(1, 9)), bands))
        repeated: NDArray[np.int64] = part[y % part.shape[0], x % part.shape[1]]
        return repeated
    flat = np.full(shape, rng.integers(0, top, bands))
    others = rng.random((height, width)) < (0.03 if kind == "flat" else 0.6)
    flat[others] = rng.integers(0, top, bands) if kind == "flat" else rng.choice([0, top - 1], (others.sum(), bands))
    return flat


SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 70))
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def pictures(draw: st.DrawFn) -> Image.Image:
    mode = draw(st.sampled_from(sorted(BANDS)))
    height, width = draw(SHAPES)
    seed = draw(SEEDS)
    colours = draw(st.integers(1, 256)) if mode == "P" else 256
    top = 65_536 if mode == "I;16" else 2 if mode == "1" else colours
    samples = samples_of(draw(st.sampled_from(KINDS)), (height, width, BANDS[mode]), top, seed)
    if mode == "I;16":
        im = Image.fromarray(samples[..., 0].astype(np.uint16))
    elif mode == "1":
        im = Image.fromarray((samples[..., 0] * 255).astype(np.uint8)).convert("1")
    else:
        flat = samples.astype(np.uint8)
        im = Image.frombytes(mode, (width, height), flat.tobytes())
    if mode == "P":
        _with_palette(im, colours, draw, seed)
    elif mode in ("1", "L", "RGB", "I;16") and draw(st.booleans()):
        value = samples[height // 2, width // 2]
        im.info["transparency"] = (
            tuple(map(int, value)) if mode == "RGB" else int(value[0]) * (255 if mode == "1" else 1)
        )
    return im


def _with_palette(im: Image.Image, colours: int, draw: st.DrawFn, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mode = draw(st.sampled_from(["RGB", "RGBA"]))
    listed = draw(st.integers(1, 256))  # pixels may stand for more entries than there are
    entries = rng.integers(0, 256, (listed, len(mode))).astype(np.uint8)
    if draw(st.booleans()):
        entries[:] = entries[rng.integers(0, listed, listed)]  # some alike
    im.putpalette(entries.tobytes(), mode)
    clear: Any = draw(st.sampled_from(["none", "one", "all", "some"]))
    if clear == "one":
        im.info["transparency"] = draw(st.integers(0, 255))
    elif clear != "none":
        alphas = rng.integers(0, 256, draw(st.integers(1, listed if clear == "some" else 256)))
        im.info["transparency"] = alphas.astype(np.uint8).tobytes()


def check_picture(im: Image.Image, effort: int) -> None:
    out = io.BytesIO()
    im.copy().save(out, "INR", lossless=True, effort=effort, threads=1)
    with Image.open(out) as again:
        again.load()
        if "transparency" in im.info and im.mode != "P":
            with_alpha = {"RGB": "RGBA"}.get(im.mode, "LA")
            assert again.mode == with_alpha
            if im.mode != "I;16":
                assert again.tobytes() == im.convert(with_alpha).tobytes()
        else:
            assert (again.mode, again.size, again.tobytes()) == (im.mode, im.size, im.tobytes())
        if im.mode == "P":
            assert again.convert("RGBA").tobytes() == im.convert("RGBA").tobytes()
            before, after = im.getpalette("RGB") or [], again.getpalette("RGB") or []
            assert after[: len(before)] == before
    held = same.held_by_file(out.getvalue())
    assert same.differences(same.held_by_image(im), held) == []
    if im.mode == "I;16":
        assert (held.samples[..., 0] == np.asarray(im)).all()


@st.composite
def arrays(draw: st.DrawFn) -> NDArray[np.uint16]:
    channels, kind = draw(st.integers(1, 4)), draw(st.sampled_from(KINDS))
    top = draw(st.sampled_from([2, 17, 256, 300, 4096, 65_536]))
    samples = samples_of(kind, (*draw(SHAPES), channels), top, draw(SEEDS))
    shift = draw(st.integers(0, 65_536 - top))
    made = (samples + shift).astype(np.uint16)
    return made[..., 0] if channels == 1 else made


def check_array(pixels: NDArray[np.uint16], effort: int) -> None:
    decoded = inr_core.decode(inr_core.encode(pixels, Settings(lossless=True, effort=effort, threads=1)), threads=1)
    assert (decoded.dtype, decoded.shape) == (pixels.dtype, pixels.shape)
    assert (decoded == pixels).all()


def tried(strategy: st.SearchStrategy[Any], check: Callable[[Any, int], None], count: int) -> None:
    """Check so many of what a strategy draws, the same ones each time."""

    @settings(
        max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(strategy, st.sampled_from(EFFORTS))
    def run(drawn: Any, effort: int) -> None:
        check(drawn, effort)

    run()


@pytest.mark.parametrize("count", [FEW, pytest.param(ROUND_TRIPS, marks=pytest.mark.slow)])
def test_random_pictures_come_back(count: int) -> None:
    tried(pictures(), check_picture, count)


@pytest.mark.parametrize("count", [FEW, pytest.param(ROUND_TRIPS, marks=pytest.mark.slow)])
def test_random_arrays_of_16_bits_come_back(count: int) -> None:
    tried(arrays(), check_array, count)
