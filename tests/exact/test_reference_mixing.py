"""The mixing coder beside the one that is written from FORMAT.md alone: same samples, same bodies refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import reference_decoder as reference
import reference_exact
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from reference_coding import Reader, Refused

import pillow_inr  # noqa: F401 (registers the format)
from inr_core import FormatError
from inr_core.container.fields import FieldReader, pack_number
from inr_core.exact import strips

Planes = NDArray[Any]
MIXED = 64


def planes_of(kind: str, shape: tuple[int, int, int], size: int) -> Planes:
    rng = np.random.default_rng(len(kind) * size)
    count, h, w = shape
    y, x = np.mgrid[:h, :w]
    planes = np.full(shape, size // 2, np.int64)
    if kind == "noise":
        planes = rng.integers(0, size, shape)
    elif kind == "gradient":
        planes = np.stack([(k + 1) * x + (3 - k) * y + rng.integers(0, 2, (h, w)) for k in range(count)]) % size
    elif kind == "tiles":  # matches go on from row to row
        tile = rng.integers(0, size, (count, 6, 11))
        planes = np.tile(tile, (1, h // 6 + 1, w // 11 + 1))[:, :h, :w].copy()
        planes[:, h // 2, w // 2] = 0
    elif kind == "guesses":  # of which six may be asked for
        rng = np.random.default_rng(1)
        places = np.tile(rng.integers(0, 8, (4, 5)), (h, w))[:h, :w]
        places = np.where(rng.random((h, w)) < 0.5, rng.integers(0, 8, (h, w)), places)
        planes = rng.integers(0, size, (count, 8))[:, places]
    elif kind == "blocks":  # and what is between them is flat
        for top, left, high, wide in rng.integers((0, 0, 1, 1), (h, w, 5, 40), (4, 4)):
            planes[:, top : top + high, left : left + wide] = rng.integers(0, size, count)[:, None, None]
    elif kind == "dots":
        dots = rng.random((h, w)) < 0.004
        planes[:, dots] = rng.integers(0, size, (count, int(dots.sum())))
    elif kind == "zero":
        planes[:] = 0
    return planes.astype(np.uint8 if size <= 256 else np.uint16)


def mixed(planes: Planes, size: int, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A strip of one part."""
    monkeypatch.setattr(strips, "COMPARED", 0)
    data = strips.pack_strip(planes, size, [len(planes)], 5)
    assert data[0] & MIXED
    return data


def by_package(data: bytes, shape: tuple[int, int, int], size: int) -> list[Any] | None:
    own = strips.Shape(*shape, size)
    try:
        fields = FieldReader(data)
        planes: list[Any] = strips.unpack_parts(strips.read_parts(fields, own, "strip"), own, "strip").tolist()
    except FormatError:
        return None
    return planes


def by_document(data: bytes, shape: tuple[int, int, int], size: int) -> list[Any] | None:
    try:
        parts = reference_exact.read_strip(Reader(data, 0, []), shape[0], shape[1], shape[2], size)
    except Refused:
        return None
    return [plane for part in parts for plane in part.planes]


@pytest.mark.parametrize(
    ("kind", "shape", "size"),
    [
        ("noise", (1, 2, 1), 256),
        ("noise", (1, 9, 7), 256),
        ("noise", (2, 5, 9), 65_536),
        ("noise", (3, 9, 5), 65_536),
        ("noise", (4, 5, 9), 256),
        ("noise", (1, 30, 40), 2),
        ("noise", (1, 25, 30), 3),
        ("gradient", (1, 30, 40), 256),
        ("gradient", (3, 6, 20), 256),
        ("gradient", (4, 8, 9), 65_536),
        ("tiles", (1, 20, 41), 256),
        ("tiles", (3, 13, 23), 65_536),
        ("tiles", (2, 13, 29), 2),
        ("guesses", (4, 17, 23), 65_536),
        ("blocks", (1, 24, 57), 256),
        ("blocks", (3, 16, 140), 256),
        ("blocks", (4, 9, 330), 65_536),
        ("blocks", (1, 20, 200), 2),
        ("dots", (1, 290, 17), 256),  # depths beyond 255
        ("dots", (1, 24, 200), 3),
        ("dots", (3, 30, 80), 256),
        ("flat", (1, 5, 400), 256),
        ("flat", (4, 30, 50), 65_536),
        ("zero", (1, 20, 90), 256),  # as the rows above the first
    ],
)
def test_samples(kind: str, shape: tuple[int, int, int], size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    planes = planes_of(kind, shape, size)
    assert by_document(mixed(planes, size, monkeypatch), shape, size) == planes.tolist()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (50, 12)])
def test_pictures(mode: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "COMPARED", 0)
    text = Image.new("RGB", size, "white")
    ImageDraw.Draw(text).text((3, 1), "to be mixed", fill=(150, 30, 0))
    image = Image.fromarray(np.asarray(text.convert("L")).astype(np.uint16) * 257) if mode == "I;16" else text
    image = image if mode == "I;16" else image.convert(mode)
    file = io.BytesIO()
    image.save(file, "INR", lossless=True)
    data = file.getvalue()
    if size != (1, 1):
        assert all(part.flags & MIXED for strip in reference.read(data).strips for part in strip)
    pixels = [pixel for row in reference.decode(data) for pixel in row]
    assert pixels == [tuple(map(int, np.atleast_1d(pixel))) for row in as_numbers(image) for pixel in row]


def as_numbers(image: Image.Image) -> Planes:
    return np.asarray(image).astype(np.int64) * (255 if image.mode == "1" else 1)


@pytest.mark.parametrize("seed", range(16))
def test_bodies_of_any_bytes(seed: int) -> None:
    """What is made of them when they are as many as the answers take: pixels that no picture has."""
    rng = np.random.default_rng(seed)
    shape, size = (seed % 4 + 1, int(rng.integers(1, 8)), int(rng.integers(1, 24))), (256, 3, 65_536, 256, 2)[seed % 5]
    body = rng.integers(0, 256, 2 * int(np.prod(shape)) + 40).astype(np.uint8)
    body[rng.random(len(body)) < rng.choice([0, 0.8])] = rng.choice([0, 255])
    heads = bytes([MIXED | seed // 4 % 2 | shape[0] - 1 << 4])
    files = [heads + pack_number(n) + body[:n].tobytes() for n in range(len(body))]
    taken = [n for n, data in enumerate(files) if by_package(data, shape, size) is not None]
    assert taken or size == 3  # two bits hold one more
    for n in {max(taken[0] - 1, 0), taken[0], taken[-1], taken[-1] + 1} if taken else range(0, len(files), 9):
        assert by_document(files[n], shape, size) == by_package(files[n], shape, size)


@pytest.mark.parametrize("bits", [2, 4, 8, 14, 128])
def test_flags(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (3, 4, 5)
    data = mixed(planes_of("flat", shape, 256), 256, monkeypatch)
    wrong = bytes([data[0] | bits]) + data[1:]
    assert by_document(wrong, shape, 256) is None
    assert by_package(wrong, shape, 256) is None
