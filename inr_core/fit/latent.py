"""Refining a picture's latents: rate–distortion optimised rounding through the networks that will decode them.

Every iteration decodes the picture, takes the gradients of its error and of its rate, and looks at each latent q beside
q − 1 and q + 1: the error to second order (the wavelet is nearly orthonormal, so its own part is known), the latent's
own code length exactly, and what its neighbours' contexts make of it to first order. Where a change lowers
distortion + λ · rate it is made, for a random share of the latents at a time, since neighbours change together.

The networks may move beside the latents, by the same gradients (see `adapt`).

In the manner of trellis and rate–distortion optimised quantisation (K. Ramchandran, M. Vetterli, 1994), with the
gradients standing in for the trellis. The picture is taken in tiles with margins, all from the state before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..latent_pixels import UNIT_BITS, Samples, to_planes
from ..latent_steps import Step
from ..latents import Latents
from ..prior import Prior
from ..wavelet import forward
from .adapt import Networks
from .float_prior import float_state
from .latent_model import Decoded, LatentModel, laplace_bits, low_precision, to_rgb

TILE, MARGIN = 512, 64  # pixels: the most of a tile's side, and what it sees beyond
TILE_LEVELS = 4  # refined in tiles, where there is more than one; the coarser ones at once before
NORMS = (3.0, 3.258, 2.475)  # squared RGB norms of a unit of Y, Cb, Cr
STIFFNESS = 1.2  # of the error's second derivative: the cell adds to the wavelet's
SHARES = (0.3, 0.08)  # of the latents that may change, in the first iteration and in the last

Report = Callable[[int, float, float], bool]  # iterations done, dB, bits a pixel → whether to go on


@dataclass(frozen=True)
class Refinement:
    """How to refine."""

    iterations: int
    trade: float  # λ over the square of the step
    adapt: bool = False  # whether the networks may differ from the prior's
    alpha: bool = False  # whether the last channel is one: where it is 0, the others do not count
    seed: int = 0
    threads: int = 1
    device: str = "cpu"
    time_limit: float = math.inf  # seconds


@dataclass(frozen=True)
class _Tile:
    """Rows [top, bottom) and columns [left, right) of a grid, and those of them that are its own."""

    top: int
    bottom: int
    left: int
    right: int
    own: tuple[int, int, int, int]

    def slices(self, shift: int) -> tuple[slice, slice]:
        """The tile on a grid 2^shift times as coarse."""
        return _shrunk(self.top, self.bottom, shift), _shrunk(self.left, self.right, shift)

    def owned(self, shift: int) -> tuple[slice, slice]:
        """Its own part there."""
        top, bottom, left, right = self.own
        return _shrunk(top, bottom, shift), _shrunk(left, right, shift)

    def inner(self, shift: int) -> tuple[slice, slice]:
        """Its own part there, counted from the tile's corner."""
        (rows, columns), y, x = self.owned(shift), self.top >> shift, self.left >> shift
        return slice(rows.start - y, rows.stop - y), slice(columns.start - x, columns.stop - x)


def _shrunk(first: int, last: int, shift: int) -> slice:
    return slice(first >> shift, -(-last >> shift))


def _tiles(height: int, width: int) -> list[_Tile]:
    """Nearly equal tiles on multiples of the margin."""

    def edges(n: int) -> list[tuple[int, int]]:
        count = -(-n // TILE)
        cuts = [min(n, round(k * n / count / MARGIN) * MARGIN) for k in range(count)] + [n]
        return list(pairwise(cuts))

    return [
        _Tile(max(0, top - MARGIN), min(height, bottom + MARGIN), max(0, left - MARGIN), min(width, right + MARGIN),
              (top, bottom, left, right))
        for top, bottom in edges(height)
        for left, right in edges(width)
    ]  # fmt: skip


def refine(samples: Samples, latents: Latents, prior: Prior, how: Refinement, report: Report) -> tuple[Latents, bool]:
    """Better latents for the samples (H, W, C) they were quantised from, and whether Ctrl-C ended the search for them.

    As many iterations as asked for, unless the report says stop or the time is over: what there is then is kept.
    """
    model = LatentModel.of(float_state(prior)).to(how.device).requires_grad_(False)
    peak = (1 << latents.bit_depth) - 1
    components = []
    first = 0
    for k, planes in enumerate(latents.components):
        target = samples[..., first : first + planes]
        visible = samples[..., -1] > 0 if how.alpha and first + planes < samples.shape[2] else None
        components.append(_Component(model, latents, k, target, visible, how))
        first += planes
    networks = Networks(model, prior, components[0].price) if how.adapt else None
    started = time.perf_counter()
    interrupted = False
    with ThreadPoolExecutor(how.threads) as pool:
        try:
            for k in range(how.iterations):
                share = SHARES[0] + (SHARES[1] - SHARES[0]) * k / max(1, how.iterations - 1)
                bits = networks.bits() if networks else 0.0
                results = [component.iterate(pool, k, share, networks) for component in components]
                error = sum(e for e, _ in results) / samples.size
                bits += sum(b for _, b in results)
                if networks:
                    networks.step((k + 1) / how.iterations)
                psnr = 10 * math.log10(1 / max(error, 1 / peak**2 / samples.size))
                if not report(k + 1, psnr, bits / (latents.width * latents.height)):
                    break
                if time.perf_counter() - started > how.time_limit:
                    break
        except KeyboardInterrupt:
            interrupted = True
    found = networks.differences() if networks else {}
    return replace(latents, details=[c.quantised() for c in components], differences=found), interrupted


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
    tiles: list[_Tile]  # of grid `first`
    target: Tensor  # (planes, h, w) of that grid: samples at grid 0, planes in orthonormal scaling at others
    weight: Tensor | None = None  # (h, w) of each pixel's error


class _Component:
    """One component of a picture and its latents, which iterations change in place."""

    def __init__(
        self,
        model: LatentModel,
        latents: Latents,
        index: int,
        target: Samples,
        visible: NDArray[np.bool_] | None,
        how: Refinement,
    ) -> None:
        self.model, self.how, self.index = model, how, index
        self.planes = latents.components[index]
        height, width = target.shape[:2]
        self.sizes = [(-(-height >> k), -(-width >> k)) for k in range(latents.levels + 1)]
        self.step = 2.0 ** (latents.step / 16 - 6) / 255
        self.price = how.trade * self.step**2
        unit = Step(latents.step, latents.bit_depth).low(latents.levels)
        self.low = self._orthonormal(latents.lowpass[index] * unit, latents)
        self.q = [_in_colour(bands, 9).to(how.device) for bands in latents.details[index]]
        peak = (1 << latents.bit_depth) - 1
        samples = torch.from_numpy(np.ascontiguousarray(target.transpose(2, 0, 1), np.float32) / peak - 0.5)
        weight = None if visible is None else torch.from_numpy(visible).to(how.device)
        tiles = _tiles(height, width)
        coarse = min(TILE_LEVELS, latents.levels) if len(tiles) > 1 else latents.levels
        self.parts = [_Part(0, coarse, tiles, samples.to(how.device), weight)]
        if coarse < latents.levels:
            planes = to_planes(target, latents.bit_depth)
            for _ in range(coarse):
                planes, _ = forward(planes)
            h, w = self.sizes[coarse]
            wanted = self._orthonormal(planes, latents, coarse)[0, : self.planes]
            self.parts.insert(0, _Part(coarse, latents.levels, [_Tile(0, h, 0, w, (0, h, 0, w))], wanted))

    def _orthonormal(self, planes: NDArray[np.int32], latents: Latents, level: int | None = None) -> Tensor:
        """Planes of a level, the coarsest by default, in units of the format → (1, 3, h, w) as the model has them."""
        units = 2 ** UNIT_BITS[latents.bit_depth] * (255 if latents.bit_depth == 8 else 256)
        scale = float(1 << (latents.levels if level is None else level)) / units
        scaled: Tensor = _in_colour(planes, 3)[None].to(self.how.device) * scale
        return scaled

    def quantised(self) -> list[NDArray[np.int32]]:
        """The latents, as `Latents` has them."""
        return [q[: 3 * self.planes].cpu().numpy().astype(np.int32) for q in self.q]

    def iterate(self, pool: ThreadPoolExecutor, k: int, share: float, networks: Networks | None) -> tuple[float, float]:
        """Squared error of the samples and bits of the latents as they were; better latents in their place."""
        error = bits = 0.0
        for part in self.parts:
            low = self._planes_above(part)
            moved = networks.parameters if networks and not part.first else {}

            def work(
                number: int, part: _Part = part, low: Tensor = low, moved: Mapping[str, Tensor] = moved
            ) -> _Result:
                seed = np.random.SeedSequence([self.how.seed, k, self.index, part.first, number]).generate_state(2)
                random = torch.Generator().manual_seed(int(seed[0]) << 31 | int(seed[1]) >> 1)
                return self._better(part, part.tiles[number], low, random, share, moved)

            error = 0.0  # of the last part: the samples'
            results = list(pool.map(work, range(len(part.tiles))))  # all of them before any latent changes
            for tile, result in zip(part.tiles, results, strict=True):
                error += result.error
                bits += result.bits
                for level, q in enumerate(result.better, part.first):
                    self.q[level][:, *tile.owned(level + 1 - part.first)] = q
                if networks and moved:
                    networks.collect(result.gradients)
        return error, bits

    def _planes_above(self, part: _Part) -> Tensor:
        """The planes that a part's levels start from."""
        coarser = self.q[part.last :]
        if not coarser:
            return self.low
        with torch.no_grad():
            sizes = self.sizes[part.last : -1]
            decoded: Decoded = self.model(self.low, [q[None] for q in coarser], sizes, self.step, part.last)
        return decoded.planes

    def _better(
        self,
        part: _Part,
        tile: _Tile,
        low: Tensor,
        random: torch.Generator,
        share: float,
        moved: Mapping[str, Tensor],
    ) -> _Result:
        """What a tile's own part costs, with gradients by the parameters `moved`, and its latents a step further."""
        first, colours = part.first, 3 * self.planes
        seen = [q[None, :, *tile.slices(k + 1)] for k, q in enumerate(self.q[first : part.last + 2])]
        q = [band.clone().requires_grad_() for band in seen[: part.last - first]]
        packs = [(a.requires_grad_(), b.requires_grad_()) for a, b in map(self.model.pack, seen)]
        sizes = [
            (rows.stop - rows.start, columns.stop - columns.start) for rows, columns in map(tile.slices, range(len(q)))
        ]
        with torch.autocast(low.device.type, torch.bfloat16, low_precision(low.device)):
            above = low[:, :, *tile.slices(part.last - first)]
            decoded: Decoded = self.model(above, q, sizes, self.step, first, packs, _bits_of_fixed)
        error = self._error(decoded.planes, part, tile)
        cost = error.sum() + self.price * torch.stack([b[:, :colours].sum() for b in decoded.bits]).sum()
        leaves = [*q, *(t for pack in packs[: len(q)] for t in pack), *moved.values()]
        slopes = torch.autograd.grad(cost, leaves, allow_unused=True, materialize_grads=True)
        rows, columns = tile.inner(0)
        share_of_tile = (rows.stop - rows.start) * (columns.stop - columns.start) / error[0].numel()
        gradients = {name: g * share_of_tile for name, g in zip(moved, slopes[3 * len(q) :], strict=True)}
        better = []
        with torch.no_grad():
            for k, band in enumerate(q):
                own, slope = band[:, :colours], slopes[k][:, :colours]
                log_scale, mean = (p[:, :colours] for p in decoded.predicted[k])
                coded, (magnitude, signed) = laplace_bits(own, log_scale, mean), self.model.pack(own)
                seen_by = slopes[len(q) + 2 * k : len(q) + 2 * k + 2]
                magnitude_slope, signed_slope = (g[:, :colours] for g in seen_by)
                best, choice = torch.zeros_like(own), own.clone()
                for change in (-1.0, 1.0):
                    other = own + change
                    other_magnitude, other_signed = self.model.pack(other)
                    gain = slope * change + self._stiffness(first + k) / 2
                    gain += self.price * (laplace_bits(other, log_scale, mean) - coded)
                    gain += magnitude_slope * (other_magnitude - magnitude) + signed_slope * (other_signed - signed)
                    choice = torch.where(gain < best, other, choice)
                    best = torch.minimum(best, gain)
                allowed = torch.rand(own.shape, generator=random).to(own.device) < share
                changed = band.detach().clone()
                changed[:, :colours] = torch.where(allowed, choice, own)
                better.append(changed[0, :, *tile.inner(k + 1)])
            bits = sum(b[0, :colours, *tile.inner(k + 1)].sum().item() for k, b in enumerate(decoded.bits))
            return _Result(error[:, rows, columns].sum().item() * self.planes, bits, gradients, better)

    def _error(self, planes: Tensor, part: _Part, tile: _Tile) -> Tensor:
        """Squared errors of a tile (planes, h, w), over the samples of a pixel; clipped ones count as they are seen."""
        wanted = part.target[:, *tile.slices(0)]
        if part.first:
            return (planes[0, : self.planes] - wanted).square() * self._norms()
        samples = to_rgb(planes)[0] if self.planes == 3 else planes[0, :1]
        samples = samples + (samples.clamp(-0.5, 0.5) - samples).detach()
        error = (samples - wanted).square() / self.planes
        return error if part.weight is None else error * part.weight[tile.slices(0)]

    def _norms(self) -> Tensor:
        """What a unit of each plane does to the mean of its samples' squared errors (planes, 1, 1)."""
        norms = torch.tensor(NORMS) / 3 if self.planes == 3 else torch.ones(1)
        return norms[:, None, None].to(self.low.device)

    def _stiffness(self, level: int) -> Tensor:
        """Second derivatives of the error by latents (planes·3, 1, 1)."""
        steps = self.model.steps(level, self.step)[: 3 * self.planes]
        return 2 * STIFFNESS * self._norms().repeat_interleave(3, 0) * steps**2


def _bits_of_fixed(q: Tensor, log_scale: Tensor, mean: Tensor) -> Tensor:
    """Code lengths whose gradients reach the distributions only: what q itself costs is looked up for each change."""
    return laplace_bits(q.detach(), log_scale, mean)


def _in_colour(planes: NDArray[np.integer], count: int) -> Tensor:
    """Planes (n, h, w) → float32 (count, h, w): the networks always take a colour component's, here with zeros."""
    return torch.from_numpy(np.pad(planes, ((0, count - len(planes)), (0, 0), (0, 0))).astype(np.float32))
