"""How near the stored streams come to the empirical entropy of symbols and masks.

The entropy is of order 0, each layer by its own frequencies, which a decoder would have to be told: on short streams no
coder reaches it. Every stream is put through Zstandard and through the range coder, and the file keeps the smaller. The
range coder's streams share one payload, so theirs are ideal code lengths, with the nodes of their densities; the last
row has the bytes that are really written, by each coder alone and in the file. An alphabet of more than 4096 codes is
beyond the range coder: its totals then have that stream as it is stored.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inr_core.container import zstd
from inr_core.container.chunks import SIGNATURE, read_head, read_payload
from inr_core.container.fields import pack_number, with_length
from inr_core.decoder import describe
from inr_core.encoder import encode
from inr_core.entropy import densities
from inr_core.entropy import rans as rc
from inr_core.fileinfo import LayerInfo
from inr_core.settings import Settings
from inr_core.siren.streams import unpack
from inr_core.siren.weights import QuantisedLayer, alphabet_size

from . import options
from .pictures import load, samples
from .report import Cell, Report

COLUMNS = {
    "file": "",
    "layer": "",
    "stream": "",
    "count": ",d",
    "entropy_bytes": ",.1f",
    "zstd_bytes": ",d",
    "range_bytes": ",.1f",
    "stored_bytes": ",.1f",
    "coder": "",
    "ratio": ".4f",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Pictures or files, and the network to fit to a picture."""
    text = "(default: %(default)s)"
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="PICTURE-or-.inr", help="a picture, which is fitted first, or a file"
    )
    options.add_crop(parser)
    options.add_layers(parser)
    parser.add_argument("--density", type=float, default=0.2, metavar="X", help=f"of the weights {text}")
    parser.add_argument("--bits", type=int, default=8, metavar="N", help=f"of a weight {text}")
    options.add_fit(parser)


def run(args: argparse.Namespace, report: Report) -> None:
    """A table with every stream, and the totals, of each file."""
    title = "Bytes of the network's streams (ratio: stored against entropy)"
    table = report.table("entropy", title, COLUMNS)
    for path in args.files:
        for row in _rows(path.stem, _data(args, report, path)):
            report.add(table, row)


def _data(args: argparse.Namespace, report: Report, path: Path) -> bytes:
    with path.open("rb") as fp:
        if fp.read(len(SIGNATURE)) == SIGNATURE:
            fp.seek(0)
            return fp.read()
    settings = Settings.from_options({**options.fit_options(args), "model": options.SIREN, "bits": args.bits})
    pixels = samples(load(path, args.crop))
    report.say(f"{path.stem}: fitting {args.depth} layers × {args.width}, density {args.density:g}, {args.bits} bits")
    return encode(pixels, settings)


def order_0_bytes(symbols: NDArray[np.intp]) -> float:
    """The empirical entropy of symbols (N,), each 0 …, in bytes."""
    counts = np.bincount(symbols)
    counts = counts[counts > 0]
    return float(counts @ np.log2(len(symbols) / counts)) / 8


@dataclass(frozen=True)
class _Stream:
    """A mask or a layer's codes, as each coder sees it."""

    layer: str
    name: str  # "mask" or "symbols"
    symbols: NDArray[np.intp]
    wide: bytes  # what Zstandard is given
    nodes: bytes  # what tells the range coder's decoder the table
    table: NDArray[np.integer[Any]] | None  # frequencies; None: an alphabet too large for the range coder
    stored: float
    coder: str

    @property
    def entropy(self) -> float:
        """Bytes, of order 0."""
        return order_0_bytes(self.symbols)

    @property
    def zstd(self) -> int:
        """Bytes of its Zstandard frame and the frame's length."""
        return len(with_length(zstd.squeeze(self.wide)))

    @property
    def ranged(self) -> float | None:
        """Bytes of its nodes, and its ideal code length."""
        if self.table is None:
            return None
        return len(self.nodes) + densities.code_length(self.table[self.symbols]) / 8


def _streams(layer: QuantisedLayer, info: LayerInfo) -> list[_Stream]:
    """The symbols, after the mask where some weight is zero."""
    streams = []
    dense = bool(layer.mask.all())
    if not dense:
        flags = layer.mask.reshape(-1)
        table = densities.quantise_frequencies(np.bincount(flags, minlength=2))
        wide = np.packbits(flags).tobytes()
        mask = flags.astype(np.intp)
        streams.append(_Stream(info.name, "mask", mask, wide, b"", table, info.mask_bytes, info.mask_coder))
    codes = layer.codes.astype(np.intp)
    wide = layer.codes.astype("<u2" if layer.bits > 8 else "u1").tobytes()
    size = alphabet_size(layer.kind, layer.bits, dense)
    nodes, frequencies = b"", None
    if size <= densities.MAX_ALPHABET:
        density = densities.fit_density(codes, size)
        nodes, frequencies = with_length(density), densities.density_frequencies(density, size)
    symbols = _Stream(info.name, "symbols", codes, wide, nodes, frequencies, info.symbol_bytes, info.symbol_coder)
    return [*streams, symbols]


def _range_total(streams: Sequence[_Stream]) -> float:
    """Bytes of all streams when the range coder writes every one that it can."""
    starts: list[NDArray[np.integer[Any]]] = [np.zeros(0, np.int64)]
    freqs: list[NDArray[np.integer[Any]]] = [np.zeros(0, np.int64)]
    others = 0.0
    for stream in streams:
        if stream.table is None:
            others += stream.stored
            continue
        starts.append((np.cumsum(stream.table) - stream.table)[stream.symbols])
        freqs.append(stream.table[stream.symbols])
    freq = np.concatenate(freqs)
    lanes = rc.choose_lanes(densities.code_length(freq) / 8, len(freq))
    payload = rc.encode(np.concatenate(starts), freq, lanes)
    return others + len(payload) + sum(len(stream.nodes) for stream in streams)


def _rows(name: str, data: bytes) -> list[dict[str, Cell]]:
    head = read_head(io.BytesIO(data))
    network = read_payload(head.header, data[head.payload_offset :])
    infos = describe(data).layers
    layers, _ = unpack(network, [info.shape for info in infos])
    streams = [s for layer, info in zip(layers, infos, strict=True) for s in _streams(layer, info)]

    def row(layer: str, stream: str, parts: Sequence[_Stream], coder: str) -> dict[str, Cell]:
        ranged = [part.ranged for part in parts]
        if len(parts) > 1:
            ranged = [part.stored if size is None else size for part, size in zip(parts, ranged, strict=True)]
        stored = sum(part.stored for part in parts)
        entropy = sum(part.entropy for part in parts)
        return {
            "file": name,
            "layer": layer,
            "stream": stream,
            "count": sum(len(part.symbols) for part in parts),
            "entropy_bytes": entropy,
            "zstd_bytes": sum(part.zstd for part in parts),
            "range_bytes": None if None in ranged else sum(size or 0 for size in ranged),
            "stored_bytes": stored,
            "coder": coder,
            "ratio": stored / entropy if entropy else None,
        }

    rows = [row(s.layer, s.name, [s], s.coder) for s in streams]
    by_name = {name: [s for s in streams if s.name == name] for name in ("mask", "symbols")}
    rows += [row("all", name, parts, "smaller") for name, parts in by_name.items() if parts]
    rows.append(row("all", "both", streams, "smaller"))
    written = float(len(network) - _other_bytes(layers, infos))
    total = row("all", "as written", streams, "smaller")
    entropy = float(total["entropy_bytes"] or 0)
    ratio = written / entropy if entropy else None
    return [*rows, {**total, "range_bytes": _range_total(streams), "stored_bytes": written, "ratio": ratio}]


def _other_bytes(layers: Sequence[QuantisedLayer], infos: Sequence[LayerInfo]) -> float:
    """Bytes of the network chunk besides its streams: records, codebooks and biases."""
    total = 1.0  # lanes
    for layer, info in zip(layers, infos, strict=True):
        codebook = 0 if layer.codebook is None else 2 * len(layer.codebook)
        record = 3 + len(pack_number(layer.multiplier)) + len(pack_number(len(layer.codes)))
        total += record + codebook + info.bias_bytes
    return total
