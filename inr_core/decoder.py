"""Bytes → pixels: the whole picture in bands, any region of it, at any size, or what there is of a cut file.

How is asked of the file's model: of its row in `models`, and the `Picture` that this names.
"""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Iterable, Iterator
from typing import IO, Any, Self

from .container.arrival import Arrival
from .container.chunks import Head, list_chunks, read_head, read_payloads
from .errors import SettingsError, TruncatedError, check_bytes, shown
from .fileinfo import Chunk, FileInfo
from .kernels.resample import Box
from .limits import Budget, Cost, Limits, given
from .models import MAX_PIXELS
from .modes import MAX_SIDE
from .picture import Picture
from .pixels import Array
from .process.threads import cores
from .settings import to_integer

MAX_THREADS = 1024
_DEVICE = re.compile("cpu|torch|mps|cuda(:[0-9]{1,4})?")
PIECE = 1 << 20  # bytes asked for at once


class Decoder:
    """Decodes one file, of which `payload` are the bytes from `head.payload_offset` on.

    Raises TruncatedError if they end early, FormatError if they are not what the header promises.
    threads: None for as many as this process has cores. device: "cpu" (NumPy), or "torch", "cuda", "cuda:N", "mps"
    (the same pixels through torch); SettingsError, when decoding, if this machine has none.
    truncated: the bytes may end early; what is missing is what the networks expect there, or 0 in the exact model.
    TruncatedError only if not even the coarsest planes or the first strip are there, as always with a siren, or a plane
    beside them.
    limits: by default `Limits.default`; LimitError, when decoding, for what costs more than they allow: before anything
    is decoded where that is certain, else as soon as it is known, perhaps after some of `bands`.
    """

    def __init__(
        self,
        head: Head,
        payload: bytes,
        threads: int | None = None,
        device: str = "cpu",
        *,
        truncated: bool = False,
        limits: Limits | None = None,
    ) -> None:
        count = cores() if threads is None else to_integer(threads)
        if count is None or not 1 <= count <= MAX_THREADS:
            raise SettingsError(f"threads: expected 1 to {MAX_THREADS}, got {shown(threads)}")
        name: object = device
        if not isinstance(name, str) or not _DEVICE.fullmatch(name):
            known = "cpu, torch, cuda, cuda:N, mps"
            raise SettingsError(f"device: expected one that can decode this file, got {shown(name)}; there are {known}")
        header = head.header
        self.head, self._limits = head, given(limits)
        cut: bytes | None = None  # what there is of the payload that is not complete, if that may be so
        if truncated and len(payload) < header.payload_bytes and header.row.several:
            arrival = Arrival(header)
            arrival.feed(payload)
            payloads, cut = arrival.payloads()
        else:
            payloads = read_payloads(header, payload)
        picture: type[Picture] = header.row.load("picture")
        self._picture = picture(head, payloads, cut, count, device)
        self._budget: Budget | None = None

    @classmethod
    def of_file(
        cls,
        fp: IO[bytes],
        head: Head,
        size: tuple[int, int] | None = None,
        threads: int | None = None,
        *,
        truncated: bool = False,
        limits: Limits | None = None,
    ) -> Self:
        """Of a file that is at `head.payload_offset`, reading only as much as `decode(size)` needs; None: everything.

        Made in a hurry, such a smaller picture may have a little less detail than that of a decoder that has all.
        """
        header, ended = head.header, False
        picture: type[Picture] = header.row.load("picture")
        arrival = Arrival(header)
        while arrival.missing and not (size and picture.enough(arrival, size)):
            data = fp.read(min(arrival.wanted, PIECE))
            if not data:
                ended = True
                break
            arrival.feed(data)
        if ended and not truncated:
            total, missing = header.payload_bytes, arrival.missing
            raise TruncatedError(f"pixel chunks: expected {total} bytes, got {total - missing} ({missing} missing)")
        decoder = cls(head, bytes(arrival.data), threads, truncated=arrival.missing > 0, limits=limits)
        decoder._picture.hurried = size is not None and not ended
        return decoder

    def bands(self, block: int | None = None) -> Iterator[tuple[int, Array]]:
        """(first row, rows) from top to bottom: (h, W) or (h, W, C) in the file's mode.

        `block`: pixels evaluated at once, the network's choice by default; it does not change the picture.
        """
        self._budget = budget = self._limits.check_cost(self.cost())
        yield from self._picture.bands(block, budget)

    def decode(self, size: tuple[int, int] | None = None, region: Box | None = None, *, grey: bool = False) -> Array:
        """The picture or its `region` (x0, y0, x1, y1), in pixels, evaluated at `size` (width, height).

        At the region's own size these are exactly the pixels of the whole picture. Smaller sizes are antialiased,
        larger ones are evaluated between the pixels; colours count by their pixel's alpha. `grey`: of mode RGB, the
        luma alone, as mode L. Raises SettingsError for a region that is not inside the picture, or a size of no pixels
        or too many.
        """
        header = self.head.header
        box, wanted = self._wanted(size, region)
        if grey and header.mode != "RGB":
            raise SettingsError(f"grey: expected a picture of mode RGB, got {header.mode}")
        self._limits.check("pixels", wanted[0] * wanted[1], "pixels")
        self._budget = budget = self._limits.check_cost(self._picture.cost(box, wanted))
        return self._picture.decode(box, wanted, grey=grey, budget=budget)

    def cost(self, size: tuple[int, int] | None = None, region: Box | None = None) -> Cost:
        """What `decode` of the same costs, at the most; raises SettingsError as it does."""
        return self._picture.cost(*self._wanted(size, region))

    @property
    def seconds(self) -> float:
        """Of a nominal core, that what was decoded last has taken, at the most; 0: nothing has been."""
        return self._budget.seconds if self._budget else 0.0

    def describe(self, chunks: list[Chunk]) -> FileInfo:
        """What the file, which has these chunks, says of itself; before anything is decoded."""
        return dataclasses.replace(self._picture.describe(chunks), cost=self.cost())

    def _wanted(self, size: tuple[int, int] | None, region: Box | None) -> tuple[Box, tuple[int, int]]:
        """The part and the size of what is asked for."""
        width, height = self.head.header.width, self.head.header.height
        box = (0, 0, width, height) if region is None else _check_region(region, width, height)
        return box, (box[2] - box[0], box[3] - box[1]) if size is None else _check_size(size)


def _integers(values: Iterable[Any]) -> list[int]:
    """Of any types; TypeError: not all are whole."""
    found = []
    for value in values:
        number = to_integer(value)
        if number is None:
            raise TypeError
        found.append(number)
    return found


def _check_region(region: Box, width: int, height: int) -> Box:
    """A region of Python's integers; SettingsError unless it lies in a picture of width × height pixels."""
    try:
        x0, y0, x1, y1 = _integers(region)
        if 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height:
            return x0, y0, x1, y1
    except (TypeError, ValueError):  # not integers, or not four
        pass
    inside = f"0 ≤ x0 < x1 ≤ {width} and 0 ≤ y0 < y1 ≤ {height}"
    expected = f"integers {inside} for a picture of {width}x{height} pixels"
    raise SettingsError(f"region: expected {expected}, got {shown(region)}")


def _check_size(size: tuple[int, int]) -> tuple[int, int]:
    try:
        width, height = _integers(size)
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
    limits: Limits | None = None,
) -> Array:
    """Decode a file's bytes → (H, W) or (H, W, C), uint8 or uint16.

    Mode "1" gives 0 and 255, mode "P" indices (the palette is `read_head(...).palette`). size: (width, height) of what
    is given; region: (x0, y0, x1, y1) of the picture, in its pixels. threads, device and truncated are as for
    `Decoder`, whose errors are raised: TruncatedError, FormatError, SettingsError.
    """
    check_bytes(data)
    head = read_head(io.BytesIO(data), limits)
    payload = data[head.payload_offset :]
    return Decoder(head, payload, threads, device, truncated=truncated, limits=limits).decode(size, region)


def describe(data: bytes, *, limits: Limits | None = None) -> FileInfo:
    """Read a whole file's structure, and what decoding it would cost; raises FormatError as that would.

    LimitError for more pixels, metadata or chunks than `limits` allow.
    """
    check_bytes(data)
    head = read_head(io.BytesIO(data), limits)
    return Decoder(head, data[head.payload_offset :], 1).describe(list_chunks(head, data))
