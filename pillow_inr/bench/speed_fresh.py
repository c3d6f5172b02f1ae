"""What a program pays that only opens pictures: import, open, load and peak memory, each in fresh interpreters."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inr_core.errors import InrError

from .report import Cell, Report, Table

OPENS = 300  # of one file in one interpreter
COLUMNS = {"what": "", "threads": "d", "median": ".2f", "lowest": ".2f", "highest": ".2f", "unit": ""}

_IMPORT = """
import sys, time
start = time.perf_counter()
import PIL.Image
pillow = time.perf_counter()
import pillow_inr
result = [pillow - start, time.perf_counter() - pillow]
"""

# Opening needs less than loading, so the first `load` pays for the imports that opening left out.
_OPEN = """
import sys, time
import PIL.Image, pillow_inr
def timed(action):
    start = time.perf_counter()
    im = action()
    seconds = time.perf_counter() - start
    im.close()
    return seconds
def loaded():
    im = PIL.Image.open(path)
    im.load()
    return im
pillow_inr.InrImagePlugin.DECODE_THREADS = threads
first = timed(lambda: PIL.Image.open(path))
opened = [timed(lambda: PIL.Image.open(path)) for _ in range(opens)]
loads = [timed(loaded) for _ in range(3)]
result = [first, sorted(opened), loads]
"""

_MEMORY = """
import inr_core
with open(path, "rb") as fp:
    inr_core.decode(fp.read(), threads=threads)
from pillow_inr.bench.fresh import peak_bytes
result = peak_bytes()
"""


def measure(report: Report, data: bytes, threads: Sequence[int], starts: int) -> None:
    """A row for each thing a program waits for, and its peak memory."""
    table = report.table("fresh", "In fresh interpreters, without torch (MB: 10⁶ bytes)", COLUMNS)
    report.say(f"fresh: {starts} imports")
    imports = [run_fresh(_IMPORT) for _ in range(starts)]
    _add_ms(report, table, "import PIL.Image", None, [pillow for pillow, _ in imports])
    _add_ms(report, table, "import pillow_inr added to it", None, [ours for _, ours in imports])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.inr"
        path.write_bytes(data)
        for count in threads:
            report.say(f"fresh: open, load and decode, {count} threads")
            runs = [run_fresh(_OPEN, path=str(path), opens=OPENS, threads=count) for _ in range(max(1, starts // 5))]
            if count == threads[0]:
                _add_ms(report, table, "first Image.open, imports included", None, [first for first, _, _ in runs])
                _add_ms(report, table, "Image.open without load, warm", None, [s for _, warm, _ in runs for s in warm])
            firsts = [loads[0] for _, _, loads in runs]
            _add_ms(report, table, "first Image.open and load, imports included", count, firsts)
            _add_ms(report, table, "Image.open and load, warm", count, [s for _, _, loads in runs for s in loads[1:]])
            peak = run_fresh(_MEMORY, path=str(path), threads=count) / 1e6
            _add(report, table, "peak memory of a process that decodes", count, [peak], "MB")


def run_fresh(code: str, without: Sequence[str] = ("torch",), **values: object) -> Any:
    """Run a program with these variables in a fresh interpreter and return its `result`.

    InrError where it fails, or where it imports what it should do without.
    """
    variables = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    tail = f"import json, sys\nprint(json.dumps([result, [m for m in {tuple(without)!r} if m in sys.modules]]))"
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", variables + code + tail]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InrError(f"fresh interpreter: {done.stderr.strip().splitlines()[-1]}")
    result, unwanted = json.loads(done.stdout)
    if unwanted:
        raise InrError("fresh interpreter: expected no {', '.join(unwanted)}, got it imported")
    return result


def _add_ms(report: Report, table: Table, what: str, threads: int | None, seconds: Sequence[float]) -> None:
    _add(report, table, what, threads, [1000 * s for s in seconds], "ms")


def _add(report: Report, table: Table, what: str, threads: int | None, values: Sequence[float], unit: str) -> None:
    row: dict[str, Cell] = {
        "what": what,
        "threads": threads,
        "median": statistics.median(values),
        "lowest": min(values),
        "highest": max(values),
        "unit": unit,
    }
    report.add(table, row)
