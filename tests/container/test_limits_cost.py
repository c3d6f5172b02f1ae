"""What files at the limits cost: memory in decoding and open pictures, and the length of messages."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zstandard
from hostile import join, split
from limit_files import LATENT, SIREN, with_head
from networks import header_of, make_file
from PIL import Image, UnidentifiedImageError

from inr_core import FormatError, InrError, Settings, decode, encode, read_head, verify
from inr_core.container import metadata


def peak_bytes(action: Callable[[], object]) -> int:
    """The most memory that NumPy and Python hold while something is done, beyond what they held before."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_of_decoding_is_so_many_bytes_a_pixel() -> None:
    """What SECURITY.md's table of costs rests on: nothing else grows with the picture."""
    for small, large, most in (
        (make_file(header_of("RGBA", width=200, height=200)), make_file(header_of("RGBA", width=400, height=400)), 24),
        (flat_latent(256), flat_latent(512), 96),  # a third of it only up to some millions of pixels
    ):
        first, second = (peak_bytes(lambda data=data: decode(data, threads=1)) for data in (small, large))  # type: ignore[misc]
        sides = [read_head(io.BytesIO(data)).header.width for data in (small, large)]
        assert 0 < second - first < most * (sides[1] ** 2 - sides[0] ** 2)


def test_a_file_in_memory_is_not_copied_to_open_it() -> None:
    """However much there is of it, or behind it."""
    data = SIREN + bytes(2**24)
    fp = io.BytesIO(data)
    for read in (read_head, verify, lambda fp: Image.open(fp, formats=["INR"])):
        fp.seek(0)
        assert peak_bytes(lambda read=read: read(fp)) < 2**20  # type: ignore[misc]


def flat_latent(side: int) -> bytes:
    return encode(np.full((side, side, 4), 99, np.uint8), Settings(effort=0, threads=1, model="latent"))


def test_files_that_promise_much_and_hold_nothing_cost_nothing() -> None:
    """Every number is checked before anything of that size is allocated."""
    largest = {"width": 16_384, "height": 16_384, "hidden": 125, "layers": 3}
    for data in (
        with_head(SIREN, **largest),
        with_head(SIREN, width=1, height=1, hidden=1023, layers=6),
        with_head(SIREN, payload_bytes=2**24),
        with_head(LATENT, payload_bytes=2**28),
        with_head(LATENT, width=8192, height=8192, layers=1, hidden=0),
    ):

        def read(data: bytes = data) -> None:
            with pytest.raises(FormatError):
                decode(data, threads=1)

        assert peak_bytes(read) < 4 * 2**20


def blocks(size: int, text: bytes) -> bytes:
    """A file whose five blocks of metadata are `size` zeros each but for the last, a few hundred bytes together."""
    head, network = split(SIREN)
    full = b"\1" + zstandard.compress(bytes(size))
    last = (b"text", b"\1" + zstandard.compress(text))
    return join([head, *((kind, full) for kind in (b"exif", b"iccp", b"xmpp", b"comm")), last, network])


def test_an_open_picture_keeps_a_few_megabytes_of_metadata_at_most() -> None:
    widest = b"k\0" + b"a" * (metadata.MAX_EXPANDED - 7) + "\U0001f600".encode() + b"\0"  # four bytes a character
    data = blocks(metadata.MAX_EXPANDED, widest)
    assert len(data) < 2000
    Image.open(io.BytesIO(data)).close()  # what it imports
    tracemalloc.start()
    try:
        kept = [Image.open(io.BytesIO(data)) for _ in range(3)]
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(len(im.info["comment"]) == metadata.MAX_EXPANDED for im in kept)
    assert now < 3 * 8.5 * 2**20, "four blocks, and a text of four bytes a character"
    assert peak < now + 16 * 2**20


@pytest.mark.parametrize(
    "key", [b"k" * (2**20 - 2), "\U0010ffff".encode() * (2**18 - 1), b"\n" * 1025, "é".encode() * 1025]
)
def test_a_message_quotes_a_hundred_characters_of_a_file_at_most(key: bytes) -> None:
    data = blocks(1, key + b"\0\0")
    with pytest.raises(FormatError, match=r"^chunk 'text': expected a key of 1 to 1024 characters") as caught:
        read_head(io.BytesIO(data))
    assert len(str(caught.value)) < 1200  # an escape has up to ten characters
    with pytest.raises(UnidentifiedImageError) as shown:
        Image.open(io.BytesIO(data))
    assert len(str(shown.value)) < 1200


WIDE = {
    "strings": ["9" * 10**6] * 4,
    "numbers": (10**6,) * 10**5,
    "bytes": b"9" * 10**6,
    "an array": np.zeros(10**6),
    "digits": 10**5000,
}


@pytest.mark.parametrize("wide", WIDE.values(), ids=WIDE)
def test_a_message_quotes_little_of_an_argument(wide: Any) -> None:
    for action in (
        lambda: decode(SIREN, size=wide),
        lambda: decode(SIREN, region=wide),
        lambda: decode(SIREN, threads=10**5000),
        lambda: encode(np.zeros((2, 2), np.uint8), mode=str(wide) if isinstance(wide, list) else "9" * 10**6),
    ):
        with pytest.raises(InrError) as caught:
            action()
        assert len(str(caught.value)) < 500
