"""Which plane stands exactly beside a picture: all of its alpha, the ends of its last channel, or none.

Alpha that is 0 or at its peak means something: nothing may show there, or shine through. In masks, so do the ends of
grey.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..container.header import PLANE_MODES, Raster
from ..exact.beside import BETWEEN, Plane, ends_of, pack_alpha, pack_ends
from ..exact.colours import has_few_colours
from ..latent import prior
from ..latent.choosing import transform
from ..latent.encoding import encode_transformed
from ..latent.plan import PRIORS, levels_for, price_of_bit
from ..pixels import Array
from ..stretch import to_values

FEW_VALUES = 16  # of an alpha, which are kept whatever it costs
AREA = 1 / 64  # of the pixels: less at an end are extremes, not an area
TRIED = 15  # the level of Zstandard, at most, that tells what costs less
MASK = 0.5  # of the pixels: so many at both ends make a grey picture a mask, or fewer where all between is smooth
SMOOTH = 1 / 128  # of the scale: the mean second difference of what is smooth, which a photograph's is several times


def choose_plane(
    samples: Array, parts: Sequence[Array], raster: Raster, step: int, level: int, threads: int
) -> tuple[str, bytes] | None:
    """`Raster.plane` and its payload for samples (H, W, C); `parts` of them, (h, w, C) each, tell what costs less.

    step: index of the quantisation step. level: Zstandard's, for the plane.
    """
    if raster.mode not in PLANE_MODES["ends"]:
        return None
    last = samples[..., -1]
    low, high = int(last.min()), int(last.max())
    if raster.alpha and has_few_colours(last[None], FEW_VALUES):
        return "alpha", pack_alpha(last, level)
    if raster.alpha:
        peak = np.iinfo(last.dtype).max
        means_something = low == 0 or high == peak or max(np.mean(last == low), np.mean(last == high)) >= AREA
    else:
        means_something = mask_ends(last) is not None
    if high - low < 2 or not means_something:
        return None
    parts_of_it = [part[..., -1] for part in parts]
    tried = min(TRIED, level)
    if raster.alpha and _whole_costs_less(parts_of_it, low, high, step, raster.channels, tried, threads):
        return "alpha", pack_alpha(last, level)
    return "ends", pack_ends(last, low, high, level, _innermost(low, high, raster))


def mask_ends(grey: Plane) -> tuple[int, int] | None:
    """The ends of a grey picture that is a mask."""
    low, high = int(grey.min()), int(grey.max())
    at_low, at_high = (float(np.mean(grey == end)) for end in (low, high))
    means_something = min(at_low, at_high) >= AREA and (at_low + at_high >= MASK or _is_smooth(grey, low, high))
    return (low, high) if high - low >= 2 and means_something else None


def _innermost(low: int, high: int, raster: Raster) -> tuple[int, int]:
    """The samples nearest to each other that still stand for the values of low and high, by the range of values.

    What is beside them then stands for another value: nothing between the ends becomes one of them.
    """
    if not raster.ranges:
        return low, high
    all_samples = np.arange(1 << 16, dtype=np.uint16).reshape(-1, 1, 1)
    values = to_values(all_samples, raster.ranges[-1:])[:, 0, 0]
    first, last = np.flatnonzero(values == values[low])[-1], np.flatnonzero(values == values[high])[0]
    return (int(first), int(last)) if last - first >= 2 else (low, high)


def _is_smooth(values: Plane, low: int, high: int) -> bool:
    """Whether what is between the ends goes from one to the other without detail."""
    before, own, behind = (values[:, k : values.shape[1] - 2 + k].astype(np.int32) for k in range(3))
    bends = np.abs(before + behind - 2 * own)[(np.minimum(before, behind) > low) & (np.maximum(before, behind) < high)]
    return bends.size > 0 and float(bends.mean()) <= SMOOTH * np.iinfo(values.dtype).max


def _whole_costs_less(
    parts: Sequence[Plane], low: int, high: int, step: int, channels: int, level: int, threads: int
) -> bool:
    """Whether all of an alpha costs less distortion + λ · rate than its ends beside what a pyramid makes of it."""
    peak = np.iinfo(parts[0].dtype).max
    price = 8 * price_of_bit(step)  # of a byte
    whole, ends = 0.0, dict.fromkeys(PRIORS, 0.0)
    for alpha in parts:
        whole += price * len(pack_alpha(alpha, level))
        between = ends_of(alpha, low, high) == BETWEEN
        for number in PRIORS:
            known = prior.load(number)
            transformed = transform(alpha[..., None], known, (1,), step, levels_for(*alpha.shape))
            payloads, _, made = encode_transformed(transformed, known, threads)
            error = np.square((made[..., 0].astype(np.float32) - alpha) / peak)[between].sum() / channels
            size = sum(map(len, payloads)) + len(pack_ends(alpha, low, high, level))
            ends[number] += float(error) + price * size
    return whole < min(ends.values())
