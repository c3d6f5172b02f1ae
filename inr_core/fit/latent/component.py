"""One component of a picture, the colours or alpha, as it is refined: its tiles, its errors and its latents.

The finest levels are refined in tiles, each with margins and all from the state before; the coarser ones, where there
are several tiles, as one part before them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...kernels.colour import UNIT_BITS, Samples, to_planes
from ...kernels.wavelet import forward
from ...latent.latents import Latents
from ...latent.plan import ADAPTED_PIXELS, step_size
from ...latent.prior import Prior
from ...latent.steps import Step
from ...process.own_thread import Watch
from ...process.threads import Crew
from ...process.torch_settings import products
from .adapt import Networks
from .best import Best
from .curvature import Curvature
from .distortion import Distortion, structure_share
from .laplace import allowed_share, changes
from .model import LatentModel, low_precision
from .networks import Moved, Weights
from .parities import clear_padding, from_parities, to_parities
from .passes import Pass, Window
from .tiles import MARGINS, Tile, tiles_of

STIFFNESS = 1.2  # of the error's second derivative: the cell adds to the wavelet's; for looks see `curvature`
# Shares of the latents that may change in the first iteration and in the last, by level, finest first, the last ones
# for all coarser levels: neighbours change together, and those of coarse levels have most in common
SHARES = ((0.8, 0.1), (0.6, 0.1), (0.2, 0.08), (0.08, 0.05))


def share_of(level: int, k: int, iterations: int) -> float:
    """The share of a level's latents that may change in iteration k: less and less, but of few iterations."""
    first, least = SHARES[min(level, len(SHARES) - 1)]
    last = max(least, min(first, 1 / iterations))
    return first + (last - first) * k / max(1, iterations - 1)


@dataclass(frozen=True)
class Refinement:
    """How to refine."""

    iterations: int
    trade: float  # λ over the square of the step
    adapt: bool = False  # whether the networks may differ from the prior's
    visible: NDArray[np.bool_] | None = None  # where (H, W) samples count, but for an alpha's; None: everywhere
    alpha: bool = False  # whether the last channel is one
    seed: int = 0
    threads: int = 1
    device: str = "cpu"
    time_limit: float = math.inf  # seconds


class Interrupted(Exception):
    """By Ctrl-C, between tiles: an iteration that is not done changes nothing more."""


@dataclass(frozen=True)
class _Result:
    """Of a tile's own part."""

    error: float  # squared, of the samples
    bits: float
    gradients: dict[str, Tensor]  # of distortion + price · rate, by what `Networks` moves
    better: list[Tensor]  # latents, by level


@dataclass(frozen=True)
class _Part:
    """Levels of a pyramid that are refined together, and against what."""

    first: int  # the finest of them; its planes are those of grid `first`
    last: int  # one beyond the coarsest
    tiles: list[Tile]  # of grid `first`
    target: Tensor  # (planes, h, w) of that grid: samples at grid 0, planes in orthonormal scaling at others
    visible: Tensor | None = None  # (h, w) where errors count
    curvatures: dict[tuple[int, int], Curvature] = field(default_factory=lambda: defaultdict(Curvature))  # tile, level


class Component:
    """One component of a picture and its latents, which iterations change in place."""

    def __init__(
        self,
        model: LatentModel,
        prior: Prior,
        latents: Latents,
        index: int,
        target: Samples,
        visible: NDArray[np.bool_] | None,
        how: Refinement,
        crew: Crew,
    ) -> None:
        self.model, self.prior, self.how, self.index, self.crew = model, prior, how, index, crew
        self.planes, self.look = latents.components[index], latents.look
        height, width = target.shape[:2]
        self.sizes = [(-(-height >> k), -(-width >> k)) for k in range(latents.levels + 1)]
        self.step = step_size(latents.step) / 255  # for samples of 0 … 1
        self.price = how.trade * self.step**2
        unit = Step(latents.step, latents.bit_depth).low(latents.levels)
        self.low: Tensor = self._orthonormal(latents.lowpass[index] * unit, latents) / self.step
        self.q = [to_parities(_floats(bands).to(how.device)) for bands in latents.details[index]]  # in parities
        peak = (1 << latents.bit_depth) - 1
        samples = torch.from_numpy(np.ascontiguousarray(target.transpose(2, 0, 1), np.float32) / peak - 0.5)
        seen = None if visible is None else torch.from_numpy(visible).to(how.device)
        tiles = tiles_of(height, width)
        whole = Window(0, height, 0, width)
        coarse = min(len(MARGINS), latents.levels) if len(tiles) > 1 else latents.levels
        if len(tiles) == 1:
            tiles = [Tile(whole, [whole] * coarse)]
        self.best = Best() if len(tiles) == 1 and height * width < ADAPTED_PIXELS else None
        samples = samples.to(how.device)
        structure = 0.0 if self.best else structure_share(how.iterations)
        self.distortion = Distortion(
            self.planes, prior, latents.look, how.device, samples, latents.levels, structure=structure
        )
        self.parts = [_Part(0, coarse, tiles, samples, seen)]
        if coarse < latents.levels:
            planes = to_planes(target, latents.bit_depth)
            for _ in range(coarse):
                planes, _ = forward(planes)
            h, w = self.sizes[coarse]
            coarsest = Window(0, h, 0, w)
            wanted = self._orthonormal(planes, latents, coarse)
            self.parts.insert(
                0, _Part(coarse, latents.levels, [Tile(coarsest, [coarsest] * (latents.levels - coarse))], wanted)
            )

    def _orthonormal(self, planes: NDArray[np.int32], latents: Latents, level: int | None = None) -> Tensor:
        """Planes (planes, h, w) of a level, the coarsest by default: units of the format → as the model has them."""
        units = 2 ** UNIT_BITS[latents.bit_depth] * (255 if latents.bit_depth == 8 else 256)
        scale = float(1 << (latents.levels if level is None else level)) / units
        scaled: Tensor = _floats(planes).to(self.how.device) * scale
        return scaled

    def quantised(self) -> list[NDArray[np.int32]]:
        """The latents, as `Latents` has them."""
        return [
            from_parities(q, size).cpu().numpy().astype(np.int32)
            for q, size in zip(self.q, self.sizes[1:], strict=True)
        ]

    def iterate(self, k: int, networks: Networks | None, watch: Watch) -> tuple[float, float]:
        """Squared error of the samples and bits of the latents as they were; better latents in their place."""
        dtype = torch.bfloat16 if low_precision(self.low.device) else torch.float32
        weights = Weights(self.model, self.planes, self.step, dtype)
        error = bits = 0.0
        for part in self.parts:
            low = self._planes_above(part, weights)
            adapt = networks is not None and not part.first

            def work(number: int, part: _Part = part, low: Tensor = low, adapt: bool = adapt) -> _Result:
                watch.check()
                if watch.interrupted.is_set():
                    raise Interrupted
                seed = np.random.SeedSequence([self.how.seed, k, self.index, part.first, number]).generate_state(2)
                random = torch.Generator("cpu").manual_seed(int(seed[0]) << 31 | int(seed[1]) >> 1)
                moved = Moved(networks.zeros(), k % 2) if networks and adapt else None
                with products(self.low.device):
                    return self._better(part, number, low, weights, random, k, moved)

            error = 0.0  # of the last part: the samples'
            results = self.crew.map(work, range(len(part.tiles)))  # all of them before any latent changes
            for tile, result in zip(part.tiles, results, strict=True):
                error += result.error
                bits += result.bits
                for level, q in enumerate(result.better, part.first):
                    if self.best:
                        self.q[level] = q
                    else:
                        self.q[level][:, *tile.own.on(level + 2 - part.first)] = q
                if networks and adapt:
                    networks.collect(result.gradients)
        return error, bits

    def settle(self, watch: Watch) -> None:
        """Go back to the best latents, where they are known."""
        if self.best:
            with suppress(Interrupted):
                self.iterate(self.how.iterations, None, watch)  # tells whether the last ones are
            self.q = [level.q for level in self.best.levels] or self.q

    def _planes_above(self, part: _Part, weights: Weights) -> Tensor:
        """The planes that a part's levels start from, in steps."""
        coarser = self.q[part.last :]
        if not coarser:
            return self.low
        h, w = self.sizes[part.last]
        windows = [Window(0, h, 0, w)] * len(coarser)
        with products(self.low.device):
            return Pass(weights, coarser, windows, part.last, self.price).planes(self.low)

    def _better(
        self,
        part: _Part,
        number: int,
        low: Tensor,
        weights: Weights,
        random: torch.Generator,
        k: int,
        moved: Moved | None,
    ) -> _Result:
        """What a tile's own part costs, with gradients by what is `moved`, and its latents a step further."""
        tile, first, count = part.tiles[number], part.first, part.last - part.first
        way = Pass(weights, self.q[first : part.last + 2], tile.windows[:count], first, self.price)
        planes = way.planes(low[:, *tile.windows[count - 1].on(count)].contiguous())
        error, counts, slope = self._error(planes.mul_(self.step), part, tile.windows[0])
        way.backward(slope.mul_(self.step), moved)
        inner = [tile.own.within(window, j + 2) for j, window in enumerate(tile.windows)]
        bits = -sum(level.found.log2[:, *at].sum().item() for level, at in zip(way.levels, inner, strict=False))
        levels, reach = self.best.of(counts.item() + self.price * bits, way.levels) if self.best else (way.levels, 1.0)
        better = []
        for j, (level, found, at) in enumerate(zip(levels, way.levels, inner, strict=False)):
            stiffness, curvature = self._stiffness(first + j, tile.windows[j], j), part.curvatures[number, j]
            if self.look:
                curvature.measure(found.slope[:, *at])
            slopes = level.slope, level.magnitude_slope, level.signed_slope
            share = reach * share_of(first + j, k, self.how.iterations)
            allowed = allowed_share(level.q.shape, share, random).to(level.q.device)
            q = changes(level.q, level.found, slopes, stiffness * curvature.ratio, allowed)
            better.append(clear_padding(q, level.size)[:, *at])
            if self.look:
                change = better[j] - level.q[:, *at]
                curvature.remember(change, level.slope[:, *at], stiffness.expand_as(level.q)[:, *at])
        (h, w), (wide_h, wide_w) = tile.own.size(), tile.windows[0].size()
        share_of_tile = h * w / (wide_h * wide_w)
        gradients = {name: g * share_of_tile for name, g in moved.gradients.items()} if moved else {}
        error = error[:, *tile.own.within(tile.windows[0], 0)]
        return _Result(error.sum().item() * self.planes, bits, gradients, better)

    def _error(self, planes: Tensor, part: _Part, window: Window) -> tuple[Tensor, Tensor, Tensor]:
        """Squared errors of a window's samples (planes, h, w), what counts, and its gradients by its planes."""
        wanted = part.target[:, *window.on(0)]
        levels = part.last - part.first
        if part.first:
            return self.distortion.of_planes(planes, wanted, part.first, levels, window)
        visible = None if part.visible is None else part.visible[window.on(0)]
        return self.distortion.of_samples(planes, wanted, visible, levels, window)

    def _stiffness(self, level: int, window: Window, shift: int) -> Tensor:
        """Second derivatives of what counts by latents' parities (4·3·planes, 1 or h, 1 or w): weights cancel out.

        window: of the level's, on the grid that is `shift` finer than its planes.
        """
        gains = self.prior.gains[self.model.level(level), : 3 * self.planes] / 4096
        steps = torch.from_numpy((self.step * gains).astype(np.float32))[:, None, None].to(self.low.device)
        norms = self.distortion.norms.repeat_interleave(3, 0)
        stiffness: Tensor = (2 * STIFFNESS * norms * steps**2).repeat_interleave(4, 0)
        mask = self.distortion.mask(level, window, shift + 1)
        return stiffness if mask is None else stiffness * to_parities(mask[None]).repeat(3 * self.planes, 1, 1)


def _floats(planes: NDArray[np.integer]) -> Tensor:
    return torch.from_numpy(planes.astype(np.float32))
