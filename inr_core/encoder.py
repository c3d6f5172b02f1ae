"""Pixels → bytes. What saving is: choose a model, fit it, pack it, and meet the target asked for; see `save`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .container.metadata import Metadata
from .errors import check_type, shown
from .pixels import Array, default_mode, plain_array
from .save.choice import save
from .save.job import Report, Request
from .settings import Settings


def encode(
    pixels: Array,
    settings: Settings | None = None,
    *,
    mode: str | None = None,
    palette: NDArray[np.uint8] | None = None,
    metadata: Metadata | None = None,
    progress: Report | None = None,
) -> bytes:
    """Save a picture: the bytes of a `.inr` file.

    pixels: (H, W) or (H, W, C), uint8 or uint16, in `mode` (by default L, LA, RGB, RGBA or I;16, whatever fits);
    mode "P" takes indices and a `palette` (N, 3 or 4), mode "1" takes 0 and 255.
    progress: called a few times a second; returning False stops the work and the file is the best so far.

    Raises InrError for pixels that cannot be stored, SettingsError for settings that cannot be meant, TypeError for
    what are no settings or metadata, TargetError for a target that cannot be met, ImportError where the settings ask
    for torch and there is none, and Interrupted (a KeyboardInterrupt that carries the file) after Ctrl-C.
    """
    settings = Settings() if settings is None else settings
    metadata = Metadata() if metadata is None else metadata
    check_type("settings", settings, Settings)
    check_type("metadata", metadata, Metadata)
    if progress is not None and not callable(progress):
        raise TypeError(f"progress: expected a callable, got {shown(progress)}")
    pixels = plain_array(pixels)
    palette = None if palette is None else np.asarray(palette)
    mode = mode or default_mode(pixels)
    return save(Request(pixels, mode, palette, metadata, settings, progress))
