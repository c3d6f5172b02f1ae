"""What points add up to: BD-rates for each picture and their means, and what each codec costs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from inr_core.errors import InrError
from inr_core.metrics import bd_rate

from .metrics import PSNR, Metric
from .report import Cell

RATE_COLUMNS = {
    "metric": "",
    "codec": "",
    "against": "",
    "bd_rate_percent": "+.1f",
    "low": ".2f",
    "high": ".2f",
    "covered": ".0%",
}
BD_COLUMNS = {"picture": "", **RATE_COLUMNS, "note": ""}
MEAN_COLUMNS = {**RATE_COLUMNS, "pictures": "d", "of_pictures": "d"}
COST_COLUMNS = {
    "codec": "",
    "points": "d",
    "encode_s_per_mpx": ".3f",
    "encode_ratio": ",.1f",
    "decode_s_per_mpx": ".4f",
    "decode_ratio": ",.2f",
    "encode_peak_mb": ",.0f",
    "decode_peak_mb": ",.0f",
}

Row = Mapping[str, Cell]


@dataclass(frozen=True)
class Curve:
    """The rows of one picture and one codec, by increasing bytes."""

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, rows: Sequence[Row], picture: str, codec: str) -> Curve:
        """Those of `rows` that belong to it."""
        own = [row for row in rows if row["picture"] == picture and row["codec"] == codec]
        return cls(tuple(sorted(own, key=lambda row: number(row, "bytes"))))

    def scores(self, metric: Metric) -> list[tuple[Row, float]]:
        """Rows and where they stand on a metric's curve, of those that have its value and have lost something."""
        lossy = [row for row in self.rows if row["psnr_db"] is None or math.isfinite(number(row, "psnr_db"))]
        found = [(row, metric.curve(number(row, metric.column))) for row in lossy if row[metric.column] is not None]
        return [(row, score) for row, score in found if math.isfinite(score)]

    def lossy(self, metric: Metric) -> tuple[list[float], list[float]]:
        """Bits per pixel and scores, without points that lost nothing."""
        points = self.scores(metric)
        return [number(row, "bpp") for row, _ in points], [score for _, score in points]

    def knows(self, metric: Metric) -> bool:
        """Whether any of its points was measured by it."""
        return any(row[metric.column] is not None for row in self.rows)


def number(row: Row, column: str) -> float:
    """A cell that holds a number."""
    value = row[column]
    assert isinstance(value, (int, float)), f"{column}: {value!r}"
    return float(value)


def names(rows: Sequence[Row], column: str) -> list[str]:
    """The different values of a column, as they come."""
    return list(dict.fromkeys(str(row[column]) for row in rows))


def bd_rows(
    rows: Sequence[Row], ours: Sequence[str], others: Sequence[str], metrics: Sequence[Metric] = (PSNR,)
) -> list[dict[str, Cell]]:
    """For each metric, picture and opponent the bytes ours needs at an equal score, in per cent more or less.

    `low`, `high`: the scores that both reach, on the metric's curve; `covered`: their share of the opponent's. Where
    there is no figure, `note` says why. Pairs one of which was not measured by the metric have no row.
    """
    result: list[dict[str, Cell]] = []
    for metric, picture, codec, other in product(metrics, names(rows, "picture"), ours, others):
        reference, tested = Curve.of(rows, picture, other), Curve.of(rows, picture, codec)
        if not (reference.knows(metric) and tested.knows(metric)):
            continue
        row: dict[str, Cell] = {"picture": picture, "metric": metric.key, "codec": codec, "against": other}
        row |= dict.fromkeys([*BD_COLUMNS][4:])
        try:
            bd = bd_rate(*reference.lossy(metric), *tested.lossy(metric), metric.name, metric.unit)
        except InrError as e:
            message = str(e).removeprefix("BD-rate").lstrip(":, ")
            row["note"] = message.replace("curve a", other).replace("curve b", codec)
        else:
            row |= {"bd_rate_percent": bd.percent, "low": bd.low, "high": bd.high, "covered": bd.covered}
        result.append(row)
    return result


def bd_means(rows: Sequence[Row]) -> list[dict[str, Cell]]:
    """Of BD_COLUMNS, for each metric and pair of codecs: the mean of the pictures that have a figure.

    `low` and `high` are the lowest and the highest of theirs, `covered` is the mean.
    """
    result: list[dict[str, Cell]] = []
    columns = ("metric", "codec", "against")
    for key in dict.fromkeys(tuple(row[column] for column in columns) for row in rows):
        pairs = [row for row in rows if tuple(row[column] for column in columns) == key]
        counted = [row for row in pairs if row["bd_rate_percent"] is not None]
        mean: dict[str, Cell] = dict(zip(columns, key, strict=True))
        mean |= dict.fromkeys(("bd_rate_percent", "low", "high", "covered"))
        if counted:
            mean["bd_rate_percent"] = statistics.fmean(number(row, "bd_rate_percent") for row in counted)
            mean["low"] = min(number(row, "low") for row in counted)
            mean["high"] = max(number(row, "high") for row in counted)
            mean["covered"] = statistics.fmean(number(row, "covered") for row in counted)
        result.append({**mean, "pictures": len(counted), "of_pictures": len(pairs)})
    return result


def cost_rows(rows: Sequence[Row], reference: str | None) -> list[dict[str, Cell]]:
    """For each codec the median seconds a megapixel over its points, also against `reference`'s, and most memory."""
    result: list[dict[str, Cell]] = []
    for codec in names(rows, "codec"):
        own = [row for row in rows if row["codec"] == codec]
        cost: dict[str, Cell] = {"codec": codec, "points": len(own)}
        for action in ("encode", "decode"):
            cost[f"{action}_s_per_mpx"] = _seconds_per_mpx(own, action)
            base = [row for row in rows if row["codec"] == reference]
            cost[f"{action}_ratio"] = _seconds_per_mpx(own, action) / _seconds_per_mpx(base, action) if base else None
            peaks = [number(row, f"{action}_peak_mb") for row in own if row[f"{action}_peak_mb"] is not None]
            cost[f"{action}_peak_mb"] = max(peaks, default=None)
        result.append({name: cost[name] for name in COST_COLUMNS})
    return result


def _seconds_per_mpx(rows: Sequence[Row], action: str) -> float:
    return statistics.median(
        1e6 * number(row, f"{action}_seconds") / (number(row, "width") * number(row, "height")) for row in rows
    )
