"""Small pictures, of which no iteration may make things worse: where the next one starts from, and what is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from toy_prior import smooth_picture

from inr_core.fit.latent.best import FEWER, MORE, Best
from inr_core.fit.latent.passes import Level
from inr_core.fit.latent.refine import Refinement, refine
from inr_core.latent import plan, prior
from inr_core.latent.choosing import transform
from inr_core.latent.encoding import encode_transformed


def test_the_cheapest_are_kept_and_fewer_change_after_worse_ones() -> None:
    best, states = Best(), [[Level(torch.zeros(12, 2, 2), (4, 4))] for _ in range(3)]
    shares = []
    for cost, state, wanted in ((5.0, 0, 0), (6.0, 1, 0), (5.0, 1, 0), (math.nan, 1, 0), (4.0, 2, 2), (3.0, 1, 1)):
        found, share = best.of(cost, states[state])
        assert found is best.levels is states[wanted]
        shares.append(share)
    assert shares == pytest.approx([1, FEWER, FEWER**2, FEWER**3, FEWER**3 * MORE, FEWER**3 * MORE**2])
    share = 0.0
    for _ in range(9):
        _, share = best.of(cost := cost - 0.1, states[0])
    assert share == 1


@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize("ended", [False, True])
def test_what_is_kept_costs_the_least(look: bool, ended: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """All changes that look worth while are made at once: without weights for looks that overshoots here."""
    monkeypatch.setattr("inr_core.fit.latent.component.SHARES", ((1.0, 1.0),))
    samples, known = smooth_picture(np.random.default_rng(3), 48, 64, 3, 8), prior.load(1)
    start = encode_transformed(transform(samples, known, (3,), 90, 6, look), known)[1]
    seen: list[tuple[float, Sequence[Level]]] = []
    of = Best.of

    def watched(self: Best, cost: float, levels: Sequence[Level]) -> tuple[Sequence[Level], float]:
        seen.append((cost, levels))
        return of(self, cost, levels)

    monkeypatch.setattr(Best, "of", watched)
    refined, _ = refine(samples, start, known, Refinement(6, plan.TRADE), lambda k, *_: not (ended and k == 2))
    costs = [cost for cost, _ in seen]
    assert len(costs) == (3 if ended else 7)
    assert look or ended or costs != sorted(costs, reverse=True)
    refine(samples, refined, known, Refinement(1, plan.TRADE), lambda *_: False)
    assert seen[len(costs)][0] == pytest.approx(min(costs), rel=1e-6)
