"""Points of rate–distortion curves: one picture written by one recipe, measured once and kept.

A folder holds the pictures as they were measured, every file that was written, and `points.jsonl`, a line for each
point, appended when it is finished. A point is known by its picture's samples, the save options and the version. Where
a kept one lacks a metric that is asked for, its file is measured, not written again.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inr_core.metrics import bpp

from . import fresh
from .codecs import Codec
from .metrics import DEFAULT_METRICS, METRICS, PSNR, Metric
from .pictures import Samples
from .report import SIZE_AND_PSNR, Cell, machine, versions

KEY_DIGITS = 16
RD_COLUMNS = {
    "picture": "",
    "codec": "",
    "setting": "",
    **SIZE_AND_PSNR,
    "ms_ssim": ".4f",
    "ssimulacra2": ".2f",
    "encode_seconds": ".4f",
    "decode_seconds": ".4f",
    "encode_peak_mb": ".0f",
    "decode_peak_mb": ".0f",
    **dict.fromkeys(("width", "height", "options", "version", "machine", "sha256", "file", "measured")),
}

LATER = tuple(metric.column for metric in METRICS if metric is not PSNR)  # measured of the written file where missing

Row = dict[str, Cell]  # of RD_COLUMNS


@dataclass(frozen=True)
class Picture:
    """What every codec is given."""

    name: str
    samples: Samples  # (H, W, 3)

    @property
    def digest(self) -> str:
        """SHA-256 of shape and samples."""
        return hashlib.sha256(str(self.samples.shape).encode() + self.samples.tobytes()).hexdigest()


@dataclass(frozen=True)
class Recipe:
    """One codec at one setting."""

    codec: str  # the name reports show
    setting: str
    format: str  # Pillow's name
    suffix: str
    options: Mapping[str, object]  # of `Image.save`
    version: str  # of everything that decides the file
    plugin: str | None
    kept_as: str | None = None  # what the archive calls the codec, where the name depends on what else is measured


def our_recipe(model: str, options: Mapping[str, object], name: str | None = None) -> Recipe:
    """Ours, with options that name a quality; `name`: what reports show."""
    known = versions()
    version = ", ".join([*(f"{name} {known[name]}" for name in ("pillow-inr", "torch")), f"source {known['source']}"])
    setting = f"quality {options['quality']:g}"
    kept_as = f"inr {model}"
    return Recipe(name or kept_as, setting, "INR", ".inr", {**options, "model": model}, version, "pillow_inr", kept_as)


def other_recipe(codec: Codec, setting: int) -> Recipe:
    """Another format's."""
    label, options = codec.label(setting), codec.options(setting)
    return Recipe(codec.name, label, codec.format, codec.suffix, options, codec.version, codec.plugin)


class Archive:
    """JSON records by key in a file that is only ever appended to; what a crash left half written is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records: dict[str, dict[str, Any]] = {}
        for line in path.read_bytes().splitlines() if path.exists() else []:
            try:
                record = json.loads(line)
                self._records[record.pop("key")] = record
            except (ValueError, TypeError, KeyError, AttributeError):
                continue

    def get(self, key: str) -> dict[str, Any] | None:
        """The last record kept under a key."""
        return self._records.get(key)

    def put(self, key: str, record: Mapping[str, object]) -> None:
        """Keep a record for good."""
        line = json.dumps({"key": key, **record}, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        with open(self.path, "ab+") as fp:
            if fp.tell():
                fp.seek(-1, os.SEEK_END)
                line = line if fp.read(1) == b"\n" else b"\n" + line
            fp.write(line)
            fp.flush()
            os.fsync(fp.fileno())
        self._records[key] = dict(record)


def key_of(*parts: object) -> str:
    """Hexadecimal digits that stand for these JSON values."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


class Bench:
    """Measures points into a folder, or finds them there."""

    def __init__(self, folder: Path, metrics: Sequence[Metric] = DEFAULT_METRICS) -> None:
        self.folder, self.metrics = folder, metrics
        (folder / "files").mkdir(parents=True, exist_ok=True)
        self.archive = Archive(folder / "points.jsonl")
        here = machine()
        self._machine = f"{here['cpu']}, {here['cores']} cores, {here['system']}"

    def point(self, picture: Picture, recipe: Recipe) -> Row:
        """The row of one file: written, loaded and compared. InrError where the format refuses."""
        codec = recipe.kept_as or recipe.codec
        key = key_of(picture.digest, codec, recipe.options, recipe.version)
        path = self.folder / "files" / f"{picture.name}-{codec.replace(' ', '-')}-{key}{recipe.suffix}"
        kept = self.archive.get(key)
        here = kept is not None and self._has(kept)
        row: Row = {**dict.fromkeys(RD_COLUMNS), **kept} if kept and here else self._measure(picture, recipe, path)
        if row["psnr_db"] is None:
            row["psnr_db"] = math.inf
        later = self._scores(picture, recipe, row)
        row |= later
        if later or not here:
            self.archive.put(key, {**row, "psnr_db": row["psnr_db"] if row["psnr_db"] != math.inf else None})
        return {**row, "picture": picture.name, "codec": recipe.codec}

    def _scores(self, picture: Picture, recipe: Recipe, row: Row) -> Row:
        """What is asked for and not measured yet, of the written file."""
        missing = [metric for metric in self.metrics if row[metric.column] is None]
        if not any(metric.fits(picture.samples) for metric in missing):
            return {}
        decoded = self.load(self.folder / str(row["file"]), recipe.plugin)
        return {metric.column: metric.measure(picture.samples, decoded) for metric in missing}

    def seconds(self, picture: Picture, recipe: Recipe) -> float:
        """Of writing one file, measured now."""
        path = self.folder / f"timed{recipe.suffix}"
        source = str(self._source(picture))
        return fresh.measure(fresh.Task(source, str(path), recipe.format, recipe.options, recipe.plugin)).seconds

    def _has(self, kept: Mapping[str, Any]) -> bool:
        path = self.folder / kept["file"]
        return (
            RD_COLUMNS.keys() - set(LATER) <= kept.keys() <= RD_COLUMNS.keys()
            and path.is_file()
            and path.stat().st_size == kept["bytes"]
        )

    def _measure(self, picture: Picture, recipe: Recipe, path: Path) -> Row:
        source = self._source(picture)
        task = fresh.Task(str(source), str(path), recipe.format, recipe.options, recipe.plugin)
        encode = fresh.measure(task)
        decode = fresh.measure(fresh.Task(None, str(path), recipe.format, recipe.options, recipe.plugin))
        decoded = self.load(path, recipe.plugin)
        height, width, _ = picture.samples.shape
        size = path.stat().st_size
        return {
            "picture": picture.name,
            "codec": recipe.codec,
            "setting": recipe.setting,
            "bytes": size,
            "bpp": bpp(size, width, height),
            "psnr_db": PSNR.measure(picture.samples, decoded),
            **dict.fromkeys(LATER),
            "encode_seconds": encode.seconds,
            "decode_seconds": decode.seconds,
            "encode_peak_mb": _megabytes(encode.peak_bytes),
            "decode_peak_mb": _megabytes(decode.peak_bytes),
            "width": width,
            "height": height,
            "options": json.dumps(recipe.options),
            "version": recipe.version,
            "machine": self._machine,
            "sha256": picture.digest,
            "file": path.relative_to(self.folder).as_posix(),
            "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def _source(self, picture: Picture) -> Path:
        path = self.folder / "files" / f"{picture.name}-{picture.digest[:KEY_DIGITS]}.png"
        if not path.exists():
            part = path.with_suffix(".part")
            Image.fromarray(picture.samples).save(part, "PNG")
            part.replace(path)
        return path

    def load(self, path: Path, plugin: str | None) -> Samples:
        """A written file as Pillow decodes it to 8-bit RGB, (H, W, 3)."""
        if plugin:
            import_module(plugin)
        with Image.open(path) as im:
            return np.array(im.convert("RGB"))


def _megabytes(count: int | None) -> float | None:
    return None if count is None else count / 1e6
