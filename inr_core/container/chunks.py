"""The file: signature, version, and chunks with a CRC each. Limits are checked before anything is allocated.

The layout is specified in FORMAT.md. What the pixel chunks hold is read by the models: `siren.streams`,
`latent.payload` and `exact.strips`.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from ..errors import FormatError, SettingsError, TruncatedError, check_bytes, check_file, check_type
from ..limits import Limits, given
from ..models import MODELS
from .header import HEAD, Header, check_header, pack_header, parse_header
from .metadata import MAX_METADATA, NAMES, Metadata, pack_metadata, parse_metadata
from .ranges import Range, pack_ranges, parse_ranges
from .source import CHUNK, CRC, Source, crc_of, name_of

if TYPE_CHECKING:  # opening a file needs no NumPy
    import numpy as np
    from numpy.typing import NDArray

SIGNATURE = b"\x89INR\r\n\x1a\n"
VERSION = 1
PLANE_CHUNKS = {"alpha": b"ALPH", "ends": b"ENDS", "tiles": b"TILE"}  # that may come before those with the pixels
PLANES = {chunk: plane for plane, chunk in PLANE_CHUNKS.items()}
KNOWN = frozenset((b"HEAD", b"PLTE", b"RANG", *NAMES))  # before the pixels
FRAME_BYTES = CHUNK.size + CRC.size  # of a chunk, beside its data
MAX_CHUNKS = 64  # before the pixels, and as many again from the pixels on


@dataclass(frozen=True)
class Head:
    """A file up to its first pixel chunk."""

    header: Header
    metadata: Metadata
    palette_bytes: bytes | None  # of mode P: N colours of `header.channels` bytes
    payload_offset: int

    @property
    def palette(self) -> NDArray[np.uint8] | None:
        """The palette of mode P, (N, 3 or 4) uint8."""
        if self.palette_bytes is None:
            return None
        import numpy as np

        return np.frombuffer(self.palette_bytes, np.uint8).reshape(-1, self.header.channels)


def write(
    header: Header, palette: NDArray[np.uint8] | None, metadata: Metadata, pixels: bytes | Sequence[bytes]
) -> bytes:
    """The whole file; `header.payload_bytes` is filled in here. Raises SettingsError for what no reader accepts.

    pixels: a network, or the payloads of a pyramid, coarse to fine, or strips from top to bottom. The payload of
    `header.plane` comes first.
    """
    payloads = [pixels] if isinstance(pixels, bytes) else pixels
    kinds = [header.row.chunk] * len(payloads)
    if header.plane:
        kinds[0] = PLANE_CHUNKS[header.plane]
    pixel_chunks = b"".join(map(_chunk, kinds, payloads))
    header = dataclasses.replace(header, payload_bytes=len(pixel_chunks))
    parts = [SIGNATURE, bytes([VERSION]), _chunk(b"HEAD", pack_header(header))]
    if palette is not None:
        parts.append(_chunk(b"PLTE", palette.tobytes()))
    if header.ranges:
        parts.append(_chunk(b"RANG", pack_ranges(header.ranges)))
    parts += [_chunk(kind, data) for kind, data in pack_metadata(metadata)]
    return b"".join([*parts, pixel_chunks])


def read_head(fp: IO[bytes], limits: Limits | None = None) -> Head:
    """Read signature, header and metadata from a file's start; only `fp.read` is needed.

    Raises TruncatedError if the file ends before its first pixel chunk, LimitError for more pixels, metadata or chunks
    than `limits` allow, by default `Limits.default`, FormatError for anything else that is wrong.
    """
    check_file(fp)
    return _read_head(Source(fp), given(limits))[0]


def verify(fp: IO[bytes], limits: Limits | None = None) -> None:
    """Check signature, limits, metadata and every chunk's length and CRC without decoding; raises FormatError.

    limits: as `read_head`. What follows the payload belongs to someone else and is not looked at.
    """
    check_file(fp)
    source = Source(fp)
    head, start = _read_head(source, given(limits))
    rest = source.take(max(0, head.header.payload_bytes - len(start)), "pixel chunks")
    read_payloads(head.header, start + rest)


def _read_head(source: Source, limits: Limits) -> tuple[Head, bytes]:
    """The head, and what was read beyond it: the first bytes of the payload."""
    header = _read_start(source)
    limits.check("pixels", header.width * header.height, "pixels")
    pixels = (header.row.chunk, *PLANES)
    source.skip_to_missing(MAX_CHUNKS, pixels.__contains__, lambda kind: _critical(kind) and kind not in KNOWN)
    palette: bytes | None = None
    metadata: dict[bytes, bytes] = {}
    for count in range(MAX_CHUNKS + 1):
        offset = source.offset
        kind, length = source.chunk_header()
        if plane := PLANES.get(kind, ""):
            header = dataclasses.replace(header, plane=plane)
            check_header(header, FormatError)
        if plane or kind == header.row.chunk:
            if (header.mode == "P") != (palette is not None):
                raise FormatError(f"chunk 'PLTE': expected exactly in mode P, got mode {header.mode}")
            return Head(header, parse_metadata(metadata, limits), palette, offset), CHUNK.pack(length, kind)
        if count == MAX_CHUNKS:
            break
        limits.check("chunks", count + 1, "chunks before the pixels")
        limits.check("metadata", sum(map(len, metadata.values())) + length * (kind in NAMES), "bytes")
        data = source.chunk_data(kind, length, MAX_METADATA)
        again = kind == b"HEAD" or (kind == b"PLTE" and palette is not None) or (kind == b"RANG" and header.ranges)
        if again or kind in metadata:
            raise FormatError(f"chunk {name_of(kind)} at byte {offset}: expected once, got it again")
        if kind == b"PLTE":
            palette = _check_palette(data, header)
        elif kind == b"RANG":
            header = dataclasses.replace(header, ranges=_check_ranges(data, header))
        elif kind in NAMES:
            metadata[kind] = data
        elif _critical(kind):
            raise FormatError(f"chunk {name_of(kind)} at byte {offset}: unknown and critical")
    raise FormatError(f"chunks: expected at most {MAX_CHUNKS} before the pixels, got more")


def _read_start(source: Source) -> Header:
    """Signature, version and header chunk."""
    signature = source.take(len(SIGNATURE), "signature")
    if signature != SIGNATURE:
        raise FormatError(f"signature: expected {SIGNATURE!r}, got {signature!r}")
    version = source.take(1, "version")[0]
    if version != VERSION:
        raise FormatError(f"version: expected {VERSION}, got {version}; this file needs another version of the reader")
    kind, length = source.chunk_header()
    if kind != b"HEAD" or length != HEAD.size:
        raise FormatError(f"first chunk: expected 'HEAD' of {HEAD.size} bytes, got {name_of(kind)} of {length}")
    return parse_header(source.chunk_data(kind, length, HEAD.size))


def _check_palette(data: bytes, header: Header) -> bytes:
    entries, rest = divmod(len(data), header.channels)
    if rest or not 1 <= entries <= 256:
        raise FormatError(f"chunk 'PLTE': expected 1 to 256 colours of {header.channels} bytes, got {len(data)} bytes")
    return data


def _check_ranges(data: bytes, header: Header) -> tuple[Range, ...]:
    if header.bit_depth != 16 or header.row.lossless:
        lossy = " or ".join(name for name, row in MODELS.items() if not row.lossless)
        got = f"{header.bit_depth} of model {header.model}"
        raise FormatError(f"chunk 'RANG': expected with 16 bits a sample of model {lossy} only, got {got}")
    return parse_ranges(data, header.channels)


def read_payload(header: Header, payload: bytes) -> bytes:
    """The last of `read_payloads`: of a siren, its network."""
    return read_payloads(header, payload)[-1]


def read_payloads(header: Header, payload: bytes, *, whole: bool = True) -> list[bytes]:
    """What the pixel chunks hold, out of everything from `payload_offset` on; ignores what follows.

    Checks lengths and CRCs; one network, or a payload or more of a pyramid, or strips, behind that of `header.plane`.
    whole: else there may be nothing behind it.
    """
    size = header.payload_bytes
    if len(payload) < size:
        raise TruncatedError(f"pixel chunks: expected {size} bytes, got {len(payload)}")
    try:
        found = _read_pixel_chunks(Source(io.BytesIO(payload[:size])), header)
    except TruncatedError as e:  # the chunks promise more than the header does, and that much is there
        raise FormatError(f"pixel chunks: {e}") from e
    if len(found) <= (whole and header.plane != ""):
        raise FormatError(f"chunk {name_of(header.row.chunk)}: expected one, got none")
    return found


def _read_pixel_chunks(source: Source, header: Header) -> list[bytes]:
    """What those of the whole payload hold, in their order; FormatError for another number or kind of them."""
    found: list[bytes] = []
    chunks = 0
    while source.offset < header.payload_bytes:
        check_chunks(chunks, source.offset, header)
        chunks += 1
        kind, length = source.chunk_header()
        data = source.chunk_data(kind, length, header.row.max_payload)
        first = bool(header.plane) and not found
        wanted = PLANE_CHUNKS[header.plane] if first else header.row.chunk
        if kind == wanted and (header.row.several or len(found) <= bool(header.plane)):
            found.append(data)
        elif kind == wanted:
            raise FormatError(f"chunk {name_of(kind)}: expected once, got it again")
        elif _critical(kind):
            raise FormatError(f"chunk {name_of(kind)}: unknown and critical")
    return found


def check_chunks(complete: int, end: int, header: Header) -> None:
    """FormatError if so many chunks from the pixels on, up to byte `end` of the payload, are followed by more."""
    if complete == MAX_CHUNKS and end < header.payload_bytes:
        raise FormatError(f"chunks: expected at most {MAX_CHUNKS} from the pixels on, got more")


def list_chunks(head: Head, data: bytes) -> list[tuple[str, int, int]]:
    """(type, offset, length of the data) of every chunk of a file that `verify` accepts."""
    found = []
    offset = len(SIGNATURE) + 1
    while offset < head.payload_offset + head.header.payload_bytes:
        length, kind = CHUNK.unpack_from(data, offset)
        found.append((kind.decode("ascii"), offset, length))
        offset += FRAME_BYTES + length
    return found


def replace_metadata(data: bytes, metadata: Metadata) -> bytes:
    """The same file with other metadata. Every other byte is copied: pixels, palette, unknown chunks, what follows.

    metadata: all of it, so that a field of None removes a chunk; `dataclasses.replace(read_head(…).metadata, dpi=…)`
    changes one. A chunk whose value stays is copied, too. Raises FormatError for a file that `verify` refuses,
    SettingsError for metadata that a file cannot hold.
    """
    check_bytes(data)
    check_type("metadata", metadata, Metadata)
    verify(io.BytesIO(data))
    head = read_head(io.BytesIO(data))
    first: list[bytes] = []  # HEAD, PLTE and RANG
    old: dict[bytes, bytes] = {}  # whole chunks
    unknown: list[bytes] = []
    for name, offset, length in list_chunks(head, data):
        kind, chunk = name.encode(), data[offset : offset + FRAME_BYTES + length]
        if offset >= head.payload_offset:
            break
        if kind in NAMES:
            old[kind] = chunk
        else:
            (first if _critical(kind) else unknown).append(chunk)
    kept = {kind: old[kind] for kind in old if getattr(metadata, NAMES[kind]) == getattr(head.metadata, NAMES[kind])}
    changed = dataclasses.replace(metadata, **dict.fromkeys((NAMES[kind] for kind in kept), None))
    both = kept | {kind: _chunk(kind, field) for kind, field in pack_metadata(changed)}
    new = [both[kind] for kind in NAMES if kind in both]
    if (count := len(first) - 1 + len(new) + len(unknown)) > MAX_CHUNKS:
        raise SettingsError(f"metadata: expected at most {MAX_CHUNKS} chunks before the pixels with it, got {count}")
    return b"".join([data[: len(SIGNATURE) + 1], *first, *new, *unknown, data[head.payload_offset :]])


def _critical(kind: bytes) -> bool:
    return kind[:1].isupper()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return CHUNK.pack(len(data), kind) + data + CRC.pack(crc_of(kind, data))
