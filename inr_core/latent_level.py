"""One level of the latent model for one component: symbols of its bands in four phases, then the finer planes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import SettingsError, shown
from .latent_steps import Step, keys_of
from .latentnet import CellModel, Ops, PhaseModel
from .prior import CELL_MAX, CHROMA_CONTEXT, CONTEXT_MAX, LUMA_CONTEXT, ORDER, OWN, PhaseNet, Prior
from .wavelet import HALO, inverse

Ints = NDArray[np.int32]
Maps = NDArray[np.int16]
# rows of the symbols coded here (n,), what their tables count from, their values if an encoder knows them → values
Exchange = Callable[[NDArray[np.integer[Any]], Ints, Ints | None], Ints]

BLOCK_SYMBOLS = 1 << 19  # coded at once
PHASE_POSITIONS, CELL_POSITIONS = 1536, 6144  # of a grid evaluated at once: scratch stays in cache
SHARED_POSITIONS = 1 << 17  # of a phase grid whose first layers are kept for all four phases
HIGHPASS_POSITIONS = 1 << 14
SIGNED_MAX, SIGNED_UNIT = 8, 8
VALUE_MAX = 2047  # of a value in 1/64 steps as the cell sees it: times a gain, exact in float32
COEFFICIENT_MAX = 1 << 20


def grid_size(width: int, height: int, level: int) -> tuple[int, int]:
    """Width and height of grid `level`, at least 1; grid −1 is twice the picture."""
    if level < 0:
        return width << -level, height << -level
    return -(-width >> level), -(-height >> level)


class Workers:
    """Threads that evaluate bands, each with scratch of its own."""

    def __init__(self, threads: int, device: str) -> None:
        self.ops = [_ops(device) for _ in range(threads if device == "cpu" else 1)]
        self._pool: ThreadPoolExecutor | None = None
        self._exact = self.ops[0].exact()

    def __enter__(self) -> None:
        self._exact = self.ops[0].exact()
        self._exact.__enter__()
        if len(self.ops) > 1:
            self._pool = ThreadPoolExecutor(len(self.ops))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown()
            self._pool = None
        self._exact.__exit__(kind, error, trace)

    def bands(self, first: int, last: int, width: int, positions: int, work: Callable[[Ops, int, int], None]) -> None:
        """Call work(ops, a, b) for every band [a, b) of rows [first, last), in any order.

        A band has up to `positions` positions of a grid so wide, or as many as the device prefers.
        """
        rows = max(1, (self.ops[0].positions or positions) // width)
        bands = [(a, min(a + rows, last)) for a in range(first, last, rows)]
        if self._pool is None or len(bands) == 1:
            for a, b in bands:
                work(self.ops[0], a, b)
            return

        def share(k: int) -> None:
            for a, b in bands[k :: len(self.ops)]:
                work(self.ops[k], a, b)

        for _ in self._pool.map(share, range(len(self.ops))):
            pass


def _ops(device: str) -> Ops:
    if device == "cpu":
        return Ops()
    try:
        from .latentnet_torch import TorchOps
    except ImportError as e:
        raise SettingsError(f"device: expected 'cpu' where torch is not installed, got {shown(device)}") from e
    return TorchOps(device)


class Component:
    """Planes (3 or 1) of one component, refined a level at a time."""

    def __init__(self, prior: Prior, step: Step, size: tuple[int, int], planes: Ints, workers: Workers) -> None:
        self.prior, self.step, self.size, self.workers = prior, step, size, workers
        self.planes = planes  # (planes, h, w) of the grid decoded last
        self._keys = keys_of(prior)
        self._coded = self._keys.coded  # which keys have a symbol in the stream, at the current level
        self._mag = prior.mag.astype(np.int16)
        # features of the last two levels: |q| of all bands, and q of plane 0's
        self._parent: tuple[Maps, Maps] | None = None
        self._grand: Maps | None = None

    def refine(self, level: int, skip: bool, exchange: Exchange, details: Ints | None) -> None:
        """Code level `level` and go from the planes of grid level + 1 to those of grid level.

        `skip`: symbols that are surely 0 are not coded. `details` (planes·3, h, w): an encoder's values, in which those
        that are not coded are set to 0.
        """
        self._coded = self._keys.coded if skip else np.ones_like(self._keys.coded)
        high = self._highpass(level)
        values, features = self._symbols(level, high, exchange, details)
        self._grand = self._parent[0] if self._parent else None
        self._parent = features
        self.planes = self._synthesis(level, high, values)

    def cropped(self, left: int, top: int, right: int, bottom: int) -> Component:
        """A part of grid 0 as a picture of its own, for levels that have no symbols. `left`, `top`: multiples of 4."""

        def part(maps: Maps, step: int) -> Maps:
            return maps[:, top // step : -(-bottom // step), left // step : -(-right // step)]

        planes = np.ascontiguousarray(self.planes[:, top:bottom, left:right])
        crop = Component(self.prior, self.step, (right - left, bottom - top), planes, self.workers)
        if self._parent:
            crop._parent = part(self._parent[0], 2), part(self._parent[1], 2)
        if self._grand is not None:
            crop._grand = part(self._grand, 4)
        return crop

    def forget_chroma(self) -> None:
        """Keep plane 0 only. Of the next level, which must be the last one decoded, only its details are coded."""
        self.planes = self.planes[:1]

    def _highpass(self, level: int) -> Maps:
        """What the planes hold beyond a 5×5 blur, (planes, h, w), in 1/16 of 4Δ, up to ±256."""
        count, height, width = self.planes.shape
        out = np.empty((count, height, width), np.int16)
        factor = self.step.highpass(level)

        def work(ops: Ops, a: int, b: int) -> None:
            rows = np.arange(a - 2, b + 2).clip(0, height - 1)
            x = np.empty((count, len(rows), width + 4), np.int32)
            x[..., 2:-2] = self.planes[:, rows]
            x[..., :2] = x[..., 2:3]
            x[..., -2:] = x[..., -3:-2]
            y = x[:, 1:] + x[:, :-1]
            y = y[:, 1:] + y[:, :-1]
            y = y[:, 2:] + y[:, :-2]
            y = y[..., 1:] + y[..., :-1]
            y = y[..., 1:] + y[..., :-1]
            y = y[..., 2:] + y[..., :-2]
            z = x[:, 2:-2, 2:-2] << np.int32(6)
            z -= y
            high = z * factor
            high += 0.5
            np.floor(high, out=high)
            out[:, a:b] = np.clip(high, -CELL_MAX, CELL_MAX, out=high)

        self.workers.bands(0, height, width, HIGHPASS_POSITIONS, work)
        return out

    def _symbols(
        self, level: int, high: Maps, exchange: Exchange, details: Ints | None
    ) -> tuple[Ints, tuple[Maps, Maps]]:
        """Values (planes·3, h, w) in 1/64 of a step, and the features that finer levels see of them."""
        count, h, w = high.shape
        h2, w2 = h + 1 >> 1, w + 1 >> 1
        own = min(max(level, 0), self.prior.levels - 1)
        values = np.empty((3 * count, h, w), np.int32)
        mags, signs = np.empty((3 * count, h, w), np.int16), np.empty((3, h, w), np.int16)
        parent = self._parent or (np.zeros((3 * count, h2, w2), np.int16), np.zeros((3, h2, w2), np.int16))
        grand = np.zeros((3 * count, h2, w2), np.int16) if self._grand is None else _doubled(self._grand, h2, w2)
        seen = np.clip(high, -CONTEXT_MAX, CONTEXT_MAX)

        def code(net: PhaseNet, context: int, bands: slice, show_sizes: bool, known: list[Maps]) -> None:
            """All four phases of some bands; each shows later ones its values, and if so their sizes."""
            model = PhaseModel(net, context, own, self.step.t, self.workers.ops[0])
            maps = np.zeros((net.w1.shape[1], h2 + 2, w2 + 2), np.int16)
            inner = maps[:, 1:-1, 1:-1]
            _fill(inner, 0, known)
            shared = self._shared(model, maps)
            for rank, phase in enumerate(ORDER):
                at = (bands, slice(phase >> 1, None, 2), slice(phase & 1, None, 2))
                q = self._phase(
                    model, rank, maps, shared, values[at], None if details is None else details[at], exchange
                )
                mags[at] = size = self._mag[np.minimum(np.abs(q), 255)]
                signed = np.clip(q, -SIGNED_MAX, SIGNED_MAX).astype(np.int16)
                signed *= SIGNED_UNIT
                if show_sizes:
                    signs[at] = signed
                _fill(inner, context + OWN * rank, [size, signed] if show_sizes else [signed])

        code(
            self.prior.luma, LUMA_CONTEXT, slice(0, 3), True, [parent[0][:3], parent[1], grand[:3], *_phases(seen[:1])]
        )
        if count == 3:
            sizes = _phases(mags[:3])
            known = [*sizes, parent[0][3:], grand[3:], *_phases(seen[1:])]
            code(self.prior.chroma, CHROMA_CONTEXT, slice(3, 9), False, known)
        return values, (mags, signs)

    def _shared(self, model: PhaseModel, maps: Maps) -> Any:
        """What the context gives all phases, of a grid where that fits the cache or nearly so; else None."""
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

    def _phase(
        self,
        model: PhaseModel,
        rank: int,
        maps: Maps,
        shared: Any,
        values: Ints,
        wanted: Ints | None,
        exchange: Exchange,
    ) -> Ints:
        """Symbols (bands, rows, columns) of a phase; writes `values`, and zeros into `wanted` where none is coded."""
        bands, height, width = values.shape
        out = np.zeros((height, width, bands), np.int32)
        on_device = self.workers.ops[0].put(maps)
        block = max(1, BLOCK_SYMBOLS // (bands * max(1, width)))
        for first in range(0, height if width else 0, block):
            last = min(first + block, height)
            keys = np.empty((last - first, width, bands), np.int32)

            def work(ops: Ops, a: int, b: int) -> None:
                found = ops.get(model.keys(ops, rank, on_device, shared, a, b - a))
                keys[a - first : b - first] = found[..., :width].transpose(1, 2, 0)  # noqa: B023 - called at once

            self.workers.bands(first, last, maps.shape[2] - 2, PHASE_POSITIONS, work)
            flat = keys.reshape(-1)
            coded = np.flatnonzero(self._coded[flat])
            key = flat[coded]
            known = None
            if wanted is not None:
                known = wanted[:, first:last].transpose(1, 2, 0).reshape(-1)[coded]
            q = exchange(self._keys.row[key], self._keys.rounded[key], known)
            out[first:last].reshape(-1)[coded] = q
            v = self._keys.zero[flat]
            v[coded] = self._keys.values(key, q)
            values[:, first:last] = v.reshape(keys.shape).transpose(2, 0, 1)
        result = out.transpose(2, 0, 1)
        if wanted is not None:
            wanted[:] = result
        return result

    def _synthesis(self, level: int, high: Maps, values: Ints) -> Ints:
        """The planes of grid `level`: inverse wavelet and the cell's residual."""
        count, h, w = high.shape
        width, height = grid_size(*self.size, level)
        own = min(max(level, 0), self.prior.levels - 1)
        gains = self.prior.gains[own, : 3 * count]
        factors = self.step.coefficients(level, gains)[:, None, None]
        shown = np.ldexp(gains.astype(np.float32), -14)[:, None, None]
        residual = self.step.residual(level)
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


def _phases(grids: Maps) -> list[Maps]:
    """The four phases of each grid (c, h, w), as 4·c of (1, ≤ h2, ≤ w2)."""
    return [grid[None, phase >> 1 :: 2, phase & 1 :: 2] for grid in grids for phase in range(4)]


def _fill(maps: Maps, channel: int, parts: list[Maps]) -> None:
    """Write parts (c, ≤ h, ≤ w) into successive channels of maps (C, h, w), at the top left corner."""
    for part in parts:
        count, height, width = part.shape
        maps[channel : channel + count, :height, :width] = part
        channel += count


def _doubled(grid: Maps, height: int, width: int) -> Maps:
    """Each value of a grid (c, h, w) four times, cut to height × width."""
    return grid.repeat(2, 1)[:, :height].repeat(2, 2)[:, :, :width]
