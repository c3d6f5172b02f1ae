"""`inr verify`: whether a file is whole, or two hold the same picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

import inr_core

from .. import same
from .messages import Voice
from .sources import Source, for_each


def verify(sources: Sequence[Source], strip: bool, voice: Voice) -> int:
    """Say of one `.inr` file whether it is whole, of two pictures whether they are the same; the exit code.

    strip: ICC profiles and orientations may differ.
    """
    if len(sources) == 1:
        return for_each(sources, lambda source: _check(source, voice), voice)
    held: list[same.Held] = []
    for_each(sources, lambda source: held.append(_held(source, voice)), voice)
    if voice.failed:
        return voice.code()
    names = ", ".join(map(str, sources))
    if found := same.differences(*(same.stripped(one) if strip else one for one in held)):
        voice.failure(names, f"not the same: {'; '.join(found)}")
    else:
        voice.line(f"{names}: the same, {held[0].described()}")
    return voice.code()


def _check(source: Source, voice: Voice) -> None:
    """Read all of a file: its checksums, and its pixels."""
    data = source.read_inr()
    inr_core.verify(io.BytesIO(data))
    voice.line(f"{source}: whole, {same.held_by_file(data).described()}")


def _held(source: Source, voice: Voice) -> same.Held:
    source = source.held()
    with source.open() as im:
        if im.format == "INR":
            data = source.read()
            inr_core.verify(io.BytesIO(data))
            return same.held_by_file(data)
        if (frames := getattr(im, "n_frames", 1)) > 1:
            voice.note(source, f"only the first of {frames} frames is compared")
        if same.reads_less(im):
            voice.note(source, f"{same.LESS_READ} {im.mode}")
        return same.held_by_image(im)
