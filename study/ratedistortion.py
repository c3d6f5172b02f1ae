"""Figures 8 and 9: rate–distortion on natural and on text pictures against JPEG, JPEG2000 and WebP.

Ours are the format's own choices at several qualities (today's networks, not the study's); the others' files are those
of the nearest size to each.
"""

from __future__ import annotations

from collections.abc import Sequence

from pillow_inr.bench.options import SIREN

from . import contest
from .conclusions import Conclusion, above, conclude, within
from .contest import OTHERS, Row
from .experiment import Scale, Study
from .fitting import fit_inr, run_options

QUALITIES = (5, 20, 40, 60, 80)
EQUAL_DB = 0.5  # "matches" means: at most so far apart
NEURONS = 1500  # the sum of width · (depth − 1) for QUALITIES on 512×512 pixels


def run(study: Study) -> None:
    """Ours at every quality, and the others beside each."""
    rows = study.rows("Rate and distortion", Row)
    for picture in study.pictures:
        for quality in QUALITIES:
            study.report.say(f"{picture.name}: fitting, quality {quality:g}")
            fitted = fit_inr(picture.pixels, {**run_options(study), "quality": float(quality)})
            setting = f"quality {quality:g}"
            ours = contest.row(picture, SIREN, setting, fitted.data, fitted.picture, fitted.seconds)
            for row in (ours, *(other for other, _ in contest.others(picture, len(fitted.data)))):
                rows.add(row)
    conclude(study, conclusions(rows))
    contest.plot(study, "Rate and distortion", rows)


def conclusions(rows: Sequence[Row]) -> list[Conclusion]:
    """Natural: it matches JPEG2000 and loses to WebP. Text: it beats all three."""
    found = []
    for name in dict.fromkeys(row.picture for row in rows):
        if contest.is_natural(rows, name):
            gap, measured = contest.gap(rows, name, SIREN, "JPEG2000")
            claim = f"natural: matches JPEG2000 (within {EQUAL_DB:g} dB at equal bytes)"
            found.append(within(claim, name, gap, EQUAL_DB, measured))
            ahead = contest.gap(rows, name, "WebP", SIREN)
            found.append(above("natural: loses to WebP at equal bytes", name, *ahead))
        else:
            found += [
                above(f"text: beats {other} at equal bytes", name, *contest.gap(rows, name, SIREN, other))
                for other in OTHERS
            ]
    return found


def neurons(scale: Scale) -> float:
    """Of all fits to a picture: the sum of width · (depth − 1)."""
    return float(NEURONS)
