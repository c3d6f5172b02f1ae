"""What the mixing coder changes: compiled and plain Python choose the same pixels and write the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiled import COMPILED
from PIL import Image, ImageDraw

from inr_core.kernels import mixing, reducing, switch
from inr_core.kernels.reducer import NEVER, Rule, weights_of
from inr_core.kernels.room import Pixels


def pixels_of(*planes: np.ndarray) -> Pixels:
    pixels: Pixels = np.bitwise_or.reduce([p.astype(np.uint64) << np.uint64(16 * k) for k, p in enumerate(planes)])
    return pixels


def window(width: int = 46, height: int = 26) -> list[np.ndarray]:
    """Soft lettering on two grounds, a little noise, a ramp."""
    im = Image.new("RGB", (width, height), (238, 240, 236))
    draw = ImageDraw.Draw(im)
    draw.rectangle((0, 0, width, 5), (40, 60, 120))
    draw.text((3, 7), "files", (20, 25, 20), font_size=10)
    made = np.asarray(im).astype(np.int16)
    made[-7:, :12] += np.random.default_rng(3).integers(-5, 6, (7, 12, 3))
    made[-5:, 20:] = (np.arange(width - 20) * 3)[:, None]
    return list(np.moveaxis(made.clip(0, 255).astype(np.uint8), 2, 0))


def alpha(width: int = 46, height: int = 26) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    disc: np.ndarray = np.clip((14 - np.hypot(x - 20, y - 12)) * 60, 0, 255).astype(np.uint8)
    return disc


RED, GREEN, BLUE = window()
CASES: dict[str, tuple[Pixels, int, int, bool, float, dict[str, Any]]] = {
    "colours": (pixels_of(RED, GREEN, BLUE), 3, 8, True, 20.0, {}),
    "colours, dear bits": (pixels_of(RED, GREEN, BLUE), 3, 8, True, 900.0, {}),
    "colours, sample by sample": (pixels_of(RED, GREEN, BLUE), 3, 8, False, 40.0, {}),
    "with alpha": (pixels_of(RED, GREEN, BLUE, alpha()), 4, 8, True, 60.0, {"kept": 3}),
    "grey with alpha": (pixels_of(GREEN, alpha()), 2, 8, False, 60.0, {"kept": 1}),
    "a mask": (pixels_of(alpha()), 1, 8, True, 400.0, {"ends": (0, 255)}),
    "a mask, sample by sample": (pixels_of(alpha()), 1, 8, False, 400.0, {"ends": (0, 255)}),
    "grey": (pixels_of(GREEN), 1, 8, False, 5.0, {}),
    "five bits": (pixels_of(RED >> 3, BLUE >> 3), 2, 5, True, 3.0, {}),
    "nothing for it": (pixels_of(RED, GREEN, BLUE), 3, 8, True, 0.0, {}),
}


@pytest.mark.skipif(switch.native is None, reason="no compiled kernels")
@pytest.mark.parametrize("case", CASES)
def test_every_kernel_chooses_what_the_definition_does(case: str) -> None:
    pixels, planes, bits, asks, trade, options = CASES[case]
    with switch.using("numpy"):
        made, data = reducing.reduce_pixels(pixels, planes, bits, asks, trade, **options)
    for backend in COMPILED:
        with switch.using(backend):
            same, compiled = reducing.reduce_pixels(pixels, planes, bits, asks, trade, **options)
        assert (same == made).all(), backend
        assert compiled == data, backend
    exactly = mixing.write_pixels(pixels, planes, bits, asks)
    assert exactly is not None
    assert (made == pixels).all() == (trade == 0)
    assert len(data) < len(exactly) if trade else data == exactly
    height, width = pixels.shape
    back = mixing.read_pixels(data, height, width, planes, bits, asks)
    assert back is not None
    assert (back == made).all()


def test_what_an_error_counts_and_what_may_not_be() -> None:
    assert weights_of(np.array([[5, 5, 5], [5, 7, 5], [1, 7, 7]], np.uint64)) == [[6, 2, 2], [1, 2, 1], [1, 2, 1]]
    assert weights_of(np.zeros((90, 2), np.uint64))[0] == [128, 64]
    rule = Rule(256, list(range(4096)), 1, (-1, -1))
    assert rule.error(255 << 16 | 9, 255 << 16 | 6, 2) == 9 << 16
    assert rule.error(255 << 16 | 9, 254 << 16 | 9, 2) == NEVER
    assert rule.error(9, 200, 2) == 0, "nobody sees it"
    assert Rule(1, [0] * 4096, -1, (0, 255)).error(254, 255, 1) == NEVER
    assert (rule.cost(True, 65535), rule.cost(False, 65520)) == (256 * 4095, 256)
