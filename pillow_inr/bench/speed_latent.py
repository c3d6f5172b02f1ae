"""The latent model: an iteration of refining beside the simplest loop that does the same, and decoding.

The simple loop takes the whole picture through `LatentModel`, has autograd find all slopes and looks at each latent's
two neighbours, as the first version of refining did; it leaves the networks as they are. Times stand beside the
multiply-adds that the networks' layers contain, without those that a mask makes zero (wavelet, blur and everything
elementwise come on top), and beside the machine's rate of large matrix products, measured in the same run.

On CUDA a file is decoded there, too, but its symbols come from the CPU.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from inr_core.decoder import decode
from inr_core.encoder import encode
from inr_core.fit.latent.component import STIFFNESS, Refinement, share_of
from inr_core.fit.latent.float_prior import float_state
from inr_core.fit.latent.model import RGB_TO_YCC, LatentModel, Pyramid, laplace_bits, low_precision, to_rgb
from inr_core.fit.latent.refine import refine
from inr_core.latent import prior
from inr_core.latent.latents import Latents, quantise
from inr_core.latent.plan import DEAD_ZONE, PRIORS, TRADE, levels_for, step_for, step_size
from inr_core.settings import Settings

from .pictures import Samples
from .report import Cell, Report, stopwatch
from .speed_fresh import run_fresh
from .speed_loops import peak_while, synchronise, waves
from .speed_products import BFLOAT16, FLOAT32, Rates
from .torch_threads import torch_threads

QUALITY = 75.0
CPU = torch.device("cpu")
WARM_UP = 1  # iterations
SIMPLE, OURS, ADAPTING = "simple loop", "ours", "ours, networks too"
PASSES = {SIMPLE: 2.0, OURS: 2.0, ADAPTING: 2.5}  # forward and back; slopes by weights from half of the rows
COLUMNS = {
    "threads": "d",
    "what": "",
    "ms": ".1f",
    "ms_per_megapixel": ".0f",
    "macs_per_pixel": ",.0f",
    "gmacs_per_second": ".1f",
    "of_products": ".2f",
    "ratio": ".2f",
    "peak_mb": ".0f",
}
_PEAK = """
from pillow_inr.bench.speed_latent import peak_of
result = peak_of(what, tuple(size), threads)
"""


def measure(
    report: Report,
    size: tuple[int, int],
    threads: Sequence[int],
    rounds: int,
    rates: Mapping[int, Rates],
    device: torch.device = CPU,
) -> None:
    """A table of refining and of decoding, on so many threads each; `rates` of products on as many."""
    where = f"{size[0]}×{size[1]} on {device.type}"
    title = f"Refining {where}, an iteration (of products: share of their rate; ratio: the simple loop is 1)"
    refining = report.table("refine", title, COLUMNS)
    decoding = report.table("decode_latent", f"Decoding {where}, latent, quality {QUALITY:g}", COLUMNS)
    picture = Picture(waves(*size), device)
    data = encode(picture.samples, Settings(quality=QUALITY, effort=0, model="latent"))
    for count in threads:
        report.say(f"latent: {count} threads")
        times = iterations(picture, count, rounds)
        for what, seconds in times.items():
            macs = PASSES[what] * picture.multiply_adds()
            row = _row(count, what, seconds, picture.pixels, macs, rates[count].get(BFLOAT16, rates[count][FLOAT32]))
            row["ratio"] = times[SIMPLE] / seconds
            peak = peak_of(what, size, count, device) if device.type == "cuda" else _peak_of_process(what, size, count)
            row["peak_mb"] = peak / 1e6 if peak else None
            report.add(refining, row)
        taken = []
        for _ in range(rounds + 1):
            with stopwatch() as seconds_of:
                decode(data, threads=count, device=device.type)
            taken += seconds_of
        median = statistics.median(taken[1:])
        row = _row(count, "inr_core.decode", median, picture.pixels, picture.multiply_adds(), rates[count][FLOAT32])
        report.add(decoding, row)


def _row(count: int, what: str, seconds: float, pixels: int, macs: float, rate: float) -> dict[str, Cell]:
    return {
        "threads": count,
        "what": what,
        "ms": 1e3 * seconds,
        "ms_per_megapixel": 1e9 * seconds / pixels,
        "macs_per_pixel": macs / pixels,
        "gmacs_per_second": macs / seconds / 1e9,
        "of_products": macs / seconds / rate,
        "ratio": None,
        "peak_mb": None,
    }


class Picture:
    """Samples, what they are quantised to, and the model that refines it."""

    def __init__(self, samples: Samples, device: torch.device = CPU) -> None:
        self.samples, self.device = samples, device
        height, width = samples.shape[:2]
        self.pixels = height * width
        self.prior = prior.load(PRIORS[0])
        self.model = LatentModel.of(float_state(self.prior)).to(device).requires_grad_(False)
        levels = levels_for(width, height)
        self.latents = quantise(samples, self.prior, (3,), step_for(QUALITY), levels, DEAD_ZONE)

    def multiply_adds(self) -> float:
        """That the networks' layers contain on the way through all levels."""
        entropy, cell = self.model.entropy, self.model.cell
        total = 0.0
        for bands in self.latents.details[0]:
            positions = bands[0].size
            parities = -(-bands.shape[1] // 2) * -(-bands.shape[2] // 2)
            for net in (entropy.luma, entropy.chroma):
                total += parities * (net.mask.sum().item() * 9 + net.w2.numel() + net.w3.numel())
            total += positions * (cell.w1.numel() + cell.wm.numel() + cell.w2.numel())
        return total


def iterations(picture: Picture, threads: int, rounds: int) -> dict[str, float]:
    """Median seconds of an iteration of each contestant; they take turns."""
    loop = SimpleLoop(picture.model, picture.samples, picture.latents)
    times: dict[str, list[float]] = {SIMPLE: [], OURS: [], ADAPTING: []}
    for turn in range(rounds + 1):
        with torch_threads(threads), stopwatch() as seconds:
            loop.step(turn)
            synchronise(picture.device)
        times[SIMPLE] += seconds if turn else []
        for what in (OURS, ADAPTING):
            times[what] += ours(picture, threads, what == ADAPTING, 1)
    return {what: statistics.median(values) for what, values in times.items()}


def ours(picture: Picture, threads: int, adapt: bool, count: int) -> list[float]:
    """Seconds of so many iterations after the first ones."""
    marks: list[float] = []

    def report(done: int, psnr: float, bits: float) -> bool:
        synchronise(picture.device)
        marks.append(time.perf_counter())
        return True

    how = Refinement(WARM_UP + count, TRADE, adapt, threads=threads, device=picture.device.type)
    refine(picture.samples, picture.latents, picture.prior, how, report)
    return [b - a for a, b in zip(marks[WARM_UP - 1 :], marks[WARM_UP:], strict=False)]


def peak_of(what: str, size: tuple[int, int], threads: int, device: torch.device = CPU) -> int | None:
    """Bytes that two iterations take at the most, see `peak_while`."""
    return peak_while(partial(_two_iterations, what, size, threads, device), device)


def _two_iterations(what: str, size: tuple[int, int], threads: int, device: torch.device) -> None:
    picture = Picture(waves(*size), device)
    if what == SIMPLE:
        loop = SimpleLoop(picture.model, picture.samples, picture.latents)
        with torch_threads(threads):
            for turn in range(2):
                loop.step(turn)
    else:
        ours(picture, threads, what == ADAPTING, 1)


def _peak_of_process(what: str, size: tuple[int, int], threads: int) -> int | None:
    peak: int | None = run_fresh(_PEAK, without=(), what=what, size=size, threads=threads)
    return peak


class SimpleLoop:
    """Refining as anyone would write it: the whole picture at once, with autograd."""

    def __init__(self, model: LatentModel, samples: Samples, latents: Latents) -> None:
        self.model = model
        self.device = model.log_gains.device
        self.target = torch.from_numpy(samples.transpose(2, 0, 1).copy())[None].to(self.device).float() / 255 - 0.5
        pyramid = Pyramid.of(self.target, latents.levels)
        self.low, self.sizes = pyramid.low, pyramid.sizes
        self.q = [torch.from_numpy(bands)[None].float().to(self.device) for bands in latents.details[0]]
        self.step_size = step_size(latents.step) / 255
        self.price = TRADE * self.step_size**2
        norms = torch.linalg.inv(torch.tensor(RGB_TO_YCC)).square().sum(0).repeat_interleave(3)[:, None, None] / 3
        self.norms = norms.to(self.device)
        self.cost = 0.0

    def step(self, number: int) -> None:
        """Every latent beside q − 1 and q + 1, and those changed that are better; a random share of them."""
        model, price = self.model, self.price
        torch.manual_seed(number)
        q = [band.clone().requires_grad_() for band in self.q]
        packs = [(a.requires_grad_(), b.requires_grad_()) for a, b in map(model.pack, self.q)]
        with torch.autocast(self.device.type, torch.bfloat16, low_precision(self.device)):
            decoded = model(self.low, q, self.sizes, self.step_size, 0, packs, _bits_of_fixed)
        error = (to_rgb(decoded.planes).clamp(-0.5, 0.5) - self.target).square().sum() / 3
        cost = error + price * torch.stack([bits.sum() for bits in decoded.bits]).sum()
        slopes = torch.autograd.grad(cost, [*q, *(part for pack in packs for part in pack)])
        self.cost = cost.item()
        with torch.no_grad():
            for k, band in enumerate(self.q):
                gain = partial(self._gain, k, band, decoded.predicted[k], slopes[k], slopes[len(q) + 2 * k :])
                down, up = gain(-1.0), gain(1.0)
                change = (up < 0).float() * (up < down) - (down < 0).float() * (down <= up)
                self.q[k] = band + change * (torch.rand(band.shape, device=self.device) < share_of(k, 0, 1))

    def _gain(
        self,
        k: int,
        q: Tensor,
        predicted: tuple[Tensor, Tensor],
        slope: Tensor,
        by_pack: Sequence[Tensor],
        change: float,
    ) -> Tensor:
        """What the cost becomes larger by, about, if latents change."""
        (size, signed), (other_size, other_signed) = self.model.pack(q), self.model.pack(q + change)
        gain: Tensor = slope * change + STIFFNESS * self.norms * self.model.steps(k, self.step_size) ** 2
        gain += self.price * (laplace_bits(q + change, *predicted) - laplace_bits(q, *predicted))
        gain += by_pack[0] * (other_size - size) + by_pack[1] * (other_signed - signed)
        return gain


def _bits_of_fixed(q: Tensor, log_scale: Tensor, mean: Tensor) -> Tensor:
    """Their gradients reach the distributions only: what q itself costs is looked up for each change."""
    return laplace_bits(q.detach(), log_scale, mean)
