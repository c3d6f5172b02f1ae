"""One encode or decode in a fresh interpreter: its seconds and its peak memory, with nothing left over from before.

`python -m pillow_inr.bench.fresh` reads a task as JSON and writes what it measured as JSON. It imports Pillow and what
the format itself imports, nothing else: the peak is what a program pays that does only this, interpreter and picture
included. What the first use imports is not timed.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from PIL import Image

from inr_core.errors import InrError

REPEATS, ENOUGH_SECONDS = 5, 1.0  # an action is timed so often, or until it has taken so long; the median counts
WARM_UP_STEPS = 2  # of ours


@dataclass(frozen=True)
class Task:
    """Write `source` as `target`, or, without a source, load `target`, or make a thumbnail of it."""

    source: str | None
    target: str
    format: str  # Pillow's name
    options: Mapping[str, object]  # of `Image.save`
    plugin: str | None  # the module that registers the format, where Pillow does not
    thumbnail: int | None = None  # pixels of its longer side


@dataclass(frozen=True)
class Cost:
    """What a task took."""

    seconds: float
    peak_bytes: int | None  # None: this system does not say
    cpu_seconds: float  # of all threads


def measure(task: Task) -> Cost:
    """Run the task in a fresh interpreter. InrError, with what it said last, where it fails."""
    import inr_core
    import pillow_inr

    roots = [str(Path(package.__file__ or "").parents[1]) for package in (inr_core, pillow_inr)]
    paths = os.pathsep.join([*dict.fromkeys(roots), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(dataclasses.asdict(task)),
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise InrError(said[-1] if said else f"ended with code {done.returncode}")
    return Cost(**json.loads(done.stdout))


def perform(task: Task) -> Cost:
    """Run the task here."""
    if task.plugin:
        import_module(task.plugin)
    seconds, cpu_seconds = _median_seconds(_load(task) if task.source is None else _save(task, task.source))
    return Cost(seconds, peak_bytes(), cpu_seconds)


def _load(task: Task) -> Callable[[], None]:
    if task.format == "INR":
        from pillow_inr import InrImagePlugin

        threads = task.options.get("threads")
        InrImagePlugin.DECODE_THREADS = threads if isinstance(threads, int) else None

    def load() -> None:
        with Image.open(task.target) as im:
            if task.thumbnail is None:
                im.load()
            else:
                im.thumbnail((task.thumbnail, task.thumbnail))

    load()  # for what it imports
    return load


def _save(task: Task, source: str) -> Callable[[], None]:
    with Image.open(source) as im:
        im.load()
    options = dict(task.options)
    if task.format == "INR":
        few = {} if options.get("effort") == 0 else {"steps": WARM_UP_STEPS}  # effort 0 needs no torch
        Image.new("RGB", (8, 8)).save(io.BytesIO(), task.format, **{**options, **few})
    else:
        Image.init()
    return lambda: im.save(task.target, task.format, **options)


def _median_seconds(action: Callable[[], None]) -> tuple[float, float]:
    """On the clock, and of the processor."""
    times: list[float] = []
    busy: list[float] = []
    while len(times) < REPEATS and sum(times) < ENOUGH_SECONDS:
        start, start_busy = time.perf_counter(), time.process_time()
        action()
        times.append(time.perf_counter() - start)
        busy.append(time.process_time() - start_busy)
    return statistics.median(times), statistics.median(busy)


def peak_bytes() -> int | None:
    """The most memory this process has had resident.

    Not getrusage alone: Linux hands a child's ru_maxrss down from the process that started it.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as fp:
            return 1024 * next(int(line.split()[1]) for line in fp if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(perform(Task(**json.load(sys.stdin))))))
