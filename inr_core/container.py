"""The file: signature, version, chunks with a CRC each, the header, and the limits checked before anything is allocated.

The layout is specified in FORMAT.md; this module is its first half, `weights` the second.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from .errors import FormatError, TruncatedError
from .modes import DEEP_MODES, MAX_SIDE, MODE_TABLE, MODES

# Opening a file reads only its head: NumPy and Zstandard are imported where they are first needed.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIGNATURE = b"\x89INR\r\n\x1a\n"
VERSION = 1
CHUNK = struct.Struct("<I4s")  # length of the data, type; then data, then CRC
CRC = struct.Struct("<I")  # CRC-32 of type and data
HEAD = struct.Struct("<IIBBBBIHBI")
DPI = struct.Struct("<II")  # thousandths of dots per inch
MODEL_NUMBERS = {"siren": 0}

MAX_PIXELS = 2**28
MAX_CHUNKS = 64  # before the pixels
MAX_METADATA = 2**24  # bytes of one metadata chunk, compressed or not
MAX_PAYLOAD = 2**27  # bytes of the pixel chunks
MAX_HIDDEN = 1024
MAX_LAYERS = 64
MAX_WORK = 2**43  # multiply-adds of the whole picture


@dataclass(frozen=True)
class Header:
    """Everything known of a picture before its pixels are decoded."""

    width: int
    height: int
    mode: str
    bit_depth: int  # 1, 8 or 16 bits a sample
    channels: int  # outputs of the network, 1 … 4
    model: str
    prior: int  # 0: none
    hidden: int  # neurons of each hidden layer
    layers: int  # linear layers
    payload_bytes: int  # from the first pixel chunk to the end of the file

    def shapes(self) -> list[tuple[int, int]]:
        """(out, in) of each linear layer."""
        inner = [(self.hidden, self.hidden)] * (self.layers - 2)
        return [(self.hidden, 2), *inner, (self.channels, self.hidden)]


@dataclass(frozen=True)
class Metadata:
    """What travels beside the pixels, byte for byte. dpi: dots per inch (x, y), kept to a thousandth."""

    exif: bytes | None = None  # without the "Exif\\0\\0" prefix
    icc: bytes | None = None
    xmp: bytes | None = None
    comment: bytes | None = None
    dpi: tuple[float, float] | None = None


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


def write(header: Header, palette: NDArray[np.uint8] | None, metadata: Metadata, network: bytes) -> bytes:
    """The whole file; `header.payload_bytes` is filled in here."""
    pixel_chunks = _chunk(b"NETW", network)
    mode = MODE_TABLE[header.mode].number
    model = MODEL_NUMBERS[header.model]
    fields = (header.width, header.height, mode, header.bit_depth, header.channels, model, header.prior)
    parts = [SIGNATURE, bytes([VERSION])]
    parts.append(_chunk(b"HEAD", HEAD.pack(*fields, header.hidden, header.layers, len(pixel_chunks))))
    if palette is not None:
        parts.append(_chunk(b"PLTE", palette.tobytes()))
    for kind, data in ((b"eXIf", metadata.exif), (b"iCCP", metadata.icc), (b"xMPd", metadata.xmp)):
        if data is not None:
            parts.append(_chunk(kind, _squeeze(kind, data)))
    if metadata.comment is not None:
        parts.append(_chunk(b"tEXt", _squeeze(b"tEXt", metadata.comment)))
    if metadata.dpi is not None:
        parts.append(_chunk(b"pHYs", DPI.pack(*(round(1000 * value) for value in metadata.dpi))))
    return b"".join([*parts, pixel_chunks])


def read_head(fp: IO[bytes]) -> Head:
    """Read signature, header and metadata from a file's start; only `fp.read` is needed.

    Raises TruncatedError if the file ends before its first pixel chunk, FormatError for anything else that is wrong.
    """
    source = _Source(fp)
    kind, data = _first_chunk(source)
    header = _parse_header(kind, data)
    palette: bytes | None = None
    fields: dict[str, bytes] = {}
    dpi: tuple[float, float] | None = None
    for _ in range(MAX_CHUNKS):
        offset = source.offset
        kind, length = source.chunk_header()
        if kind == b"NETW":
            if (header.mode == "P") != (palette is not None):
                raise FormatError(f"chunk PLTE: expected exactly for mode P, got mode {header.mode}")
            return Head(header, Metadata(**fields, dpi=dpi), palette, offset)
        data = source.chunk_data(kind, length, MAX_METADATA)
        if kind == b"PLTE":
            palette = _check_palette(data, header)
        elif kind == b"pHYs":
            if len(data) != DPI.size:
                raise FormatError(f"chunk pHYs: expected {DPI.size} bytes, got {len(data)}")
            x, y = DPI.unpack(data)
            dpi = (x / 1000, y / 1000)
        elif kind in _TEXT_CHUNKS:
            fields[_TEXT_CHUNKS[kind]] = _expand(kind, data)
        elif not kind[0] & 0x20:
            raise FormatError(f"chunk {kind.decode('latin-1')!r} at byte {offset}: unknown and critical")
    raise FormatError(f"chunks: expected at most {MAX_CHUNKS} before the pixels, got more")


def read_payload(header: Header, payload: bytes) -> bytes:
    """The network's bytes out of everything from `payload_offset` on; checks length and CRC."""
    if len(payload) < header.payload_bytes:
        raise TruncatedError(f"pixel chunks: expected {header.payload_bytes} bytes, got {len(payload)}")
    network = None
    for kind, data in _chunks(payload[: header.payload_bytes]):
        if kind == b"NETW" and network is None:
            network = data
        elif not kind[0] & 0x20:
            raise FormatError(
                f"chunk {kind.decode('latin-1')!r} among the pixel chunks: unknown and critical, or twice"
            )
    if network is None:
        raise FormatError("chunk NETW: expected one, got none")
    return network


def verify(fp: IO[bytes]) -> None:
    """Check signature, header, limits and the CRC of every chunk without decoding; raises FormatError."""
    source = _Source(fp)
    header = _parse_header(*_first_chunk(source))
    end: int | None = None
    for _ in range(MAX_CHUNKS):
        offset = source.offset
        kind, length = source.chunk_header()
        if kind == b"NETW" and end is None:
            end = offset + header.payload_bytes
        source.chunk_data(kind, length, MAX_METADATA if end is None else MAX_PAYLOAD)
        if end is not None and source.offset >= end:
            if source.offset > end:
                raise FormatError(f"pixel chunks: expected to end at byte {end}, got {source.offset}")
            return
    raise FormatError(f"chunks: expected at most {MAX_CHUNKS}, got more")


def list_chunks(data: bytes) -> list[tuple[str, int, int]]:
    """(type, offset, length of the data) of every chunk of a whole valid file."""
    found = []
    offset = len(SIGNATURE) + 1
    while offset < len(data):
        length, kind = CHUNK.unpack_from(data, offset)
        found.append((kind.decode("latin-1"), offset, length))
        offset += CHUNK.size + length + CRC.size
    return found


class _Source:
    """Reads exactly what is asked for, in order, and knows where it is."""

    def __init__(self, fp: IO[bytes]) -> None:
        self.fp, self.offset = fp, 0

    def take(self, n: int, what: str) -> bytes:
        data = self.fp.read(n)
        if len(data) < n:
            raise TruncatedError(f"{what} at byte {self.offset}: expected {n} bytes, got {len(data)}")
        self.offset += n
        return data

    def chunk_header(self) -> tuple[bytes, int]:
        length, kind = CHUNK.unpack(self.take(CHUNK.size, "chunk header"))
        return kind, length

    def chunk_data(self, kind: bytes, length: int, limit: int) -> bytes:
        name = kind.decode("latin-1")
        if length > limit:
            raise FormatError(f"chunk {name!r} at byte {self.offset}: expected at most {limit} bytes, got {length}")
        data = self.take(length, f"chunk {name!r}")
        (crc,) = CRC.unpack(self.take(CRC.size, f"CRC of chunk {name!r}"))
        if crc != zlib.crc32(data, zlib.crc32(kind)):
            raise FormatError(f"chunk {name!r}: CRC mismatch")
        return data


def _first_chunk(source: _Source) -> tuple[bytes, bytes]:
    signature = source.take(len(SIGNATURE), "signature")
    if signature != SIGNATURE:
        raise FormatError(f"signature: expected {SIGNATURE!r}, got {signature!r}")
    version = source.take(1, "version")[0]
    if version != VERSION:
        raise FormatError(f"version: expected {VERSION}, got {version}; this file needs another version of the reader")
    kind, length = source.chunk_header()
    return kind, source.chunk_data(kind, length, HEAD.size)


def _parse_header(kind: bytes, data: bytes) -> Header:
    if kind != b"HEAD" or len(data) != HEAD.size:
        raise FormatError(f"first chunk: expected HEAD of {HEAD.size} bytes, got {kind!r} of {len(data)}")
    width, height, mode_number, bit_depth, channels, model_number, prior, hidden, layers, payload = HEAD.unpack(data)
    _limit("width", width, 1, MAX_SIDE)
    _limit("height", height, 1, MAX_SIDE)
    _limit("width × height", width * height, 1, MAX_PIXELS)
    _limit("mode", mode_number, 0, len(MODES) - 1)
    mode = MODES[mode_number]
    expected = MODE_TABLE[mode]
    if bit_depth != expected.bit_depth and not (bit_depth == 16 and mode in DEEP_MODES):
        raise FormatError(f"bit depth: expected {expected.bit_depth} for mode {mode}, got {bit_depth}")
    if channels != expected.channels and not (mode == "P" and channels in (3, 4)):
        raise FormatError(f"channels: expected {expected.channels or '3 or 4'} for mode {mode}, got {channels}")
    _limit("model", model_number, 0, len(MODEL_NUMBERS) - 1)
    if prior != 0:
        raise FormatError(f"prior: expected 0 (none), got {prior}, which this version does not have")
    _limit("hidden neurons", hidden, 1, MAX_HIDDEN)
    _limit("layers", layers, 2, MAX_LAYERS)
    _limit("payload bytes", payload, CHUNK.size + CRC.size, MAX_PAYLOAD)
    model = list(MODEL_NUMBERS)[model_number]
    header = Header(width, height, mode, bit_depth, channels, model, prior, hidden, layers, payload)
    work = width * height * sum(out * into for out, into in header.shapes())
    _limit("multiply-adds of the picture", work, 1, MAX_WORK)
    return header


def _limit(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise FormatError(f"header: {what}: expected {low} to {high}, got {value}")


def _check_palette(data: bytes, header: Header) -> bytes:
    entries, rest = divmod(len(data), header.channels)
    if rest or not 1 <= entries <= 256:
        raise FormatError(f"chunk PLTE: expected 1 to 256 colours of {header.channels} bytes, got {len(data)} bytes")
    return data


_TEXT_CHUNKS = {b"eXIf": "exif", b"iCCP": "icc", b"xMPd": "xmp", b"tEXt": "comment"}


def _chunk(kind: bytes, data: bytes) -> bytes:
    return CHUNK.pack(len(data), kind) + data + CRC.pack(zlib.crc32(data, zlib.crc32(kind)))


def _chunks(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    offset = 0
    while offset < len(payload):
        if len(payload) - offset < CHUNK.size + CRC.size:
            raise FormatError(f"pixel chunks: expected a chunk at byte {offset}, got {len(payload) - offset} bytes")
        length, kind = CHUNK.unpack_from(payload, offset)
        start = offset + CHUNK.size
        offset = start + length + CRC.size
        if offset > len(payload):
            raise FormatError(f"chunk {kind!r}: expected {length} bytes, got {len(payload) - start - CRC.size}")
        data = payload[start : start + length]
        if CRC.unpack_from(payload, start + length)[0] != zlib.crc32(data, zlib.crc32(kind)):
            raise FormatError(f"chunk {kind.decode('latin-1')!r}: CRC mismatch")
        yield kind, data


def _squeeze(kind: bytes, data: bytes) -> bytes:
    """A metadata field: one byte (0 stored, 1 Zstandard), then whichever is smaller."""
    if len(data) >= MAX_METADATA:
        raise FormatError(f"metadata {_TEXT_CHUNKS[kind]}: expected under {MAX_METADATA} bytes, got {len(data)}")
    import zstandard

    packed = zstandard.ZstdCompressor(level=19).compress(data)
    return b"\1" + packed if len(packed) < len(data) else b"\0" + data


def _expand(kind: bytes, data: bytes) -> bytes:
    name = kind.decode("latin-1")
    if not data or data[0] > 1:
        raise FormatError(f"chunk {name!r}: expected compression 0 or 1, got {data[:1].hex() or 'nothing'}")
    return data[1:] if data[0] == 0 else zstd_expand(data[1:], MAX_METADATA, f"chunk {name!r}")


def zstd_expand(data: bytes, limit: int, what: str) -> bytes:
    """Decompress one Zstandard frame of at most `limit` bytes; anything longer or damaged is a FormatError."""
    import zstandard

    try:
        size = zstandard.frame_content_size(data)
        if not 0 <= size <= limit:
            raise FormatError(f"{what}: expected at most {limit} decompressed bytes, got {size}")
        # The declared size is the buffer's: a frame that lies about it fails instead of growing.
        return zstandard.ZstdDecompressor(max_window_size=2**24).decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as e:
        raise FormatError(f"{what}: expected Zstandard data, got {e}") from e
