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
from collections.abc import Callable
from dataclasses import replace

from ...kernels.colour import Samples
from ...latent.latents import Latents
from ...latent.prior import Prior
from ...latent.tunes import tuned
from ...process.own_thread import Watch, watched
from ...process.threads import Crew
from ...process.torch_settings import undisturbed
from .adapt import Networks
from .component import Component, Interrupted, Refinement
from .float_prior import float_state
from .model import LatentModel

__all__ = ["Refinement", "Report", "refine"]

Report = Callable[[int, float, float], bool]  # iterations done, dB, bits a pixel → whether to go on


def refine(samples: Samples, latents: Latents, prior: Prior, how: Refinement, report: Report) -> tuple[Latents, bool]:
    """Better latents for the samples (H, W, C) they were quantised from, and whether Ctrl-C ended the search for them.

    As many iterations as asked for, unless the report says stop or the time is over: what there is then is kept.
    `report` is called by the thread that has called this, while others work.
    """

    def work(watch: Watch) -> tuple[Latents, bool]:
        with undisturbed(), Crew(how.threads, around=undisturbed) as crew:
            return _Search(samples, latents, prior, how, crew).run(watch)

    return watched(work, report)


class _Search:
    """Iterations over all components of a picture."""

    def __init__(self, samples: Samples, latents: Latents, prior: Prior, how: Refinement, crew: Crew) -> None:
        self.samples, self.latents, self.how = samples, latents, how
        own = tuned(prior, latents.look)
        model = LatentModel.of(float_state(own)).to(how.device).requires_grad_(False)
        self.components = []
        first = 0
        for k, planes in enumerate(latents.components):
            target = samples[..., first : first + planes]
            visible = None if how.alpha and first + planes == samples.shape[2] else how.visible
            self.components.append(Component(model, prior, latents, k, target, visible, how, crew))
            first += planes
        self.networks = Networks(model, own, self.components[0].price) if how.adapt else None

    def run(self, watch: Watch) -> tuple[Latents, bool]:
        """Iterate; what `refine` gives."""
        started = time.perf_counter()
        try:
            for k in range(self.how.iterations):
                psnr, bits = self._iterate(k, watch)
                going_on = watch.report(k + 1, psnr, bits / (self.latents.width * self.latents.height))
                if not going_on or time.perf_counter() - started > self.how.time_limit:
                    break
        except Interrupted:
            pass
        for component in self.components:
            component.settle(watch)
        found = self.networks.differences() if self.networks else {}
        details = [component.quantised() for component in self.components]
        return replace(self.latents, details=details, differences=found), watch.interrupted.is_set()

    def _iterate(self, k: int, watch: Watch) -> tuple[float, float]:
        """One iteration; PSNR and bits as they were before."""
        bits = self.networks.bits() if self.networks else 0.0
        results = [component.iterate(k, self.networks, watch) for component in self.components]
        if self.networks:
            self.networks.step((k + 1) / self.how.iterations)
        peak, count = (1 << self.latents.bit_depth) - 1, self.samples.size
        error = sum(e for e, _ in results) / count
        return 10 * math.log10(1 / max(error, 1 / peak**2 / count)), bits + sum(b for _, b in results)
