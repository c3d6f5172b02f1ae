"""Samples ↔ integer planes of the latent model: ITU-R BT.601 luma and chroma, full range, in fixed point."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import switch

UNIT_BITS = {8: 6, 16: 8}  # planes count 2^-6 of an 8-bit level; of 16-bit samples, a unit is one sample
BITS = 14
RED_CR, GREEN_CB, GREEN_CR, BLUE_CB = 22970, -5638, -11700, 29032  # 1.402, −0.344136, −0.714136, 1.772 in 2^-14
TO_YCC = ((4899, 9617, 1868), (-2765, -5427, 8192), (8192, -6860, -1332))  # rows of Y, Cb, Cr in 2^-14
PLANE_MAX = 35_000  # beyond the range of any sample; with it, sums of products stay below 2^31
STRIP_PIXELS = 1 << 15  # converted at once

Samples = NDArray[np.unsignedinteger[Any]]  # uint8 or uint16
Planes = NDArray[np.int32]


def _scale(bit_depth: int) -> tuple[int, int]:
    """Units a sample as a shift, and the middle of the range in units."""
    return (6, 8160) if bit_depth == 8 else (0, 32768)


def to_planes(samples: Samples, bit_depth: int) -> Planes:
    """One component's samples (H, W, 3 or 1) → planes (3 or 1, H, W): Y, Cb, Cr or grey, 0 in the middle of the range.

    Rounded to the nearest unit.
    """
    shift, middle = _scale(bit_depth)
    channels = samples.shape[2]
    planes = np.empty((channels, *samples.shape[:2]), np.int32)
    found = switch.compiled()
    if found is not None and samples.flags.c_contiguous:
        native, kernels = found
        count = samples.shape[0] * samples.shape[1]
        native.uncolour(kernels, samples, count, channels, 0, channels, bit_depth, planes)
        return planes
    for a, b in _strips(samples.shape[0], samples.shape[1]):
        x = np.ascontiguousarray(samples[a:b].transpose(2, 0, 1)).astype(np.int32)
        x <<= shift
        x -= middle
        if channels == 1:
            planes[0, a:b] = x[0]
            continue
        for plane, (red, green, blue) in enumerate(TO_YCC):
            y = x[0] * np.int32(red) + x[1] * np.int32(green)
            y += x[2] * np.int32(blue)
            y += np.int32(1 << BITS - 1)
            y >>= np.int32(BITS)
            planes[plane, a:b] = y
    return planes


def from_planes(planes: Planes, bit_depth: int, out: Samples, channel: int = 0) -> None:
    """Planes (3 or 1, H, W) → samples in `out` (H, W, C) from a channel on, as many as planes, rounded and clipped."""
    found = switch.compiled()
    if found is not None and planes.flags.c_contiguous and out.flags.c_contiguous:
        native, kernels = found
        count, height, width = planes.shape
        size = height * width
        native.colour(kernels, planes, count, size, 0, size, bit_depth, out, out.shape[2], channel)
        return
    shift, middle = _scale(bit_depth)
    peak = np.int32((1 << bit_depth) - 1)
    down = np.int32(BITS + shift)
    offset = np.int32((middle << BITS) + (1 << BITS + shift - 1))
    for a, b in _strips(*planes.shape[1:]):
        strip = np.clip(planes[:, a:b], -PLANE_MAX, PLANE_MAX)
        luma = strip[0] << np.int32(BITS)
        luma += offset
        if len(planes) == 1:
            colours = [luma]
        else:
            cb, cr = strip[1:]
            red, green, blue = cr * np.int32(RED_CR), cb * np.int32(GREEN_CB), cb * np.int32(BLUE_CB)
            green += cr * np.int32(GREEN_CR)
            colours = [np.add(colour, luma, out=colour) for colour in (red, green, blue)]
        for k, colour in enumerate(colours, channel):
            np.right_shift(colour, down, out=colour)
            out[a:b, :, k] = np.clip(colour, 0, peak, out=colour)


def _strips(height: int, width: int) -> list[tuple[int, int]]:
    """Strips [first row, last row) of about STRIP_PIXELS pixels."""
    rows = max(1, STRIP_PIXELS // width)
    return [(a, min(a + rows, height)) for a in range(0, height, rows)]
