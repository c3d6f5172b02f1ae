"""Small files for the command to read, and options that cost nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tiny

POSIX = pytest.mark.skipif(os.name != "posix", reason="links, pipes and descriptors")
QUICK = ("--effort", "0", "-q")


def coded_in(folder: Path) -> Path:
    """a.inr."""
    path = folder / "a.inr"
    tiny.picture().save(path, effort=0)
    return path


def picture_in(folder: Path) -> Path:
    """p.png."""
    path = folder / "p.png"
    tiny.picture().save(path)
    return path
