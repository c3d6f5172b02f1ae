"""`python -m pillow_inr` is the `inr` command."""

from __future__ import annotations

import sys

try:
    from .command.cli import main
except KeyboardInterrupt:  # importing takes a moment
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
