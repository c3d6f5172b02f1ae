"""What latents cost under Laplace distributions, where they are moved to, and what their neighbours would cost.

All of it elementwise, on a CPU a chunk at a time that stays in the cache. With the distance d of a latent to its mean,
the distribution's tails e^(−|x|/scale) at d ± 1/2 and d ± 3/2 give the probabilities of q, q − 1 and q + 1 and all
slopes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .float_networks import LOG_SCALE, SIGNED_LIMIT, SIGNED_SCALE
from .model import MIN_PROBABILITY

CHUNK = 1 << 15  # latents
LOG2E = 1 / math.log(2)

Line = tuple[float, float]  # start and fall, as `LatentModel.reach_line`


class Findings:
    """What is known of latents (c, h, w) when their distributions are; all results have their shape."""

    def __init__(self, q: Tensor, log_scale: Tensor, mean: Tensor, line: Line, price: float) -> None:
        """log_scale: not clamped yet. line: how far values are moved. price: of a bit, in squared errors of samples
        whose range is 1.

        log_scale and mean are used up.
        """
        self.log2 = torch.empty_like(q)  # of the probability: less the bits
        self.values = torch.empty_like(q)  # what the latents stand for, in steps
        self.even, self.odd = torch.empty_like(q), torch.empty_like(q)  # price of q ± 1 beyond q's: even ± odd
        # gradients: of price · rate, and by the values' gradient
        self.by_log_scale, self.by_mean = log_scale, mean
        self.keep, self.pull = torch.empty_like(q), torch.empty_like(q)
        chunk = _chunk(q)
        for first in range(0, len(q), chunk):
            part = slice(first, first + chunk)
            self._find(part, q[part], log_scale[part], mean[part], line, price)

    def _find(self, part: slice, q: Tensor, logs: Tensor, mean: Tensor, line: Line, price: float) -> None:
        """All results for some of the maps, into their place; gradients of bits in the place of `logs` and `mean`."""
        log_scale = logs.clamp(*LOG_SCALE)
        rate = log_scale.mul(-LOG2E).add_(math.log2(LOG2E)).exp2_()  # log2(e) over the scale
        apart = q - mean
        distance = apart.abs()
        nearer, near, far, beyond = (_tail(distance + shift, rate) for shift in (-1.5, -0.5, 0.5, 1.5))
        within, within_next = (torch.le(distance, limit, out=torch.empty_like(q)) for limit in (0.5, 1.5))
        # the distribution up to 1/2 and to 3/2 towards the mean is i + (1/2 − i) · tail, i being `within`
        signed = (0.5 - within).mul_(near)
        probability = torch.add(within, signed).sub_(far, alpha=0.5).clamp_(min=MIN_PROBABILITY)
        log2 = torch.log2(probability, out=self.log2[part])
        towards = (0.5 - within_next).mul_(nearer).sub_(signed).add_(within_next.sub_(within))
        towards.clamp_(min=MIN_PROBABILITY).log2_()
        away = torch.sub(far, beyond, out=beyond).mul_(0.5).clamp_(min=MIN_PROBABILITY).log2_()
        torch.add(away, towards, out=self.even[part]).mul_(-0.5).add_(log2).mul_(price)
        torch.mul(towards.sub_(away), torch.copysign(away.fill_(price / 2), apart), out=self.odd[part])
        # slopes of the bits
        share = rate.div_(probability).mul_(0.5 * price)
        share = torch.ops.aten.threshold_backward(share, probability, MIN_PROBABILITY)
        sign = apart.sign()
        torch.mul(far - near, share, out=mean).mul_(sign)
        slope = torch.mul(far, distance + 0.5).addcmul_(near, distance - 0.5, value=-1).mul_(share)
        # values: moved towards their means by the distance or as far as reaches, which depends on the scale
        reach = log_scale.mul_(-line[1]).add_(line[0])
        reached = reach.clamp(0, 0.5)
        torch.sub(q, torch.copysign(torch.minimum(distance, reached), apart), out=self.values[part])
        keep = torch.ge(distance, reached, out=self.keep[part])
        pull = torch.ops.aten.hardtanh_backward(keep, reach, 0.0, 0.5).mul_(sign).mul_(line[1])
        self.pull[part] = torch.ops.aten.hardtanh_backward(pull, logs, *LOG_SCALE)
        logs.copy_(torch.ops.aten.hardtanh_backward(slope, logs, *LOG_SCALE))

    def backward(self, by_value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From gradients by the values to those by latents (apart from their bits), logarithms of scales and means."""
        slope = torch.mul(by_value, self.keep)
        self.by_log_scale.addcmul_(by_value, self.pull)
        self.by_mean.add_(by_value).sub_(slope)
        return slope, self.by_log_scale, self.by_mean


def changes(
    q: Tensor, found: Findings, slopes: tuple[Tensor, Tensor, Tensor], stiffness: Tensor, allowed: Tensor
) -> Tensor:
    """The latents (c, h, w), moved by 1 where that is allowed and distortion + price · rate is lower for it.

    slopes: gradients by them, and by their magnitudes and signed values as networks see them. stiffness: second
    derivatives of the error by them (c, 1, 1).
    """
    out = torch.empty_like(q)
    chunk = _chunk(q)
    for first in range(0, len(q), chunk):
        part = slice(first, first + chunk)
        slope, by_magnitude, by_signed = (s[part] for s in slopes)
        old = q[part]
        size = old.abs()
        before = (size + 1).log2_()
        larger, smaller = (size + 2).log2_(), size.sub_(1).abs_().add_(1).log2_()
        half = by_magnitude * 0.5
        even = found.even[part] + stiffness[part] / 2
        odd = found.odd[part] + slope
        even.addcmul_(half, torch.add(larger, smaller).sub_(before, alpha=2))
        odd.addcmul_(half, larger.sub_(smaller).mul_(old.sign()))
        up, down = ((old + change).clamp_(-SIGNED_LIMIT, SIGNED_LIMIT) for change in (1, -1))
        half = torch.mul(by_signed, 0.5 * SIGNED_SCALE, out=half)
        odd.addcmul_(half, up - down)
        even.addcmul_(half, up.add_(down).sub_(old.clamp(-SIGNED_LIMIT, SIGNED_LIMIT), alpha=2))
        take = torch.lt(even, odd.abs(), out=even).mul_(allowed[part])
        torch.addcmul(old, take, odd.sign_(), value=-1, out=out[part])
    return out


def allowed_share(shape: torch.Size, share: float, random: torch.Generator) -> Tensor:
    """A mask of that shape, true for a random share."""
    draws = torch.empty(-(-shape.numel() // 4), dtype=torch.int64, device="cpu").random_(
        -(1 << 63), None, generator=random
    )
    return (draws.view(torch.int16)[: shape.numel()] < round(share * (1 << 16)) - (1 << 15)).view(shape)


def _chunk(q: Tensor) -> int:
    """Maps to take at a time: on a GPU all of them, since every operation has to be launched."""
    return max(1, CHUNK // q[0].numel()) if q.device.type == "cpu" else len(q)


def _tail(distance: Tensor, rate: Tensor) -> Tensor:
    """e^(−|distance| over the scale), in the place of `distance`."""
    return distance.abs_().neg_().mul_(rate).exp2_()
