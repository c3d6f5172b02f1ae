"""The way back from `training.export`: a prior's integers → the float model's parameters, to fit latents with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...entropy.tables import SCALES
from ...kernels.sine import ACT_MAX, PHASE_BITS
from ...latent.prior import CellNet, ParityNet, Prior

IN_UNIT, ACT_UNIT, OUT_UNIT = 16, 32, 64  # inputs, ReLU activations, residuals count 1/16, 1/32, 1/64
LOG_MIN, LOG_SPAN = -5.0, 11.0  # natural logarithms of the scales
TURN = 2**PHASE_BITS / (2 * np.pi)

State = dict[str, NDArray[np.float32]]


def float_state(prior: Prior) -> State:
    """Parameters by name, as `LatentModel.of` takes them: what the integers stand for."""
    reach = prior.recon / OUT_UNIT
    logs = LOG_MIN + np.arange(SCALES) * (LOG_SPAN / (SCALES - 1))
    moving = (reach > 0) & (reach < 0.5)
    slope, start = np.polyfit(logs[moving], reach[moving], 1) if moving.sum() > 1 else (0.0, reach.mean())
    state = {"log_gains": np.log(prior.gains / 4096), "reach_line": np.array([start, -slope])}
    state |= _parity_net("entropy.luma", prior.luma) | _parity_net("entropy.chroma", prior.chroma) | _cell(prior.cell)
    return {name: np.asarray(value, np.float32) for name, value in state.items()}


def _parity_net(name: str, net: ParityNet) -> dict[str, NDArray[np.float64]]:
    """Parameters of one of the entropy networks by name; inputs, activations and outputs count units of 1 there."""
    first, second, third = (2.0 ** -np.array([net.s1, net.s2, net.s3])).tolist()
    bands = net.bands
    unit = np.repeat([LOG_SPAN / (SCALES - 1), 1 / 8], bands)  # of scale indices and of means
    start = np.tile(np.repeat([LOG_MIN, 0.0], bands), 4)
    return {
        f"{name}.w1": net.w1 * (first * IN_UNIT / ACT_UNIT),
        f"{name}.b1": net.b1 * (first / ACT_UNIT),
        f"{name}.q1": net.q1 * (first / ACT_UNIT),
        f"{name}.w2": net.w2 * second,
        f"{name}.b2": net.b2 * (second / ACT_UNIT),
        f"{name}.w3": net.w3 * (third * ACT_UNIT) * unit[:, None],
        f"{name}.b3": net.b3 * third * np.tile(unit, 4) + start,
    }


def _cell(net: CellNet) -> dict[str, NDArray[np.float64]]:
    """Parameters of the cell by name; phases in radians, residuals in quantisation steps."""
    first, middle, last = (2.0 ** -np.array([net.s1, net.sm, net.s2])).tolist()
    return {
        "cell.w1": net.w1 * (first * IN_UNIT / TURN),
        "cell.b1": (net.b1 * first + 0.5) / TURN,
        "cell.q1": net.q1 * (first / TURN),
        "cell.wm": net.wm * (middle * ACT_MAX / TURN),
        "cell.bm": (net.bm * middle + 0.5) / TURN,
        "cell.w2": net.w2 * (last * ACT_MAX / OUT_UNIT),
        "cell.b2": net.b2 * (last / OUT_UNIT),
    }
