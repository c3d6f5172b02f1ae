"""`python -m pillow_inr` is the `inr` command."""

from __future__ import annotations

import sys

from .command.cli import main

if __name__ == "__main__":
    sys.exit(main())
