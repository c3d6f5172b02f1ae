"""`inr thumbnail`: one small PNG, as the thumbnailers of desktops ask for."""

from __future__ import annotations

import errno
import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from inr_core import Limits

from .. import carry
from ..orientation import upright
from . import formats
from .messages import Blamed, Voice, blame
from .output import Output, Target
from .sources import Source, for_each

_NO_FILE_BESIDE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)


def thumbnail(sources: Sequence[Source], output: Output, size: int, seconds: float, voice: Voice) -> int:
    """Write pictures as PNG, upright, their longer side at most `size` pixels; returns the exit code.

    seconds: nominal ones, beyond which a picture is refused.
    """

    def one(source: Source) -> None:
        target = output.target(source)
        with blame(source):
            data, (width, height) = small_png(source, size, seconds, partial(voice.note, source))
        _put(data, target, output)
        voice.line(f"{target}: {width}x{height}, {len(data):,} bytes")

    return for_each(sources, one, voice)


def small_png(source: Source, size: int, seconds: float, note: carry.Note) -> tuple[bytes, tuple[int, int]]:
    """The PNG file of 8 bits a sample, with a profile at most, and its size. Raises what opening and loading do."""
    with source.open_inr(Limits(seconds=seconds)) as opened:
        opened.thumbnail((size, size))
        im = formats.best(upright(opened), formats.FOR_THUMBNAILS)
    for name in ("exif", "xmp", "comment", "dpi"):
        im.info.pop(name, None)
    out = io.BytesIO()
    im.save(out, "PNG", **carry.out_of_inr("PNG", im, {}, note))
    return out.getvalue(), im.size


def _put(data: bytes, target: Target, output: Output) -> None:
    """Write a file, atomically but where that cannot be, or is not what a thumbnailer's caller looks for."""
    if target.path is None or not _waits(target.path):
        try:
            with output.writing(target) as fp:
                fp.write(data)
        except Blamed as e:
            # A sandbox may let its program write to the file that waits for it, and to none beside it.
            beside = isinstance(e.__cause__, OSError) and e.__cause__.errno in _NO_FILE_BESIDE
            if not beside or target.path is None or not target.path.is_file():
                raise
        else:
            return
    with blame(target):
        target.path.write_bytes(data)


def _waits(path: Path) -> bool:
    """Whether there is an empty file: who has made it may hold it open, as tumbler does, and see no other one there."""
    return path.is_file() and path.stat().st_size == 0
