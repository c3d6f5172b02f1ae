"""Small files put together chunk by chunk, and how opening and decoding refuse them."""

from __future__ import annotations

import io
import struct

import pytest
from hostile import build, split
from networks import header_of, make_file

from inr_core import FormatError, Head, Metadata, read_head, verify

FILE = make_file(header_of("RGB"))
FULL = Metadata(exif=b"MM\0*" + bytes(300), icc=bytes(range(256)), xmp=b"<x/>" * 99, comment=b"hi", dpi=(300.0, 72.009))


def with_chunk(at: int, kind: bytes, data: bytes, source: bytes = FILE) -> bytes:
    """The file with one more chunk; among the pixel chunks, the header is told."""
    chunks = split(source)
    if at >= len(chunks):
        chunks[0] = (b"HEAD", chunks[0][1][:-4] + struct.pack("<I", struct.unpack("<I", chunks[0][1][-4:])[0] + 12))
        assert not data
    return build([*chunks[:at], (kind, data), *chunks[at:]])


def head_of(data: bytes) -> Head:
    return read_head(io.BytesIO(data))


def refused(data: bytes, message: str, error: type[FormatError] = FormatError) -> None:
    """Opening and verifying both refuse the file, with exactly this message."""
    for read in (lambda: head_of(data), lambda: verify(io.BytesIO(data))):
        with pytest.raises(FormatError) as caught:
            read()
        assert (str(caught.value), type(caught.value)) == (message, error)
