"""Small networks with seeded weights, as files: every mode and every way to store a layer, without any training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inr_core.container import chunks
from inr_core.container.header import Header
from inr_core.container.metadata import Metadata
from inr_core.models import LatentShape, SirenShape
from inr_core.modes import MODE_TABLE
from inr_core.siren import streams
from inr_core.siren.weights import CODEBOOK, HALF, UNIFORM, QuantisedLayer, half_codes, half_values, uniform_codes


def header_of(
    mode: str,
    bit_depth: int | None = None,
    channels: int | None = None,
    *,
    width: int = 24,
    height: int = 16,
    hidden: int = 8,
    layers: int = 4,
) -> Header:
    """A header of any mode, by default of its usual samples."""
    info = MODE_TABLE[mode]
    depth, outputs = bit_depth or info.bit_depths[0], channels or info.channels[0]
    return Header(width, height, mode, depth, outputs, SirenShape(hidden, layers))


def siren_of(header: Header) -> SirenShape:
    """The parameters of a siren's header."""
    assert isinstance(header.parameters, SirenShape)
    return header.parameters


def latent_of(header: Header) -> LatentShape:
    """The parameters of a pyramid's header."""
    assert isinstance(header.parameters, LatentShape)
    return header.parameters


def shapes_of(header: Header) -> tuple[tuple[int, int], ...]:
    """(out, in) of a siren's linear layers."""
    return siren_of(header).linear(header.coded)


def make_layers(
    header: Header, seed: int = 0, kind: int = UNIFORM, bits: int = 8, density: float = 1.0
) -> list[QuantisedLayer]:
    """Gaussian weights, scaled so that phases span about a turn and samples most of their range."""
    rng = np.random.default_rng(seed)
    shapes = shapes_of(header)
    return [make_layer(rng, header, k, kind, bits, density) for k in range(len(shapes))]


def make_layer(
    rng: np.random.Generator, header: Header, k: int, kind: int = UNIFORM, bits: int = 8, density: float = 1.0
) -> QuantisedLayer:
    """Layer k of `make_layers`. round(density · weights) of them are not zero."""
    shape = shapes_of(header)[k]
    last = k == siren_of(header).layers - 1
    mask = np.zeros(shape, np.bool_)
    mask.reshape(-1)[rng.permutation(mask.size)[: round(density * mask.size)]] = True
    codes, codebook, rms = _codes(rng, mask, kind, bits)
    spread = rms * 361 * max(1, density * shape[1]) ** 0.5  # of an accumulator: a sine's RMS is 361 of 511
    if k == 0:
        multiplier = 0.6 * 2**16 / rms
    elif last:
        multiplier = 70 * 2**24 / spread * (257 if header.bit_depth == 16 else 1)
    else:
        multiplier = 0.2 * 2**32 / spread
    biases = rng.normal(128, 8, shape[0]) * 2**14 if last else rng.integers(0, 2**10, shape[0])
    bias_codes = biases.astype(np.int32)
    return QuantisedLayer(mask, codes, kind, bits, max(1, round(multiplier)), bias_codes, 24 if last else 10, codebook)


def _codes(
    rng: np.random.Generator, mask: NDArray[np.bool_], kind: int, bits: int
) -> tuple[NDArray[np.uint16], NDArray[np.int32] | None, float]:
    """Codes of Gaussian weights, their codebook, and the root mean square of the integers they stand for."""
    normal = rng.normal(0, 1 / 3, np.count_nonzero(mask)).clip(-1, 1)
    if kind == HALF:
        codes = half_codes(normal)
        return codes, None, _rms(half_values(codes.astype(np.int32)))
    if kind == CODEBOOK:
        codebook = np.sort(rng.integers(-4000, 4001, 2**bits)).astype(np.int32)
        codes = np.rint((normal + 1) / 2 * (2**bits - 1)).astype(np.uint16)
        return codes, codebook, _rms(codebook[codes])
    top = 2 ** (bits - 1) - 1
    values = np.rint(normal * top).astype(np.int32)
    dense = bool(mask.all())
    if not dense:
        values[values == 0] = 1
    return uniform_codes(values, bits, dense), None, _rms(values)


def _rms(values: NDArray[np.int32]) -> float:
    return float(np.sqrt(np.mean(values.astype(np.float64) ** 2))) if values.any() else 1.0


def make_file(
    header: Header,
    layers: list[QuantisedLayer] | None = None,
    palette: NDArray[np.uint8] | None = None,
    metadata: Metadata | None = None,
) -> bytes:
    """The file of `layers`, by default `make_layers`; mode P gets a palette of eight colours."""
    if header.mode == "P" and palette is None:
        palette = make_palette(header.channels)
    network = streams.pack(make_layers(header) if layers is None else layers)
    return chunks.write(header, palette, metadata or Metadata(), network)


def make_palette(channels: int) -> NDArray[np.uint8]:
    """The corners of the colour cube, two of them half clear if there are four channels."""
    corners = np.array([[255 * (k >> c & 1) for c in range(3)] + [255] for k in range(8)], np.uint8)
    corners[:2, 3] = 128
    return corners[:, :channels].copy()
