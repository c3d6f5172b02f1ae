"""Exif objects as an option: every directory is kept, and what cannot be is named."""

from __future__ import annotations

import struct
from typing import Any

import pytest
import tiny
from PIL import ExifTags, Image
from saved_pictures import DEFAULT, EXIF, of, saved

from inr_core import SettingsError


def exif_of(*directories: tuple[int, dict[int, Any]]) -> Image.Exif:
    exif = Image.Exif()
    for where, tags in directories:
        if where == ExifTags.IFD.Interop:
            exif.get_ifd(ExifTags.IFD.Exif)
        exif.get_ifd(where).update(tags) if where else exif.update(tags)
    return exif


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize(
    ("where", "tags"),
    [
        (ExifTags.IFD.GPSInfo, {1: "N", 2: (50.0, 6.0, 7.5)}),
        (ExifTags.IFD.Exif, {0x9003: "2001:02:03 04:05:06", 0x927C: b"maker note"}),
        (ExifTags.IFD.Interop, {1: "R98"}),
        (ExifTags.IFD.IFD1, {0x103: 6, 0x11A: 72.0}),
    ],
)
@pytest.mark.parametrize("first", [{}, {0x112: 6}])
def test_every_directory_of_an_exif_object_is_kept(
    where: int, tags: dict[int, Any], first: dict[int, Any], endian: str
) -> None:
    exif = exif_of((0, first), (where, tags))
    exif.endian = endian
    with saved(tiny.picture(), exif=exif) as im:
        found = im.getexif()
        assert {tag: found[tag] for tag in first} == first
        found.get_ifd(ExifTags.IFD.Exif)
        assert dict(found.get_ifd(where)) == tags
        assert im.info["exif"][6:8] == (b"II" if endian == "<" else b"MM")
        with saved(im, exif=found) as again:
            assert again.info["exif"] == im.info["exif"]


def test_an_exif_object_that_was_not_changed_is_kept_to_the_byte() -> None:
    odd = b"II*\0" + struct.pack("<IHHHIIHHIII", 8, 2, 0x10E, 11, 1, 0x3F800000, 0x112, 3, 1, 6, 0) + b"maker note"
    for data in (EXIF + b"what nobody points at", odd):
        exif = Image.Exif()
        exif.load(b"Exif\0\0" + data)
        with saved(tiny.picture(), exif=exif) as im:
            assert im.info["exif"] == b"Exif\0\0" + data
    exif = Image.Exif()
    exif.load(EXIF)
    exif[0x112] = 3
    with saved(tiny.picture(), exif=exif) as im:
        assert im.getexif() == {0x112: 3}


def test_an_empty_exif_object_is_none() -> None:
    for exif in (Image.Exif(), exif_of((ExifTags.IFD.GPSInfo, {})), b"", b"Exif\0\0"):
        assert of(exif=exif) == DEFAULT


def test_values_that_exif_cannot_hold() -> None:
    with pytest.raises(SettingsError, match=r"^exif: expected values that EXIF can hold, got "):
        of(exif=exif_of((0, {0x10E: object()})))
    odd = Image.Exif()
    odd.load(b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x10E, 11, 1, 0x3F800000, 0))
    odd[0x112] = 6
    with pytest.raises(SettingsError, match=r"^exif: expected values that EXIF can hold, got "):
        of(exif=odd)


def test_exif_that_nobody_can_read_is_kept_and_hides_nothing() -> None:
    for data in (b"no TIFF header", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"):
        with saved(tiny.picture(), exif=data) as im:
            assert im.info["exif"] == b"Exif\0\0" + data
            assert dict(im.getexif()) == {}
            assert dict(im.getexif()) == {}
