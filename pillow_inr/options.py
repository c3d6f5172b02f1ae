"""What `Image.save` was given, checked as a whole before any work starts."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image

from inr_core import Metadata, Progress, Settings, SettingsError, check_text

from .progress import Bar

Report = Callable[[Progress], "bool | None"]

_OWN = ("exif", "icc_profile", "xmp", "dpi", "comment", "text", "progress", "append_images")
_MAX_DPI = (2**32 - 1) / 1000  # the file keeps thousandths in 32 bits


@dataclass(frozen=True)
class SaveOptions:
    """One call of `Image.save`: how to encode, what to store beside the pixels, whom to tell."""

    settings: Settings
    metadata: Metadata
    progress: bool | Report

    @classmethod
    def from_encoderinfo(cls, encoderinfo: Mapping[str, Any], info: Mapping[Any, object]) -> SaveOptions:
        """Read every option; ICC profile and comment fall back to the picture's own `info`, as in Pillow's JPEG plugin.

        Raises SettingsError, a ValueError, naming the option, what was expected and what was got.
        """
        settings = _settings(encoderinfo)
        frames = encoderinfo.get("append_images") or ()
        if frames:
            msg = "append_images: expected none, because a .inr file holds one picture"
            raise SettingsError(msg)
        metadata = Metadata(
            exif=_exif(encoderinfo.get("exif")),
            icc=_data("icc_profile", _own_or_inherited("icc_profile", encoderinfo, info)),
            xmp=_data("xmp", encoderinfo.get("xmp")),
            comment=_data("comment", _own_or_inherited("comment", encoderinfo, info)),
            dpi=to_dpi(encoderinfo.get("dpi")),
            text=to_text(encoderinfo.get("text")),
        )
        progress = encoderinfo.get("progress") or False
        if progress is not False and progress is not True and not callable(progress):
            msg = f"progress: expected True, False or a callable, got {progress!r}"
            raise SettingsError(msg)
        return cls(settings, metadata, progress)

    @contextmanager
    def reporting(self) -> Iterator[Report | None]:
        """What to hand to `inr_core.encode`: the caller's callable, a bar that is closed afterwards, or nothing."""
        if self.progress is True:
            with Bar() as bar:
                yield bar
        else:
            yield self.progress or None


def _settings(encoderinfo: Mapping[str, object]) -> Settings:
    known = [field.name for field in dataclasses.fields(Settings)]
    for name in encoderinfo:
        if name not in known and name not in _OWN:
            near = difflib.get_close_matches(name, [*known, *_OWN], n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted([*known, *_OWN]))}"
            msg = f"unknown option {name!r}; {hint}"
            raise SettingsError(msg)
    return Settings.from_options({name: value for name, value in encoderinfo.items() if name not in _OWN})


def _own_or_inherited(name: str, encoderinfo: Mapping[str, object], info: Mapping[Any, object]) -> object:
    if name in encoderinfo:
        return encoderinfo[name]
    inherited = info.get(name)
    return inherited if isinstance(inherited, (bytes, str)) else None


def _data(name: str, value: object) -> bytes | None:
    if isinstance(value, str):
        value = value.encode()
    if value is not None and not isinstance(value, bytes):
        msg = f"{name}: expected bytes, str or None, got {value!r}"
        raise SettingsError(msg)
    return value or None


def _exif(value: object) -> bytes | None:
    if isinstance(value, Image.Exif):
        value = value.tobytes() if len(value) else None
    if value is not None and not isinstance(value, bytes):
        msg = f"exif: expected bytes, an Image.Exif or None, got {value!r}"
        raise SettingsError(msg)
    return (value or b"").removeprefix(b"Exif\0\0") or None


def to_dpi(value: Any) -> tuple[float, float] | None:
    """The option `dpi`, checked; raises SettingsError."""
    if value is None:
        return None
    try:
        x, y = (float(number) for number in value)  # TIFF has its own rational numbers
    except (TypeError, ValueError):
        x = y = math.nan
    if not (0.001 <= x <= _MAX_DPI and 0.001 <= y <= _MAX_DPI):
        msg = f"dpi: expected two numbers from 0.001 to {_MAX_DPI:.0f}, got {value!r}"
        raise SettingsError(msg)
    return x, y


def to_text(value: object) -> dict[str, str] | None:
    """The option `text`, checked; raises SettingsError."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        msg = f"text: expected a dict of str to str, or None, got {value!r}"
        raise SettingsError(msg)
    check_text(value)
    return {str(key): str(text) for key, text in value.items()} or None  # PNG's values know their language, too
