"""Damaged and hostile files of the latent model: refused by our own errors, soon, and never with a crash."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from toy_prior import smooth_picture

from inr_core import FormatError, Settings, SettingsError, TruncatedError, decode, describe, encode, read_head, verify
from inr_core.container.header import Header, check_header
from inr_core.models import MAX_LATENT_PIXELS, MODELS, LatentShape

HEAD_FIELDS = (
    *("width", "height", "mode", "bit_depth", "channels", "model"),
    *("prior", "hidden", "layers", "payload_bytes"),
)
PIXELS = smooth_picture(np.random.default_rng(2), 20, 28, 4)
PIXELS[..., 3] = PIXELS[..., 3].clip(1, 254)  # flat ends of an alpha would have a chunk of their own
FILE = encode(PIXELS, Settings(effort=0, threads=1, model="latent"))
START = read_head(io.BytesIO(FILE)).payload_offset


def framed(payload: bytes, kind: bytes = b"LATS") -> bytes:
    """The file with other bytes in its pixel chunk, checksum and header right."""
    chunk = struct.pack("<I", len(payload)) + kind + payload + struct.pack("<I", zlib.crc32(kind + payload))
    return with_head(FILE, payload_bytes=len(chunk))[:START] + chunk


def with_head(data: bytes, **fields: int) -> bytes:
    """The file with fields of its header replaced, checksum right."""
    values = dict(zip(HEAD_FIELDS, struct.unpack_from("<HHBBBBHHBI", data, 17), strict=True))
    head = b"HEAD" + struct.pack("<HHBBBBHHBI", *{**values, **fields}.values())
    return data[:13] + head + struct.pack("<I", zlib.crc32(head)) + data[17 + 17 + 4 :]


def payload() -> bytes:
    return FILE[START + 8 : -4]


def test_framing_is_that_of_the_file() -> None:
    assert framed(payload()) == FILE
    assert with_head(FILE) == FILE


def mutants() -> Iterator[bytes]:
    random = np.random.default_rng(7)
    body = payload()
    for _ in range(150):
        changed = bytearray(body)
        for at in random.integers(0, len(body), int(random.integers(1, 4))):
            changed[at] = random.integers(256)
        yield bytes(changed)
    for length in random.integers(0, len(body), 40):
        yield body[:length]
    for _ in range(20):
        yield body + random.bytes(int(random.integers(1, 9)))
        yield random.bytes(int(random.integers(0, 60)))


def test_mutated_payloads_are_refused_or_decoded() -> None:
    refused = 0
    for mutant in mutants():
        data = framed(mutant)
        try:
            assert decode(data, threads=1).shape == PIXELS.shape
        except FormatError:
            refused += 1
    assert refused > 100


def test_every_truncation_is_told() -> None:
    for length in range(len(FILE)):
        with pytest.raises(TruncatedError):
            decode(FILE[:length])


def test_every_bit_is_checked() -> None:
    random = np.random.default_rng(3)
    for at in random.integers(9, len(FILE), 100):
        damaged = bytearray(FILE)
        damaged[at] ^= 1 << int(random.integers(8))
        for read in (decode, describe, lambda data: verify(io.BytesIO(data))):
            with pytest.raises(FormatError):
                read(bytes(damaged))


def test_other_headers_over_the_same_payload() -> None:
    for fields in ({"width": 25}, {"height": 300}, {"mode": 4, "channels": 3}, {"layers": 3}, {"layers": 16}):
        with pytest.raises(FormatError):
            decode(with_head(FILE, **fields))
    for hidden in (0, 100, 255):  # another step
        with suppress(FormatError):
            decode(with_head(FILE, hidden=hidden))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 8193, "height": 8193}, "width × height of the latent model: expected 1 to 67108864, got 67125249"),
        ({"prior": 0}, "prior: expected 1 to 255, got 0"),
        ({"prior": 256}, "prior: expected 1 to 255, got 256"),
        ({"hidden": 256}, "step: expected 0 to 255, got 256"),
        ({"layers": 0}, "levels: expected 1 to 16, got 0"),
        ({"layers": 17}, "levels: expected 1 to 16, got 17"),
        ({"payload_bytes": 2**28 + 1}, "payload bytes: expected 0 to 268435456, got 268435457"),
        ({"model": 3}, "model: expected 0 to 2, got 3"),
    ],
)
def test_limits_of_the_header(fields: dict[str, int], message: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_head(io.BytesIO(with_head(FILE, **fields)))
    assert str(caught.value) == f"header: {message}"


def test_the_largest_header_is_legal() -> None:
    header = Header(8192, 8192, "RGBA", 16, 4, LatentShape(255, 255, 16), MODELS["latent"].max_payload)
    assert header.width * header.height == MAX_LATENT_PIXELS
    assert header.components == (3, 1)
    check_header(header)
    with pytest.raises(SettingsError, match="header: levels"):
        check_header(Header(8, 8, "L", 8, 1, LatentShape(1, 0, 17)))


def test_an_unknown_prior_is_named() -> None:
    unknown = with_head(FILE, prior=200)
    verify(io.BytesIO(unknown))
    for read in (decode, describe):
        with pytest.raises(FormatError, match=r"prior: expected one of 1\b.*, got 200"):
            read(unknown)


def test_a_sirens_chunk_is_not_a_latents() -> None:
    with pytest.raises(FormatError, match=r"chunk 'NETW' at byte [0-9]+: unknown and critical"):
        read_head(io.BytesIO(framed(payload(), b"NETW")))
