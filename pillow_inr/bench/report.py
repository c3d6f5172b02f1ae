"""What a measurement leaves: aligned tables on the screen, and JSON that says on what they were measured."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import inr_core
from inr_core.process.threads import cores

PACKAGES = ("pillow", "numpy", "torch", "zstandard")

SIZE_AND_PSNR = {"bytes": ",d", "bpp": ".3f", "psnr_db": ".2f"}  # columns of a table of files

Cell = str | int | float | None  # None: not measured, or does not apply


@dataclass(frozen=True)
class Table:
    """Rows of equal columns. A column's name is its JSON field and its heading; its value is a format, as in f"{…}".

    A column whose format is None is not printed.
    """

    name: str
    title: str
    columns: Mapping[str, str | None]
    rows: list[Mapping[str, Cell]] = field(default_factory=list)

    def text(self) -> str:
        """The table, words to the left and numbers to the right."""
        names = [name for name, spec in self.columns.items() if spec is not None]
        heads = [name.replace("_", " ").replace(" db", " dB") for name in names]
        cells = [self.cells(row) for row in self.rows]
        widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
        words = [any(isinstance(row[name], str) for row in self.rows) for name in names]
        lines = [_aligned(line, widths, words) for line in [heads, ["-" * width for width in widths], *cells]]
        return "\n".join([self.title, "", *lines])

    def cells(self, row: Mapping[str, Cell]) -> list[str]:
        """The row as it is printed."""
        return [_shown(row[name], spec) for name, spec in self.columns.items() if spec is not None]


def _shown(cell: Cell, spec: str) -> str:
    if cell is None:
        return "–"
    return cell if isinstance(cell, str) else format(cell, spec)


def _aligned(cells: Sequence[str], widths: Sequence[int], words: Sequence[bool]) -> str:
    padded = [c.ljust(w) if left else c.rjust(w) for c, w, left in zip(cells, widths, words, strict=True)]
    return "  ".join(padded).rstrip()


class Report:
    """Collects the tables of one measurement; says on stderr what is being done and every row as it comes."""

    def __init__(self, measurement: str, settings: Mapping[str, object]) -> None:
        self.measurement, self.settings = measurement, settings
        self.tables: list[Table] = []
        self.complete = False
        self._machine = machine()
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the measurement began."""
        return time.perf_counter() - self._started

    def table(self, name: str, title: str, columns: Mapping[str, str | None]) -> Table:
        """A new, empty table."""
        self.tables.append(Table(name, title, columns))
        return self.tables[-1]

    def add(self, table: Table, row: Mapping[str, Cell]) -> None:
        """A finished row; it must have exactly the table's columns."""
        if row.keys() != table.columns.keys():
            raise ValueError(f"table {table.name}: expected columns {list(table.columns)}, got {list(row)}")
        table.rows.append(row)
        self.say("  ".join(table.cells(row)))

    def say(self, text: str) -> None:
        """A line of progress."""
        print(f"[{self.seconds:7.1f} s] {text}", file=sys.stderr, flush=True)

    def text(self) -> str:
        """All tables that have rows."""
        return "\n\n".join(table.text() for table in self.tables if table.rows)

    def json(self) -> str:
        """Everything, also what was not printed; an infinite PSNR is null."""
        values = {
            "measurement": self.measurement,
            "complete": self.complete,
            "seconds": round(self.seconds, 3),
            "settings": {key: _plain(value) for key, value in self.settings.items()},
            "versions": versions(),
            "machine": self._machine,
            "tables": {t.name: [{k: _plain(v) for k, v in row.items()} for row in t.rows] for t in self.tables},
        }
        return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> Any:
    """As JSON knows it."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def versions() -> dict[str, str]:
    """Of this package, of Python and of the packages a measurement depends on."""
    import pillow_inr

    found = {"pillow-inr": pillow_inr.__version__, "source": source_digest(), "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


@cache
def source_digest() -> str:
    """Twelve hexadecimal digits that change with any file a save or a load may use: a version between versions."""
    plugin, core = Path(__file__).parents[1], Path(inr_core.__file__).parent
    digest = hashlib.sha256()
    for folder in (core, plugin):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc" and plugin / "bench" not in path.parents:
                digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def machine() -> dict[str, Cell]:
    """The processor, its cores that this process may use, the system, and the load of the last minute."""
    system = f"{platform.system()} {platform.machine()}"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"cpu": cpu_name(), "cores": cores(), "system": system, "load_before": load}


def cpu_name() -> str:
    """As the system calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


@contextmanager
def stopwatch() -> Iterator[list[float]]:
    """A list that holds the seconds of the block once it is done."""
    seconds: list[float] = []
    start = time.perf_counter()
    yield seconds
    seconds.append(time.perf_counter() - start)
