"""`inr bench NAME …`: run one measurement, print its tables, keep them as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ..errors import InrError
from . import compare, efforts, entropy, prefixes, quality, quantisation, rd, sparsity, speed, study, thumbnail
from .report import Report


class Measurement(Protocol):
    """What a module of this package that measures something offers; the first line of its docstring is its help."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the measurement's arguments."""

    def run(self, args: argparse.Namespace, report: Report) -> None:
        """Measure, handing every row to the report when it is there."""


MEASUREMENTS: dict[str, Measurement] = {
    "rd": rd,
    "efforts": efforts,
    "study": study,
    "speed": speed,
    "quantisation": quantisation,
    "sparsity": sparsity,
    "entropy": entropy,
    "compare": compare,
    "quality": quality,
    "thumbnail": thumbnail,
    "prefixes": prefixes,
}


def main(argv: Sequence[str] | None = None, prog: str = "python -m inr_core.bench") -> int:
    """Run one measurement and return its exit code; an interrupted one still prints and writes what it has.

    `prog` is what usage and help call the command.
    """
    top = parser(prog)
    args = top.parse_args(argv)
    if args.json is not None and not args.json.parent.is_dir():  # not after an hour of measuring
        top.error(f"--json: no folder {args.json.parent}")
    settings = {name: value for name, value in vars(args).items() if name not in ("measurement", "json")}
    report = Report(args.measurement, settings)
    code = 0
    try:
        MEASUREMENTS[args.measurement].run(args, report)
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


def parser(prog: str) -> argparse.ArgumentParser:
    """Of the command, a subcommand for each measurement."""
    description = "Compare ours with other formats on your pictures; measure what the README states."
    top = argparse.ArgumentParser(prog=prog, description=description)
    commands = top.add_subparsers(dest="measurement", required=True, metavar="NAME")
    for name, measurement in MEASUREMENTS.items():
        text = (measurement.__doc__ or "").strip()
        command = commands.add_parser(
            name,
            help=text.partition("\n")[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        measurement.add_arguments(command)
        command.add_argument("--json", type=Path, metavar="FILE", help="also write the results, with all settings")
    return top


if __name__ == "__main__":
    sys.exit(main())
