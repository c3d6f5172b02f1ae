"""The mixing coder: compiled and plain Python agree to the bit; pixels come back; bad bytes are told."""

from __future__ import annotations

import random
from array import array
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from compiled import COMPILED
from PIL import Image, ImageDraw

from inr_core.kernels import mixing, switch
from inr_core.kernels.bitcoder import BitCoder
from inr_core.kernels.mixer import tables
from inr_core.kernels.room import Pixels

NEEDED = pytest.mark.skipif(switch.native is None, reason="no compiled kernels")


def pixels_of(samples: np.ndarray) -> Pixels:
    """Samples (h, w, planes) as the coder takes them."""
    planes = (samples[..., k].astype(np.uint64) << np.uint64(16 * k) for k in range(samples.shape[2]))
    pixels: Pixels = np.bitwise_or.reduce(list(planes), axis=0)
    return pixels


def screen(width: int = 90, height: int = 48) -> np.ndarray:
    """A window with text twice, a flat area and a gradient."""
    picture = Image.new("RGB", (width, height), (240, 240, 236))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width, 9), (40, 60, 120))
    for top in (11, 22):
        draw.text((6, top), "opens files", (20, 20, 20))
    for x in range(50, 80):
        draw.line((x, 36, x, 44), (2 * x, 250 - x, x))
    return np.asarray(picture)


def noise(height: int, width: int, planes: int, bits: int, seed: int, *, repeated: bool = False) -> np.ndarray:
    samples: np.ndarray = np.random.default_rng(seed).integers(0, 1 << bits, (height, width, planes))
    return np.tile(samples[:, :7], (1, -(-width // 7), 1))[:, :width] if repeated else samples


PICTURES = {
    "screen": (screen()[4:24, :44], 8),
    "screen in grey": (screen()[24:, 44:, :1], 8),
    "one pixel": (noise(1, 1, 3, 8, 1), 8),
    "a column": (noise(30, 1, 4, 16, 2), 16),
    "a row": (noise(1, 50, 2, 8, 3), 8),
    "bits": (noise(20, 50, 1, 1, 4), 1),
    "five bits": (noise(9, 30, 3, 5, 5, repeated=True), 5),
    "sixteen bits": (noise(5, 40, 1, 16, 6, repeated=True), 16),
    "four planes": (noise(7, 30, 4, 8, 7, repeated=True), 8),
    "flat": (np.full((6, 60, 3), 77), 8),
    "flat but for one": (np.where(np.arange(12 * 60).reshape(12, 60, 1) == 570, 255, 9), 8),
}


@NEEDED
@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("name", PICTURES)
def test_compiled_and_python_agree(name: str, asks: bool) -> None:
    samples, bits = PICTURES[name]
    pixels, planes = pixels_of(samples), samples.shape[2]
    size = *pixels.shape, planes, bits, asks
    made = mixing.write_pixels(pixels, planes, bits, asks)
    assert made is not None
    for level in switch.available():
        with switch.using(level):
            assert mixing.write_pixels(pixels, planes, bits, asks) == made, level
    with switch.using(switch.NUMPY):
        plainly = mixing.read_pixels(made, *size)
    compiled = mixing.read_pixels(made, *size)
    assert plainly is not None
    assert compiled is not None
    assert (plainly == pixels).all()
    assert (compiled == pixels).all()


def test_the_bytes_of_a_screen() -> None:
    """They are part of the format's promise: who changes them changes the format."""
    with switch.using(switch.NUMPY):
        data = mixing.write_pixels(pixels_of(screen()[6:36, :70]), 3, 8, True)
    assert data is not None
    assert (len(data), sha256(data).hexdigest()[:16]) == (400, "831db0a3bb4f4cd1")


@NEEDED
@pytest.mark.parametrize("asks", [True, False])
def test_any_bytes_give_pixels_or_are_told(asks: bool) -> None:
    samples, bits = PICTURES["screen"]
    pixels = pixels_of(samples)
    height, width = pixels.shape
    good = mixing.write_pixels(pixels, 3, bits, asks)
    assert good is not None
    rng, top = random.Random(1), sum(0xFF << 16 * k for k in range(3))
    for data in (b"", b"\0", good[:-5], good + b"\0" * 5, *(rng.randbytes(rng.randrange(3000)) for _ in range(60))):
        found = mixing.read_pixels(data, height, width, 3, bits, asks)
        assert found is None or not (found & ~np.uint64(top)).any()
    assert mixing.read_pixels(good[: len(good) // 2], height, width, 3, bits, asks) is None
    assert mixing.read_pixels(good + bytes(5), height, width, 3, bits, asks) is None


@pytest.mark.parametrize("backend", ["numpy", *COMPILED])
def test_what_no_data_are_left_for_is_not_read(backend: str) -> None:
    """Of a picture whose bytes end at once, the rows that follow stay empty: they would be refused anyway."""
    height, width = (30, 40) if backend == "numpy" else (16, 1 << 14)
    around, data = np.zeros((height + 3, width + 16), np.uint64), random.Random(2).randbytes(60)
    pixels = around[3:, 8:-8]
    with switch.using(backend):
        assert mixing.read_pixels(data, height, width, 4, 16, False) is None
        if backend == "numpy":
            coder = BitCoder(data)
            mixing.Mixing(coder, height, width, 4, 16, False).code(pixels)
            assert coder.starved
        else:
            found = switch.compiled()
            assert found is not None
            native, level = found
            given = around, data, bytearray(), bytearray()
            size = native.mix_pixels(level, height, width, 4, 16, False, *tables(), *given)
            assert size > len(data)
    assert pixels[0].any()
    assert not pixels[-1].any()


@NEEDED
def test_noise_that_takes_more_than_its_samples_is_not_written() -> None:
    pixels = pixels_of(noise(90, 60, 2, 8, 9))
    assert mixing.write_pixels(pixels, 2, 8, False) is None


@NEEDED
def test_sizes_that_do_not_belong_together() -> None:
    assert switch.native is not None
    pixels = np.zeros((4 + 3, 5 + 16), np.uint64)
    good: list[Any] = [0, 4, 5, 1, 8, True, *tables(), pixels, b"", bytearray(100), bytearray()]
    switch.native.mix_pixels(*good)
    for place, value in (
        (0, 9),
        (1, 5),
        (1, 0),
        (2, 65536),
        (3, 0),
        (3, 5),
        (4, 0),
        (4, 17),
        (6, good[7][:9]),
        (9, pixels[:6]),
        (12, bytearray(7)),
        (12, array("q", [-(2**63)])),
    ):
        with pytest.raises(ValueError, match="expected"):
            switch.native.mix_pixels(*good[:place], value, *good[place + 1 :])


def test_tables_are_far_from_any_doubt() -> None:
    """Another machine's logarithm may be off by its last digit: no value is so near to a half that it would matter."""
    logits, p = np.arange(-2047, 2048) / 256, (np.arange(4096) + 0.5) / 4096
    for exact in (65536 / (1 + np.exp(-logits)), 256 * np.log(p / (1 - p))):
        assert np.abs(exact % 1 - 0.5).min() > 5e-5
    assert [int(table.astype(np.int64).sum()) for table in tables()] == [134_184_960, 0, 451_422]


@pytest.mark.parametrize("count", [0, 1, 5, 5000])
def test_bits_come_back(count: int) -> None:
    rng = random.Random(count)
    given = [(int(rng.random() < p / 65536), p) for p in (rng.choice([16, 900, 32768, 65520]) for _ in range(count))]
    writer = BitCoder(None)
    for bit, p in given:
        writer.code(bit, p)
    data = writer.finish()
    reader = BitCoder(data)
    assert [reader.code(0, p) for _, p in given] == [bit for bit, _ in given]
    assert reader.at - 4 <= len(data) <= reader.at
