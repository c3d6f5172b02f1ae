"""The orientation in EXIF data, set without moving anything else: maker notes do not survive being moved."""

from __future__ import annotations

import struct

from PIL import Image

TAG, SHORT, LONG = 0x112, 3, 4
_FORMATS = {SHORT: "H", LONG: "I"}  # of the first value, as `struct` calls it
_ENTRY = 12  # bytes: tag, type, count, value
_MOST = 65_535  # entries of a directory
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_START = {b"II*\0": "<", b"MM\0*": ">"}


def check_start(exif: bytes) -> str:
    """The byte order of EXIF data, as `struct` calls it; raises ValueError for what is none."""
    if order := _START.get(exif[:4]):
        return order
    msg = f"exif: expected it to begin with II*\\0 or MM\\0*, got {exif[:4]!r}"
    raise ValueError(msg)


def with_orientation(exif: bytes | None, orientation: int) -> bytes:
    """EXIF data (without the "Exif" prefix) that has this orientation, 1 to 8.

    The entry is changed in place. If there is none, a copy of the first directory with one is put at the end. Raises
    ValueError for what is no EXIF, and for a directory that has no room for an entry.
    """
    if not exif:
        exif = b"MM\0*\0\0\0\x08\0\0\0\0\0\0"
    order, first, end = _directory(exif)
    entry = struct.pack(order + "HHIHH", TAG, SHORT, 1, orientation, 0)
    tags = _tags(exif, order, first, end)
    if TAG in tags:
        k = first + _ENTRY * tags.index(TAG)
        return exif[:k] + entry + exif[k + _ENTRY :]

    if len(tags) == _MOST:
        msg = f"exif: expected a directory of less than {_MOST} entries, got {len(tags)}, and none for the orientation"
        raise ValueError(msg)
    entries = [exif[k : k + _ENTRY] for k in range(first, end, _ENTRY)]
    place = sum(tag < TAG for tag in tags)
    directory = struct.pack(order + "H", len(tags) + 1) + b"".join([*entries[:place], entry, *entries[place:]])
    body = exif + bytes(len(exif) % 2)  # directories begin at even offsets
    return body[:4] + struct.pack(order + "I", len(body)) + body[8:] + directory + exif[end : end + 4]


def orientation_of(exif: bytes | None) -> int | None:
    """The orientation, 1 to 8, if there is one and the EXIF data can be read."""
    try:
        order, first, end = _directory(exif or b"")
    except ValueError:
        return None
    tags = _tags(exif or b"", order, first, end)
    if TAG not in tags:
        return None
    at = first + _ENTRY * tags.index(TAG)
    kind, count = struct.unpack_from(order + "HI", exif or b"", at + 2)
    if kind not in _FORMATS or not 1 <= count * struct.calcsize(_FORMATS[kind]) <= 4:  # beyond that it is elsewhere
        return None
    (value,) = struct.unpack_from(order + _FORMATS[kind], exif or b"", at + 8)
    return int(value) if 1 <= value <= 8 else None


def upright(im: Image.Image) -> Image.Image:
    """A copy of the picture, turned as its orientation says. One that cannot be read says nothing.

    As `ImageOps.exif_transpose`, but that also writes the EXIF data anew, which fails for much of what cameras write.
    """
    try:
        method = _TURNS.get(im.getexif().get(TAG, 1))
    except Exception:  # of whatever kind Pillow has for it
        method = None
    return im.copy() if method is None else im.transpose(method)


def _directory(exif: bytes) -> tuple[str, int, int]:
    """Byte order, and where the entries of the first directory begin and end; raises ValueError."""
    order = check_start(exif)
    try:
        (at,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, at)
    except struct.error as e:
        msg = "exif: expected a directory, got the end of the data"
        raise ValueError(msg) from e
    end = at + 2 + _ENTRY * count
    if end + 4 > len(exif):
        msg = f"exif: expected a directory of {count} entries, got the end of the data"
        raise ValueError(msg)
    return order, at + 2, end


def _tags(exif: bytes, order: str, first: int, end: int) -> list[int]:
    return [struct.unpack_from(order + "H", exif, k)[0] for k in range(first, end, _ENTRY)]
