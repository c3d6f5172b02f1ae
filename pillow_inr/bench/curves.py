"""Rate–distortion curves as inline SVG, coloured by the style sheet of the page they stand in."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 560, 400
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 12, 48  # margins of the plot inside the drawing
RADIUS = 4.2  # of a marker
TICKS = 7  # about so many on the linear axis
SHAPES = ("circle", "square", "up", "diamond", "down", "cross", "plus", "bar", "right", "left")
_POLYGONS = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "up": ((0, -1.2), (1.15, 0.9), (-1.15, 0.9)),
    "down": ((0, 1.2), (1.15, -0.9), (-1.15, -0.9)),
    "right": ((1.2, 0), (-0.9, 1.15), (-0.9, -1.15)),
    "left": ((-1.2, 0), (0.9, 1.15), (0.9, -1.15)),
    "diamond": ((0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)),
    "bar": ((-0.5, -1.3), (0.5, -1.3), (0.5, 1.3), (-0.5, 1.3)),
}
_STROKES = {"cross": "M-1-1L1 1M-1 1L1-1", "plus": "M-1.3 0H1.3M0-1.3V1.3"}


@dataclass(frozen=True)
class Series:
    """One curve: its name, its place among the colours and shapes, and (x, y, what its tooltip says)."""

    name: str
    index: int
    points: tuple[tuple[float, float, str], ...]  # by increasing x, all finite, x above 0


@dataclass(frozen=True)
class Axis:
    """Data from `low` to `high` over pixels from `begin` to `end`."""

    low: float
    high: float
    begin: float
    end: float
    log: bool

    def __call__(self, value: float) -> float:
        """Where a value stands."""
        low, high, at = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.begin + (at - low) / (high - low) * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """Round values inside the range: 1, 2, 5 times powers of ten, as positions or, linearly, as steps."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            return [v for d in decades for v in (10.0**d, 2 * 10.0**d, 5 * 10.0**d) if self.low <= v <= self.high]
        rough = (self.high - self.low) / TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
        first = math.ceil(self.low / step)
        return [k * step for k in range(first, math.floor(self.high / step) + 1)]


def marker(index: int, x: float, y: float, tip: str = "") -> str:
    """The sign of a series at a place."""
    shape = SHAPES[index % len(SHAPES)]
    title = f"<title>{html.escape(tip)}</title>" if tip else ""
    if shape == "circle":
        return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}">{title}</circle>'
    if shape in _STROKES:
        place = f'transform="translate({x:.1f} {y:.1f}) scale({RADIUS})"'
        return f'<path class="mark open" {place} d="{_STROKES[shape]}">{title}</path>'
    corners = " ".join(f"{x + RADIUS * dx:.1f},{y + RADIUS * dy:.1f}" for dx, dy in _POLYGONS[shape])
    return f'<polygon class="mark" points="{corners}">{title}</polygon>'


def legend(series: Sequence[Series]) -> str:
    """Names beside their signs."""
    items = [
        f'<li class="s{s.index}"><svg viewBox="0 0 30 12" width="30" height="12" aria-hidden="true">'
        f'<path class="line" d="M1 6H29"/>{marker(s.index, 15, 6)}</svg>{html.escape(s.name)}</li>'
        for s in series
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'


def chart(series: Sequence[Series], x_title: str, y_title: str, description: str) -> str:
    """All curves over one logarithmic x axis; nothing where no curve has a point."""
    points = [point for s in series for point in s.points]
    if not points:
        return ""
    xs, ys = [x for x, _, _ in points], [y for _, y, _ in points]
    low, high = min(ys), max(ys)
    pad = 0.04 * (high - low) or 1.0
    x_axis = Axis(min(xs) / 1.12, max(xs) * 1.12, LEFT, WIDTH - RIGHT, log=True)
    y_axis = Axis(low - pad, high + pad, HEIGHT - BOTTOM, TOP, log=False)
    parts = [*_grid(x_axis, y_axis), *_titles(x_title, y_title)]
    parts += [_curve(s, x_axis, y_axis) for s in reversed(series)]  # the first, ours, on top
    label = html.escape(description, quote=True)
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _curve(series: Series, x_axis: Axis, y_axis: Axis) -> str:
    places = [(x_axis(x), y_axis(y), tip) for x, y, tip in series.points]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in places)
    path = f'<path class="line" d="M{line}"/>' if len(places) > 1 else ""
    return f'<g class="s{series.index}">{path}{"".join(marker(series.index, *place) for place in places)}</g>'


def _grid(x_axis: Axis, y_axis: Axis) -> list[str]:
    parts = []
    for value in x_axis.ticks():
        x = x_axis(value)
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{value:g}</text>')
    for value in y_axis.ticks():
        y = y_axis(value)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    parts.append(f'<path class="frame" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    return parts


def _titles(x_title: str, y_title: str) -> list[str]:
    x, y = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    x_text, y_text = html.escape(x_title), html.escape(y_title)
    return [
        f'<text class="title" x="{x:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{x_text}</text>',
        f'<text class="title" transform="translate(14 {y:.0f}) rotate(-90)" text-anchor="middle">{y_text}</text>',
    ]
