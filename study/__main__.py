"""`python -m study`: run experiments of the study, print their tables, keep them as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import study
from pillow_inr.bench.measurement import add_arguments, perform


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chosen experiments and return the exit code."""
    top = parser()
    return perform(study, "study", top.parse_args(argv), top)


def parser() -> argparse.ArgumentParser:
    """Of the command."""
    top = argparse.ArgumentParser(
        prog="python -m study",
        description=study.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(study, top)
    return top


if __name__ == "__main__":
    sys.exit(main())
