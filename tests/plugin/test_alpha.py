"""Transparency at other sizes: what nobody can see never tints what is beside it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tiny import inr

import inr_core
from inr_core import Settings, decode, encode
from inr_core.save.unseen import with_colours_continued

COLOUR = (250, 130, 40)
Pixels = NDArray[Any]


def rings(side: int = 192, under: Any = 0, faint: int = 0) -> Pixels:
    """Rings of one colour with soft edges, RGBA; `under`: the colours where they are not, whose alpha is `faint`."""
    mask = Image.new("L", (4 * side, 4 * side))
    draw = ImageDraw.Draw(mask)
    for k in range(1, 5):
        draw.ellipse([k * side // 3, k * side // 4, 4 * side - k * side // 3, 3 * side], outline=255, width=side // 6)
    alpha = np.asarray(mask.resize((side, side), Image.Resampling.BOX))
    colours = np.where(alpha[..., None] > 0, np.array(COLOUR), under)
    return np.dstack([colours, np.maximum(alpha, faint)]).astype(np.uint8)


def error(pixels: Pixels, colour: tuple[int, ...] = COLOUR, least: int = 40) -> int:
    """How far the colour of a visible pixel is from what it should be, at most."""
    seen = pixels[..., -1] >= least
    assert seen.any()
    return int(np.abs(pixels[seen][:, :-1].astype(int) - colour).max())


@pytest.fixture(scope="module")
def data() -> bytes:
    return encode(rings(), Settings(effort=0, model="latent"))


@pytest.mark.parametrize("under", [0, 255])
@pytest.mark.parametrize("effort", [0, 1])
def test_a_colour_stays_itself_at_every_size(under: int, effort: int) -> None:
    data = encode(rings(96, under), Settings(effort=effort, model="latent"))
    for size in ((7, 9), (16, 16), (31, 12), (96, 95), (96, 96), (120, 200)):
        assert error(decode(data, size=size)) <= 4, size
    for size in ((9, 7), (40, 30), (90, 100)):
        assert error(decode(data, size=size, region=(5, 3, 70, 91))) <= 4, size


def test_deep_colours_stay_themselves() -> None:
    deep = rings(96).astype(np.uint16) * 257
    for channels, colour in ((slice(0, 4), tuple(257 * c for c in COLOUR)), (slice(2, 4), (257 * COLOUR[2],))):
        data = encode(deep[..., channels].copy(), Settings(effort=0, model="latent"))
        for size in ((9, 9), (40, 33), (96, 50), (160, 170)):
            assert error(decode(data, size=size), colour, 10_000) <= 4 * 257


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("side", [12, 30, 150])
@pytest.mark.parametrize("model", ["latent", "exact"])
def test_thumbnails_have_no_rim(tmp_path: Path, mode: str, side: int, model: str) -> None:
    picture = Image.fromarray(rings())
    colour: tuple[int, ...] = COLOUR
    if mode == "LA":
        picture, colour = picture.convert("LA"), (picture.convert("L").getextrema()[1],)  # type: ignore[assignment]
    if mode == "P":
        indices = Image.fromarray((np.asarray(picture)[..., 3] // 64).astype(np.uint8))
        picture = Image.frombytes("P", picture.size, indices.tobytes())
        picture.putpalette([0, 0, 0, *COLOUR, *COLOUR, *COLOUR, 125, 65, 20, 60, 30, 10])  # the last two are not used
        picture.info["transparency"] = b"\0\x50\xa0\xff\xff\xb0"
    path = tmp_path / "a.inr"
    picture.save(path, effort=0, model=model)
    for gap in (None, 1.0, 2.0):
        with Image.open(path) as im:
            im.thumbnail((side, side), reducing_gap=gap)
            small = np.asarray(im.convert("RGBA") if mode == "P" else im)
        assert max(small.shape[:2]) == side
        assert error(small, colour) <= 12  # Pillow's own rounding of faint colours is in it
    assert inr("thumbnail", "-q", path, tmp_path / "a.png", "--size", side) == (0, "", "")
    assert inr("decode", "-q", path, "--size", f"{side}x{side}", "-o", tmp_path / "b.png") == (0, "", "")
    for name in ("a.png", "b.png"):
        with Image.open(tmp_path / name) as im:
            assert error(np.asarray(im.convert("RGBA" if mode == "P" else mode)), colour) <= 12


def test_a_thumbnail_reads_a_part_and_is_like_one_of_all() -> None:
    picture = rings(320)
    noise = np.random.default_rng(3).normal(0, 6, (320, 320, 1))
    picture[..., :3] = (picture[..., :3] + noise).clip(0, 255).astype(np.uint8)
    data = encode(picture, Settings(effort=0, model="latent", quality=95))
    with Image.open(io.BytesIO(data)) as whole:
        reduced = np.asarray(whole.resize((20, 20), Image.Resampling.LANCZOS)).astype(int)
    with Image.open(io.BytesIO(data[: len(data) // 2])) as im:
        im.thumbnail((20, 20), Image.Resampling.LANCZOS)
        small = np.asarray(im).astype(int)
    assert np.abs(small[..., 3] - reduced[..., 3]).mean() < 4
    assert error(small, least=120) <= 15


def test_faint_colours_count_little() -> None:
    """Black of an alpha of 3 is not clear, but no rim either."""
    data = encode(rings(faint=3), Settings(effort=0, model="latent", quality=90))
    for side in (24, 48, 130):
        small = decode(data, size=(side, side))
        red = small[small[..., 3] > 128, 0].astype(int)
        assert np.abs(red - COLOUR[0]).mean() < 10


def test_what_is_under_clear_pixels_costs_nothing() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3))
    files = {
        encode(rings(64, under), Settings(effort=effort, model="latent"))
        for under in (0, 255, noise)
        for effort in (0, 0)
    }
    assert len(files) == 1


def test_opaque_pictures_are_what_they_were() -> None:
    """An alpha of 255 changes no colour, at no size."""
    rgb = np.random.default_rng(1).integers(0, 256, (12, 10, 3), np.uint8).repeat(6, 0).repeat(6, 1)
    rgba = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    plain, opaque = (encode(picture, Settings(effort=0, model="latent")) for picture in (rgb, rgba))
    for size, region in (((9, 11), None), ((60, 72), None), ((33, 80), (1, 2, 50, 40)), ((130, 150), None)):
        got = decode(opaque, size=size, region=region)
        assert np.array_equal(got[..., :3], decode(plain, size=size, region=region))
        assert (got[..., 3] == 255).all()
    thumbnails = []
    for data in (plain, opaque):
        with Image.open(io.BytesIO(data)) as im:
            im.thumbnail((12, 12), reducing_gap=1.0)
            thumbnails.append(im.convert("RGB").tobytes())
    assert thumbnails[0] == thumbnails[1]


def test_where_nothing_can_be_seen_colours_stay() -> None:
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[..., :3] = 200, 90, 10
    for size in ((5, 5), (64, 64), (100, 100)):
        got = decode(encode(picture, Settings(effort=0, model="latent")), size=size)
        assert (got[..., 3] == 0).all()
        assert (np.abs(got[..., :3].astype(int) - [200, 90, 10]) <= 2).all()
    picture[:8, :8] = 200, 90, 10, 255  # in a corner something can
    got = decode(encode(picture, Settings(effort=0, model="latent")), size=(8, 8))
    assert got[0, 0, 3] > 200
    assert (np.abs(got[..., :3].astype(int) - [200, 90, 10]) <= 3).all()


def test_a_siren_has_no_rim() -> None:
    """A smaller pixel is the mean of what can be seen of those it stands for."""
    data = encode(rings(48), Settings.from_options({"model": "siren", **tiny.OPTIONS, "steps": 150}))
    whole = decode(data).astype(float)
    for side in (6, 12, 24):
        n = 48 // side
        parts = whole.reshape(side, n, side, n, 4).swapaxes(1, 2).reshape(side, side, n * n, 4)
        alpha = parts[..., 3:].sum(2)
        colours = (parts[..., :3] * parts[..., 3:]).sum(2) / np.maximum(alpha, 1)
        seen = alpha[..., 0] > n * n
        assert seen.any()
        assert np.abs(decode(data, size=(side, side))[..., :3] - colours)[seen].max() <= 0.5


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (6, 1), (13, 10), (64, 64)])
def test_continued_colours(kind: type[np.generic], size: tuple[int, int]) -> None:
    rng, peak = np.random.default_rng(2), np.iinfo(kind).max  # type: ignore[type-var]
    samples = rng.integers(0, peak + 1, (*size, 4)).astype(kind)
    assert with_colours_continued(samples[..., :3]) is not None
    samples[..., 3] = peak
    assert with_colours_continued(samples) is samples
    samples[..., 3] = 0
    assert with_colours_continued(samples) is samples
    samples[0, 0] = 5, 6, 7, 1
    new = with_colours_continued(samples)
    assert new.dtype == kind
    assert (new[..., :3] == [5, 6, 7]).all()
    assert np.array_equal(new[..., 3], samples[..., 3])
    samples[-1, -1, 3] = peak  # what can be seen stays, the rest lies between
    samples[-1, -1, :3] = 5, 66, 77
    new = with_colours_continued(samples)
    seen = samples[..., 3] > 0
    assert np.array_equal(new[seen], samples[seen])
    assert (new[..., 0] == 5).all()
    assert new[..., 1].min() >= 6
    assert new[..., 1].max() <= 66


def test_a_parser_and_the_core_agree(data: bytes) -> None:
    from PIL import ImageFile

    parser = ImageFile.Parser()
    parser.feed(data)
    im = parser.close()
    assert np.array_equal(np.asarray(im), decode(data))
    assert error(np.asarray(im.resize((20, 20)))) <= 9
    assert inr_core.read_head(io.BytesIO(data)).header.alpha
