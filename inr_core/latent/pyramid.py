"""The latent model: a picture as quantised wavelet bands, and the recursion from coarse to fine that codes them.

Level l = 0 … L − 1 holds the details that turn the planes of grid l + 1 into those of grid l; grid l has the size
(ceil(W / 2^l), ceil(H / 2^l)) and grid 0 is the picture. A level is coded component by component: what is known of the
picture goes through the entropy model, one phase of the grid after another, then all of it through wavelet and cell.
Encoder and decoder run the same code and differ only in where symbols come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..container.fields import FieldReader, expect, pack_bits, pack_number, with_length
from ..entropy.cut import CutSymbolReader
from ..entropy.symbols import SymbolReader, SymbolWriter
from ..errors import FormatError, TruncatedError
from ..kernels import switch
from ..kernels.colour import Samples, from_planes, to_planes
from ..kernels.wavelet import forward
from . import differences
from .differences import Differences
from .level import Component, Workers, grid_size
from .parity import NoSymbols
from .prior import MAX_LEVELS, Prior
from .steps import Step

Ints = NDArray[np.int32]

LOW_BITS = 24  # of a coarsest low-pass value above its plane's least
LOW_MAX = 1 << 23  # of that least
PLANE_LIMIT = 1 << 20  # of a coarsest low-pass value in plane units
ALL_CODED = 0x80  # in a payload's first byte, beside the number of levels: no symbol was left out
DIFFERENT = 0x40  # in the first payload's: differences of the networks follow the low-pass
FREE = 1.5  # squared steps that the bits of a symbol against all odds are worth
LOST = 2e-4  # squared steps a value that coding all of them is worth
GROUP_BITS = 8 * 4096  # a payload ends with the level that makes it this long: what it adds stays below 0.5 %


@dataclass(frozen=True, eq=False)
class Latents:
    """A quantised picture: what encoder and decoder share."""

    width: int
    height: int
    bit_depth: int  # 8 or 16
    components: tuple[int, ...]  # planes of each, 3 (colour) or 1: (3, 1) for RGBA
    step: int  # index, 0 … 255
    levels: int  # 1 … 16
    lowpass: list[Ints]  # by component (planes, h, w) of grid L, in low-pass steps
    details: list[list[Ints]]  # by component and level, finest first: (planes·3, h, w) of grid l + 1
    differences: Differences = field(default_factory=dict)  # of the networks, to the prior's


def quantise(
    samples: Samples, prior: Prior, components: Sequence[int], step: int, levels: int, dead_zone: float = 0.6
) -> Latents:
    """Samples (H, W, C) uint8 or uint16 → latents: sign(y)·floor(|y| + 1 − dead_zone) of details y in steps."""
    height, width = samples.shape[:2]
    bit_depth = 8 * samples.itemsize
    size = Step(step, bit_depth)
    lowpass, details = [], []
    first = 0
    for channels in components:
        planes = to_planes(samples[..., first : first + channels], bit_depth)
        first += channels
        bands = []
        for level in range(levels):
            planes, coefficients = forward(planes)
            factors = 64 * size.coefficients(level, prior.gains[min(level, prior.levels - 1), : 3 * channels])
            quantised = np.empty(coefficients.shape, np.int32)
            for band, values in enumerate(coefficients):
                _quantise(values, float(factors[band]), 1 - dead_zone, quantised[band])
            bands.append(quantised)
        unit = size.low(levels)
        lowpass.append((planes + unit // 2) // unit)
        details.append(bands)
    return Latents(width, height, bit_depth, tuple(components), step, levels, lowpass, details)


def _quantise(values: Ints, step: float, kept: float, out: Ints) -> None:
    """Coefficients (h, w) in steps, those up to `kept` beyond a whole one towards 0."""
    kernels = switch.level()
    if kernels is not None and switch.native is not None:
        switch.native.quantise(kernels, values, step, kept, out)
        return
    y = values / step
    out[:] = np.copysign(np.floor(np.abs(y) + kept), y)


def encode_latents(
    latents: Latents, prior: Prior, threads: int = 1, device: str = "cpu"
) -> tuple[list[bytes], Latents, Samples]:
    """The payloads of the pixel chunks, coarse to fine; the latents and the samples (H, W, C) that they decode to.

    Symbols that the entropy model holds for surely 0 are left out, and values there set to 0: the bits saved are worth
    a ±1 lost here and there. Where more is lost, every symbol is coded.
    """
    payloads, kept, samples = _encode(latents, prior, True, threads, device)
    lost = 0.0
    for bands, left in zip(latents.details, kept.details, strict=True):
        for band, rest in zip(bands, left, strict=True):
            dropped = band[band != rest].astype(np.float64)
            lost += float(np.maximum(dropped**2 - FREE, 0).sum())
    count = sum(band.size for bands in latents.details for band in bands)
    if lost > LOST * count:
        return _encode(latents, prior, False, threads, device)
    return payloads, kept, samples


def _encode(
    latents: Latents, prior: Prior, skip: bool, threads: int, device: str
) -> tuple[list[bytes], Latents, Samples]:
    kept = [[band.copy() for band in bands] for bands in latents.details]
    state = _State(latents, differences.adapted(prior, latents.differences), Workers(threads, device))
    writer = SymbolWriter(prior.tables)

    def code() -> tuple[list[bytes], Samples]:
        nonlocal writer
        state.start(latents.lowpass)
        payloads, head, group, different = [], _pack_lowpass(latents.lowpass), 0, 0
        if latents.differences:
            head += with_length(differences.pack(prior, latents.differences)[0])
            different = DIFFERENT
        for level in range(latents.levels - 1, -1, -1):
            for component, bands in zip(state.components, kept, strict=True):
                component.refine(level, skip, writer, bands[level])
            group += 1
            if not level or writer.ideal_bits >= GROUP_BITS:
                first = bytes([group | different | (0 if skip else ALL_CODED)])
                payloads.append(first + head + writer.finish())
                writer, head, group, different = SymbolWriter(prior.tables), b"", 0, 0
        return payloads, state.samples(0)

    payloads, samples = state.workers.run(code)
    return payloads, replace(latents, details=kept), samples


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
        width: int,
        height: int,
        bit_depth: int,
        components: Sequence[int],
        step: int,
        levels: int,
        threads: int = 1,
        device: str = "cpu",
        cut: bytes | None = None,
    ) -> None:
        if not 1 <= levels <= MAX_LEVELS:
            raise FormatError(f"levels: expected 1 to {MAX_LEVELS}, got {levels}")
        if not payloads and not cut:
            raise FormatError("latents: expected at least one payload, got none")
        shape = Latents(width, height, bit_depth, tuple(components), step, levels, [], [])
        self._prior, self._state = prior, _State(shape, prior, Workers(threads, device))
        self._pending: list[
            tuple[int, bytes, bool]
        ] = []  # levels and bytes of payloads, whether it is cut; next is last
        self._cut = cut is not None
        self.finest = levels
        for k, payload in enumerate([*payloads, cut] if cut else payloads):
            flags = ALL_CODED if k else ALL_CODED | DIFFERENT
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
        self._state.skip_lowpass(fields)
        size = fields.number("differences, bytes", 1, len(fields.data))
        return differences.unpack(fields.take(size, "differences"), self._prior), size

    def planes(self, level: int = 0) -> list[Ints]:
        """Planes of every component (planes, h, w) at a level: 0 is the picture, each further one half the size.

        Levels can only become finer from call to call (ValueError). FormatError if no payload holds the level.
        """
        self._decode(level)
        return [component.planes for component in self._state.components]

    def samples(self, level: int = 0) -> Samples:
        """Samples (h, w, C), uint8 or uint16, at a level, as `planes`."""
        self._decode(level)
        return self._state.samples(level)

    def luma(self, level: int = 0) -> Samples:
        """Plane 0 at a level as samples (h, w, 1), without the chroma of this level. It is the last thing decoded."""
        if self._level > level or not self._number:
            self._decode(level + 1)
        state = self._state
        del state.components[1:]
        state.components[0].forget_chroma()
        if self._level > level:
            self._check(level)
            state.workers.run(self._refine)
        planes = state.components[0].planes
        out = np.empty((*planes.shape[1:], 1), np.uint8 if state.shape.bit_depth == 8 else np.uint16)
        from_planes(planes, state.shape.bit_depth, out)
        return out

    def between(self, box: tuple[int, int, int, int]) -> Samples:
        """Grid −1 for pixels `box` (x0, y0, x1, y1): samples (2h, 2w, C), each other one in a column and row a pixel's.

        As if there were one more level, with symbols of 0: what the networks expect between the pixels. x0 and y0 are
        multiples of 4.
        """
        self._decode(0)
        state = self._state
        crop = _State(replace(state.shape, width=box[2] - box[0], height=box[3] - box[1]), state.prior, state.workers)
        crop.components = [component.cropped(*box) for component in state.components]

        def refine() -> None:
            for component in crop.components:
                component.refine(-1, True, NoSymbols(), None)

        state.workers.run(refine)
        return crop.samples(-1)

    def _check(self, level: int) -> None:
        if level < self.finest and not self._cut:
            raise FormatError(f"latents: expected payloads down to level {level}, got down to {self.finest}")

    def _decode(self, level: int) -> None:
        if level > self._level and self._number:
            raise ValueError(f"level: expected at most {self._level}, which is decoded already, got {level}")
        self._check(level)
        if self._level > level or not self._number:
            self._state.workers.run(partial(self._go_on, level))

    def _go_on(self, level: int) -> None:
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
        for component in self._state.components:
            component.refine(self._level, self._skip, self._reader or NoSymbols(), None)

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
        most = sum(self._state.symbols(level) for level in range(self._level - self._left, self._level))
        reader = CutSymbolReader if cut else SymbolReader
        self._reader = reader(fields.rest(), self._prior.tables, what, most)
        self._number += 1

    def _start(self, fields: FieldReader, flags: int) -> None:
        """What is in the first payload only."""
        lowpass = self._state.read_lowpass(fields)
        if flags & DIFFERENT:
            size = fields.number("differences, bytes", 1, len(fields.data))
            own = differences.unpack(fields.take(size, "differences"), self._prior)
            self._state.prior = differences.adapted(self._prior, own)
        self._state.start(lowpass)


class _State:
    """The components of a picture on their way from coarse to fine."""

    def __init__(self, shape: Latents, prior: Prior, workers: Workers) -> None:
        self.shape, self.step = shape, Step(shape.step, shape.bit_depth)
        self.prior, self.workers = prior, workers
        self.components: list[Component] = []

    def start(self, lowpass: Sequence[Ints]) -> None:
        """Begin from the coarsest low-pass, in its steps."""
        unit = self.step.low(self.shape.levels)
        size = self.shape.width, self.shape.height
        for values in lowpass:
            planes = np.clip(values.astype(np.int64) * unit, -PLANE_LIMIT, PLANE_LIMIT).astype(np.int32)
            self.components.append(Component(self.prior, self.step, size, planes, self.workers))

    def samples(self, level: int) -> Samples:
        """Samples (h, w, C) of the planes, which are those of a level."""
        w, h = grid_size(self.shape.width, self.shape.height, level)
        out = np.empty((h, w, sum(self.shape.components)), np.uint8 if self.shape.bit_depth == 8 else np.uint16)
        first = 0
        for component in self.components:
            from_planes(component.planes, self.shape.bit_depth, out, first)
            first += len(component.planes)
        return out

    def symbols(self, level: int) -> int:
        """Details of a level."""
        w, h = grid_size(self.shape.width, self.shape.height, level + 1)
        return 3 * sum(self.shape.components) * w * h

    def skip_lowpass(self, fields: FieldReader) -> None:
        """Take what `_pack_lowpass` wrote off the front."""
        w, h = grid_size(self.shape.width, self.shape.height, self.shape.levels)
        for plane in range(sum(self.shape.components)):
            fields.number(f"low-pass, plane {plane}, least", 0, 2 * LOW_MAX)
            bits = fields.byte(f"low-pass, plane {plane}, bits", 0, LOW_BITS)
            fields.take((h * w * bits + 7) // 8, "low-pass")

    def read_lowpass(self, fields: FieldReader) -> list[Ints]:
        """What `_pack_lowpass` wrote."""
        w, h = grid_size(self.shape.width, self.shape.height, self.shape.levels)
        lowpass = []
        for component, count in enumerate(self.shape.components):
            planes = np.empty((count, h, w), np.int32)
            for plane in range(count):
                what = f"low-pass, component {component}, plane {plane}"
                least = fields.number(f"{what}, least", 0, 2 * LOW_MAX) - LOW_MAX
                bits = fields.byte(f"{what}, bits", 0, LOW_BITS)
                planes[plane] = least
                if bits:
                    planes[plane] += fields.bits(h * w, bits, what).reshape(h, w)
            lowpass.append(planes)
        return lowpass


def _pack_lowpass(lowpass: Sequence[Ints]) -> bytes:
    """By plane: the least value + 2^23, bits a value, values above the least of that many bits each."""
    out = []
    for planes in lowpass:
        for plane in planes:
            least = int(plane.min())
            bits = int(plane.max() - least).bit_length()
            out += [pack_number(least + LOW_MAX), bytes([bits]), pack_bits(plane.reshape(-1) - least, bits)]
    return b"".join(out)
