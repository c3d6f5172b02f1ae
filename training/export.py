"""A trained float model → the integer arrays of a prior: every unit of the format folded into weights and biases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inr_core.entropy.tables import SCALES, laplace_tables
from inr_core.fit.latent.float_prior import ACT_UNIT, IN_UNIT, LOG_MIN, LOG_SPAN, OUT_UNIT, TURN
from inr_core.kernels.highpass import CELL_MAX
from inr_core.kernels.sine import ACT_MAX, FLOAT32_EXACT, PHASE_BITS
from inr_core.latent.prior import CONTEXT_MAX, MEAN_HALF, RELU_MAX, STEP_RANGE, from_arrays, parity_mask

MAX_SHIFT = 14
MARGIN = 0.98  # of the exact range: rounding may add to a row

Floats = NDArray[np.float64]


def quantised_arrays(state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of `prior.from_arrays` from a model's parameters by name, float (see `fit`)."""
    floats = {name: np.asarray(value, np.float64) for name, value in state.items()}
    gains = np.rint(np.exp(floats["log_gains"]) * 4096).astype(np.int32)
    logs = LOG_MIN + np.arange(SCALES) * (LOG_SPAN / (SCALES - 1))
    reach = np.clip(floats["reach_line"][0] - floats["reach_line"][1] * logs, 0, 0.5)
    arrays: dict[str, NDArray[Any]] = {
        "gains": gains,
        "recon": np.rint(OUT_UNIT * reach).astype(np.int32),
        "mag": np.rint(IN_UNIT * np.log2(1 + np.arange(256))).astype(np.int32),
    }
    for part in ("luma", "chroma"):
        arrays |= _parity_net(floats, part)
    return arrays | _cell(floats) | laplace_tables()


def write_prior(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """A file of arrays, as `inr_core.latent.prior.load` reads it; FormatError for weights that cannot be exact."""
    from_arrays(arrays)
    small: dict[str, Any] = {
        name: array.astype(np.int16) if array.dtype == np.int32 and np.abs(array).max() < 2**15 else array
        for name, array in arrays.items()
    }
    np.savez_compressed(path, **small)


def _parity_net(floats: Mapping[str, Floats], part: str) -> dict[str, NDArray[Any]]:
    """Integer arrays of `luma` or `chroma`: the format's units folded in, and as many fractional bits as stay exact."""
    w1, b1, q1, w2, b2, w3, b3 = (
        floats[f"entropy.{part}.{name}"] for name in ("w1", "b1", "q1", "w2", "b2", "w3", "b3")
    )
    wide, cin = w1.shape[:2]
    w1 = w1 * parity_mask(wide, cin)[:, :, None, None]
    w1, b1, q1 = w1 * (ACT_UNIT / IN_UNIT), b1 * ACT_UNIT, q1 * ACT_UNIT
    s1 = _shift(w1.reshape(wide, -1), CONTEXT_MAX, _reach(b1, q1))
    b2 = b2 * ACT_UNIT
    s2 = _shift(w2.reshape(wide, -1), RELU_MAX, np.abs(b2))
    outputs = w3.shape[1]
    scale = np.repeat([(SCALES - 1) / LOG_SPAN, 8.0], outputs // 2)  # scale indices, then means in eighths
    offset = np.repeat([-LOG_MIN * (SCALES - 1) / LOG_SPAN, 0.0], outputs // 2)
    w3 = w3 * (scale[:, None] / ACT_UNIT)
    b3 = b3 * np.tile(scale, 4) + np.tile(offset, 4)
    s3 = _shift(w3.reshape(4 * outputs, -1), RELU_MAX, np.abs(b3).max(0) + MEAN_HALF)
    return {
        f"{part}_w1": _rounded(w1, s1),
        f"{part}_b1": _rounded(b1, s1),
        f"{part}_q1": _rounded(q1, s1),
        f"{part}_s1": np.array(s1, np.int32),
        f"{part}_w2": _rounded(w2, s2),
        f"{part}_b2": _rounded(b2, s2),
        f"{part}_s2": np.array(s2, np.int32),
        f"{part}_w3": _rounded(w3, s3),
        f"{part}_b3": _rounded(b3, s3),
        f"{part}_s3": np.array(s3, np.int32),
    }


def _cell(floats: Mapping[str, Floats]) -> dict[str, NDArray[Any]]:
    """Integer arrays of the cell: phases in 4096ths of a turn, activations up to ACT_MAX."""
    w1, b1, q1, wm, bm, w2, b2 = (floats[f"cell.{name}"] for name in ("w1", "b1", "q1", "wm", "bm", "w2", "b2"))
    hidden = len(wm)
    w1, q1 = w1 * (TURN / IN_UNIT), q1 * TURN
    wm, w2, b2 = wm * (TURN / ACT_MAX), w2 * (OUT_UNIT / ACT_MAX), b2 * OUT_UNIT
    # the table holds the sine of the middle of each cell, while a rounded phase is the middle of its own: half a cell
    b1, bm = _wrapped(b1 * TURN - 0.5), _wrapped(bm * TURN - 0.5)
    s1 = _shift(w1.reshape(hidden, -1), CELL_MAX, _reach(b1, q1))
    sm = _shift(wm, ACT_MAX, np.abs(bm))
    s2 = _shift(w2.reshape(12, -1), ACT_MAX, np.abs(b2))
    return {
        "cell_w1": _rounded(w1, s1),
        "cell_b1": _rounded(b1, s1),
        "cell_q1": _rounded(q1, s1),
        "cell_s1": np.array(s1, np.int32),
        "cell_wm": _rounded(wm, sm),
        "cell_bm": _rounded(bm, sm),
        "cell_sm": np.array(sm, np.int32),
        "cell_w2": _rounded(w2, s2),
        "cell_b2": _rounded(b2, s2),
        "cell_s2": np.array(s2, np.int32),
    }


def _wrapped(phase: Floats) -> Floats:
    """Phases in −2^11 … 2^11."""
    turn = 2.0**PHASE_BITS
    wrapped: Floats = phase - turn * np.rint(phase / turn)
    return wrapped


def _reach(b1: Floats, q1: Floats) -> Floats:
    """The largest |bias| (n,) over levels and steps; the slopes q1 stand for t / 32 and its square."""
    t = STEP_RANGE / 32
    reach: Floats = np.abs(b1).max(0) + np.abs(q1[0]) * t + np.abs(q1[1]) * t * t
    return reach


def _shift(weight: Floats, most: int, bias: Floats) -> int:
    """The most fractional bits at which products of (out, in) weights with inputs up to `most` stay exact."""
    bound = float((np.abs(weight).sum(1) * most + bias + 1).max())
    fits = int(np.floor(np.log2(FLOAT32_EXACT * MARGIN / bound)))
    if fits < 0:
        raise ValueError(f"expected sums of weights and inputs below {FLOAT32_EXACT}, got {bound:.0f}")
    return min(fits, MAX_SHIFT)


def _rounded(values: Floats, shift: int) -> NDArray[np.int32]:
    return np.rint(np.ldexp(values, shift)).astype(np.int32)
