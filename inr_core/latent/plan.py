"""From a quality and an effort to how a picture's pyramid is quantised and refined: the measured tables."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..models import MAX_LEVELS, MAX_STEP
from ..settings import DEFAULT_EFFORT

# What files are written with, whichever is better: photographs, text and graphics; from WIDER_EFFORT on wider networks
# for photographs.
PRIORS, LOOK_PRIORS = (1, 2), (4, 2)
WIDER_PRIORS, WIDER_LOOK_PRIORS, WIDER_EFFORT = (3, 2), (5, 2), 7
COARSEST = 8  # pixels of the longer side of the coarsest planes, about
FEWEST_LEVELS = 6  # also of small pictures: fewer would leave their coarsest planes with too large a step
# log2 of the step in 8-bit levels, by quality, lines between
STEP_OCTAVES = ((0.0, 6.41), (75.0, 3.61), (100.0, -0.19))
# The same for looks, by SSIMULACRA2 of photographs: 75 looks like a JPEG of 85 to 90, and 90 like the original.
LOOK_OCTAVES = ((0.0, 6.35), (75.0, 2.9), (90.0, 1.9), (100.0, -0.6))
DEAD_ZONE = 0.62  # from which distance on a value is rounded away from zero where symbols are not chosen: in training
TRADE = 0.085  # λ over the square of the step
EXACT_TRADE = 0.1102  # the same for what is coded nearly exactly, and for choosing between that and latents
REFINEMENTS = (0, 2, 4, 6, 9, 14, 28, 18, 35, 65)  # iterations, by effort
REFINED_PIXELS = 1e8  # of all iterations together at the default effort, twice and half of it an effort more and less
ADAPTING_EFFORT, ADAPTED_PIXELS = 5, 40_000  # from which on the networks are refined, too: differences take bits
TRIALS = 4  # refined files made for a target
SIZE_GAIN, LOOK_SIZE_GAIN = 0.96, 0.943  # an unrefined file of the same step is about so many times as large
COST_GAIN = 1.04  # what it costs in error and bits together, or in bytes for the same PSNR
SIZE_TOLERANCE = 0.02  # of a size below its target that is near enough
PSNR_TOLERANCE = 0.15  # dB above a target that are near enough


def step_for(quality: float, share: float = 1.0, look: bool = False) -> int:
    """Index of the quantisation step of a quality 0 … 100: Δ = 2^(index/16 − 6) of an 8-bit level.

    share: of the scale that nearly all samples take. look: whether steps are weighted for looks.
    """
    qualities, logs = zip(*(LOOK_OCTAVES if look else STEP_OCTAVES), strict=True)
    octaves = float(np.interp(quality, qualities, logs)) + math.log2(share)
    return min(max(round(16 * (octaves + 6)), 0), MAX_STEP)


def step_size(index: int) -> float:
    """The quantisation step Δ of an index 0 … 255, in 8-bit levels."""
    return math.exp2(index / 16 - 6)


def price_of_bit(index: int) -> float:
    """What a bit may cost at the step of an index: squared error of samples 0 … 1, the mean of a pixel's channels."""
    return TRADE * (step_size(index) / 255) ** 2


def trade_for(quality: float, samples: int) -> float:
    """The squared error of all samples of a pixel, in 8-bit levels, that a bit is worth."""
    return samples * EXACT_TRADE * step_size(step_for(quality)) ** 2


def levels_for(width: int, height: int) -> int:
    """Levels of a picture's pyramid."""
    return min(max(math.ceil(math.log2(max(width, height) / COARSEST)), FEWEST_LEVELS), MAX_LEVELS)


def iterations_for(effort: int, pixels: int) -> int:
    """How often latents are refined; less often for large pictures, but where there is any effort at least once."""
    wanted = REFINEMENTS[effort]
    budget = REFINED_PIXELS * 2.0 ** (effort - DEFAULT_EFFORT)
    return min(wanted, max(1, int(budget / pixels))) if wanted else 0


def priors_for(effort: int, look: bool) -> tuple[int, ...]:
    """The priors that a file may be written with; look: whether its steps are weighted for looks."""
    if effort >= WIDER_EFFORT:
        return WIDER_LOOK_PRIORS if look else WIDER_PRIORS
    return LOOK_PRIORS if look else PRIORS


def adapts(effort: int, pixels: int) -> bool:
    """Whether the networks are refined, too."""
    return effort >= ADAPTING_EFFORT and pixels >= ADAPTED_PIXELS


def size_gain(effort: int, look: bool) -> float:
    """About how many times as large a file is before it is refined; look: whether its steps are weighted for looks."""
    return (LOOK_SIZE_GAIN if look else SIZE_GAIN) if REFINEMENTS[effort] else 1.0


def cost_gain(effort: int) -> float:
    """The same of what a file costs."""
    return COST_GAIN if REFINEMENTS[effort] else 1.0


def last_true(holds: Callable[[int], bool], first: int) -> int:
    """The largest step index at which a condition holds that holds for all smaller ones, or −1; looks near `first`."""
    low, high, width = -1, MAX_STEP + 1, 8  # it holds at low and fails at high
    at = first
    while high - low > 1:
        if holds(at):
            low, at = at, at + width
        else:
            high, at = at, at - width
        width *= 2
        if low >= 0 and high <= MAX_STEP:
            at = (low + high) // 2
        at = min(max(at, low + 1), high - 1)
    return low


def shift_for_size(size: int, target: int) -> int:
    """By how much the step index of a file should move for it to be just below `target` bytes."""
    away = math.log(size / target)
    return math.ceil(away / 0.035) if away > 0 else -math.floor(max(0.0, -away - SIZE_TOLERANCE) / 0.045)


def shift_for_psnr(measured: float, target: float) -> int:
    """By how much the step index of a file should move for it to be just above `target` dB."""
    if measured == math.inf:  # exact: how far above nobody knows
        return 1
    away = measured - target
    return -math.ceil(-away / 0.3) if away < 0 else math.floor(max(0.0, away - PSNR_TOLERANCE) / 0.4)
