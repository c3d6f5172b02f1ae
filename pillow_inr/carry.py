"""Metadata between `.inr` and other formats, as Pillow's plugins name it: the save options that keep it."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from inr_core import SettingsError

from .options import to_dpi, to_text

# A TIFF file's tags are its EXIF; these say something about the picture rather than about the file.
_DESCRIBING = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Copyright,
)
_XMP_KEY = "XML:com.adobe.xmp"  # PNG's
_XMP_TAG = 700  # TIFF's


def strip(im: Image.Image) -> None:
    """Forget the metadata: Pillow's writers fall back to some of it without being told."""
    for name in ("exif", "icc_profile", "xmp", "comment", "dpi"):
        im.info.pop(name, None)


def into_inr(im: Image.Image) -> dict[str, object]:
    """Save options for the metadata of a picture that `Image.save` leaves out unless told, as far as it is usable."""
    options: dict[str, object] = {name: im.info[name] for name in ("xmp",) if isinstance(im.info.get(name), bytes)}
    with suppress(SettingsError):
        options["dpi"] = to_dpi(im.info.get("dpi"))
    with suppress(SyntaxError, ValueError, KeyError, struct.error):
        options["exif"] = _exif(im)
    return options | {"text": _text(im)}


def out_of_inr(kind: str, im: Image.Image, text: dict[str, str]) -> dict[str, Any]:
    """Save options that keep a `.inr` file's metadata, as far as Pillow can write it to the format `kind`."""
    info = im.info
    options: dict[str, Any] = {
        name: info[name] for name in ("exif", "icc_profile", "xmp", "comment", "dpi") if name in info
    }
    if kind == "PNG":
        texts = PngInfo()
        if "xmp" in info:
            texts.add_itxt(_XMP_KEY, info["xmp"])
        for key, value in {**({"Comment": _readable(info["comment"])} if "comment" in info else {}), **text}.items():
            texts.add_text(key, value)
        options["pnginfo"] = texts
    if kind == "TIFF" and "xmp" in info:
        tags = Image.Exif()
        tags.load(info.get("exif", b""))
        tags[_XMP_TAG] = info["xmp"]
        options["exif"] = tags
    return options


def _exif(im: Image.Image) -> bytes | Image.Exif | None:
    if isinstance(exif := im.info.get("exif"), bytes):
        return exif
    found = im.getexif()
    if im.format != "TIFF":
        return found
    kept = Image.Exif()
    kept.update({tag: found[tag] for tag in _DESCRIBING if tag in found})
    for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if tags := found.get_ifd(ifd):
            kept[ifd] = tags
    return kept


def _text(im: Image.Image) -> dict[str, str]:
    kept: dict[str, str] = {}
    for key, value in dict(getattr(im, "text", {})).items():
        if key != _XMP_KEY and not key.startswith("Raw profile type "):  # these are in `info`
            with suppress(SettingsError):
                kept |= to_text({key: value}) or {}
    return kept


def _readable(comment: bytes) -> str:
    try:
        return comment.decode()
    except UnicodeDecodeError:
        return comment.decode("latin-1")
