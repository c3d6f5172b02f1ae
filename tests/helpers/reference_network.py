"""The network of FORMAT.md: what `reference_decoder` reads a `NETW` chunk with."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from reference_coding import Rans, Reader, Step, density, frequencies_of, require, split_bits

MAX_ALPHABET, MAX_NODES, ROW_LIMIT = 4096, 65, 2**22
UNIFORM, CODEBOOK, FLOAT16 = 0, 1, 2
RAW, ZSTD, RANGE, NONE = 0, 1, 2, 3


@dataclass(frozen=True)
class Layer:
    weights: list[list[int]]  # out rows of in
    multiplier: int
    biases: list[int]
    bias_bits: int


@dataclass
class Stream:
    values: list[int]
    coded: int  # how many values the range coder still has
    frequencies: list[int]


@dataclass(frozen=True)
class Record:
    kind: int
    bits: int
    nonzeros: int
    size: int  # every code is less
    codebook: tuple[int, ...]
    mask: Stream
    codes: Stream
    multiplier: int
    biases: list[int]
    bias_bits: int


def read_network(content: Reader, shapes: list[tuple[int, int]]) -> tuple[list[Layer], list[Step]]:
    lanes = 2 ** content.unsigned(1, "lanes_e", 0, 10)
    records = [read_record(content, k, shapes) for k in range(len(shapes))]
    streams = [stream for record in records for stream in (record.mask, record.codes)]
    count = sum(stream.coded for stream in streams)
    require(lanes <= max(count, 1), "lanes")
    steps: list[Step] = []
    if count:
        coder = Rans(content, lanes, count)
        for stream in streams:
            stream.values += coder.decode(stream.frequencies, stream.coded)
        require(coder.next_word == len(coder.words), "words left")
        steps = coder.steps
    require(content.left == 0, "bytes after the network")
    pairs = enumerate(zip(records, shapes, strict=True))
    return [build(record, into, f"layer {k}") for k, (record, (_, into)) in pairs], steps


def read_record(content: Reader, k: int, shapes: list[tuple[int, int]]) -> Record:
    (out, into), last, name = shapes[k], k == len(shapes) - 1, f"layer {k}: "
    coders = content.unsigned(1, name + "kind and coders", 0, 63)
    kind, mask_coder, code_coder = coders & 3, coders >> 2 & 3, coders >> 4
    content.keep(name + "kind and coders", f"codes {code_coder}, mask {mask_coder}, kind {kind}")
    require(kind <= FLOAT16 and code_coder <= RANGE, "kind and coders")
    low, high = {UNIFORM: (2, 16), CODEBOOK: (2, 10), FLOAT16: (16, 16)}[kind]
    bits = content.unsigned(1, name + "bits", low, high)
    bias_bits = content.unsigned(1, name + "bias_bits", *((24, 24) if last else (1, 16)))
    multiplier = content.number(name + "multiplier", 1, 2**32 - 1)
    nonzeros = content.number(name + "nonzeros", 0, out * into)
    dense = nonzeros == out * into
    require((mask_coder == NONE) == dense, "mask coder")
    codebook = ()
    if kind == CODEBOOK:
        codebook = struct.unpack(f"<{2**bits}h", content.take(2 * 2**bits, name + "codebook"))
    size = 2**bits - (0 if kind != UNIFORM else 1 if dense else 2)
    mask = read_mask(content, mask_coder, nonzeros, out * into, name + "mask")
    codes = read_codes(content, code_coder, nonzeros, bits, size, name + "codes")
    biases = content.bits(out, bias_bits, name + "biases")
    if last:
        biases = [b - 2**24 if b >= 2**23 else b for b in biases]
        content.keep(name + "biases", ", ".join(map(str, biases)))
    return Record(kind, bits, nonzeros, size, codebook, mask, codes, multiplier, biases, bias_bits)


def read_mask(content: Reader, coder: int, nonzeros: int, total: int, what: str) -> Stream:
    if coder == RAW:
        return Stream(content.bits(total, 1, what), 0, [])
    if coder == ZSTD:
        return Stream(split_bits(content.frame((total + 7) // 8, what), total, 1), 0, [])
    if coder == RANGE:
        return Stream([], total, frequencies_of([total - nonzeros, nonzeros]))
    return Stream([1] * total, 0, [])


def read_codes(content: Reader, coder: int, nonzeros: int, bits: int, size: int, what: str) -> Stream:
    if coder == RAW:
        return Stream(content.bits(nonzeros, bits, what), 0, [])
    if coder == ZSTD:
        width = 1 if bits <= 8 else 2
        data = content.frame(nonzeros * width, what)
        return Stream([int.from_bytes(data[k : k + width], "little") for k in range(0, len(data), width)], 0, [])
    n = content.number(f"{what}: nodes", 0, size)
    require(size <= MAX_ALPHABET and n != 1 and (n <= MAX_NODES or n == size), f"{what}: nodes")
    nodes = content.take(n, f"{what}: density") if n else b""
    return Stream([], nonzeros, frequencies_of(density(nodes, size)))


def build(record: Record, into: int, name: str) -> Layer:
    """The integer layer of a record that has been read whole."""
    require(sum(record.mask.values) == record.nonzeros, f"{name}: nonzeros")
    codes = iter(record.codes.values)
    weights = [weight(record, next(codes)) if stored else 0 for stored in record.mask.values]
    rows = [weights[k : k + into] for k in range(0, len(weights), into)]
    require(max(sum(map(abs, row)) for row in rows) <= ROW_LIMIT, f"{name}: ROW_LIMIT")
    return Layer(rows, record.multiplier, record.biases, record.bias_bits)


def weight(record: Record, code: int) -> int:
    """The integer that a code stands for."""
    if record.kind == FLOAT16:
        require(code & 0x7FFF <= 0x3C00 and code != 0x8000, "float16")
        value: float = struct.unpack("<e", code.to_bytes(2, "little"))[0]
        return math.trunc(value * 2**14)
    require(code < record.size, "code")
    if record.kind == CODEBOOK:
        return record.codebook[code]
    uniform = code - ((1 << record.bits - 1) - 1)
    return uniform if uniform < 0 or len(record.mask.values) == record.nonzeros else uniform + 1
