"""Where no thread can be had, and where others work at once: decoding and saving do what they do."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from small_files import LATENT, SIREN
from thread_limits import no_thread
from toy_prior import smooth_picture

from inr_core import Settings, decode, encode


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("_thread.start_new_thread", no_thread)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("data", [SIREN, LATENT], ids=["siren", "latent"])
def test_decoding_needs_no_thread(data: bytes) -> None:
    assert np.array_equal(decode(data, threads=3), decode(data, threads=1))
    pytest.importorskip("torch")
    assert np.array_equal(decode(data, device="torch"), decode(data, threads=1))


@pytest.mark.parametrize(
    "options",
    [
        {"effort": 0},
        {"effort": 1},
        {"model": "siren", "steps": 20},
        pytest.param({"effort": 1, "target_size": 1500}, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_saving_needs_no_thread(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], count: int) -> None:
    pytest.importorskip("torch")
    picture = smooth_picture(np.random.default_rng(2), 40, 50, 3)
    expected = encode(picture, Settings(threads=2, **options))
    reports: list[object] = []
    monkeypatch.setattr("_thread.start_new_thread", no_thread)
    assert encode(picture, Settings(threads=count, **options), progress=reports.append) == expected
    assert reports


LITTLE_MEMORY = """
import faulthandler, hashlib, resource, sys
from pathlib import Path
import numpy as np
from inr_core import decode
faulthandler.dump_traceback_later(100, exit=True)
data = [Path(name).read_bytes() for name in sys.argv[1:]]
expected = [decode(one, threads=1) for one in data]
def has():
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
outcomes = set()
for extra in [k << 20 for k in (*range(0, 40, 4), 100, 170, 200, 330, 400)]:
    resource.setrlimit(resource.RLIMIT_AS, (has() + extra, resource.RLIM_INFINITY))
    for one, pixels in zip(data, expected):
        try:
            outcomes.add(np.array_equal(decode(one, threads=6), pixels))
        except MemoryError:
            outcomes.add("memory")
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(*sorted(map(str, outcomes)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_where_memory_is_too_little_for_threads_the_pixels_are_right(tmp_path: Any) -> None:
    for name, data in (("a", SIREN), ("b", LATENT)):
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-c", LITTLE_MEMORY, str(tmp_path / "a"), str(tmp_path / "b")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() in (["True"], ["True", "memory"])


def called(function: Callable[[], object]) -> bool:
    """Whether it returns, in a thread."""
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(60)
    return bool(results)


def test_any_thread_may_save_and_decode() -> None:
    pytest.importorskip("torch")
    picture = smooth_picture(np.random.default_rng(2), 20, 20, 3)
    assert called(lambda: decode(LATENT, threads=2))
    assert called(lambda: encode(picture, Settings(effort=1, threads=2)))
    assert called(lambda: encode(picture, Settings(model="siren", steps=5)))
