"""Pictures of 16 bits where 8 are all there is room for: black to black, white to white, the nearest in between."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tiny import inr

import inr_core
import pillow_inr  # noqa: F401 (registers the format)
from pillow_inr.bench import pictures
from pillow_inr.modes import in_8_bits

GREY = (np.arange(64 * 48, dtype=np.uint16) * 20 + 3000).reshape(48, 64)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("deep") / "grey.inr"
    Image.fromarray(GREY).save(path, effort=0)
    return path


def rounded(samples: NDArray[Any]) -> NDArray[Any]:
    return np.rint(samples.astype(np.float64) / 257).astype(np.uint8)


def test_every_kind_of_deep_grey() -> None:
    values = np.array([[0, 128, 129, 32_767, 32_896, 65_406, 65_407, 65_535]], np.uint16)
    wanted = [[0, 0, 1, 127, 128, 254, 255, 255]]
    for mode, order in (("I;16", "<u2"), ("I;16L", "<u2"), ("I;16B", ">u2")):
        im = in_8_bits(Image.frombytes(mode, (8, 1), values.astype(order).tobytes()))
        assert (im.mode, np.asarray(im).tolist()) == ("L", wanted)
    assert np.asarray(in_8_bits(Image.fromarray(values.astype(np.int32)))).tolist() == wanted
    beyond = Image.fromarray(np.array([[-5, 70_000, 257]], np.int32))
    assert np.asarray(in_8_bits(beyond)).tolist() == [[0, 255, 1]]
    floats = Image.fromarray(np.array([[-1.5, 0.0, 1.5, np.nan, np.inf]], np.float32))
    assert np.asarray(in_8_bits(floats)).tolist() == [[0, 128, 255, 128, 128]]
    assert np.asarray(in_8_bits(Image.new("F", (2, 1), 7.0))).tolist() == [[0, 0]]
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"):
        im = Image.new(mode, (2, 2))
        assert in_8_bits(im) is im


def test_a_transparent_grey_stays_alone() -> None:
    im = Image.fromarray(np.array([[25_700, 25_701, 0]], np.uint16))
    im.info |= {"transparency": 25_700, "dpi": (72, 72)}
    eight = in_8_bits(im)
    assert (eight.mode, eight.info) == ("LA", {"dpi": (72, 72)})
    assert np.asarray(eight).tolist() == [[[100, 0], [100, 255], [0, 255]]]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "YCbCr", "CMYK", "1", "P"])
def test_an_opened_file_converts_without_clipping(deep: Path, mode: str) -> None:
    grey = Image.fromarray(rounded(inr_core.decode(deep.read_bytes())))
    with Image.open(deep) as im:
        assert im.mode == "I;16"
        converted = im.convert(mode)
        assert converted.mode == mode
        assert converted.tobytes() == grey.convert(mode).tobytes()
        assert im.mode == "I;16"
    for wide in ("I;16", "I", "F"):
        with Image.open(deep) as im:
            assert np.array_equal(np.asarray(im.convert(wide)), np.asarray(im))


def test_what_is_made_of_an_opened_file_converts_like_it(deep: Path) -> None:
    with Image.open(deep) as im:
        grey = im.convert("L")
        assert np.asarray(im.crop((2, 1, 20, 9)).convert("L")).tolist() == np.asarray(grey)[1:9, 2:20].tolist()
        assert im.copy().rotate(90, expand=True).convert("L").tobytes() == grey.rotate(90, expand=True).tobytes()
        assert type(im.convert("L").copy()) is Image.Image


@pytest.mark.parametrize("kind", ["webp", "avif", "gif", "jpg", "bmp", "tga", "pcx", "sgi", "dds", "pdf", "mpo", "dib"])
def test_decode_to_formats_of_8_bits(deep: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / f"a.{kind}"
    mode = "RGB" if kind == "webp" else "L"
    note = (
        f"inr: {deep}: {Image.registered_extensions()[target.suffix]} does not hold mode I;16; written as mode {mode}"
    )
    code, _, err = inr("decode", deep, "-o", target)
    assert (code, err) == (0, f"{note}, of 8 bits\n")
    if kind == "pdf":
        return  # Pillow does not read it
    with Image.open(target) as im:
        got, wanted = np.asarray(im.convert("L"), int), rounded(inr_core.decode(deep.read_bytes())).astype(int)
    largest = 12 if kind in ("webp", "avif", "jpg", "mpo") else 0
    assert np.abs(got - wanted).max() <= largest


@pytest.mark.parametrize("kind", ["png", "tif", "jp2", "ppm"])
def test_decode_to_formats_of_16_bits(deep: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / f"a.{kind}"
    assert inr("decode", "-q", deep, "-o", target) == (0, "", "")
    with Image.open(target) as im:
        assert np.array_equal(np.asarray(im), inr_core.decode(deep.read_bytes()))


def test_a_part_of_16_bits_to_8(deep: Path, tmp_path: Path) -> None:
    options = "--region", "8,8,40,32", "--size", "16x12"
    assert inr("decode", "-q", deep, *options, "-o", tmp_path / "a.bmp")[:2] == (0, "")
    part = inr_core.decode(deep.read_bytes(), region=(8, 8, 40, 32), size=(16, 12))
    with Image.open(tmp_path / "a.bmp") as im:
        assert np.array_equal(np.asarray(im), rounded(part))


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("kind", ["png", "tga", "webp"])
def test_deep_colour_and_alpha_to_8_bits(tmp_path: Path, channels: int, kind: str) -> None:
    y, x = np.mgrid[:16, :24].astype(np.uint16)
    colour = np.stack([2700 * x, 4000 * y, 65_535 - 2700 * x, 65_535 - 4000 * y], 2)[..., :channels].copy()
    path = tmp_path / "a.inr"
    path.write_bytes(inr_core.encode(colour, inr_core.Settings(effort=0)))
    code, _, err = inr("decode", path, "--format", kind)
    mode = {2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    assert code == 0
    assert err.startswith(f"inr: {path}: 16 bits a sample become 8: Pillow has no mode {mode} of more\n")
    wanted = Image.fromarray(rounded(inr_core.decode(path.read_bytes())))
    with Image.open(path.with_suffix(f".{kind}")) as im:
        error = np.asarray(im.convert(wanted.mode), int) - np.asarray(wanted, int)
        assert np.abs(error).mean() < (12 if kind == "webp" else 1e-9)


def test_a_thumbnail_is_of_8_bits(deep: Path, tmp_path: Path) -> None:
    assert inr("thumbnail", "-q", deep, tmp_path / "a.png", "--size", "16") == (0, "", "")
    with Image.open(tmp_path / "a.png") as im:
        assert (im.mode, im.size) == ("L", (16, 12))
        wanted = rounded(GREY.reshape(12, 4, 16, 4).mean((1, 3)))
        assert np.abs(np.asarray(im, int) - wanted).max() < 12


def test_the_viewer_shows_16_bits(deep: Path, tmp_path: Path) -> None:
    pytest.importorskip("tkinter")
    from pillow_inr.command.sources import Source
    from pillow_inr.command.view import Viewer

    png = tmp_path / "a.png"
    Image.fromarray(GREY).save(png)
    viewer = object.__new__(Viewer)  # without a window
    for path, wanted in ((deep, inr_core.decode(deep.read_bytes())), (png, GREY)):
        viewer.load(Source(path))
        assert viewer.picture is not None
        assert np.array_equal(np.asarray(viewer.picture)[..., 0], rounded(wanted))


def test_bench_measures_16_bits() -> None:
    deep = Image.fromarray(GREY)
    assert np.array_equal(pictures.samples(deep)[..., 1], rounded(GREY))
    assert pictures.picture_psnr(deep, Image.fromarray(GREY + 10)) == pytest.approx(20 * np.log10(65_535 / 10))


def test_saving_an_opened_file_with_pillow(deep: Path) -> None:
    out = io.BytesIO()
    with Image.open(deep) as im:
        im.save(out, "WEBP", lossless=True)
    with Image.open(out) as im:
        assert np.array_equal(np.asarray(im)[..., 0], rounded(inr_core.decode(deep.read_bytes())))
