"""Small runs of `inr bench rd`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image

torch = pytest.importorskip("torch")

from pillow_inr.bench import fresh, points, rd
from pillow_inr.bench.__main__ import main
from pillow_inr.bench.codecs import CODECS, Codec

FIT = ("--steps", 10, "--threads", 1)
QUALITIES = ("--qualities", 10, 40, 70, 100)
SHORT = {"jpeg": (5, 30, 60, 95), "jpeg2000": (200, 300, 400, 500), "webp": (0, 30, 60, 95)}


def two_pictures(folder: Path) -> list[Path]:
    """A clear one and one of waves, with a name to escape."""
    y, x = np.mgrid[:20, :24]
    waves = np.stack([127 + 120 * np.sin(x * y / k) for k in (9, 14, 23)], axis=2).astype(np.uint8)
    tiny.picture("RGBA").save(folder / "clear.png")
    Image.fromarray(waves).save(folder / "waves & more.png")
    return [folder / "clear.png", folder / "waves & more.png"]


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four points a curve, measured in this process."""

    def chosen(keys: Sequence[str]) -> list[Codec]:
        return [dataclasses.replace(codec, curve=SHORT[codec.key]) for codec in CODECS if codec.key in keys]

    monkeypatch.setattr(rd, "chosen", chosen)
    monkeypatch.setattr(fresh, "REPEATS", 1)
    monkeypatch.setattr(fresh, "measure", fresh.perform)


def bench(*arguments: object) -> int:
    """Run the measurement in the folder `out` beside the first picture."""
    return main(["rd", *map(str, arguments), "-o", str(Path(str(arguments[0])).parent / "out")])


def results(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "out" / "results.json").read_text(encoding="utf-8"))
    return values


Fake = Callable[[points.Bench, points.Picture, points.Recipe, Path], points.Row]


def fake(sizes: Callable[[str, str], float], decibels: dict[str, list[float]]) -> Fake:
    """Points that need no codec: `sizes` gives the factor of a picture's and a codec's rate, 2^(dB/5) bytes a pixel."""
    seen: dict[tuple[str, str], int] = {}

    def measure(self: points.Bench, picture: points.Picture, recipe: points.Recipe, path: Path) -> points.Row:
        key = picture.name, recipe.codec
        seen[key] = place = seen.get(key, 0) + 1
        values = decibels[recipe.codec]
        psnr = values[min(place, len(values)) - 1]
        Image.fromarray(picture.samples).save(path, "PNG")
        row: points.Row = {name: 1.0 if spec else "" for name, spec in points.RD_COLUMNS.items()}
        row |= {"picture": picture.name, "codec": recipe.codec, "setting": recipe.setting, "width": 24, "height": 16}
        rate = sizes(*key) * 2 ** (min(psnr, 100) / 5)
        file = path.relative_to(self.folder).as_posix()
        return {**row, "bytes": path.stat().st_size, "bpp": rate, "psnr_db": psnr, "file": file}

    return measure
