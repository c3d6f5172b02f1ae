"""Figure 10: pictures at 80 and 150 times smaller than their samples, with crops, beside the other formats.

Ours is fitted to the size; the others' files are those nearest to it. Where that is not near, as of a format's smallest
one, the comparison says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from pillow_inr.bench.options import SIREN
from pillow_inr.bench.pictures import Samples

from . import contest, plots
from .conclusions import Conclusion, above, conclude, within
from .contest import Row
from .experiment import Scale, Study
from .fitting import fit_inr, run_options

RATIOS = (80, 150)
EQUAL_DB = 0.5  # "matches" means: at most so far apart
SIZE_TOLERANCE = 0.1  # a file more than this above or below our size is not at our ratio
NEURONS = 470  # the sum of width · (depth − 1) of both fits, on 512×512 pixels


def run(study: Study) -> None:
    """Every ratio of every picture, and a row of crops for each."""
    rows = study.rows("At 80 and 150 times", Row)
    sheet = []
    for picture in study.pictures:
        for ratio in RATIOS:
            study.report.say(f"{picture.name}: fitting, {ratio}×")
            target = picture.pixels.size // ratio
            fitted = fit_inr(picture.pixels, {**run_options(study), "target_size": target})
            ours = contest.row(picture, SIREN, f"{ratio}×", fitted.data, fitted.picture, fitted.seconds)
            files = [(ours, fitted.picture), *contest.others(picture, len(fitted.data))]
            for row, _ in files:
                rows.add(row)
            row_of_crops: list[tuple[str, Samples]] = [(f"{picture.name}, {ratio} times", picture.pixels)]
            row_of_crops += [(f"{r.method}, {r.bytes:,} bytes\n{r.psnr_db:.2f} dB", pixels) for r, pixels in files]
            sheet.append(row_of_crops)
    conclude(study, conclusions(rows))
    plots.crops(study.path("-crops.png"), sheet)
    contest.plot(study, "At 80 and 150 times", rows)


def conclusions(rows: Sequence[Row]) -> list[Conclusion]:
    """The claims of figures 8 and 9 at these two sizes. Rows come as ours, then the others beside it."""
    found: list[Conclusion] = []
    ours = None
    for row in rows:
        if row.method == SIREN:
            ours = row
            continue
        assert ours is not None
        natural = contest.is_natural(rows, row.picture)
        ahead = ours.psnr_db - row.psnr_db
        measured = f"ours {ours.psnr_db:.2f} dB, {row.method} {row.psnr_db:.2f} dB"
        share = row.bytes / ours.bytes
        other_size = abs(share - 1) > SIZE_TOLERANCE
        if other_size:
            measured += f" with {share:.2f} times the bytes"
        gap = None if other_size and (ahead <= 0) == (share > 1) else ahead  # a lead with more bytes says nothing
        where = f"{row.picture}, {ours.setting}"
        if natural and row.method == "JPEG2000":
            found.append(within("natural: matches JPEG2000", where, gap, EQUAL_DB, measured))
        elif natural and row.method == "WebP":
            found.append(above("natural: loses to WebP", where, None if gap is None else -gap, measured))
        else:
            kind = "natural" if natural else "text"
            found.append(above(f"{kind}: beats {row.method}", where, gap, measured))
    return found


def neurons(scale: Scale) -> float:
    """Of all fits to a picture: the sum of width · (depth − 1)."""
    return float(NEURONS)
