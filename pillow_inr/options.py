"""What `Image.save` was given, checked as a whole before any work starts."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, TypeVar

from PIL import Image, JpegPresets

from inr_core import Metadata, Progress, Settings, SettingsError, check_block, check_text, shown

from .exif import PREFIX, exif_bytes
from .progress import Bar

T = TypeVar("T")
Report = Callable[[Progress], "bool | None"]

_SETTINGS = tuple(field.name for field in fields(Settings))
_DATA = ("exif", "icc_profile", "xmp", "comment")
_OWN = (*_SETTINGS, *_DATA, "dpi", "text", "progress")
_NO_MISTAKES = frozenset({"speed", "mode"})  # AVIF's, and what many functions have: near to seed, to model
_TARGETS = ("target_size", "target_psnr")
_SHORT = 3  # letters: everything is near to such a name
_MIN_DPI, _MAX_DPI = 0.001, (2**32 - 1) / 1000  # the file keeps thousandths in 32 bits


@dataclass(frozen=True)
class SaveOptions:
    """One call of `Image.save`: how to encode, what to store beside the pixels, whom to tell."""

    settings: Settings
    metadata: Metadata
    progress: bool | Report

    @classmethod
    def from_encoderinfo(cls, encoderinfo: Mapping[str, Any], info: Mapping[Any, object]) -> SaveOptions:
        """Read every option; ICC profile and comment fall back to the picture's own `info`, as in Pillow's JPEG plugin.

        `Image.save` has emptied its target by now, so little is an error. Names that are not ours are ignored, as it
        documents, and None stands for the default. What comes from the picture's `info`, as it is or handed on by
        `im.save(path, **im.info)`, is used as far as it can be.

        Raises SettingsError, a ValueError, naming the option, what was expected and what was got: a name that is one
        slip away from one of ours; a value that is not of its range or type, nor what JPEG, PNG, WebP or AVIF accept in
        that option; metadata that a file cannot hold.
        """
        _refuse_slips(name for name in encoderinfo if name not in info)

        def option(name: str, read: Callable[[Any], T | None], inherited: bool = False) -> T | None:
            value = encoderinfo.get(name, info.get(name) if inherited else None)
            if value is None:
                return None
            try:
                return read(value)
            except SettingsError as e:
                if info.get(name) is not value:
                    raise
                if name in _DATA and isinstance(value, bytes):  # it is too long
                    warnings.warn(f"{e}; saved without", stacklevel=5)  # from the caller of Image.save
                return None

        given = {name: option(name, partial(_setting, name)) for name in _SETTINGS if name != "bits"}
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
        if settings.takes("bits"):  # else it is PNG's
            settings = replace(settings, bits=option("bits", partial(_setting, "bits")))
        metadata = Metadata(
            exif=option("exif", to_exif),
            icc=option("icc_profile", partial(to_data, "icc_profile"), inherited=True),
            xmp=option("xmp", partial(to_data, "xmp")),
            comment=option("comment", partial(to_data, "comment"), inherited=True),
            dpi=option("dpi", to_known_dpi),
            text=option("text", to_text),
        )
        return cls(settings, metadata, option("progress", _to_progress) or False)

    @contextmanager
    def reporting(self) -> Iterator[Report | None]:
        """What to hand to `inr_core.encode`: the caller's callable, a bar that is closed afterwards, or nothing."""
        if self.progress is True:
            with Bar() as bar:
                yield bar
        else:
            yield self.progress or None


def _refuse_slips(names: Iterable[object]) -> None:
    for name in names:
        if not isinstance(name, str) or name in _OWN or name in _NO_MISTAKES:
            continue
        for own in _OWN:
            if (name.islower() and len(own) > _SHORT and _one_slip(name, own)) or _in_another_case(name, own):
                msg = f"unknown option {name!r}; did you mean {own!r}?"
                raise SettingsError(msg)


def _in_another_case(name: str, own: str) -> bool:
    """Whether it is one of ours of several words, spelled like targetSize. A target of whatever name is not ignored."""
    if own == _TARGETS[0] and name.islower() and name.startswith("target"):
        return not any(_one_slip(name, other) for other in _TARGETS)
    return "_" in own and name.lower().replace("_", "") == own.replace("_", "")


def _one_slip(a: str, b: str) -> bool:
    """Whether one letter is missing, too many, another one, or has changed places with its neighbour."""
    same = next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    a, b = a[same:], b[same:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _setting(name: str, value: Any) -> Any:
    if name == "quality":
        value = _to_quality(value)
        if value is None:
            return None
    return getattr(Settings(**{name: value}), name)


def _to_quality(value: Any) -> Any:
    """What other writers take for a quality, as a number from 0 to 100; None for the default.

    JPEG has names of presets and "keep", -1 for its default, and takes what is beyond the ends for the ends. WebP takes
    text. All take bool.
    """
    if isinstance(value, (str, bytes)) or _is_bool(value):
        if value == "keep" or value in JpegPresets.presets:
            return None
        try:
            value = float(value)
        except ValueError:
            return value
    try:
        return None if value == -1 else min(max(value, 0), 100) if abs(value) < math.inf else value
    except Exception:  # of whatever type: no number, or not one
        return value


def to_exif(value: object) -> bytes | None:
    """The option `exif` without its prefix, checked; raises SettingsError."""
    if isinstance(value, Image.Exif):
        value = exif_bytes(value)
    data = _bytes("exif", value, "bytes, an Image.Exif or None").removeprefix(PREFIX)
    check_block("exif", data)
    return data or None


def to_data(name: str, value: object) -> bytes | None:
    """An option of bytes or text, checked; raises SettingsError."""
    if isinstance(value, str):
        try:
            value = value.encode()
        except UnicodeEncodeError as e:
            msg = f"{name}: expected Unicode, got {shown(value)}"
            raise SettingsError(msg) from e
    data = _bytes(name, value, "bytes, str or None")
    check_block(name, data)
    return data or None


def _bytes(name: str, value: object, expected: str) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if not _is_nothing(value):
        msg = f"{name}: expected {expected}, got {shown(value)}"
        raise SettingsError(msg)
    return b""


def _is_nothing(value: object) -> bool:
    """Whether Pillow's writers take it for none: they ask for truth."""
    try:
        return not value
    except Exception:  # NumPy's arrays are neither true nor false
        return False


def to_dpi(value: Any) -> tuple[float, float] | None:
    """A resolution, checked; raises SettingsError."""
    if _is_nothing(value):
        return None
    try:
        x, y = (float(number) for number in value)  # TIFF has its own rational numbers
    except Exception:  # of whatever type: not two, or no numbers
        x = y = math.nan
    if not (_MIN_DPI <= x <= _MAX_DPI and _MIN_DPI <= y <= _MAX_DPI):
        msg = f"dpi: expected two numbers from {_MIN_DPI} to {_MAX_DPI:.0f}, got {shown(value)}"
        raise SettingsError(msg)
    return x, y


def to_known_dpi(value: Any) -> tuple[float, float] | None:
    """The same, but None for two numbers that no resolution has, 0 or NaN say: files bring them along."""
    try:
        return to_dpi(value)
    except SettingsError:
        try:
            _, _ = map(float, value)
        except Exception:  # of whatever type
            pass
        else:
            return None
        raise


def to_text(value: object) -> dict[str, str] | None:
    """The option `text`, checked; raises SettingsError."""
    if _is_nothing(value):
        return None
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        msg = f"text: expected a dict of str to str, or None, got {shown(value)}"
        raise SettingsError(msg)
    check_text(value)
    return {str(key): str(text) for key, text in value.items()}  # PNG's values know their language, too


def _to_progress(value: Any) -> bool | Report:
    if callable(value):
        report: Report = value
        return report
    if _is_bool(value) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    msg = f"progress: expected True, False or a callable, got {shown(value)}"
    raise SettingsError(msg)


def _is_bool(value: object) -> bool:
    return type(value).__name__ in ("bool", "bool_")  # Python's, or NumPy's
