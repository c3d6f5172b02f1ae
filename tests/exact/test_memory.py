"""What opening and saving exact pictures takes beside the pictures themselves, whatever the number of threads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inr_core import Settings, encode
from inr_core.container.header import Raster
from inr_core.exact.planes import strips_at_once
from inr_core.kernels import switch

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc"),
    pytest.mark.skipif(not switch.compiled(), reason="nothing is compiled here"),
]

PEAK = r"""
import re, sys
from pathlib import Path
from inr_core import Settings, decode, encode
what, path, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
def taken(which):
    return 1024 * int(re.search(which + r":\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
def save(pixels):
    encode(pixels, Settings(threads=threads, effort=1, lossless=True))
data = path.read_bytes()
small = decode(data, region=(0, 0, 90, 20), threads=threads)
picture = decode(data, threads=1) if what != "open" else None
save(small) if what != "open" else None
before = taken("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
made = decode(data, threads=threads) if what == "open" else save(picture)
print(taken("VmHWM") - before - (made.nbytes if what == "open" else 0))
"""


def screen() -> np.ndarray:
    """Eight megapixels, eight strips, mostly flat."""
    pixels = np.full((2000, 4000, 3), 240, np.uint8)
    pixels[::250, 100:900] = np.random.default_rng(1).integers(0, 4, (8, 800, 1)) * 60
    return pixels


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("memory") / "screen.inr"
    path.write_bytes(encode(screen(), Settings(lossless=True, effort=1)))
    return path


@pytest.mark.parametrize(("what", "threads", "most"), [("open", 1, 60e6), ("open", 8, 107e6), ("save", 8, 150e6)])
def test_the_peak_beside_the_picture_is_bounded(path: Path, what: str, threads: int, most: float) -> None:
    command = [sys.executable, "-c", PEAK, what, str(path), str(threads)]
    assert 30e6 < int(subprocess.run(command, capture_output=True, check=True).stdout) < most


def test_more_strips_at_once_only_where_the_picture_is_large_itself() -> None:
    assert strips_at_once(Raster(4000, 3000, "RGB", 8, 3)) == 2
    assert strips_at_once(Raster(10_000, 10_000, "RGB", 8, 3)) == 6
    assert strips_at_once(Raster(10_000, 10_000, "P", 8, 3)) == 2
    assert strips_at_once(Raster(10_000, 10_000, "RGBA", 16, 4)) == 16
