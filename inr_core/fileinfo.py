"""What a file says of itself, without evaluating it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .container.chunks import Head, list_chunks, read_head, read_payload, read_payloads
from .decoder import Decoder
from .exact.picture import ExactDecoder
from .exact.prediction import PREDICTOR_NAMES
from .exact.strips import Part
from .latent import prior
from .siren.streams import unpack
from .siren.weights import KIND_NAMES, to_network


@dataclass(frozen=True)
class LayerInfo:
    """One layer of a file. Bytes that the range coder shares between layers are ideal code lengths."""

    name: str
    shape: tuple[int, int]  # (out, in)
    nonzeros: int
    density: float
    kind: str
    bits: int
    mask_coder: str
    mask_bytes: float
    symbol_coder: str
    symbol_bytes: float
    bias_bytes: float


@dataclass(frozen=True)
class PartInfo:
    """Planes of a strip of the exact model that are stored together."""

    strip: int
    planes: int
    predictor: str  # or "mixing coder"
    colours: int  # listed; 0: the samples themselves are stored
    bytes: int


@dataclass(frozen=True)
class FileInfo:
    """Everything there is to know of a file without evaluating it."""

    head: Head
    layers: list[LayerInfo]
    chunks: list[tuple[str, int, int]]  # type, offset, length of the data
    macs: int  # multiply-adds a pixel
    moved: int = 0  # weights of a latent's networks that are not the prior's
    moved_bytes: int = 0  # that they take
    parts: Sequence[PartInfo] = ()


def describe(data: bytes) -> FileInfo:
    """Read a whole file's structure; raises FormatError as decoding would."""
    head = read_head(io.BytesIO(data))
    if head.header.model == "latent":
        differences, size = Decoder(head, data[head.payload_offset :], 1).differences()
        moved = sum(int(np.count_nonzero(difference.steps)) for difference in differences.values())
        return FileInfo(head, [], list_chunks(head, data), prior.load(head.header.prior).macs, moved, size)
    if head.header.model == "exact":
        parts = _parts(head, data)
        return FileInfo(head, [], list_chunks(head, data), 0, parts=parts)
    layers, streams = unpack(read_payload(head.header, data[head.payload_offset :]), head.header)
    to_network(layers, head.header)
    rows = []
    for k, (layer, stream) in enumerate(zip(layers, streams, strict=True)):
        name = "first" if k == 0 else "output" if k == len(layers) - 1 else f"hidden {k}"
        out, into = layer.mask.shape
        count = len(layer.codes)
        rows.append(
            LayerInfo(name, (out, into), count, count / (out * into), KIND_NAMES[layer.kind], layer.bits,
                      stream.mask_coder, stream.mask_bytes, stream.symbol_coder, stream.symbol_bytes, stream.bias_bytes)
        )  # fmt: skip
    return FileInfo(head, rows, list_chunks(head, data), head.header.macs)


def _parts(head: Head, data: bytes) -> list[PartInfo]:
    exact = ExactDecoder(head.header, head.palette, read_payloads(head.header, data[head.payload_offset :]))
    return [
        PartInfo(strip, part.planes, _way(part), part.colours, len(part.stored))
        for strip, parts in enumerate(exact.parts())
        for part in parts
    ]


def _way(part: Part) -> str:
    return "mixing coder" if part.mixed else PREDICTOR_NAMES[part.predictor]
