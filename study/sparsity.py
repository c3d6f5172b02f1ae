"""Figure 5: a small dense network, Feathermap, pruning and RigL, at sparsities from 50 to 95 %.

All are trained through 8-bit weights with equal steps and decoded from their files. At each sparsity all keep as many
numbers: Feathermap in the two factors of its matrix, the small dense network in its width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from inr_core.models import SirenShape

from . import plots
from .conclusions import Conclusion, above, conclude, mean_gap
from .experiment import Count, Decibels, Picture, Plain, Scale, Seconds, Study
from .files import fit_file
from .fitting import Fitted, Schedule, best_rate, fit_inr, rgb_field, siren_options
from .networks import Feathermap

SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
DENSE, SMALL, FEATHERMAP, PRUNING, RIGL = "dense", "small-dense", "feathermap", "pruning", "rigl"
ORDER = (RIGL, PRUNING, SMALL, FEATHERMAP)  # the study's, best first
CORE_NAMES = {PRUNING: "prune", RIGL: "rigl", SMALL: "small-dense"}
MODERATE_SPARSITY, MODERATE_DB = 0.8, 3.0  # "80 % of the weights go for a moderate loss": we call up to 3 dB moderate


@dataclass(frozen=True)
class Row:
    """One fit."""

    picture: str
    method: str
    sparsity: Plain
    numbers: Count  # stored, biases not counted
    bytes: Count
    psnr_db: Decibels
    fit_seconds: Seconds


def run(study: Study) -> None:
    """Every method at every sparsity."""
    rows = study.rows("Sparse networks, 8-bit weights", Row)
    for picture in study.pictures:
        rates: dict[str, Schedule] = {}
        for sparsity in (0.0, *SPARSITIES):
            for method in (DENSE,) if sparsity == 0 else ORDER:
                study.report.say(f"{picture.name}: fitting, {method}, sparsity {sparsity:g}")
                fitted = fit(study, picture, method, sparsity, rates)
                size, seconds = len(fitted.data), fitted.seconds
                rows.add(Row(picture.name, method, sparsity, fitted.numbers, size, fitted.psnr, seconds))
    conclude(study, conclusions(rows))
    plots.lines(
        study.path(".png"),
        "Sparse networks",
        "sparsity",
        "PSNR, dB",
        plots.panels(rows, lambda r: (r.picture, r.method), lambda r: (r.sparsity, r.psnr_db)),
        note=study.scaled_down,
    )


def fit(study: Study, picture: Picture, method: str, sparsity: float, rates: dict[str, Schedule]) -> Fitted:
    """One fit; `rates` keeps a picture's learning rate for Feathermap, tried once."""
    density = round(1 - sparsity, 6)
    if method != FEATHERMAP:
        options: Mapping[str, object] = {"density": density}
        if method != DENSE:
            options = {**options, "sparsity": CORE_NAMES[method]}
        return fit_inr(picture.pixels, {**siren_options(study), **options})
    scale = study.scale
    numbers = round(density * SirenShape(scale.width, scale.depth).macs(3))
    network = Feathermap.of_size(scale.width, scale.depth, numbers)
    if method not in rates:
        rates[method] = best_rate(network, rgb_field(picture.pixels), Schedule.of(study, 0))
    return fit_file(picture.pixels, network, rates[method])


def conclusions(rows: Sequence[Row]) -> list[Conclusion]:
    """The order of the methods at equal numbers, the first of them at equal bytes, and the loss at 80 %."""
    found = []
    for name in dict.fromkeys(row.picture for row in rows):
        at = {(r.method, r.sparsity): r.psnr_db for r in rows if r.picture == name}
        for better, worse in pairwise(ORDER):
            gaps = [at[better, s] - at[worse, s] for m, s in at if m == better and (worse, s) in at]
            mean = sum(gaps) / len(gaps) if gaps else None
            measured = f"ahead at {sum(gap > 0 for gap in gaps)} of {len(gaps)} sparsities"
            found.append(above(f"{better} is better than {worse}", name, mean, measured))
        curves = ([(r.bytes, r.psnr_db) for r in rows if (r.picture, r.method) == (name, m)] for m in (RIGL, SMALL))
        claim = f"{RIGL} is better than {SMALL} at equal bytes, masks included (ours, not the study's)"
        found.append(above(claim, name, *mean_gap(*curves)))
        dense, sparse = at.get((DENSE, 0.0)), at.get((RIGL, MODERATE_SPARSITY))
        if dense is not None and sparse is not None:
            loss = dense - sparse
            claim = f"{RIGL} loses at most {MODERATE_DB:g} dB at a sparsity of {MODERATE_SPARSITY:g}"
            found.append(above(claim, name, MODERATE_DB - loss, f"loss {loss:.2f} dB"))
    return found


def neurons(scale: Scale) -> float:
    """Of all fits to a picture: the sum of width · (depth − 1)."""
    equal = 1 + len(SPARSITIES) * 3 + 0.4
    small = sum(sqrt(1 - sparsity) for sparsity in SPARSITIES)
    return scale.width * (scale.depth - 1) * (equal + small)
