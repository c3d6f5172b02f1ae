"""The slowest and largest legal files: searched for over what the limits allow, by measuring small parts of them.

    python tests/fuzz/slowest.py [--seconds 60] [--seed 0]

For each kind of file, shapes and contents are drawn within the format's limits, a picture of a few pixels is made of
each and decoded by a fresh process; what keeps a core busy for the longest by default limits is varied further. Prints
the slowest that was found of each kind: bytes of the file, seconds of CPU time a megapixel and those of the nominal
machine, bytes of memory a pixel, and the minutes and GiB of the largest picture that the format allows, and of the
largest that is decoded by default.
"""

from __future__ import annotations

import argparse
import io
import math
import multiprocessing as mp
import random
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from slow_files import KINDS, Draw, Kind, tiny

from inr_core import Limits, decode, describe
from inr_core.container import chunks
from inr_core.exact.planes import MAX_MIXED
from inr_core.models import MAX_PIXELS, MAX_WORK, MODELS

FIRST, SHARE = 6, 0.6  # drawn anew before any is varied; of the draws that vary the best one from then on


@dataclass(frozen=True)
class Found:
    """A file that was measured."""

    draw: Draw
    bytes: int
    seconds: float  # of CPU time a pixel
    nominal: float
    memory: float  # bytes a pixel
    most: int  # pixels that the format allows
    opened: int  # that are decoded by default

    @property
    def minutes(self) -> float:
        """Of the largest picture that is decoded by default."""
        return self.opened * self.seconds / 60


def measured(kind: Kind, draw: Draw) -> Found:
    """What a file takes, from a picture and one of more pixels: what both take alike does not grow."""
    small, large = (kind.make(draw, pixels) for pixels in (kind.pixels // 4, kind.pixels))
    (time_a, memory_a), (time_b, memory_b) = cost(small), cost(large)
    count = [
        head.width * head.height for head in (chunks.read_head(io.BytesIO(data)).header for data in (small, large))
    ]
    pixels = max(1, count[1] - count[0])
    nominal = describe(large).cost.seconds / count[1]
    most = limit(large)
    opened = min(most, math.floor(Limits().seconds / nominal))
    memory = max(0.0, (memory_b - memory_a) / pixels)
    return Found(draw, len(large), max(0.0, (time_b - time_a) / pixels), nominal, memory, most, opened)


def limit(data: bytes) -> int:
    """Pixels that a picture with these networks, or as many bytes a pixel, may have."""
    head = chunks.read_head(io.BytesIO(data)).header
    pixels = head.width * head.height
    narrow = max(pixels, 65_535 * min(head.width, head.height)) if head.width != head.height else MAX_PIXELS
    if head.macs:
        return min(MAX_PIXELS, MAX_WORK // head.macs, narrow)
    row = MODELS[head.model]
    most = min(narrow, row.max_pixels, row.max_payload * pixels // head.payload_bytes)
    if any(part.predictor == "mixing coder" for part in describe(data).parts):
        most = min(most, MAX_MIXED // (head.channels * head.bit_depth))
    return most


def search(kind: Kind, seconds: float, rng: random.Random) -> Found:
    """The file of a kind that keeps a core busy for the longest by default limits, of those that there is time for."""
    best: Found | None = None
    ended = time.monotonic() + seconds
    tried = 0
    while time.monotonic() < ended or best is None:
        vary = best is not None and tried >= FIRST and rng.random() < SHARE
        draw = kind.varied(best.draw, rng) if vary and best else kind.draw(rng)
        tried += 1
        found = measured(kind, draw)
        if best is None or found.minutes > best.minutes:
            best = found
    return best


def cost(data: bytes) -> tuple[float, int]:
    """Seconds of CPU time and bytes of peak memory of a fresh process that decodes a file, beyond one that does not."""
    context = mp.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_measure, args=(there, data))
    process.start()
    result: tuple[float, int] = here.recv()
    process.join()
    return result


def _measure(connection: Connection, data: bytes) -> None:
    decode(tiny(chunks.read_head(io.BytesIO(data)).header.model))  # imports, and the prior
    before = peak_memory()
    started = time.process_time()
    decode(data, threads=1, limits=Limits.unlimited())
    connection.send((time.process_time() - started, peak_memory() - before))


def peak_memory() -> int:
    """Most resident memory since the last call, in bytes. Linux: what `resource` says is the parent's, in a child."""
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5")  # it starts again from what is resident now
    return 1024 * peak


def row(name: str, found: Found) -> str:
    """Of the table."""
    drawn = ", ".join(f"{key} {value}" for key, value in found.draw.items())
    whole, opened = (count * found.seconds / 60 for count in (found.most, found.opened))
    return (
        f"| {name}: {drawn} | {found.bytes:,} | {1e6 * found.seconds:.2f} | {1e6 * found.nominal:.2f} | "
        f"{found.memory:.0f} | {found.most / 1e6:.1f} | {whole:.1f} | {found.opened / 1e6:.1f} | {opened:.1f} | "
        f"{found.opened * found.memory / 2**30:.1f} |"
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="to search for each kind (60)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print("| file | bytes | s a megapixel | nominal | bytes a pixel | megapixels, format | minutes | "
          "megapixels, default | minutes | GiB |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")  # fmt: skip
    for name, kind in KINDS.items():
        print(row(name, search(kind, args.seconds, random.Random(args.seed))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
