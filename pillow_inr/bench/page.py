"""The rate–distortion report as one HTML file that needs nothing else: no script, no font, no picture beside it."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .codecs import HOW
from .crops import Comparison, Crop
from .curves import Series, chart, legend
from .page_style import STYLE
from .report import SIZE_AND_PSNR, Cell
from .summary import Curve, Row, names, number

LEDE = """Each picture, written by every format at several settings and read again. A curve further up and to the left
is better: more of the picture for fewer bytes."""
BD_RATE = """The bytes it needs for the PSNR of the other format: −10% is a tenth fewer, +100% twice as many. Below each
stand the PSNR over which both curves run and its share of the other's. The mean is of the pictures with a figure."""
METHOD = """Every point is a real file, written and read again through Pillow: bytes are those on disk, PSNR is from the
mean squared error over all channels of the decoded 8-bit RGB picture, MS-SSIM is the mean of the three channels (as a
curve −10·log₁₀(1 − MS-SSIM), in dB). Transparent parts are over white. BD-rate: the difference of bytes at equal PSNR,
logarithm of the rate interpolated by PCHIP, over the range that both curves reach. Each encode and each decode runs in
a fresh process; seconds are the median of up to five runs without imports, or one run where that takes over a second;
peak memory is the most the process had resident, interpreter, picture and libraries included. Threads are as each
library chooses, or for ours as the settings say. Published points are from tables of others: bits a pixel and PSNR."""


@dataclass(frozen=True)
class Results:
    """Everything the page shows."""

    ours: Sequence[str]  # codec names; the curves' order and colours are ours, then the others
    others: Sequence[str]
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
    parts += [_bd_table(results, codec) for codec in results.ours]
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


def _bd_table(results: Results, codec: str) -> str:
    own = [row for row in results.bd if row["codec"] == codec]
    means = {str(row["against"]): row for row in results.means if row["codec"] == codec}
    if not own:
        return ""
    body = []
    for picture in names(own, "picture"):
        found = {str(row["against"]): row for row in own if row["picture"] == picture}
        body.append(f'<tr><th class="word">{escape(picture)}</th>{"".join(_bd_cell(found.get(o)) for o in means)}</tr>')
    body.append(f'<tr class="mean"><th class="word">mean</th>{"".join(_bd_cell(mean) for mean in means.values())}</tr>')
    heads = "".join(f"<th>against {escape(other)}</th>" for other in means)
    table = f"<thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(body)}</tbody>"
    return f'<h2>BD-rate of {escape(codec)}</h2><p>{escape(BD_RATE)}</p><div class="wide"><table>{table}</table></div>'


def _bd_cell(row: Row | None) -> str:
    if row is None:
        return "<td>–</td>"
    if row["bd_rate_percent"] is None:
        return f'<td class="why">{escape(str(row.get("note") or "–"))}</td>'
    percent = number(row, "bd_rate_percent")
    span = f"{number(row, 'low_db'):.1f} … {number(row, 'high_db'):.1f} dB, {number(row, 'covered'):.0%}"
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
    psnr = [Series(codec, places[codec], _psnr_points(rows, name, codec)) for codec in order]
    ssim = [Series(codec, places[codec], _ssim_points(rows, name, codec)) for codec in order]
    rate = "bits per pixel (logarithmic)"
    charts = chart(psnr, rate, "PSNR, dB", f"{name}: PSNR over bits per pixel, a curve for each codec")
    charts += chart(ssim, rate, "MS-SSIM, dB", f"{name}: MS-SSIM over bits per pixel, a curve for each codec")
    size = f"{rows[0]['width']} × {rows[0]['height']} pixels"
    parts = [f"<h2>{escape(name)}</h2>", f'<p class="faint">{size}</p>', legend(psnr)]
    parts.append(f'<div class="charts">{charts}</div>')
    parts += [_crops(c) for c in results.comparisons if c.picture == name]
    parts.append(_points(rows, order))
    return "\n".join(parts)


def _psnr_points(rows: Sequence[Row], picture: str, codec: str) -> tuple[tuple[float, float, str], ...]:
    own = Curve.of(rows, picture, codec).rows
    points = [(number(row, "bpp"), number(row, "psnr_db"), _tip(row)) for row in own]
    return tuple(point for point in points if math.isfinite(point[1]))


def _ssim_points(rows: Sequence[Row], picture: str, codec: str) -> tuple[tuple[float, float, str], ...]:
    own = [row for row in Curve.of(rows, picture, codec).rows if row["ms_ssim"] is not None]
    return tuple(
        (number(row, "bpp"), -10 * math.log10(1 - number(row, "ms_ssim")), _tip(row))
        for row in own
        if number(row, "ms_ssim") < 1
    )


def _tip(row: Row) -> str:
    return f"{row['codec']}, {row['setting']}: {_figures(row)}"


def _figures(row: Row) -> str:
    ssim = "" if row["ms_ssim"] is None else f", MS-SSIM {number(row, 'ms_ssim'):.4f}"
    return f"{number(row, 'bytes'):,.0f} bytes, {number(row, 'bpp'):.3f} bpp, {number(row, 'psnr_db'):.2f} dB{ssim}"


def _crops(comparison: Comparison) -> str:
    left, top, right, bottom = comparison.box
    place = f"{right - left} × {bottom - top} pixels at ({left}, {top})"
    figures = "".join(_figure(crop) for crop in comparison.crops)
    return f'<h3>At equal size <span class="faint">{place}</span></h3><div class="crops">{figures}</div>'


def _figure(crop: Crop) -> str:
    name, text = "original", ""
    if crop.row is not None:
        row = crop.row
        name, text = f"{row['codec']}", f", {row['setting']}<br>{number(row, 'bytes'):,.0f} bytes, "
        text += f"{number(row, 'psnr_db'):.2f} dB"
    data = base64.b64encode(crop.png).decode()
    image = f'<img src="data:image/png;base64,{data}" alt="{escape(name, quote=True)}">'
    return f"<figure>{image}<figcaption><strong>{escape(name)}</strong>{text}</figcaption></figure>"


def _points(rows: Sequence[Row], order: Sequence[str]) -> str:
    heads = {
        "codec": "codec",
        "setting": "setting",
        "bytes": "bytes",
        "bpp": "bpp",
        "psnr_db": "PSNR, dB",
        "ms_ssim": "MS-SSIM",
        "encode_seconds": "encode, s",
        "decode_seconds": "decode, s",
        "encode_peak_mb": "encode, peak MB",
        "decode_peak_mb": "decode, peak MB",
    }
    formats = {**SIZE_AND_PSNR, "ms_ssim": ".4f", "encode_seconds": ".4f"}
    formats |= {"decode_seconds": ".4f", "encode_peak_mb": ".0f", "decode_peak_mb": ".0f"}
    own = [row for codec in order for row in Curve.of(rows, str(rows[0]["picture"]), codec).rows]
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
