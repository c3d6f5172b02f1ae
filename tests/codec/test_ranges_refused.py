"""Ranges of values that no encoder writes, and the layout of those it does."""

from __future__ import annotations

import io
import struct

import pytest
from hostile import join, split
from networks import header_of, make_file
from range_pictures import PICTURES, ranges_in, saved, scene

from inr_core import FormatError, read_head, verify
from inr_core.container.ranges import FULL


def test_the_layout_is_pinned() -> None:
    chunks = split(saved(PICTURES["a hot pixel"][0]))
    assert chunks[1] == (b"RANG", bytes.fromhex("0000 0000 0000 7805 ffff ffff"))


DEEP, SHALLOW = split(make_file(header_of("LA", 16))), split(make_file(header_of("RGB")))


@pytest.mark.parametrize("length", [0, 12, 16, 23, 25, 36])
def test_ranges_for_other_channels_are_refused(length: int) -> None:
    refused(join([DEEP[0], (b"RANG", bytes(length)), *DEEP[1:]]), f"chunk 'RANG': expected 24 bytes, got {length}")


@pytest.mark.parametrize(
    "row", [(2, 1, 3, 3, 3, 3), (0, 2, 1, 3, 3, 3), (0, 0, 4, 3, 4, 4), (0, 0, 0, 9, 8, 9), (0, 0, 0, 0, 9, 8)]
)
@pytest.mark.parametrize("first", [False, True])
def test_ranges_out_of_order_are_refused(row: tuple[int, ...], first: bool) -> None:
    rows = struct.pack("<6H", *row), bytes(12)
    message = f"chunk 'RANG': expected six values in ascending order, got {row}"
    refused(join([DEEP[0], (b"RANG", b"".join(rows if first else rows[::-1])), *DEEP[1:]]), message)


def test_ranges_out_of_place_are_refused() -> None:
    good = (b"RANG", 2 * struct.pack("<6H", 0, 0, 0, 65_535, 65_535, 65_535))
    assert ranges_in(join([DEEP[0], good, *DEEP[1:]])) == (FULL, FULL)
    refused(join([DEEP[0], good, good, *DEEP[1:]]), "chunk 'RANG' at byte 74: expected once, got it again")
    message = "chunk 'RANG': expected with 16 bits a sample of model siren or latent only, got"
    refused(join([SHALLOW[0], (b"RANG", bytes(36)), *SHALLOW[1:]]), f"{message} 8 of model siren")
    head, *rest = split(saved(scene(15, 33), model="exact"))
    refused(
        join([head, (b"RANG", bytes(12)), *rest], sum(12 + len(data) for _, data in rest)),
        f"{message} 16 of model exact",
    )


def refused(data: bytes, message: str) -> None:
    for read in (read_head, verify):
        with pytest.raises(FormatError) as caught:
            read(io.BytesIO(data))
        assert str(caught.value) == message
