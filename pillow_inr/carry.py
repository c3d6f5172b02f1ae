"""Metadata between `.inr` and other formats, as Pillow's plugins name it: the save options that keep it.

Metadata never costs the picture: what cannot be read, or the other side cannot hold, is left out, and said to be.
"""

from __future__ import annotations

import io
import re
import warnings
from bisect import bisect
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from inr_core import SettingsError, shown

from .exif import PREFIX, exif_bytes
from .info_keys import is_pillows
from .options import to_data, to_exif, to_known_dpi, to_text
from .orientation import orientation_of, with_orientation

Note = Callable[[str], None]

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
_PNG_KEY = re.compile("[\x20-\x7e\xa1-\xff]{1,79}")
_JPEG_DPI = 65_535  # more would be cut off, without a word
_LONGEST = 200  # characters of a reason
_BUT = ", but for its orientation"
_IN_WORDS = {
    "exif": "EXIF",
    "icc_profile": "the ICC profile",
    "xmp": "XMP",
    "comment": "the comment",
    "dpi": "the resolution",
    "pnginfo": "text",
}


def strip(im: Image.Image) -> None:
    """Forget the metadata: Pillow's writers fall back to some of it without being told."""
    for name in ("exif", "icc_profile", "xmp", "comment", "dpi"):
        im.info.pop(name, None)


def block(im: Image.Image, name: str) -> bytes | None:
    """The "exif", "icc" or "xmp" of a loaded picture. Raises whatever reading it does."""
    if name == "exif":
        return to_exif(_exif(im))
    option = "icc_profile" if name == "icc" else name
    return to_data(option, im.info.get(option))


def into_inr(im: Image.Image, note: Note) -> dict[str, object]:
    """Save options for the metadata of a picture, as far as it is usable; `note` is told of what is not."""
    options: dict[str, object] = {}
    for name, read in (
        ("exif", lambda: to_exif(_exif(im))),
        ("icc_profile", lambda: to_data("icc_profile", im.info.get("icc_profile"))),
        ("xmp", lambda: to_data("xmp", im.info.get("xmp"))),
        ("comment", lambda: to_data("comment", im.info.get("comment"))),
        ("dpi", lambda: to_known_dpi(im.info.get("dpi"))),
    ):
        options[name] = None
        try:
            options[name] = read()
        except Exception as e:  # of whatever kind: these are others' files, and read by others' plugins
            note(_left_out(name, e))
    return options | {"text": _text(im, note)}


def out_of_inr(kind: str, im: Image.Image, text: Mapping[str, str], note: Note) -> dict[str, Any]:
    """Save options that keep a `.inr` file's metadata, as far as Pillow can write it to the format `kind`.

    Each is tried on a small picture first; what makes Pillow fail, or makes a file that it cannot read, goes from
    `im.info`, too, and `note` is told. Of EXIF like that the orientation is kept: a picture is to be seen upright.
    """
    info = im.info
    options: dict[str, Any] = {
        name: info[name] for name in ("exif", "icc_profile", "xmp", "comment", "dpi") if name in info
    }
    if kind == "PNG":
        options["pnginfo"] = _png_texts(info, text, note)
    elif kind == "TIFF":
        options |= {"exif": _tiff_tags(info, note)}
    if _error_of(kind, options) is None:
        return options
    for name, value in tuple(options.items()):
        error = _error_of(kind, {name: value})
        if error is None:
            continue
        del options[name]
        info.pop(name, None)
        if name == "exif" and (orientation := _orientation_alone(value)) and _error_of(kind, orientation) is None:
            options |= orientation
        note(_left_out(name, error, _BUT if name in options else ""))
    return options


def _orientation_alone(exif: bytes) -> dict[str, bytes]:
    orientation = orientation_of(exif.removeprefix(PREFIX))
    return {} if orientation is None else {"exif": PREFIX + with_orientation(None, orientation)}


def _left_out(name: str, error: Exception, but: str = "") -> str:
    reason = str(error) or type(error).__name__
    return f"{_IN_WORDS[name]} is left out{but}: {reason if len(reason) <= _LONGEST else f'{reason[:_LONGEST]}…'}"


@cache
def _sample(kind: str) -> tuple[Image.Image, bool] | None:
    """A small picture that Pillow writes in this format, and whether it reads the file."""
    for mode in ("RGB", "L", "P", "1"):
        out = io.BytesIO()
        with suppress(Exception):  # not this mode
            im = Image.new(mode, (8, 8))
            im.save(out, kind)
            try:
                Image.open(out).load()
            except Exception:  # PDF, say
                return im, False
            return im, True
    return None


def _error_of(kind: str, options: Mapping[str, Any]) -> Exception | None:
    """What comes of saving a picture with these options and opening it again, if that is an error."""
    sample = _sample(kind)
    if sample is None:
        return None
    im, readable = sample
    out = io.BytesIO()
    try:
        with warnings.catch_warnings(record=True):  # what is no error is told when the picture itself is saved
            im.copy().save(out, kind, **options)
        if readable:
            with warnings.catch_warnings(action="ignore"), Image.open(out) as again:
                again.load()
                again.getexif()
        if kind in ("JPEG", "MPO") and max(options.get("dpi", [0])) > _JPEG_DPI:
            msg = f"dpi: expected at most {_JPEG_DPI}, got {options['dpi']}"
            raise ValueError(msg)
    except Exception as e:  # of whatever kind the writer has for it
        return e
    return None


def _exif(im: Image.Image) -> bytes | Image.Exif | None:
    if isinstance(exif := im.info.get("exif"), bytes):
        return exif
    found = im.getexif()
    return _describing(found) if im.format == "TIFF" else found


def _describing(exif: Image.Exif, *more: int) -> Image.Exif:
    """The tags that say something about the picture, wherever it is, and some more."""
    kept = Image.Exif()
    kept.endian = exif.endian
    kept.update({tag: exif[tag] for tag in (*_DESCRIBING, *more) if tag in exif})
    for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if tags := dict(exif.get_ifd(ifd)):
            if ExifTags.IFD.Interop in tags:
                tags[ExifTags.IFD.Interop] = exif.get_ifd(ExifTags.IFD.Interop)
            kept[ifd] = tags
    return kept


def _tiff_tags(info: Mapping[Any, Any], note: Note) -> bytes:
    """EXIF for a TIFF file, whose tags it becomes, and the XMP; what it says of another file's pixels stays out."""
    data = info.get("exif", b"").removeprefix(PREFIX)
    try:
        exif = Image.Exif()
        exif.load(data)
        tags = _describing(exif, ExifTags.Base.Orientation)
        if error := _error_of("TIFF", {"exif": exif_bytes(tags)}):
            raise error
    except Exception as e:  # of whatever kind Pillow has for what it cannot read
        tags = Image.Exif()
        orientation = orientation_of(data)
        if orientation is not None:
            tags[ExifTags.Base.Orientation] = orientation
        note(_left_out("exif", e, "" if orientation is None else _BUT))
    if "xmp" in info:
        tags[_XMP_TAG] = info["xmp"]
    return exif_bytes(tags)


def _png_texts(info: Mapping[Any, Any], text: Mapping[str, str], note: Note) -> PngInfo:
    """The texts of a PNG file: its XMP and its comment are such, too."""
    texts = PngInfo()
    if "xmp" in info:
        texts.add_itxt(_XMP_KEY, info["xmp"])
    for key, value in {**({"Comment": _readable(info["comment"])} if "comment" in info else {}), **text}.items():
        if not _PNG_KEY.fullmatch(key):
            note(f"text {shown(key)} is left out: PNG has keys of 1 to 79 printable characters of Latin-1")
        elif is_pillows(key):
            note(f"text {shown(key)} is left out: in a PNG it would pass for something else")
        else:
            texts.add_text(key, value)
    return texts


def _text(im: Image.Image, note: Note) -> dict[str, str]:
    """The texts of a PNG file, as many as a `.inr` file holds."""
    kept: dict[str, str] = {}
    found = getattr(im, "text", None)
    for key, value in found.items() if isinstance(found, Mapping) else ():
        if key == _XMP_KEY or key.startswith("Raw profile type "):  # these are in `info`
            continue
        try:
            kept |= to_text({key: value}) or {}
        except SettingsError as e:
            note(f"text {shown(key)} is left out: {e}")
    texts = list(kept.items())
    count = bisect(range(1, len(texts) + 1), False, key=lambda n: not _fits(dict(texts[:n])))
    if count < len(texts):
        note(f"{len(texts) - count} of {len(texts)} texts are left out: a file does not hold so many, or so long ones")
    return dict(texts[:count])


def _fits(text: Mapping[str, str]) -> bool:
    try:
        to_text(text)
    except SettingsError:
        return False
    return True


def _readable(comment: bytes) -> str:
    try:
        return comment.decode()
    except UnicodeDecodeError:
        return comment.decode("latin-1")
