"""Pillow images ↔ the arrays of inr_core: which mode is stored as what, and how its samples look."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inr_core import MODES

Array = NDArray[Any]

_STORED_AS = {"La": "LA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB", "HSV": "RGB"}
_WITH_TRANSPARENCY = {"1": "LA", "L": "LA", "RGB": "RGBA"}
_INSTEAD = {
    "F": 'scale the values to 0 … 65535 and convert it to "I", or to 0 … 255 and "L",',  # to "I;16" Pillow clips at 255
}
_RAW_MODES = {"1": "1;8", "I;16": "I;16"}


@dataclass(frozen=True)
class Pixels:
    """A picture as `inr_core.encode` takes it: (H, W) or (H, W, C) uint8 or uint16; mode P: indices and a palette."""

    array: Array
    mode: str
    palette: NDArray[np.uint8] | None = None


def from_image(im: Image.Image) -> Pixels:
    """The samples of a loaded image, converted only where its mode cannot be stored. Raises ValueError."""
    if min(im.size) == 0:
        msg = f"cannot save a picture of {im.width}x{im.height} pixels as INR: each side needs one"
        raise ValueError(msg)
    if im.mode == "I" or im.mode.startswith("I;16"):
        return _deep_grey(im)
    if im.mode in _WITH_TRANSPARENCY and _transparency(im) is not None:
        im = im.convert(_WITH_TRANSPARENCY[im.mode])
    elif im.mode in _STORED_AS:
        im = im.convert(_STORED_AS[im.mode])
    if im.mode not in MODES:
        advice = _INSTEAD.get(im.mode, 'convert it to "RGB" or "L"')
        msg = f"cannot save mode {im.mode} as INR: {advice} first"
        raise ValueError(msg)
    if im.mode == "P":
        indices = np.asarray(im)
        return Pixels(indices, "P", _palette(im, indices))
    # Mode 1 as the 0 and 255 that Pillow itself holds.
    return Pixels(_flip_lab(np.asarray(im.convert("L") if im.mode == "1" else im), im.mode), im.mode)


def to_raw(rows: Array, mode: str) -> tuple[bytes, str]:
    """Decoded rows as bytes for Pillow's raw decoder, and their raw mode. 16-bit colour becomes 8 bits, rounded."""
    if mode == "I;16":
        rows = rows.astype("<u2")
    elif rows.dtype == np.uint16:
        rows = to_8_bits(rows)
    return _flip_lab(rows, mode).tobytes(), _RAW_MODES.get(mode, mode)


def to_image(pixels: Array, like: Image.Image) -> Image.Image:
    """A decoded array of any size as an image with the mode, the palette and the info of an opened file."""
    data, raw_mode = to_raw(pixels, like.mode)
    im = Image.frombytes(like.mode, (pixels.shape[1], pixels.shape[0]), data, "raw", raw_mode)
    im.palette = like.palette.copy() if like.palette else None
    im.info = like.info.copy()
    return im


def in_8_bits(im: Image.Image) -> Image.Image:
    """A loaded image as one of 8 bits a sample, for what can hold or show no more; itself if it is one already.

    Grey of 16 bits becomes L, or LA where one grey is transparent, rounded: 65535 → 255. Pillow's own conversions clip
    at 255, which leaves white. Mode I counts as 16 bits, as PGM and PNG fill it; F goes from its least value to its
    greatest.
    """
    if im.mode.startswith("I;16"):
        array = _deep_grey(im).array
    elif im.mode == "I":
        array = np.asarray(im).clip(0, 65_535)
    elif im.mode == "F":
        values = np.nan_to_num(np.asarray(im), posinf=0, neginf=0)
        least, span = values.min(), np.ptp(values) or 1
        array = np.rint((values - least) / span * 65_535)
    else:
        return im
    new = Image.fromarray(to_8_bits(array))
    new.info = {key: value for key, value in im.info.items() if key != "transparency"}
    return new


def to_8_bits(samples: Array) -> NDArray[np.uint8]:
    """0 … 65535 → the nearest uint8 when both scales run from black to white: 65535 → 255."""
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _deep_grey(im: Image.Image) -> Pixels:
    """Grey of 16 bits: any of Pillow's I;16, or I, in which it opens PGM of 16 bits and others, if the values fit."""
    values = np.asarray(im)
    low, high = int(values.min()), int(values.max())
    if not 0 <= low <= high <= 65535:
        msg = f"cannot save mode {im.mode} as INR: expected values of 0 … 65535, got {low} … {high}: scale them first"
        raise ValueError(msg)
    grey = values.astype(np.uint16)  # native, whichever of I;16, I;16L, I;16B, I;16N it was
    clear = _transparency(im)
    if clear is None:
        return Pixels(grey, "I;16")
    return Pixels(np.stack([grey, np.where(grey == clear, 0, 65535).astype(np.uint16)], axis=2), "LA")


def _palette(im: Image.Image, indices: Array) -> NDArray[np.uint8]:
    """(N, 3) uint8, or (N, 4) with any transparency; N covers every index in use, and the clear one."""
    listed = np.array(im.getpalette("RGBA"), np.uint8).reshape(-1, 4)
    colours = np.zeros((256, 4), np.uint8)
    colours[:, 3] = 255
    colours[: len(listed)] = listed
    transparency = _transparency(im)
    count = max(len(listed), int(indices.max()) + 1)
    if isinstance(transparency, bytes):
        colours[: len(transparency), 3] = np.frombuffer(transparency, np.uint8)
    elif isinstance(transparency, int):
        colours[transparency, 3] = 0
        count = max(count, transparency + 1)
    colours = colours[:count]
    return colours if (colours[:, 3] < 255).any() else colours[:, :3].copy()


def _transparency(im: Image.Image) -> int | bytes | tuple[int, ...] | None:
    """What `info` says is clear: a grey value, a colour, in mode P an index, or the alpha of the first colours.

    None where it says nothing, or what makes no sense in this mode: Pillow leaves it there when the mode changes.
    """
    clear: Any = im.info.get("transparency")
    if im.mode == "P" and isinstance(clear, bytes):
        return clear[:256] or None
    try:
        if im.mode == "RGB":
            return tuple(map(operator.index, clear)) if len(clear) == 3 and not isinstance(clear, bytes) else None
        value = operator.index(clear)
    except TypeError:
        return None
    return value if value >= 0 and not (im.mode == "P" and value > 255) else None


def _flip_lab(samples: Array, mode: str) -> Array:
    """Pillow hands out LAB with signed a and b, 255 next to 0; the file has them offset by 128, without that jump."""
    return samples ^ np.array([0, 128, 128], np.uint8) if mode == "LAB" else samples
