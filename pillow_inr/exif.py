"""EXIF data of Pillow's Exif objects, whole: Pillow's own writers leave parts of some out."""

from __future__ import annotations

import copy
import struct
from contextlib import suppress
from typing import Any

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from inr_core import SettingsError, shown

PREFIX = b"Exif\0\0"  # of EXIF data in JPEG, and in Pillow's `info`
_HEADER = 8  # bytes: byte order, 42, where the first directory begins
_ENTRY = 12


def exif_bytes(exif: Image.Exif) -> bytes:
    """EXIF data, without the prefix, or nothing where there is nothing in it.

    An object that was read and not changed gives the very bytes it was read from. Another is written by Pillow, with
    two directories that Pillow leaves out of one made by hand: of a thumbnail and of interoperability. Raises
    SettingsError for values that cannot be written.
    """
    source = getattr(exif, "_loaded_exif", None)
    read = Image.Exif()
    if source:
        with suppress(Exception):  # what cannot be read is not changed either
            read.load(source)
    try:
        written = _written(exif)
        unchanged = source is not None and written == _written(read)
    except Exception as e:  # Pillow checks no value: anything may come of one that is of no type it knows
        if source is None or not _same_tags(exif, read):
            msg = f"exif: expected values that EXIF can hold, got {type(e).__name__}: {shown(str(e))}"
            raise SettingsError(msg) from e
        unchanged, written = True, b""
    if unchanged and source is not None:
        return bytes(source).removeprefix(PREFIX)
    return written if any(written[_HEADER:]) else b""


def _written(exif: Image.Exif) -> bytes:
    tags = dict(exif)  # read, every one: the copy, which leaves the caller's as it is, shares what they are read from
    parts = {where: inner for where, inner in exif._ifds.items() if inner or where in exif}
    whole = copy.copy(exif)
    whole._data, whole._ifds, whole.bigtiff = tags, parts.copy(), False
    if interop := parts.get(ExifTags.IFD.Interop):
        own = exif.get(ExifTags.IFD.Exif)
        inner = own if isinstance(own, dict) else whole.get_ifd(ExifTags.IFD.Exif)
        inner = {**inner, ExifTags.IFD.Interop: interop}
        (whole._data if isinstance(own, dict) else whole._ifds)[ExifTags.IFD.Exif] = inner
    data = whole.tobytes().removeprefix(PREFIX)
    thumbnail = parts.get(ExifTags.IFD.IFD1)
    return _with_next(data, thumbnail) if thumbnail and exif._info is None else data


def _with_next(data: bytes, tags: dict[int, Any]) -> bytes:
    """EXIF data whose first directory is followed by another."""
    order = "<" if data.startswith(b"II") else ">"
    directory = ImageFileDirectory_v2(ifh=data[:_HEADER])
    for tag, value in tags.items():
        directory[tag] = value
    body = data + bytes(len(data) % 2)
    (count,) = struct.unpack_from(order + "H", body, _HEADER)
    at = _HEADER + 2 + _ENTRY * count
    return body[:at] + struct.pack(order + "I", len(body)) + body[at + 4 :] + directory.tobytes(len(body))


def _same_tags(exif: Image.Exif, read: Image.Exif) -> bool:
    try:
        return dict(exif) == dict(read)
    except Exception:  # not even readable
        return False
