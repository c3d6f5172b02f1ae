"""A second decoder of `.inr`, written from FORMAT.md alone: whole pictures, in plain Python, as slow as it is short.

Nothing is shared with the package. The first half reads a file, the second evaluates its network.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from reference_coding import Field, Rans, Reader, Step, density, frequencies_of, require, split_bits, unzip

MAX_SIDE, MAX_PIXELS, MAX_HIDDEN, MAX_LAYERS, MAX_WEIGHTS, MAX_WORK = 65535, 2**28, 1024, 64, 2**22, 2**42
MAX_PAYLOAD, MAX_METADATA, MAX_CHUNKS = 2**24, 2**24, 64
MAX_ALPHABET, MAX_NODES, ROW_LIMIT = 4096, 65, 2**22

MODES = (  # name, bit depths, channels
    ("1", (1,), (1,)),
    ("L", (8,), (1,)),
    ("LA", (8, 16), (2,)),
    ("P", (8,), (3, 4)),
    ("RGB", (8, 16), (3,)),
    ("RGBA", (8, 16), (4,)),
    ("CMYK", (8,), (4,)),
    ("YCbCr", (8,), (3,)),
    ("LAB", (8,), (3,)),
    ("I;16", (16,), (1,)),
)
BLOCKS = (b"exif", b"iccp", b"xmpp", b"comm")
UNIFORM, CODEBOOK, FLOAT16 = 0, 1, 2
RAW, ZSTD, RANGE, NONE = 0, 1, 2, 3
SINE = [round(511 * math.sin(2 * math.pi * (i + 0.5) / 4096)) for i in range(4096)]


@dataclass(frozen=True)
class Head:
    width: int
    height: int
    mode: str
    bit_depth: int
    channels: int
    shapes: list[tuple[int, int]]  # (out, in) of each layer
    payload_bytes: int


@dataclass(frozen=True)
class Layer:
    weights: list[list[int]]  # out rows of in
    multiplier: int
    biases: list[int]
    bias_bits: int


@dataclass(frozen=True)
class File:
    head: Head
    palette: list[tuple[int, ...]]
    layers: list[Layer]
    steps: list[Step]
    fields: list[Field]  # in order


def decode(data: bytes) -> list[list[tuple[int, ...]]]:
    """Rows of pixels, each pixel a tuple of its samples (mode 1: of 0 or 255, mode P: of an index). Raises Refused."""
    file = read(data)
    return [[pixel(file, i, j) for i in range(file.head.width)] for j in range(file.head.height)]


def read(data: bytes) -> File:
    """All of a file but the pixels."""
    reader = Reader(data, 0, [])
    require(reader.take(8, "signature") == b"\x89INR\r\n\x1a\n", "signature")
    reader.unsigned(1, "version", 1, 1)
    kind, content = reader.chunk()
    require(kind == b"HEAD" and content.left == 17, "first chunk")
    head = read_head(content)
    palette: list[tuple[int, ...]] = []
    known, start = {b"HEAD"}, reader.at
    for _ in range(MAX_CHUNKS + 1):
        start = reader.at
        kind, content = reader.chunk()
        if kind == b"NETW":
            break
        require(kind not in known, "chunk comes twice")
        if kind == b"PLTE":
            palette = read_palette(content, head)
        elif kind in BLOCKS:
            stored = content.unsigned(1, "stored as", 0, 1)
            block = content.take(content.left, "block")
            if stored == 1:
                unzip(block, 1, MAX_METADATA)
        elif kind == b"dpis":
            require(content.left == 8, "dpis")
        else:
            require(kind[:1].islower(), "unknown critical chunk")
            continue
        known.add(kind)
    require(kind == b"NETW", "too many chunks")
    require((head.mode == "P") == bool(palette), "PLTE")
    layers, steps = read_network(content, head)
    for _ in range(MAX_CHUNKS - 1):
        if reader.at - start < head.payload_bytes:
            kind, _ = reader.chunk()
            require(kind[:1].islower(), "critical chunk after NETW")
    require(reader.at - start == head.payload_bytes, "payload_bytes")
    return File(head, palette, layers, steps, sorted(reader.fields))


def read_head(content: Reader) -> Head:
    width = content.unsigned(2, "width", 1, MAX_SIDE)
    height = content.unsigned(2, "height", 1, MAX_SIDE)
    mode, bit_depths, outputs = MODES[content.unsigned(1, "mode", 0, 9)]
    bit_depth = content.unsigned(1, "bit depth", 1, 16)
    channels = content.unsigned(1, "channels", 1, 4)
    require(bit_depth in bit_depths and channels in outputs, "bit depth or channels of the mode")
    content.unsigned(1, "model", 0, 0)
    content.unsigned(2, "prior", 0, 0)
    hidden = content.unsigned(2, "hidden", 1, MAX_HIDDEN)
    layers = content.unsigned(1, "layers", 2, MAX_LAYERS)
    payload_bytes = content.unsigned(4, "payload_bytes", 0, MAX_PAYLOAD)
    shapes = [(hidden, 2), *[(hidden, hidden)] * (layers - 2), (channels, hidden)]
    weights = sum(out * into for out, into in shapes)
    require(width * height <= MAX_PIXELS, "width · height")
    require(weights <= MAX_WEIGHTS and weights * width * height <= MAX_WORK, "weights")
    return Head(width, height, mode, bit_depth, channels, shapes, payload_bytes)


def read_palette(content: Reader, head: Head) -> list[tuple[int, ...]]:
    n = head.channels
    require(content.left % n == 0 and 1 <= content.left // n <= 256, "PLTE")
    return [tuple(content.take(n, f"colour {k}")) for k in range(content.left // n)]


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


def read_network(content: Reader, head: Head) -> tuple[list[Layer], list[Step]]:
    lanes = 2 ** content.unsigned(1, "lanes_e", 0, 10)
    records = [read_record(content, k, head) for k in range(len(head.shapes))]
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
    shapes = enumerate(zip(records, head.shapes, strict=True))
    return [build(record, into, f"layer {k}") for k, (record, (_, into)) in shapes], steps


def read_record(content: Reader, k: int, head: Head) -> Record:
    (out, into), last, name = head.shapes[k], k == len(head.shapes) - 1, f"layer {k}: "
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


def coordinate(i: int, side: int, longest: int) -> int:
    """Of the centre of column or row i, in units of 2^−24."""
    return (2 * (2 * i + 1 - side) * 2**24 + longest) // (2 * longest)


def first_phases(layer: Layer, x: int, y: int) -> list[int]:
    return [
        ((w[0] * layer.multiplier * x >> 8) + (w[1] * layer.multiplier * y >> 8) + bias) % 2**32
        for w, bias in zip(layer.weights, phase_biases(layer), strict=True)
    ]


def next_phases(layer: Layer, sums: list[int]) -> list[int]:
    return [(s * layer.multiplier + bias) % 2**32 for s, bias in zip(sums, phase_biases(layer), strict=True)]


def phase_biases(layer: Layer) -> list[int]:
    return [b * 2 ** (32 - layer.bias_bits) for b in layer.biases]


def sums_of(layer: Layer, phases: list[int]) -> list[int]:
    activations = [SINE[phase >> 20] for phase in phases]
    return [sum(w * a for w, a in zip(row, activations, strict=True)) for row in layer.weights]


def totals_of(layer: Layer, sums: list[int], bit_depth: int) -> list[int]:
    unit = 2**10 * (257 if bit_depth == 16 else 1)
    return [s * layer.multiplier + b * unit + 2**23 for s, b in zip(sums, layer.biases, strict=True)]


def samples_at(file: File, x: int, y: int) -> tuple[int, ...]:
    """The network's outputs at a coordinate."""
    head, (first, *hidden, last) = file.head, file.layers
    phases = first_phases(first, x, y)
    for layer in hidden:
        phases = next_phases(layer, sums_of(layer, phases))
    peak = 65535 if head.bit_depth == 16 else 255
    return tuple(min(max(total >> 24, 0), peak) for total in totals_of(last, sums_of(last, phases), head.bit_depth))


def pixel(file: File, i: int, j: int) -> tuple[int, ...]:
    """The pixel in column i and row j."""
    head, longest = file.head, max(file.head.width, file.head.height)
    samples = samples_at(file, coordinate(i, head.width, longest), coordinate(j, head.height, longest))
    if head.mode == "1":
        return (255 if samples[0] >= 128 else 0,)
    if head.mode == "P":
        distances = [sum((s - c) ** 2 for s, c in zip(samples, colour, strict=True)) for colour in file.palette]
        return (distances.index(min(distances)),)
    return samples
