"""Figures 8 and 9: rate–distortion on natural and on text pictures against JPEG, JPEG2000 and WebP.

Ours are the format's own choices at several qualities (today's networks, not the study's); the others' files are those
of the nearest size to each.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...settings import Settings
from . import contest, plots
from .conclusions import Conclusion, above, conclude, shown, within
from .contest import OTHERS, Row
from .experiment import Scale, Study, cells
from .fitting import fit_inr, run_options

OURS = Settings.model
QUALITIES = (5, 20, 40, 60, 80)
EQUAL_DB = 0.5  # "matches" means: at most so far apart
NEURONS = 1500  # the sum of width · (depth − 1) for QUALITIES on 512×512 pixels


def run(study: Study) -> None:
    """Ours at every quality, and the others beside each."""
    table = study.table("Rate and distortion", contest.COLUMNS)
    rows: list[Row] = []
    for picture in study.pictures:
        for quality in QUALITIES:
            study.report.say(f"{picture.name}: fitting, quality {quality:g}")
            fitted = fit_inr(picture.pixels, {**run_options(study), "quality": float(quality)})
            setting = f"quality {quality:g}"
            ours = contest.row(picture, OURS, setting, fitted.data, fitted.picture, fitted.seconds)
            for row in (ours, *(other for other, _ in contest.others(picture, len(fitted.data)))):
                rows.append(row)
                study.report.add(table, cells(row))
    conclude(study, conclusions(rows))
    plots.lines(
        study.path(".png"),
        "Rate and distortion",
        "bits per pixel",
        "PSNR, dB",
        contest.panels(rows, (OURS, *OTHERS)),
        log_x=True,
        note=study.scaled_down,
    )


def conclusions(rows: Sequence[Row]) -> list[Conclusion]:
    """Natural: it matches JPEG2000 and loses to WebP. Text: it beats all three."""
    found = []
    for name in dict.fromkeys(row.picture for row in rows):
        gaps = {other: contest.gap(rows, name, OURS, other) for other in OTHERS}
        measured = {other: f"ours {shown(gap)}" for other, gap in gaps.items()}
        if contest.is_natural(rows, name):
            jpeg2000, webp = gaps["JPEG2000"], gaps["WebP"]
            claim = f"natural: matches JPEG2000 (within {EQUAL_DB:g} dB at equal bytes)"
            found.append(within(claim, name, jpeg2000, EQUAL_DB, measured["JPEG2000"]))
            behind = None if webp is None else -webp
            found.append(above("natural: loses to WebP at equal bytes", name, behind, measured["WebP"]))
        else:
            found += [
                above(f"text: beats {other} at equal bytes", name, gap, measured[other]) for other, gap in gaps.items()
            ]
    return found


def neurons(scale: Scale) -> float:
    """Of all fits to a picture: the sum of width · (depth − 1)."""
    return float(NEURONS)
