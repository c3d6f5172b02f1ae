"""Figure 4: SIREN against Fourier-feature networks over widths and depths, at equal steps.

Both are trained through 8-bit weights and decoded from their files: ours an .inr, the other the study's own. The
Fourier-feature network has 256 random features of σ 16 and ReLU; its rate is the best of several short trials, while
the SIREN's is the format's, with the format's restarts: short trials favour rates at which it diverges later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import plots
from .conclusions import Conclusion, above, conclude, mean_gap
from .experiment import Count, Decibels, Picture, Plain, Scale, Seconds, Study
from .files import fit_file
from .fitting import Fitted, Schedule, best_rate, fit_inr, rgb_field, siren_options, siren_rate
from .networks import FourierNetwork, parameters

WIDTHS = (0.5, 1.0, 2.0)  # of the scale's
DEPTHS = (4, 6, 8)
SIREN, FFNET = "siren", "ffnet"


@dataclass(frozen=True)
class Row:
    """One network."""

    picture: str
    network: str
    width: int
    depth: int
    parameters: Count  # biases included, the random features not: they come from a seed
    bytes: Count
    psnr_db: Decibels
    rate: Plain
    fit_seconds: Seconds


def run(study: Study) -> None:
    """Both networks of every size."""
    rows = study.rows("SIREN and Fourier-feature networks, 8-bit weights", Row)
    for picture in study.pictures:
        first = FourierNetwork(_widths(study.scale)[1], DEPTHS[1])
        schedule = best_rate(first, rgb_field(picture.pixels), Schedule.of(study, 0))
        for width in _widths(study.scale):
            for depth in DEPTHS:
                for row in _pair(study, picture, width, depth, schedule):
                    rows.add(row)
    conclude(study, conclusions(rows))
    plots.lines(
        study.path(".png"),
        "SIREN against Fourier-feature networks",
        "parameters",
        "PSNR, dB",
        plots.panels(
            rows, lambda r: (r.picture, f"{r.network}, {r.depth} layers"), lambda r: (r.parameters, r.psnr_db)
        ),
        log_x=True,
        note=study.scaled_down,
    )


def _widths(scale: Scale) -> list[int]:
    return [max(1, round(share * scale.width)) for share in WIDTHS]


def _pair(study: Study, picture: Picture, width: int, depth: int, schedule: Schedule) -> list[Row]:
    study.report.say(f"{picture.name}: fitting both, {depth} layers × {width}")
    ours = fit_inr(picture.pixels, {**siren_options(study), "width": width, "depth": depth})
    network = FourierNetwork(width, depth)
    theirs = fit_file(picture.pixels, network, schedule)

    def row(name: str, fitted: Fitted, numbers: int, rate: float) -> Row:
        size = len(fitted.data)
        return Row(picture.name, name, width, depth, numbers, size, fitted.psnr, rate, fitted.seconds)

    biases = width * (depth - 1) + 3
    return [
        row(SIREN, ours, ours.numbers + biases, siren_rate(width)),
        row(FFNET, theirs, parameters(network), schedule.rate),
    ]


def conclusions(rows: Sequence[Row]) -> list[Conclusion]:
    """Fourier features lose to SIREN: at equal shape, and at equal bytes."""
    found = []
    for name in dict.fromkeys(row.picture for row in rows):
        mine = {(r.network, r.width, r.depth): r for r in rows if r.picture == name}
        shapes = [key[1:] for key in mine if key[0] == SIREN and (FFNET, *key[1:]) in mine]
        gaps = [mine[SIREN, *shape].psnr_db - mine[FFNET, *shape].psnr_db for shape in shapes]
        mean = sum(gaps) / len(gaps) if gaps else None
        measured = f"SIREN is ahead in {sum(gap > 0 for gap in gaps)} of {len(gaps)} shapes"
        found.append(above("Fourier features lose to SIREN of equal width and depth", name, mean, measured))
        curves = ([(r.bytes, r.psnr_db) for k, r in mine.items() if k[0] == n] for n in (SIREN, FFNET))
        found.append(above("Fourier features lose to SIREN at equal bytes", name, *mean_gap(*curves)))
    return found


def neurons(scale: Scale) -> float:
    """Of all fits to a picture: the sum of width · (depth − 1)."""
    fits = 2 * sum(_widths(scale)) * sum(depth - 1 for depth in DEPTHS)
    return fits + 0.4 * _widths(scale)[1] * DEPTHS[1]
