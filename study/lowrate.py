"""Figure 6: RigL networks of 90 and 95 % sparsity with 8-bit weights at low rates, with crops.

Several widths make a curve. Beside them stand dense networks of as many weights as the 90 % ones keep, and the other
formats at the nearest sizes to those.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from pillow_inr.bench.pictures import Samples

from . import contest, plots
from .conclusions import Conclusion, above, conclude
from .contest import Row
from .experiment import Picture, Scale, Study
from .fitting import fit_inr, siren_options

WIDTHS = (0.5, 0.75, 1.0, 1.5)  # of the scale's
CROPPED = 1.0  # the width whose crops are shown
DENSE, SPARSE_90, SPARSE_95 = "small dense", "90 % sparse", "95 % sparse"
OPTIONS: dict[str, dict[str, object]] = {
    SPARSE_90: {"density": 0.1, "sparsity": "rigl"},
    SPARSE_95: {"density": 0.05, "sparsity": "rigl"},
    DENSE: {"density": 0.1, "sparsity": "small-dense"},
}


def run(study: Study) -> None:
    """The three networks at every width, and the other formats."""
    rows = study.rows("Sparse networks at low rates, 8-bit weights", Row)
    sheet = []
    for picture in study.pictures:
        shown_crops: list[tuple[str, Samples]] = [(picture.name, picture.pixels)]
        for share in WIDTHS:
            for row, decoded in _files(study, picture, max(4, round(share * study.scale.width))):
                rows.add(row)
                if share == CROPPED:
                    shown_crops.append((f"{row.method}, {row.bytes:,} bytes\n{row.psnr_db:.2f} dB", decoded))
        sheet.append(shown_crops)
    conclude(study, conclusions(rows))
    plots.crops(study.path("-crops.png"), sheet)
    contest.plot(study, "Sparse 8-bit networks at low rates", rows)


def _files(study: Study, picture: Picture, width: int) -> list[tuple[Row, Samples]]:
    files = []
    target = 0
    for method, options in OPTIONS.items():
        study.report.say(f"{picture.name}: fitting, {method}, of width {width}")
        fitted = fit_inr(picture.pixels, {**siren_options(study), "width": width, **options})
        target = target or len(fitted.data)
        row = contest.row(picture, method, f"of width {width}", fitted.data, fitted.picture, fitted.seconds)
        files.append((row, fitted.picture))
    return [*files, *contest.others(picture, target)]


def conclusions(rows: Sequence[Row]) -> list[Conclusion]:
    """Sparse networks are the better ones at low rates, than small dense ones and than JPEG."""
    found = []
    for name in dict.fromkeys(row.picture for row in rows):
        for sparse, other in ((SPARSE_90, DENSE), (SPARSE_95, DENSE), (SPARSE_90, "JPEG"), (SPARSE_95, "JPEG")):
            claim = f"{sparse} with 8 bits is better than {other} at equal bytes"
            found.append(above(claim, name, *contest.gap(rows, name, sparse, other)))
    return found


def neurons(scale: Scale) -> float:
    """Of all fits to a picture: the sum of width · (depth − 1)."""
    return sum(WIDTHS) * scale.width * (scale.depth - 1) * (2 + sqrt(0.1))
