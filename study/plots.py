"""The plots and the crops that experiments leave as PNG."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw

from inr_core.errors import InrError
from pillow_inr.bench.pictures import Samples

R = TypeVar("R")
Point = tuple[float, float]
Series = Mapping[str, Sequence[Point]]

PANEL_INCHES, PANELS_A_ROW, NOTE_COLUMNS = (5.0, 4.2), 3, 80
CROP_SHARE, CROP_PIXELS, LABEL_PIXELS, GAP = 4, 256, 34, 6  # a crop is a quarter of the side, shown so large


def check() -> None:
    """InrError where matplotlib is missing: before an experiment, not after it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as e:
        raise InrError("the study's plots: expected matplotlib; install pillow-inr[bench]") from e


def panels(
    rows: Iterable[R], place: Callable[[R], tuple[str, str]], point: Callable[[R], Point]
) -> dict[str, dict[str, list[Point]]]:
    """The points of rows by their `place`: panel and series, each in the order in which they first come."""
    found: dict[str, dict[str, list[Point]]] = {}
    for row in rows:
        panel, series = place(row)
        found.setdefault(panel, {}).setdefault(series, []).append(point(row))
    return found


def lines(
    path: Path,
    title: str,
    x: str,
    y: str,
    panels: Mapping[str, Series],
    *,
    note: str,
    log_x: bool = False,
    ticks: Sequence[str] | None = None,
) -> None:
    """A PNG with a panel for each picture and a line for each series of (x, y).

    `ticks`: names of x = 0, 1, … `note`: what was scaled down.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    width, height = PANEL_INCHES
    columns = max(1, min(len(panels), PANELS_A_ROW))
    rows = max(1, math.ceil(len(panels) / columns))
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    figure.suptitle(title)
    for k, (name, series) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, columns, k + 1)
        for label, points in series.items():
            ordered = sorted((a, b) for a, b in points if np.isfinite(b))
            axes.plot([a for a, _ in ordered], [b for _, b in ordered], marker="o", markersize=3, label=label)
        axes.set(title=name, xlabel=x, ylabel=y)
        if log_x:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        if ticks:
            axes.set_xticks(range(len(ticks)), ticks, rotation=30)
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize="small")
    scaled = textwrap.wrap(f"Scaled down: {note}", NOTE_COLUMNS * columns)
    figure.supxlabel("\n".join(scaled), fontsize="x-small")
    figure.savefig(path, dpi=110)


def busiest(pixels: Samples) -> tuple[int, int, int]:
    """(left, top, side) of the square with the largest gradients, a quarter of the picture's side."""
    side = max(1, min(pixels.shape[:2]) // CROP_SHARE)
    grey = pixels.astype(np.float64).mean(2)
    energy = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    total = np.pad(energy, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    sums = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    return int(left), int(top), side


def crops(path: Path, rows: Sequence[Sequence[tuple[str, Samples]]]) -> None:
    """A PNG with a row of crops at equal place and size for each row of (label, pixels); the first is the original."""
    columns = max(map(len, rows))
    cell = CROP_PIXELS + GAP, CROP_PIXELS + LABEL_PIXELS + GAP
    sheet = Image.new("RGB", (columns * cell[0] + GAP, len(rows) * cell[1] + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for r, row in enumerate(rows):
        left, top, side = busiest(row[0][1])
        for c, (label, pixels) in enumerate(row):
            part = Image.fromarray(pixels[top : top + side, left : left + side])
            x, y = GAP + c * cell[0], GAP + r * cell[1]
            sheet.paste(part.resize((CROP_PIXELS, CROP_PIXELS), Image.Resampling.NEAREST), (x, y))
            draw.multiline_text((x, y + CROP_PIXELS + 2), label, fill="black")
    sheet.save(path)
