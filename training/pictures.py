"""The pictures that a prior is learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inr_core.errors import InrError
from pillow_inr.modes import in_8_bits

SUFFIXES = {".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}


def find_pictures(paths: Sequence[Path]) -> list[Path]:
    """The pictures named, and those in the folders named; InrError for one that is not there or where there is none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        elif path.is_file():
            found.append(path)
        else:
            raise InrError(f"{path}: expected a picture or a folder of pictures, got nothing there")
    if not found:
        raise InrError(f"pictures: expected files of {', '.join(sorted(SUFFIXES))}, got none")
    return found


def load_pictures(paths: Sequence[Path], crop: int) -> list[NDArray[np.uint8]]:
    """Samples (3, H, W) of those at least as large as a crop; InrError where none is."""
    pictures = []
    for path in paths:
        with Image.open(path) as im:
            if min(im.size) >= crop:
                pictures.append(np.ascontiguousarray(np.asarray(in_8_bits(im).convert("RGB")).transpose(2, 0, 1)))
    if not pictures:
        raise InrError(
            f"pictures: expected at least one of {crop}×{crop} pixels or more, got {len(paths)} smaller ones"
        )
    return pictures
