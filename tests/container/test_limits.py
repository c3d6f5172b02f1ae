"""Every limit of the format: a file at it is accepted, one beyond it refused, and SECURITY.md names each of them."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hostile import join, split
from limit_files import LATENT, SIREN, refused, with_head
from networks import header_of, make_file, make_layers

import pillow_inr
from inr_core import FormatError, SettingsError, decode, describe, encode, read_head, verify
from inr_core.container import chunks, header, metadata
from inr_core.container.fields import pack_number
from inr_core.container.header import Header
from inr_core.entropy import rans
from inr_core.entropy.densities import MAX_ALPHABET, MAX_NODES, density_frequencies
from inr_core.entropy.rans import MAX_LANES
from inr_core.exact.planes import strip_shapes
from inr_core.kernels.sine import ROW_LIMIT
from inr_core.models import ExactShape
from inr_core.siren.weights import UNIFORM

pillow_inr.register()
ROOT = Path(__file__).parents[2]


def heads(data: bytes, at: dict[str, int], beyond: dict[str, int], message: str) -> None:
    """A header with some fields is read, one with others refused."""
    read_head(io.BytesIO(with_head(data, **at)))
    refused(read_head, with_head(data, **beyond), f"header: {message}")


def decoded(fp: io.BytesIO) -> object:
    return decode(fp.read(), threads=1)


def side() -> None:
    heads(SIREN, {"width": 65_535, "height": 1}, {"height": 0}, "height: expected 1 to 65535, got 0")
    with pytest.raises(SettingsError, match="header: width: expected 1 to 65535, got 65536"):  # a u16 cannot say so
        header.pack_header(header_of("RGB", width=65_536))


def pixels() -> None:
    small = {"hidden": 10, "layers": 2}
    message = "width × height: expected 1 to 268435456, got 268451840"
    heads(SIREN, {"width": 16_384, "height": 16_384, **small}, {"width": 16_385, "height": 16_384, **small}, message)


def latent_pixels() -> None:
    message = "width × height of the latent model: expected 1 to 67108864, got 67117056"
    heads(LATENT, {"width": 8192, "height": 8192}, {"width": 8192, "height": 8193}, message)


def step() -> None:
    heads(LATENT, {"hidden": 255}, {"hidden": 256}, "step: expected 0 to 255, got 256")


def levels() -> None:
    heads(LATENT, {"layers": 16}, {"layers": 17}, "levels: expected 1 to 16, got 17")


def hidden() -> None:
    heads(SIREN, {"hidden": 1024, "layers": 2}, {"hidden": 1025}, "hidden neurons: expected 1 to 1024, got 1025")


def layers() -> None:
    heads(SIREN, {"layers": 64}, {"layers": 65}, "layers: expected 2 to 64, got 65")


def weights() -> None:
    message = "weights: expected 1 to 4194304, got 4199424"
    heads(SIREN, {"hidden": 1023, "layers": 6}, {"hidden": 1024, "layers": 6}, message)


def work() -> None:
    largest = {"width": 16_384, "height": 16_384, "layers": 3}
    message = "multiply-adds of the picture: expected 1 to 4398046511104, got 4430795636736"
    heads(SIREN, {**largest, "hidden": 125}, {**largest, "hidden": 126}, message)


def payload() -> None:
    exact = encode(np.zeros((2, 3), np.uint8))
    for data, most, kind in ((SIREN, 2**24, b"NETW"), (LATENT, 2**28, b"LATS"), (exact, 3 * 2**30, b"STRP")):
        message = f"payload bytes: expected 0 to {most}, got {most + 1}"
        heads(data, {"payload_bytes": most}, {"payload_bytes": most + 1}, message)
        start = read_head(io.BytesIO(data)).payload_offset
        long = data[:start] + struct.pack("<I4s", most + 1, kind) + data[start + 8 :]
        for read in (decoded, verify):
            refused(read, long, f"chunk {kind.decode()!r} at byte 8: expected at most {most} bytes, got {most + 1}")


def metadata_bytes() -> None:
    pieces = split(SIREN)
    most = metadata.MAX_METADATA
    data = join([pieces[0], (b"exif", bytes(most)), pieces[1]])
    assert read_head(io.BytesIO(data)).metadata.exif == bytes(most - 1)
    head = join(pieces[:1])
    message = f"chunk 'exif' at byte {len(head) + 8}: expected at most {most} bytes, got {most + 1}"
    refused(read_head, head + struct.pack("<I4s", most + 1, b"exif"), message)


def expanded_bytes() -> None:
    pieces = split(SIREN)
    most = metadata.MAX_EXPANDED
    for size in (most, most + 1):
        frame = zstandard.compress(bytes(size))
        assert len(frame) < 200
        data = join([pieces[0], (b"exif", b"\1" + frame), pieces[1]])
        if size == most:
            assert read_head(io.BytesIO(data)).metadata.exif == bytes(most)
        else:
            message = f"chunk 'exif': expected 1 to {most} decompressed bytes, got {size}"
            refused(read_head, data, message)


def texts() -> None:
    head, network = split(SIREN)
    pairs = [f"{k}\0value\0".encode() for k in range(metadata.MAX_TEXTS + 1)]
    assert len(
        read_head(io.BytesIO(join([head, (b"text", b"\0" + b"".join(pairs[:-1])), network]))).metadata.text or {}
    )
    data = join([head, (b"text", b"\0" + b"".join(pairs)), network])
    refused(read_head, data, "chunk 'text': expected at most 2048 strings, got 2050")


def key() -> None:
    head, network = split(SIREN)
    for length in (metadata.MAX_KEY, metadata.MAX_KEY + 1):
        data = join([head, (b"text", b"\0" + "é".encode() * length + b"\0value\0"), network])
        if length == metadata.MAX_KEY:
            assert read_head(io.BytesIO(data)).metadata.text == {"é" * length: "value"}
        else:
            message = f"expected a key of 1 to 1024 characters but U+0000, got {'é' * 100!r}…"
            refused(read_head, data, f"chunk 'text': {message}")


def many_chunks() -> None:
    head, network = split(SIREN)
    empty = b"zzZz", b""
    assert decode(join([head, *[empty] * 63, network, *[empty] * 63])).shape == (16, 24, 3)
    message = "chunks: expected at most 64 before the pixels, got more"
    refused(read_head, join([head, *[empty] * 65, network]), message)
    refused(decoded, join([head, network, *[empty] * 64]), "chunks: expected at most 64 from the pixels on, got more")


def lanes() -> None:
    assert MAX_LANES == 2**10
    head, network = split(SIREN)
    refused(decoded, join([head, (b"NETW", b"\x0b" + network[1][1:])]), "lanes: expected 0 to 10, got 11")
    header_of_few = header_of("RGB", hidden=40, layers=3)
    many = make_layers(header_of_few, bits=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inr_core.entropy.rans.choose_lanes", lambda size, symbols: MAX_LANES)
        patch.setattr("inr_core.siren.streams._smallest", lambda choices, without=None: choices[-1])
        data = make_file(header_of_few, many)
    assert split(data)[1][1][0] == 10
    decode(data, threads=1)


def alphabet() -> None:
    assert density_frequencies(b"", MAX_ALPHABET).shape == (4096,)
    decode(wide_codes(12), threads=1)
    message = "layer 0 symbols: density: expected 0, 2 … 65 or as many nodes as symbols (1 … 4096), got 0 for 8191"
    refused(decoded, wide_codes(13), message)


def wide_codes(bits: int) -> bytes:
    """A network whose first codes, of so many bits, are said to be range-coded with equal frequencies."""
    small = header_of("L", hidden=1, layers=2)
    record = bytes([3 << 2 | 2 << 4, bits, 1]) + pack_number(5) + pack_number(2) + b"\0" + b"\0"
    last = bytes([3 << 2, 4, 24]) + pack_number(5) + pack_number(1) + b"\x70" + bytes(3)
    first = int(density_frequencies(b"", 2**12 - 1)[0])  # of 12 bits; 13 are refused before it matters
    coded = rans.encode(np.zeros(2, np.int64), np.full(2, first), 1)
    return chunks.write(small, None, metadata.Metadata(), b"\0" + record + last + coded)


def nodes() -> None:
    assert len(density_frequencies(b"\1" * MAX_NODES, 100)) == 100
    for number in (1, MAX_NODES + 1, 99):
        with pytest.raises(
            FormatError, match=f"expected 0, 2 … 65 or as many nodes as symbols .*, got {number} for 100"
        ):
            density_frequencies(b"\1" * number, 100)


def rows() -> None:
    for inputs in (128, 129):  # of the largest weight of 16 bits, 32767
        big = header_of("L", width=2, height=2, hidden=inputs, layers=2)
        made = make_layers(big, kind=UNIFORM, bits=16)
        made[1].codes[:] = 65_534
        data = make_file(big, made)
        if 32_767 * inputs <= ROW_LIMIT:
            decode(data, threads=1)
        else:
            refused(decoded, data, f"layer 1: expected rows of Σ|w| up to {ROW_LIMIT}, got {32_767 * inputs}")


def mixed() -> None:
    for height in (8192, 8193):
        large = Header(8192, height, "RGBA", 16, 4, ExactShape())
        strips = [bytes([0x70, 0])] * len(strip_shapes(large))
        data = chunks.write(large, None, metadata.Metadata(), strips)
        if height == 8192:
            assert describe(data).parts[0].predictor == "mixing coder"
        else:
            message = "strip 0: expected no part of the mixing coder in a picture of this size, got one"
            refused(lambda fp: describe(fp.read()), data, message)


TESTS: dict[str, Callable[[], None]] = {
    "MAX_SIDE": side,
    "MAX_PIXELS": pixels,
    "MAX_LATENT_PIXELS": latent_pixels,
    "MAX_MIXED": mixed,
    "MAX_STEP": step,
    "MAX_LEVELS": levels,
    "MAX_HIDDEN": hidden,
    "MAX_LAYERS": layers,
    "MAX_WEIGHTS": weights,
    "MAX_WORK": work,
    "MAX_PAYLOAD": payload,
    "MAX_METADATA": metadata_bytes,
    "MAX_EXPANDED": expanded_bytes,
    "MAX_TEXTS": texts,
    "MAX_KEY": key,
    "MAX_CHUNKS": many_chunks,
    "MAX_LANES": lanes,
    "MAX_ALPHABET": alphabet,
    "MAX_NODES": nodes,
    "ROW_LIMIT": rows,
}


@pytest.mark.parametrize("name", TESTS)
def test_limit(name: str) -> None:
    TESTS[name]()


@pytest.mark.parametrize("document", ["FORMAT.md", "SECURITY.md"])
def test_documents_list_every_limit(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    section = text.split("## Limits", 1)[1].split("\n## ", 1)[0]
    assert re.findall(r"^\| `([A-Z_]+)` \|", section, re.MULTILINE) == list(TESTS)


def test_both_documents_give_the_same_values() -> None:
    tables = []
    for document in ("FORMAT.md", "SECURITY.md"):
        section = (ROOT / document).read_text(encoding="utf-8").split("## Limits", 1)[1].split("\n## ", 1)[0]
        tables.append(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", section, re.MULTILINE))
    assert tables[0] == tables[1]
