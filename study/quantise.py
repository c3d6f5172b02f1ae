"""Post-training quantisers (float16, range, distribution, k-means) and training through the quantiser, 4–10 bits."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from pillow_inr.bench import quantisation
from pillow_inr.bench.report import Cell

from . import plots
from .conclusions import Conclusion, above, conclude
from .experiment import Scale, Study
from .fitting import siren_options

BITS = (4, 5, 6, 7, 8, 9, 10)
LOSSLESS_DB = 0.5  # "nearly free" means: at most so much below the float network
CLAIM_BITS = 8  # the study's integers


def run(study: Study) -> None:
    """Every quantiser of every picture, on one float fit a picture, and one fit for each width of QAT."""
    options = {"quality": 75.0, "density": None, "post_bits": BITS, **siren_options(study), "bits": BITS}
    title = "Quantisers against the float network of the same run (loss: dB below float, rounded)"
    table = study.report.table(study.name, title, quantisation.COLUMNS)
    for picture in study.pictures:
        args = argparse.Namespace(**options)
        quantisation.measure(args, study.report, table, picture.name, picture.image, study.device)
    conclude(study, conclusions(table.rows))
    methods = dict.fromkeys(str(row["method"]) for row in table.rows if row["bits"])
    plots.lines(
        study.path(".png"),
        "Loss of quantising the weights",
        "bits of a weight",
        "dB above the float network",
        {
            p.name: {m: [(b, -loss) for b, loss in _losses(table.rows, p.name, m).items()] for m in methods}
            for p in study.pictures
        },
        note=study.scaled_down,
    )


def _losses(rows: Sequence[Mapping[str, Cell]], picture: str, method: str) -> dict[int, float]:
    """dB below float, by bits."""
    found = {}
    for row in rows:
        bits, loss = row["bits"], row["loss_db"]
        if (row["picture"], row["method"]) == (picture, method) and isinstance(bits, int) and isinstance(loss, float):
            found[bits] = loss
    return found


def conclusions(rows: Sequence[Mapping[str, Cell]]) -> list[Conclusion]:
    """Eight bits are enough with training through them; without, they are not, by whatever method."""
    found = []
    for name in dict.fromkeys(str(row["picture"]) for row in rows):
        after = {m: _losses(rows, name, m).get(CLAIM_BITS) for m in quantisation.AFTER_TRAINING}
        lost = {m: loss for m, loss in after.items() if loss is not None}
        half = _losses(rows, name, "float16").get(16)
        aware = _losses(rows, name, "qat").get(CLAIM_BITS)
        for what, loss in (("float16 after training", half), (f"training through {CLAIM_BITS} bits", aware)):
            if loss is not None:
                claim = f"{what} costs at most {LOSSLESS_DB:g} dB"
                found.append(above(claim, name, LOSSLESS_DB - loss, f"loss {loss:z.2f} dB"))
        if aware is not None and lost:
            best = min(lost, key=lambda m: lost[m])
            claim = f"training through {CLAIM_BITS} bits is better than rounding to them afterwards"
            measured = f"the best afterwards, {best}, loses {lost[best]:z.2f} dB"
            found.append(above(claim, name, lost[best] - aware, measured))
        if "kmeans" in lost and len(lost) > 1:
            rest = min(loss for m, loss in lost.items() if m != "kmeans")
            claim = f"k-means is the best of the quantisers after training at {CLAIM_BITS} bits"
            found.append(above(claim, name, rest - lost["kmeans"], f"k-means loses {lost['kmeans']:z.2f} dB"))
    return found


def neurons(scale: Scale) -> float:
    """Of all fits to a picture: the sum of width · (depth − 1)."""
    return (1 + len(BITS)) * scale.width * (scale.depth - 1)
