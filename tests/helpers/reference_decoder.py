"""A second decoder of `.inr`, written from FORMAT.md alone: whole pictures, in plain Python, as slow as it is short.

Nothing is shared with the package but the prior's file. The first half reads a file, the second evaluates its network;
`reference_network` reads networks, `reference_latent` reads and evaluates the latent model, `reference_exact` strips.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import reference_exact as exact
import reference_latent as latent
from reference_coding import Field, Reader, Step, require, unzip
from reference_network import Layer, read_network
from reference_ranges import value_of

MAX_SIDE, MAX_PIXELS, MAX_HIDDEN, MAX_LAYERS, MAX_WEIGHTS, MAX_WORK = 65535, 2**28, 1024, 64, 2**22, 2**42
MAX_PAYLOAD, MAX_METADATA, MAX_EXPANDED, MAX_CHUNKS = (2**24, 2**28, 3 * 2**30), 2**24, 2**20, 64
MAX_LATENT_PIXELS, MAX_STEP, MAX_LEVELS = 2**26, 255, 16
MAX_TEXTS, MAX_KEY = 1024, 1024

MODES = (  # name, bit depths, channels
    ("1", (1,), (1,)),
    ("L", (8,), (1,)),
    ("LA", (8, 16), (2,)),
    ("P", (8,), (3, 4)),
    ("RGB", (8, 16), (3, 1)),
    ("RGBA", (8, 16), (4, 2)),
    ("CMYK", (8,), (4,)),
    ("YCbCr", (8,), (3,)),
    ("LAB", (8,), (3,)),
    ("I;16", (16,), (1,)),
)
BLOCKS = (b"exif", b"iccp", b"xmpp", b"comm", b"text")
# what may stand beside a model, and the modes it may be in
PLANES = {b"ALPH": ("LA", "RGBA"), b"ENDS": ("L", "LA", "RGBA", "I;16"), b"TILE": ("L", "LA", "RGB", "RGBA")}
PIXELS = (b"NETW", b"LATS", b"STRP")  # the chunks with the pixels, by model
SINE = [round(511 * math.sin(2 * math.pi * (i + 0.5) / 4096)) for i in range(4096)]


@dataclass(frozen=True)
class Head:
    width: int
    height: int
    mode: str
    bit_depth: int
    channels: int
    model: int
    prior: int
    hidden: int
    layers: int
    payload_bytes: int
    coded: int  # channels that the model makes
    ranges: tuple[tuple[int, ...], ...] = ()  # the six values of each channel

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(out, in) of each layer."""
        inner = [(self.hidden, self.hidden)] * (self.layers - 2)
        return [(self.hidden, 2), *inner, (self.coded, self.hidden)]


@dataclass(frozen=True)
class File:
    head: Head
    palette: list[tuple[int, ...]]
    layers: list[Layer]  # model 0
    steps: list[Step]
    latents: list[bytes]  # model 1: the data of each chunk
    strips: list[list[exact.Part]]  # model 2
    beside: exact.Besides | None  # in models 0 and 1
    fields: list[Field]  # in order


def decode(data: bytes) -> list[list[tuple[int, ...]]]:
    """Rows of pixels, each pixel a tuple of its samples (mode 1: of 0 or 255, mode P: of an index). Raises Refused."""
    file = read(data)
    if file.head.model == 1:
        rows = latent.samples_of(file.latents, shape_of(file.head), file.head.prior, SINE)
        return [
            [in_mode(file, complete(file, samples, y, x)) for x, samples in enumerate(row)]
            for y, row in enumerate(rows)
        ]
    if file.head.model == 2:
        return [row for strip in file.strips for row in rows_of_strip(file, strip)]
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
        if kind == PIXELS[head.model] or kind in PLANES:
            break
        require(kind not in known, "chunk comes twice")
        if kind == b"PLTE":
            palette = read_palette(content, head)
        elif kind == b"RANG":
            head = replace(head, ranges=read_ranges(content, head))
        elif kind in BLOCKS:
            stored = content.unsigned(1, "stored as", 0, 1)
            block = content.take(content.left, "block")
            if stored == 1:
                block = unzip(block, 1, MAX_EXPANDED)
            require(kind != b"text" or is_text(block), "text")
        elif kind == b"dpis":
            require(content.left == 8, "dpis")
        else:
            require(kind[:1].islower(), "unknown critical chunk")
            continue
        known.add(kind)
    beside, first = None, 1
    if kind in PLANES:
        require(head.model < 2 and head.mode in PLANES[kind], "a plane beside a model")
        require(kind != b"TILE" or (head.model == 1 and head.bit_depth == 8), "tiles beside a model")
        head = replace(head, coded=head.channels - (kind != b"ENDS" and head.mode in PLANES[b"ALPH"]))
        counts = head.channels, head.coded
        beside = exact.read_beside(content, kind, counts, head.width, head.height, head.bit_depth)
        while kind != PIXELS[head.model]:
            require(first < MAX_CHUNKS and reader.at - start < head.payload_bytes, "no pixels behind a plane")
            kind, content = reader.chunk(MAX_PAYLOAD[head.model])
            require(kind == PIXELS[head.model] or kind[:1].islower(), "critical chunk after a plane")
            first += 1
    require(kind == PIXELS[head.model], "too many chunks")
    require((head.mode == "P") == bool(palette), "PLTE")
    layers: list[Layer] = []
    steps: list[Step] = []
    latents: list[bytes] = []
    strips: list[list[exact.Part]] = []
    if head.model == 0:
        layers, steps = read_network(content, head.shapes)
    elif head.model == 1:
        latents.append(content.data)
    else:
        read_strip(content, head, strips)
    for _ in range(MAX_CHUNKS - first):
        if reader.at - start < head.payload_bytes:
            kind, content = reader.chunk(MAX_PAYLOAD[head.model])
            if kind == b"LATS" and head.model == 1:
                latents.append(content.data)
            elif kind == b"STRP" and head.model == 2:
                read_strip(content, head, strips)
            else:
                require(kind[:1].islower(), "critical chunk after the pixels")
    require(reader.at - start == head.payload_bytes, "payload_bytes")
    if head.model == 2:
        require(len(strips) == -(-head.height // exact.rows_of_strip(head.width, head.height)), "number of strips")
        places = [place for strip in strips for row in strip[0].planes[0] for place in row]
        require(head.mode != "P" or max(places) < len(palette), "a place in the palette")
    return File(head, palette, layers, steps, latents, strips, beside, sorted(reader.fields))


def read_strip(content: Reader, head: Head, strips: list[list[exact.Part]]) -> None:
    """The next strip of model 2."""
    rows = exact.rows_of_strip(head.width, head.height)
    left = head.height - rows * len(strips)
    require(left > 0, "too many strips")
    planes = 1 if head.mode == "P" else head.channels
    strips.append(exact.read_strip(content, planes, min(rows, left), head.width, 2**head.bit_depth))


def rows_of_strip(file: File, strip: list[exact.Part]) -> list[list[tuple[int, ...]]]:
    planes = [plane for part in strip for plane in part.planes]
    scale = 255 if file.head.mode == "1" else 1
    return [[in_colours(file.head, tuple(scale * s for s in pixel)) for pixel in zip(*rows, strict=True)]
            for rows in zip(*planes, strict=True)]  # fmt: skip


def is_text(block: bytes) -> bool:
    """Whether a block is keys and values in UTF-8, each with a zero behind it."""
    try:
        *strings, rest = block.decode("utf-8").split("\0")
    except UnicodeDecodeError:
        return False
    keys = strings[::2]
    return (
        not rest
        and len(strings) % 2 == 0
        and len(keys) == len(set(keys)) <= MAX_TEXTS
        and all(1 <= len(key) <= MAX_KEY for key in keys)
    )


def read_head(content: Reader) -> Head:
    width = content.unsigned(2, "width", 1, MAX_SIDE)
    height = content.unsigned(2, "height", 1, MAX_SIDE)
    mode, bit_depths, outputs = MODES[content.unsigned(1, "mode", 0, 9)]
    bit_depth = content.unsigned(1, "bit depth", 1, 16)
    channels = content.unsigned(1, "channels", 1, 4)
    require(bit_depth in bit_depths and channels in outputs, "bit depth or channels of the mode")
    model = content.unsigned(1, "model", 0, 2)
    number = content.unsigned(2, "prior", *((0, 0), (1, 5), (0, 0))[model])
    step = "step" if model == 1 else "hidden"
    hidden = content.unsigned(2, step, *((1, MAX_HIDDEN), (0, MAX_STEP), (0, 0))[model])
    levels = "levels" if model == 1 else "layers"
    layers = content.unsigned(1, levels, *((2, MAX_LAYERS), (1, MAX_LEVELS), (0, 0))[model])
    payload_bytes = content.unsigned(4, "payload_bytes", 0, MAX_PAYLOAD[model])
    require(width * height <= (MAX_LATENT_PIXELS if model == 1 else MAX_PIXELS), "width · height")
    head = Head(width, height, mode, bit_depth, channels, model, number, hidden, layers, payload_bytes, channels)
    if model > 0:
        return head
    weights = sum(out * into for out, into in head.shapes)
    require(weights <= MAX_WEIGHTS and weights * width * height <= MAX_WORK, "weights")
    return head


def shape_of(head: Head) -> latent.Shape:
    components = latent.COMPONENTS[head.mode]
    if head.mode in ("RGB", "RGBA") and head.channels < 3:
        components = (1,) * head.channels
    elif sum(components) < head.channels:  # a palette with alpha
        components = *components, 1
    if head.coded < head.channels:
        components = components[:-1]
    return latent.Shape(head.width, head.height, max(8, head.bit_depth), components, head.hidden, head.layers)


def read_palette(content: Reader, head: Head) -> list[tuple[int, ...]]:
    n = head.channels
    require(content.left % n == 0 and 1 <= content.left // n <= 256, "PLTE")
    return [tuple(content.take(n, f"colour {k}")) for k in range(content.left // n)]


def read_ranges(content: Reader, head: Head) -> tuple[tuple[int, ...], ...]:
    require(head.bit_depth == 16 and head.model < 2 and content.left == 12 * head.channels, "RANG")
    names = ("lowest", "lower", "low", "high", "higher", "highest")
    ranges = [[content.unsigned(2, name, 0, 65535) for name in names] for _ in range(head.channels)]
    require(all(list(each) == sorted(each) for each in ranges), "order of a range")
    return tuple(map(tuple, ranges))


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
    return in_mode(file, complete(file, samples, j, i))


def complete(file: File, samples: tuple[int, ...], y: int, x: int) -> tuple[int, ...]:
    return file.beside.complete(samples, y, x) if file.beside else samples


def in_mode(file: File, samples: tuple[int, ...]) -> tuple[int, ...]:
    """A pixel of the file's mode."""
    if file.head.mode == "1":
        return (255 if samples[0] >= 128 else 0,)
    if file.head.mode == "P":
        seen = as_seen(samples)
        distances = [sum((s - c) ** 2 for s, c in zip(seen, as_seen(colour), strict=True)) for colour in file.palette]
        return (distances.index(min(distances)),)
    if file.head.ranges:
        samples = tuple(value_of(s, *each) for s, each in zip(samples, file.head.ranges, strict=True))
    return in_colours(file.head, samples)


def in_colours(head: Head, values: tuple[int, ...]) -> tuple[int, ...]:
    """Red, green and blue, where one value stands for them."""
    return (*values[:1] * 3, *values[1:]) if head.mode in ("RGB", "RGBA") and len(values) < 3 else values


def as_seen(colour: tuple[int, ...]) -> tuple[int, ...]:
    """What is compared of a colour of a palette."""
    if len(colour) == 3:
        return colour
    red, green, blue, alpha = colour
    return red * alpha, green * alpha, blue * alpha, 255 * alpha
