"""Whether two pictures are the same: sizes, modes, all samples, and what changes how they are shown.

What is meant counts, not how a format says it. A palette stands for its colours, and what is said to be clear for an
alpha: a grey that is, one entry of a palette, or one alpha for each. Mode PA is RGBA, and mode I is I;16 where its
values fit, as everywhere here. No other two modes are the same.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inr_core import MODES, decode, read_head

from .modes import from_image
from .orientation import orientation_of

_OPAQUE = 255
LESS_READ = "16 bits a sample become 8: Pillow reads no more of them in mode"
_DEEPER = ";16"  # in Pillow's names of how samples are laid out in a file


@dataclass(frozen=True)
class Held:
    """What a picture holds."""

    mode: str
    samples: NDArray[Any]  # (H, W, C); of mode P the colours of the palette, with alpha
    profile: bytes | None = None  # ICC
    orientation: int = 1

    @property
    def bits(self) -> int:
        """Of a sample."""
        return 1 if self.mode == "1" else 8 * self.samples.itemsize

    def described(self) -> str:
        """In words."""
        height, width, _ = self.samples.shape
        return f"{width}x{height}, mode {self.mode}, {self.bits} bit{'s' if self.bits > 1 else ''} a sample"


def held_by_image(im: Image.Image) -> Held:
    """What a picture that Pillow opened holds. Raises whatever loading it does, and ValueError where it has no pixels.

    Pillow reads 8 bits of deeper colours (see `reads_less`); `held_by_file` has all of an `.inr` file's.
    """
    im.load()
    if im.mode in MODES or im.mode == "PA" or im.mode.startswith("I;16") or _fits_16_bits(im):
        pixels = from_image(im)
        mode, samples, palette = pixels.mode, pixels.array, pixels.palette
    else:
        mode, samples, palette = im.mode, np.asarray(im), None
    return _held(mode, samples, palette, im.info.get("icc_profile"), _orientation(im))


def held_by_file(data: bytes) -> Held:
    """What an `.inr` file holds. Raises inr_core.FormatError."""
    head = read_head(io.BytesIO(data))
    pixels, metadata = decode(data), head.metadata
    return _held(head.header.mode, pixels, head.palette, metadata.icc, orientation_of(metadata.exif) or 1)


def differences(a: Held, b: Held) -> list[str]:
    """In words, what two pictures do not have in common; none if they are the same."""
    found = []
    sizes = [f"{held.samples.shape[1]}x{held.samples.shape[0]}" for held in (a, b)]
    if sizes[0] != sizes[1]:
        found.append(f"sizes {sizes[0]} and {sizes[1]}")
    if a.mode != b.mode:
        found.append(f"modes {a.mode} and {b.mode}")
    elif a.bits != b.bits:
        found.append(f"{a.bits} and {b.bits} bits a sample")
    if not found and (a.samples != b.samples).any():
        found.append(_of_samples(a.samples, b.samples))
    if a.profile != b.profile:
        missing = [which for which, held in (("first", a), ("second", b)) if held.profile is None]
        found.append(f"the {missing[0]} has no ICC profile" if missing else "ICC profiles of other contents")
    if a.orientation != b.orientation:
        found.append(f"orientations {a.orientation} and {b.orientation}")
    return found


def stripped(held: Held) -> Held:
    """The same without what is metadata of it."""
    return replace(held, profile=None, orientation=1)


def reads_less(im: Image.Image) -> bool:
    """Whether a picture that is not loaded yet has 16 bits a sample in its file, of which Pillow reads 8.

    Where it says so: not with JPEG 2000 and AVIF.
    """
    if im.mode not in MODES or im.mode == "I;16" or im.format == "INR":
        return False
    arguments = [tile[3] for tile in getattr(im, "tile", [])]
    flat = [part for each in arguments for part in (each if isinstance(each, tuple) else (each,))]
    wide = im.format == "PPM" and any(isinstance(part, int) and part > 255 for part in flat)  # its largest value
    return wide or any(isinstance(part, str) and _DEEPER in part for part in flat)


def _held(mode: str, samples: NDArray[Any], palette: NDArray[Any] | None, profile: Any, orientation: int) -> Held:
    samples = samples.reshape(*samples.shape[:2], -1)
    if palette is not None:
        colours = np.full((len(palette), 4), _OPAQUE, np.uint8)
        colours[:, : palette.shape[1]] = palette
        samples = colours[samples[..., 0]]
    return Held(mode, samples, profile or None, orientation)


def _fits_16_bits(im: Image.Image) -> bool:
    if im.mode != "I":
        return False
    values = np.asarray(im)
    return 0 <= int(values.min()) <= int(values.max()) <= 65_535


def _orientation(im: Image.Image) -> int:
    """1 where there is none that can be read."""
    try:
        value = im.getexif().get(0x112, 1)
    except Exception:  # of whatever kind Pillow has for it
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _of_samples(a: NDArray[Any], b: NDArray[Any]) -> str:
    other = (a != b).any(2)
    y, x = (int(place) for place in np.unravel_index(int(other.argmax()), other.shape))
    apart = np.abs(a.astype(np.float64) - b).max()
    first = f"the first at {x},{y}: {_pixel(a[y, x])} and {_pixel(b[y, x])}"
    count = int(other.sum())
    return f"{count:,} of {other.size:,} pixels {'differs' if count == 1 else 'differ'}, by up to {apart:g}; {first}"


def _pixel(samples: NDArray[Any]) -> str:
    return ", ".join(f"{value:g}" for value in samples)
