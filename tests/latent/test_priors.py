"""Priors: kept as they are, refused where a bound breaks, named where unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toy_prior import toy_arrays, toy_prior

from inr_core.errors import FormatError
from inr_core.latent import prior


def test_a_prior_keeps_its_arrays() -> None:
    arrays = prior.to_arrays(toy_prior())
    again = prior.to_arrays(prior.from_arrays(arrays))
    assert sorted(again) == sorted(toy_arrays())
    assert all(np.array_equal(again[name], array) for name, array in toy_arrays().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gains": None}, "prior, gains: expected integers, got none"),
        ({"gains": np.zeros((3, 9), np.int32)}, "prior, gains: expected 1 … 8191, got 0 … 0"),
        ({"luma_w1": np.zeros((32, 36, 3, 3), np.int32)}, r"prior, luma_w1: expected shape \(32, 37, 3, 3\)"),
        ({"luma_w2": np.zeros((4, 8, 8))}, "prior, luma_w2: expected integers, got float64"),
        (
            {"cell_wm": np.full((6, 6), 6000, np.int32)},
            "prior, cell_wm, row .: expected sums below 16777216, got up to",
        ),
        ({"chroma_b3": np.full((3, 48), 2**24, np.int32)}, "prior, chroma_w3, row"),
        ({"cell_s1": np.array(21)}, "prior, cell_s1: expected 0 … 20, got 21 … 21"),
        ({"mag": np.arange(256)}, "prior, mag: expected 0 … 128, got 0 … 255"),
    ],
)
def test_a_prior_that_breaks_a_bound_is_refused(change: dict[str, Any], message: str) -> None:
    arrays = {name: array for name, array in (toy_arrays() | change).items() if array is not None}
    with pytest.raises(FormatError, match=message):
        prior.from_arrays(arrays)


def test_an_unknown_prior_is_named_with_the_known_ones() -> None:
    with pytest.raises(FormatError, match="prior: expected one of 1, 2, 3, 4, 5, got 250"):
        prior.load(250)
