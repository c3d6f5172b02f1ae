"""The slowest and largest legal files: searched for over what the limits allow, by measuring small parts of them.

    python tests/fuzz/slowest.py [--seconds 60] [--seed 0]

For each kind of file, shapes and contents are drawn within the format's limits, a picture that takes a third of a
nominal second is made of each and decoded by another process; what keeps a core busy for the longest by default
limits is varied further. Prints the slowest that was found of each kind: bytes of the file, seconds of CPU time a
megapixel, how often the nominal machine's that is, bytes of memory a pixel, and for the largest picture that the format
allows, for the largest that is decoded by default, and for that of `Limits.untrusted()`: megapixels, seconds and GiB.
Without compiled kernels, the nominal machine has none either. Of the exact model's pictures, one strip is unpacked at a
time, and the others are pixels.
"""

from __future__ import annotations

import argparse
import io
import math
import multiprocessing as mp
import random
import sys
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from slow_files import KINDS, Draw, Kind, tiny

from inr_core import Limits, decode, describe
from inr_core.container import chunks
from inr_core.container.chunks import MAX_CHUNKS
from inr_core.exact.planes import MAX_MIXED, STRIP_PIXELS
from inr_core.kernels import switch
from inr_core.models import MAX_PIXELS, MAX_WORK, MODELS

FEW, MORE, MOST = 2**10, 2**14, 2**21  # pixels of what is measured
MEASURED = 0.3  # nominal seconds
FIRST, SHARE = 6, 0.6  # drawn anew before any is varied; of the draws that vary the best one from then on


@dataclass(frozen=True)
class Found:
    """A file that was measured."""

    draw: Draw
    bytes: int
    seconds: float  # of CPU time a pixel
    times: float  # how often those of the nominal machine
    memory: float  # bytes a pixel of what is unpacked at once
    pixel: int  # bytes of one; 0: all of the picture is unpacked at once
    most: int  # pixels that the format allows
    opened: int  # that are decoded by default
    untrusted: int  # of strangers

    @property
    def by_default(self) -> float:
        """Seconds of the largest picture that is decoded by default."""
        return self.opened * self.seconds

    def gib(self, pixels: int) -> float:
        """Of memory, for so many pixels."""
        strip = max(STRIP_PIXELS, pixels // MAX_CHUNKS) if self.pixel else pixels
        return (min(pixels, strip) * self.memory + max(0, pixels - strip) * self.pixel) / 2**30


def measured(kind: Kind, draw: Draw, *, fresh: bool = False) -> Found:
    """What a file takes, from a tiny picture and one of more pixels: what both take alike does not grow.

    fresh: by processes that have no memory of this one to use again.
    """
    sizes = [FEW, MORE]
    files = [kind.make(draw, pixels) for pixels in sizes]
    rate = max(nominal(files[1]) - nominal(files[0]), 1e-9) / (sizes[1] - sizes[0])
    files[1] = kind.make(draw, int(min(max(MORE, FEW + MEASURED / rate), MOST)))
    times, memories = zip(*(cost(data, fresh) for data in files), strict=True)
    heads = [chunks.read_head(io.BytesIO(data)).header for data in files]
    few, many = (head.width * head.height for head in heads)
    pixels = max(1, many - few)
    seconds, memory = max(0.0, times[1] - times[0]) / pixels, max(0.0, memories[1] - memories[0]) / pixels
    expected = max(nominal(files[1]) - nominal(files[0]), 1e-9)
    asked = describe(files[1]).cost.seconds / many  # whatever the kernels, this is what limits are about
    most = limit(files[1])
    untrusted, hidden = Limits.untrusted(), getattr(heads[1].parameters, "hidden", 0)
    return Found(
        draw=draw | ({"hidden": hidden} if hidden else {}),  # fewer than drawn where a network may not have so many
        bytes=len(files[1]),
        seconds=seconds,
        times=seconds * pixels / expected,
        memory=memory,
        pixel=heads[1].channels * heads[1].bit_depth // 8 if heads[1].model == "exact" else 0,
        most=most,
        opened=min(most, math.floor(Limits().seconds / asked)),
        untrusted=math.floor(min(most, untrusted.pixels, untrusted.seconds / asked)),
    )


def nominal(data: bytes) -> float:
    """Seconds of the nominal machine, with kernels like those that are used here."""
    cost = describe(data).cost
    return cost.seconds if switch.compiled() else cost.numpy_seconds


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
        if best is not None and found.by_default > best.by_default:  # once more: a busy machine may have been slow
            found = min(found, measured(kind, draw), key=lambda each: each.by_default)
        if best is None or found.by_default > best.by_default:
            best = found
    return replace(best, memory=measured(kind, best.draw, fresh=True).memory)


def cost(data: bytes, fresh: bool) -> tuple[float, int]:
    """Seconds of CPU time and bytes of peak memory of a process that decodes a file, beyond one that does not."""
    context: Any = mp.get_context("spawn" if fresh else "fork")  # which imports nothing again
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
    most = (
        f"{count / 1e6:.1f} | {count * found.seconds:.0f} | {found.gib(count):.1f}"
        for count in (found.most, found.opened, found.untrusted)
    )
    return (
        f"| {name}: {drawn} | {found.bytes:,} | {1e6 * found.seconds:.2f} | {found.times:.2f} | {found.memory:.0f} | "
        f"{' | '.join(most)} |"
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="to search for each kind (60)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    limits = " | ".join(f"{name}: megapixels | s | GiB" for name in ("format", "default", "untrusted"))
    print(f"| file | bytes | s a megapixel | of nominal | bytes a pixel | {limits} |\n|---|{13 * '---:|'}")
    for name, kind in KINDS.items():
        print(row(name, search(kind, args.seconds, random.Random(args.seed))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
