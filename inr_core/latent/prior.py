"""The learnt start of the latent model: networks, gains and tables in integers, frozen, each under its id.

Weights are integers with one shift a layer: y = (Σ w·a + b + 2^(s−1)) >> s. Every sum, its bias included, stays below
2^24, so that a float32 product is exact in any order; `from_arrays` refuses what breaks that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..entropy.tables import SCALES, SymbolTables
from ..errors import FormatError
from ..kernels import parities
from ..kernels.highpass import CELL_MAX  # inputs of the cell, in 1/16
from ..kernels.parities import PARITIES
from ..kernels.sine import ACT_MAX, FLOAT32_EXACT

Ints = NDArray[np.int32]

ORDER = (0, 3, 1, 2)  # parities y % 2 · 2 + x % 2 of a grid, as they are coded
CONTEXT_MAX = 128  # inputs of the parity networks, in 1/16
RELU_MAX = parities.RELU_MAX  # their activations, in 1/32
MEAN_HALF = parities.MEAN_VALUES // 2  # 256: means are −256 … 255 eighths of a step
LUMA_CONTEXT, CHROMA_CONTEXT = 13, 32  # channels that all parities see
OWN = 2 * parities.SHOWN_PAIRS  # channels of each parity that later ones see
STEP_RANGE = 40  # of t, the step index beside 160
MAX_SHIFT = 20
MAX_HIDDEN = 256
MAX_LEVELS = 16
GAIN_MAX = 8191  # twice the file's step
LAYERS = {  # arrays of the networks that a file may move away from
    "luma": ("w1", "b1", "w2", "b2", "w3", "b3"),
    "chroma": ("w1", "b1", "w2", "b2", "w3", "b3"),
    "cell": ("w1", "b1", "wm", "bm", "w2", "b2"),
}
FOLDER = files(__package__) / "priors"  # in a zip file, too


@dataclass(frozen=True, eq=False)
class ParityNet:
    """Three layers that predict the symbols of a grid's four parities from what is known when each is coded."""

    w1: Ints  # (4·hidden, cin, 3, 3), zero where a parity may not look
    b1: Ints  # (levels, 4·hidden)
    q1: Ints  # (2, 4·hidden): the bias moves by (q[0]·32·t + q[1]·t²) >> 10
    s1: int
    w2: Ints  # (4, hidden, hidden)
    b2: Ints  # (4·hidden,)
    s2: int
    w3: Ints  # (4, outputs, hidden): scale indices, then means in eighths
    b3: Ints  # (levels, 4·outputs)
    s3: int

    @property
    def hidden(self) -> int:
        """Neurons a parity and layer."""
        return int(self.w2.shape[1])

    @property
    def bands(self) -> int:
        """Symbols a position."""
        return int(self.w3.shape[1]) // 2


@dataclass(frozen=True, eq=False)
class CellNet:
    """The sine network beside the wavelet: 3×3, 1×1, 3×3."""

    w1: Ints  # (hidden, 12, 3, 3): high-pass of the 3 planes, then 9 details
    b1: Ints  # (levels, hidden)
    q1: Ints  # (2, hidden), as in ParityNet
    s1: int
    wm: Ints  # (hidden, hidden)
    bm: Ints  # (hidden,)
    sm: int
    w2: Ints  # (12, hidden, 3, 3): channel plane·4 + parity, in 1/64 of a step
    b2: Ints  # (12,)
    s2: int

    @property
    def hidden(self) -> int:
        """Sines a layer."""
        return int(self.wm.shape[0])


@dataclass(frozen=True, eq=False)
class Prior:
    """Everything that a file of the latent model takes for granted."""

    luma: ParityNet
    chroma: ParityNet
    cell: CellNet
    gains: Ints  # (levels, 9) step of each detail band in 2^-12 of the file's, 1 … GAIN_MAX
    recon: Ints  # (64,) how far a value may move towards its mean, by scale, in 1/64 of a step, 0 … 32
    mag: Ints  # (256,) feature of |q|, 0 … 128
    tables: SymbolTables
    arrays: Mapping[str, NDArray[Any]]  # what it was made from

    @property
    def levels(self) -> int:
        """Levels with parameters of their own; coarser ones use the last."""
        return len(self.gains)

    @property
    def macs(self) -> int:
        """Multiply-adds a pixel of a colour picture, all levels together."""
        position = 0  # of a parity: a sixteenth of a pixel
        for net, context in ((self.luma, LUMA_CONTEXT), (self.chroma, CHROMA_CONTEXT)):
            inputs = 9 * (PARITIES * context + (0 + 1 + 2 + 3) * OWN)
            position += net.hidden * (inputs + PARITIES * (net.hidden + 2 * net.bands))
        hidden = self.cell.hidden
        grid = hidden * (9 * 12 + hidden + 9 * 12)  # a position: a quarter of a pixel
        return round((position / 16 + grid / 4) * 4 / 3)


def conditioned(b1: Ints, q1: Ints, t: int) -> NDArray[np.int64]:
    """Bias of a first layer at step offset t (−40 … 40): biases (levels, n) and slopes (2, n) → (levels, n)."""
    slope = q1.astype(np.int64)
    biases: NDArray[np.int64] = b1 + (slope[0] * (32 * t) + slope[1] * (t * t) >> 10)
    return biases


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Prior:
    """A prior from integer arrays named luma_w1 … cell_s2, gains, recon, mag and those of `SymbolTables`.

    Raises FormatError for a missing array, a wrong shape, a value out of range, or a layer whose sums could reach 2^24.
    """
    get = _Arrays(arrays)
    gains = get("gains", (-1, 9), 1, GAIN_MAX)
    levels = len(gains)
    if not 1 <= levels <= MAX_LEVELS:
        raise FormatError(f"prior, gains: expected 1 … {MAX_LEVELS} levels, got {levels}")
    return Prior(
        luma=_parity_net(get, "luma", levels, LUMA_CONTEXT, 3),
        chroma=_parity_net(get, "chroma", levels, CHROMA_CONTEXT, 6),
        cell=_cell_net(get, levels),
        gains=gains,
        recon=get("recon", (SCALES,), 0, 32),
        mag=get("mag", (256,), 0, CONTEXT_MAX),
        tables=SymbolTables.of(arrays),
        arrays=dict(arrays),
    )


def to_arrays(prior: Prior) -> dict[str, NDArray[Any]]:
    """The arrays of a prior, as `from_arrays` takes them."""
    out = {name: array for name, array in prior.arrays.items() if name.startswith("table_")}
    for part in ("luma", "chroma", "cell"):
        net = getattr(prior, part)
        out |= {f"{part}_{field.name}": np.asarray(getattr(net, field.name)) for field in fields(net)}
    return out | {"gains": prior.gains, "recon": prior.recon, "mag": prior.mag}


def replaced(prior: Prior, changed: Mapping[str, NDArray[Any]]) -> Prior:
    """The prior with other arrays of its networks, by name; FormatError as `from_arrays`."""
    get = _Arrays(to_arrays(prior) | dict(changed))
    return replace(
        prior,
        luma=_parity_net(get, "luma", prior.levels, LUMA_CONTEXT, 3),
        chroma=_parity_net(get, "chroma", prior.levels, CHROMA_CONTEXT, 6),
        cell=_cell_net(get, prior.levels),
        arrays=get.arrays,
    )


def parity_mask(wide: int, cin: int) -> NDArray[np.bool_]:
    """Which inputs each of the 4·hidden neurons of a parity network may use, (wide, cin)."""
    rank = np.argsort(ORDER)
    mask = np.ones((PARITIES, wide // PARITIES, cin), np.bool_)
    for parity in range(PARITIES):
        for other in range(PARITIES):
            if rank[other] >= rank[parity]:
                mask[parity, :, cin - PARITIES * OWN + other :: PARITIES] = False
    return mask.reshape(wide, cin)


def known_ids() -> list[int]:
    """The ids of the priors that come with the package."""
    names = [entry.name for entry in FOLDER.iterdir()] if FOLDER.is_dir() else []
    stems = (name.removesuffix(".npz") for name in names if name.endswith(".npz"))
    return sorted(int(stem) for stem in stems if stem.isdecimal())


@cache
def load(prior_id: int) -> Prior:
    """The prior of an id, from the package; FormatError, naming the known ones, if there is none."""
    path = FOLDER / f"{prior_id}.npz"
    if not path.is_file():
        raise FormatError(f"prior: expected one of {', '.join(map(str, known_ids())) or 'none'}, got {prior_id}")
    with path.open("rb") as fp, np.load(fp, allow_pickle=False) as file:
        return from_arrays({name: file[name] for name in file.files})


class _Arrays:
    """Checked access to the arrays by name."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = arrays

    def __call__(self, name: str, shape: tuple[int, ...], low: int = -(2**31), high: int = 2**31 - 1) -> Ints:
        """Integers low … high of a shape, in which −1 is any size from 1."""
        array = self.arrays.get(name)
        if array is None or array.dtype.kind not in "iu":
            raise FormatError(f"prior, {name}: expected integers, got {'none' if array is None else array.dtype}")
        if len(array.shape) != len(shape) or any(
            n < 1 or e not in (-1, n) for n, e in zip(array.shape, shape, strict=True)
        ):
            raise FormatError(f"prior, {name}: expected shape {shape}, got {array.shape}")
        if array.min() < low or array.max() > high:
            raise FormatError(f"prior, {name}: expected {low} … {high}, got {array.min()} … {array.max()}")
        return array.astype(np.int32)

    def shift(self, name: str) -> int:
        return int(self(name, (), 0, MAX_SHIFT))


def _parity_net(get: _Arrays, part: str, levels: int, context: int, bands: int) -> ParityNet:
    """The networks of `bands` bands whose parities all know `context` inputs; FormatError as `from_arrays`."""
    hidden = get(f"{part}_w2", (PARITIES, -1, -1)).shape[1]
    if hidden > MAX_HIDDEN:
        raise FormatError(f"prior, {part}_w2: expected at most {MAX_HIDDEN} neurons, got {hidden}")
    wide, outputs = PARITIES * hidden, 2 * bands
    net = ParityNet(
        w1=get(f"{part}_w1", (wide, context + PARITIES * OWN, 3, 3)),
        b1=get(f"{part}_b1", (levels, wide)),
        q1=get(f"{part}_q1", (2, wide)),
        s1=get.shift(f"{part}_s1"),
        w2=get(f"{part}_w2", (PARITIES, hidden, hidden)),
        b2=get(f"{part}_b2", (wide,)),
        s2=get.shift(f"{part}_s2"),
        w3=get(f"{part}_w3", (PARITIES, outputs, hidden)),
        b3=get(f"{part}_b3", (levels, PARITIES * outputs)),
        s3=get.shift(f"{part}_s3"),
    )
    first = _first_bias(net.b1, net.q1)
    _check_rows(f"{part}_w1", net.w1.reshape(wide, -1), CONTEXT_MAX, first, net.s1)
    _check_rows(f"{part}_w2", net.w2.reshape(wide, -1), RELU_MAX, _magnitude(net.b2), net.s2)
    last = _magnitude(net.b3).max(0) + (MEAN_HALF << net.s3)
    _check_rows(f"{part}_w3", net.w3.reshape(PARITIES * outputs, -1), RELU_MAX, last, net.s3)
    return net


def _cell_net(get: _Arrays, levels: int) -> CellNet:
    """The cell; FormatError as `from_arrays`."""
    hidden = get("cell_wm", (-1, -1)).shape[0]
    if hidden > MAX_HIDDEN:
        raise FormatError(f"prior, cell_wm: expected at most {MAX_HIDDEN} neurons, got {hidden}")
    net = CellNet(
        w1=get("cell_w1", (hidden, 12, 3, 3)),
        b1=get("cell_b1", (levels, hidden)),
        q1=get("cell_q1", (2, hidden)),
        s1=get.shift("cell_s1"),
        wm=get("cell_wm", (hidden, hidden)),
        bm=get("cell_bm", (hidden,)),
        sm=get.shift("cell_sm"),
        w2=get("cell_w2", (12, hidden, 3, 3)),
        b2=get("cell_b2", (12,)),
        s2=get.shift("cell_s2"),
    )
    _check_rows("cell_w1", net.w1.reshape(hidden, -1), CELL_MAX, _first_bias(net.b1, net.q1), net.s1)
    _check_rows("cell_wm", net.wm, ACT_MAX, _magnitude(net.bm), net.sm)
    _check_rows("cell_w2", net.w2.reshape(12, -1), ACT_MAX, _magnitude(net.b2), net.s2)
    return net


def _magnitude(values: Ints) -> NDArray[np.int64]:
    """Absolute values, int64."""
    return np.abs(values.astype(np.int64))


def _first_bias(b1: Ints, q1: Ints) -> NDArray[np.int64]:
    """A bound (n,) of |conditioned| over all levels and steps."""
    slope = _magnitude(q1)
    bound: NDArray[np.int64] = _magnitude(b1).max(0) + (slope[0] * 32 * STEP_RANGE + slope[1] * STEP_RANGE**2 >> 10) + 1
    return bound


def _check_rows(name: str, weight: Ints, most: int, bias: NDArray[np.int64], shift: int) -> None:
    """FormatError if a sum of weights (out, in) times inputs up to `most`, its bias and half could reach 2^24."""
    sums = _magnitude(weight).sum(1) * most + bias + (1 << shift >> 1)
    if sums.max() >= FLOAT32_EXACT:
        row = int(sums.argmax())
        raise FormatError(f"prior, {name}, row {row}: expected sums below {FLOAT32_EXACT}, got up to {sums[row]}")
