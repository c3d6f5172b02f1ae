"""The payloads of the pixel chunks → planes and samples of any level, no further than asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..container.fields import FieldReader, expect
from ..entropy.cut import CutSymbolReader
from ..entropy.symbols import SymbolReader
from ..errors import FormatError, TruncatedError
from ..kernels.colour import Samples, from_planes
from ..kernels.strips import Strips
from . import differences
from .differences import Differences
from .latents import PyramidShape
from .parity import NoSymbols
from .payload import ALL_CODED, DIFFERENT, LOOK, read_lowpass, skip_lowpass
from .prior import MAX_LEVELS, Prior
from .pyramid import Pyramid
from .tunes import tuned

Ints = NDArray[np.int32]


class LatentDecoder:
    """Decodes payloads coarse to fine, no further than asked. FormatError, here or later: no encoder made the bytes.

    `payloads` may lack the last ones; `finest` says how far those that are there reach. What is finer can be decoded if
    `cut` is given, the first bytes of the next payload, or none: symbols that are not there then count as 0, which is
    what the networks expect. TruncatedError if not even the coarsest planes are there.
    """

    def __init__(
        self,
        payloads: Sequence[bytes],
        prior: Prior,
        shape: PyramidShape,
        threads: int = 1,
        device: str = "cpu",
        cut: bytes | None = None,
    ) -> None:
        if not payloads and not cut:
            raise FormatError("latents: expected at least one payload, got none")
        self._shape, self._prior, levels = shape, prior, shape.levels
        self._pyramid = Pyramid(shape, prior, Strips(threads, device))
        self._pending: list[tuple[int, bytes, bool]] = []  # levels, bytes, whether it is cut; the next payload is last
        self._cut = cut is not None
        self.finest = levels
        for k, payload in enumerate([*payloads, cut] if cut else payloads):
            flags = ALL_CODED if k else ALL_CODED | DIFFERENT | LOOK
            group = FieldReader(payload).byte(f"latents {k}, levels", 0, 255) & ~flags
            expect(f"latents {k}, levels", group, 1, MAX_LEVELS)
            if group > self.finest:
                raise FormatError(f"latents {k}, levels: expected at most {self.finest} more, got {group}")
            whole = k < len(payloads)
            self.finest -= group if whole else 0
            self._pending.insert(0, (group, payload, not whole))
        self._number = 0
        self._reader: SymbolReader | None = None
        self._skip = True  # whether the current payload leaves out what is surely 0
        self._left = 0  # levels of the current payload still to decode
        self._level = levels  # of the planes decoded so far

    def differences(self) -> tuple[Differences, int]:
        """How the networks differ from the prior's, and the bytes that say so. Before anything is decoded only."""
        fields = FieldReader(self._pending[-1][1])
        if not fields.byte("latents 0", 0, 255) & DIFFERENT:
            return {}, 0
        skip_lowpass(fields, sum(self._shape.components), self._shape.grid(self._shape.levels))
        size = fields.number("differences, bytes", 1, len(fields.data))
        return differences.unpack(fields.take(size, "differences"), self._prior), size

    @property
    def look(self) -> bool:
        """Whether steps are weighted for looks. Before anything is decoded only."""
        return bool(self._pending[-1][1][0] & LOOK)

    def planes(self, level: int = 0) -> list[Ints]:
        """Planes of every component (planes, h, w) at a level: 0 is the picture, each further one half the size.

        Levels can only become finer from call to call (ValueError). FormatError if no payload holds the level.
        """
        self._decode(level)
        return [component.planes for component in self._pyramid.components]

    def samples(self, level: int = 0) -> Samples:
        """Samples (h, w, C), uint8 or uint16, at a level, as `planes`."""
        self._decode(level)
        return self._pyramid.samples(level)

    def luma(self, level: int = 0) -> Samples:
        """Plane 0 at a level as samples (h, w, 1), without the chroma of this level. It is the last thing decoded."""
        if self._level > level or not self._number:
            self._decode(level + 1)
        pyramid = self._pyramid
        del pyramid.components[1:]
        pyramid.components[0].forget_chroma()
        if self._level > level:
            self._check(level)
            pyramid.strips.run(self._refine)
        planes = pyramid.components[0].planes
        out = np.empty((*planes.shape[1:], 1), np.uint8 if pyramid.shape.bit_depth == 8 else np.uint16)
        from_planes(planes, pyramid.shape.bit_depth, out)
        return out

    def between(self, box: tuple[int, int, int, int]) -> Samples:
        """Grid −1 for pixels `box` (x0, y0, x1, y1): samples (2h, 2w, C), each other one in a column and row a pixel's.

        As if there were one more level, with symbols of 0: what the networks expect between the pixels. x0 and y0 are
        multiples of 4.
        """
        self._decode(0)
        pyramid = self._pyramid
        crop = Pyramid(
            replace(pyramid.shape, width=box[2] - box[0], height=box[3] - box[1]), pyramid.prior, pyramid.strips
        )
        crop.components = [component.cropped(*box) for component in pyramid.components]

        def refine() -> None:
            for component in crop.components:
                component.refine(-1, True, NoSymbols())

        pyramid.strips.run(refine)
        return crop.samples(-1)

    def _check(self, level: int) -> None:
        """FormatError where the payloads do not reach a level."""
        if level < self.finest and not self._cut:
            raise FormatError(f"latents: expected payloads down to level {level}, got down to {self.finest}")

    def _decode(self, level: int) -> None:
        """Go on to a level, in this thread or that of a device; ValueError if planes are finer already."""
        if level > self._level and self._number:
            raise ValueError(f"level: expected at most {self._level}, which is decoded already, got {level}")
        self._check(level)
        if self._level > level or not self._number:
            self._pyramid.strips.run(partial(self._go_on, level))

    def _go_on(self, level: int) -> None:
        """Open payloads and refine until the planes are those of a level."""
        if not self._number:
            self._open()
        while self._level > level:
            self._refine()
            if not self._left and self._reader:
                self._reader.finish()

    def _refine(self) -> None:
        """One level."""
        if not self._left:
            self._open()
        self._level -= 1
        self._left -= 1
        for component in self._pyramid.components:
            component.refine(self._level, self._skip, self._reader or NoSymbols())

    def _open(self) -> None:
        """The next payload, or, after the last, all levels that are missing."""
        if not self._pending:
            self._left, self._reader, self._skip = self._level, None, True
            return
        self._left, payload, cut = self._pending.pop()
        what = f"latents {self._number}"
        fields = FieldReader(payload)
        flags = fields.byte(what, 0, 255)
        self._skip = not flags & ALL_CODED
        if not self._number:
            try:
                self._start(fields, flags)
            except FormatError as e:
                if not cut:
                    raise
                raise TruncatedError(f"{what}: expected all of the coarsest planes: {e}") from e
        most = sum(self._shape.symbols(level) for level in range(self._level - self._left, self._level))
        reader = CutSymbolReader if cut else SymbolReader
        self._reader = reader(fields.rest(), self._prior.tables, what, most)
        self._number += 1

    def _start(self, fields: FieldReader, flags: int) -> None:
        """What is in the first payload only."""
        lowpass = read_lowpass(fields, self._shape.components, self._shape.grid(self._shape.levels))
        self._pyramid.prior = tuned(self._prior, bool(flags & LOOK))
        if flags & DIFFERENT:
            size = fields.number("differences, bytes", 1, len(fields.data))
            own = differences.unpack(fields.take(size, "differences"), self._prior)
            self._pyramid.prior = differences.adapted(self._pyramid.prior, own)
        self._pyramid.start(lowpass)
