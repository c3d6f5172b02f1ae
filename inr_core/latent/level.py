"""One level of the latent model for one component: symbols of its bands in four phases, then the finer planes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError, shown
from ..kernels import switch
from ..kernels.highpass import CELL_MAX, highpass
from ..kernels.wavelet import HALO, inverse
from ..process.own_thread import apart
from ..process.threads import Crew, single_threaded_blas
from .compiled_phases import CompiledPhases
from .compiled_synthesis import CompiledSynthesis
from .latents import grid_size
from .maps import Maps, PhaseMaps, chroma_maps, luma_maps
from .networks import CellModel, Ops, PhaseModel
from .parity import Parity, Source, code
from .prior import ORDER, PhaseNet, Prior
from .steps import Step, keys_of

_Result = TypeVar("_Result")

Ints = NDArray[np.int32]

BLOCK_SYMBOLS = 1 << 19  # coded at once
PHASE_POSITIONS, CELL_POSITIONS = 1536, 6144  # of a grid evaluated at once: scratch stays in cache
SHARED_POSITIONS = 1 << 17  # of a phase grid whose first layers are kept for all four phases
HIGHPASS_POSITIONS = 1 << 14
STRIPS, STRIP_POSITIONS = 4, 1 << 12  # of compiled kernels: strips a thread, and positions of one at least
VALUE_MAX = 2047  # of a value in 1/64 steps as the cell sees it: times a gain, exact in float32
COEFFICIENT_MAX = 1 << 20


class Workers:
    """Threads that evaluate bands, each with scratch of its own; a GPU has one."""

    def __init__(self, threads: int, device: str) -> None:
        self.device = device
        self.kernels = switch.level() if device == "cpu" else None  # compiled ones, if any
        self.ops: list[Ops] = [Ops() for _ in range(threads)] if device == "cpu" else []
        self._crew = Crew(1)

    def run(self, work: Callable[[], _Result]) -> _Result:
        """Do what calls `bands`."""
        if self.device != "cpu":
            return apart(partial(self._through_torch, work))
        with single_threaded_blas(), Crew(len(self.ops)) as self._crew:
            return work()

    def _through_torch(self, work: Callable[[], _Result]) -> _Result:
        try:
            from ..process.torch_settings import undisturbed
            from .on_torch import TorchOps
        except ImportError as e:
            raise SettingsError(f"device: expected 'cpu' where torch is not installed, got {shown(self.device)}") from e
        with undisturbed():
            self.ops = self.ops or [TorchOps(self.device)]
            return work()

    def bands(self, first: int, last: int, width: int, positions: int, work: Callable[[Ops, int, int], None]) -> None:
        """Call work(ops, a, b) for every band [a, b) of rows [first, last), in any order.

        A band has up to `positions` positions of a grid so wide, or as many as the device prefers.
        """
        if self.kernels is not None:
            positions = max(STRIP_POSITIONS, -(-(last - first) // (STRIPS * len(self.ops))) * width)
            positions = (last - first) * width if len(self.ops) == 1 else positions
        rows = max(1, (self.ops[0].positions or positions) // width)
        bands = [(a, min(a + rows, last)) for a in range(first, last, rows)]

        def share(k: int) -> None:
            for a, b in bands[k :: len(self.ops)]:
                work(self.ops[k], a, b)

        self._crew.map(share, range(min(len(self.ops), len(bands))))


class Component:
    """Planes (3 or 1) of one component, refined a level at a time."""

    def __init__(self, prior: Prior, step: Step, size: tuple[int, int], planes: Ints, workers: Workers) -> None:
        self.prior, self.step, self.size, self.workers = prior, step, size, workers
        self.planes = planes  # (planes, h, w) of the grid decoded last
        self._keys = keys_of(prior)
        self._mag = prior.mag.astype(np.int16)
        # features of the last two levels, see `luma_maps`
        self._parent: Maps | None = None
        self._grand: Maps | None = None

    def refine(self, level: int, skip: bool, source: Source, details: Ints | None) -> None:
        """Code level `level` and go from the planes of grid level + 1 to those of grid level.

        `skip`: symbols that are surely 0 are not coded. `details` (planes·3, h, w): an encoder's values, in which those
        that are not coded are set to 0.
        """
        high = self._highpass(level)
        values, features = self._symbols(level, high, skip, source, details)
        self._parent, self._grand = features, self._parent
        self.planes = self._synthesis(level, high, values)

    def cropped(self, left: int, top: int, right: int, bottom: int) -> Component:
        """A part of grid 0 as a picture of its own, for levels that have no symbols. `left`, `top`: multiples of 4."""

        def part(maps: Maps | None, step: int) -> Maps | None:
            return None if maps is None else maps[:, top // step : -(-bottom // step), left // step : -(-right // step)]

        planes = np.ascontiguousarray(self.planes[:, top:bottom, left:right])
        crop = Component(self.prior, self.step, (right - left, bottom - top), planes, self.workers)
        crop._parent, crop._grand = part(self._parent, 2), part(self._grand, 4)
        return crop

    def forget_chroma(self) -> None:
        """Keep plane 0 only. Of the next level, which must be the last one decoded, only its details are coded."""
        self.planes = np.ascontiguousarray(self.planes[:1])

    def _highpass(self, level: int) -> Maps:
        """What the planes hold beyond a 5×5 blur, (planes, h, w), in 1/16 of 4Δ, up to ±256."""
        _, height, width = self.planes.shape
        out = np.empty(self.planes.shape, np.int16)
        factor = self.step.highpass(level)

        def work(ops: Ops, a: int, b: int) -> None:
            highpass(self.planes, factor, out, a, b, self.workers.kernels)

        self.workers.bands(0, height, width, HIGHPASS_POSITIONS, work)
        return out

    def _symbols(self, level: int, high: Maps, skip: bool, source: Source, details: Ints | None) -> tuple[Ints, Maps]:
        """Values (planes·3, h, w) in 1/64 of a step, and the features that finer levels see of them."""
        count, h, w = high.shape
        values = np.empty((3 * count, h, w), np.int32)
        features = np.empty((6 if count == 3 else 3, h, w, 2), np.int16)

        def code_bands(net: PhaseNet, maps: PhaseMaps, bands: slice, shown: Maps) -> None:
            """All four phases of some bands."""
            own = min(max(level, 0), self.prior.levels - 1)
            find = self._finder(net, maps, own)
            for rank in range(len(ORDER)):
                parity = Parity(
                    keys=self._keys,
                    skip=skip,
                    tables=self.prior.tables,
                    recon=self.prior.recon,
                    magnitudes=self._mag,
                    rank=rank,
                    maps=maps,
                    values=values[bands],
                    features=shown,
                    details=None if details is None else details[bands],
                )
                self._code(parity, find, source)

        code_bands(self.prior.luma, luma_maps(high, self._parent, self._grand), slice(0, 3), features[:3])
        if count == 3:
            maps = chroma_maps(high, features, self._parent, self._grand)
            code_bands(self.prior.chroma, maps, slice(3, 9), features[3:])
        return values, features

    def _finder(self, net: PhaseNet, maps: PhaseMaps, level: int) -> Callable[[int, int, int], Ints]:
        """A function of (rank, a, b) that finds the keys of rows [a, b) of phase ORDER[rank], as `code` takes them."""
        t, kernels, width = self.step.t, self.workers.kernels, maps.stride - 2
        if kernels is not None and CompiledPhases.fits(net, maps.layout):
            compiled = CompiledPhases(net, maps.layout, level, t, kernels)

            def find_compiled(rank: int, a: int, b: int) -> Ints:
                keys = compiled.empty(b - a, maps.stride)

                def work(ops: Ops, first: int, last: int) -> None:
                    compiled.keys(rank, maps, first, last - first, keys, (first - a) * maps.stride)

                self.workers.bands(a, b, width, PHASE_POSITIONS, work)
                return keys

            return find_compiled
        model = PhaseModel(net, maps.layout, level, t, self.workers.ops[0])
        shared = self._shared(model, maps.all)

        def find(rank: int, a: int, b: int) -> Ints:
            keys = np.empty((net.bands, b - a, maps.stride), np.int32)
            on_device = self.workers.ops[0].put(maps.all)

            def work(ops: Ops, first: int, last: int) -> None:
                keys[:, first - a : last - a, :width] = ops.get(
                    model.keys(ops, rank, on_device, shared, first, last - first)
                )

            self.workers.bands(a, b, width, PHASE_POSITIONS, work)
            return keys.reshape(net.bands, -1)

        return find

    def _shared(self, model: PhaseModel, maps: Maps) -> Any:
        """What all phases know gives their first layers, of a grid where that nearly fits the cache; else None."""
        height, width = maps.shape[1] - 2, maps.shape[2] - 2
        if height * width > SHARED_POSITIONS:
            return None
        ops = self.workers.ops[0]
        on_device = ops.put(maps)
        shared = ops.empty(4 * model.hidden * height * width).reshape(4 * model.hidden, height * width)

        def work(ops: Ops, a: int, b: int) -> None:
            shared[:, a * width : b * width] = model.shared(ops, on_device, a, b - a)

        self.workers.bands(0, height, width, PHASE_POSITIONS, work)
        return shared

    def _code(self, parity: Parity, find: Callable[[int, int, int], Ints], source: Source) -> None:
        """A phase of the grid, a block of rows at a time."""
        bands, h, w = parity.values.shape
        top, left = parity.phase
        height, width = (h - top + 1) // 2, (w - left + 1) // 2
        block = max(1, BLOCK_SYMBOLS // (bands * max(1, width)))
        for first in range(0, height if width else 0, block):
            last = min(first + block, height)
            code(parity, source, find(parity.rank, first, last), first, last - first, self.workers.kernels)

    def _synthesis(self, level: int, high: Maps, values: Ints) -> Ints:
        """The planes of grid `level`: inverse wavelet and the cell's residual."""
        count, h, w = high.shape
        width, height = grid_size(*self.size, level)
        own = min(max(level, 0), self.prior.levels - 1)
        gains = self.prior.gains[own, : 3 * count]
        factors = self.step.coefficients(level, gains)[:, None, None]
        shown = np.ldexp(gains.astype(np.float32), -14)[:, None, None]
        residual = self.step.residual(level)
        kernels = self.workers.kernels
        if kernels is not None and CompiledSynthesis.fits(self.prior.cell, count):
            return self._compiled_synthesis(level, own, high, values, kernels)
        cell = CellModel(self.prior.cell, own, self.step.t, count, self.workers.ops[0])
        out = np.empty((count, height, width), np.int32)

        def work(ops: Ops, a: int, b: int) -> None:
            begin, end = max(a - HALO, 0), min(b + HALO, h)
            v = values[:, begin:end]
            maps = np.empty((4 * count, b - a + 4, w + 2), np.float32)
            top = begin - (a - HALO)  # rows of the maps above the picture
            inner = maps[:, top : top + end - begin, 1:-1]
            inner[:count] = high[:, begin:end]
            n = np.clip(v, -VALUE_MAX, VALUE_MAX).astype(np.float32)
            n *= shown
            n += np.float32(0.5)
            np.floor(n, out=n)
            np.clip(n, -CELL_MAX, CELL_MAX, out=inner[count:])
            maps[:, :top, 1:-1] = inner[:, :1]
            maps[:, top + end - begin :, 1:-1] = inner[:, -1:]
            maps[..., 0], maps[..., -1] = maps[..., 1], maps[..., -2]
            r = ops.get(cell.residual(ops, ops.put(maps), a == 0, b == h))
            scaled = r * residual
            scaled += np.float32(0.5)
            np.floor(scaled, out=scaled)
            c = v * factors
            c += 0.5
            np.floor(c, out=c)
            np.clip(c, -COEFFICIENT_MAX, COEFFICIENT_MAX, out=c)
            planes = inverse(self.planes[:, begin:end], c.astype(np.int32))[:, 2 * (a - begin) : 2 * (b - begin)]
            shuffled = scaled.astype(np.int32).reshape(count, 2, 2, b - a, w)
            planes.reshape(count, b - a, 2, w, 2)[...] += shuffled.transpose(0, 3, 1, 4, 2)
            out[:, 2 * a : 2 * b] = planes[:, : height - 2 * a, :width]

        self.workers.bands(0, h, w, CELL_POSITIONS, work)
        return out

    def _compiled_synthesis(self, level: int, own: int, high: Maps, values: Ints, kernels: int) -> Ints:
        """The same by compiled kernels."""
        count, h, w = high.shape
        width, height = grid_size(*self.size, level)
        gains = self.prior.gains[own, : 3 * count]
        compiled = CompiledSynthesis(
            self.prior.cell,
            own,
            self.step.t,
            count,
            gains,
            self.step.coefficients(level, gains),
            self.step.coefficient_shift(level),
            *self.step.residual_parts(level),
            kernels,
        )
        out = np.empty((count, height, width), np.int32)

        def work(ops: Ops, a: int, b: int) -> None:
            compiled.rows(a, b, self.planes, high, values, out)

        self.workers.bands(0, h, w, CELL_POSITIONS, work)
        return out
