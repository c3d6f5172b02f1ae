"""The slowest and largest legal files, a small part of each decoded and what the limits allow computed from it.

    python tests/fuzz/slowest.py

Every kind of file keeps its networks and is given fewer pixels. Prints for each: bytes of the file, seconds of CPU time
and peak memory of a process that decodes it, the same for every further million pixels, and both at the limit.
"""

from __future__ import annotations

import dataclasses
import io
import multiprocessing as mp
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from networks import header_of, make_file, make_palette, shapes_of
from PIL import Image

from inr_core import Metadata, decode, describe
from inr_core.container import chunks, zstd
from inr_core.container.fields import with_length
from inr_core.container.header import Header, check_header
from inr_core.exact.planes import MAX_MIXED, strip_shapes
from inr_core.exact.prediction import MEDIAN
from inr_core.exact.strips import MIXED, PLANES_SHIFT
from inr_core.kernels import mixing
from inr_core.latent import encoding, latents, prior
from inr_core.models import MAX_PIXELS, MAX_WORK, MODELS, ExactShape, LatentShape
from inr_core.siren.weights import UNIFORM, QuantisedLayer

Maker = Callable[[int], bytes]  # side in pixels → file


def siren(hidden: int, layers: int, bits: int, mode: str = "RGBA") -> Maker:
    """Networks of so many neurons whose largest weights, at 16 bits, need products of double precision."""

    def make(side: int) -> bytes:
        channels = 4 if mode == "P" else None
        header = header_of(mode, channels=channels, width=side, height=side, hidden=hidden, layers=layers)
        check_header(header)
        built = []
        for k, shape in enumerate(shapes_of(header)):
            codes = np.full(shape[0] * shape[1], 2**bits - 2, np.uint16)
            bias = np.zeros(shape[0], np.int32)
            built.append(QuantisedLayer(np.ones(shape, np.bool_), codes, UNIFORM, bits, 99_999, bias, 24 if
                                        k == layers - 1 else 1))  # fmt: skip
        palette = np.resize(make_palette(4), (256, 4)) if mode == "P" else None
        return make_file(header, built, palette)

    return make


def latent(noisy: bool, skip: bool, levels: int) -> Maker:
    """RGBA of 16 bits: noise at the finest step, or grey at the coarsest. `skip`: no symbols where 0 is sure."""

    def make(side: int) -> bytes:
        components = (3, 1)
        shape = (side, side, 4)
        samples = np.random.default_rng(0).integers(0, 2**16, shape) if noisy else np.full(shape, 2**15)
        step = 0 if noisy else 255
        picture = latents.quantise(samples.astype(np.uint16), prior.load(1), components, step, levels)
        payloads = encoding._encode(picture, prior.load(1), skip, 1, "cpu")[0]
        header = Header(side, side, "RGBA", 16, 4, LatentShape(1, step, levels))
        return chunks.write(header, None, Metadata(), payloads)

    return make


def mixed(noisy: bool) -> Maker:
    """RGBA of 16 bits by the mixing coder, bit by bit: noise, or a board of two colours, which has no flat blocks."""

    def make(side: int) -> bytes:
        header = Header(side, side, "RGBA", 16, 4, ExactShape())
        payloads = []
        for shape in strip_shapes(header):
            y, x = np.ogrid[: shape.height, : shape.width]
            board = np.where((x ^ y) & 1, np.uint64(2**63 - 1), np.uint64(2**62 + 12345))
            noise = np.random.default_rng(0).integers(0, 2**64, board.shape, np.uint64) & np.uint64(0x7FFF7FFF7FFF7FFF)
            data = mixing.write_pixels(noise if noisy else board, shape.planes, 16, noisy)
            assert data is not None  # not more than plain samples take: hence 15 bits of noise
            payloads.append(bytes([MIXED | shape.planes - 1 << PLANES_SHIFT | noisy]) + with_length(data))
        return chunks.write(header, None, Metadata(), payloads)

    return make


def exact(predictor: int, from_second: bool) -> Maker:
    """RGBA of 16 bits, all of it one byte again and again: a frame of next to nothing."""

    def make(side: int) -> bytes:
        header = Header(side, side, "RGBA", 16, 4, ExactShape())
        payloads = []
        for shape in strip_shapes(header):
            body = zstd.squeeze(b"\x55" * (8 * shape.height * shape.width))
            payloads.append(bytes([48 | 8 * from_second | predictor]) + with_length(body))
        return chunks.write(header, None, Metadata(), payloads)

    return make


KINDS: dict[str, tuple[Maker, int, int]] = {  # name: file of a side, small side, large side
    "siren, 1 neuron, 64 layers": (siren(1, 64, 2), 512, 1024),
    "siren, 16 neurons, 64 layers": (siren(16, 64, 2), 256, 512),
    "siren, 16 neurons, 64 layers, 16 bits, mode P": (siren(16, 64, 16, "P"), 256, 512),
    "siren, 125 neurons, 3 layers": (siren(125, 3, 8), 512, 1024),
    "siren, 260 neurons, 64 layers, 13 bits": (siren(260, 64, 13), 64, 128),
    "siren, 1023 neurons, 6 layers": (siren(1023, 6, 8), 64, 128),
    "latent, no symbols": (latent(False, True, 16), 1024, 2048),
    "latent, every symbol": (latent(False, False, 1), 1024, 2048),
    "latent, every symbol, noise": (latent(True, False, 1), 512, 1024),
    "exact, 16 bits, median": (exact(MEDIAN, True), 2048, 4096),
    "exact, mixing coder, 16 bits": (mixed(False), 1448, 2048),  # one strip and two
    "exact, mixing coder, 16 bits, noise": (mixed(True), 1448, 2048),
}


def limit(data: bytes) -> int:
    """Pixels that a picture with these networks, or as many bytes a pixel, may have."""
    head = chunks.read_head(io.BytesIO(data)).header
    pixels = head.width * head.height
    if head.model == "siren":
        return min(MAX_PIXELS, MAX_WORK // head.macs)
    row = MODELS[head.model]
    most = min(row.max_pixels, row.max_payload * pixels // head.payload_bytes)
    if any(part.predictor == "mixing coder" for part in describe(data).parts):
        most = min(most, MAX_MIXED // (head.channels * head.bit_depth))
    return most


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
    decode(_tiny(chunks.read_head(io.BytesIO(data)).header))  # imports, and the prior
    before = peak_memory()
    started = time.process_time()
    decode(data, threads=1)
    connection.send((time.process_time() - started, peak_memory() - before))


def peak_memory() -> int:
    """Most resident memory since the last call, in bytes. Linux: what `resource` says is the parent's, in a child."""
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5")  # it starts again from what is resident now
    return 1024 * peak


def _tiny(header: Header) -> bytes:
    """A file of the same model, so that imports and the prior are there before anything is measured."""
    if header.model == "siren":
        return make_file(dataclasses.replace(header_of("RGB"), width=8, height=8))
    return (latent(False, True, 1) if header.model == "latent" else exact(MEDIAN, True))(8)


def main() -> int:
    """Print the table."""
    print("| file | bytes | s a megapixel | bytes a pixel | megapixels at the limit | minutes | GiB | "
          f"minutes at Pillow's {Image.MAX_IMAGE_PIXELS} |\n|---|---:|---:|---:|---:|---:|---:|---:|")  # fmt: skip
    for name, (make, small, large) in KINDS.items():
        first, second = make(small), make(large)
        (time_a, memory_a), (time_b, memory_b) = cost(first), cost(second)
        pixels = large**2 - small**2
        seconds, memory = (time_b - time_a) / pixels, max(0.0, (memory_b - memory_a) / pixels)
        most = limit(second)
        unwarned = min(most, Image.MAX_IMAGE_PIXELS or most)
        print(f"| {name} | {len(second):,} | {1e6 * seconds:.2f} | {memory:.0f} | {most / 1e6:.1f} | "
              f"{most * seconds / 60:.1f} | {most * memory / 2**30:.1f} | {unwarned * seconds / 60:.1f} |",
              flush=True)  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
