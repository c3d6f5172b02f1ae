"""Arrays of pixels ↔ samples of a model."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .container.ranges import Range
from .errors import InrError, shown
from .modes import COLOUR_MODES, MAX_SIDE, MODE_TABLE, MODES
from .stretch import to_values

Array = NDArray[np.unsignedinteger[Any]]  # uint8 or uint16
Palette = NDArray[np.uint8]  # (N, 3) or (N, 4)

SNAP_DISTANCES = 1 << 16  # of pixels to every palette entry, held at once: what a core's cache has room for


def default_mode(pixels: Array) -> str:
    """The mode of an array that comes without one: L, LA, RGB or RGBA, or I;16 for 16-bit grey.

    Raises InrError if it has none, for its shape.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[2] if pixels.ndim == 3 else 0
    if channels not in (1, 2, 3, 4):
        first = pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4)
        hint = "; channels come last" if first else ""
        raise InrError(f"pixels: expected shape (H, W) or (H, W, 1 to 4), got {pixels.shape}{hint}")
    if channels == 1 and pixels.dtype == np.uint16:
        return "I;16"
    return {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]


def plain_array(pixels: object) -> Array:
    """What is like an array as one of NumPy's own: subclasses multiply and compare in ways of their own.

    InrError: some of it is masked, so that nobody has said what is to be there.
    """
    if isinstance(pixels, np.ma.MaskedArray) and (masked := int(np.ma.count_masked(pixels))):  # type: ignore[no-untyped-call]
        raise InrError(f"pixels: expected none that are masked, got {masked}: fill them, as with .filled(0)")
    if isinstance(pixels, (str, bytes, os.PathLike)):
        raise InrError(f"pixels: expected an array of shape (H, W) or (H, W, C), got {shown(pixels)}")
    return np.asarray(pixels)


def check_pixels(pixels: Array, mode: str, palette: Palette | None) -> int:
    """Check an array against a mode and return the bits of a sample (1, 8 or 16).

    Raises InrError: pixels are (H, W) or (H, W, C), uint8 or uint16, 1 … 65535 pixels a side.
    """
    if mode not in MODE_TABLE:
        raise InrError(f"mode: expected one of {', '.join(MODES)}, got {shown(mode)}")
    if pixels.ndim not in (2, 3) or pixels.dtype not in (np.uint8, np.uint16):
        raise InrError(
            f"pixels: expected uint8 or uint16 of shape (H, W) or (H, W, C), got {pixels.dtype} {pixels.shape}"
        )
    if not (0 < pixels.shape[0] <= MAX_SIDE and 0 < pixels.shape[1] <= MAX_SIDE):
        raise InrError(
            f"pixels: expected sides of 1 to {MAX_SIDE}, got {pixels.shape[1]}x{pixels.shape[0]} (width x height)"
        )
    info = MODE_TABLE[mode]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    expected = 1 if mode == "P" else info.channels[0]
    if channels != expected:
        raise InrError(f"pixels: expected {expected} channels for mode {mode}, got {channels}")
    deep = pixels.dtype == np.uint16
    if deep and 16 not in info.bit_depths:
        raise InrError(f"pixels: mode {mode} expects uint8, got uint16")
    if not deep and info.bit_depths == (16,):
        raise InrError(f"pixels: mode {mode} expects uint16, got uint8")
    if mode == "P":
        _check_palette(pixels, palette)
    elif palette is not None:
        raise InrError(f"palette: expected none for mode {mode}, got {len(palette)} colours")
    return 16 if deep else info.bit_depths[0]


def _check_palette(indices: Array, palette: Palette | None) -> None:
    if palette is None or palette.ndim != 2 or palette.shape[1] not in (3, 4) or palette.dtype != np.uint8:
        got = None if palette is None else f"{palette.dtype} {palette.shape}"
        raise InrError(f"palette: expected uint8 of shape (N, 3) or (N, 4) for mode P, got {got}")
    largest = int(indices.max())
    if not largest < len(palette) <= 256:
        raise InrError(f"palette: expected {largest + 1} to 256 colours, got {len(palette)}")


def to_colours(pixels: Array, mode: str, palette: Palette | None) -> Array:
    """(H, W, C) uint8 or uint16; palette indices become colours."""
    if mode == "P":
        assert palette is not None
        colours: Array = palette[pixels.reshape(pixels.shape[:2])]
        return colours
    return pixels.reshape(*pixels.shape[:2], -1)


def without_colours(pixels: Array, mode: str) -> Array:
    """Pixels (H, W, C), or (H, W, 1 or 2) if red, green and blue are the same in all of them."""
    if mode not in COLOUR_MODES:
        return pixels
    red, green, blue = (pixels[..., channel] for channel in range(3))
    for rows in (slice(1), slice(None)):  # what has colours mostly has some in the first row
        if not (np.array_equal(red[rows], green[rows]) and np.array_equal(red[rows], blue[rows])):
            return pixels
    return np.ascontiguousarray(pixels[..., ::3])


def with_colours(pixels: Array, mode: str) -> Array:
    """The reverse: (h, W, C), red, green and blue the same where they were one."""
    if mode not in COLOUR_MODES or pixels.shape[2] > 2:
        return pixels
    return np.take(pixels, [0, 0, 0, 1][: pixels.shape[2] + 2], axis=2)  # an index would leave planes in memory


def from_samples(samples: Array, mode: str, palette: Palette | None, ranges: tuple[Range, ...] = ()) -> Array:
    """Decoded samples (h, W, C) → pixels in the file's mode, (h, W) or (h, W, C).

    Mode 1 is thresholded at half, mode P takes the nearest palette entry (squared distance, times alpha where there is
    one, the lowest index of equals), so flat graphics come back in exactly their own colours. With ranges, samples of
    16 bits become the values that they stand for.
    """
    if mode == "1":
        return np.where(samples[..., 0] >= np.uint8(128), np.uint8(255), np.uint8(0))
    if mode == "P":
        assert palette is not None
        return nearest_colour(samples, palette)
    values = with_colours(to_values(samples, ranges), mode)
    return values[..., 0] if values.shape[2] == 1 else values


def luma(pixels: Array) -> Array:
    """RGB (h, W, 3) → grey (h, W), ITU-R BT.601 as Pillow rounds it."""
    red, green, blue = np.moveaxis(pixels.astype(np.int64), 2, 0)
    grey: Array = (19595 * red + 38470 * green + 7471 * blue + 0x8000 >> 16).astype(pixels.dtype)
    return grey


def nearest_colour(samples: Array, palette: Palette) -> NDArray[np.uint8]:
    """Index of the nearest palette entry for each of (h, W, C) uint8 samples → (h, W) uint8.

    With alpha, colours are compared as far as they can be seen: all clear ones are equally near.
    """
    colours = _as_seen(palette)
    nearness = np.concatenate([2 * colours, -np.square(colours).sum(1, keepdims=True)], 1).T.copy()  # 2·p·c − |c|²
    flat = samples.reshape(-1, samples.shape[2])
    indices = np.empty(len(flat), np.uint8)
    block = SNAP_DISTANCES // len(palette)
    for start in range(0, len(flat), block):
        part = _as_seen(flat[start : start + block])
        ones = np.ones((len(part), 1), part.dtype)
        indices[start : start + block] = (np.concatenate([part, ones], 1) @ nearness).argmax(1)
    return indices.reshape(samples.shape[:2])


def _as_seen(colours: Array) -> NDArray[np.floating[Any]]:
    """(n, 3), or (n, 4) times alpha, to be compared: their products and sums are integers, and exact."""
    if colours.shape[1] == 3:
        return colours.astype(np.float32)  # below 2**24
    alpha = colours[:, 3:].astype(np.float64)  # below 2**36
    return np.concatenate([colours[:, :3] * alpha, 255 * alpha], 1)
