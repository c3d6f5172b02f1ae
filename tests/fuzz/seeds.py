"""Seeds of the fuzzers: tiny legal files of all models and modes, ordinary and such as no encoder writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cache, lru_cache
from unittest import mock

import numpy as np
from networks import header_of, make_file, make_layers, make_palette
from numpy.typing import NDArray
from toy_prior import smooth_picture

from inr_core import FormatError, Metadata, Range, Settings, describe, encode
from inr_core.container import chunks
from inr_core.container.fields import pack_number
from inr_core.container.header import PLANE_MODES, Header
from inr_core.entropy import rans, symbols
from inr_core.exact import mixed, strips
from inr_core.exact.beside import pack_alpha, pack_ends
from inr_core.exact.planes import strip_shapes, to_planes
from inr_core.exact.tiles import pack_tiles
from inr_core.exact.whole import pack_whole
from inr_core.latent import differences, encoding, latents, prior
from inr_core.latent.differences import ARRAYS, Difference, Differences, coded_mask
from inr_core.models import ExactShape, LatentShape, SirenShape
from inr_core.modes import COMPONENTS, MODE_TABLE
from inr_core.pixels import with_colours
from inr_core.siren import streams
from inr_core.siren.weights import CODEBOOK, HALF, UNIFORM, QuantisedLayer

METADATA = Metadata(
    exif=b"MM\0*\0\0\0\x08" + bytes(60),
    icc=bytes(range(40)),
    xmp=b"<x:xmpmeta/>" * 9,
    comment=b"seed",
    dpi=(72, 72.5),
    text={"Title": "a seed", "Author": "é"},
)
SIZES = ((1, 1), (2, 1), (8, 8), (5, 13), (14, 9), (1, 40))
KINDS = ((UNIFORM, 4, 1.0), (UNIFORM, 8, 0.4), (UNIFORM, 16, 0.5), (CODEBOOK, 3, 1.0), (CODEBOOK, 2, 0.5),
         (HALF, 16, 1.0), (HALF, 16, 0.3), (UNIFORM, 5, 0.0))  # fmt: skip


@cache
def seeds() -> tuple[bytes, ...]:
    """The files, the same ones every time: half a hundred of each model, none of more than a few thousand bytes."""
    return (*_sirens(), *_latents(), *_wild_latents(), *_exact(), *_beside())


@lru_cache(1024)
def kind(data: bytes) -> str:
    """What reads the file: a model, or the mixing coder of the exact one."""
    found = describe(data)
    return "mixing coder" if any(part.predictor == "mixing coder" for part in found.parts) else found.head.header.model


def _sirens() -> Iterator[bytes]:
    k = 0
    for mode, info in MODE_TABLE.items():
        for depth in info.bit_depths:
            for channels in info.channels:
                width, height = SIZES[k % len(SIZES)]
                header = header_of(mode, depth, channels, width=width, height=height, hidden=4, layers=2 + k % 3)
                yield make_file(header, make_layers(header, k, *KINDS[k % len(KINDS)]))
                k += 1
    for k, (kind, bits, density) in enumerate(KINDS):
        header = header_of("RGB", width=6, height=5, hidden=12, layers=3)
        layers = make_layers(header, 90 + k, kind, bits, density)
        yield make_file(header, layers, metadata=METADATA)
        for coder in (streams.RAW, streams.ZSTD, streams.RANGE):
            yield _coded(header, layers, coder, lanes=(1, 4, 32, 64)[k % 4])
    yield make_file(header_of("P", channels=4, width=6, height=6, hidden=3, layers=2), metadata=METADATA)


def _coded(header: Header, layers: list[QuantisedLayer], coder: int, lanes: int) -> bytes:
    """The file of layers with every stream stored one way wherever it can be, and so many lanes if it can."""

    def chosen(choices: list[streams._Stream], without: int | None = None) -> streams._Stream:
        fits = [c for c in choices if c.coder == coder and (c.count or coder != streams.ZSTD)]  # no frame holds nothing
        return (fits or choices)[0]

    def limited(ideal: float, count: int) -> int:
        return min(lanes, 1 << max(count, 1).bit_length() - 1)

    with mock.patch.object(streams, "_smallest", chosen), mock.patch.object(rans, "choose_lanes", limited):
        return make_file(header, layers)


def _latents() -> Iterator[bytes]:
    """What the encoder makes of pictures at effort 0."""
    rng = np.random.default_rng(1)
    for k, (mode, depth, channels) in enumerate(_samples()):
        for quality in (10, 75, 98):
            yield picture(rng, mode, depth, channels, SIZES[k % len(SIZES)], quality)
    yield picture(rng, "RGB", 8, 3, (40, 30), 75)


def _samples() -> Iterator[tuple[str, int, int]]:
    """Every mode with every bit depth and number of channels."""
    for mode in COMPONENTS:
        for depth in MODE_TABLE[mode].bit_depths:
            for channels in MODE_TABLE[mode].channels:
                yield mode, depth, channels


def picture(
    rng: np.random.Generator,
    mode: str,
    depth: int,
    channels: int,
    size: tuple[int, int],
    quality: float,
    model: str = "latent",
) -> bytes:
    """The file of a picture of any mode, without training."""
    width, height = size
    palette = None
    pixels: NDArray[np.unsignedinteger]
    if mode == "P":
        palette = make_palette(channels)
        pixels = rng.integers(0, len(palette), (height, width)).astype(np.uint8)
    elif mode == "1":
        pixels = (255 * rng.integers(0, 2, (height, width))).astype(np.uint8)
    else:
        pixels = with_colours(smooth_picture(rng, height, width, channels, depth), mode)
        pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    settings = Settings(quality=quality, effort=0, threads=1, model=model)
    return encode(pixels, settings, mode=mode, palette=palette, metadata=METADATA)


def _exact() -> Iterator[bytes]:
    rng = np.random.default_rng(3)
    for k, (mode, depth, channels) in enumerate(_samples()):
        yield picture(rng, mode, depth, channels, SIZES[k % len(SIZES)], 75, "exact")
    for _ in range(48):
        yield wild_exact(rng)


def _wild_latents() -> Iterator[bytes]:
    rng = np.random.default_rng(2)
    for _ in range(24):
        yield wild_latent(rng)


def wild(seed: int) -> bytes:
    """A legal file that no encoder would write, another one for every seed."""
    return (wild_siren, wild_latent, wild_exact)[seed % 3](np.random.default_rng(seed))


def wild_siren(rng: np.random.Generator) -> bytes:
    """Any mode and shape, any way to store each stream, multipliers and biases of any size."""
    mode = str(rng.choice(list(MODE_TABLE)))
    info = MODE_TABLE[mode]
    depth, channels = int(rng.choice(info.bit_depths)), int(rng.choice(info.channels))
    width, height = SIZES[rng.integers(len(SIZES))]
    hidden, depth_of_net = int(rng.integers(1, 14)), int(rng.integers(2, 6))
    header = header_of(mode, depth, channels, width=width, height=height, hidden=hidden, layers=depth_of_net)
    header = dataclasses.replace(header, ranges=_ranges(rng, depth, channels))
    layers = make_layers(header, int(rng.integers(2**31)), *KINDS[rng.integers(len(KINDS))])
    layers = [
        dataclasses.replace(
            layer,
            multiplier=max(1, (2**32 - 1) >> int(rng.integers(0, 32))),
            bias_codes=rng.integers(-(2**23), 2**23, len(layer.bias_codes)).astype(np.int32)
            if layer is layers[-1]
            else layer.bias_codes,
        )
        for layer in layers
    ]
    return _coded(header, layers, int(rng.integers(3)), lanes=1 << int(rng.integers(0, 8)))


def wild_latent(rng: np.random.Generator) -> bytes:
    """Few levels, steps of every size, details of any size: what makes a decoder's sums large."""
    mode = str(rng.choice(list(COMPONENTS)))
    depth, channels = int(rng.choice(MODE_TABLE[mode].bit_depths)), int(rng.choice(MODE_TABLE[mode].channels))
    width, height = SIZES[rng.integers(len(SIZES))]
    step = int(rng.choice((0, 1, 40, 120, 160, 200, 254, 255)))
    levels = int(rng.choice((1, 2, 3, 16), p=(0.5, 0.3, 0.17, 0.03)))
    ranges = _ranges(rng, depth, channels)
    header = Header(width, height, mode, depth, channels, LatentShape(1, step, levels), ranges=ranges)
    components = header.components
    noise = rng.integers(0, 2 ** max(8, depth), (height, width, sum(components)))
    samples: NDArray[np.unsignedinteger] = noise.astype(np.uint16 if depth == 16 else np.uint8)
    look = bool(rng.random() < 0.3)
    picture = latents.quantise(samples, prior.load(1), components, step, levels, look=look)
    top = int(rng.choice((1, 3, 300, 2**15, 2**22)))
    for bands in picture.details:
        for band in bands:
            wide = rng.integers(-top, top + 1, band.shape) >> rng.integers(0, 20, band.shape)
            np.copyto(band, wide, where=rng.random(band.shape) < 0.5)
    extreme = rng.random() < 0.2
    for plane in picture.lowpass:
        np.clip(plane, -(2**20), 2**20, out=plane)
        if extreme:
            plane[:] = rng.integers(-(2**23), 2**23, plane.shape)
    if rng.random() < 0.3:
        picture = dataclasses.replace(picture, differences=_differences(rng))
    with (
        mock.patch.object(
            encoding, "GROUP_BITS", int(rng.choice((0, encoding.GROUP_BITS)))
        ),  # 0: a chunk for each level
        mock.patch.object(symbols, "MIN_LANES", 1),
        mock.patch.object(symbols, "LANE_OVERHEAD", 0.5),
    ):
        payloads = encoding.encode_latents(picture, prior.load(1))[0]
    palette = make_palette(channels) if mode == "P" else None
    return chunks.write(header, palette, Metadata(), payloads)


def _beside() -> Iterator[bytes]:
    rng = np.random.default_rng(4)
    for model in ("latent", "siren"):
        for plane, modes in PLANE_MODES.items():
            for mode in modes:
                for depth in MODE_TABLE[mode].bit_depths:
                    if plane == "tiles" and (model, depth) != ("latent", 8):
                        continue
                    yield wild_beside(rng, model, plane, mode, depth)


def wild_beside(rng: np.random.Generator, model: str, plane: str, mode: str, depth: int) -> bytes:
    """A plane of noise, or of little else than its ends, or tiles of noise, beside a model."""
    width, height = SIZES[rng.integers(len(SIZES))]
    channels, top = MODE_TABLE[mode].channels[0], 1 << depth
    parameters = LatentShape(1, 120, 2) if model == "latent" else SirenShape(4, 3)
    header = Header(width, height, mode, depth, channels, parameters, plane=plane)
    noise = rng.integers(0, top, (height, width, channels))
    samples: NDArray[np.unsignedinteger] = noise.astype(np.uint16 if depth == 16 else np.uint8)
    if plane == "alpha":
        payloads = [pack_alpha(samples[..., -1], 3)]
    elif plane == "tiles":
        tiles = rng.integers(0, 2, (-(-height // 8), -(-width // 8))) > 0
        payloads = [pack_tiles(tiles, 3, pack_whole(to_planes(samples, mode), 256, (channels,), 3, True), 3)]
    else:
        low, high = sorted(int(value) for value in rng.integers(0, top - 2, 2))
        payloads = [pack_ends(samples[..., -1].clip(low, high + 2), low, high + 2, 3)]
    if model == "latent":
        coded = np.ascontiguousarray(samples[..., : header.coded])
        payloads += encoding.encode_latents(
            latents.quantise(coded, prior.load(1), header.components, 120, 2), prior.load(1)
        )[0]
    else:
        payloads.append(streams.pack(make_layers(header, int(rng.integers(2**31)))))
    return chunks.write(header, None, Metadata(), payloads)


def wild_exact(rng: np.random.Generator) -> bytes:
    """Few colours or many, planes together or apart, each part stored in any way."""
    every = list(_samples())
    mode, depth, channels = every[rng.integers(len(every))]
    width, height = SIZES[rng.integers(len(SIZES))]
    header = Header(width, height, mode, depth, channels, ExactShape())
    (shape,) = strip_shapes(header)
    palette = make_palette(channels) if mode == "P" else None
    top = shape.size if palette is None else len(palette)
    kind = np.uint16 if depth == 16 else np.uint8
    samples = rng.integers(0, top, (shape.planes, height, width))
    if rng.random() < 0.5:
        few = rng.integers(0, top, (shape.planes, rng.choice((1, 2, 3, 9, 40))))
        samples = few[:, rng.integers(0, few.shape[1], (height, width))]
    planes: NDArray[np.unsignedinteger] = samples.astype(kind)
    payload, first = b"", 0
    while first < shape.planes:
        own = planes[first : first + int(rng.integers(1, shape.planes - first + 1))]
        ways = [*strips._listed(own, shape.size), *strips._plain(own, shape.size)]
        head, body = ways[rng.integers(len(ways))]
        part = strips._part(head, body, 3) if rng.random() < 0.6 else head + pack_number(0) + body
        if rng.random() < 0.5:
            with mock.patch.object(mixed, "_ways", mock.Mock(return_value=(rng.random() < 0.5,))):
                part = strips._mixed(own, shape.size) or part
        payload += part
        first += len(own)
    return chunks.write(header, palette, Metadata(), payload)


def _ranges(rng: np.random.Generator, depth: int, channels: int) -> tuple[Range, ...]:
    """Of half the pictures of 16 bits: from one value to the whole scale, with outliers far and near."""
    if depth != 16 or rng.random() < 0.5:
        return ()
    fields = np.sort(rng.integers(0, 65_536, (channels, 6)) >> rng.integers(0, 17, (channels, 6)))
    return tuple(Range(*row) for row in fields.tolist())


def _differences(rng: np.random.Generator) -> Differences:
    """Sparse differences of a few arrays to the prior's, of any size that keeps the networks exact."""
    arrays = prior.to_arrays(prior.load(1))
    found = {}
    for name in rng.permutation(ARRAYS)[: rng.integers(1, 4)]:
        shape = arrays[name].shape
        steps = rng.integers(-3, 4, shape) * (rng.random(shape) < 0.02) * coded_mask(str(name), shape)
        found[str(name)] = Difference(steps.astype(np.int32), int(rng.integers(0, 8)))
    try:
        differences.adapted(prior.load(1), found)
    except FormatError:
        return {}
    return found
