"""What the try_*.py scripts share: their arguments, and whether two pictures look the same."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1])  # photo.inr and alpha.inr, and the same pixels and metadata as .png
PHOTO, ALPHA = FOLDER / "photo.inr", FOLDER / "alpha.inr"


def fresh(name: str) -> Path:
    """An empty folder for one program."""
    folder = FOLDER / name
    folder.mkdir()
    return folder


def assert_alike(result: Any, expected: Any, limit: float = 2.0) -> None:
    """Two pictures (files, bytes, images) have one size and mode, and differ by less than `limit` levels on average."""
    from PIL import Image, ImageChops, ImageStat

    a, b = (im if isinstance(im, Image.Image) else Image.open(io.BytesIO(im) if isinstance(im, bytes) else im)
            for im in (result, expected))  # fmt: skip
    assert (a.size, a.mode) == (b.size, b.mode), (a, b)
    difference = max(ImageStat.Stat(ImageChops.difference(a.convert("RGBA"), b.convert("RGBA"))).mean)
    assert difference < limit, difference
    assert max(ImageStat.Stat(a.convert("L")).stddev) > 20, "a picture of nothing"
