"""`inr verify`: whether files are whole, or two hold the same picture."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import inr_core

from .. import same
from .messages import Blamed, Voice, blame, say
from .sources import Source, for_each


def whole(sources: Sequence[Source], as_json: bool, voice: Voice) -> int:
    """Say of each `.inr` file whether it is whole, by its checksums and its pixels; returns the exit code."""
    collected: list[dict[str, Any]] = []

    def one(source: Source) -> None:
        try:
            with blame(source):
                held = _whole(source, len(sources) > 1)
        except Blamed as e:
            collected.append({"file": str(source), "whole": False, "error": e.why})
            raise
        height, width, _ = held.samples.shape
        facts = {"width": width, "height": height, "mode": held.mode, "bits": held.bits}
        collected.append({"file": str(source), "whole": True, **facts})
        if not as_json:
            voice.line(f"{source}: whole, {held.described()}")

    code = for_each(sources, one, voice)
    if as_json:
        _say(collected)
    return code


def same_picture(sources: Sequence[Source], strip: bool, as_json: bool, voice: Voice) -> int:
    """Say whether two pictures are the same; returns the exit code.

    strip: ICC profiles and orientations may differ.
    """
    held: list[same.Held] = []
    for_each(sources, lambda source: held.append(_held(source, voice)), voice)
    found = [] if voice.failed else same.differences(*(same.stripped(one) if strip else one for one in held))
    names = ", ".join(map(str, sources))
    if as_json:
        said = None if voice.failed else not found
        _say({"files": [str(source) for source in sources], "same": said, "differences": found})
    if found:
        voice.failure(names, f"not the same: {'; '.join(found)}")
    elif not voice.failed and not as_json:
        voice.line(f"{names}: the same, {held[0].described()}")
    return voice.code()


def _whole(source: Source, one_of_several: bool) -> same.Held:
    source = source.held()
    try:
        data = source.read_inr()
    except ValueError as e:
        hint = "; --same compares pictures of any format" if one_of_several else ""
        raise ValueError(f"{e}{hint}") from e
    inr_core.verify(io.BytesIO(data))
    return same.held_by_file(data)


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


def _say(facts: object) -> None:
    for line in json.dumps(facts, indent=2).splitlines():
        say(line)
