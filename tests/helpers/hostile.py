"""Damage done to a file on purpose, and what reading it may do about it: succeed within limits, or FormatError.

As a program, thousands of random edits under a limit of memory, printing how many were refused and accepted:

    python tests/helpers/hostile.py FILE EDITS
"""

from __future__ import annotations

import io
import random
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

from inr_core import SIGNATURE, Decoder, FormatError, describe, read_head, verify

Chunk = tuple[bytes, bytes]

MAX_EVALUATED = 2**22  # multiply-adds: a header may legally promise a picture of hours
LATENT_MACS = 2**13  # a pixel of the latent model, about
MEMORY = 400 * 2**20  # bytes beyond what the imports take


def read_everything(data: bytes) -> bool:
    """Whether a file is accepted; FormatError is how it is refused, any other exception is a bug and comes out."""
    accepted = accepts(_decode, data)
    assert accepts(describe, data) == accepted
    assert accepts(_verify, data) or not accepted
    return accepted


def accepts(read: Callable[[bytes], object], data: bytes) -> bool:
    """Whether a way to read a file raises no FormatError."""
    try:
        read(data)
    except FormatError:
        return False
    return True


def _verify(data: bytes) -> None:
    verify(io.BytesIO(data))


def _decode(data: bytes) -> None:
    head = read_head(io.BytesIO(data))
    header = head.header
    decoder = Decoder(head, data[head.payload_offset :], threads=1)
    macs = header.macs or LATENT_MACS
    if header.width * header.height * macs <= MAX_EVALUATED:
        assert sum(len(rows) for _, rows in decoder.bands()) == header.height


def split(data: bytes) -> list[Chunk]:
    """The chunks of a whole file."""
    chunks = []
    offset = 9
    while offset < len(data):
        length, kind = struct.unpack_from("<I4s", data, offset)
        chunks.append((kind, data[offset + 8 : offset + 8 + length]))
        offset += length + 12
    return chunks


def chunk(kind: bytes, data: bytes) -> bytes:
    """With its length and a CRC that fits."""
    return struct.pack("<I", len(data)) + kind + data + struct.pack("<I", zlib.crc32(kind + data))


def build(chunks: list[Chunk]) -> bytes:
    """The file of chunks, as they are."""
    return SIGNATURE + b"\1" + b"".join(chunk(kind, data) for kind, data in chunks)


def join(chunks: list[Chunk], payload_bytes: int | None = None) -> bytes:
    """The file of chunks with a header that promises `payload_bytes`: by default, what is there."""
    if chunks and chunks[0][0] == b"HEAD" and len(chunks[0][1]) == 17:
        first = next((k for k, (kind, _) in enumerate(chunks) if kind == b"NETW"), len(chunks))
        size = sum(len(data) + 12 for _, data in chunks[first:]) if payload_bytes is None else payload_bytes
        chunks = [(b"HEAD", chunks[0][1][:-4] + struct.pack("<I", size)), *chunks[1:]]
    return build(chunks)


def edit(data: bytes, rng: random.Random) -> bytes:
    """One to four random edits: bytes set, bits flipped, bytes cut, inserted or repeated, numbers at their ends."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at, span = rng.randrange(len(data) + 1), rng.choice((1, 1, 2, 4, 16))
        before, old, after = data[:at], data[at : at + span], data[at + span :]
        flipped = bytes(byte ^ 1 << rng.randrange(8) for byte in old)
        ends = rng.choice((b"\0", b"\x7f", b"\x80", b"\xff")) * len(old)
        data = (
            before
            + rng.choice((rng.randbytes(len(old)), flipped, b"", rng.randbytes(3) + old, old + old, ends))
            + after
        )
    return data


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Edits anywhere, or inside a chunk with its CRC made to fit, or of the chunks themselves."""
    chunks = split(data)
    k = rng.randrange(len(chunks))
    kind, content = chunks[k]
    action = rng.randrange(10)
    if action == 0:
        return edit(data, rng)
    if action == 1:
        chunks[k] = (edit(kind, rng)[:4].ljust(4, b"a"), content)
    elif action == 2:
        chunks.insert(rng.randrange(len(chunks) + 1), chunks[k])
    elif action == 3:
        rng.shuffle(chunks)
    elif action == 4:
        return join(chunks, rng.choice((0, 1, 8, 11, 12, 2**24, 2**32 - 1, rng.randrange(2 * len(data)))))
    else:  # the network three times in five
        k = len(chunks) - 1 if action < 8 else k
        chunks[k] = (chunks[k][0], edit(chunks[k][1], rng))
    return join(chunks)


def main(path: Path, edits: int) -> None:
    """Fails with a traceback if any edit gets anything but FormatError, or more memory than MEMORY."""
    data = path.read_bytes()
    assert read_everything(data)
    if sys.platform == "linux":
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    accepted = 0
    for seed in range(edits):
        mutated = mutate(data, random.Random(seed))
        try:
            accepted += read_everything(mutated)
        except BaseException:
            print(f"seed {seed}: {mutated.hex()}", file=sys.stderr)
            raise
    print(edits - accepted, accepted)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
