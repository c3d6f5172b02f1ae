"""Bytes → pixels: the whole picture in bands, any region of it, at any size, or what there is of a cut file."""

from __future__ import annotations

import io
import operator
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import IO, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from . import prior, scaled
from .arrival import Arrival
from .container import Head, list_chunks, read_head, read_payload, read_payloads
from .differences import Differences
from .errors import SettingsError, TruncatedError, shown
from .header import MAX_PIXELS, MAX_WORK
from .latents import LatentDecoder
from .modes import MAX_SIDE
from .network import Evaluator, Network
from .pixels import Array, axis_coordinates, from_samples, luma
from .resample import Box, means, resample
from .streams import StreamInfo, unpack
from .threads import cores, single_threaded_blas
from .weights import KIND_NAMES, QuantizedLayer, to_network

MAX_THREADS = 1024
BAND_PIXELS = 2**18  # of a decoded picture handed over at once
QUICK_SAMPLES = 2  # of a siren for a pixel of a smaller picture, across and down

Ints = NDArray[np.int64]


class _Samples(Protocol):
    """An evaluator: `network.Evaluator` or `network_torch.TorchEvaluator`."""

    def samples(self, x: Ints, y: Ints) -> Ints:
        """Samples at every (x, y): (w,) and (h,) coordinates → (h, w, C)."""


class Decoder:
    """Decodes one file, of which `payload` are the bytes from `head.payload_offset` on.

    Raises TruncatedError if they end early, FormatError if they are not what the header promises.
    threads: None for as many as this process has cores. device: "cpu" (NumPy), or "torch", "cuda", "cuda:N", "mps"
    (the same pixels through torch); SettingsError, when decoding, if this machine has none.
    truncated: the bytes may end early; what is missing is what the networks expect there. TruncatedError only if not
    even the coarsest planes are there, as always with a siren.
    """

    def __init__(
        self,
        head: Head,
        payload: bytes,
        threads: int | None = None,
        device: str = "cpu",
        *,
        truncated: bool = False,
    ) -> None:
        if threads is not None and not 1 <= threads <= MAX_THREADS:
            raise SettingsError(f"threads: expected 1 to {MAX_THREADS}, got {shown(threads)}")
        self.head, self.device, self.threads = head, device, threads or cores()
        header = head.header
        self.network: Network | None = None
        self._payloads: list[bytes] = []
        self._cut: bytes | None = None  # what there is of the payload after these, if some may be missing
        self._level: int | None = None  # the grid that smaller pictures are made from, where it is decided
        if header.model == "latent":
            prior.load(header.prior)  # an unknown one is told of now
            if truncated and len(payload) < header.payload_bytes:
                arrival = Arrival(header)
                arrival.feed(payload)
                self._payloads, self._cut = arrival.payloads()
                if not self._payloads and not self._cut:
                    raise TruncatedError(f"pixel chunks: expected the coarsest planes, got {len(payload)} bytes")
            else:
                self._payloads = read_payloads(header, payload)
        else:
            self.network = to_network(_read_layers(head, payload)[0], header)
        self._peak = 65_535 if header.bit_depth == 16 else 255
        self._dtype: type[np.uint8 | np.uint16] = np.uint16 if header.bit_depth == 16 else np.uint8

    @classmethod
    def of_file(
        cls,
        fp: IO[bytes],
        head: Head,
        size: tuple[int, int] | None = None,
        threads: int | None = None,
        *,
        truncated: bool = False,
    ) -> Self:
        """Of a file that is at `head.payload_offset`, reading only as much as `decode(size)` needs; None: everything.

        Made in a hurry, such a smaller picture may have a little less detail than that of a decoder that has all.
        """
        header = head.header
        arrival, level, ended = scaled.read_for(fp, header, size or (header.width, header.height))
        if ended and not truncated:
            total, missing = header.payload_bytes, arrival.missing
            raise TruncatedError(f"pixel chunks: expected {total} bytes, got {total - missing} ({missing} missing)")
        data = bytes(arrival.data)
        decoder = cls(head, data, threads, truncated=True) if arrival.missing else cls(head, data, threads)
        decoder._level = level if size else None
        return decoder

    def bands(self, block: int | None = None) -> Iterator[tuple[int, Array]]:
        """(first row, rows) from top to bottom: (h, W) or (h, W, C) in the file's mode.

        `block`: pixels evaluated at once, the network's choice by default; it does not change the picture.
        """
        header = self.head.header
        if self.network is None:
            samples = self._pyramid().samples()
            rows = max(1, (block or BAND_PIXELS) // header.width)
            for top in range(0, header.height, rows):
                yield top, from_samples(samples[top : top + rows], header.mode, self.head.palette)
            return
        yield from self._bands(_Grid.of(self.head, self._whole(), (header.width, header.height)), block)

    def decode(self, size: tuple[int, int] | None = None, region: Box | None = None, *, grey: bool = False) -> Array:
        """The picture or its `region` (x0, y0, x1, y1), in pixels, evaluated at `size` (width, height).

        At the region's own size these are exactly the pixels of the whole picture. Smaller sizes are antialiased,
        larger ones are evaluated between the pixels; colours count by their pixel's alpha. `grey`: of mode RGB, the
        luma alone, as mode L. Raises SettingsError for a region that is not inside the picture, or a size of no pixels
        or too many.
        """
        header = self.head.header
        box = self._whole() if region is None else _check_region(region, header.width, header.height)
        wanted = (box[2] - box[0], box[3] - box[1]) if size is None else _check_size(size)
        if grey and header.mode != "RGB":
            raise SettingsError(f"grey: expected a picture of mode RGB, got {header.mode}")
        if self.network is None:
            level = scaled.grid_for(header, box, wanted) if self._level is None else self._level
            pyramid = self._pyramid()
            if grey:
                return resample(pyramid.luma(level), box, wanted, level, alpha=False)[..., 0]
            samples = scaled.scaled(pyramid, box, wanted, header, level)
            return from_samples(samples, header.mode, self.head.palette)
        grid = _Grid.of(self.head, box, wanted, None if self._level is None else QUICK_SAMPLES)
        pixels = np.concatenate([rows for _, rows in self._bands(grid, None)])
        return luma(pixels) if grey else pixels

    def differences(self) -> tuple[Differences, int]:
        """How the networks of a latent file differ from the prior's, and the bytes that say so; none of a siren."""
        return self._pyramid().differences() if self.network is None else ({}, 0)

    def _pyramid(self) -> LatentDecoder:
        header = self.head.header
        return LatentDecoder(
            self._payloads,
            prior.load(header.prior),
            header.width,
            header.height,
            header.sample_bits,
            header.components,
            header.hidden,
            header.layers,
            self.threads,
            "cpu:0" if self.device == "torch" else self.device,  # torch's name of it; "cpu" is NumPy
            self._cut,
        )

    def _whole(self) -> Box:
        return 0, 0, self.head.header.width, self.head.header.height

    def _bands(self, grid: _Grid, block: int | None) -> Iterator[tuple[int, Array]]:
        if self.device != "cpu":
            yield from self._torch_bands(grid, block)
            return
        network = self.network
        assert network is not None
        block = block or network.block
        rows = grid.rows_of(block)
        tops = range(0, grid.height, rows)
        workers = min(self.threads, len(tops))
        evaluators: SimpleQueue[Evaluator] = SimpleQueue()
        for _ in range(workers):
            evaluators.put(Evaluator(network, self._peak, block))

        def work(top: int) -> Array:
            evaluator = evaluators.get()
            try:
                with single_threaded_blas():
                    return self._band(evaluator, grid, top, rows, block)
            finally:
                evaluators.put(evaluator)

        if workers == 1:
            yield from ((top, work(top)) for top in tops)
            return
        with ThreadPoolExecutor(workers) as pool:
            yield from _in_order(pool, work, tops, 2 * workers)

    def _torch_bands(self, grid: _Grid, block: int | None) -> Iterator[tuple[int, Array]]:
        try:
            from .network_torch import TorchEvaluator  # the only way here that needs torch
        except ImportError as e:
            raise SettingsError(f"device: expected 'cpu' where torch is not installed, got {shown(self.device)}") from e
        assert self.network is not None
        evaluator = TorchEvaluator(self.network, self._peak, "cpu" if self.device == "torch" else self.device)
        block = block or evaluator.block
        rows = grid.rows_of(block)
        for top in range(0, grid.height, rows):
            yield top, self._band(evaluator, grid, top, rows, block)

    def _band(self, evaluator: _Samples, grid: _Grid, top: int, rows: int, block: int) -> Array:
        """Up to `rows` rows of pixels from `top` on, in the file's mode."""
        samples = grid.means(evaluator, top, min(top + rows, grid.height), block, self.head.header.alpha, self._peak)
        return from_samples(samples.astype(self._dtype), self.head.header.mode, self.head.palette)


@dataclass(frozen=True)
class _Grid:
    """Where the network is evaluated: `across` × `down` samples for each of width × height pixels."""

    width: int
    height: int
    across: int
    down: int
    x: Ints  # (width · across,)
    y: Ints  # (height · down,)

    @classmethod
    def of(cls, head: Head, box: Box, size: tuple[int, int], most: int | None = None) -> _Grid:
        """At least one sample for each pixel of the picture in `box`, so that a smaller size does not alias.

        At most one where that would be more than a file may cost, or with `most`: samples across and down for a pixel
        of the result, beyond which aliasing is accepted.
        """
        x0, y0, x1, y1 = box
        width, height = size
        across, down = -(-(x1 - x0) // width), -(-(y1 - y0) // height)
        if most is not None or width * across * height * down * head.header.macs > MAX_WORK:
            across, down = max(1, (x1 - x0) // width), max(1, (y1 - y0) // height)
        if most is not None:
            across, down = min(across, most), min(down, most)
        longest = max(head.header.width, head.header.height)
        x = axis_coordinates(head.header.width, longest, x0, x1, width * across)
        y = axis_coordinates(head.header.height, longest, y0, y1, height * down)
        return cls(width, height, across, down, x, y)

    def rows_of(self, block: int) -> int:
        """Rows of pixels that `block` samples are enough for, at least one."""
        return max(1, block // (self.width * self.across * self.down))

    def means(self, evaluator: _Samples, top: int, bottom: int, block: int, alpha: bool, peak: int) -> Ints:
        """Rows [top, bottom) → (h, width, C): the mean of each pixel's samples, as `resample.means`.

        Evaluates at most `block` samples at a time, and holds no more than one row of samples beyond that.
        """
        height = bottom - top  # more than 1 only if all of it fits in a block
        y = self.y[top * self.down : bottom * self.down]
        strip = max(1, block // len(self.x))
        total = weighted = np.zeros((), np.int64)
        for first in range(0, len(y), strip):
            samples = self._strip(evaluator, y[first : first + strip], block)
            if self.across == self.down == 1:
                return samples
            parts = samples.reshape(height, -1, self.width, self.across, samples.shape[2])
            total = total + parts.sum((1, 3))
            if alpha:
                weighted = weighted + (parts[..., :-1] * parts[..., -1:]).sum((1, 3))
        return means(total, self.across * self.down, weighted if alpha else None, peak)

    def _strip(self, evaluator: _Samples, y: Ints, block: int) -> Ints:
        if len(self.x) <= block:
            return evaluator.samples(self.x, y)
        return np.concatenate([evaluator.samples(x, y) for x in np.split(self.x, range(block, len(self.x), block))], 1)


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[int], Array], tops: range, ahead: int
) -> Iterator[tuple[int, Array]]:
    """Results in order with at most `ahead` of them waiting, so that memory stays bounded."""
    waiting: deque[tuple[int, Future[Array]]] = deque()
    for top in tops:
        waiting.append((top, pool.submit(work, top)))
        if len(waiting) >= ahead:
            first, result = waiting.popleft()
            yield first, result.result()
    for first, result in waiting:
        yield first, result.result()


def _check_region(region: Box, width: int, height: int) -> Box:
    try:
        x0, y0, x1, y1 = map(operator.index, region)
        if 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height:
            return x0, y0, x1, y1
    except (TypeError, ValueError):  # not integers, or not four
        pass
    inside = f"0 ≤ x0 < x1 ≤ {width} and 0 ≤ y0 < y1 ≤ {height}"
    expected = f"integers {inside} for a picture of {width}x{height} pixels"
    raise SettingsError(f"region: expected {expected}, got {shown(region)}")


def _check_size(size: tuple[int, int]) -> tuple[int, int]:
    try:
        width, height = map(operator.index, size)
        if 1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS:
            return width, height
    except (TypeError, ValueError):  # not integers, or not two
        pass
    raise SettingsError(f"size: expected integers of 1 to {MAX_SIDE}, {MAX_PIXELS} pixels at most, got {shown(size)}")


def decode(
    data: bytes,
    *,
    size: tuple[int, int] | None = None,
    region: Box | None = None,
    threads: int | None = None,
    device: str = "cpu",
    truncated: bool = False,
) -> Array:
    """Decode a file's bytes → (H, W) or (H, W, C), uint8 or uint16; see `Decoder` and `Decoder.decode`.

    Mode "1" gives 0 and 255, mode "P" indices (the palette is `read_head(...).palette`).
    """
    head = read_head(io.BytesIO(data))
    return Decoder(head, data[head.payload_offset :], threads, device, truncated=truncated).decode(size, region)


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
    moved: int = 0  # weights of a latent's networks that are not the prior's
    moved_bytes: int = 0  # that they take


def describe(data: bytes) -> FileInfo:
    """Read a whole file's structure; raises FormatError as decoding would."""
    head = read_head(io.BytesIO(data))
    if head.header.model == "latent":
        differences, size = Decoder(head, data[head.payload_offset :], 1).differences()
        moved = sum(int(np.count_nonzero(difference.steps)) for difference in differences.values())
        return FileInfo(head, [], list_chunks(head, data), prior.load(head.header.prior).macs, moved, size)
    layers, streams = _read_layers(head, data[head.payload_offset :])
    to_network(layers, head.header)
    rows = []
    for k, (layer, stream) in enumerate(zip(layers, streams, strict=True)):
        name = "first" if k == 0 else "output" if k == len(layers) - 1 else f"hidden {k}"
        out, into = layer.mask.shape
        count = len(layer.codes)
        rows.append(
            LayerInfo(name, (out, into), count, count / (out * into), KIND_NAMES[layer.kind], layer.bits,
                      stream.mask_coder, stream.mask_bytes, stream.symbol_coder, stream.symbol_bytes, stream.bias_bytes)
        )  # fmt: skip
    return FileInfo(head, rows, list_chunks(head, data), head.header.macs)


def _read_layers(head: Head, payload: bytes) -> tuple[list[QuantizedLayer], list[StreamInfo]]:
    return unpack(read_payload(head.header, payload), head.header)
