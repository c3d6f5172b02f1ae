"""`inr bench NAME …`: run one measurement, print its tables, keep them as JSON."""

from __future__ import annotations

import argparse
import copy
import sys
import textwrap
from collections.abc import Sequence

from ..command.parsing import Parser
from . import (
    auto,
    compare,
    efforts,
    entropy,
    kernels,
    lossless,
    prefixes,
    quality,
    quantisation,
    rd,
    sparsity,
    speed,
    thumbnail,
)
from .measurement import Measurement, add_arguments, perform

MEASUREMENTS: dict[str, Measurement] = {
    "rd": rd,
    "efforts": efforts,
    "speed": speed,
    "quantisation": quantisation,
    "sparsity": sparsity,
    "entropy": entropy,
    "compare": compare,
    "quality": quality,
    "lossless": lossless,
    "auto": auto,
    "thumbnail": thumbnail,
    "prefixes": prefixes,
    "kernels": kernels,
}


class _Help(argparse.RawDescriptionHelpFormatter):
    """Defaults of several values as they are typed."""

    def _expand_help(self, action: argparse.Action) -> str:
        if isinstance(action.default, (list, tuple)):
            action = copy.copy(action)
            action.default = " ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in action.default)
        return super()._expand_help(action)


def main(argv: Sequence[str] | None = None, prog: str = "python -m pillow_inr.bench") -> int:
    """Run one measurement and return its exit code; `prog` is what usage and help call the command."""
    top = parser(prog)
    args = top.read(sys.argv[1:] if argv is None else argv)
    return perform(MEASUREMENTS[args.measurement], args.measurement, args, top)


def parser(prog: str) -> Parser:
    """Of the command, a subcommand for each measurement."""
    description = "Compare ours with other formats on your pictures; measure what the README states."
    top = Parser(prog=prog, description=description)
    commands = top.add_subparsers(dest="measurement", required=True, metavar="NAME")
    for name, measurement in MEASUREMENTS.items():
        text = (measurement.__doc__ or "").strip()
        command = commands.add_parser(
            name,
            help=text.partition("\n")[0],
            description="\n\n".join(textwrap.fill(part, 79) for part in text.split("\n\n")),
            formatter_class=_Help,
        )
        add_arguments(measurement, command)
    return top


if __name__ == "__main__":
    sys.exit(main())
