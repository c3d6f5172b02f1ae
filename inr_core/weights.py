"""Quantised layers ↔ bytes: masks and symbols, each stream by Zstandard or the range coder, whichever is smaller.

The layout is specified in FORMAT.md, section "The network".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import zstandard
from numpy.typing import NDArray

from . import fixedpoint as fx
from . import rangecoder as rc
from .container import Header, zstd_expand
from .errors import FormatError
from .network import Layer, Network

UNIFORM, CODEBOOK, HALF = 0, 1, 2  # what a symbol stands for
KIND_NAMES = ("uniform", "codebook", "float16")
RAW, ZSTD, RANGE, NONE = 0, 1, 2, 3  # how a stream is stored; NONE: a mask without zeros needs no stream
CODER_NAMES = ("raw", "zstd", "range", "none")
HALF_ONE = 14  # a float16 weight of 1.0, the largest allowed, is the integer 2**14
MAX_CODEBOOK_VALUE = 2**15 - 1


@dataclass(frozen=True)
class QuantizedLayer:
    """One layer as it is stored."""

    mask: NDArray[np.bool_]  # (out, in): where weights are not zero
    codes: NDArray[np.uint16]  # (nonzeros,) in row order: see `_values`
    kind: int
    bits: int  # of a code
    multiplier: int  # 1 … 2**32 − 1
    bias_codes: NDArray[np.int32]  # (out,): hidden: 0 … 2**bias_bits − 1 of a turn; output: signed, 16 bits
    bias_bits: int
    codebook: NDArray[np.int32] | None = None  # (2**bits,) of kind CODEBOOK

    def weights(self) -> NDArray[np.int32]:
        """Integer weights (out, in)."""
        values = np.zeros(self.mask.shape, np.int32)
        values[self.mask] = self._values()
        return values

    def _values(self) -> NDArray[np.int32]:
        codes = self.codes.astype(np.int32)
        if self.kind == UNIFORM:
            return uniform_values(codes, self.bits, dense=bool(self.mask.all()))
        if self.kind == CODEBOOK:
            assert self.codebook is not None
            return self.codebook[codes]
        return half_values(codes)


def uniform_values(codes: NDArray[np.int32], bits: int, dense: bool) -> NDArray[np.int32]:
    """Codes 0 … of a symmetric uniform quantiser → values ±(2**(bits−1) − 1); a masked layer has no code for zero."""
    values = codes - (2 ** (bits - 1) - 1)
    return values if dense else values + (values >= 0)


def uniform_codes(values: NDArray[np.int32], bits: int, dense: bool) -> NDArray[np.uint16]:
    """The inverse of `uniform_values`; a masked layer's values must not be zero."""
    codes = values if dense else values - (values > 0)
    return (codes + (2 ** (bits - 1) - 1)).astype(np.uint16)


def half_values(codes: NDArray[np.int32]) -> NDArray[np.int32]:
    """IEEE binary16 bit patterns in [−1, 1] → integers: the value times 2**14, towards zero."""
    exponent = (codes >> 10) & 31
    significand = (codes & 1023) + np.where(exponent > 0, 1024, 0)
    shift = np.maximum(exponent, 1) - (25 - HALF_ONE)
    magnitude = (significand << np.maximum(shift, 0)) >> np.maximum(-shift, 0)
    return np.where(codes & 0x8000, -magnitude, magnitude).astype(np.int32)


def alphabet_size(kind: int, bits: int, dense: bool) -> int:
    """How many codes a layer's symbols may have."""
    return 2**bits - (1 if dense else 2) if kind == UNIFORM else 2**bits


def to_network(layers: Sequence[QuantizedLayer], header: Header) -> Network:
    """Integer layers the decoder evaluates; raises FormatError where a row's sum breaks the arithmetic's bound."""
    built = []
    for k, layer in enumerate(layers):
        weight = layer.weights()
        row = int(np.abs(weight.astype(np.int64)).sum(1).max(initial=0))
        if row > fx.ROW_LIMIT:
            raise FormatError(f"layer {k}: expected rows of Σ|w| up to {fx.ROW_LIMIT}, got {row}")
        if k < len(layers) - 1:
            bias = layer.bias_codes.astype(np.int64) << (32 - layer.bias_bits)
        else:
            scale = 257 if header.bit_depth == 16 else 1  # 16-bit samples are 257 times their 8-bit value
            unit = scale << (fx.OUTPUT_SHIFT - fx.OUTPUT_BIAS_BITS)
            bias = layer.bias_codes.astype(np.int64) * unit + 2 ** (fx.OUTPUT_SHIFT - 1)  # rounds half up
        built.append(Layer(weight, layer.multiplier, bias))
    return Network(tuple(built))


@dataclass(frozen=True)
class StreamInfo:
    """Where a layer's bytes go; range-coded streams share one payload, so theirs are ideal code lengths."""

    mask_coder: str
    mask_bytes: float
    symbol_coder: str
    symbol_bytes: float
    bias_bytes: float


class _RangeStreams:
    """All range-coded streams of a network, in file order: they share one set of lanes."""

    def __init__(self) -> None:
        self.symbols: list[NDArray[np.integer]] = []
        self.tables: list[NDArray[np.integer]] = []

    def add(self, symbols: NDArray[np.integer], table: NDArray[np.integer]) -> None:
        self.symbols.append(symbols)
        self.tables.append(table)

    def encode(self) -> tuple[int, bytes]:
        """Base-two logarithm of the lanes, and the bytes."""
        if not self.symbols:
            return 0, b""
        freqs = np.concatenate([t[s] for s, t in zip(self.symbols, self.tables, strict=True)])
        starts = np.concatenate([(np.cumsum(t) - t)[s] for s, t in zip(self.symbols, self.tables, strict=True)])
        lanes = rc.choose_lanes(rc.code_length(freqs) / 8, len(freqs))
        return lanes.bit_length() - 1, rc.encode(starts, freqs, lanes)


def pack(layers: Sequence[QuantizedLayer]) -> bytes:
    """The data of the network chunk: a record and the streams of each layer, then what the range coder wrote."""
    streams = _RangeStreams()
    body = b"".join(_pack_layer(layer, streams, last=layer is layers[-1]) for layer in layers)
    exponent, coded = streams.encode()
    return bytes([exponent]) + body + coded


def _pack_layer(layer: QuantizedLayer, streams: _RangeStreams, last: bool) -> bytes:
    dense = bool(layer.mask.all())
    mask_coder, mask_bytes = (NONE, b"") if dense else _pack_mask(layer.mask.reshape(-1), streams)
    size = alphabet_size(layer.kind, layer.bits, dense)
    symbol_coder, symbol_bytes = _pack_symbols(layer, size, streams)
    record = bytes([layer.kind | mask_coder << 2 | symbol_coder << 4, layer.bits, layer.bias_bits])
    record += _varint(layer.multiplier) + _varint(len(layer.codes))
    if layer.codebook is not None:
        record += layer.codebook.astype("<i2").tobytes()
    biases = _to_bits(layer.bias_codes & 0xFFFF, 16) if last else _to_bits(layer.bias_codes, layer.bias_bits)
    return record + mask_bytes + symbol_bytes + biases


def _pack_mask(mask: NDArray[np.bool_], streams: _RangeStreams) -> tuple[int, bytes]:
    raw = np.packbits(mask).tobytes()
    squeezed = _with_length(zstandard.ZstdCompressor(level=19).compress(raw))
    table = _mask_table(int(mask.sum()), mask.size)
    ranged = rc.code_length(table[mask.astype(np.intp)]) / 8
    coder = _smallest({RAW: len(raw), ZSTD: len(squeezed), RANGE: ranged})
    if coder == RANGE:
        streams.add(mask.astype(np.intp), table)
    return coder, {RAW: raw, ZSTD: squeezed, RANGE: b""}[coder]


def _pack_symbols(layer: QuantizedLayer, size: int, streams: _RangeStreams) -> tuple[int, bytes]:
    codes = layer.codes.astype(np.intp)
    raw = _to_bits(codes, layer.bits)
    wide = codes.astype("<u2" if layer.bits > 8 else "u1").tobytes()
    squeezed = _with_length(zstandard.ZstdCompressor(level=19).compress(wide))
    costs: dict[int, float] = {RAW: len(raw), ZSTD: len(squeezed)}
    nodes = b""
    if len(codes) and size <= rc.MAX_ALPHABET:
        nodes = rc.fit_density(codes, size)
        table = rc.density_frequencies(nodes, size)
        costs[RANGE] = rc.code_length(table[codes]) / 8 + len(_with_length(nodes))
    coder = _smallest(costs)
    if coder == RANGE:
        streams.add(codes, table)
    return coder, {RAW: raw, ZSTD: squeezed, RANGE: _with_length(nodes)}[coder]


def _mask_table(ones: int, total: int) -> NDArray[np.integer]:
    return rc.quantise_frequencies(np.array([total - ones, ones]))


def _smallest(costs: dict[int, float]) -> int:
    return min(costs, key=lambda coder: costs[coder])


@dataclass
class _Pending:
    """A layer read up to the symbols that the range coder holds."""

    shape: tuple[int, int]
    kind: int
    bits: int
    multiplier: int
    nonzeros: int
    bias_bits: int
    mask_coder: int
    symbol_coder: int
    codebook: NDArray[np.int32] | None = None
    mask: NDArray[np.bool_] | None = None  # None: still in the range coder
    codes: NDArray[np.uint16] | None = None
    mask_table: NDArray[np.integer] | None = None
    symbol_table: NDArray[np.integer] | None = None
    bias_codes: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    sizes: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])  # bytes of mask, symbols, biases


def unpack(data: bytes, header: Header) -> tuple[list[QuantizedLayer], list[StreamInfo]]:
    """The layers of a network chunk; raises FormatError (layer, what, expected, got) for anything `pack` cannot write."""
    reader = _Reader(data)
    exponent = reader.take(1, "lanes")[0]
    shapes = header.shapes()
    pending = [_unpack_layer(reader, k, shape, last=k == len(shapes) - 1) for k, shape in enumerate(shapes)]
    _read_ranged(pending, data[reader.offset :], exponent)
    layers = []
    for k, p in enumerate(pending):
        assert p.mask is not None and p.codes is not None
        if int(p.mask.sum()) != p.nonzeros:
            raise FormatError(f"layer {k} mask: expected {p.nonzeros} non-zeros, got {int(p.mask.sum())}")
        mask = p.mask.reshape(p.shape)
        layers.append(
            QuantizedLayer(mask, p.codes, p.kind, p.bits, p.multiplier, p.bias_codes, p.bias_bits, p.codebook)
        )
    infos = [
        StreamInfo(CODER_NAMES[p.mask_coder], p.sizes[0], CODER_NAMES[p.symbol_coder], p.sizes[1], p.sizes[2])
        for p in pending
    ]
    return layers, infos


def _unpack_layer(reader: _Reader, k: int, shape: tuple[int, int], last: bool) -> _Pending:
    where = f"layer {k}"
    packed, bits, bias_bits = reader.take(3, f"{where} record")
    kind, mask_coder, symbol_coder = packed & 3, packed >> 2 & 3, packed >> 4
    multiplier, nonzeros = reader.varint(f"{where} multiplier"), reader.varint(f"{where} non-zeros")
    total = math.prod(shape)
    _expect(f"{where} kind", kind, 0, HALF)
    _expect(f"{where} bits", bits, 16 if kind == HALF else 2, {UNIFORM: 12, CODEBOOK: 10, HALF: 16}[kind])
    _expect(f"{where} bias bits", bias_bits, 1, 32)
    _expect(f"{where} multiplier", multiplier, 1, 2**32 - 1)
    _expect(f"{where} non-zeros", nonzeros, 0, total)
    _expect(f"{where} symbol coder", symbol_coder, 0, RANGE)
    if (mask_coder == NONE) != (nonzeros == total):
        raise FormatError(f"{where} mask coder: expected none exactly for a dense layer, got {CODER_NAMES[mask_coder]}")
    p = _Pending(shape, kind, bits, multiplier, nonzeros, bias_bits, mask_coder, symbol_coder)
    if kind == CODEBOOK:
        p.codebook = np.frombuffer(reader.take(2 * 2**bits, f"{where} codebook"), "<i2").astype(np.int32)
    _unpack_mask(reader, where, p, total)
    _unpack_symbols(reader, where, p)
    start = reader.offset
    if last:
        p.bias_codes = reader.packed(shape[0], 16, f"{where} biases").astype(np.uint16).view(np.int16).astype(np.int32)
    else:
        p.bias_codes = reader.packed(shape[0], bias_bits, f"{where} biases")
    p.sizes[2] = reader.offset - start
    return p


def _unpack_mask(reader: _Reader, where: str, p: _Pending, total: int) -> None:
    what = f"{where} mask"
    start = reader.offset
    if p.mask_coder == NONE:
        p.mask = np.ones(total, np.bool_)
    elif p.mask_coder == RANGE:
        p.mask_table = _mask_table(p.nonzeros, total)
    else:
        length = (total + 7) // 8
        raw = reader.take(length, what) if p.mask_coder == RAW else reader.squeezed(length, what)
        p.mask = np.unpackbits(np.frombuffer(raw, np.uint8), count=total).astype(np.bool_)
    p.sizes[0] = reader.offset - start


def _unpack_symbols(reader: _Reader, where: str, p: _Pending) -> None:
    what = f"{where} symbols"
    size = alphabet_size(p.kind, p.bits, p.mask_coder == NONE)
    start = reader.offset
    if p.symbol_coder == RANGE:
        nodes = reader.take(reader.varint(what), what)
        p.symbol_table = rc.density_frequencies(nodes, size)
    elif p.symbol_coder == RAW:
        p.codes = reader.packed(p.nonzeros, p.bits, what).astype(np.uint16)
    else:
        width = 2 if p.bits > 8 else 1
        raw = reader.squeezed(p.nonzeros * width, what)
        p.codes = np.frombuffer(raw, "<u2" if width == 2 else "u1").astype(np.uint16)
    if p.codes is not None:
        top = 0x3C00 | 0x8000 if p.kind == HALF else size - 1  # float16: −1.0, the largest pattern allowed
        values = p.codes if p.kind != HALF else p.codes & 0x7FFF | 0x8000
        if len(values) and int(values.max()) > top:
            raise FormatError(f"{what}: expected at most {top}, got {int(values.max())}")
    p.sizes[1] = reader.offset - start


def _read_ranged(pending: list[_Pending], data: bytes, exponent: int) -> None:
    """Decode the range-coded streams, which all layers share, and hand each layer its own."""
    tables: list[NDArray[np.integer]] = []
    counts: list[int] = []
    for p in pending:
        for table, count in ((p.mask_table, math.prod(p.shape)), (p.symbol_table, p.nonzeros)):
            if table is not None:
                tables.append(table)
                counts.append(count)
    if exponent > 10:
        raise FormatError(f"lanes: expected an exponent of 0 to 10, got {exponent}")
    table_of_symbol = np.repeat(np.arange(len(counts)), counts)
    decoder = rc.Decoder(data, 1 << exponent, len(table_of_symbol))
    symbols = decoder.decode(tables, table_of_symbol) if tables else np.zeros(0, np.uint16)
    parts = iter(np.split(symbols, np.cumsum(counts)[:-1]) if tables else [])
    for p in pending:
        if p.mask_table is not None:
            mask = next(parts)
            p.mask = mask.astype(np.bool_)
            p.sizes[0] += rc.code_length(p.mask_table[mask]) / 8
        if p.symbol_table is not None:
            p.codes = next(parts)
            p.sizes[1] += rc.code_length(p.symbol_table[p.codes]) / 8


class _Reader:
    """Takes fields off the front of the network's bytes; every shortage is a FormatError that says where."""

    def __init__(self, data: bytes) -> None:
        self.data, self.offset = data, 0

    def take(self, n: int, what: str) -> bytes:
        field = self.data[self.offset : self.offset + n]
        if len(field) < n:
            raise FormatError(f"{what}: expected {n} bytes, got {len(field)}")
        self.offset += n
        return field

    def varint(self, what: str) -> int:
        """Seven bits a byte, the low ones first, at most five bytes."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.take(1, what)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise FormatError(f"{what}: expected a number of at most 5 bytes, got a longer one")

    def packed(self, count: int, bits: int, what: str) -> NDArray[np.int32]:
        raw = np.frombuffer(self.take((count * bits + 7) // 8, what), np.uint8)
        return _from_bits(raw, count, bits)

    def squeezed(self, length: int, what: str) -> bytes:
        expanded = zstd_expand(self.take(self.varint(what), what), length, what)
        if len(expanded) != length:
            raise FormatError(f"{what}: expected {length} bytes, got {len(expanded)}")
        return expanded


def _expect(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise FormatError(f"{what}: expected {low} to {high}, got {value}")


def _varint(value: int) -> bytes:
    parts = []
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _with_length(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _to_bits(values: NDArray[np.integer], bits: int) -> bytes:
    """Values of `bits` bits each, high bit first, padded with zero bits to a byte."""
    shifts = np.arange(bits - 1, -1, -1)
    return np.packbits((values.astype(np.int64)[:, None] >> shifts) & 1).tobytes()


def _from_bits(raw: NDArray[np.uint8], count: int, bits: int) -> NDArray[np.int32]:
    table = np.unpackbits(raw, count=count * bits).reshape(count, bits).astype(np.int64)
    return (table << np.arange(bits - 1, -1, -1)).sum(1).astype(np.int32)
