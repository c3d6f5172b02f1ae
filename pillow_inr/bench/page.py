"""The rate–distortion report as one HTML file that needs nothing else: no script, no font, no picture beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from .codecs import HOW
from .crops import Comparison, Crop
from .curves import Series, chart, legend
from .metrics import METRICS, PSNR, Metric
from .page_style import STYLE
from .points import RD_COLUMNS
from .report import Cell
from .summary import Curve, Row, names, number

LEDE = """Each picture, written by every format at several settings and read again. A curve further up and to the left
is better: more of the picture for fewer bytes."""
BD_RATE = """The bytes it needs for the score of the other format: −10% is a tenth fewer, +100% twice as many. Below
each stand the scores over which both curves run and their share of the other's. The mean is of the pictures with a
figure."""
METHOD = """Every point is a real file, written and read again through Pillow: bytes are those on disk, PSNR is from the
mean squared error over all channels of the decoded 8-bit RGB picture, MS-SSIM is the mean of the three channels (as a
curve −10·log₁₀(1 − MS-SSIM), in dB), SSIMULACRA2, where it is asked for, is as the Python package of that name has it:
90 is as good as the original, 70 good, 50 middling. Transparent parts are over white. BD-rate: the difference of bytes
at an equal score, logarithm of the rate interpolated by PCHIP, over the range that both curves reach, without points
that are no better for more bytes or lost nothing. Each encode and each decode runs in a fresh process; seconds are the
median of up to five runs without imports, or one run where that takes over a second; peak memory is the most the
process had resident, interpreter, picture and libraries included. Threads are as each library chooses, or for ours as
the settings say. Published points are from tables of others: bits a pixel and PSNR."""
UNITS = {metric.key: metric.unit for metric in METRICS}


@dataclass(frozen=True)
class Results:
    """Everything the page shows."""

    ours: Sequence[str]  # codec names; the curves' order and colours are ours, then the others
    others: Sequence[str]
    metrics: Sequence[Metric]
    rows: Sequence[Row]  # of points.RD_COLUMNS
    bd: Sequence[Row]  # of summary.BD_COLUMNS
    means: Sequence[Row]  # of summary.MEAN_COLUMNS
    costs: Sequence[Row]  # of summary.COST_COLUMNS
    comparisons: Sequence[Comparison]
    notes: Sequence[str]
    about: Sequence[str]  # lines on versions, settings and machine
    complete: bool


def page(results: Results) -> str:
    """The whole document."""
    title = f"{', '.join(results.ours)} against {', '.join(results.others) or 'nothing'}"
    parts = [f"<h1>{escape(title)}</h1><p>{escape(LEDE)}</p>"]
    if not results.complete:
        parts.append('<p class="warning">Unfinished: this is what was measured so far. The same command goes on.</p>')
    parts += [f'<p class="warning">{escape(note)}</p>' for note in results.notes]
    parts += [_bd_tables(results, codec) for codec in results.ours]
    parts.append(_costs(results))
    parts += [_picture(results, name) for name in names(results.rows, "picture")]
    parts.append(f"<h2>How this was measured</h2><p>{escape(METHOD)} {escape(HOW)}</p>")
    parts += [f'<p class="faint">{escape(line)}</p>' for line in results.about]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _bd_tables(results: Results, codec: str) -> str:
    """By each metric, the means of all of them first."""
    metrics = [m for m in results.metrics if any(r["metric"] == m.key and r["codec"] == codec for r in results.bd)]
    if not metrics:
        return ""
    means = [row for row in results.means if row["codec"] == codec]
    parts = [f"<h2>BD-rate of {escape(codec)}</h2><p>{escape(BD_RATE)}</p>"]
    if len(metrics) > 1:
        lines = {f"by {m.name}": [row for row in means if row["metric"] == m.key] for m in metrics}
        parts.append(_bd_table(names(means, "against"), lines))
    for metric in metrics:
        own = [row for row in results.bd if row["metric"] == metric.key and row["codec"] == codec]
        mean = [row for row in means if row["metric"] == metric.key]
        lines = {name: [row for row in own if row["picture"] == name] for name in names(own, "picture")}
        heading = f"<h3>At equal {escape(metric.name)}</h3>" if len(metrics) > 1 else ""
        parts.append(heading + _bd_table(names(mean, "against"), {**lines, "mean": mean}))
    return "".join(parts)


def _bd_table(others: Sequence[str], lines: Mapping[str, Sequence[Row]]) -> str:
    """A column for each opponent, a line for each name; the one called mean is set apart."""
    body = []
    for name, rows in lines.items():
        found = {str(row["against"]): row for row in rows}
        mark = ' class="mean"' if name == "mean" else ""
        body.append(
            f'<tr{mark}><th class="word">{escape(name)}</th>{"".join(_bd_cell(found.get(o)) for o in others)}</tr>'
        )
    heads = "".join(f"<th>against {escape(other)}</th>" for other in others)
    table = f"<thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(body)}</tbody>"
    return f'<div class="wide"><table>{table}</table></div>'


def _bd_cell(row: Row | None) -> str:
    if row is None:
        return "<td>–</td>"
    if row["bd_rate_percent"] is None:
        return f'<td class="why">{escape(str(row.get("note") or "–"))}</td>'
    percent = number(row, "bd_rate_percent")
    unit = UNITS[str(row["metric"])]
    span = f"{number(row, 'low'):.1f} … {number(row, 'high'):.1f}{unit and ' ' + unit}, {number(row, 'covered'):.0%}"
    if "pictures" in row and row["pictures"] != row["of_pictures"]:
        span += f", {row['pictures']} of {row['of_pictures']} pictures"
    return f'<td class="{"good" if percent < 0 else "bad"}">{_signed(percent)}%<small>{span}</small></td>'


def _signed(percent: float) -> str:
    return f"{percent:+,.1f}".replace("-", "−")


def _costs(results: Results) -> str:
    heads = {
        "codec": "",
        "points": "files",
        "encode_s_per_mpx": "encode, s per megapixel",
        "encode_ratio": "ratio",
        "decode_s_per_mpx": "decode, s per megapixel",
        "decode_ratio": "ratio",
        "encode_peak_mb": "encode, peak MB",
        "decode_peak_mb": "decode, peak MB",
    }
    formats = {"encode_s_per_mpx": ".3g", "decode_s_per_mpx": ".3g", "encode_ratio": ",.1f", "decode_ratio": ",.1f"}
    against = f" Ratios are to {escape(results.others[0])}." if results.others else ""
    table = _table(list(heads), list(heads.values()), results.costs, {**dict.fromkeys(heads, ",.0f"), **formats})
    return f"<h2>Time and memory</h2><p>Medians of all files below; memory is the largest of them.{against}</p>{table}"


def _picture(results: Results, name: str) -> str:
    rows = [row for row in results.rows if row["picture"] == name]
    order = [codec for codec in [*results.ours, *results.others] if any(row["codec"] == codec for row in rows)]
    places = {codec: index for index, codec in enumerate([*results.ours, *results.others])}
    charts = ""
    curves: list[Series] = []
    for metric in results.metrics:
        curves = [Series(codec, places[codec], _curve(rows, name, codec, metric)) for codec in order]
        about = f"{name}: {metric.name} over bits per pixel, a curve for each codec"
        charts += chart(curves, "bits per pixel (logarithmic)", metric.title, about)
    size = f"{rows[0]['width']} × {rows[0]['height']} pixels"
    parts = [f"<h2>{escape(name)}</h2>", f'<p class="faint">{size}</p>', legend(curves)]
    parts.append(f'<div class="charts">{charts}</div>')
    parts += [_crops(c) for c in results.comparisons if c.picture == name]
    parts.append(_points(rows, order, results.metrics))
    return "\n".join(parts)


def _curve(rows: Sequence[Row], picture: str, codec: str, metric: Metric) -> tuple[tuple[float, float, str], ...]:
    scores = Curve.of(rows, picture, codec).scores(metric)
    return tuple(
        (number(row, "bpp"), score, f"{row['codec']}, {row['setting']}: {_figures(row)}") for row, score in scores
    )


def _figures(row: Row) -> str:
    """Size and every metric that was measured."""
    scores = [metric.shown(number(row, metric.column)) for metric in METRICS if row[metric.column] is not None]
    return ", ".join([f"{number(row, 'bytes'):,.0f} bytes", f"{number(row, 'bpp'):.3f} bpp", *scores])


def _crops(comparison: Comparison) -> str:
    left, top, right, bottom = comparison.box
    place = f"{comparison.why}, {right - left} × {bottom - top} pixels at ({left}, {top})"
    figures = "".join(_figure(crop) for crop in comparison.crops)
    return f'<h3>At equal size <span class="faint">{place}</span></h3><div class="crops">{figures}</div>'


def _figure(crop: Crop) -> str:
    name, text = "original", ""
    if crop.row is not None:
        name, text = f"{crop.row['codec']}", f", {crop.row['setting']}<br>{escape(_figures(crop.row))}"
    data = base64.b64encode(crop.png).decode()
    image = f'<img src="data:image/png;base64,{data}" alt="{escape(name, quote=True)}">'
    return f"<figure>{image}<figcaption><strong>{escape(name)}</strong>{text}</figcaption></figure>"


def _points(rows: Sequence[Row], order: Sequence[str], metrics: Sequence[Metric]) -> str:
    heads = {"codec": "codec", "setting": "setting", "bytes": "bytes", "bpp": "bpp"}
    heads |= {metric.column: f"{metric.name}, dB" if metric is PSNR else metric.name for metric in metrics}
    heads |= {"encode_seconds": "encode, s", "decode_seconds": "decode, s"}
    heads |= {"encode_peak_mb": "encode, peak MB", "decode_peak_mb": "decode, peak MB"}
    own = [row for codec in order for row in Curve.of(rows, str(rows[0]["picture"]), codec).rows]
    formats = {column: spec for column, spec in RD_COLUMNS.items() if spec}
    table = _table(list(heads), list(heads.values()), own, formats)
    return f"<details><summary>All {len(own)} files</summary>{table}</details>"


def _table(columns: Sequence[str], heads: Sequence[str], rows: Sequence[Row], formats: dict[str, str]) -> str:
    words = {c: any(isinstance(row[c], str) for row in rows) for c in columns}

    def cells(tag: str, values: Sequence[str]) -> str:
        marks = [' class="word"' if words[c] else "" for c in columns]
        return "".join(f"<{tag}{mark}>{escape(v)}</{tag}>" for mark, v in zip(marks, values, strict=True))

    lines = [f"<tr>{cells('td', [_shown(row[c], formats.get(c, '')) for c in columns])}</tr>" for row in rows]
    head = f"<thead><tr>{cells('th', heads)}</tr></thead>"
    return f'<div class="wide"><table>{head}<tbody>{"".join(lines)}</tbody></table></div>'


def _shown(cell: Cell, spec: str) -> str:
    if cell is None:
        return "–"
    return cell if isinstance(cell, str) else format(cell, spec)
