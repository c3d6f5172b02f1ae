"""Figure 3: JPEG's quality against PSNR and size."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ...metrics import bpp, psnr
from ..codecs import chosen, decode
from ..pictures import samples
from . import plots
from .conclusions import Conclusion, above, conclude, within
from .experiment import Scale, Study, cells

QUALITIES = (1, *range(5, 100, 5), 98, 100)
KNEE = 90  # above it, bytes buy little
COLUMNS = {"picture": "", "quality": "d", "bytes": ",d", "bpp": ".3f", "psnr_db": ".2f"}


@dataclass(frozen=True)
class Row:
    """One file."""

    picture: str
    quality: int
    bytes: int
    bpp: float
    psnr_db: float


def run(study: Study) -> None:
    """Every quality of every picture."""
    table = study.table("JPEG's quality against PSNR and size", COLUMNS)
    (jpeg,) = chosen(["jpeg"])
    rows = []
    for picture in study.pictures:
        for quality in QUALITIES:
            data = jpeg.encode(picture.image, quality)
            rate = bpp(len(data), *picture.image.size)
            rows.append(Row(picture.name, quality, len(data), rate, psnr(picture.pixels, samples(decode(data)))))
            study.report.add(table, cells(rows[-1]))
    conclude(study, conclusions(rows))
    plots.lines(
        study.path(".png"),
        "JPEG: quality against PSNR (dB), and bits per pixel",
        "quality",
        "",
        {
            what: {
                p.name: [(r.quality, getattr(r, field)) for r in rows if r.picture == p.name] for p in study.pictures
            }
            for what, field in (("PSNR, dB", "psnr_db"), ("bits per pixel", "bpp"))
        },
        note=study.scaled_down,
    )


def conclusions(rows: list[Row]) -> list[Conclusion]:
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
