"""`python -m study`: choose experiments, their scale and pictures; leave tables, JSON, plots and crops."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from inr_core.errors import InrError
from inr_core.process.threads import cores
from inr_core.settings import Settings
from pillow_inr.bench import options
from pillow_inr.bench.report import Report

from . import plots
from .catalogue import EXPERIMENTS
from .experiment import TEXT, Experiment, Picture, Scale, Study, default_pictures, square

OUT = Path("build") / "study"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which experiment, how large, on which pictures, and where its files go."""
    lines = [f"  {e.name:<12} {'' if e.figure is None else f'figure {e.figure}':<10} {e.title}" for e in EXPERIMENTS]
    parser.description = "\n".join([parser.description or "", "", "experiments:", *lines])
    parser.add_argument("pictures", nargs="*", type=Path, metavar="PICTURE", help="instead of the sample pictures")
    names = [e.name for e in EXPERIMENTS] + [str(e.figure) for e in EXPERIMENTS if e.figure is not None]
    parser.add_argument(
        "--figure", action="append", choices=names, metavar="N|NAME", help="a figure or an experiment (default: all)"
    )
    parser.add_argument("--full", action="store_true", help="the study's own scale: 512×512, 10,000 full-batch steps")
    parser.add_argument("--text", action="store_true", help="PICTURE is text or graphics: crop, never resize")
    parser.add_argument("--side", type=int, metavar="PIXELS", help="of the square pictures")
    parser.add_argument("--width", type=int, metavar="N", help="neurons of each hidden layer")
    parser.add_argument("--depth", type=int, metavar="N", help="linear layers")
    parser.add_argument("--steps", type=int, metavar="N", help="training steps")
    parser.add_argument("--batch", type=int, metavar="N", help="pixels of a training step")
    parser.add_argument(
        "--device", default="auto", metavar="NAME", help="auto, cpu, cuda or mps (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads; all cores by default")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the random starts (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="for the files (default: %(default)s)")


def run(args: argparse.Namespace, report: Report) -> None:
    """Every chosen experiment; each writes its files as soon as it ends, or is interrupted."""
    plots.check()
    chosen = [e for e in EXPERIMENTS if not args.figure or {e.name, str(e.figure)} & set(args.figure)]
    studies = [(experiment, prepare(experiment, args)) for experiment in chosen]  # mistakes first
    options.warm_up()
    args.out.mkdir(parents=True, exist_ok=True)
    for experiment, study in studies:
        _run_one(experiment, study, report)


def prepare(experiment: Experiment, args: argparse.Namespace) -> Study:
    """What the arguments make of an experiment; InrError or SettingsError for what cannot be run."""
    names = [field.name for field in dataclasses.fields(Scale)]
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    scale = dataclasses.replace(experiment.full if args.full else experiment.small, **given)
    if scale.side < 2:
        raise InrError(f"--side: expected at least 2, got {scale.side}")
    network = {"model": options.SIREN, "width": scale.width, "depth": scale.depth}
    fit = {"steps": scale.steps, "batch": scale.batch, "device": args.device, "threads": args.threads}
    Settings.from_options({**network, **fit, "seed": args.seed})
    pictures = _pictures(experiment, args, scale.side)
    sides = sorted({len(picture.pixels) for picture in pictures})
    small = [f"{p.name} only {len(p.pixels)}×{len(p.pixels)}" for p in pictures if len(p.pixels) < scale.side]
    scaled_down = "; ".join([scale.difference(), *small])
    settings = {
        **dataclasses.asdict(scale),
        "experiment": experiment.name,
        "figure": experiment.figure,
        "pictures": [picture.name for picture in pictures],
        "sides": [len(picture.pixels) for picture in pictures],
        "device": args.device,
        "seed": args.seed,
        "scaled_down": scaled_down,
    }
    report = Report(f"study {experiment.name}", settings)
    threads = args.threads or cores()
    scale = dataclasses.replace(scale, side=min(scale.side, sides[-1]))
    return Study(experiment.name, report, scale, pictures, args.out, scaled_down, args.device, threads, args.seed)


def _pictures(experiment: Experiment, args: argparse.Namespace, side: int) -> list[Picture]:
    if not args.pictures:
        return default_pictures(experiment, side)
    kind = TEXT if args.text else experiment.kind
    return [square(path, kind, side) for path in args.pictures]


def _run_one(experiment: Experiment, study: Study, report: Report) -> None:
    minutes = experiment.seconds(study.scale, len(study.pictures)) / 60
    figure = "" if experiment.figure is None else f" (figure {experiment.figure})"
    report.say(f"{experiment.name}{figure}: {experiment.title}")
    report.say(f"scaled down: {study.scaled_down}; about {minutes:.0f} minutes on one thread of a CPU")
    try:
        experiment.run(study)
        study.report.complete = True
    finally:
        report.tables += study.report.tables
        study.path(".json").write_text(study.report.json() + "\n", encoding="utf-8")
    report.say(f"written to {study.path('.json')} and beside it")
