"""The container: layout, limits and their messages, chunks known and unknown, CRCs."""

from __future__ import annotations

import dataclasses
import io
import re
import struct
from typing import IO, Any

import pytest
from container_files import FILE, FULL, head_of, refused, with_chunk
from hostile import build, chunk, split
from networks import header_of, make_file, shapes_of

from inr_core import SIGNATURE, FormatError, Metadata, SettingsError, TruncatedError, decode, read_head, verify
from inr_core.container.chunks import write
from inr_core.container.header import Header, check_header
from inr_core.models import MAX_PIXELS, SirenShape

HEAD_FIELDS = (
    "width",
    "height",
    "mode",
    "bit_depth",
    "channels",
    "model",
    "prior",
    "hidden",
    "layers",
    "payload_bytes",
)


def with_header(**fields: int) -> bytes:
    """The file with fields of its header replaced, mode and model by number."""
    values = dict(zip(HEAD_FIELDS, struct.unpack("<HHBBBBHHBI", split(FILE)[0][1]), strict=True))
    head = struct.pack("<HHBBBBHHBI", *{**values, **fields}.values())
    return build([(b"HEAD", head), *split(FILE)[1:]])


def damaged(data: bytes, message: str) -> None:
    """Opening accepts the file, decoding and verifying refuse it."""
    head_of(data)
    for read in (lambda: decode(data), lambda: verify(io.BytesIO(data))):
        with pytest.raises(FormatError) as caught:
            read()
        assert (str(caught.value), type(caught.value)) == (message, FormatError)


def test_layout_is_pinned() -> None:
    data = write(Header(3, 1000, "LA", 16, 2, SirenShape(7, 5)), None, Metadata(comment=b"abc"), b"network")
    assert data[:9] == b"\x89INR\r\n\x1a\n\x01"
    assert split(data) == [
        (b"HEAD", bytes.fromhex("0300 e803 02 10 02 00 0000 0700 05 13000000")),
        (b"comm", b"\0abc"),
        (b"NETW", b"network"),
    ]
    assert build(split(data)) == data
    head = head_of(data)
    assert head.header == Header(3, 1000, "LA", 16, 2, SirenShape(7, 5), 19)
    assert head.payload_offset == len(data) - 19
    assert shapes_of(head.header) == ((7, 2), (7, 7), (7, 7), (7, 7), (2, 7))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 0}, "width: expected 1 to 65535, got 0"),
        ({"height": 0}, "height: expected 1 to 65535, got 0"),
        ({"width": 16_385, "height": 16_384}, "width × height: expected 1 to 268435456, got 268451840"),
        ({"mode": 10}, "mode: expected 0 to 9, got 10"),
        ({"bit_depth": 1}, "bit depth: expected 8 or 16 for mode RGB, got 1"),
        ({"mode": 0}, "bit depth: expected 1 for mode 1, got 8"),
        ({"mode": 9}, "bit depth: expected 16 for mode I;16, got 8"),
        ({"mode": 6, "bit_depth": 16}, "bit depth: expected 8 for mode CMYK, got 16"),
        ({"channels": 4}, "channels: expected 3 or 1 for mode RGB, got 4"),
        ({"mode": 3, "channels": 0}, "channels: expected 3 or 4 for mode P, got 0"),
        ({"model": 3}, "model: expected 0 to 2, got 3"),
        ({"prior": 7}, "prior: expected 0 (none), got 7, which this version does not have"),
        ({"hidden": 0}, "hidden neurons: expected 1 to 1024, got 0"),
        ({"hidden": 1025}, "hidden neurons: expected 1 to 1024, got 1025"),
        ({"layers": 1}, "layers: expected 2 to 64, got 1"),
        ({"layers": 65}, "layers: expected 2 to 64, got 65"),
        ({"hidden": 1024, "layers": 6}, "weights: expected 1 to 4194304, got 4199424"),
        (
            {"width": 16_384, "height": 16_384, "hidden": 126, "layers": 3},
            "multiply-adds of the picture: expected 1 to 4398046511104, got 4430795636736",
        ),
        ({"payload_bytes": 2**24 + 1}, "payload bytes: expected 0 to 16777216, got 16777217"),
    ],
)
def test_every_limit_of_the_header(fields: dict[str, int], message: str) -> None:
    refused(with_header(**fields), f"header: {message}")


def test_the_largest_legal_header_is_read() -> None:
    head = head_of(with_header(width=16_384, height=16_384, hidden=125, layers=3))
    assert head.header.width * head.header.height == MAX_PIXELS


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 0}, "header: width: expected 1 to 65535, got 0"),
        ({"height": 65_536}, "header: height: expected 1 to 65535, got 65536"),
        ({"bit_depth": 1}, "header: bit depth: expected 8 or 16 for mode RGB, got 1"),
        ({"parameters": SirenShape(1024, 6)}, "header: weights: expected 1 to 4194304, got 4199424"),
    ],
)
def test_nothing_is_written_that_a_reader_refuses(fields: dict[str, Any], message: str) -> None:
    header = dataclasses.replace(header_of("RGB"), **fields)
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        write(header, None, Metadata(), b"")
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        check_header(header)


def test_signature_and_version() -> None:
    png = b"\x89PNG\r\n\x1a\n"
    refused(png + FILE[8:], f"signature: expected {SIGNATURE!r}, got {png!r}")
    message = "version: expected 1, got 2; this file needs another version of the reader"
    refused(SIGNATURE + b"\2" + FILE[9:], message)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "signature at byte 0: expected 8 bytes, got 0"),
        (FILE[:8], "version at byte 8: expected 1 bytes, got 0"),
        (FILE[:12], "chunk header at byte 9: expected 8 bytes, got 3"),
        (FILE[:30], "chunk 'HEAD' at byte 17: expected 17 bytes, got 13"),
        (FILE[:36], "CRC of chunk 'HEAD' at byte 34: expected 4 bytes, got 2"),
        (FILE[:40], "chunk header at byte 38: expected 8 bytes, got 2"),
    ],
)
def test_a_head_cut_short(data: bytes, message: str) -> None:
    refused(data, message, TruncatedError)


def test_the_header_comes_first_once_and_whole() -> None:
    head, network = split(FILE)
    refused(build([network, head]), f"first chunk: expected 'HEAD' of 17 bytes, got 'NETW' of {len(network[1])}")
    refused(build([(b"HEAD", head[1][:-1]), network]), "first chunk: expected 'HEAD' of 17 bytes, got 'HEAD' of 16")
    refused(build([head, head, network]), "chunk 'HEAD' at byte 38: expected once, got it again")


def test_unknown_chunks() -> None:
    pixels = decode(FILE)
    for data in (with_chunk(1, b"zzZz", b"what"), with_chunk(2, b"zzZz", b"")):
        assert (decode(data) == pixels).all()
        verify(io.BytesIO(data))
    refused(with_chunk(1, b"Next", b""), "chunk 'Next' at byte 38: unknown and critical")
    damaged(with_chunk(2, b"NEXT", b""), "chunk 'NEXT': unknown and critical")
    damaged(with_chunk(2, b"NETW", b""), "chunk 'NETW': expected once, got it again")


@pytest.mark.parametrize("kind", [b"\0\0\0\0", b"ab d", b"ab\xe9d", b"abc1"])
def test_a_chunk_type_is_four_letters(kind: bytes) -> None:
    refused(with_chunk(1, kind, b""), f"chunk type at byte 38: expected four ASCII letters, got {kind!r}")
    damaged(with_chunk(2, kind, b""), f"chunk type at byte {len(FILE) - 38}: expected four ASCII letters, got {kind!r}")


def test_too_many_chunks() -> None:
    head, network = split(FILE)
    many = [(b"zzZz", b"")] * 63
    assert head_of(build([head, *many, (b"zzZz", b""), network])).header.width == 24
    refused(build([head, *many, *many, network]), "chunks: expected at most 64 before the pixels, got more")
    data = FILE + chunk(b"zzZz", b"") * 64
    size = head_of(FILE).header.payload_bytes + 64 * 12
    header = build([(b"HEAD", head[1][:-4] + struct.pack("<I", size))])
    damaged(header + data[len(header) :], "chunks: expected at most 64 from the pixels on, got more")


@pytest.mark.parametrize("at", [17, 25, 33, 34, 37])
def test_a_damaged_head_fails_its_crc(at: int) -> None:
    refused(FILE[:at] + bytes([FILE[at] ^ 1]) + FILE[at + 1 :], "chunk 'HEAD': CRC mismatch")


def test_damaged_pixels_fail_their_crc() -> None:
    for at in (46, 100, len(FILE) - 1):
        damaged(FILE[:at] + bytes([FILE[at] ^ 1]) + FILE[at + 1 :], "chunk 'NETW': CRC mismatch")


def test_verify_accepts_whole_files_and_what_follows_them() -> None:
    verify(io.BytesIO(FILE))
    verify(io.BytesIO(make_file(header_of("P"), metadata=FULL) + b"somebody else's"))


def test_the_payload_ends_with_a_chunk() -> None:
    payload = head_of(FILE).header.payload_bytes
    size = payload - 12
    damaged(with_header(payload_bytes=payload - 1), f"pixel chunks: CRC of chunk 'NETW' at byte {payload - 4}: "
            "expected 4 bytes, got 3")  # fmt: skip
    damaged(with_header(payload_bytes=11), f"pixel chunks: chunk 'NETW' at byte 8: expected {size} bytes, got 3")
    damaged(with_header(payload_bytes=0), "chunk 'NETW': expected one, got none")
    data = with_header(payload_bytes=payload + 3) + b"abc"
    damaged(data, f"pixel chunks: chunk header at byte {payload}: expected 8 bytes, got 3")
    with pytest.raises(TruncatedError, match=rf"^pixel chunks: expected {payload} bytes, got {payload - 1}$"):
        decode(FILE[:-1])
    with pytest.raises(TruncatedError, match=rf"^pixel chunks at byte 46: expected {payload - 8} bytes"):
        verify(io.BytesIO(FILE[:-1]))


def test_the_length_of_a_chunk_is_checked_before_it_is_read() -> None:
    class Watched(io.BytesIO):
        largest = 0

        def read(self, n: int | None = -1, /) -> bytes:
            self.largest = max(self.largest, n or 0)
            return super().read(n)

    head = build(split(FILE)[:1])
    source = Watched(head + struct.pack("<I4s", 2**32 - 1, b"zzZz"))
    with pytest.raises(
        FormatError, match=r"^chunk 'zzZz' at byte 46: expected at most 16777216 bytes, got 4294967295$"
    ):
        read_head(source)
    assert source.largest == 17


def test_reading_needs_only_read_and_takes_what_a_pipe_gives() -> None:
    class Pipe:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def read(self, n: int) -> bytes:
            part, self.data = self.data[: min(n, 5)], self.data[min(n, 5) :]
            return part

    pipe: IO[bytes] = Pipe(make_file(header_of("P"), metadata=FULL))  # type: ignore[assignment]
    assert read_head(pipe).metadata == FULL
    verify(Pipe(FILE))  # type: ignore[arg-type]
