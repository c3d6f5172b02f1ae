"""Rate–distortion curves beside those of other formats, as JSON, CSV and an HTML page.

Every point is a file written and read again through Pillow, each time in a fresh process, whose peak memory is read
from the system. PSNR, MS-SSIM and SSIMULACRA2 are over the decoded 8-bit RGB, transparent parts over white; there is a
BD-rate by each of --metrics, of MS-SSIM in dB, −10·log₁₀(1 − m). With ssimulacra2 among them ours is tuned for looks,
as it is saved by default, else for PSNR; --tune look psnr measures both. JPEG: optimize; JPEG2000:
irreversible, mct=1, by rate; WebP: method 6; AVIF: speed 4, 4:4:4, by default and with tune=psnr; JPEG XL, where
pillow-jxl-plugin is installed: defaults. Of Kodak's pictures, whole and by their names, VTM and Cool-chic as published.

In the output folder, `points.jsonl` and `files` keep every point for good, known by its picture's samples, the save
options and the version of the code: a run that was stopped goes on where it was, another one takes what is there, and
measures of the kept files what it asks for besides.
`results.json`, `results.csv` and `report.html` are of the last command; the first two are written after every point.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product

from inr_core.errors import InrError
from inr_core.settings import MODEL_CHOICES, TUNES, Settings

from . import options
from .codecs import CODECS, Codec, chosen
from .crops import Comparison, compare
from .literature import Published, published
from .metrics import DEFAULT_METRICS, METRICS, PSNR, SSIMULACRA2, chosen_metrics
from .page import Results, page
from .pictures import load_all, samples
from .points import RD_COLUMNS, Bench, Picture, Recipe, other_recipe, our_recipe
from .report import Cell, Report, Table
from .summary import BD_COLUMNS, COST_COLUMNS, MEAN_COLUMNS, bd_means, bd_rows, cost_rows

QUALITIES = (10.0, 25.0, 40.0, 55.0, 70.0, 85.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The pictures, the contestants, and where the results go."""
    keys = [*(codec.key for codec in CODECS), *(codec.key for codec in published())]
    qualities = " ".join(f"{quality:g}" for quality in QUALITIES)
    options.add_pictures(parser)
    options.add_output(parser, "bench-rd", "points and the page")
    parser.add_argument(
        "--qualities",
        type=float,
        nargs="+",
        default=QUALITIES,
        metavar="N",
        help=f"of ours; BD-rates need four (default: {qualities})",
    )
    parser.add_argument(
        "--show", type=float, metavar="N", help="the quality to cut crops from (default: the middle one)"
    )
    parser.add_argument(
        "--model",
        nargs="+",
        choices=MODEL_CHOICES,
        default=[Settings.model],
        metavar="NAME",
        help=f"of ours (default: {Settings.model})",
    )
    parser.add_argument(
        "--against", nargs="*", choices=keys, default=keys, metavar="NAME", help=f"of {', '.join(keys)} (default: all)"
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        choices=[metric.key for metric in METRICS],
        default=[metric.key for metric in DEFAULT_METRICS],
        metavar="NAME",
        help=f"of {', '.join(m.key for m in METRICS)} (default: {' '.join(m.key for m in DEFAULT_METRICS)}); "
        f"{SSIMULACRA2.key} needs pillow-inr[bench]",
    )
    parser.add_argument(
        "--tune",
        nargs="+",
        choices=TUNES,
        metavar="NAME",
        help=f"of ours, {' and '.join(TUNES)} (default: {options.TUNE}, or {options.LOOK} with {SSIMULACRA2.key})",
    )
    parser.add_argument("--device", default="cpu", metavar="NAME", help=f"to fit on {options.DEFAULT}")
    options.add_fit(parser)


def run(args: argparse.Namespace, report: Report) -> None:
    """Measure what is not there yet; whatever happens, leave all files as far as they are known."""
    session = Session(args, report)
    try:
        session.measure()
    finally:
        session.summarise()
        session.write_page()
    if session.failures:
        raise InrError(f"{session.failures} of the points could not be measured; the notes say why")


@dataclass
class Session:
    """One run of the command."""

    args: argparse.Namespace
    report: Report
    notes: list[str] = field(default_factory=list)
    failures: int = 0
    comparisons: list[Comparison] = field(default_factory=list)
    finished: bool = False

    def __post_init__(self) -> None:
        args, report = self.args, self.report
        self.metrics = chosen_metrics(args.metrics)
        tunes = args.tune or [options.LOOK if SSIMULACRA2 in self.metrics else options.TUNE]
        given = {**options.fit_options(args), "device": args.device}
        qualities = sorted(set(args.qualities))
        shown = qualities[len(qualities) // 2] if args.show is None else args.show
        self.ours: dict[str, list[Recipe]] = {}  # by their names
        self.shown: list[Recipe] = []
        for model, tune in product(dict.fromkeys(args.model), dict.fromkeys(tunes)):
            name = f"inr {model}" if len(set(tunes)) == 1 else f"inr {model} tune={tune}"
            same = {**given, "tune": tune}
            for quality in [*qualities, shown]:
                Settings.from_options({**same, "model": model, "quality": quality})
            self.ours[name] = [our_recipe(model, {**same, "quality": q}, name) for q in qualities]
            self.shown.append(our_recipe(model, {**same, "quality": shown}, name))
        self.pictures = unique([Picture(name, samples(im)) for name, im in load_all(args.pictures, args.crop)])
        self.bench = Bench(args.output, self.metrics)
        self.others = self._available(chosen(args.against))
        self.published = [codec for codec in published() if codec.key in args.against]
        unasked = {metric.column: None for metric in METRICS if metric not in self.metrics and metric is not PSNR}
        self.table = report.table("rd", "Rate and distortion", {**RD_COLUMNS, **unasked})
        self.bd = report.table("bd_rate", "BD-rate: bytes at an equal score", BD_COLUMNS)
        self.means = report.table("bd_rate_mean", "BD-rate, mean of the pictures", MEAN_COLUMNS)
        self.costs = report.table("costs", "Medians of seconds, most memory", COST_COLUMNS)
        self.noted = report.table("notes", "Notes", {"note": ""})

    def _available(self, wanted: Sequence[Codec]) -> list[Codec]:
        available = []
        for codec in wanted:
            reason = codec.missing()
            if reason is None:
                available.append(codec)
            else:
                self._note(f"{codec.name} is left out: {reason}")
        return available

    def _note(self, text: str) -> None:
        self.notes.append(text)
        self.report.say(text)

    def measure(self) -> None:
        """Every point, then the crops, of each picture in turn."""
        for picture in self.pictures:
            others = [other_recipe(codec, setting) for codec in self.others for setting in codec.curve]
            for recipe in [*(recipe for recipes in self.ours.values() for recipe in recipes), *others]:
                self._point(picture, recipe)
            for row in (row for codec in self.published for row in codec.rows(picture)):
                self.report.add(self.table, row)
            try:
                self.comparisons.extend(compare(self.bench, picture, self.shown, self.others))
            except (InrError, OSError) as e:
                self._failed(f"{picture.name}, crops: {e}")
        self.finished = True

    def _point(self, picture: Picture, recipe: Recipe) -> None:
        try:
            self.report.add(self.table, self.bench.point(picture, recipe))
        except (InrError, OSError) as e:
            self._failed(f"{picture.name}, {recipe.codec}, {recipe.setting}: {e}")
        self._write("results.json", self.report.json() + "\n")
        self._write("results.csv", as_csv(self.table))

    def _failed(self, text: str) -> None:
        self.failures += 1
        self._note(text)

    def summarise(self) -> None:
        """BD-rates and costs of the points there are."""
        ours, others = [*self.ours], [codec.name for codec in self.others]
        rows = self.table.rows
        self.bd.rows.extend(bd_rows(rows, ours, self._opponents(), self.metrics))
        self.means.rows.extend(bd_means(self.bd.rows))
        measured = [row for row in rows if row["codec"] in (*ours, *others)]
        self.costs.rows.extend(cost_rows(measured, others[0] if others else None))
        self.noted.rows.extend({"note": note} for note in self.notes)

    def _opponents(self) -> list[str]:
        """Names of those that have points, measured ones first."""
        return [*(codec.name for codec in self.others), *(codec.name for codec in self._cited())]

    def _cited(self) -> list[Published]:
        """The published codecs that have points of a picture here."""
        present = {row["codec"] for row in self.table.rows}
        return [codec for codec in self.published if codec.name in present]

    def write_page(self) -> None:
        """All three files of results."""
        self.report.complete = self.finished and not self.failures
        results = Results(
            ours=[*self.ours],
            others=self._opponents(),
            metrics=self.metrics,
            rows=self.table.rows,
            bd=self.bd.rows,
            means=self.means.rows,
            costs=self.costs.rows,
            comparisons=self.comparisons,
            notes=self.notes,
            about=self._about(),
            complete=self.finished,
        )
        self._write("results.json", self.report.json() + "\n")
        self._write("results.csv", as_csv(self.table))
        self._write("report.html", page(results))
        self.report.say(f"wrote {self.args.output / 'report.html'}, results.json and results.csv")

    def _about(self) -> list[str]:
        given = [recipes[0] for recipes in self.ours.values()]
        same = {k: v for k, v in given[0].options.items() if all(r.options[k] == v for r in given) and k != "quality"}
        machines = dict.fromkeys(str(row["machine"]) for row in self.table.rows if row["machine"])
        return [
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            f"{given[0].version}; {', '.join(f'{k} {v}' for k, v in same.items())}, else defaults",
            *(f"{codec.name}, published: {codec.source}. {codec.note}" for codec in self._cited()),
            *(f"Times of {name}" for name in machines),
            *([] if len(machines) < 2 else ["Points of several machines: their times do not compare."]),
        ]

    def _write(self, name: str, text: str) -> None:
        from pillow_inr.atomic import atomic_write

        with atomic_write(self.args.output / name) as fp:
            fp.write(text.encode())


def unique(pictures: Sequence[Picture]) -> list[Picture]:
    """The pictures, none twice, those of one name numbered."""
    result: dict[str, Picture] = {}
    taken: dict[str, int] = {}
    for picture in pictures:
        if picture.digest in result:
            continue
        taken[picture.name] = count = taken.get(picture.name, 0) + 1
        name = picture.name if count == 1 else f"{picture.name} {count}"
        result[picture.digest] = Picture(name, picture.samples)
    return list(result.values())


def as_csv(table: Table) -> str:
    """All columns, the hidden ones included; what was not measured is empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(table.columns), lineterminator="\n")
    writer.writeheader()
    rows: list[dict[str, Cell]] = [dict(row) for row in table.rows]
    writer.writerows(rows)
    return out.getvalue()
