"""Other sizes are what FORMAT.md says: the package and the decoder written from the document agree to the pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import reference_sizes as reference
from networks import header_of, make_file
from toy_prior import smooth_picture

from inr_core import Settings, decode, encode
from inr_core.kernels.colour import Samples
from inr_core.latent.decoding import LatentDecoder

GOLDEN = Path(__file__).parents[1] / "golden"
Box = tuple[int, int, int, int]


def assert_same(data: bytes, size: tuple[int, int], box: Box | None = None) -> None:
    pixels = decode(data, size=size, region=box, threads=1)
    assert (np.array(reference.decode(data, size, box)).reshape(pixels.shape) == pixels).all()


@pytest.mark.parametrize(
    ("mode", "bit_depth", "channels"),
    [
        ("RGB", 8, 3),
        ("LA", 8, 2),
        ("LA", 16, 2),
        ("RGBA", 8, 4),
        ("RGBA", 16, 4),
        ("P", 8, 3),
        ("P", 8, 4),
        ("1", 1, 1),
    ],
)
@pytest.mark.parametrize(("box", "size"), [(None, (5, 3)), ((3, 2, 20, 11), (8, 20)), ((21, 0, 22, 16), (1, 1))])
def test_of_a_siren(mode: str, bit_depth: int, channels: int, box: Box | None, size: tuple[int, int]) -> None:
    assert_same(make_file(header_of(mode, bit_depth, channels, hidden=4, layers=3)), size, box)


@pytest.mark.parametrize("name", ["rgb", "rgba", "grey_alpha_16_bits", "palette_alpha"])
@pytest.mark.parametrize(
    ("box", "size"),
    [(None, (2, 2)), (None, (4, 3)), ((1, 2, 12, 11), (5, 4)), ((2, 1, 13, 10), (9, 12)), ((3, 2, 9, 7), (11, 6))],
)
def test_of_a_pyramid(name: str, box: Box | None, size: tuple[int, int]) -> None:
    """From grids 2, 1, 0 and −1."""
    assert_same((GOLDEN / f"latent_{name}.inr").read_bytes(), size, box)


@pytest.mark.parametrize("name", ["alpha_16_bits", "ends", "ends_of_grey", "alpha_siren", "ends_siren"])
@pytest.mark.parametrize(
    ("box", "size"),
    [(None, (2, 2)), ((1, 2, 12, 11), (5, 4)), ((2, 1, 13, 10), (9, 12)), ((3, 2, 9, 7), (12, 6))],
)
def test_of_planes_beside_a_model(name: str, box: Box | None, size: tuple[int, int]) -> None:
    assert_same((GOLDEN / f"beside_{name}.inr").read_bytes(), size, box)


@pytest.mark.parametrize("name", ["one_bit", "grey_alpha", "palette", "palette_alpha", "rgba_16_bits"])
@pytest.mark.parametrize(("box", "size"), [(None, (4, 3)), ((1, 2, 9, 8), (5, 13)), ((2, 1, 6, 5), (4, 4))])
def test_of_exact_samples(name: str, box: Box | None, size: tuple[int, int]) -> None:
    assert_same((GOLDEN / f"exact_{name}.inr").read_bytes(), size, box)


def test_what_is_opaque_is_made_from_a_coarser_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    levels: list[int] = []
    samples = LatentDecoder.samples

    def watched(self: LatentDecoder, level: int = 0) -> Samples:
        levels.append(level)
        return samples(self, level)

    monkeypatch.setattr(LatentDecoder, "samples", watched)
    picture = smooth_picture(np.random.default_rng(0), 24, 24, 4, 8)
    assert_same(encode(picture, Settings(effort=0)), (4, 4))
    picture[..., 3] = 255
    assert_same(encode(picture, Settings(effort=0)), (4, 4))
    assert levels == [2, 1, 2]
