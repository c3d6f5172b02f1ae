"""Structure-aware mutations: a file taken apart into chunks and fields, damaged, and put together with right CRCs.

What the fields of a pixel chunk are is found by watching the reader read them, so a new field needs nothing here. A new
type of chunk needs an entry in MUTATIONS if it is to get damage of its own; until then it gets `fields` or `edit`.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress

import zstandard
from fieldmap import Field, field_map, pixel_kinds
from hostile import Chunk, edit, split

from inr_core import SIGNATURE, FormatError
from inr_core.container import zstd
from inr_core.container.fields import pack_number
from inr_core.container.header import HEAD
from inr_core.container.metadata import MAX_EXPANDED
from inr_core.models import MAX_LAYERS, MAX_LEVELS, MAX_STEP
from inr_core.modes import MODE_TABLE

Mutation = Callable[[bytes, bytes, random.Random, Sequence[bytes]], bytes]  # file, a chunk's data, chance, other files

EDGES = (0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 254, 255, 256, 2**12, 2**15, 2**16 - 1, 2**16, 2**22)
WIDE = (2**23, 2**24, 2**24 + 1, 2**28, 2**31, 2**32 - 1, 2**32, 2**35 - 1)


def mutate(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """A file made from one by one to three mutations; `others`: files that parts are taken from."""
    if rng.random() < 0.04:
        return edit(data, rng) if rng.random() < 0.7 else data[: rng.randrange(len(data) + 1)]
    try:
        chunks = split(data)
    except struct.error:  # cut or damaged before, where a fuzzer feeds mutants back
        return edit(data, rng)
    if not chunks:
        return edit(data, rng)
    promise: int | None = None
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
        dice = rng.random()
        if dice < 0.76:
            k = _weighted(chunks, rng)
            kind, content = chunks[k]
            mutation = MUTATIONS.get(kind, fields if kind in pixel_kinds() else edit_data)
            chunks[k] = kind, mutation(data, content, rng, others)
        elif dice < 0.79:
            promise = rng.choice((*EDGES, *WIDE, rng.randrange(2 * len(data) + 1))) & 0xFFFFFFFF
        elif dice < 0.82:
            return lies(join(chunks), rng)
        else:
            chunks = arrange(chunks, rng, others) or chunks
    return join(chunks, promise)


def join(chunks: list[Chunk], promise: int | None = None) -> bytes:
    """The file of chunks with right CRCs, whose header promises as many bytes of pixels as there are, or `promise`."""
    parts = [struct.pack("<I", len(d)) + k + d + struct.pack("<I", zlib.crc32(k + d)) for k, d in chunks]
    first = next((k for k, (kind, _) in enumerate(chunks) if kind in pixel_kinds()), len(chunks))
    for k, (kind, content) in enumerate(chunks):
        if kind == b"HEAD" and len(content) == HEAD.size:
            size = sum(map(len, parts[first:])) if promise is None else promise
            told = kind + content[:-4] + struct.pack("<I", size)
            parts[k] = parts[k][:4] + told + struct.pack("<I", zlib.crc32(told))
    return SIGNATURE + b"\1" + b"".join(parts)


def _weighted(chunks: list[Chunk], rng: random.Random) -> int:
    """A chunk's place: of the pixels three times in four, else any."""
    pixels = [k for k, (kind, _) in enumerate(chunks) if kind in pixel_kinds()]
    return rng.choice(pixels) if pixels and rng.random() < 0.75 else rng.randrange(len(chunks))


def edit_data(data: bytes, content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Edits of single bytes, wherever."""
    return edit(content, rng)


def head(data: bytes, content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Fields of the header at their limits and beside them; mostly modes with the samples that they ask for."""
    if len(content) != HEAD.size or rng.random() < 0.05:
        return edit(content, rng)
    values = list(HEAD.unpack(content))
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.choice((0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 7, 8, 8))
        if at == 2 and rng.random() < 0.8:
            info = rng.choice(list(MODE_TABLE.values()))
            values[2:5] = info.number, rng.choice(info.bit_depths), rng.choice(info.channels)
        elif at < 2:
            values[at] = rng.choice((0, 1, 2, 65535, values[1 - at], *(values[at] + d for d in (-2, -1, 1, 2, 9))))
        else:
            limits = (MAX_STEP, MAX_LAYERS, MAX_LEVELS, *EDGES, *(values[at] + d for d in (-1, 1)))
            values[at] = rng.choice(limits)
        bits = 16 if at in (0, 1, 6, 7) else 8
        values[at] %= 1 << bits
    return HEAD.pack(*values)


def palette(data: bytes, content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Other numbers of colours."""
    return rng.choice((edit(content, rng), rng.randbytes(rng.choice((0, 1, 3, 4, 12, 768, 1024, 1028))), content * 2))


def ranges(data: bytes, content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Fields at their ends, out of order, of one value, for other numbers of channels."""
    fields = [rng.choice((0, 1, 2, 65534, 65535, rng.randrange(65536))) for _ in range(len(content) // 2)]
    if rng.random() < 0.7:
        fields = [field for k in range(0, len(fields), 6) for field in sorted(fields[k : k + 6])]
    other = struct.pack(f"<{len(fields)}H", *fields)
    return rng.choice((other, other, other, edit(content, rng), content + content[:12], content[12:]))


def block(data: bytes, content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """A metadata block: how it is stored, and frames that lie."""
    return rng.choice((edit(content, rng), bytes([rng.randrange(4)]) + content[1:], b"\1" + frame(content, rng), b""))


def texts(data: bytes, content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Keys and values: none, doubled, too many, no UTF-8, without their ends."""
    known = (b"Title", b"Author", b"", b"\xc3\xa9", b"\xff", b"a" * 1024, b"a" * 1025, b"a\nb")
    keys = [rng.choice(known) for _ in range(3)]
    pairs = b"".join(
        key + b"\0" + rng.choice((b"", b"x" * 9, b"\xed\xa0\x80")) + b"\0" for key in keys[: rng.randrange(4)]
    )
    many = b"".join(b"%d\0\0" % k for k in range(rng.choice((1023, 1024, 1025))))
    if rng.random() < 0.3:
        return block(data, content, rng, others)
    return b"\0" + rng.choice((pairs, pairs, pairs[:-1], pairs + b"\0", many))


def frame(content: bytes, rng: random.Random) -> bytes:
    """A Zstandard frame: right, of another size, without one, doubled, empty, a bomb, skippable, with a dictionary."""
    good = zstandard.compress(content)
    return rng.choice(
        (
            good,
            zstandard.compress(content + b"\0"),
            zstandard.compress(content[:-1]),
            zstandard.ZstdCompressor(write_content_size=False).compress(content),
            good + good,
            good[: rng.randrange(len(good))],
            edit(good, rng),
            zstandard.compress(b""),
            bytes.fromhex("28b52ffda0") + struct.pack("<I", rng.choice((5, MAX_EXPANDED, 2**32 - 1)))
            + bytes.fromhex("02001061") * 40 + bytes.fromhex("03001061"),
            bytes.fromhex("502a4d18") + struct.pack("<I", len(content)) + content,
            bytes.fromhex("28b52ffd23") + rng.randbytes(1) + good[5:],
        )
    )  # fmt: skip


def fields(data: bytes, content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """One to three fields of a pixel chunk replaced, the last ones first so that the others stay where they are."""
    found = field_map(data).get(content, ())
    if not found or rng.random() < 0.1:
        return edit(content, rng) if rng.random() < 0.8 else content[: rng.randrange(len(content) + 1)]
    count = min(len(found), rng.choice((1, 1, 1, 1, 2, 3)))
    for field in sorted(rng.sample(found, count), key=lambda f: f.offset, reverse=True):
        old = content[field.offset : field.offset + field.size]
        content = content[: field.offset] + _field(field, old, rng, others) + content[field.offset + field.size :]
    return content


def _field(field: Field, old: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    if field.kind == "byte":
        near = (old[0] + rng.choice((-1, 1))) & 255 if old else 0
        any_byte = rng.choice((old[0] ^ 1 << rng.randrange(8), *EDGES[:16], rng.randrange(256)))
        return bytes([near if rng.random() < 0.4 else any_byte])
    if field.kind == "number":
        value = field.value
        numbers = [pack_number(rng.choice((max(0, value - 1), value + 1, 2 * value, *EDGES, *WIDE)))]
        numbers += [pack_number(value)[:-1] + bytes([pack_number(value)[-1] | 128, 0]), b"\x80" * 5 + b"\1", b"\xff"]
        return numbers[0] if rng.random() < 0.85 else rng.choice(numbers)
    if field.kind == "frame":
        inside = old
        with suppress(FormatError):  # a fuzzer's file: damaged before
            inside = zstd.expand(old, 2**16, "frame")
        squeezed = frame(inside if rng.random() < 0.5 else old, rng)
        return squeezed if rng.random() < 0.3 or not old else squeezed[: len(old)].ljust(len(old), b"\0")
    dice = rng.random()
    if dice < 0.15:
        every = [f for other in others for found in field_map(other).values() for f in found]
        return rng.choice([old, *(f.data for f in every if f.what == field.what)])
    if dice < 0.6 and old:  # the same length: what follows stays readable
        return bytes(byte ^ 1 << rng.randrange(8) if rng.random() < 0.1 else byte for byte in old)
    if dice < 0.7:
        return rng.choice((b"\0", b"\xff", b"\x80")) * len(old)
    return rng.randbytes(len(old)) if dice < 0.8 else edit(old, rng)


def arrange(chunks: list[Chunk], rng: random.Random, others: Sequence[bytes]) -> list[Chunk]:
    """Chunks dropped, doubled, moved, renamed, added, or taken from another file."""
    k = rng.randrange(len(chunks))
    chunks = list(chunks)
    action = rng.randrange(9)
    if action == 0:
        del chunks[k]
    elif action == 1:
        chunks.insert(rng.randrange(len(chunks) + 1), chunks[k])
    elif action == 2:
        chunks.insert(rng.randrange(len(chunks)), chunks.pop(k))
    elif action == 3:
        names = b"NETW", b"LATS", b"STRP", b"HEAD", b"PLTE", b"RANG", b"exif", b"zzZz", b"Zzzz", b"\0abc"
        chunks[k] = rng.choice(names), chunks[k][1]
    elif action == 4:
        new = (
            rng.choice((b"skip", b"Stop", b"comm", b"dpis", b"PLTE", b"RANG", b"text")),
            rng.randbytes(rng.choice((0, 1, 8, 12, 24, 300))),
        )
        chunks.insert(rng.randrange(len(chunks) + 1), new)
    elif action == 5:
        at = rng.randrange(1, len(chunks) + 1)
        chunks[at:at] = [(b"skip", b"")] * rng.choice((1, 62, 63, 64, 65, 66))
    elif action in (6, 7):
        pixels = [c for c in split(rng.choice(others)) if c[0] in pixel_kinds()]
        own = next((j for j, c in enumerate(chunks) if c[0] in pixel_kinds()), len(chunks))
        chunks[own + (action == 7) :] = pixels
    else:
        chunks[k] = chunks[k][0], b""
    return chunks


def lies(data: bytes, rng: random.Random) -> bytes:
    """A chunk's length or CRC, the signature or the version made wrong, without anything to fit."""
    places = [0, 8]
    offset = 9
    for _, content in split(data):
        places += [offset, offset, offset + 8 + len(content)]
        offset += len(content) + 12
    at = rng.choice(places)
    value = rng.choice((*EDGES, *WIDE, rng.getrandbits(32), offset, offset - at)) & 0xFFFFFFFF
    width = 1 if at < 9 else 4
    return data[:at] + struct.pack("<I", value)[:width] + data[at + width :]


# By type of chunk. Pixel chunks that are not listed get `fields`, all others `edit_data`.
MUTATIONS: dict[bytes, Mutation] = {
    b"HEAD": head,
    b"PLTE": palette,
    b"RANG": ranges,
    b"text": texts,
    **dict.fromkeys((b"exif", b"iccp", b"xmpp", b"comm"), block),
}
