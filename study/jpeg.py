"""Figure 3: JPEG's quality against PSNR and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from inr_core.metrics import bpp, psnr
from pillow_inr.bench.codecs import chosen, decode
from pillow_inr.bench.pictures import samples

from . import plots
from .conclusions import Conclusion, above, conclude, within
from .experiment import Bpp, Count, Decibels, Scale, Study

QUALITIES = (1, *range(5, 100, 5), 98, 100)
KNEE = 90  # above it, bytes buy little


@dataclass(frozen=True)
class Row:
    """One file."""

    picture: str
    quality: int
    bytes: Count
    bpp: Bpp
    psnr_db: Decibels


def run(study: Study) -> None:
    """Every quality of every picture."""
    rows = study.rows("JPEG's quality against PSNR and size", Row)
    (jpeg,) = chosen(["jpeg"])
    for picture in study.pictures:
        for quality in QUALITIES:
            data = jpeg.encode(picture.image, quality)
            rate = bpp(len(data), *picture.image.size)
            rows.add(Row(picture.name, quality, len(data), rate, psnr(picture.pixels, samples(decode(data)))))
    conclude(study, conclusions(rows))
    plots.lines(
        study.path(".png"),
        "JPEG: quality against PSNR (dB), and bits per pixel",
        "quality",
        "",
        plots.panels(rows, lambda r: ("PSNR, dB", r.picture), lambda r: (r.quality, r.psnr_db))
        | plots.panels(rows, lambda r: ("bits per pixel", r.picture), lambda r: (r.quality, r.bpp)),
        note=study.scaled_down,
    )


def conclusions(rows: Sequence[Row]) -> list[Conclusion]:
    """Both rise with quality, and the last steps cost the most bytes a dB."""
    found = []
    for name in dict.fromkeys(row.picture for row in rows):
        mine = [row for row in rows if row.picture == name]
        for what, values in (("size", [float(r.bytes) for r in mine]), ("PSNR", [r.psnr_db for r in mine])):
            falls = sum(after < before for before, after in pairwise(values))
            measured = f"{falls} of {len(values) - 1} steps fall"
            found.append(within(f"{what} rises with quality", name, float(falls), 0, measured, "falls"))
        low, knee, top = mine[0], next(r for r in mine if r.quality == KNEE), mine[-1]
        below, beyond = (_bytes_a_db(a, b) for a, b in ((low, knee), (knee, top)))
        measured = f"{below:,.0f} bytes a dB up to {KNEE}, {beyond:,.0f} beyond"
        found.append(
            above(f"a dB costs more beyond quality {KNEE} than below", name, beyond / below - 1, measured, "times")
        )
    return found


def _bytes_a_db(low: Row, high: Row) -> float:
    return (high.bytes - low.bytes) / max(high.psnr_db - low.psnr_db, 1e-9)


def neurons(scale: Scale) -> float:
    """Of all fits to a picture: the sum of width · (depth − 1)."""
    return 0.0  # nothing is fitted
