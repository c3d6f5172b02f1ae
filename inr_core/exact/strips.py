"""A strip of planes ↔ bytes: by the mixing coder, or colours listed where they are few, differences, Zstandard.

A strip holds planes (P, h, w) of samples below a size, and is coded in parts, each of one plane or more. What a part
codes are its pixels, or symbols: its samples, or, where it lists the colours it has, one plane of places in that list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..container import zstd
from ..container.fields import FieldReader, pack_number
from ..errors import FormatError
from ..kernels import switch
from ..limits import Budget
from .colours import Planes, few_colours
from .mixed import pack_mixed, unpack_mixed
from .prediction import NONE, PREDICTORS, Ints, differences, symbols_of

LISTED, FROM_SECOND, PLANES_SHIFT, MIXED = 4, 8, 4, 64  # of a part's first byte; bits 0 and 1: its predictor
LARGEST_HEAD = MIXED | 3 << PLANES_SHIFT | 1  # of the mixing coder; bit 0: whether it asks for pixels
MAX_LISTED = 256
QUICK = 1  # the level of Zstandard that tells which ways of storing are small
COMPARED = 1 << 16  # pixels: in larger strips the mixing coder, which has to learn, is smaller
REPEATING = 1.3  # what is not predicted repeats itself, which a higher level finds: tried at this times the least size


@dataclass(frozen=True)
class Shape:
    """Of a strip: planes of height × width samples of 0 … size − 1."""

    planes: int
    height: int
    width: int
    size: int


@dataclass(frozen=True)
class Part:
    """Some planes of a strip, as they are stored."""

    planes: int
    predictor: int
    colours: int  # in its list; 0: it has none
    from_second: bool  # whether the first and the third plane are differences from the second
    stored: bytes
    squeezed: bool  # whether that is a Zstandard frame
    mixed: bool = False  # whether it is of the mixing coder
    asks: bool = False  # of that: whether it asks for pixels

    def listed_bytes(self, size: int) -> int:
        """Bytes of the list."""
        return self.colours * self.planes * (1 if size <= 256 else 2)

    def size(self, shape: Shape) -> int:
        """Bytes of the list and the symbols."""
        planes, bits = (1, symbol_bits(self.colours)) if self.colours else (self.planes, symbol_bits(shape.size))
        return self.listed_bytes(shape.size) + planes * shape.height * ((shape.width * bits + 7) // 8)


def sample_type(size: int) -> type[np.uint8 | np.uint16]:
    """Of planes of 0 … size − 1."""
    return np.uint8 if size <= 256 else np.uint16


def symbol_bits(size: int) -> int:
    """Bits that a symbol of 0 … size − 1 is stored with."""
    needed = (size - 1).bit_length()
    return next(bits for bits in (0, 1, 2, 4, 8, 16) if needed <= bits)


def pack_strip(planes: Planes, size: int, groups: Sequence[int], level: int, may_mix: bool = True) -> bytes:
    """The bytes of planes (P, h, w) of 0 … size − 1, by a level of Zstandard of 1 … 22.

    groups: numbers of planes to be coded apart, a colour's and an alpha's, unless all of them have few colours. The
    mixing coder is chosen where it is compiled, the picture `may_mix`, and the level says that there is time.
    """
    mixed = _mixed(planes, size) if may_mix and level > QUICK and switch.compiled() else None
    if mixed is not None and planes[0].size > COMPARED:
        return mixed
    apart = b"".join(
        _smallest([*_listed(own, size), *_plain(own, size)], level)
        for own in np.split(planes, list(accumulate(groups))[:-1])
    )
    together = list(_listed(planes, size)) if len(groups) > 1 else []
    ways = [*filter(None, (mixed, apart)), *([_smallest(together, level)] if together else [])]
    return min(ways, key=len)


def _mixed(planes: Planes, size: int) -> bytes | None:
    """A part of the mixing coder."""
    found = pack_mixed(planes, (size - 1).bit_length())
    return None if found is None else mixed_part(len(planes), *found)


def mixed_part(planes: int, asks: bool, data: bytes) -> bytes:
    """The part of some planes of which the mixing coder made `data`."""
    return bytes([MIXED | planes - 1 << PLANES_SHIFT | asks]) + pack_number(len(data)) + data


Way = tuple[bytes, bytes]  # to store some planes: a part's first bytes, and what is to be squeezed


def _smallest(ways: Sequence[Way], level: int) -> bytes:
    """The part that is the smallest, or near it: most of the ways are tried at a quick level only."""
    sizes = [len(zstd.squeeze(body, QUICK)) for _, body in ways]
    least = min(sizes)
    near = [
        way
        for way, size in zip(ways, sizes, strict=True)
        if size == least or (way[0][0] & 3 == NONE and size < REPEATING * least)
    ]
    return min((_part(head, body, level) for head, body in near), key=len)


def _part(head: bytes, body: bytes, level: int) -> bytes:
    """A part with its body squeezed, or as it is (length 0) where that is not smaller."""
    frame = zstd.squeeze(body, level)
    return head + min(pack_number(len(frame)) + frame, pack_number(0) + body, key=len)


def _listed(planes: Planes, size: int) -> Iterator[Way]:
    """Ways to store a list of colours and their places in it; none if they are too many for that to be of use."""
    found = few_colours(planes, MAX_LISTED)
    if found is None:
        return
    colours, places = found
    count = colours.shape[1]
    if len(planes) == 1 and 2 * count > size > 4:
        return
    for predictor in PREDICTORS if count > 1 else (NONE,):
        head = bytes([LISTED | predictor | len(planes) - 1 << PLANES_SHIFT, count - 1])
        yield head, _to_bytes(colours[:, None], 8 if size <= 256 else 16) + _body(places[None], predictor, count)


def _plain(planes: Planes, size: int) -> Iterator[Way]:
    """Ways to store the samples themselves."""
    head = len(planes) - 1 << PLANES_SHIFT
    for predictor in PREDICTORS:
        yield bytes([head | predictor]), _body(planes, predictor, size)
    if len(planes) < 3:
        return
    apart = planes.astype(np.int32)
    apart[[0, 2]] = (apart[[0, 2]] - apart[1] + size // 2) % size
    for predictor in PREDICTORS:
        yield bytes([head | FROM_SECOND | predictor]), _body(apart, predictor, size)


def _body(symbols: Planes | Ints, predictor: int, size: int) -> bytes:
    """Symbols (P, h, w) of 0 … size − 1, as differences from their prediction, in so many bits as the size needs."""
    stored = differences(symbols.astype(_kind(size)), predictor, size)
    if predictor == NONE:  # pixel by pixel: colours that come again come as a whole
        stored = stored.transpose(1, 2, 0).reshape(1, stored.shape[1], -1)
    return _to_bytes(stored, symbol_bits(size))


def _symbols(data: bytes, planes: int, shape: Shape, size: int, predictor: int, what: str) -> Ints:
    """What `_body` was given."""
    if predictor == NONE:
        pixels = _from_bytes(data, (1, shape.height), planes * shape.width, size, what)
        return pixels.reshape(shape.height, shape.width, planes).transpose(2, 0, 1)
    return symbols_of(_from_bytes(data, (planes, shape.height), shape.width, size, what), predictor, size)


def _kind(size: int) -> type[np.int16 | np.int32]:
    """What sums and differences of symbols fit in."""
    return np.int16 if size <= 256 else np.int32


def _to_bytes(symbols: Planes | Ints, bits: int) -> bytes:
    """Symbols (P, h, w) of so many bits, each row filled to a byte; of 16 bits, all high bytes come first."""
    if bits == 16:
        return (symbols >> 8).astype(np.uint8).tobytes() + (symbols & 255).astype(np.uint8).tobytes()
    if not bits:
        return b""
    *rows, w = symbols.shape
    filled = np.zeros((*rows, -(-w * bits // 8) * 8 // bits), np.uint8)
    filled[..., :w] = symbols
    apart: Planes = filled.reshape(*rows, -1, 8 // bits) << _shifts(bits)
    return bytes(np.bitwise_or.reduce(apart, axis=-1).tobytes())


def _from_bytes(data: bytes, rows: tuple[int, int], w: int, size: int, what: str) -> Ints:
    """What `_to_bytes` was given, (*rows, w) of 0 … size − 1. FormatError: it was not."""
    bits, kind = symbol_bits(size), _kind(size)
    stored = np.frombuffer(data, np.uint8)
    if bits == 16:
        high, low = stored.reshape(2, *rows, w).astype(np.int32)
        wide: Ints = high << 8 | low
        return wide
    if bits == 0:
        return np.zeros((*rows, w), kind)
    mask = np.uint8((1 << bits) - 1)
    apart = (stored.reshape(*rows, -1, 1) >> _shifts(bits) & mask).reshape(*rows, -1)
    if apart[..., w:].any():
        raise FormatError(f"{what}: expected zero bits at the ends of rows, got others")
    if (largest := apart.max()) >= size:
        raise FormatError(f"{what}: expected symbols of 0 to {size - 1}, got {largest}")
    return apart[..., :w].astype(kind)


def _shifts(bits: int) -> NDArray[np.uint8]:
    return np.arange(8 - bits, -1, -bits, dtype=np.uint8)


def read_parts(fields: FieldReader, shape: Shape, what: str) -> list[Part]:
    """The parts of a strip, off the front of a chunk, not expanded. FormatError: no strip of that shape has them."""
    parts: list[Part] = []
    left = shape.planes
    while left:
        where = f"{what}, part {len(parts)}"
        head = fields.byte(where, 0, LARGEST_HEAD)
        planes = (head >> PLANES_SHIFT & 3) + 1
        if planes > left:
            raise FormatError(f"{where}: expected at most {left} planes, got {planes}")
        if head & FROM_SECOND and (planes < 3 or head & LISTED):
            raise FormatError(f"{where}: expected differences from the second of three or four planes, got {head}")
        left -= planes
        if head & MIXED:
            if head & ~(MIXED | 3 << PLANES_SHIFT | 1):
                raise FormatError(f"{where}: expected no predictor and no list with the mixing coder, got {head}")
            data = fields.take(fields.number(f"{where}, length", 0, len(fields.data)), where)
            parts.append(Part(planes, NONE, 0, False, data, False, True, bool(head & 1)))
            continue
        colours = fields.byte(f"{where}, colours", 0, MAX_LISTED - 1) + 1 if head & LISTED else 0
        length = fields.number(f"{where}, length", 0, len(fields.data))
        part = Part(planes, head & 3, colours, bool(head & FROM_SECOND), b"", length > 0)
        parts.append(replace(part, stored=fields.take(length or part.size(shape), where)))
    return parts


def unpack_parts(parts: Sequence[Part], shape: Shape, what: str, budget: Budget | None = None) -> Planes:
    """The planes (P, h, w) of a strip; FormatError: its parts do not hold what they say.

    LimitError: the mixing coder asks more than the budget has.
    """
    planes = [_unpack(part, shape, f"{what}, part {k}", budget) for k, part in enumerate(parts)]
    return planes[0] if len(planes) == 1 else np.concatenate(planes)


def _unpack(part: Part, shape: Shape, what: str, budget: Budget | None) -> Planes:
    """The planes (`part.planes`, h, w) of a part; FormatError, beginning with `what`: it does not hold them."""
    if part.mixed:
        bits = (shape.size - 1).bit_length()
        planes = unpack_mixed(part.stored, (part.planes, shape.height, shape.width), bits, part.asks, budget)
        if planes is None:
            raise FormatError(f"{what}: expected bytes of the mixing coder, got {len(part.stored)} others")
        if (largest := planes.max()) >= shape.size:
            raise FormatError(f"{what}: expected samples of 0 to {shape.size - 1}, got {largest}")
        return planes
    length = part.size(shape)
    body = zstd.expand(part.stored, length, what) if part.squeezed else part.stored
    if len(body) != length:
        raise FormatError(f"{what}: expected {length} bytes, got {len(body)}")
    kind: type[np.unsignedinteger[Any]] = sample_type(shape.size)
    if not part.colours:
        samples = _symbols(body, part.planes, shape, shape.size, part.predictor, what)
        if part.from_second:
            samples[[0, 2]] = (samples[[0, 2]] + samples[1] - shape.size // 2) % shape.size
        return samples.astype(kind)
    listed = part.listed_bytes(shape.size)
    colours = _from_bytes(body[:listed], (part.planes, 1), part.colours, 256 if shape.size <= 256 else 65_536, what)
    if (largest := colours.max()) >= shape.size:
        raise FormatError(f"{what}: expected colours of 0 to {shape.size - 1}, got {largest}")
    places = _symbols(body[listed:], 1, shape, part.colours, part.predictor, what)
    shown: Planes = colours.astype(kind)[:, 0, places[0]]
    return shown
