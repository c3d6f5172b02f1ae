"""What a measurement is, and how one is run from a command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Protocol

from inr_core.errors import InrError

from .report import Report


class Measurement(Protocol):
    """What a module that measures something offers; the first line of its docstring is its help."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the measurement's arguments."""

    def run(self, args: argparse.Namespace, report: Report) -> None:
        """Measure, handing every row to the report when it is there."""


def add_arguments(measurement: Measurement, parser: argparse.ArgumentParser) -> None:
    """The measurement's own, and where its rows go."""
    measurement.add_arguments(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results, with all settings")


def perform(measurement: Measurement, name: str, args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Run it, print its tables, keep them as JSON; the exit code. An interrupted one keeps what it has."""
    if args.json is not None and not args.json.parent.is_dir():  # not after an hour of measuring
        parser.error(f"--json: no folder {args.json.parent}")
    settings = {key: value for key, value in vars(args).items() if key not in ("measurement", "json")}
    report = Report(name, settings)
    code = 0
    try:
        measurement.run(args, report)
        report.complete = True
    except KeyboardInterrupt:
        print("bench: interrupted; what follows is what was measured until then", file=sys.stderr)
        code = 130
    except (InrError, OSError) as e:
        print(f"bench: {e}", file=sys.stderr)
        code = 1
    print(report.text())
    if args.json is not None:
        args.json.write_text(report.json() + "\n", encoding="utf-8")
    return code
