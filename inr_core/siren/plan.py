"""From a quality, an effort and a picture's size to the network and the schedule that fit it: the measured tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..limits import Limits
from ..models import MAX_HIDDEN, MAX_WEIGHTS, MAX_WORK, SirenShape
from ..settings import Settings
from .cost import siren_cost

Shape = tuple[int, int]  # (out, in) of a linear layer

# Measured on 512×512 crops of photographs, two CPU cores; see RESULTS.md for the runs behind each line.
DEPTHS = ((1000, 4), (4000, 5), (math.inf, 6))  # linear layers, for networks of up to so many bytes
BITS = 7  # 8 gain 0.14 dB for 16 % more bytes, 6 lose 0.33 dB for 13 % less
FIRST_LAYER_BITS = 5  # more than the others': a coordinate's phase is large; at 8 bits it cost 0.82 of 0.85 dB
BIAS_BITS = 9
LEARNING_RATE, TOP_LEARNING_RATE = 0.08, 2e-3  # the first over the width, at most the second
SLOW_OMEGA, SLOW_POWER = 50.0, 1.5  # the rate falls by this power of ω beyond it: at 110, of a page, to a third
REFERENCE_FREQUENCY = 60.0  # of a smooth photograph of the reference size
OMEGA_SCALE, OMEGA_POWER, OMEGA_RANGE = 4.5, 0.55, (6.0, 150.0)  # ω of the first layer from a picture's own frequency
BATCH = 2048  # pixels a step on a CPU: at equal time 1.6 dB better than 16,384
FULL_BATCH = 2**18  # on anything faster, as in the study
STEPS = (0, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000)  # by effort
REFERENCE_PIXELS = 512 * 512
BPP_LOW, BPP_HIGH = 0.08, 2.0  # of quality 0 and 100 at the reference size, geometric between them
LARGE_EXPONENT = 0.5  # a picture of n times the reference pixels gets n**0.5 times its bytes
SMALL_EXPONENT = 0.8  # a smaller one n**0.8
MIN_WIDTH = 4
MEASURED_PIXELS = 2**20  # more are sampled by whole rows and columns
DECODED_IN = Limits().seconds / 2  # nominal seconds: more is refused, or warned of, by default
QUALITY_WEIGHTS = 90_000  # chosen by quality: what a 12-megapixel picture can still be decoded with
ENTROPY_GAIN = 0.97  # bits that the range coder takes off each weight
LAYER_BYTES = 10  # a layer's record, its density nodes, and rounding
FIRST_QUALITY = 60.0  # where the search for a PSNR starts
PSNR_SLOPE = 0.12  # dB a step of quality (0.10 on chelsea): the search's first guess
PSNR_TOLERANCE = 0.3  # dB above the target that ends the search
PSNR_TRIALS = 5


@dataclass(frozen=True)
class FitPlan:
    """Everything that decides a fit; made by `make_plan` from the settings and the picture."""

    shapes: tuple[Shape, ...]
    nonzeros: int  # of all layers together; the number of weights: dense
    sparsity: str
    bits: tuple[int, ...]  # of each layer's weights
    bias_bits: int
    quantization: str
    steps: int
    batch: int  # pixels a step
    learning_rate: float
    omega_first: float
    omega_hidden: float
    seed: int
    expected_bytes: int  # of the packed network: what progress reports until it is known
    smallest_bytes: int = 0  # what the packed network takes at the least, however few weights are left
    time_limit: float | None = None  # seconds
    max_bytes: int | None = None  # of the packed network


def quality_bytes(quality: float, pixels: int) -> float:
    """The network bytes that a quality stands for."""
    bpp = BPP_LOW * math.pow(BPP_HIGH / BPP_LOW, quality / 100)
    ratio = pixels / REFERENCE_PIXELS
    return bpp / 8 * REFERENCE_PIXELS * math.pow(ratio, LARGE_EXPONENT if ratio > 1 else SMALL_EXPONENT)


def expected_bytes(width: int, layers: int, channels: int, density: float, bits: int) -> float:
    """What a network of `bits`-bit weights will take when packed, to a few per cent."""
    weights = SirenShape(width, layers).macs(channels)
    mask = 0.0 if density >= 1 else -density * math.log2(density) - (1 - density) * math.log2(1 - density)
    biases = (layers - 1) * width * BIAS_BITS + 24 * channels
    first = 2 * width * FIRST_LAYER_BITS
    return (weights * (density * (bits - ENTROPY_GAIN) + mask) + first + biases) / 8 + LAYER_BYTES * layers


def _largest(fits: Callable[[int], bool], low: int, high: int) -> int:
    """The largest value in [low, high] that fits, or low; `fits` is monotonic."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def characteristic_frequency(samples: NDArray[np.generic]) -> float:
    """√(mean squared gradient / variance) of samples (H, W, C), in radians per unit of the coordinates.

    A sine's own frequency; 60 to 250 for photographs of 512 pixels, 300 for a page of text, 8 for an icon.
    """
    height, width, _ = samples.shape
    rows = samples[:: max(1, height * width // MEASURED_PIXELS)].astype(np.float32)
    columns = samples[:, :: max(1, height * width // MEASURED_PIXELS)].astype(np.float32)
    gradient = sum(
        float(np.square(np.diff(lines, axis=axis)).mean())
        for lines, axis in ((columns, 0), (rows, 1))
        if lines.shape[axis] > 1
    )
    variance = float(rows.var((0, 1)).mean())
    return math.sqrt(gradient / variance) * max(height, width) / 2 if variance else 0.0


def omega_for(frequency: float) -> float:
    """The first layer's frequency factor that fitted pictures of that characteristic frequency best."""
    low, high = OMEGA_RANGE
    return min(max(OMEGA_SCALE * math.pow(frequency, OMEGA_POWER), low), high)


def learning_rate(width: int, omega_first: float) -> float:
    """Of Adam: twice as much diverges, and what ω makes fast diverges sooner."""
    slower = math.pow(min(1.0, SLOW_OMEGA / omega_first), SLOW_POWER)
    return min(LEARNING_RATE / width, TOP_LEARNING_RATE) * slower


def make_plan(
    shape: tuple[int, int, int],
    settings: Settings,
    *,
    quality: float,
    flat: bool = False,
    max_bytes: int | None = None,
    time_limit: float | None = None,
    frequency: float = REFERENCE_FREQUENCY,
    accelerated: bool = False,
) -> FitPlan:
    """The fit of one picture of `shape` (H, W, C). `flat`: one colour needs no training and next to no network.

    max_bytes: of the packed network; replaces what `quality` stands for.
    frequency: of the picture in radians per unit of the coordinates, see `characteristic_frequency`.
    accelerated: a step of the whole picture costs little more than a small one.
    """
    height, width_px, channels = shape
    pixels = height * width_px
    bits = settings.bits or BITS
    budget = quality_bytes(quality, pixels) if max_bytes is None else max_bytes
    depth = settings.depth or (2 if flat else next(layers for most, layers in DEPTHS if budget <= most))
    density = settings.density or 1.0

    def fits(width: int) -> bool:
        macs = SirenShape(width, depth).macs(channels)
        seconds = siren_cost(SirenShape(width, depth), channels, (width_px, height)).seconds
        if (
            macs > MAX_WEIGHTS
            or macs * pixels > MAX_WORK
            or seconds > DECODED_IN
            or (max_bytes is None and macs * density > QUALITY_WEIGHTS)
        ):
            return False
        return expected_bytes(width, depth, channels, density, bits) <= budget

    width = settings.width or (1 if flat else _largest(fits, MIN_WIDTH, MAX_HIDDEN))
    weights = SirenShape(width, depth).macs(channels)
    nonzeros = max(depth, round(density * weights))
    if settings.sparsity == "small-dense" and nonzeros < weights:
        width = _largest(lambda w: SirenShape(w, depth).macs(channels) <= nonzeros, 1, width)
        nonzeros = weights = SirenShape(width, depth).macs(channels)
    steps = STEPS[settings.work] if settings.steps is None else settings.steps
    omega_first = settings.omega_first or omega_for(frequency)
    return FitPlan(
        shapes=SirenShape(width, depth).linear(channels),
        nonzeros=nonzeros,
        sparsity=settings.sparsity,
        bits=(bits + FIRST_LAYER_BITS, *[bits] * (depth - 1)),
        bias_bits=BIAS_BITS,
        quantization=settings.quantization,
        steps=0 if flat else steps,  # the output layer's least squares is exact
        batch=min(settings.batch or (FULL_BATCH if accelerated else BATCH), pixels),
        learning_rate=learning_rate(width, omega_first),
        omega_first=omega_first,
        omega_hidden=settings.omega_hidden,
        seed=settings.seed,
        expected_bytes=int(expected_bytes(width, depth, channels, nonzeros / weights, bits)),
        smallest_bytes=int(expected_bytes(width, depth, channels, depth / weights, bits)),
        time_limit=time_limit,
        max_bytes=max_bytes,
    )


def next_quality(tried: Mapping[float, float], target: float) -> float | None:
    """Where to look next for the lowest quality that reaches `target` dB, given the PSNR of qualities tried.

    None when one is near enough above the target, when 100 misses it, or after PSNR_TRIALS.
    """
    above = {q: p for q, p in tried.items() if p >= target}
    below = {q: p for q, p in tried.items() if p < target}
    if len(tried) >= PSNR_TRIALS or 100.0 in below or 0.0 in above:
        return None
    if above and min(above.values()) - target <= PSNR_TOLERANCE:
        return None
    wanted = target + PSNR_TOLERANCE / 2
    if above and below:
        low, high = max(below), min(above)
        share = (wanted - below[low]) / (above[high] - below[low])
        guess = low + (high - low) * min(max(share, 0.1), 0.9)
    else:
        q, p = max(below.items()) if below else min(above.items())
        guess = q + 1.2 * (wanted - p) / PSNR_SLOPE
    guess = float(round(min(max(guess, 0.0), 100.0)))
    return None if guess in tried else guess
