"""What every model makes of a file: pixels, whole, in part or at another size, and what there is to say of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from .container.arrival import Arrival
from .container.chunks import Head
from .container.header import Raster
from .fileinfo import Chunk, FileInfo
from .kernels.resample import Box
from .limits import Budget, Cost
from .pixels import Array, from_samples

RESAMPLING = 40  # passes over a sample, of both sizes
SNAPPING = 60  # passes of a pixel that becomes a colour of a palette, besides distances


def resampling_cost(pixels: int, size: tuple[int, int], raster: Raster) -> Cost:
    """Of going from so many pixels to a size."""
    values = (pixels + size[0] * size[1]) * raster.channels
    return Cost(passes=values * RESAMPLING * (3 if raster.alpha else 1))


class Picture(ABC):
    """A file's pixels, made by its model. `decoder.Decoder` makes it, and checks whatever it is asked.

    payloads: what the pixel chunks hold, a plane beside the model first. cut: None where all of them are there, else
    the first bytes of the next one, or none. threads, device: as `Decoder`. Raises FormatError, here or later, for
    payloads that are not what the header promises, and TruncatedError where too little is there to show anything.
    """

    hurried = False  # whether perhaps no more of the file is there than was `enough` for the size asked for

    def __init__(self, head: Head, payloads: Sequence[bytes], cut: bytes | None, threads: int, device: str) -> None:
        self.head, self.header, self.threads, self.device = head, head.header, threads, device

    @classmethod
    def enough(cls, arrival: Arrival, size: tuple[int, int]) -> bool:
        """Whether what has arrived of a file will do for the picture at a size (width, height)."""
        return False

    @abstractmethod
    def bands(self, most: int | None, budget: Budget | None = None) -> Iterator[tuple[int, Array]]:
        """(first row, rows) from top to bottom in the file's mode; `most`: pixels evaluated at once.

        LimitError: the mixing coder asks more than the budget has, here as in `decode`.
        """

    @abstractmethod
    def decode(self, box: Box, size: tuple[int, int], *, grey: bool, budget: Budget | None = None) -> Array:
        """The part `box` at `size` (width, height), in the file's mode; `grey`: the luma of mode RGB alone."""

    @abstractmethod
    def cost(self, box: Box, size: tuple[int, int]) -> Cost:
        """Of `decode`, at the most; of `bands`, for the whole picture at its size."""

    @abstractmethod
    def describe(self, chunks: list[Chunk]) -> FileInfo:
        """What the file says of itself, nothing evaluated."""

    def finishing_cost(self, size: tuple[int, int]) -> Cost:
        """Of `finished`, for a picture of that size."""
        pixels, palette = size[0] * size[1], self.head.palette
        return Cost() if palette is None else Cost(passes=SNAPPING * pixels, distances=len(palette) * pixels)

    def finished(self, samples: Array) -> Array:
        """Samples (h, w, C) in the file's mode."""
        return from_samples(samples, self.header.mode, self.head.palette, self.header.ranges)
