"""Palettes and metadata as chunks: byte for byte, compressed where that helps, within limits, and no bomb expands."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest
import zstandard
from container_files import FILE, FULL, head_of, refused, with_chunk
from hostile import build, split
from networks import header_of, make_file, make_palette

from inr_core import FormatError, Metadata, SettingsError
from inr_core.container.metadata import MAX_EXPANDED, MAX_METADATA


def test_palettes() -> None:
    palette = make_palette(4)
    data = make_file(header_of("P", channels=4), palette=palette)
    read = head_of(data).palette
    assert read is not None
    assert (read == palette).all()
    assert head_of(FILE).palette is None
    head, plte, network = split(data)
    refused(build([head, network]), "chunk 'PLTE': expected exactly in mode P, got mode P")
    refused(with_chunk(1, b"PLTE", b"abc"), "chunk 'PLTE': expected exactly in mode P, got mode RGB")
    refused(build([head, plte, plte, network]), "chunk 'PLTE' at byte 82: expected once, got it again")
    for colours in (b"", b"abc", bytes(257 * 4)):
        message = f"chunk 'PLTE': expected 1 to 256 colours of 4 bytes, got {len(colours)} bytes"
        refused(build([head, (b"PLTE", colours), network]), message)


@pytest.mark.parametrize(
    "metadata",
    [
        Metadata(),
        FULL,
        Metadata(exif=b"", icc=b"", xmp=b"", comment=b""),
        Metadata(comment=b"\0\1\xff" * 5000),
        Metadata(exif=np.random.default_rng(0).bytes(3000)),
        Metadata(dpi=(0, 4_294_967.295)),
    ],
)
def test_metadata_comes_back_byte_for_byte(metadata: Metadata) -> None:
    assert head_of(make_file(header_of("RGB"), metadata=metadata)).metadata == metadata


def test_metadata_is_compressed_where_that_helps() -> None:
    data = dict(split(make_file(header_of("RGB"), metadata=FULL)))
    assert [data[kind][0] for kind in (b"exif", b"iccp", b"xmpp", b"comm")] == [1, 0, 1, 0]
    assert len(data[b"exif"]) < 40
    assert data[b"iccp"] == b"\0" + bytes(range(256))
    assert data[b"dpis"] == struct.pack("<II", 300_000, 72_009)


def test_metadata_above_a_megabyte_is_stored_so_that_no_small_file_opens_as_a_large_one() -> None:
    for size, stored in ((MAX_EXPANDED, False), (MAX_EXPANDED + 1, True)):
        metadata = Metadata(
            icc=b"profile " * (size // 8) + b"x" * (size % 8), text={"Key": "ä" * (size // 2 - 3 + stored)}
        )
        data = make_file(header_of("RGB"), metadata=metadata)
        assert head_of(data).metadata == metadata
        assert (len(data) > 2 * size) == stored
        assert (len(data) > size // 100) == stored


def test_metadata_has_a_limit() -> None:
    largest = b"a" * (MAX_METADATA - 1)
    assert head_of(make_file(header_of("RGB"), metadata=Metadata(exif=largest))).metadata.exif == largest
    for metadata in (Metadata(xmp=largest + b"a"), Metadata(comment=largest + b"a")):
        with pytest.raises(SettingsError, match=r"^(xmp|comment): expected under 16777216 bytes, got 16777216$"):
            make_file(header_of("RGB"), metadata=metadata)


@pytest.mark.parametrize("dpi", [(-1, 1), (1, float("nan")), (float("inf"), 1), (4_294_968, 1)])
def test_dpi_has_a_range(dpi: tuple[float, float]) -> None:
    with pytest.raises(SettingsError, match=r"^dpi: expected numbers from 0 to 4294967\.295, got \("):
        make_file(header_of("RGB"), metadata=Metadata(dpi=dpi))


def frame(size: int, blocks: str) -> bytes:
    """A Zstandard frame that declares `size` bytes, in a single segment."""
    return bytes.fromhex("28b52ffd a0") + struct.pack("<I", size) + bytes.fromhex(blocks)


BOMB = "02 00 10 61"  # one run of 2**17 bytes "a", not the last block


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected compression 0 or 1, got nothing"),
        (b"\2abc", "expected compression 0 or 1, got 2"),
        (b"\1", "expected Zstandard data, got "),
        (b"\1not zstandard", "expected Zstandard data, got "),
        (b"\1" + zstandard.compress(bytes(2**20 + 1)), "expected 1 to 1048576 decompressed bytes, got 1048577"),
        (b"\1" + frame(2**32 - 1, BOMB), "expected 1 to 1048576 decompressed bytes, got 4294967295"),
        (b"\1" + frame(5, BOMB * 1000 + "03 00 10 61"), "expected Zstandard data, got "),  # 125 MB in 5 bytes
        (b"\1" + frame(2**20, "0b 00 00 61"), "expected Zstandard data, got "),  # one byte in 1 MB
        (b"\1" + zstandard.compress(b"abc") + b"more", "expected Zstandard data, got "),
        (b"\1" + zstandard.compress(b"abc" * 99)[:-1], "expected Zstandard data, got "),
        (
            b"\1" + zstandard.ZstdCompressor(write_content_size=False).compress(b"abc"),
            "expected 1 to 1048576 decompressed bytes, got -1",
        ),
        (b"\1" + zstandard.compress(b""), "expected 1 to 1048576 decompressed bytes, got 0"),
        (b"\1" + bytes.fromhex("502a4d18 00000000"), "expected 1 to 1048576 decompressed bytes, got 0"),  # skippable
    ],
)
def test_bad_metadata_and_zstandard_bombs(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=f"^chunk 'exif': {re.escape(message)}"):
        head_of(with_chunk(1, b"exif", data))


def test_other_bad_metadata() -> None:
    refused(with_chunk(1, b"dpis", bytes(7)), "chunk 'dpis': expected 8 bytes, got 7")
    twice = with_chunk(1, b"comm", b"\0a", with_chunk(1, b"comm", b"\0b"))
    refused(twice, "chunk 'comm' at byte 52: expected once, got it again")
