"""What a file may cost under Pillow: limits of the core's, told of as Pillow tells of decompression bombs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from inr_core import Limits

OPENED_WITH: ContextVar[Limits | None] = ContextVar("OPENED_WITH", default=None)  # of a call of `pillow_inr.open`
WARNED = 0.5  # of the seconds that are refused: as Pillow warns of half the pixels that it refuses


def given(limits: Limits | None) -> Limits:
    """Limits, or those of the core; without MAX_IMAGE_PIXELS what Pillow does not ask either: pixels and time."""
    if limits is not None:
        return limits
    from inr_core import Limits

    default = Limits.default
    return replace(default, pixels=math.inf, seconds=math.inf) if Image.MAX_IMAGE_PIXELS is None else default


@contextmanager
def told() -> Iterator[None]:
    """Raise DecompressionBombError where the core raises LimitError."""
    from inr_core import LimitError

    try:
        yield
    except LimitError as e:
        raise Image.DecompressionBombError(str(e)) from e


def warn_of(seconds: float, limits: Limits) -> bool:
    """Warn of what takes more than half of the seconds that there may be, and is done; whether it does.

    Before pixels are decoded by what they take for certain, and after it by what they took: how often the mixing coder
    asks is not known before.
    """
    if not WARNED * limits.seconds < seconds <= limits.seconds:
        return False
    msg = (
        f"Decoding takes {seconds:.0f} nominal seconds, more than {WARNED * limits.seconds:g}, "
        f"could be decompression bomb DOS attack."
    )
    warnings.warn(msg, Image.DecompressionBombWarning, stacklevel=6)  # from the caller of `load`
    return True
