"""The latent model is what FORMAT.md says: the package and the decoder written from the document agree to the pixel."""

from __future__ import annotations

import random
from functools import cache

import hostile
import numpy as np
import pytest
import reference_decoder as reference
from both_decoders import same_outcome
from numpy.typing import NDArray
from toy_prior import smooth_picture

from inr_core import Settings, decode, encode
from inr_core.container import chunks
from inr_core.container.header import Header
from inr_core.container.metadata import Metadata
from inr_core.latent import encoding as latents_module
from inr_core.latent import prior
from inr_core.latent.latents import Latents
from inr_core.models import LatentShape
from inr_core.modes import COMPONENTS, MODE_TABLE

EDITS = 40


@cache
def make(mode: str, height: int, width: int, bit_depth: int, quality: float, seed: int = 0) -> bytes:
    channels = sum(COMPONENTS[mode])
    random = np.random.default_rng(seed)
    if mode == "P":
        palette = random.integers(0, 256, (9, 3 + seed), np.uint8)
        indices = random.integers(0, 9, (height, width), np.uint8)
        return encode(indices, Settings(effort=0, quality=quality, model="latent"), mode=mode, palette=palette)
    picture = smooth_picture(random, height, width, channels, bit_depth)
    picture = picture // 128 * 255 if mode == "1" else picture
    return encode(
        picture[..., 0] if channels == 1 else picture, Settings(effort=0, quality=quality, model="latent"), mode=mode
    )


def assert_same(data: bytes) -> None:
    pixels = decode(data, threads=1)
    assert (np.array(reference.decode(data)).reshape(pixels.shape) == pixels).all()


@pytest.mark.parametrize(
    ("mode", "height", "width", "bit_depth", "quality"),
    [
        ("RGB", 9, 13, 8, 75),
        ("RGB", 12, 11, 8, 20),
        ("RGB", 6, 7, 16, 99),
        ("RGBA", 8, 7, 8, 50),
        ("L", 16, 16, 8, 90),
        ("L", 1, 1, 8, 0),
        ("LA", 5, 9, 8, 10),
        ("LA", 3, 5, 16, 100),
        ("I;16", 12, 5, 16, 60),
        ("1", 7, 12, 8, 50),
        ("P", 6, 5, 8, 80),
        ("CMYK", 5, 6, 8, 60),
        ("YCbCr", 6, 4, 8, 70),
        ("LAB", 4, 7, 8, 40),
    ],
)
def test_the_same_pixels(mode: str, height: int, width: int, bit_depth: int, quality: float) -> None:
    data = make(mode, height, width, bit_depth, quality)
    assert reference.read(data).head.model == 1
    assert_same(data)


def test_palettes_with_alpha() -> None:
    assert_same(make("P", 5, 6, 8, 80, seed=1))


def extreme(seed: int, mode: str, bit_depth: int, skip: bool) -> bytes:
    """A file of random values, small to as large as the format holds."""
    rng = np.random.default_rng(seed)
    height, width, levels = (int(n) for n in rng.integers(1, 8, 3))
    components, size = COMPONENTS[mode], 10 ** rng.uniform(0, 6.9)

    def values(count: int, grid: int) -> NDArray[np.int32]:
        shape = (count, -(-height >> grid), -(-width >> grid))
        drawn: NDArray[np.int32] = np.rint(rng.laplace(0, size, shape).clip(-(2**22), 2**22)).astype(np.int32)
        return drawn

    lowpass = [values(planes, levels) for planes in components]
    details = [[values(3 * planes, level + 1) for level in range(levels)] for planes in components]
    step = int(rng.integers(0, 256))
    latents = Latents(width, height, bit_depth, components, step, levels, lowpass, details)
    payloads, _, _ = latents_module._encode(latents, prior.load(1), skip, 1, "cpu")
    header = Header(width, height, mode, bit_depth, MODE_TABLE[mode].channels[0], LatentShape(1, step, levels))
    return chunks.write(header, None, Metadata(), payloads)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("skip", [True, False])
def test_the_same_pixels_of_any_values(seed: int, skip: bool) -> None:
    mode, bit_depth = [("RGB", 8), ("L", 8), ("RGB", 16), ("I;16", 16)][seed % 4]
    data = extreme(seed, mode, bit_depth, skip)
    assert reference.read(data).latents[0][0] >> 7 == (not skip)
    assert_same(data)


def test_the_same_files_are_refused() -> None:
    accepted = 0
    for seed in range(EDITS):
        rng = random.Random(seed)
        *before, (kind, content) = hostile.split(make("L", 2, 2, 8, rng.choice((60, 100))))
        accepted += accepted_by_both(before, [(kind, hostile.edit(content, rng))])
    assert EDITS / 30 < accepted < EDITS * 19 / 20, "edits that are all refused, or all accepted, test little"


def test_other_chunks_between_and_after_levels() -> None:
    *before, latents = hostile.split(make("L", 4, 3, 8, 60))
    assert accepted_by_both(before, [latents, (b"abcd", b"")])
    for pieces in (
        [],
        [latents, latents],
        [latents, (b"NETW", b"")],
        [(b"NETW", b""), latents],
        [(b"LATS", b""), latents],
    ):
        assert not accepted_by_both(before, pieces)


def test_levels_in_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latents_module, "GROUP_BITS", 100)
    data = make.__wrapped__("RGBA", 15, 9, 8, 75)
    pieces = reference.read(data).latents
    assert len(pieces) > 2
    assert sum(chunk[0] % 32 for chunk in pieces) == reference.read(data).head.layers
    assert_same(data)
    *before, _, last = hostile.split(data)
    assert not accepted_by_both(before[:1], [*before[1:], last])


def accepted_by_both(before: list[hostile.Chunk], pixels: list[hostile.Chunk]) -> bool:
    first = next((k for k, (kind, _) in enumerate(before) if kind == b"ENDS"), len(before))  # it counts as pixels
    return not same_outcome(
        hostile.join(before + pixels, sum(12 + len(data) for _, data in [*before[first:], *pixels]))
    )
