"""The errors of the format. Every message says where, what was expected and what was found."""

from __future__ import annotations

import io
import os


class InrError(Exception):
    """Base of every error this package raises on purpose."""


class FormatError(InrError):
    """The bytes are not a valid `.inr` file, or break one of the format's limits."""


class TruncatedError(FormatError):
    """The bytes end before the file does."""


class LimitError(InrError):
    """The file may be legal, but reading it would cost more than the caller's `Limits` allow."""


class SettingsError(InrError, ValueError):
    """An option has a value outside its range; the message names the option, the value and the range."""


class TargetError(InrError):
    """A `target_size` or `target_psnr` cannot be reached; the message says the nearest that was."""


class NoTorchWarning(UserWarning):
    """There is no torch, so a picture was saved with effort 0; the message says why there is none."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while fitting. `data` is the complete file of the best network so far."""

    def __init__(self, data: bytes) -> None:
        super().__init__("interrupted; the best network so far was kept")
        self.data = data


def check_type(name: str, value: object, kind: type) -> None:
    """Raise TypeError, under the name of an argument, for a value that is none of that class."""
    if not isinstance(value, kind):
        raise TypeError(f"{name}: expected inr_core.{kind.__name__}, got {shown(value)}")


def check_bytes(data: object) -> None:
    """Raise TypeError for what are no bytes, with what to do about it."""
    try:
        memoryview(data)  # type: ignore[arg-type]
    except TypeError:
        hint = ""
        if isinstance(data, (str, os.PathLike)):
            hint = "; pathlib.Path(…).read_bytes() has them"
        elif hasattr(data, "read"):
            hint = "; its read() has them"
        raise TypeError(f"data: expected the bytes of a file, got {shown(data)}{hint}") from None


def check_file(fp: object) -> None:
    """Raise TypeError for what is no file that is open, or one opened for text."""
    if type(fp) in (io.BytesIO, io.BufferedReader):  # most are: the rest takes as long as reading a header
        return
    if isinstance(fp, (str, os.PathLike)):
        raise TypeError(f"fp: expected an open file, got {shown(fp)}; open(…, 'rb') gives one")
    if isinstance(fp, (bytes, bytearray, memoryview)):
        raise TypeError(f"fp: expected an open file, got {shown(fp)}; io.BytesIO(…) makes one of bytes")
    if isinstance(fp, io.TextIOBase):
        raise TypeError("fp: expected a file opened for bytes, got one for text; open(…, 'rb') gives one")
    if not hasattr(fp, "read"):
        raise TypeError(f"fp: expected an open file, got {shown(fp)}")


_SHOWN = 100  # characters of a value that a message quotes


def shown(value: object) -> str:
    """A value as messages quote it: its repr, cut where that is long, whatever its repr does."""
    if isinstance(value, (str, bytes)) and len(value) > _SHOWN:
        return f"{value[:_SHOWN]!r}…"
    try:
        text = repr(value)
    except Exception:  # an integer of too many digits, or someone else's class
        text = f"a {type(value).__name__}"
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]}…"
