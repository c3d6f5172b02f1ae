"""The pictures measured, and how far apart two of them are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inr_core.errors import InrError
from inr_core.metrics import psnr
from pillow_inr.modes import in_8_bits

Samples = NDArray[np.uint8]  # (H, W, C)


def load(path: Path, crop: int | None) -> Image.Image:
    """A picture in its own mode, without metadata; `crop`: the central pixels, at most so many a side."""
    if crop is not None and crop < 1:
        raise InrError(f"--crop: expected at least 1, got {crop}")
    with Image.open(path) as im:
        size = [min(side, crop or side) for side in im.size]
        left, top = ((side - part) // 2 for side, part in zip(im.size, size, strict=True))
        part = im.crop((left, top, left + size[0], top + size[1]))
    part.info = {key: value for key, value in part.info.items() if key == "transparency"}
    return part


def load_all(paths: Sequence[Path], crop: int | None) -> list[tuple[str, Image.Image]]:
    """Names and pictures, all read before the first is measured."""
    return [(path.stem, load(path, crop)) for path in paths]


def over_white(im: Image.Image) -> Image.Image:
    """The picture as RGB, its transparent parts white."""
    im = in_8_bits(im)
    if not im.has_transparency_data:
        return im.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", im.size, "white"), im.convert("RGBA")).convert("RGB")


def samples(im: Image.Image) -> Samples:
    """RGB over white, (H, W, 3)."""
    return np.array(over_white(im))


def picture_psnr(original: Image.Image, decoded: Image.Image) -> float:
    """PSNR in dB of RGB, or of RGBA where the original has transparency; there, colours nobody can see do not count.

    Of 16-bit grey, that of its own samples.
    """
    if original.mode == decoded.mode == "I;16":
        return psnr(np.array(original), np.array(decoded))
    original, decoded = in_8_bits(original), in_8_bits(decoded)
    mode = "RGBA" if original.has_transparency_data else "RGB"
    a, b = np.array(original.convert(mode)), np.array(decoded.convert(mode))
    if mode == "RGBA":
        b = np.where((a[..., 3:] == 0) & np.array([True, True, True, False]), a, b)
    return psnr(a, b)
