"""The golden files of the exact model, every mode and every way to store planes, and of planes beside other models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
from latent_golden import colours, palette, with_chunks_between
from networks import make_layers
from numpy.typing import NDArray

from inr_core import Metadata, Settings, encode
from inr_core.container import chunks
from inr_core.container.header import Header
from inr_core.exact import mixed as mixed_parts
from inr_core.exact import strips
from inr_core.exact.beside import pack_alpha, pack_ends
from inr_core.exact.planes import to_planes
from inr_core.exact.tiles import pack_tiles
from inr_core.exact.whole import pack_whole
from inr_core.kernels import mixing
from inr_core.latent import prior
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import quantise
from inr_core.latent.plan import DEAD_ZONE
from inr_core.models import ExactShape, LatentShape, SirenShape
from inr_core.modes import MODE_TABLE
from inr_core.siren.streams import pack


def picture(mode: str, pixels: NDArray[Any], metadata: Metadata | None = None, columns: int = 3) -> bytes:
    """The file of pixels as they are saved."""
    entries = palette(columns) if mode == "P" else None
    with patch.object(strips, "_mixed", return_value=None):
        return encode(pixels, Settings(lossless=True, threads=1), mode=mode, palette=entries, metadata=metadata)


def mixed(mode: str, pixels: NDArray[Any], asks: bool) -> bytes:
    """The file of pixels by the mixing coder, which asks for them or not."""
    with patch.object(mixed_parts, "_ways", return_value=(asks,)), patch.object(strips, "COMPARED", 0):
        entries = palette(3) if mode == "P" else None
        return encode(pixels, Settings(lossless=True, threads=1), mode=mode, palette=entries)


def stored(mode: str, pixels: NDArray[Any], groups: Sequence[int], ways: Sequence[int], packed: bool = True) -> bytes:
    """The file of pixels whose planes are stored in chosen ways: the low bits of each part's flags."""
    planes, depth = to_planes(pixels, mode), MODE_TABLE[mode].bit_depths[-1] if pixels.dtype == np.uint16 else 8
    size = 1 << (1 if mode == "1" else depth)
    payload, first = b"", 0
    for count, way in zip(groups, ways, strict=True):
        own = planes[first : first + count]
        every = [*strips._listed(own, size), *strips._plain(own, size)]
        head, body = next(found for found in every if found[0][0] & 15 == way)
        payload += strips._part(head, body, 19) if packed else head + b"\0" + body
        first += count
    height, width = planes.shape[1:]
    channels = MODE_TABLE[mode].channels[0]
    header = Header(width, height, mode, 1 if mode == "1" else depth, channels, ExactShape())
    return chunks.write(header, palette(3) if mode == "P" else None, Metadata(), payload)


def beside(mode: str, samples: NDArray[Any], plane: str, low: int = 0, high: int = 0, model: str = "latent") -> bytes:
    """The file of samples (H, W, C) with a plane beside what a model makes of the others."""
    height, width, channels = samples.shape
    depth = 8 * samples.itemsize
    last = samples[..., -1]
    with patch.object(strips, "_mixed", return_value=None):
        payloads = [pack_alpha(last, 19) if plane == "alpha" else pack_ends(last, low, high, 19)]
    parameters = LatentShape(1, 150, 6) if model == "latent" else SirenShape(5, 3)
    header = Header(width, height, mode, depth, channels, parameters, plane=plane)
    if model == "latent":
        coded = np.ascontiguousarray(samples[..., : header.coded])
        values = quantise(coded, prior.load(1), header.components, 150, 6, DEAD_ZONE)
        payloads += encode_latents(values, prior.load(1))[0]
    else:
        payloads.append(pack(make_layers(header, 1, bits=6)))
    return chunks.write(header, None, Metadata(), payloads)


def tiled(mode: str, samples: NDArray[Any], side_bits: int, tiles: Any, asks: bool | None = None) -> bytes:
    """The file of samples (H, W, C) with tiles beside a pyramid, by the mixing coder, asking or not, or without it."""
    height, width, channels = samples.shape
    chosen = np.array(tiles, bool)
    with patch.object(strips, "_mixed", return_value=None):
        packed = pack_tiles(chosen, side_bits, b"", 19)
        planes = to_planes(samples, mode)
        if asks is None:
            packed += pack_whole(planes, 256, (channels,), 19, may_mix=False)
    if asks is not None:
        body = mixing.write_pixels(mixed_parts.joined(planes), channels, 8, asks)
        assert body is not None
        packed += strips.mixed_part(channels, asks, body)
    header = Header(width, height, mode, 8, channels, LatentShape(1, 150, 6), plane="tiles")
    coded = np.ascontiguousarray(samples[..., : header.coded])
    values = quantise(coded, prior.load(1), header.components, 150, 6, DEAD_ZONE)
    return chunks.write(header, None, Metadata(), [packed, *encode_latents(values, prior.load(1))[0]])


def tiled_files() -> dict[str, bytes]:
    """Every file with tiles by its name."""
    rgba, large = colours(4, 8, 41, 30), colours(3, 8, 67, 50)
    checked = np.indices((7, 9)).sum(0) % 2
    made = {
        "rgb": tiled("RGB", large, 3, checked, True),
        "rgba": tiled("RGBA", rgba, 4, [[1, 0, 0], [0, 1, 1]], False),
        "grey": tiled("L", large[..., :1].copy(), 5, [[0, 1, 1], [0, 0, 1]]),
        "grey_alpha": tiled("LA", rgba[..., 2:].copy(), 8, [[1]]),
        "rgb_grey": tiled("RGB", large[..., 1:2].copy(), 3, 1 - checked, True),
        "none": tiled("RGB", rgba[..., :3].copy(), 6, [[0]], True),
    }
    return {f"beside_tiles_{name}": data for name, data in made.items()}


def beside_files() -> dict[str, bytes]:
    """Every file with such a plane by its name."""
    rgba, deep, wide = colours(4), colours(4, 16), colours(4, 8, 41, 30)
    y, x = np.mgrid[:13, :19]
    slope = np.clip(40 * (x - y), 0, 230).astype(np.uint8)  # flat at both ends
    soft, softer = rgba.copy(), deep[..., 2:].copy()
    soft[..., 3], softer[..., 1] = slope, slope * np.uint16(257)
    made = {
        "alpha": beside("RGBA", wide, "alpha"),
        "alpha_16_bits": beside("LA", deep[..., 2:], "alpha"),
        "ends": beside("RGBA", soft, "ends", 0, 230),
        "ends_16_bits": beside("LA", softer, "ends", 0, 230 * 257),
        "ends_of_grey": beside("L", slope[..., None], "ends", 0, 230),
        "ends_of_grey_16_bits": beside("I;16", softer[..., 1:], "ends", 40 * 257, 200 * 257),
        "alpha_siren": beside("LA", wide[..., 2:], "alpha", model="siren"),
        "ends_siren": beside("RGBA", soft, "ends", 0, 230, model="siren"),
    }
    return {f"beside_{name}": data for name, data in made.items()}


def files() -> dict[str, bytes]:
    """Every file by its name."""
    rgb, rgba, deep = colours(3), colours(4), colours(4, 16)
    places = np.where(rgb[..., 1] > 200, 2, np.where(rgb[..., 0] > 128, 3, rgb[..., 2] > 100)).astype(np.uint8)
    many = np.arange(100, dtype=np.uint8).repeat(3).reshape(-1, 3) * np.array([2, 1, 3], np.uint8)
    metadata = Metadata(comment=b"golden", dpi=(300, 72.5), xmp=b"<x:xmpmeta/>")
    made = {
        "one_bit": picture("1", np.where(rgb[..., 1] > 128, 255, 0).astype(np.uint8)),
        "grey": picture("L", rgb[..., 1]),
        "grey_alpha": picture("LA", rgba[..., 2:]),
        "grey_alpha_16_bits": picture("LA", deep[..., 2:]),
        "palette": picture("P", places),
        "palette_alpha": picture("P", places, metadata, 4),
        "rgb": picture("RGB", rgb),
        "rgb_16_bits": picture("RGB", deep[..., :3]),
        "rgba": picture("RGBA", rgba),
        "rgba_16_bits": picture("RGBA", deep),
        "rgb_grey": picture("RGB", rgb[..., [1, 1, 1]]),
        "rgb_grey_16_bits": picture("RGB", deep[..., [1, 1, 1]]),
        "rgba_grey": picture("RGBA", rgba[..., [2, 2, 2, 3]]),
        "rgba_grey_16_bits": picture("RGBA", deep[..., [2, 2, 2, 3]]),
        "cmyk": picture("CMYK", rgba),
        "ycbcr": picture("YCbCr", rgb),
        "lab": picture("LAB", rgb),
        "grey_16_bits": picture("I;16", deep[..., 0]),
        "one_pixel": picture("RGB", rgb[:1, :1]),
        "one_colour": picture("RGBA", np.full((40, 30, 4), (9, 8, 7, 0), np.uint8)),
        "three_colours": picture("RGB", palette(3)[places % 3]),
        "100_colours": picture("RGB", many[rgb[..., 0] * np.uint32(100) // 256]),
        "chunk_after": with_chunks_between(picture("L", rgb[..., 1]), [b"abcd"]),
        "unpacked": stored("RGBA", rgba, (3, 1), (11, 3), packed=False),
        "unpacked_16_bits": stored("RGBA", deep, (3, 1), (11, 3), packed=False),
    }
    window = np.full((30, 90, 3), 240, np.uint8)
    window[3:9, 8:60:2] = window[18:24, 8:60:2] = many[17]
    window[20:, 71:] = rgb[:10, :19]
    made |= {
        "mixed_rgb": mixed("RGB", window, True),
        "mixed_samples": mixed("RGB", rgb, False),
        "mixed_rgba_16_bits": mixed("RGBA", deep, False),
        "mixed_grey_16_bits": mixed("I;16", deep[..., 0] // 4096 * np.uint16(17), True),
        "mixed_grey_alpha": mixed("LA", rgba[..., 2:] // 60, True),
        "mixed_palette": mixed("P", places, True),
        "mixed_one_bit": mixed("1", (places % 2) * np.uint8(255), True),
        "mixed_one_pixel": mixed("CMYK", rgba[:1, :1], True),
    }
    for predictor, name in enumerate(("none", "left", "above", "median")):
        made[f"{name}_wide"] = stored("RGBA", deep, (3, 1), (8 + predictor, predictor))
        made[f"{name}_places"] = stored("RGB", palette(3)[places % 3], (3,), (4 + predictor,))
        made[f"{name}_bits"] = stored("1", (places % 2) * np.uint8(255), (1,), (predictor,))
        made[f"{name}_12_colours"] = stored("RGB", many[rgb[..., 0] // 22], (3,), (4 + predictor,))
        made[f"{name}_four"] = stored("RGBA", rgba, (4,), (8 + predictor,))
    return {f"exact_{name}": data for name, data in made.items()} | beside_files() | tiled_files()
