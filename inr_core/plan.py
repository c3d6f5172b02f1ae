"""From a quality, an effort and a picture's size to the network and the schedule that fit it: the measured tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .settings import Settings

Shape = tuple[int, int]  # (out, in) of a linear layer

DEPTH = 6  # linear layers
BITS = 8
BIAS_BITS = 10
LEARNING_RATE = 2e-3
BATCH = 4096
STEPS = (0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000)  # by effort
REFERENCE_PIXELS = 512 * 512
BPP_LOW, BPP_HIGH = 0.08, 2.0  # of quality 0 and 100 at the reference size, geometric between them
LARGE_EXPONENT = 0.5  # a picture of n times the reference pixels gets n**0.5 times its bytes
SMALL_EXPONENT = 0.8  # a smaller one n**0.8
MAX_WEIGHTS = 70_000  # chosen by quality: what a 12-megapixel picture can still be decoded with
WEIGHT_BITS = 7.3  # what a weight of BITS bits costs in a file, measured
FIRST_QUALITY = 60.0  # where the search for a PSNR starts
PSNR_SLOPE = 0.12  # dB a step of quality, measured; the search's first guess
PSNR_TOLERANCE = 0.3  # dB above the target that ends the search
PSNR_TRIALS = 5


@dataclass(frozen=True)
class FitPlan:
    """Everything that decides a fit; made by `make_plan` from the settings and the picture."""

    shapes: tuple[Shape, ...]
    nonzeros: int  # of all layers together; the number of weights: dense
    sparsity: str
    bits: int
    bias_bits: int
    quantization: str
    steps: int
    batch: int  # pixels a step
    learning_rate: float
    omega_first: float
    omega_hidden: float
    seed: int
    expected_bytes: int  # of the packed network: what progress reports until it is known
    time_limit: float | None = None  # seconds
    max_bytes: int | None = None  # of the packed network


def quality_bytes(quality: float, pixels: int) -> float:
    """The network bytes that a quality stands for."""
    bpp = BPP_LOW * (BPP_HIGH / BPP_LOW) ** (quality / 100)
    ratio = pixels / REFERENCE_PIXELS
    return bpp / 8 * REFERENCE_PIXELS * ratio ** (LARGE_EXPONENT if ratio > 1 else SMALL_EXPONENT)


def weight_count(width: int, layers: int, channels: int) -> int:
    """Weights, without biases, of a dense SIREN."""
    return 2 * width + (layers - 2) * width * width + channels * width


def shapes_of(width: int, layers: int, channels: int) -> tuple[Shape, ...]:
    """(out, in) of each linear layer."""
    return ((width, 2), *[(width, width)] * (layers - 2), (channels, width))


def widest(layers: int, channels: int, budget: float) -> int:
    """The largest width, at least 1, at which a dense network has at most `budget` weights."""
    width = 1
    while weight_count(width + 1, layers, channels) <= budget:
        width += 1
    return width


def make_plan(
    pixels: int,
    channels: int,
    settings: Settings,
    *,
    quality: float,
    flat: bool = False,
    max_bytes: int | None = None,
    time_limit: float | None = None,
) -> FitPlan:
    """The fit of one picture. `flat`: it has one colour, which needs no network to speak of and no training.

    max_bytes: of the packed network; replaces what `quality` stands for.
    """
    depth = settings.depth or (2 if flat else DEPTH)
    bits = settings.bits or BITS
    weight_bits = WEIGHT_BITS - (BITS - bits)
    budget = 8 * (max_bytes or quality_bytes(quality, pixels)) / weight_bits  # weights
    if max_bytes is None:
        budget = min(budget, MAX_WEIGHTS)
    density = settings.density or 1.0
    width = settings.width or (1 if flat else max(4, widest(depth, channels, budget / density)))
    if settings.width and not settings.density:  # the width is given and the bytes are: the density follows
        density = min(1.0, budget / weight_count(width, depth, channels))
    nonzeros = max(depth, round(density * weight_count(width, depth, channels)))
    if settings.sparsity == "small-dense" and density < 1:
        width = widest(depth, channels, nonzeros)
        nonzeros = weight_count(width, depth, channels)
    steps = 0 if flat else STEPS[settings.effort]
    return FitPlan(
        shapes=shapes_of(width, depth, channels),
        nonzeros=nonzeros,
        sparsity=settings.sparsity,
        bits=bits,
        bias_bits=BIAS_BITS,
        quantization=settings.quantization,
        steps=steps if settings.steps is None else settings.steps,
        batch=min(settings.batch or BATCH, pixels),
        learning_rate=LEARNING_RATE,
        omega_first=settings.omega_first,
        omega_hidden=settings.omega_hidden,
        seed=settings.seed,
        expected_bytes=int(nonzeros * weight_bits / 8 + width * depth * BIAS_BITS / 8),
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
