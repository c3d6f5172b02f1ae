"""Rate–distortion points of Kodak's pictures that others have published, for codecs that Pillow does not write.

`kodak.json` holds them with their sources: bits a pixel of the file, and PSNR over RGB of the 8-bit picture. Nothing of
it was measured here: seconds, memory and MS-SSIM are unknown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from .points import RD_COLUMNS, Picture, Row

PATH = files(__package__) / "kodak.json"  # in a zip file, too
SIDES = (512, 768)  # of every picture there, in either orientation


@dataclass(frozen=True)
class Published:
    """A codec whose points are known for Kodak's pictures only."""

    key: str  # what the command line calls it
    name: str
    source: str
    note: str
    points: dict[str, list[tuple[float, float]]]  # by picture: (bits a pixel, dB)

    def rows(self, picture: Picture) -> list[Row]:
        """Rows of a table of points; none of another picture, or of a part of one."""
        height, width = picture.samples.shape[:2]
        if sorted((height, width)) != list(SIDES):
            return []
        unknown: dict[str, Any] = dict.fromkeys(RD_COLUMNS)
        known = {"picture": picture.name, "codec": self.name, "setting": "published", "version": self.source}
        place = {"width": width, "height": height, "sha256": picture.digest}
        return [
            {**unknown, **known, **place, "bytes": round(bpp * width * height / 8), "bpp": bpp, "psnr_db": db}
            for bpp, db in self.points.get(picture.name, [])
        ]


@cache
def published() -> tuple[Published, ...]:
    """All of them."""
    found = []
    for key, fields in json.loads(PATH.read_text(encoding="utf-8")).items():
        points = {name: [(bpp, db) for bpp, db in curve] for name, curve in fields["points"].items()}
        found.append(Published(key, **{**fields, "points": points}))
    return tuple(found)
