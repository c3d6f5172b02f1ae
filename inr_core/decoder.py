"""Bytes → pixels: the whole picture in bands, any region of it, at any size."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .container import Head, list_chunks, read_head, read_payload
from .errors import SettingsError
from .modes import MAX_SIDE
from .network import BLOCK_PIXELS, Evaluator, Network
from .pixels import Array, axis_coordinates, from_samples
from .threads import cores, single_threaded_blas
from .weights import KIND_NAMES, to_network, unpack


class _Samples(Protocol):
    def samples(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Samples at every (x, y): (w,) and (h,) coordinates → (h, w, C)."""


class Decoder:
    """Decodes one file, of which `payload` are the bytes from `head.payload_offset` on.

    Raises TruncatedError if they end early, FormatError if they are not what the header promises.
    device: "cpu" (NumPy), or "torch", "cuda", "cuda:N", "mps" (the same pixels through torch).
    """

    def __init__(self, head: Head, payload: bytes, threads: int | None = None, device: str = "cpu") -> None:
        self.head = head
        header = head.header
        layers, _ = unpack(read_payload(header, payload), header)
        self.network: Network = to_network(layers, header)
        self.threads = threads or cores()
        self.device = device
        self._peak = 65_535 if header.bit_depth == 16 else 255
        self._dtype: type[np.uint8 | np.uint16] = np.uint16 if header.bit_depth == 16 else np.uint8

    def bands(self, block: int = BLOCK_PIXELS) -> Iterator[tuple[int, Array]]:
        """(first row, rows) from top to bottom: (h, W) or (h, W, C) in the file's mode, whatever `block` is."""
        header = self.head.header
        yield from self._bands(self._whole(), (header.width, header.height), block)

    def decode(self, size: tuple[int, int] | None = None, region: tuple[int, int, int, int] | None = None) -> Array:
        """The picture or its `region` (x0, y0, x1, y1), in pixels, evaluated at `size` (width, height).

        At the region's own size these are exactly the pixels of the whole picture. Smaller sizes are averages over
        each pixel's area, larger ones are evaluated between the pixels.
        """
        header = self.head.header
        box = self._whole() if region is None else _check_region(region, header.width, header.height)
        size = (box[2] - box[0], box[3] - box[1]) if size is None else _check_size(size)
        rows = [band for _, band in self._bands(box, size, BLOCK_PIXELS)]
        return np.concatenate(rows)

    def _whole(self) -> tuple[int, int, int, int]:
        return 0, 0, self.head.header.width, self.head.header.height

    def _bands(self, box: tuple[int, int, int, int], size: tuple[int, int], block: int) -> Iterator[tuple[int, Array]]:
        header = self.head.header
        x0, y0, x1, y1 = box
        width, height = size
        nx, ny = -(-(x1 - x0) // width), -(-(y1 - y0) // height)  # samples averaged along each axis of a pixel
        longest = max(header.width, header.height)
        x = axis_coordinates(header.width, longest, x0, x1, width * nx)
        y = axis_coordinates(header.height, longest, y0, y1, height * ny)
        rows = max(1, block // (width * nx * ny))  # output rows of a band

        def band(evaluator: _Samples, top: int) -> Array:
            bottom = min(top + rows, height)
            samples = evaluate_blocks(evaluator, x, y[top * ny : bottom * ny], block)  # (h·ny, w·nx, C)
            if nx * ny > 1:
                parts = samples.reshape(bottom - top, ny, width, nx, -1).sum((1, 3))
                samples = (parts + nx * ny // 2) // (nx * ny)
            return from_samples(samples.astype(self._dtype), header.mode, self.head.palette)

        tops = range(0, height, rows)
        if self.device != "cpu":
            evaluator = self._torch_evaluator()
            yield from ((top, band(evaluator, top)) for top in tops)
            return
        evaluators: SimpleQueue[Evaluator] = SimpleQueue()
        workers = min(self.threads, len(tops))
        for _ in range(workers):
            evaluators.put(Evaluator(self.network, self._peak, block))

        def work(top: int) -> Array:
            evaluator = evaluators.get()
            try:
                return band(evaluator, top)
            finally:
                evaluators.put(evaluator)

        with single_threaded_blas():
            if workers == 1:
                yield from ((top, work(top)) for top in tops)
                return
            with ThreadPoolExecutor(workers) as pool:
                yield from _in_order(pool, work, tops, 2 * workers)

    def _torch_evaluator(self) -> _Samples:
        from .network_torch import TorchEvaluator  # the only way here that needs torch

        return TorchEvaluator(self.network, self._peak, "cpu" if self.device == "torch" else self.device)


def evaluate_blocks(evaluator: _Samples, x: NDArray[np.int64], y: NDArray[np.int64], block: int) -> NDArray[np.int64]:
    """Samples (h, w, C) of any number of coordinates, at most `block` at a time."""
    columns = min(len(x), block)
    rows = max(1, block // columns)
    strips = []
    for top in range(0, len(y), rows):
        part = [evaluator.samples(x[left : left + columns], y[top : top + rows]) for left in range(0, len(x), columns)]
        strips.append(np.concatenate(part, 1))
    return np.concatenate(strips)


def _in_order(pool: ThreadPoolExecutor, work: Any, tops: range, ahead: int) -> Iterator[tuple[int, Array]]:
    """Results in order with at most `ahead` of them waiting, so that memory stays bounded."""
    waiting: deque[tuple[int, Future[Array]]] = deque()
    for top in tops:
        waiting.append((top, pool.submit(work, top)))
        if len(waiting) >= ahead:
            first, result = waiting.popleft()
            yield first, result.result()
    for first, result in waiting:
        yield first, result.result()


def _check_region(region: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = region
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise SettingsError(f"region: expected 0 ≤ x0 < x1 ≤ {width} and 0 ≤ y0 < y1 ≤ {height}, got {region}")
    return region


def _check_size(size: tuple[int, int]) -> tuple[int, int]:
    if not (1 <= size[0] <= MAX_SIDE and 1 <= size[1] <= MAX_SIDE):
        raise SettingsError(f"size: expected 1 to {MAX_SIDE} pixels a side, got {size}")
    return size


def decode(
    data: bytes,
    *,
    size: tuple[int, int] | None = None,
    region: tuple[int, int, int, int] | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> Array:
    """Decode a file's bytes → (H, W) or (H, W, C), uint8 or uint16; see `Decoder.decode`.

    Mode "1" gives 0 and 255, mode "P" indices (the palette is `read_head(...).palette`).
    """
    head = read_head(io.BytesIO(data))
    return Decoder(head, data[head.payload_offset :], threads, device).decode(size, region)


@dataclass(frozen=True)
class LayerInfo:
    """One layer of a file. Bytes that the range coder shares between layers are ideal code lengths."""

    name: str
    shape: tuple[int, int]  # (out, in)
    nonzeros: int
    density: float
    kind: str
    bits: int
    mask_coder: str
    mask_bytes: float
    symbol_coder: str
    symbol_bytes: float
    bias_bytes: float


@dataclass(frozen=True)
class FileInfo:
    """Everything there is to know of a file without evaluating it."""

    head: Head
    layers: list[LayerInfo]
    chunks: list[tuple[str, int, int]]  # type, offset, length of the data
    macs: int  # multiply-adds a pixel


def describe(data: bytes) -> FileInfo:
    """Read a whole file's structure; raises FormatError as decoding would."""
    head = read_head(io.BytesIO(data))
    layers, streams = unpack(read_payload(head.header, data[head.payload_offset :]), head.header)
    rows = []
    for k, (layer, stream) in enumerate(zip(layers, streams, strict=True)):
        name = "first" if k == 0 else "output" if k == len(layers) - 1 else f"hidden {k}"
        out, into = layer.mask.shape
        count = len(layer.codes)
        rows.append(
            LayerInfo(name, (out, into), count, count / (out * into), KIND_NAMES[layer.kind], layer.bits,
                      stream.mask_coder, stream.mask_bytes, stream.symbol_coder, stream.symbol_bytes, stream.bias_bytes)
        )  # fmt: skip
    macs = sum(out * into for out, into in head.header.shapes())
    return FileInfo(head, rows, list_chunks(data), macs)
