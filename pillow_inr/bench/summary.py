"""What points add up to: BD-rates for each picture and their means, and what each codec costs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inr_core.errors import InrError
from inr_core.metrics import bd_rate

from .report import Cell

RATE_COLUMNS = {
    "codec": "",
    "against": "",
    "bd_rate_percent": "+.1f",
    "low_db": ".2f",
    "high_db": ".2f",
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

    def lossy(self) -> tuple[list[float], list[float]]:
        """Bits per pixel and dB, without points that lost nothing."""
        points = [(number(row, "bpp"), number(row, "psnr_db")) for row in self.rows]
        finite = [point for point in points if math.isfinite(point[1])]
        return [rate for rate, _ in finite], [db for _, db in finite]


def number(row: Row, column: str) -> float:
    """A cell that holds a number."""
    value = row[column]
    assert isinstance(value, (int, float)), f"{column}: {value!r}"
    return float(value)


def names(rows: Sequence[Row], column: str) -> list[str]:
    """The different values of a column, as they come."""
    return list(dict.fromkeys(str(row[column]) for row in rows))


def bd_rows(rows: Sequence[Row], ours: Sequence[str], others: Sequence[str]) -> list[dict[str, Cell]]:
    """For each picture and opponent the bytes ours needs at equal PSNR, in per cent more or less.

    `covered` is the share of the opponent's PSNR range that both reach. Where there is no figure, `note` says why.
    """
    result: list[dict[str, Cell]] = []
    for picture in names(rows, "picture"):
        for codec in ours:
            for other in others:
                row: dict[str, Cell] = {"picture": picture, "codec": codec, "against": other}
                row |= dict.fromkeys([*BD_COLUMNS][3:])
                reference, tested = Curve.of(rows, picture, other), Curve.of(rows, picture, codec)
                if not reference.rows or not tested.rows:
                    continue
                try:
                    bd = bd_rate(*reference.lossy(), *tested.lossy())
                except InrError as e:
                    message = str(e).removeprefix("BD-rate").lstrip(":, ")
                    row["note"] = message.replace("curve a", other).replace("curve b", codec)
                else:
                    row |= {"bd_rate_percent": bd.percent, "low_db": bd.low_db, "high_db": bd.high_db}
                    row["covered"] = bd.covered
                result.append(row)
    return result


def bd_means(rows: Sequence[Row]) -> list[dict[str, Cell]]:
    """Of BD_COLUMNS, for each pair of codecs: the mean of the pictures that have a figure.

    `low_db` and `high_db` are the lowest and the highest of theirs, `covered` is the mean.
    """
    result: list[dict[str, Cell]] = []
    for codec, against in dict.fromkeys((row["codec"], row["against"]) for row in rows):
        pairs = [row for row in rows if (row["codec"], row["against"]) == (codec, against)]
        counted = [row for row in pairs if row["bd_rate_percent"] is not None]
        mean: dict[str, Cell] = {"codec": codec, "against": against}
        mean |= dict.fromkeys(("bd_rate_percent", "low_db", "high_db", "covered"))
        if counted:
            mean["bd_rate_percent"] = statistics.fmean(number(row, "bd_rate_percent") for row in counted)
            mean["low_db"] = min(number(row, "low_db") for row in counted)
            mean["high_db"] = max(number(row, "high_db") for row in counted)
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
