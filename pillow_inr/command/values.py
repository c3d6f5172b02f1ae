"""The values of options, for argparse's `type=`: what was expected is said in words."""

from __future__ import annotations

import argparse
import os
import re
from contextlib import suppress

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "ki": 2**10, "mi": 2**20}
_SIZE = re.compile(r"(\d{1,10}(?:\.\d{1,9})?) ?([km]i?)?b?", re.IGNORECASE)
_NUMBER = re.compile("[0-9]{1,9}")  # more digits than that are no number of pixels


def number(text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text[:99]!r}") from None


def whole(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text[:99]!r}") from None


def size_in_bytes(text: str) -> int:
    """Bytes, also as 20k, 20kB (both 20,000), 20KiB (20,480), 1.5M or 1.5 MB."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"expected bytes, like 20000 or 20kB, got {text[:99]!r}")
    return int(float(match[1]) * _UNITS[(match[2] or "").lower()])


def size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT in pixels."""
    width, _, height = text.lower().partition("x")
    if not (_NUMBER.fullmatch(width) and _NUMBER.fullmatch(height) and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT in pixels, got {text[:99]!r}")
    return int(width), int(height)


def region(text: str) -> tuple[int, int, int, int]:
    """X0,Y0,X1,Y1 in pixels."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 4 or not all(map(_NUMBER.fullmatch, parts)):
        raise argparse.ArgumentTypeError(f"expected X0,Y0,X1,Y1 in pixels, got {text[:99]!r}")
    x0, y0, x1, y1 = map(int, parts)
    if x0 >= x1 or y0 >= y1:
        raise argparse.ArgumentTypeError(f"expected X0 below X1 and Y0 below Y1, got {text!r}")
    return x0, y0, x1, y1


def pixels(text: str) -> int:
    """A number of pixels."""
    if not (_NUMBER.fullmatch(text) and int(text)):
        raise argparse.ArgumentTypeError(f"expected pixels, got {text[:99]!r}")
    return int(text)


def seconds(text: str) -> float:
    """Whole seconds."""
    if not (_NUMBER.fullmatch(text) and int(text)):
        raise argparse.ArgumentTypeError(f"expected whole seconds, got {text[:99]!r}")
    return float(text)


def jobs(text: str) -> int:
    """How many at the same time."""
    if not (_NUMBER.fullmatch(text) and 1 <= int(text) <= 1024):
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 1024, got {text[:99]!r}")
    return int(text)


def resolution(text: str) -> tuple[float, float]:
    """Dots per inch: X or X,Y."""
    x, _, y = text.partition(",")
    try:
        return float(x), float(y or x)
    except ValueError as e:
        raise argparse.ArgumentTypeError(f"expected X or X,Y, got {text[:99]!r}") from e


def pair(text: str) -> tuple[str, str]:
    """KEY=VALUE."""
    with suppress(UnicodeError):  # UTF-8, also where the locale knows ASCII only
        text = os.fsencode(text).decode("utf-8")
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text[:99]!r}")
    return key, value
