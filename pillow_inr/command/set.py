"""`inr set`: other metadata in a `.inr` file, whose pixels stay as they are, to the byte."""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

import inr_core
from inr_core import Metadata

from .. import carry
from ..exif import PREFIX
from ..options import to_dpi
from ..orientation import check_start, with_orientation
from .messages import UsageError, Voice, blame, warnings_to
from .output import Output
from .sources import Source, for_each

Change = Callable[[Metadata], Metadata]

_IN_WORDS = {"exif": "EXIF", "icc": "ICC profile", "xmp": "XMP"}
_PROFILE_HEADER, _TAG = 128, 12  # bytes; ICC.1:2022, 7.2 and 7.3


def set_metadata(sources: Sequence[Source], output: Output, change: Change, voice: Voice) -> int:
    """Write each file back, or to the output, with what `change` makes of its metadata; returns the exit code."""

    def one(source: Source) -> None:
        old = source.read_inr()
        new = inr_core.replace_metadata(old, change(inr_core.read_head(io.BytesIO(old)).metadata))
        target = output.target(source)
        if output.in_place and target.path is not None and new == old:
            voice.line(f"{source}: nothing to change")
            return
        with output.writing(target) as fp:
            fp.write(new)
        voice.line(f"{target}: changed, {len(new):,} bytes")

    return for_each(sources, one, voice)


def change_of(args: argparse.Namespace) -> Change:
    """What the command line asks for, its files read and all values checked; raises UsageError, and Blamed for a file.

    An empty file, comment or value removes what it is for. Of a picture, EXIF, profile or XMP is what it holds of them.
    """
    wanted = (args.exif, args.icc, args.xmp, args.orientation, args.dpi, args.comment, args.text)
    if not (args.strip or args.remove or any(value is not None for value in wanted)):
        raise UsageError("expected something to change, like --comment TEXT or --no-exif")
    fields: dict[str, Any] = {}
    for name, check in (("exif", check_start), ("icc", _check_profile), ("xmp", _check_xmp)):
        path: Path | None = getattr(args, name)
        if path is not None:
            with blame(path):
                data = _block(name, path)
                if data:
                    check(data)
                fields[name] = data or None
    try:
        if args.dpi is not None:
            fields["dpi"] = to_dpi(args.dpi)
        texts = dict(args.text or ())
        inr_core.check_text(texts)
    except inr_core.SettingsError as e:
        raise UsageError(str(e)) from e
    if args.comment is not None:
        fields["comment"] = os.fsencode(args.comment) or None
    fields = dict.fromkeys(args.remove) | fields

    def change(metadata: Metadata) -> Metadata:
        new = dataclasses.replace(Metadata() if args.strip else metadata, **fields)
        if texts:
            new = dataclasses.replace(new, text=_with_texts(new.text or {}, texts))
        if args.orientation is not None:
            new = dataclasses.replace(new, exif=with_orientation(new.exif, args.orientation))
        return new

    return change


def _block(name: str, path: Path) -> bytes:
    """The data of one kind that is in a file: all of it, or what it holds of that if it is a picture."""
    data = path.read_bytes()
    with warnings_to(None):
        try:
            im = Image.open(io.BytesIO(data))
        except UnidentifiedImageError:
            return data.removeprefix(PREFIX) if name == "exif" else data
        with im:
            im.load()
            found = carry.block(im, name)
    if found is None:
        raise ValueError(f"this picture has no {_IN_WORDS[name]}")
    return found


def _check_profile(data: bytes) -> None:
    """Raise ValueError for what is no ICC profile by its header and its size."""
    if len(data) < _PROFILE_HEADER + 4 or data[36:40] != b"acsp":
        raise ValueError(f"expected an ICC profile, got what begins with {data[:8]!r}")
    size, tags = int.from_bytes(data[:4], "big"), int.from_bytes(data[_PROFILE_HEADER : _PROFILE_HEADER + 4], "big")
    if not size <= len(data) < size + 4:  # it may be padded to a multiple of four
        raise ValueError(f"expected an ICC profile of {size} bytes, as its header says, got {len(data)}")
    if _PROFILE_HEADER + 4 + _TAG * tags > size:
        raise ValueError(f"expected an ICC profile with room for its {tags} tags, got {size} bytes")


def _check_xmp(data: bytes) -> None:
    """Raise ValueError for what is no XML by its beginning, in any of Unicode's encodings."""
    if not data.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<"):
        raise ValueError(f"expected XMP, which is XML, got what begins with {data[:8]!r}")


def _with_texts(old: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, str] | None:
    return {key: value for key, value in {**old, **texts}.items() if value or key not in texts} or None
