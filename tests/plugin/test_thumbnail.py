"""Smaller, larger and partial pictures: what is read of the file for them, and how near they are to the whole one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny
from numpy.typing import NDArray
from PIL import Image
from tiny import photograph
from watched import Reads

import inr_core
from inr_core import decode
from inr_core.decoder import Decoder
from inr_core.kernels import switch
from inr_core.kernels.siren import NumpySiren
from inr_core.latent.scaled import level_for
from inr_core.metrics import psnr

Pixels = NDArray[np.uint8]
Ints = NDArray[np.int64]
SAMPLES = Path(__file__).parents[2] / "sample_images"


@pytest.fixture(scope="module")
def data() -> bytes:
    out = io.BytesIO()
    photograph(720, 540).save(out, "INR", effort=0, quality=90)
    return out.getvalue()


@pytest.fixture(scope="module")
def whole(data: bytes) -> Pixels:
    return np.asarray(decode(data))


def reduced(whole: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(Image.fromarray(whole).resize(size, Image.Resampling.LANCZOS))


@pytest.mark.parametrize(("side", "share"), [(32, 0.1), (64, 0.2), (128, 0.5)])
def test_a_thumbnail_reads_little_and_looks_like_the_whole(data: bytes, whole: Pixels, side: int, share: float) -> None:
    fp = Reads(data)
    with Image.open(fp) as im:
        im.thumbnail((side, side), Image.Resampling.LANCZOS)
    assert im.size == (side, side * 3 // 4)
    assert fp.furthest <= share * len(data)
    assert psnr(reduced(whole, im.size), np.asarray(im)) > 38


def test_what_a_thumbnail_does_not_need_may_be_missing(data: bytes) -> None:
    fp = Reads(data)
    with Image.open(fp) as im:
        im.thumbnail((64, 64))
    with Image.open(io.BytesIO(data[: fp.furthest])) as cut:
        cut.thumbnail((64, 64))
        assert cut.tobytes() == im.tobytes()
    with (
        Image.open(io.BytesIO(data[: fp.furthest - 30])) as cut,
        pytest.raises(OSError, match=r"truncated: .* missing\)$"),
    ):
        cut.thumbnail((64, 64))


def test_draft_is_pillows(data: bytes, whole: Pixels) -> None:
    with Image.open(io.BytesIO(data)) as im:
        assert im.draft(None, (720, 540)) is None
        assert im.draft(None, (900, 30)) is None
        assert im.draft(None, None) is None
        assert im.draft("RGB", (200, 140)) == ("RGB", (0, 0, 200, 150))  # not smaller than asked for in either side
        assert im.size == (200, 150)
        assert im.draft(None, (100, 100)) is None  # once
        im.load()
        assert im.size == (200, 150)
        assert psnr(reduced(whole, im.size), np.asarray(im)) > 38
        assert im.draft(None, (50, 50)) is None  # loaded


def test_draft_at_any_scale(data: bytes, whole: Pixels) -> None:
    for size, expected in (
        ((719, 100), (719, 540)),
        ((400, 10), (400, 300)),
        ((10, 77), (103, 77)),
        ((1, 1), (2, 1)),
    ):
        with Image.open(io.BytesIO(data)) as im:
            assert im.draft(None, size) == ("RGB", (0, 0, *expected))
            im.load()
        assert im.size == expected
        assert psnr(reduced(whole, expected), np.asarray(im)) > 36


def test_grey_of_colour(data: bytes, whole: Pixels) -> None:
    grey = Image.fromarray(whole).convert("L")
    with Image.open(io.BytesIO(data)) as im:
        assert im.draft("L", None) == ("L", (0, 0, 720, 540))
        assert im.mode == "L"
        assert psnr(np.asarray(grey), np.asarray(im)) > 38
    with Image.open(io.BytesIO(data)) as im:
        assert im.draft("L", (120, 90)) == ("L", (0, 0, 120, 90))
        expected = np.asarray(grey.resize((120, 90), Image.Resampling.LANCZOS))
        assert psnr(expected, np.asarray(im)) > 38
    with Image.open(io.BytesIO(data)) as im:
        assert im.draft("YCbCr", None) is None
        assert im.draft("1", (720, 540)) is None


def test_reducing_gap(data: bytes, whole: Pixels) -> None:
    with Image.open(io.BytesIO(data)) as im:
        im.thumbnail((200, 200), Image.Resampling.LANCZOS, reducing_gap=None)  # from all pixels
        assert np.array_equal(np.asarray(im), reduced(whole, (200, 150)))
    for gap in (1.0, 1.5, 3.0, 50.0):
        with Image.open(io.BytesIO(data)) as im:
            im.thumbnail((200, 200), Image.Resampling.LANCZOS, reducing_gap=gap)
            assert im.size == (200, 150)
            assert psnr(reduced(whole, im.size), np.asarray(im)) > 38


@pytest.mark.parametrize("model", ["latent", "siren"])
@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (17, 13)])
def test_odd_sizes(model: str, size: tuple[int, int]) -> None:
    out = io.BytesIO()
    photograph(*size).save(out, "INR", effort=0, model=model, **({"width": 8, "depth": 2} if model == "siren" else {}))
    for side in (1, 5, 16, 300):
        with Image.open(out) as im, Image.open(out) as full:
            im.thumbnail((side, side))
            expected = full.convert("RGB")
            expected.thumbnail((side, side))
            assert im.size == expected.size
            assert psnr(np.asarray(expected), np.asarray(im)) > 25


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_every_mode_of_the_latent_model(mode: str) -> None:
    out = io.BytesIO()
    picture = photograph(300, 200)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture)[..., 0].astype(np.uint16) * 257)
    else:
        picture = picture.convert(mode)
    picture.save(out, "INR", effort=0)
    with Image.open(out) as im, Image.open(out) as full:
        assert im.draft(None, (60, 40)) == (mode, (0, 0, 60, 40))
        im.load()
        assert (im.mode, im.size) == (mode, (60, 40))
        small = np.asarray(im).astype(np.float64)
        whole = np.asarray(full).astype(np.float64).reshape(40, 5, 60, 5, -1).mean((1, 3)).reshape(small.shape)
        assert np.sqrt(np.mean((small - whole) ** 2)) < (2000 if mode == "I;16" else 8)


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "YCbCr", "LAB", "RGB", "I;16"])
def test_every_mode_of_the_siren(mode: str) -> None:
    data = tiny.encoded(tiny.picture(mode))
    with Image.open(io.BytesIO(data)) as im:
        assert im.draft(None, (12, 8)) == (mode, (0, 0, 12, 8))
        im.load()
        expected = decode(data, size=(12, 8))  # all of its pixels are sampled at this size
        again = np.asarray(im.convert("L") if mode == "1" else im)
        again = again ^ np.array([0, 128, 128], np.uint8) if mode == "LAB" else again
        assert np.array_equal(again, expected)


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many samples of a siren each evaluation has."""
    counts: list[int] = []
    before = NumpySiren.samples

    def counted(self: NumpySiren, x: Ints, y: Ints) -> Ints:
        counts.append(len(x) * len(y))
        return before(self, x, y)

    monkeypatch.setattr(NumpySiren, "samples", counted)
    with switch.using("numpy"):
        yield counts


def test_a_siren_is_evaluated_where_it_is_needed_only(samples: list[int]) -> None:
    data = tiny.encoded(photograph(240, 160))
    with Image.open(io.BytesIO(data)) as im:
        im.thumbnail((12, 12))
        assert im.size == (12, 8)
    assert sum(samples) == 4 * 24 * 16  # two by two for each pixel of twice the thumbnail


@pytest.mark.parametrize("side", [239, 238, 200, 161, 160, 159, 121, 120, 119, 81, 79, 61, 3])
def test_a_siren_is_never_evaluated_more_than_once_a_pixel_for_a_draft(side: int, samples: list[int]) -> None:
    data = tiny.encoded(photograph(240, 160))
    with Image.open(io.BytesIO(data)) as im:
        im.draft("RGB", (side, 1))
        im.load()
        once = im.width * im.height
    assert once <= sum(samples) <= min(240 * 160, 4 * once)


@pytest.mark.parametrize(("size", "most"), [((239, 159), 239 * 159), ((100, 50), 200 * 150), ((240, 159), 240 * 159)])
def test_a_smaller_size_stays_within_the_work_of_the_picture(
    size: tuple[int, int], most: int, samples: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny.encoded(photograph(240, 160))
    macs = inr_core.read_head(io.BytesIO(data)).header.macs
    monkeypatch.setattr("inr_core.siren.render.MAX_WORK", 240 * 160 * macs)
    decode(data, size=size, threads=1)
    assert sum(samples) == most
    samples.clear()
    monkeypatch.setattr("inr_core.siren.render.MAX_WORK", 4 * 240 * 160 * macs)
    decode(data, size=size, threads=1)
    assert sum(samples) > 240 * 160, "where there is room, one for each pixel at least"


def test_the_coarsest_grid_that_suffices() -> None:
    box = (0, 0, 4000, 3000)
    assert [level_for(box, size, 9) for size in ((4000, 3000), (1334, 1000), (1333, 1000), (256, 192), (1, 1))] == [
        *(0, 0, 1, 3, 9)
    ]
    assert level_for((0, 0, 4000, 10), (256, 5), 9) == 0  # both sides count


# Regions, and between the pixels


def test_a_region_is_a_crop_of_the_whole(data: bytes, whole: Pixels) -> None:
    for x0, y0, x1, y1 in ((0, 0, 1, 1), (719, 539, 720, 540), (301, 207, 555, 208)):
        assert np.array_equal(decode(data, region=(x0, y0, x1, y1)), whole[y0:y1, x0:x1])


def test_zooming_continues_the_picture() -> None:
    """Half the size and back: nearer to the original than what Pillow's filters make of it."""
    with Image.open(SAMPLES / "coffee.webp") as im:
        original = im.convert("RGB").crop((100, 50, 500, 350))
    half = original.reduce(2)
    data = inr_core.encode(np.asarray(half), inr_core.Settings(effort=0, quality=95))
    whole = Image.fromarray(decode(data))
    zoomed = decode(data, size=(400, 300))
    bicubic = np.asarray(whole.resize((400, 300), Image.Resampling.BICUBIC))
    assert psnr(np.asarray(original), zoomed) > psnr(np.asarray(original), bicubic) + 0.3
    assert psnr(np.asarray(whole), np.asarray(Image.fromarray(zoomed).reduce(2))) > 38  # and in its place


def test_a_zoomed_region_is_a_part_of_the_zoomed_picture(data: bytes) -> None:
    zoomed = decode(data, size=(1440, 1080))
    part = decode(data, region=(401, 203, 461, 243), size=(120, 80))
    assert np.array_equal(part[6:-6, 6:-6], zoomed[412:480, 808:916])
    steps = np.abs(np.diff(decode(data, region=(400, 200, 440, 230), size=(640, 480)).astype(int), axis=1)).max()
    assert steps < 24  # 16 times larger, and no step of the pixels shows


def test_a_decoder_of_a_file_needs_it_at_the_pixels(data: bytes, whole: Pixels) -> None:
    fp = io.BytesIO(data)
    head = inr_core.read_head(fp)
    fp.seek(head.payload_offset)
    assert np.array_equal(Decoder.of_file(fp, head).decode(), whole)
    fp.seek(head.payload_offset)
    small = Decoder.of_file(fp, head, (120, 90)).decode((120, 90))
    assert psnr(reduced(whole, (120, 90)), small) > 38
