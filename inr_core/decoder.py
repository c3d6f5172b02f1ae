"""Bytes → pixels: the whole picture in bands, any region of it, at any size, or what there is of a cut file."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import IO, Any, Self

import numpy as np

from .container.arrival import Arrival
from .container.chunks import Head, read_head, read_payloads
from .container.header import MAX_PIXELS
from .errors import SettingsError, TruncatedError, shown
from .exact.beside import Beside, CompletedPyramid, Pyramid
from .exact.picture import ExactDecoder
from .kernels.resample import LOBES, Box, resample
from .kernels.siren import Network
from .latent import prior, scaled
from .latent.decoding import LatentDecoder
from .latent.differences import Differences
from .modes import MAX_SIDE
from .pixels import Array, from_samples, luma, to_colours
from .process.threads import cores
from .settings import to_integer
from .siren.render import Grid, SirenRenderer
from .siren.streams import unpack
from .siren.weights import to_network

MAX_THREADS = 1024
BAND_PIXELS = 2**18  # of a decoded picture handed over at once
QUICK_SAMPLES = 2  # of a siren for a pixel of a smaller picture, across and down


class Decoder:
    """Decodes one file, of which `payload` are the bytes from `head.payload_offset` on.

    Raises TruncatedError if they end early, FormatError if they are not what the header promises.
    threads: None for as many as this process has cores. device: "cpu" (NumPy), or "torch", "cuda", "cuda:N", "mps"
    (the same pixels through torch); SettingsError, when decoding, if this machine has none.
    truncated: the bytes may end early; what is missing is what the networks expect there, or 0 in the exact model.
    TruncatedError only if not even the coarsest planes or the first strip are there, as always with a siren, or a plane
    beside them.
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
        self.network: Network | None = None  # of a siren
        self.exact: ExactDecoder | None = None  # of the exact model
        self.beside: Beside | None = None  # what completes the samples of another
        self._payloads: list[bytes] = []
        self._cut: bytes | None = None  # what there is of the payload after these, if some may be missing
        self._grids: tuple[int, int] | None = None  # that smaller pictures are made from, where they are decided
        if header.model == "latent":
            prior.load(header.prior)  # an unknown one is told of now
        if truncated and len(payload) < header.payload_bytes and header.model != "siren":
            arrival = Arrival(header)
            arrival.feed(payload)
            self._payloads, self._cut = arrival.payloads()
        else:
            self._payloads = read_payloads(header, payload)
        if header.plane:
            if not self._payloads:
                raise TruncatedError(f"pixel chunks: expected the plane of {header.plane}, got {len(payload)} bytes")
            self.beside = Beside(header, self._payloads.pop(0))
        if header.model == "siren":
            self.network = to_network(unpack(self._payloads[0], header)[0], header)
        elif header.model == "exact":
            cut = self._cut is not None
            self.exact = ExactDecoder(header, head.palette, self._payloads, self.threads, cut=cut)
        elif not self._payloads and not self._cut:
            raise TruncatedError(f"pixel chunks: expected the coarsest planes, got {len(payload)} bytes")

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
        arrival, grids, ended = scaled.read_for(fp, header, size or (header.width, header.height))
        if ended and not truncated:
            total, missing = header.payload_bytes, arrival.missing
            raise TruncatedError(f"pixel chunks: expected {total} bytes, got {total - missing} ({missing} missing)")
        data = bytes(arrival.data)
        decoder = cls(head, data, threads, truncated=True) if arrival.missing else cls(head, data, threads)
        decoder._grids = grids if size else None
        return decoder

    def bands(self, block: int | None = None) -> Iterator[tuple[int, Array]]:
        """(first row, rows) from top to bottom: (h, W) or (h, W, C) in the file's mode.

        `block`: pixels evaluated at once, the network's choice by default; it does not change the picture.
        """
        header = self.head.header
        if self.exact:
            yield from self.exact.strips(0, header.height)
        elif self.network:
            yield from self._siren(self.network).strips(
                Grid.of(header, self._whole(), (header.width, header.height)), block
            )
        else:
            samples = self._completed(self._pyramid()).samples()
            rows = max(1, (block or BAND_PIXELS) // header.width)
            for top in range(0, header.height, rows):
                yield top, self._pixels(samples[top : top + rows])

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
        if self.network:
            grid = Grid.of(header, box, wanted, None if self._grids is None else QUICK_SAMPLES)
            pixels = np.concatenate([rows for _, rows in self._siren(self.network).strips(grid)])
            return luma(pixels) if grey else pixels
        if self.exact:
            pixels = self._exact_pixels(self.exact, box, wanted)
            return luma(pixels) if grey else pixels
        grids = self._grids or scaled.grids_for(header, box, wanted)
        pyramid = self._pyramid()
        if grey and not header.ranges:
            return resample(pyramid.luma(grids[0]), box, wanted, grids[0], alpha=False)[..., 0]
        pixels = self._pixels(scaled.scaled(self._completed(pyramid), box, wanted, header, grids))
        return luma(pixels) if grey else pixels

    def differences(self) -> tuple[Differences, int]:
        """How the networks of a latent file differ from the prior's, and the bytes that say so."""
        return self._pyramid().differences()

    def _pixels(self, samples: Array) -> Array:
        """Samples (h, w, C) in the file's mode."""
        header = self.head.header
        return from_samples(samples, header.mode, self.head.palette, header.ranges)

    def _siren(self, network: Network) -> SirenRenderer:
        return SirenRenderer(network, self.head.header, self.beside, self._pixels, self.threads, self.device)

    def _exact_pixels(self, exact: ExactDecoder, box: Box, size: tuple[int, int]) -> Array:
        """The part `box` of a picture of the exact model; at another size, its colours are what is resampled."""
        x0, y0, x1, y1 = box
        if size == (x1 - x0, y1 - y0):
            return exact.rows(y0, y1)[:, x0:x1]
        reach = LOBES * -(-(y1 - y0) // size[1]) + 1  # rows that those of the result depend on beyond the box
        top, bottom = max(0, y0 - reach), min(self.head.header.height, y1 + reach)
        samples = to_colours(exact.rows(top, bottom), self.head.header.mode, self.head.palette)
        return self._pixels(resample(samples, (x0, y0 - top, x1, y1 - top), size, alpha=self.head.header.alpha))

    def _completed(self, pyramid: LatentDecoder) -> Pyramid:
        return CompletedPyramid(pyramid, self.beside) if self.beside else pyramid

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
) -> Array:
    """Decode a file's bytes → (H, W) or (H, W, C), uint8 or uint16; see `Decoder` and `Decoder.decode`.

    Mode "1" gives 0 and 255, mode "P" indices (the palette is `read_head(...).palette`).
    """
    head = read_head(io.BytesIO(memoryview(data)))  # TypeError: no bytes
    return Decoder(head, data[head.payload_offset :], threads, device, truncated=truncated).decode(size, region)
