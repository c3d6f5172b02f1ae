"""What travels beside the pixels, byte for byte, and the chunks that hold it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import FormatError, SettingsError, shown
from ..limits import Limits, given
from . import zstd

# The chunks, in order.
NAMES = {b"exif": "exif", b"iccp": "icc", b"xmpp": "xmp", b"comm": "comment", b"dpis": "dpi", b"text": "text"}
STORED, COMPRESSED = 0, 1  # the first byte of every one but dpis
DPI = struct.Struct("<II")  # thousandths of dots per inch
MAX_METADATA = 2**24  # bytes of a chunk
MAX_EXPANDED = 2**20  # bytes that a compressed one becomes: what is larger is stored, so that it costs its own size
MAX_DPI = (2**32 - 1) / 1000
MAX_TEXTS = 1024  # pairs of a key and a value
MAX_KEY = 1024  # characters

_KEYS = f"1 to {MAX_KEY} characters but U+0000"


@dataclass(frozen=True)
class Metadata:
    """What travels beside the pixels.

    dpi: dots per inch (x, y), kept to a thousandth. text: values by key, like PNG's; a key has 1 to 1024 characters,
    and both may have any but U+0000.
    """

    exif: bytes | None = None  # without the "Exif\\0\\0" prefix
    icc: bytes | None = None
    xmp: bytes | None = None
    comment: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] | None = None


def pack_metadata(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """(type, data) of the chunks; raises SettingsError for values that a file cannot hold."""
    chunks = []
    for kind, name in NAMES.items():
        value = getattr(metadata, name)
        if value is not None:
            chunks.append((kind, _pack(name, value)))
    return chunks


def parse_metadata(chunks: dict[bytes, bytes], limits: Limits | None = None) -> Metadata:
    """Metadata of the data of its chunks, by type; raises FormatError, and LimitError for more bytes than may be."""
    values: dict[str, Any] = {}
    size = 0
    for kind, data in chunks.items():
        name = NAMES[kind]
        if name == "dpi":
            values[name] = _parse_dpi(data)
        else:
            block = _expand(kind.decode(), data)
            size += len(block)
            given(limits).check("metadata", size, "bytes")
            values[name] = _parse_text(block) if name == "text" else block
    return Metadata(**values)


def _pack(name: str, value: Any) -> bytes:
    if name == "dpi":
        return _pack_dpi(value)
    return _squeeze(name, _pack_text(value) if name == "text" else value)


def _pack_dpi(dpi: tuple[float, float]) -> bytes:
    try:
        x, y = (float(number) for number in dpi)
    except (TypeError, ValueError):  # not two, or no numbers
        x = y = -1.0
    if not (0 <= x <= MAX_DPI and 0 <= y <= MAX_DPI):  # NaN is neither
        raise SettingsError(f"dpi: expected numbers from 0 to {MAX_DPI}, got {shown(dpi)}")
    return DPI.pack(round(1000 * x), round(1000 * y))


def _parse_dpi(data: bytes) -> tuple[float, float]:
    if len(data) != DPI.size:
        raise FormatError(f"chunk 'dpis': expected {DPI.size} bytes, got {len(data)}")
    x, y = DPI.unpack(data)
    return x / 1000, y / 1000


def check_block(name: str, data: bytes) -> None:
    """Raise SettingsError, under the name of an option, for more bytes than a file can hold of one kind of metadata."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise SettingsError(f"{name}: expected bytes, got {shown(data)}")
    if len(data) >= MAX_METADATA:
        raise SettingsError(f"{name}: expected under {MAX_METADATA} bytes, got {len(data)}")


def check_text(text: Mapping[str, str]) -> None:
    """Raise SettingsError for keys and values that a file cannot hold."""
    check_block("text", _pack_text(text))


def _pack_text(text: Mapping[str, str]) -> bytes:
    """Keys and values, each with a zero behind it; SettingsError for what a file cannot hold."""
    pairs: object = text
    if not isinstance(pairs, Mapping) or not all(isinstance(part, str) for pair in pairs.items() for part in pair):
        raise SettingsError(f"text: expected a mapping of str to str, got {shown(text)}")
    if len(text) > MAX_TEXTS:
        raise SettingsError(f"text: expected at most {MAX_TEXTS} pairs, got {len(text)}")
    for key, value in text.items():
        if not 1 <= len(key) <= MAX_KEY or not _is_unicode(key):
            raise SettingsError(f"text: expected a key of {_KEYS}, got {shown(key)}")
        if not _is_unicode(value):
            raise SettingsError(f"text {shown(key)}: expected Unicode without U+0000, got {shown(value)}")
    return "".join(f"{key}\0{value}\0" for key, value in text.items()).encode()


def _is_unicode(value: str) -> bool:
    """Whether UTF-8 can hold it, without a zero."""
    if "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # halves of a pair
        return False
    return True


def _parse_text(data: bytes) -> dict[str, str]:
    """What `_pack_text` wrote; FormatError for anything else."""
    ends = data.count(0)
    if ends > 2 * MAX_TEXTS:
        raise FormatError(f"chunk 'text': expected at most {2 * MAX_TEXTS} strings, got {ends}")
    try:
        *strings, rest = data.decode().split("\0")
    except UnicodeDecodeError as e:
        raise FormatError(f"chunk 'text': expected UTF-8, got {e.reason} at {e.start}") from e
    if rest or ends % 2:
        raise FormatError("chunk 'text': expected a key and a value, each ended by a zero, again and again")
    text = dict(zip(strings[::2], strings[1::2], strict=True))
    for key in text:
        if not 1 <= len(key) <= MAX_KEY:
            raise FormatError(f"chunk 'text': expected a key of {_KEYS}, got {shown(key)}")
    if 2 * len(text) < ends:
        raise FormatError(f"chunk 'text': expected {ends // 2} different keys, got {len(text)}")
    return text


def _squeeze(name: str, data: bytes) -> bytes:
    """One byte (0 stored, 1 Zstandard), then whichever is smaller."""
    check_block(name, data)
    packed = zstd.squeeze(data) if len(data) <= MAX_EXPANDED else data
    return bytes([COMPRESSED]) + packed if len(packed) < len(data) else bytes([STORED]) + data


def _expand(name: str, data: bytes) -> bytes:
    if not data or data[0] > COMPRESSED:
        got = data[0] if data else "nothing"
        raise FormatError(f"chunk {name!r}: expected compression {STORED} or {COMPRESSED}, got {got}")
    return data[1:] if data[0] == STORED else zstd.expand(data[1:], MAX_EXPANDED, f"chunk {name!r}")
