"""Beside files of ours, those of JPEG, JPEG2000 and WebP of the nearest size, and how far apart the curves are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from inr_core.metrics import bpp, ms_ssim, psnr
from pillow_inr.bench.codecs import chosen, decode, nearest_size
from pillow_inr.bench.pictures import Samples, samples

from . import plots
from .conclusions import Curve, mean_gap
from .experiment import NATURAL, Bpp, Count, Decibels, Picture, Study

CODECS = chosen(("jpeg", "jpeg2000", "webp"))
OTHERS = tuple(codec.name for codec in CODECS)
SSIM_SIDE = 11  # below it MS-SSIM has no window


@dataclass(frozen=True)
class Row:
    """One file."""

    picture: str
    kind: str
    method: str
    setting: str
    bytes: Count
    bpp: Bpp
    psnr_db: Decibels
    ms_ssim: Annotated[float | None, ".4f"]
    fit_seconds: Annotated[float | None, ".1f"]


def row(picture: Picture, method: str, setting: str, data: bytes, decoded: Samples, seconds: float | None) -> Row:
    """What a file of a picture has come to."""
    height, width = picture.pixels.shape[:2]
    similarity = ms_ssim(picture.pixels, decoded) if min(height, width) >= SSIM_SIDE else None
    rate, decibels = bpp(len(data), width, height), psnr(picture.pixels, decoded)
    return Row(picture.name, picture.kind, method, setting, len(data), rate, decibels, similarity, seconds)


def others(picture: Picture, target: int) -> Iterator[tuple[Row, Samples]]:
    """The other formats' files nearest to `target` bytes, and what they decode to."""
    for codec in CODECS:
        setting, data = nearest_size(partial(codec.encode, picture.image), codec.low, codec.high, target)
        decoded = samples(decode(data))
        yield row(picture, codec.name, codec.label(setting), data, decoded, None), decoded


def curve(rows: Sequence[Row], picture: str, method: str) -> Curve:
    """(bytes, dB) of a method's files."""
    return [(r.bytes, r.psnr_db) for r in rows if (r.picture, r.method) == (picture, method)]


def gap(rows: Sequence[Row], picture: str, method: str, other: str) -> tuple[float | None, str]:
    """Mean dB that a method is above another at equal bytes, and over which."""
    return mean_gap(curve(rows, picture, method), curve(rows, picture, other))


def plot(study: Study, title: str, rows: Sequence[Row]) -> None:
    """Bits per pixel against dB, a panel a picture."""
    panels = plots.panels(rows, lambda r: (f"{r.picture} ({r.kind})", r.method), lambda r: (r.bpp, r.psnr_db))
    note = study.scaled_down
    plots.lines(study.path(".png"), title, "bits per pixel", "PSNR, dB", panels, log_x=True, note=note)


def is_natural(rows: Sequence[Row], picture: str) -> bool:
    """What kind of picture it is."""
    return next(r.kind for r in rows if r.picture == picture) == NATURAL
