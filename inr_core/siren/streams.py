"""Quantised layers ↔ bytes: each mask and each layer's codes raw, by Zstandard or by the range coder.

Whichever is smallest is chosen stream by stream. The layout is specified in FORMAT.md, section "The network".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..container import zstd
from ..container.fields import FieldReader, expect, pack_bits, pack_number, unpack_bits, with_length
from ..entropy import densities
from ..entropy import rans as rc
from ..errors import FormatError
from .weights import CODE_BITS, CODEBOOK, HALF, HALF_SIGN, HALF_TOP, OUTPUT_BIAS_BITS, QuantisedLayer, alphabet_size

RAW, ZSTD, RANGE, NONE = 0, 1, 2, 3  # how a stream is stored; NONE: a mask without zeros needs no stream
CODER_NAMES = ("raw", "zstd", "range", "none")
MAX_BIAS_BITS = 16  # of hidden layers
MAX_LANES_EXPONENT = rc.MAX_LANES.bit_length() - 1

Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class StreamInfo:
    """Where a layer's bytes go; range-coded streams share one payload, so theirs are ideal code lengths."""

    mask_coder: str
    mask_bytes: float
    symbol_coder: str
    symbol_bytes: float
    bias_bytes: float
    ranged: int  # symbols of both that the range coder reads


@dataclass(frozen=True)
class _Stream:
    """A mask or a layer's codes, beside the range coder's payload or, with a table of frequencies, in it."""

    coder: int
    stored: bytes  # before the payload: all of it, or what the table is made of
    symbols: Ints | None  # None: not read yet
    count: int
    table: Ints | None = None

    def size(self, symbols: Ints | None) -> float:
        """Bytes of the file, with these symbols."""
        return len(self.stored) + (0 if self.table is None else densities.code_length(self.table[symbols]) / 8)


def pack(layers: Sequence[QuantisedLayer]) -> bytes:
    """The data of the network chunk: a record and the streams of each layer, then what the range coder wrote.

    Raises FormatError for layers of more bits than a file may have.
    """
    choices = [(_mask_choices(layer.mask.reshape(-1)), _symbol_choices(layer)) for layer in layers]
    smallest = [(_smallest(masks), _smallest(symbols)) for masks, symbols in choices]
    plain = [(_smallest(masks, RANGE), _smallest(symbols, RANGE)) for masks, symbols in choices]
    # The range coder's states are in no stream's size: in tiny files they outweigh what it saves.
    return min(_assemble(layers, smallest), _assemble(layers, plain), key=len)


def _smallest(choices: list[_Stream], without: int | None = None) -> _Stream:
    """The choice of the fewest bytes; `without` a coder."""
    return min((c for c in choices if c.coder != without), key=lambda stream: stream.size(stream.symbols))


def _assemble(layers: Sequence[QuantisedLayer], streams: Sequence[tuple[_Stream, _Stream]]) -> bytes:
    """The chunk's data with a mask and a stream of codes for each layer."""
    records, ranged = [], []
    for k, (layer, (mask, symbols)) in enumerate(zip(layers, streams, strict=True)):
        ranged += [stream for stream in (mask, symbols) if stream.coder == RANGE]
        expect(f"layer {k} bits", layer.bits, *CODE_BITS[layer.kind])
        bias_bits = layer.bias_bits if k < len(layers) - 1 else OUTPUT_BIAS_BITS
        record = bytes([layer.kind | mask.coder << 2 | symbols.coder << 4, layer.bits, bias_bits])
        record += pack_number(layer.multiplier) + pack_number(len(layer.codes))
        if layer.codebook is not None:
            record += layer.codebook.astype("<i2").tobytes()
        biases = pack_bits(layer.bias_codes, bias_bits)
        records.append(record + mask.stored + symbols.stored + biases)
    lanes, coded = _encode_range(ranged)
    return bytes([lanes.bit_length() - 1, *b"".join(records)]) + coded


def _encode_range(streams: list[_Stream]) -> tuple[int, bytes]:
    """All range-coded streams, in file order: they share one set of lanes. The number of lanes, and the bytes."""
    starts: list[Ints] = [np.zeros(0, np.int64)]
    freqs: list[Ints] = [np.zeros(0, np.int64)]
    for stream in streams:
        assert stream.table is not None
        starts.append((np.cumsum(stream.table) - stream.table)[stream.symbols])
        freqs.append(stream.table[stream.symbols])
    freq = np.concatenate(freqs)
    lanes = rc.choose_lanes(densities.code_length(freq) / 8, len(freq))
    return lanes, rc.encode(np.concatenate(starts), freq, lanes)


def _mask_choices(mask: NDArray[np.bool_]) -> list[_Stream]:
    """The ways to store a mask (weights,); one without zeros needs nothing."""
    symbols = mask.astype(np.intp)
    if mask.all():
        return [_Stream(NONE, b"", symbols, mask.size)]
    raw = np.packbits(mask).tobytes()
    table = _mask_table(int(mask.sum()), mask.size)
    return [
        _Stream(RAW, raw, symbols, mask.size),
        _Stream(ZSTD, with_length(zstd.squeeze(raw)), symbols, mask.size),
        _Stream(RANGE, b"", symbols, mask.size, table),
    ]


def _symbol_choices(layer: QuantisedLayer) -> list[_Stream]:
    """The ways to store a layer's codes; range-coded only where the alphabet is small enough."""
    codes, count = layer.codes.astype(np.intp), len(layer.codes)
    size = alphabet_size(layer.kind, layer.bits, dense=bool(layer.mask.all()))
    wide = codes.astype(_zstd_dtype(layer.bits)).tobytes()
    choices = [
        _Stream(RAW, pack_bits(codes, layer.bits), codes, count),
        _Stream(ZSTD, with_length(zstd.squeeze(wide)), codes, count),
    ]
    if count and size <= densities.MAX_ALPHABET:
        nodes = densities.fit_density(codes, size)
        table = densities.density_frequencies(nodes, size)
        choices.append(_Stream(RANGE, with_length(nodes), codes, count, table))
    return choices


def _mask_table(ones: int, total: int) -> Ints:
    """Frequencies (2,) of zeros and ones among `total` weights."""
    return densities.quantise_frequencies(np.array([total - ones, ones]))


def _zstd_dtype(bits: int) -> str:
    """The type that codes of so many bits are squeezed in."""
    return "<u2" if bits > 8 else "u1"


@dataclass(frozen=True)
class _Record:
    """A layer read up to what the range coder holds."""

    shape: tuple[int, int]
    kind: int
    bits: int
    multiplier: int
    codebook: NDArray[np.int32] | None
    mask: _Stream
    symbols: _Stream
    bias_codes: NDArray[np.int32]
    bias_bits: int
    bias_bytes: int


def unpack(data: bytes, shapes: Sequence[tuple[int, int]]) -> tuple[list[QuantisedLayer], list[StreamInfo]]:
    """The layers, (out, in) each, of a network chunk.

    Raises FormatError (layer, what, expected, got) for what `pack` cannot write.
    """
    reader = FieldReader(data)
    exponent = reader.byte("lanes", 0, MAX_LANES_EXPONENT)
    records = [_read_record(reader, f"layer {k}", shapes[k], last=k == len(shapes) - 1) for k in range(len(shapes))]
    count = sum(stream.count for r in records for stream in (r.mask, r.symbols) if stream.coder == RANGE)
    ranged = rc.Decoder(reader.rest(), 1 << exponent, count)  # with nothing to decode, checks that nothing follows
    layers, infos = [], []
    for k, r in enumerate(records):
        mask, symbols = _decode(r.mask, ranged), _decode(r.symbols, ranged)
        nonzeros = int(np.count_nonzero(mask))
        if nonzeros != r.symbols.count:
            raise FormatError(f"layer {k} mask: expected {r.symbols.count} non-zeros, got {nonzeros}")
        layers.append(
            QuantisedLayer(
                mask.astype(np.bool_).reshape(r.shape),
                symbols.astype(np.uint16),
                r.kind,
                r.bits,
                r.multiplier,
                r.bias_codes,
                r.bias_bits,
                r.codebook,
            )
        )
        coders = CODER_NAMES[r.mask.coder], CODER_NAMES[r.symbols.coder]
        sizes = r.mask.size(mask), r.symbols.size(symbols)
        ranged_here = sum(stream.count for stream in (r.mask, r.symbols) if stream.coder == RANGE)
        infos.append(StreamInfo(coders[0], sizes[0], coders[1], sizes[1], r.bias_bytes, ranged_here))
    return layers, infos


def _decode(stream: _Stream, ranged: rc.Decoder) -> Ints:
    """The symbols (n,) of a stream, read already or by the range coder."""
    if stream.symbols is not None:
        return stream.symbols
    assert stream.table is not None
    return ranged.decode([stream.table], np.zeros(stream.count, np.uint8))


def _read_record(reader: FieldReader, layer: str, shape: tuple[int, int], last: bool) -> _Record:
    """A layer up to what the range coder holds; FormatError, beginning with `layer`."""
    packed = reader.byte(f"{layer} kind and coders", 0, 63)
    kind, mask_coder, symbol_coder = packed & 3, packed >> 2 & 3, packed >> 4
    expect(f"{layer} kind", kind, 0, HALF)
    expect(f"{layer} symbol coder", symbol_coder, RAW, RANGE)
    bits = reader.byte(f"{layer} bits", *CODE_BITS[kind])
    widths = (OUTPUT_BIAS_BITS, OUTPUT_BIAS_BITS) if last else (1, MAX_BIAS_BITS)
    bias_bits = reader.byte(f"{layer} bias bits", *widths)
    multiplier = reader.number(f"{layer} multiplier", 1, 2**32 - 1)
    total = shape[0] * shape[1]
    nonzeros = reader.number(f"{layer} non-zeros", 0, total)
    dense = nonzeros == total
    if (mask_coder == NONE) != dense:
        got = CODER_NAMES[mask_coder]
        raise FormatError(f"{layer} mask coder: expected none exactly where no weight is zero, got {got}")
    codebook = None
    if kind == CODEBOOK:
        codebook = np.frombuffer(reader.take(2 << bits, f"{layer} codebook"), "<i2").astype(np.int32)
    mask = _read_mask(reader, f"{layer} mask", mask_coder, nonzeros, total)
    symbols = _read_symbols(reader, f"{layer} symbols", symbol_coder, kind, bits, nonzeros, dense)
    start = reader.offset
    biases = reader.bits(shape[0], bias_bits, f"{layer} biases")
    if last:
        biases -= biases >> OUTPUT_BIAS_BITS - 1 << OUTPUT_BIAS_BITS
    return _Record(
        shape, kind, bits, multiplier, codebook, mask, symbols, biases, bias_bits, reader.offset - start
    )  # fmt: skip


def _read_mask(reader: FieldReader, what: str, coder: int, ones: int, total: int) -> _Stream:
    """A mask of `ones` ones among `total` weights, read unless it is range-coded."""
    start = reader.offset
    if coder == RANGE:
        return _Stream(RANGE, b"", None, total, _mask_table(ones, total))
    if coder == NONE:
        mask = np.ones(total, np.int32)
    elif coder == RAW:
        mask = reader.bits(total, 1, what)
    else:
        mask = unpack_bits(reader.squeezed((total + 7) // 8, what), total, 1, what)
    return _Stream(coder, reader.since(start), mask, total)


def _read_symbols(reader: FieldReader, what: str, coder: int, kind: int, bits: int, count: int, dense: bool) -> _Stream:
    """The codes of `count` weights, read unless they are range-coded."""
    start = reader.offset
    size = alphabet_size(kind, bits, dense)
    if coder == RANGE:
        nodes = reader.take(reader.number(f"{what} nodes", 0, size), f"{what} nodes")
        try:
            table = densities.density_frequencies(nodes, size)
        except FormatError as e:
            raise FormatError(f"{what}: {e}") from e
        return _Stream(RANGE, reader.since(start), None, count, table)
    if coder == RAW:
        codes = reader.bits(count, bits, what)
    else:
        dtype = np.dtype(_zstd_dtype(bits))
        codes = np.frombuffer(reader.squeezed(count * dtype.itemsize, what), dtype).astype(np.int32)
    if kind == HALF:
        if (codes == HALF_SIGN).any():
            raise FormatError(f"{what}: expected 0 for zero, got −0")
        expect(f"{what}: largest magnitude", int((codes & ~HALF_SIGN).max(initial=0)), 0, HALF_TOP)
    else:
        expect(f"{what}: largest", int(codes.max(initial=0)), 0, size - 1)
    return _Stream(coder, reader.since(start), codes, count)
