"""Whether pictures of any format that Pillow opens come back from `lossless=True` as they were."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from inr_core.errors import InrError
from pillow_inr import carry, same

from .report import Cell, Report

COLUMNS = {"format": "", "pictures": "d", "same": "d", "refused": "d", "other": "d"}
FOUND_COLUMNS = {"picture": "", "mode": "", "what": ""}


def check(paths: Sequence[Path], efforts: Sequence[int], report: Report) -> None:
    """A table by format, and one of those that were refused, or came back as another picture: then InrError.

    What Pillow cannot load is passed over. Of several frames the first one counts.
    """
    found = report.table("found", "Refused, or not the same", FOUND_COLUMNS)
    counts: dict[str, Counter[str]] = {}
    unreadable = 0
    for path in _files(paths):
        with warnings.catch_warnings(action="ignore"):
            try:
                im = Image.open(path)
                im.load()
            except Exception:  # of whatever kind its plugin has for it
                unreadable += 1
                continue
            own = counts.setdefault(im.format or "", Counter())
            outcomes = {effort: _outcome(im, effort) for effort in efforts}
            kind, what = max(outcomes.values(), key=lambda outcome: outcome[0] == "other")
            own[kind] += 1
            if kind != "same":
                report.add(found, {"picture": path.name, "mode": im.mode, "what": what})
            im.close()
    table = report.table("check", f"Pictures that came back, and {unreadable} files that Pillow does not load", COLUMNS)
    for name, own in sorted(counts.items()):
        row: dict[str, Cell] = {
            "format": name,
            "pictures": own.total(),
            **{kind: own[kind] for kind in ("same", "refused", "other")},
        }
        report.add(table, row)
    if other := sum(own["other"] for own in counts.values()):
        raise InrError(f"{other} pictures did not come back as they were")


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else (path,)


def _outcome(im: Image.Image, effort: int) -> tuple[str, str]:
    """What becomes of a picture: same, refused or other; and why."""
    out = io.BytesIO()
    try:
        im.save(out, "INR", lossless=True, effort=effort, **carry.into_inr(im, lambda note: None))
    except ValueError as e:
        return "refused", str(e)
    before = same.held_by_image(im)
    with Image.open(out) as again:
        shown = again.mode, same.held_by_image(again)
    held = same.held_by_file(out.getvalue())
    what = same.differences(before, held)
    if held.bits in (1, 8) or shown[0] == "I;16":  # of deeper colours Pillow shows 8 bits
        what += [f"as Pillow shows it, {each}" for each in same.differences(before, shown[1])]
    return ("other", "; ".join(what)) if what else ("same", "")
