"""Planes that stand exactly beside lossy models: clear stays clear, opaque stays opaque, masks stay masks."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from inr_core import (
    Settings,
    TruncatedError,
    decode,
    describe,
    encode,
    psnr,
    read_head,
    verify,
)
from inr_core.container.chunks import Head

Pixels = NDArray[Any]
HEIGHT, WIDTH = 90, 120


def head_of(data: bytes) -> Head:
    return read_head(io.BytesIO(data))


def photograph(channels: int = 3, dtype: type = np.uint8) -> Pixels:
    """Slopes and noise, more colours than are listed."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    noise = np.random.default_rng(1).integers(0, 30, (HEIGHT, WIDTH, channels))
    values = np.stack([x + y, 2 * x, 2 * y][:channels], 2) * 200 // 240 + noise
    return (values * (257 if dtype == np.uint16 else 1)).astype(dtype)


def disc(blur: float = 0.0, top: int = 255) -> NDArray[np.uint8]:
    """A disc, soft at its edge, flat within and without."""
    large = Image.new("L", (4 * WIDTH, 4 * HEIGHT))
    ImageDraw.Draw(large).ellipse((80, 60, 380, 300), fill=top)
    return np.asarray(large.filter(ImageFilter.GaussianBlur(4 * blur)).resize((WIDTH, HEIGHT), Image.Resampling.BOX))


def lettering() -> NDArray[np.uint8]:
    im = Image.new("L", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(im)
    for k in range(8):
        draw.text((2, 11 * k), f"lettering, line {k * 7919}", fill=255, font=ImageFont.load_default(11))
    return np.asarray(im)


def with_alpha(alpha: Pixels, colours: int = 3, dtype: type = np.uint8) -> Pixels:
    factor = 257 if dtype == np.uint16 else 1
    return np.dstack([photograph(colours, dtype), alpha.astype(dtype) * factor])


def ends_are_kept(given: Pixels, made: Pixels) -> bool:
    """Whether what is at an end of the first is there in the second, and nothing else is."""
    return all(((given == end) == (made == end)).all() for end in (given.min(), given.max()))


NOISE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
SLOPE = np.tile(np.linspace(-40, 295, WIDTH).clip(0, 255).astype(np.uint8), (HEIGHT, 1))
FEW = {f"{n} values": (NOISE % n * (255 // max(n - 1, 1))).astype(np.uint8) for n in (1, 2, 3, 9, 16)}
ALPHAS = {
    **FEW,
    "cut-out": (disc() > 127) * np.uint8(255),
    "antialiased": disc(),
    "soft": disc(4),
    "half transparent": disc(4, 128),
    "slope": SLOPE,
    "lettering": lettering(),
    "noise": NOISE,
    "clear but for one": np.where(np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) == 999, 77, 0).astype(np.uint8),
}


@pytest.mark.parametrize(("colours", "dtype"), [(3, np.uint8), (1, np.uint16)])
@pytest.mark.parametrize("name", ALPHAS)
def test_clear_stays_clear_and_opaque_stays_opaque(name: str, colours: int, dtype: type) -> None:
    given = with_alpha(ALPHAS[name], colours, dtype)
    data = encode(given, Settings(effort=0, threads=1))
    made = decode(data)
    assert (made.dtype, made.shape) == (given.dtype, given.shape)
    assert ends_are_kept(given[..., -1], made[..., -1])
    if name in FEW or name == "cut-out":
        assert head_of(data).header.plane == "alpha"
        assert (made[..., -1] == given[..., -1]).all()
    elif name != "noise":
        assert psnr(made[..., -1].copy(), given[..., -1].copy()) > 38
    verify(io.BytesIO(data))
    shown = describe(data)
    assert shown.head.header.plane in ("alpha", "ends")
    assert {"ALPH", "ENDS"} & {kind for kind, _, _ in shown.chunks}


@pytest.mark.parametrize("quality", [0, 95])
@pytest.mark.parametrize("name", ["soft", "lettering"])
def test_whatever_the_quality(name: str, quality: float) -> None:
    given = with_alpha(ALPHAS[name])
    made = decode(encode(given, Settings(effort=0, threads=1, quality=quality)))
    assert ends_are_kept(given[..., -1], made[..., -1])


def test_cost_chooses_between_all_of_an_alpha_and_its_ends() -> None:
    chosen = {name: head_of(encode(with_alpha(ALPHAS[name]), Settings(effort=0))).header.plane for name in ALPHAS}
    assert {name for name, plane in chosen.items() if plane == "ends"} == {"soft", "half transparent", "noise"}


def test_what_has_no_ends_has_no_plane() -> None:
    inner = 40 + NOISE // 2
    for mode, given in (("LA", np.dstack([photograph(1), inner])), ("RGB", photograph()), ("L", photograph(1)[..., 0])):
        assert head_of(encode(given, Settings(effort=0), mode=mode)).header.plane == ""


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("top", [255, 130])
def test_a_soft_mask_of_grey_stays_one(dtype: type, top: int) -> None:
    given: Pixels = disc(4, top).astype(dtype) * (257 if dtype == np.uint16 else 1)
    data = encode(given, Settings(effort=0, threads=1))
    assert (head_of(data).header.model, head_of(data).header.plane) == ("latent", "ends")
    made = decode(data)
    assert ends_are_kept(given, made)
    assert Image.fromarray(made).getbbox() == Image.fromarray(given).getbbox()
    for size in ((60, 45), (24, 18)):  # and so do smaller ones, but for what is at its edge
        small = decode(data, size=size)
        assert small[0, 0] == 0
        assert small[size[1] // 2, size[0] // 2 - 2] == given.max()


def test_a_mask_that_is_mostly_soft_stays_one() -> None:
    given = np.asarray(Image.fromarray(disc(9)).point(lambda v: min(max(v * 9 // 8 - 9, 0), 255)))
    assert 0.1 < np.isin(given, (0, 255)).mean() < 0.5
    data = encode(given, Settings(effort=0, threads=1))
    assert head_of(data).header.plane == "ends"
    assert ends_are_kept(given, decode(data))


def test_a_photograph_of_grey_is_none() -> None:
    bright = np.clip(photograph(1)[..., 0].astype(int) * 2 - 120, 0, 255).astype(np.uint8)  # burnt out at both ends
    plain = encode(bright, Settings(effort=0, model="latent"))
    assert head_of(plain).header.plane == ""
    assert len(encode(bright, Settings(effort=0))) == len(plain)


def test_lettering_is_exact_where_that_is_smaller() -> None:
    """Grey of many values, which no list of few would take."""
    given = lettering()
    data = encode(given, Settings(effort=0))
    assert head_of(data).header.model == "exact"
    assert len(data) < len(encode(given, Settings(effort=0, model="latent")))
    assert head_of(encode(given, Settings(effort=0, target_size=len(data)))).header.model == "exact"
    assert head_of(encode(given, Settings(effort=0, target_psnr=45))).header.model == "exact"
    tight = encode(given, Settings(effort=0, target_size=len(data) // 2))
    other = encode(given, Settings(effort=0, target_size=len(data) // 2, model="latent"))
    assert psnr(given, decode(tight)) > psnr(given, decode(other))
    generous = encode(photograph(), Settings(effort=0, target_size=photograph().nbytes))
    assert head_of(generous).header.model == "exact", "the best picture of at most so many bytes"


def test_opaque_pictures_cost_next_to_nothing_more() -> None:
    photo = photograph()
    opaque = encode(with_alpha(np.full((HEIGHT, WIDTH), 255, np.uint8)), Settings(effort=0))
    assert len(opaque) < len(encode(photo, Settings(effort=0))) + 30


def test_a_target_size_comes_before_the_plane() -> None:
    given = with_alpha(NOISE // 128 * np.uint8(255))  # 1.4 kB that nothing can make smaller
    data = encode(given, Settings(effort=0, target_size=3000))
    assert (head_of(data).header.plane, len(data) <= 3000) == ("alpha", True)
    data = encode(given, Settings(effort=0, target_size=1400))
    assert (head_of(data).header.plane, len(data) <= 1400) == ("", True)
    data = encode(given, Settings(effort=0, target_psnr=30.0))
    assert ends_are_kept(given[..., -1], decode(data)[..., -1])


@pytest.mark.parametrize("effort", [1, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["cut-out", "soft"])
def test_refined_files_keep_them_too(name: str, effort: int) -> None:
    pytest.importorskip("torch")
    given = with_alpha(ALPHAS[name])
    data = encode(given, Settings(effort=effort, threads=1, seed=1))
    assert ends_are_kept(given[..., -1], decode(data)[..., -1])
    assert data == encode(given, Settings(effort=effort, threads=1, seed=1))


@pytest.mark.parametrize(("name", "plane"), [("cut-out", "alpha"), ("soft", "ends")])
def test_a_siren_keeps_them_too(name: str, plane: str) -> None:
    pytest.importorskip("torch")
    given = with_alpha(ALPHAS[name])
    data = encode(given, Settings(steps=20, width=10, depth=3, threads=1, device="cpu"))
    header = head_of(data).header
    assert (header.model, header.plane) == ("siren", plane)
    assert header.coded == (3 if plane == "alpha" else 4)
    made = decode(data)
    assert ends_are_kept(given[..., -1], made[..., -1])
    assert (decode(data, device="torch") == made).all()
    assert (decode(data, region=(7, 8, 60, 50)) == made[8:50, 7:60]).all()
    assert decode(data, size=(30, 20)).shape == (20, 30, 4)
    small = encode(given, Settings(steps=5, width=10, depth=3, threads=1, target_size=2500))
    assert len(small) <= 2500


@pytest.mark.parametrize("name", ["cut-out", "soft", "lettering"])
def test_regions_bands_and_sizes_are_of_one_picture(name: str) -> None:
    given = with_alpha(ALPHAS[name])
    data = encode(given, Settings(effort=0, threads=1))
    made = decode(data)
    assert (decode(data, region=(20, 10, 101, 77), threads=2) == made[10:77, 20:101]).all()
    assert (decode(data, device="torch") == made).all()
    double = decode(data, size=(2 * WIDTH, 2 * HEIGHT))[..., 3]
    half = decode(data, size=(WIDTH // 2, HEIGHT // 2))[..., 3]
    for alpha, factor in ((double, 2), (half, 0.5)):
        wanted = Image.fromarray(given[..., 3]).resize(alpha.shape[::-1], Image.Resampling.LANCZOS)
        assert np.abs(alpha.astype(float) - np.asarray(wanted)).mean() < 8, factor
        far = np.asarray(Image.fromarray(given[..., 3]).filter(ImageFilter.MaxFilter(9)).resize(alpha.shape[::-1])) == 0
        assert not alpha[far].any()


def test_what_is_beside_it_says_nothing_of_the_colours() -> None:
    """Smaller pictures of a cut-out have no rim: colours count by the exact alpha on every grid."""
    given = with_alpha(ALPHAS["cut-out"])
    given[..., :3] = np.where(given[..., 3:] > 0, 250, 0)
    data = encode(given, Settings(effort=0, model="latent"))
    for size in ((60, 45), (30, 23), (15, 11), (150, 110)):
        small = decode(data, size=size)
        assert small[small[..., 3] > 0][:, :3].min() > 235


def test_files_that_end_early() -> None:
    data = encode(with_alpha(disc(4)), Settings(effort=0, threads=1))
    (kind, start, size), (_, second, _) = describe(data).chunks[1:3]
    assert kind == "ENDS"
    with pytest.raises(TruncatedError, match=r"^pixel chunks: expected the plane of ends, got none of it$"):
        decode(data[: start + size], truncated=True)
    with pytest.raises(TruncatedError, match="expected the coarsest planes"):
        decode(data[:second], truncated=True)
    for length in range(second + 60, len(data), 200):
        made = decode(data[:length], truncated=True)
        assert ends_are_kept(disc(4), made[..., 3])
    with pytest.raises(TruncatedError):
        decode(data[:-1])


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
@pytest.mark.parametrize("quality", [5, 20, 75])
def test_what_is_between_the_ends_stays_there_in_any_part_of_16_bits(bits: int, quality: float) -> None:
    top = (1 << bits) - 1
    given = (disc(6).astype(np.uint32) * top // 255).astype(np.uint16)
    data = encode(given, Settings(effort=0, threads=1, quality=quality))
    assert head_of(data).header.plane == "ends"
    made = decode(data)
    assert ((made == 0) == (given == 0)).all()
    assert ((made == top) == (given == top)).all()
