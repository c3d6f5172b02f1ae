"""The golden files of the latent model: pictures and random values, quantised and coded, nothing trained or refined.

The prior's number says which networks a file is made with: a file of another prior is one line more in `files`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from inr_core import Metadata, Range
from inr_core.container import chunks
from inr_core.container.header import Header, Raster
from inr_core.entropy import symbols
from inr_core.latent import differences, encoding, prior
from inr_core.latent.differences import ARRAYS, Difference, Differences
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import Latents, quantise
from inr_core.latent.plan import DEAD_ZONE
from inr_core.models import LatentShape
from inr_core.modes import COMPONENTS

WIDTH, HEIGHT = 19, 13
APART = (  # outliers above, below, on both sides; one value
    Range(0, 0, 0, 1_400, 1_500, 65_535),
    Range(0, 3, 40_000, 40_018, 40_018, 40_018),
    Range(7, 7, 30_000, 34_000, 65_000, 65_535),
    Range.even(777, 777),
)
PEAK = 2**23 - 64  # of random values: with the networks' means no more than a symbol may be


def colours(channels: int, bit_depth: int = 8, width: int = WIDTH, height: int = HEIGHT) -> NDArray[Any]:
    """Slopes, stripes, a disc and noise in integers, (height, width, channels) of all values of a bit depth."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(1).integers(0, 40, (height, width))
    disc = (x - 8) ** 2 + (y - 5) ** 2 < 20
    planes = [x * 200 // width, np.where(disc, 220, y * 160 // height), x // 3 % 2 * 150, np.where(disc, 30, 215)]
    values = np.stack(planes[:channels], axis=2) + noise[..., None]
    return values.astype(np.uint8) if bit_depth == 8 else (values * 257).astype(np.uint16)


def palette(channels: int) -> NDArray[np.uint8]:
    """A dark grey, a light one, a red and a blue; with four channels the first is clear."""
    entries = [[20, 20, 20, 0], [230, 230, 230, 255], [200, 30, 30, 255], [30, 60, 200, 255]]
    return np.array(entries, np.uint8)[:, :channels].copy()


def written(
    mode: str,
    values: Latents,
    number: int = 1,
    metadata: Metadata | None = None,
    ranges: tuple[Range, ...] = (),
) -> bytes:
    """The file of latents for a prior's number."""
    payloads, kept, _ = encode_latents(values, prior.load(number))
    bit_depth = 1 if mode == "1" else kept.bit_depth
    channels = sum(kept.components)
    header = Header(
        kept.width, kept.height, mode, bit_depth, channels, LatentShape(number, kept.step, kept.levels), ranges=ranges
    )
    colours_of_it = palette(channels) if mode == "P" else None
    return chunks.write(header, colours_of_it, metadata or Metadata(), payloads)


def picture(
    mode: str,
    samples: NDArray[Any],
    number: int = 1,
    step: int = 150,
    levels: int = 6,
    own: Differences | None = None,
    metadata: Metadata | None = None,
    ranges: tuple[Range, ...] = (),
    look: bool = False,
) -> bytes:
    """The file of samples (H, W, C) as a quick save makes it, of a step and levels of our choice."""
    height, width, channels = samples.shape
    components = Raster(width, height, mode, 8, channels).components
    quantised = quantise(samples, prior.load(number), components, step, levels, DEAD_ZONE, look)
    return written(mode, replace(quantised, differences=own or {}), number, metadata, ranges)


def random_values(
    mode: str, width: int, height: int, step: int, levels: int, peak: int, number: int = 1, bit_depth: int = 8
) -> bytes:
    """A file of small values wherever, and a few of all magnitudes up to a peak in the finest level."""
    rng = np.random.default_rng(step)

    def values(planes: int, grid: int) -> NDArray[np.int32]:
        shape = planes, -(-height >> grid), -(-width >> grid)
        drawn: NDArray[np.int32] = rng.integers(-6, 7, shape, np.int32)
        return drawn

    components = COMPONENTS[mode]
    lowpass = [values(planes, levels) for planes in components]
    details = [[values(3 * planes, level + 1) for level in range(levels)] for planes in components]
    for (finest, *_), planes in zip(details, components, strict=True):
        finest.reshape(-1)[1 :: 4 + planes] = [
            (-1) ** k * (peak >> k % peak.bit_length()) for k in range(len(finest.reshape(-1)[1 :: 4 + planes]))
        ]
    return written(mode, Latents(width, height, bit_depth, components, step, levels, lowpass, details), number)


def differing(number: int = 1) -> Differences:
    """A few values of every array, each array with a shift of its own."""
    rng = np.random.default_rng(number)
    arrays = prior.to_arrays(prior.load(number))
    own = {}
    for place, name in enumerate(ARRAYS):
        steps = np.zeros(arrays[name].shape, np.int32)
        coded = np.flatnonzero(differences.coded_mask(name, steps.shape))
        steps.reshape(-1)[rng.choice(coded, 5, replace=False)] = rng.integers(1, 4, 5) * (-1) ** np.arange(5)
        own[name] = Difference(steps, place // 2 % 5 + (0 if "_w" in name else 5))
    return own


def widest(number: int = 1) -> Differences:
    """Biases that take every scale and mean of luma to its end, to the other one at every second level."""
    steps = np.ones_like(prior.to_arrays(prior.load(number))["luma_b3"])
    steps[1::2] = -1
    return {"luma_b3": Difference(4 * steps, 20)}


def with_chunks_between(data: bytes, kinds: Sequence[bytes]) -> bytes:
    """The file with an ancillary chunk after each of its first pixel chunks, which every reader skips."""
    at = data.index(b"LATS" if b"LATS" in data else b"STRP") - 4
    out, added = data[:at], 0
    for kind in kinds:
        end = at + 12 + struct.unpack_from("<I", data, at)[0]
        skipped = struct.pack("<I", 3) + kind + b"any" + struct.pack("<I", zlib.crc32(kind + b"any"))
        out, at, added = out + data[at:end] + skipped, end, added + len(skipped)
    head = b"HEAD" + data[17:30] + struct.pack("<I", struct.unpack_from("<I", data, 30)[0] + added)
    return data[:13] + head + struct.pack("<I", zlib.crc32(head)) + out[38:] + data[at:]


def files() -> dict[str, bytes]:
    """Every file by its name."""
    rgb, rgba = colours(3), colours(4)
    places = np.where(rgb[..., 1] > 200, 2, np.where(rgb[..., 0] > 128, 3, rgb[..., 2] > 100))
    metadata = Metadata(comment=b"golden", dpi=(300, 72.5), xmp=b"<x:xmpmeta/>")
    with patch.object(encoding, "GROUP_BITS", 200):
        three = picture("RGBA", rgba, step=130)
    with patch.object(symbols, "LANE_OVERHEAD", 1.0):  # a small file with the many lanes of a large one
        lanes = picture("RGB", colours(3, 8, 33, 17), step=130)
    return {
        "latent_one_bit": picture("1", np.where(rgb[..., 1:2] > 128, 255, 0).astype(np.uint8), step=151),
        "latent_grey": picture("L", rgb[..., 1:2], step=145),
        "latent_grey_alpha": picture("LA", rgba[..., 2:], step=146),
        "latent_grey_alpha_16_bits": picture("LA", colours(4, 16)[..., 2:], step=126),
        "latent_palette": picture("P", palette(3)[places], step=147),
        "latent_palette_alpha": picture("P", palette(4)[places], step=148, metadata=metadata),
        "latent_rgb": picture("RGB", rgb),
        "latent_rgb_16_bits": picture("RGB", colours(3, 16), step=109),
        "latent_rgba": picture("RGBA", rgba, step=153),
        "latent_rgba_16_bits": picture("RGBA", colours(4, 16), step=171),
        "latent_rgb_grey": picture("RGB", rgb[..., 1:2], step=142, look=True),
        "latent_rgb_grey_16_bits": picture("RGB", colours(1, 16), step=118, ranges=(Range.even(30_000, 34_000),)),
        "latent_rgba_grey": picture("RGBA", rgba[..., 2:], step=149),
        "latent_rgba_grey_16_bits": picture("RGBA", colours(4, 16)[..., 2:], step=131),
        "latent_cmyk": picture("CMYK", rgba, step=154),
        "latent_ycbcr": picture("YCbCr", rgb, step=155),
        "latent_lab": picture("LAB", rgb, step=156),
        "latent_grey_16_bits": picture("I;16", colours(1, 16), step=133),
        "latent_range": picture("RGB", colours(3, 16), step=127, ranges=3 * (Range.even(30_000, 34_000),)),
        "latent_ranges": picture("RGBA", colours(4, 16), step=88, ranges=APART),
        "latent_one_pixel": picture("RGB", rgb[:1, :1], step=141),
        "latent_flat": picture("L", np.full((40, 30, 1), 77, np.uint8), levels=1),
        "latent_chunks": with_chunks_between(three, [b"abcd", b"comm"]),
        "latent_lanes": lanes,
        "latent_differences": picture("RGB", rgb, own=differing()),
        "latent_widest": picture("L", rgb[..., 1:2], step=10, own=widest()),
        "latent_tails": random_values("RGB", 27, 18, 60, 3, PEAK),
        "latent_tails_16_bits": random_values("I;16", 21, 24, 136, 2, PEAK, bit_depth=16),
        "latent_finest_step": picture("RGB", colours(3, 16)[:7, :8], step=0),
        "latent_coarsest_step": picture("RGB", colours(3)[::-1] // 220 * 250, step=255, levels=7),
        "latent_one_level": picture("L", rgb[:5, :7, 1:2], step=143, levels=1),
        "latent_long": picture("L", colours(1, 8, 301, 3), step=160, levels=9),
        "latent_deepest": random_values("L", 3, 2, 140, 16, 9),
        "latent_prior_2": picture("RGBA", palette(4)[places], 2, step=159),
        "latent_prior_2_differences": picture("L", palette(1)[places], 2, step=132, own=differing(2)),
        "latent_prior_3": picture("RGBA", rgba, 3, step=139),
        "latent_look": picture("RGB", rgb, step=140, look=True),
        "latent_look_alpha_16_bits": picture("RGBA", colours(4, 16), step=120, look=True),
        "latent_look_differences": picture("RGB", rgb, 2, step=143, own=differing(2), look=True),
        "latent_prior_4": picture("RGB", rgb, 4, step=133, look=True),
        "latent_prior_4_differences": picture("RGBA", rgba, 4, step=151, own=differing(4), look=True),
        "latent_prior_5": picture("RGB", rgb, 5, step=139, look=True),
        "latent_prior_5_differences": picture("RGB", rgb, 5, step=145, own=differing(5), look=True),
        "latent_prior_3_differences": picture("RGB", rgb, 3, step=152, own=differing(3)),
    }
