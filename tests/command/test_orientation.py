"""The orientation in EXIF data: read, changed in place, added, refused where the data are none."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import tiny
from PIL import Image
from tiny import inr

from pillow_inr.orientation import orientation_of, with_orientation


def exif_bytes(order: str, entries: list[tuple[int, int, int, bytes]], rest: bytes = b"", chain: int = 0) -> bytes:
    start = b"II*\0" if order == "<" else b"MM\0*"
    fields = b"".join(struct.pack(order + "HHI4s", *entry) for entry in entries)
    return start + struct.pack(order + "IH", 8, len(entries)) + fields + struct.pack(order + "I", chain) + rest


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_changed_in_place(order: str) -> None:
    def exif(value: int) -> bytes:
        short = struct.pack(order + "HH", value, 0)
        return exif_bytes(order, [(0x10F, 2, 3, b"Me\0\0"), (0x112, 3, 1, short), (0x131, 2, 2, b"S\0\0\0")], b"notes")

    assert with_orientation(exif(1), 7) == exif(7)
    assert (orientation_of(exif(7)), orientation_of(exif(9)), orientation_of(exif(0))) == (7, None, None)


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_added_without_moving_anything(order: str) -> None:
    offset = struct.pack(order + "I", 50)
    entries = [(0x10F, 2, 10, offset), (0x110, 2, 2, b"M\0\0\0"), (0x131, 2, 2, b"S\0\0\0")]
    old = exif_bytes(order, entries, b"Maker Co.\0odd", chain=0x1234)
    new = with_orientation(old, 6)
    assert (new[:4], new[8 : len(old)]) == (old[:4], old[8:])
    assert orientation_of(new) == 6
    assert orientation_of(old) is None
    exif = Image.Exif()
    exif.load(new)
    assert dict(exif) == {0x10F: "Maker Co.", 0x110: "M", 0x112: 6, 0x131: "S"}
    at, first_length = len(old) + len(old) % 2, 2 + 4 * 12
    assert struct.unpack_from(order + "I", new, 4) == (at,)
    tags = [struct.unpack_from(order + "H", new, k)[0] for k in range(at + 2, at + first_length, 12)]
    assert tags == [0x10F, 0x110, 0x112, 0x131]
    assert new[at + first_length :] == struct.pack(order + "I", 0x1234)  # of the next directory


@pytest.mark.parametrize(
    ("exif", "message"),
    [
        (b"RIFF", r"exif: expected it to begin with II\*\\0 or MM\\0\*, got b'RIFF'"),
        (b"II*\0", "exif: expected a directory, got the end of the data"),
        (b"II*\0\xff\xff\xff\xff", "exif: expected a directory, got the end of the data"),
        (
            b"II*\0\x08\0\0\0\xff\xff" + bytes(99),
            "exif: expected a directory of 65535 entries, got the end of the data",
        ),
    ],
)
def test_what_is_no_exif_gets_no_orientation(exif: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        with_orientation(exif, 1)
    assert orientation_of(exif) is None
    path = tmp_path / "a.inr"
    tiny.picture().save(path, effort=0, exif=exif)
    before = path.read_bytes()
    code, _, err = inr("set", path, "--orientation", "3")
    assert code == 1
    assert err.startswith(f"inr: {path}: exif: expected ")
    assert path.read_bytes() == before
    assert inr("info", path)[0] == 0
