"""Entropy coders on the same symbols: none, Huffman, zlib (LZ77), LZMA, Zstandard, and the built-in range coder.

The symbols are those of fitted 8-bit networks: every layer's weights, and the masks of a sparse one. Every coder's
bytes are written and read back, and Huffman's and the range coder's tables count. A coder may take each layer's stream
alone or those of one alphabet together, whichever is smaller. An alphabet of more than 4096 symbols, that of a first
layer, is beyond the range coder, and Huffman's table would outweigh it: both leave it as it is.
"""

from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from inr_core.container import zstd
from inr_core.container.chunks import read_head, read_payload
from inr_core.container.fields import FieldReader, pack_bits, unpack_bits, with_length
from inr_core.decoder import describe
from inr_core.entropy import densities
from inr_core.errors import InrError
from inr_core.siren.streams import unpack
from inr_core.siren.weights import alphabet_size
from pillow_inr.bench.entropy import order_0_bytes

from . import huffman, plots
from .conclusions import Conclusion, above, conclude
from .experiment import Count, Plain, Scale, Study
from .fitting import fit_inr, siren_options
from .tensors import pack_range, unpack_range

DENSITIES = (1.0, 0.2)
NONE, HUFFMAN, ZLIB, LZMA, ZSTD, RANGE = "none", "huffman", "zlib", "lzma", "zstandard", "range coder"
GENERAL = (HUFFMAN, ZLIB, LZMA, ZSTD)
LZMA_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "pb": 0}]

Symbols = NDArray[np.intp]


@dataclass(frozen=True)
class Stream:
    """Symbols (N,), each 0 … size − 1."""

    symbols: Symbols
    size: int

    @property
    def bits(self) -> int:
        """Of a symbol, without entropy coding."""
        return max(1, (self.size - 1).bit_length())

    def plain(self) -> bytes:
        """What a general coder is given: eight masked weights a byte, otherwise a symbol in one byte or two."""
        if self.bits == 1:
            return pack_bits(self.symbols, 1)
        return self.symbols.astype("<u2" if self.bits > 8 else "u1").tobytes()

    def from_plain(self, data: bytes) -> Symbols:
        """The inverse, for a stream of this length and size."""
        if self.bits == 1:
            return unpack_bits(data, len(self.symbols), 1, "mask").astype(np.intp)
        return np.frombuffer(data, "<u2" if self.bits > 8 else "u1").astype(np.intp)


@dataclass(frozen=True)
class Row:
    """One coder on one network."""

    picture: str
    density: Plain
    coder: str
    symbol_bytes: Count
    mask_bytes: Count
    bytes: Count
    of_none: Annotated[float, ".4f"]  # `bytes` as a share of those without entropy coding
    streams: str


def _none(stream: Stream) -> tuple[bytes, Symbols]:
    data = pack_bits(stream.symbols, stream.bits)
    return data, unpack_bits(data, len(stream.symbols), stream.bits, "symbols").astype(np.intp)


def _huffman(stream: Stream) -> tuple[bytes, Symbols]:
    if stream.size > densities.MAX_ALPHABET:
        return _none(stream)
    data = huffman.encode(stream.symbols, stream.size)
    return data, huffman.decode(data, stream.size).astype(np.intp)


def _zlib(stream: Stream) -> tuple[bytes, Symbols]:
    squeeze = zlib.compressobj(9, wbits=-15)
    data = squeeze.compress(stream.plain()) + squeeze.flush()
    return data, stream.from_plain(zlib.decompress(data, wbits=-15))


def _lzma(stream: Stream) -> tuple[bytes, Symbols]:
    data = lzma.compress(stream.plain(), lzma.FORMAT_RAW, filters=LZMA_FILTERS)
    return data, stream.from_plain(lzma.decompress(data, lzma.FORMAT_RAW, filters=LZMA_FILTERS))


def _zstd(stream: Stream) -> tuple[bytes, Symbols]:
    plain = stream.plain()
    data = zstd.squeeze(plain)
    return data, stream.from_plain(zstd.expand(data, len(plain), "symbols"))


def _range(stream: Stream) -> tuple[bytes, Symbols]:
    if stream.size > densities.MAX_ALPHABET:
        return _none(stream)
    data = pack_range(stream.symbols, stream.size)
    back = unpack_range(FieldReader(data), len(stream.symbols), stream.size, "symbols")
    return data, back.astype(np.intp)


CODERS: dict[str, Callable[[Stream], tuple[bytes, Symbols]]] = {
    NONE: _none,
    HUFFMAN: _huffman,
    ZLIB: _zlib,
    LZMA: _lzma,
    ZSTD: _zstd,
    RANGE: _range,
}


def coded(coder: str, streams: Sequence[Stream]) -> tuple[int, str]:
    """Bytes of the streams, each behind its length, alone or joined; InrError if they do not come back."""

    def size(parts: Sequence[Stream]) -> int:
        total = 0
        for part in parts:
            data, back = CODERS[coder](part)
            if not np.array_equal(back, part.symbols):
                raise InrError(f"{coder}: expected {len(part.symbols)} symbols back, got others")
            total += len(with_length(data))
        return total

    joined = [
        Stream(np.concatenate([s.symbols for s in streams if s.size == alphabet]), alphabet)
        for alphabet in sorted({s.size for s in streams})
    ]
    return min((size(streams), "by layer"), (size(joined), "joined"))


def network_streams(data: bytes) -> tuple[list[Stream], list[Stream]]:
    """Symbols and masks of an .inr file's layers."""
    head = read_head(io.BytesIO(data))
    shapes = [layer.shape for layer in describe(data).layers]
    layers, _ = unpack(read_payload(head.header, data[head.payload_offset :]), shapes)
    symbols, masks = [], []
    for layer in layers:
        dense = bool(layer.mask.all())
        symbols.append(Stream(layer.codes.astype(np.intp), alphabet_size(layer.kind, layer.bits, dense)))
        if not dense:
            masks.append(Stream(layer.mask.reshape(-1).astype(np.intp), 2))
    return symbols, masks


def run(study: Study) -> None:
    """Every coder on a dense and a sparse network of every picture."""
    rows = study.rows("Entropy coders on the same symbols", Row)
    for picture in study.pictures:
        for density in DENSITIES:
            study.report.say(f"{picture.name}: fitting, density {density:g}")
            fitted = fit_inr(picture.pixels, {**siren_options(study), "density": density})
            symbols, masks = network_streams(fitted.data)
            for row in measure(picture.name, density, symbols, masks):
                rows.add(row)
            least = sum(order_0_bytes(stream.symbols) for stream in (*symbols, *masks))
            study.report.say(f"order-0 entropy of each stream by its own frequencies: {least:,.0f} bytes")
    conclude(study, conclusions(rows))
    plots.lines(
        study.path(".png"),
        "Entropy coders on the same symbols",
        "",
        "bytes, as a share of those without coding",
        plots.panels(
            rows,
            lambda r: (r.picture, f"density {r.density:g}"),
            lambda r: (list(CODERS).index(r.coder), r.of_none),
        ),
        note=study.scaled_down,
        ticks=list(CODERS),
    )


def measure(picture: str, density: float, symbols: Sequence[Stream], masks: Sequence[Stream]) -> list[Row]:
    """A row for each coder."""
    rows: list[Row] = []
    for coder in CODERS:
        (size, grouping), (mask_size, _) = coded(coder, symbols), coded(coder, masks)
        total = size + mask_size
        plain = rows[0].bytes if rows else total
        rows.append(Row(picture, density, coder, size, mask_size, total, total / plain, grouping))
    return rows


def conclusions(rows: Sequence[Row]) -> list[Conclusion]:
    """Zstandard is the best of the general coders; and what the range coder makes of it."""
    found = []
    for name, density in dict.fromkeys((row.picture, row.density) for row in rows):
        at = {r.coder: r.bytes for r in rows if (r.picture, r.density) == (name, density)}
        where = f"{name}, density {density:g}"
        rest = min((coder for coder in GENERAL if coder != ZSTD), key=lambda coder: at[coder])
        saved = 100 * (1 - at[ZSTD] / at[rest])
        claim = "Zstandard is the best of Huffman, zlib, LZMA and Zstandard"
        found.append(above(claim, where, saved, f"the best other one: {rest}", "% of the bytes"))
        saved = 100 * (1 - at[RANGE] / at[ZSTD])
        claim = "the built-in range coder is better than Zstandard (ours, not the study's)"
        found.append(above(claim, where, saved, f"{at[RANGE]:,} and {at[ZSTD]:,} bytes", "% of the bytes"))
    return found


def neurons(scale: Scale) -> float:
    """Of all fits to a picture: the sum of width · (depth − 1)."""
    return len(DENSITIES) * scale.width * (scale.depth - 1)
