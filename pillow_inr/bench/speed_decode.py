"""Decoding against a bare forward pass in torch: the same network in float32, on as many threads, gradients off.

Torch has the coordinates beforehand, ω folded into the weights and the sine in place, and stops at float samples; we
start from the file's bytes and end with uint8 pixels.
"""

from __future__ import annotations

import io
import statistics
from collections.abc import Sequence

import torch
from torch import Tensor

from inr_core.container.chunks import read_head
from inr_core.decoder import Decoder, decode, describe
from inr_core.fit.siren.network import Grid, Siren
from inr_core.fit.siren.quantise import QuantisedForward
from inr_core.models import SirenShape
from inr_core.siren.plan import BIAS_BITS

from .float_fit import CPU, PEAK, file_of
from .report import Cell, Report, stopwatch
from .speed_loops import waves
from .torch_threads import torch_threads

BITS = 8
CHUNK = 8192  # pixels
OURS, READ, EVALUATE = "inr_core.decode", "… reading the network", "… evaluating it"
WHOLE, CHUNKS = "torch, whole batch", f"torch, chunks of {CHUNK}"
COLUMNS = {"threads": "d", "what": "", "median_ms": ".1f", "lowest_ms": ".1f", "highest_ms": ".1f", "speed": ".3f"}


def random_siren(width: int, depth: int) -> Siren:
    """Untrained: its weights are uniformly random."""
    return Siren(SirenShape(width, depth).linear(3), 50.0, 30.0, 0, CPU)


def random_file(size: tuple[int, int], width: int, depth: int) -> bytes:
    """An RGB file of `size` (width, height) with that network, its weights of eight bits."""
    siren = random_siren(width, depth)
    return file_of(size, QuantisedForward(siren, [None] * depth, [BITS] * depth, BIAS_BITS, PEAK, "range").stored())


def measure(report: Report, data: bytes, threads: Sequence[int], rounds: int) -> None:
    """A row for each contestant and number of threads."""
    head = read_head(io.BytesIO(data))
    header, payload = head.header, data[head.payload_offset :]
    shapes = [layer.shape for layer in describe(data).layers]
    title = f"Decoding {header.width}×{header.height}, {len(shapes)}×{shapes[0][0]} dense weights of {BITS} bits"
    table = report.table("decode", f"{title} (speed: the faster torch is 1)", COLUMNS)
    bare = Bare(random_siren(shapes[0][0], len(shapes)))
    grid = Grid(waves(header.width, header.height), PEAK, False, CPU, 0)
    x = torch.cat([coordinates for coordinates, _ in grid.blocks()])
    for count in threads:
        times: dict[str, list[float]] = {OURS: [], READ: [], EVALUATE: [], WHOLE: [], CHUNKS: []}
        for turn in range(rounds + 1):
            if turn == 1:  # the first warms up
                times = {name: [] for name in times}
            report.say(f"decode: {count} threads, round {turn} of {rounds}")
            with stopwatch() as times_ours:
                decode(data, threads=count)
            with stopwatch() as times_read:
                decoder = Decoder(head, payload, count)
            with stopwatch() as times_evaluate:
                decoder.decode()
            with torch_threads(count):
                with stopwatch() as times_whole:
                    bare.forward(x, len(x))
                with stopwatch() as times_chunks:
                    bare.forward(x, CHUNK)
            taken = times_ours, times_read, times_evaluate, times_whole, times_chunks
            for name, seconds in zip(times, taken, strict=True):
                times[name] += seconds
        medians = {name: statistics.median(values) for name, values in times.items()}
        fastest = min(medians[WHOLE], medians[CHUNKS])
        for name, values in times.items():
            row: dict[str, Cell] = {
                "threads": count,
                "what": name,
                "median_ms": 1000 * medians[name],
                "lowest_ms": 1000 * min(values),
                "highest_ms": 1000 * max(values),
                "speed": None if name in (READ, EVALUATE) else fastest / medians[name],
            }
            report.add(table, row)


class Bare:
    """The network in float32, ω folded into its weights."""

    def __init__(self, siren: Siren) -> None:
        omegas = [*siren.omegas, 1.0]
        self.weights = [(omega * w).detach() for omega, w in zip(omegas, siren.weights, strict=True)]
        self.biases = [(omega * b).detach() for omega, b in zip(omegas, siren.biases, strict=True)]

    @torch.inference_mode()
    def forward(self, x: Tensor, chunk: int) -> Tensor:
        """Coordinates (n, 2) → samples (n, C), `chunk` pixels at a time."""
        return torch.cat([self._forward(part) for part in torch.split(x, chunk)])

    def _forward(self, x: Tensor) -> Tensor:
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = torch.nn.functional.linear(x, weight, bias).sin_()
        return torch.nn.functional.linear(x, self.weights[-1], self.biases[-1])
