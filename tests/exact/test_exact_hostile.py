"""Strips that no encoder writes: each is refused by both decoders, and nothing expands to more than is expected."""

from __future__ import annotations

import random
from contextlib import suppress

import hostile
import numpy as np
import pytest
import reference_decoder as reference
from exact_pictures import Pixels, palette, pixels_of
from reference_coding import Refused

from inr_core import (
    FormatError,
    Metadata,
    Settings,
    decode,
    encode,
)
from inr_core.container import chunks, zstd
from inr_core.container.fields import FieldReader, pack_number
from inr_core.container.header import Header
from inr_core.exact import strips
from inr_core.models import ExactShape
from inr_core.modes import MODE_TABLE


def strip_file(payload: bytes, mode: str = "L", width: int = 6, height: int = 4, depth: int = 8) -> bytes:
    channels = MODE_TABLE[mode].channels[0]
    entries = palette(count=3) if mode == "P" else None
    header = Header(width, height, mode, depth, channels, ExactShape())
    return chunks.write(header, entries, Metadata(), payload)


FRAME = zstd.squeeze(bytes(24))


@pytest.mark.parametrize(
    ("payload", "mode", "message"),
    [
        (b"", "L", "strip 0, part 0: expected 1 bytes, got 0"),
        (b"\0\x13" + FRAME[:-1], "L", "strip 0, part 0, length: expected 0 to 18, got 19"),
        (b"\x40", "L", "strip 0, part 0, length: expected 1 bytes, got 0"),
        (b"\x10\0", "L", "strip 0, part 0: expected at most 1 planes, got 2"),
        (b"\x08\0", "L", "strip 0, part 0: expected differences from the second of three or four planes, got 8"),
        (b"\x2c\0\0", "RGB", "strip 0, part 0: expected differences from the second of three or four planes, got 44"),
        (b"\0\0" + bytes(23), "L", "strip 0, part 0: expected 24 bytes, got 23"),
        (b"\0\0" + bytes(25), "L", "strip 0: expected nothing after its parts, got 1 bytes"),
        (b"\0\x11" + FRAME[:-1], "L", "strip 0, part 0: expected 17 bytes, got 16"),
        (b"\x20\x11" + FRAME, "RGB", "strip 0, part 0: expected 72 bytes, got 24"),
        (b"\4\2\0" + bytes(10) + b"\1", "L", "strip 0, part 0: expected zero bits at the ends of rows, got others"),
        (b"\4\2\0" + bytes(3) + b"\xff\xf0" * 4, "L", "strip 0, part 0: expected symbols of 0 to 2, got 3"),
        (b"\0\0" + b"\3" * 24, "P", "strip 0: expected places in a palette of 3, got 3"),
        (b"\4\1\0" + b"\0\2" + bytes(4), "1", "strip 0, part 0: expected colours of 0 to 1, got 2"),
    ],
)  # fmt: skip
def test_strips_that_no_encoder_writes(payload: bytes, mode: str, message: str) -> None:
    data = strip_file(payload, mode, depth=1 if mode == "1" else 8)
    with pytest.raises(FormatError) as caught:
        decode(data)
    assert str(caught.value) == message
    with pytest.raises(Refused):
        reference.decode(data)


def test_a_strip_too_many_or_too_few() -> None:
    header = Header(6, 4, "L", 8, 1, ExactShape())
    strip = b"\0\0" + bytes(24)
    for count in (0, 2):
        data = chunks.write(header, None, Metadata(), [strip] * count)
        with pytest.raises(FormatError):
            decode(data)
        with pytest.raises(Refused):
            reference.decode(data)


@pytest.mark.parametrize("declared", [None, 23, 25, 2**40])
def test_frames_expand_to_what_is_expected_only(declared: int | None) -> None:
    frame = FRAME
    if declared is not None:  # a single segment with eight bytes of size
        frame = b"\x28\xb5\x2f\xfd\xe0" + declared.to_bytes(8, "little") + FRAME[6:]
    data = strip_file(b"\0" + pack_number(len(frame)) + frame)
    if declared is None:
        assert not decode(data).any()
        return
    with pytest.raises(FormatError, match=r"^strip 0, part 0: expected "):
        decode(data)


def test_edited_files_are_refused_by_both_decoders_or_by_none() -> None:
    outcomes = {True: 0, False: 0}
    for name in ("few", "slopes"):
        given = pixels_of(name, "RGBA", 8, 4, (5, 7))
        pieces = hostile.split(encode(given, Settings(lossless=True), mode="RGBA"))
        for seed in range(300):
            edited = [pieces[0], (b"STRP", hostile.edit(pieces[1][1], random.Random(seed)))]
            payload = edited[1][1]
            data = chunks.write(Header(7, 5, "RGBA", 8, 4, ExactShape()), None, Metadata(), payload)
            made: list[Pixels] = []
            with suppress(FormatError):
                made.append(decode(data, threads=1))
            with suppress(Refused):
                made.append(np.array(reference.decode(data)))
            assert len(made) in (0, 2), f"{name} {seed}"
            assert not made or (made[0] == made[1]).all(), f"{name} {seed}"
            outcomes[bool(made)] += 1
    assert min(outcomes.values()) > 20


def test_what_parts_say() -> None:
    planes = np.array([[[9, 9, 7, 9, 9]]], np.uint8)
    payload = strips.pack_strip(planes, 256, (1,), strips.QUICK)
    assert payload == bytes.fromhex("04 01 00 07 09 d8")
    shape = strips.Shape(1, 1, 5, 256)
    (part,) = strips.read_parts(FieldReader(payload), shape, "strip")
    assert (part.planes, part.predictor, part.colours, part.from_second, part.squeezed) == (1, 0, 2, False, False)
    assert (strips.unpack_parts([part], shape, "strip") == planes).all()
