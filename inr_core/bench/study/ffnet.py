"""Figure 4: SIREN against Fourier-feature networks over widths and depths, at equal steps.

Both are trained through 8-bit weights by one loop and decoded from their files. The Fourier-feature network has 256
random features of σ 16 and ReLU. Each has the rate that was the best of several in short trials of the middle shape;
the SIREN's falls with its width, as the format's does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import plots
from .conclusions import Conclusion, above, conclude, mean_gap
from .experiment import Count, Decibels, Picture, Plain, Scale, Seconds, Study
from .files import fit_file
from .fitting import TRIED_RATES, Schedule, best_rate, rgb_field, siren_rate
from .networks import FourierNetwork, Network, PlainSiren, parameters

WIDTHS = (0.5, 1.0, 2.0)  # of the scale's
DEPTHS = (4, 6, 8)
SIREN, FFNET = "siren", "ffnet"
NETWORKS: dict[str, Callable[[int, int], Network]] = {SIREN: PlainSiren, FFNET: FourierNetwork}
RATES = {SIREN: (1.0, 0.5, 0.25), FFNET: TRIED_RATES}  # of the format's for a SIREN of that width; of Adam


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
        rates = _rates(study, picture)
        for width in _widths(study.scale):
            for depth in DEPTHS:
                study.report.say(f"{picture.name}: fitting both, {depth} layers × {width}")
                for name, make in NETWORKS.items():
                    rate = rates[name] * _unit(name, width)
                    network = make(width, depth)
                    fitted = fit_file(picture.pixels, network, Schedule.of(study, rate))
                    numbers, size = parameters(network), len(fitted.data)
                    rows.add(Row(picture.name, name, width, depth, numbers, size, fitted.psnr, rate, fitted.seconds))
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


def _unit(name: str, width: int) -> float:
    """What the network's RATES are multiples of."""
    return siren_rate(width) if name == SIREN else 1.0


def _rates(study: Study, picture: Picture) -> dict[str, float]:
    """For each network that of RATES which fits the middle shape best."""
    width, depth = _widths(study.scale)[1], DEPTHS[1]
    schedule, field = Schedule.of(study, 0), rgb_field(picture.pixels)
    found = {}
    for name, make in NETWORKS.items():
        unit = _unit(name, width)
        best = best_rate(make(width, depth), field, schedule, [rate * unit for rate in RATES[name]])
        found[name] = best.rate / unit
    return found


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
    return fits + 0.7 * _widths(scale)[1] * DEPTHS[1]  # the trials
