"""Files of very many chunks, and bytes that come in very small pieces: what reading does grows as they do, no faster.

Counted, never timed.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from networks import header_of, make_file
from PIL import Image, ImageFile

import inr_core
import pillow_inr  # noqa: F401
from inr_core import Arrival, Decoder, FormatError, decode, describe, read_head, replace_metadata, verify

HEAD = struct.Struct("<HHBBBBHHBI")
TOO_MANY = "chunks: expected at most 64 from the pixels on, got more"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("<I4s", len(data), kind) + data + struct.pack("<I", zlib.crc32(kind + data))


FIELDS = {b"NETW": (0, 0, 1, 2), b"LATS": (1, 1, 100, 6), b"STRP": (2, 0, 0, 0)}  # model, prior, hidden, layers


def crowd(count: int, kind: bytes = b"LATS", *, before: int = 0) -> bytes:
    """A file of `count` chunks from the pixels on, all of pixels where there may be several, and `before` others."""
    body = chunk(kind, b"\0") + chunk(b"zzZz" if kind == b"NETW" else kind, b"\0") * (count - 1)
    head = HEAD.pack(1000, 1000, 4, 8, 3, *FIELDS[kind], len(body))
    return b"\x89INR\r\n\x1a\n\x01" + chunk(b"HEAD", head) + chunk(b"zzZz", b"") * before + body


class Drops(io.BytesIO):
    """Gives a byte for each call, as a slow pipe may; counts the calls and what they gave."""

    def __init__(self, data: bytes, most: int = 1) -> None:
        super().__init__(data)
        self.most, self.calls, self.taken = most, 0, 0

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self.most if size is None or size < 0 else min(size, self.most)
        got = super().read(wanted)
        self.calls += 1
        self.taken += len(got)
        return got


def operations(action: Callable[[], object]) -> int:
    """Calls of functions, of Python and of C, while something is done; errors of reading count as done."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        action()
    except (FormatError, OSError):
        pass
    finally:
        sys.setprofile(before)
    return count


def opened(data: bytes) -> Any:
    return Image.open(io.BytesIO(data))


def parsed(data: bytes, step: int) -> None:
    parser = ImageFile.Parser()
    for at in range(0, len(data), step):
        parser.feed(data[at : at + step])
    parser.close()


def drafted(data: bytes, size: tuple[int, int]) -> None:
    im = opened(data)
    im.draft("L", size)
    im.load()


def truncated(data: bytes) -> None:
    decode(data[:-1], truncated=True)


def of_file(data: bytes) -> None:
    fp = io.BytesIO(data)
    head = read_head(fp)
    fp.seek(head.payload_offset)
    Decoder.of_file(fp, head, (9, 9), 1)


WAYS: dict[str, Callable[[bytes], object]] = {
    "load": lambda data: opened(data).load(),
    "draft": lambda data: drafted(data, (64, 64)),
    "thumbnail": lambda data: opened(data).thumbnail((64, 64)),
    "a thumbnail of nearly all": lambda data: opened(data).thumbnail((499, 499)),
    "Image.verify": lambda data: opened(data).verify(),
    "Parser": lambda data: parsed(data, 1000),
    "Parser in odd pieces": lambda data: parsed(data, 77),
    "decode": lambda data: decode(data, threads=1),
    "a region": lambda data: decode(data, region=(0, 0, 9, 9), threads=1),
    "another size": lambda data: decode(data, size=(9, 9), threads=1),
    "truncated": truncated,
    "describe": describe,
    "verify": lambda data: verify(io.BytesIO(data)),
    "replace_metadata": lambda data: replace_metadata(data, inr_core.Metadata()),
    "Decoder.of_file": of_file,
}


@pytest.mark.parametrize(("way", "kind"), [(way, kind) for way in WAYS for kind in FIELDS])
def test_the_sixty_fifth_chunk_is_refused_by_every_way_to_read(way: str, kind: bytes) -> None:
    if (way, kind) == ("truncated", b"NETW"):
        pytest.skip("of a siren there is nothing before its end")
    with pytest.raises((FormatError, OSError)) as caught:
        WAYS[way](crowd(65, kind))
    assert str(caught.value).endswith(TOO_MANY)


@pytest.mark.parametrize("way", WAYS)
def test_twice_the_chunks_are_not_four_times_the_work(way: str) -> None:
    operations(lambda: WAYS[way](make_file(header_of("RGB"))))  # for what it imports
    few, many = (operations(lambda count=count: WAYS[way](crowd(count))) for count in (1000, 4000))  # type: ignore[misc]
    assert many < 5 * few


def test_nothing_of_the_sixty_fifth_chunk_is_read_for_a_thumbnail() -> None:
    data = crowd(10_000)
    fp = Drops(data, 1 << 20)
    head = read_head(fp)
    fp.seek(head.payload_offset)
    before = fp.taken
    with pytest.raises(FormatError, match=TOO_MANY):
        Decoder.of_file(fp, head, (64, 64), 1)
    assert fp.taken - before == 64 * len(chunk(b"LATS", b"\0"))
    assert fp.calls < 200


@pytest.mark.parametrize("step", [1, 7, 13, 14, 10_000])
def test_arrival_refuses_it_at_once(step: int) -> None:
    data = crowd(65)
    head = read_head(io.BytesIO(data))
    payload = data[head.payload_offset :]
    arrival = Arrival(head.header)
    whole = 64 * 13 // step * step  # pieces before the one that ends the 64th
    whole -= step * (64 * 13 % step == 0)
    for at in range(0, whole, step):
        arrival.feed(payload[at : at + step])
    with pytest.raises(FormatError, match=TOO_MANY):
        arrival.feed(payload[whole : whole + step])
    assert len(arrival.ends) == 64


def test_sixty_four_are_all_right() -> None:
    data = crowd(64, b"NETW")
    head = read_head(io.BytesIO(data))
    arrival = Arrival(head.header)
    arrival.feed(data[head.payload_offset :])
    assert (len(arrival.ends), arrival.missing) == (64, 0)
    verify(io.BytesIO(data))


def test_the_sixty_fifth_before_the_pixels_is_not_read() -> None:
    read_head(io.BytesIO(crowd(1, before=64)))
    data = crowd(1, before=1000)
    fp = Drops(data, 1 << 20)
    with pytest.raises(FormatError, match=r"^chunks: expected at most 64 before the pixels, got more$"):
        read_head(fp)
    assert fp.taken == 9 + 29 + 64 * 12 + 8


@pytest.mark.parametrize("read", [verify, read_head])
def test_a_pipe_of_single_bytes_costs_a_call_each(read: Callable[[Any], object]) -> None:
    """Also of a chunk of metadata, which is not copied anew for each."""
    data = make_file(header_of("RGB"))
    at = read_head(io.BytesIO(data)).payload_offset
    small, large = (data[:at] + chunk(b"exif", b"\0" + bytes(n)) + data[at:] for n in (10_000, 40_000))
    few, many = (operations(lambda file=file: read(Drops(file))) for file in (small, large))  # type: ignore[misc]
    assert many < 4.2 * few
