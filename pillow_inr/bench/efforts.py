"""What effort buys: seconds and BD-rates by effort, as a table and a plot.

Points are measured and kept as `inr bench rd` does. Seconds are measured anew, one effort after the other, on the first
picture at the middle quality: points may come from several busy days. The plot, `efforts.png`, needs matplotlib.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from inr_core.errors import InrError

from . import options
from .codecs import CODECS, Codec, chosen
from .literature import published
from .pictures import load_all, samples
from .points import Bench, Picture, Recipe, other_recipe, our_recipe
from .report import Cell, Report
from .summary import Row, bd_means, bd_rows, number

EFFORTS = tuple(range(10))
QUALITIES = (10.0, 30.0, 50.0, 65.0)
DEFAULT = (
    "jpeg",
    "webp",
    "avif",
    "avif-psnr",
)  # opponents; of those that are published only Kodak's pictures have points
TICKS = [mantissa * 10.0**power for power in range(-2, 5) for mantissa in (1, 2, 5)]  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The pictures, the efforts and the opponents."""
    lossy = [*(codec.key for codec in CODECS), *(codec.key for codec in published())]
    options.add_pictures(parser)
    options.add_output(parser, "bench-efforts", "points")
    parser.add_argument("--efforts", type=int, nargs="+", default=EFFORTS, metavar="N", help="0 … 9 (default: all)")
    parser.add_argument(
        "--qualities", type=float, nargs="+", default=QUALITIES, metavar="N", help=f"at least four {options.DEFAULT}"
    )
    parser.add_argument(
        "--against", nargs="+", choices=lossy, default=DEFAULT, metavar="NAME", help=f"other formats {options.DEFAULT}"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads (default: %(default)s)")


def run(args: argparse.Namespace, report: Report) -> None:
    """Measure effort by effort, the slowest last; whatever happens, sum up what is there."""
    others = chosen(args.against)
    for codec in others:
        if reason := codec.missing():
            raise InrError(f"{codec.name}: {reason}")
    efforts = sorted(set(args.efforts))
    cited = [codec for codec in published() if codec.key in args.against]
    bench = Bench(args.output)
    pictures = [Picture(name, samples(im)) for name, im in load_all(args.pictures, args.crop)]
    rows: list[dict[str, Cell]] = [row for codec in cited for picture in pictures for row in codec.rows(picture)]
    seconds: dict[int, float] = {}
    try:
        for recipe in _recipes(others, efforts, args):
            for picture in pictures:
                rows.append({**bench.point(picture, recipe), "codec": recipe.codec})
                report.say(f"{picture.name}, {recipe.codec}, {recipe.setting}")
        for effort in efforts:
            seconds[effort] = bench.seconds(pictures[0], _recipe(effort, _middle(args.qualities), args.threads))
            report.say(f"effort {effort}: {seconds[effort]:.1f} s")
    finally:
        names = [*(codec.name for codec in others), *(codec.name for codec in cited)]
        means = bd_means(bd_rows(rows, [_name(effort) for effort in efforts], names))
        table = report.table("efforts", "What effort buys", _columns(names))
        for effort in efforts:
            own = [row for row in rows if row["codec"] == _name(effort)]
            if own:
                found = {str(m["against"]): m["bd_rate_percent"] for m in means if m["codec"] == _name(effort)}
                cells: dict[str, Cell] = {"effort": effort, "points": len(own), "encode_s": seconds.get(effort)}
                report.add(table, cells | {f"{name}_percent": found.get(name) for name in names})
        if len(seconds) > 1:
            _plot(args.output / "efforts.png", table.rows, names)
            report.say(f"wrote {args.output / 'efforts.png'}")


def _columns(names: Sequence[str]) -> dict[str, str]:
    return {"effort": "d", "points": "d", "encode_s": ".1f"} | {f"{name}_percent": "+.1f" for name in names}


def _name(effort: int) -> str:
    return f"effort {effort}"


def _recipes(others: Sequence[Codec], efforts: Sequence[int], args: argparse.Namespace) -> list[Recipe]:
    qualities = sorted(set(args.qualities))
    ours = [_recipe(effort, quality, args.threads) for effort in efforts for quality in qualities]
    return [*(other_recipe(codec, setting) for codec in others for setting in codec.curve), *ours]


def _recipe(effort: int, quality: float, threads: int) -> Recipe:
    given = {"quality": quality, "effort": effort, "tune": options.TUNE, "threads": threads, "device": "cpu"}
    return dataclasses.replace(our_recipe("auto", given), codec=_name(effort))


def _middle(qualities: Sequence[float]) -> float:
    return sorted(set(qualities))[len(set(qualities)) // 2]


def _plot(path: Path, rows: Sequence[Row], names: Sequence[str]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for name in names:
        points = [
            (number(r, "encode_s"), number(r, f"{name}_percent")) for r in rows if r[f"{name}_percent"] is not None
        ]
        (line,) = axes.plot(*zip(*points, strict=True), marker="o")
        if points:
            label = f"against {name}"
            axes.annotate(label, points[0], (0, 7), textcoords="offset points", color=line.get_color())
    seconds = [number(row, "encode_s") for row in rows]
    for each in seconds:
        axes.axvline(each, color="0.9", zorder=0)
    axes.set(xscale="log", xlabel="seconds to save", ylabel="bytes at equal PSNR, %")
    axes.margins(y=0.12)
    ticks = [tick for tick in TICKS if seconds[0] / 1.3 <= tick <= seconds[-1] * 1.3]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    efforts = axes.secondary_xaxis("top")
    efforts.set_xticks(seconds, [str(row["effort"]) for row in rows])
    efforts.set_xticks([], minor=True)
    efforts.set_xlabel("effort")
    axes.grid(axis="y", alpha=0.3)
    figure.savefig(path, dpi=120)
