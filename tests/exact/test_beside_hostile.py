"""Planes beside lossy models that no encoder writes, or where none may stand."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from networks import header_of, make_layers
from numpy.typing import NDArray

from inr_core import (
    FormatError,
    Metadata,
    SettingsError,
    decode,
    describe,
    read_head,
    verify,
)
from inr_core.container import chunks
from inr_core.container.fields import pack_number
from inr_core.container.header import Header
from inr_core.exact.beside import pack_alpha, pack_ends
from inr_core.exact.strips import MIXED
from inr_core.exact.tiles import pack_tiles
from inr_core.exact.whole import pack_whole
from inr_core.kernels import mixing, switch
from inr_core.latent import prior
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import quantise
from inr_core.models import ExactShape, LatentShape, SirenShape
from inr_core.siren.streams import pack

Pixels = NDArray[Any]
HEIGHT, WIDTH = 90, 120
NOISE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
SMALL = NOISE[:4, :6]


def payloads(header: Header, samples: Pixels) -> list[bytes]:
    """What a model that need not be a good one makes of samples."""
    if header.model == "siren":
        return [pack(make_layers(header, 1))]
    coded = np.ascontiguousarray(samples[..., : header.coded])
    return encode_latents(quantise(coded, prior.load(1), header.components, 150, 6), prior.load(1))[0]


def file_with(plane: str, chunk: bytes, mode: str = "LA", model: str = "latent") -> bytes:
    samples = np.zeros((4, 6, 1 if mode == "L" else 2), np.uint8)
    parameters = LatentShape(1, 150, 6) if model == "latent" else SirenShape(5, 3)
    header = Header(6, 4, mode, 8, samples.shape[2], parameters, plane=plane)
    return chunks.write(header, None, Metadata(), [chunk, *payloads(header, samples)])


TILES = pack_tiles(np.ones((1, 1), bool), 3, pack_whole(np.stack([SMALL, SMALL]), 256, (2,), 19, may_mix=False), 19)
ALPHA, ENDS = pack_alpha(SMALL, 19), pack_ends(SMALL, int(SMALL.min()), int(SMALL.max()), 19)


@pytest.mark.parametrize(
    ("plane", "chunk", "message"),
    [
        ("alpha", b"", "alpha, strip 0, part 0: expected 1 bytes, got 0"),
        ("alpha", ALPHA + b"\0", "alpha: expected nothing after the last strip, got 1 bytes"),
        ("alpha", ALPHA[:-1], "alpha, strip 0, part 0: expected 24 bytes, got 23"),
        ("alpha", b"\x10" + ALPHA[1:], "alpha, strip 0, part 0: expected at most 1 planes, got 2"),
        ("ends", b"", "ends, low: expected 1 bytes, got 0"),
        ("ends", pack_number(254) + b"\xff\1" + ENDS[2:], "ends, low: expected 0 to 253, got 254"),
        ("ends", b"\x05\x06" + ENDS[2:], "ends, high: expected 7 to 255, got 6"),
        ("ends", b"\x05" + pack_number(256), "ends, high: expected 7 to 255, got 256"),
        ("ends", b"\0\5\0\0" + b"\xff\xf0" * 4, "ends, strip 0, part 0: expected symbols of 0 to 2, got 3"),
        ("tiles", b"", "tiles, side: expected 1 bytes, got 0"),
        ("tiles", b"\2" + TILES[1:], "tiles, side: expected 3 to 8, got 2"),
        ("tiles", b"\x09" + TILES[1:], "tiles, side: expected 3 to 8, got 9"),
        ("tiles", TILES[:2], "tiles, map, strip 0, part 0, length: expected 1 bytes, got 0"),
        ("tiles", b"\3\x10" + TILES[2:], "tiles, map, strip 0, part 0: expected at most 1 planes, got 2"),
        ("tiles", TILES + b"\0", "tiles: expected nothing after the last strip, got 1 bytes"),
        ("tiles", TILES[:-1], "tiles, strip 0, part 0: expected 40 bytes, got 39"),
    ],
)  # fmt: skip
def test_planes_that_no_encoder_writes(plane: str, chunk: bytes, message: str) -> None:
    for model in ("latent",) if plane == "tiles" else ("latent", "siren"):
        with pytest.raises(FormatError) as caught:
            decode(file_with(plane, chunk, model=model))
        assert str(caught.value) == message


def test_where_a_plane_may_stand() -> None:
    good = file_with("alpha", ALPHA)
    assert (decode(good)[..., 1] == SMALL).all()
    with pytest.raises(SettingsError, match="plane of alpha: expected none with mode L and model latent, got one"):
        file_with("alpha", ALPHA, "L")
    pieces = [(kind, good[at : at + size + 12]) for kind, at, size in describe(good).chunks]
    head, alpha, *levels = (chunk for _, chunk in pieces)
    start = good[:9]
    for order in ([alpha, alpha, *levels], [*levels, alpha], [alpha]):
        pixels = b"".join(order)
        size = len(pixels)
        own = head[8:21] + size.to_bytes(4, "little")
        data = start + chunks._chunk(b"HEAD", own) + pixels
        with pytest.raises(FormatError):
            decode(data)
        with pytest.raises(FormatError):
            verify(io.BytesIO(data))
    for mode, plane in (("RGB", b"ALPH"), ("RGB", b"ENDS"), ("L", b"ALPH"), ("RGB", b"TILE"), ("L", b"TILE")):
        data = chunks.write(header_of(mode), None, Metadata(), b"")
        at = data.index(b"NETW")
        with pytest.raises(FormatError, match="expected none with mode"):
            read_head(io.BytesIO(data[:at] + plane + data[at + 4 :]))


def test_mixed_planes_that_plain_python_would_take_hours_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with switch.using(switch.NUMPY):
        samples = np.arange(40, dtype=np.uint64).reshape(5, 8)
        data = mixing.write_pixels(samples, 1, 8, asks=False)
        assert data is not None
        part = bytes([MIXED]) + pack_number(len(data)) + data
        exact = chunks.write(Header(8, 5, "L", 8, 1, ExactShape()), None, Metadata(), [part])
        header = Header(8, 5, "LA", 8, 2, LatentShape(1, 150, 6), plane="alpha")
        beside = chunks.write(header, None, Metadata(), [part, *payloads(header, np.zeros((5, 8, 2), np.uint8))])
        assert (decode(exact) == samples).all()
        assert (decode(beside)[..., 1] == samples).all()
        monkeypatch.setattr("inr_core.exact.planes.MAX_PLAIN", 319)
        for made, what in ((exact, ""), (beside, "alpha, ")):
            message = f"^{what}strip 0: expected at most 319 bits of samples without compiled kernels, got 320$"
            with pytest.raises(FormatError, match=message):
                decode(made)
    if switch.available()[1:]:
        with switch.using(switch.available()[-1]):
            assert (decode(exact) == samples).all()
