"""Frequencies that a range coder codes with: of weights, and of densities that few bytes describe. Integers only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..kernels.rans import PROB_BITS, PROB_SCALE

MAX_ALPHABET = 4096
MAX_NODES = 65  # of a piecewise linear density

Ints = NDArray[np.int64]


def code_length(freqs: NDArray[np.integer]) -> float:
    """Ideal length in bits of symbols with these frequencies (N,). For choosing between coders, never for decoding."""
    return float(PROB_BITS * freqs.size - np.log2(freqs).sum())


def quantise_frequencies(weights: NDArray[np.integer]) -> Ints:
    """Weights (…, A), integers ≥ 0 with a sum in 1 … 2^47 → frequencies (…, A) ≥ 1 with a sum of 2^15; A ≤ 4096.

    Every symbol has one unit; the rest is shared out by rounding the cumulative sums down.
    """
    cumulative = np.cumsum(weights, axis=-1, dtype=np.int64)
    size = cumulative.shape[-1]
    totals = cumulative[..., -1:]
    if not 1 <= size <= MAX_ALPHABET or totals.min() < 1:
        raise FormatError(f"frequencies: expected 1 … {MAX_ALPHABET} weights, one of them not zero, got {size}")
    ends = cumulative * (PROB_SCALE - size) // totals
    freqs: Ints = 1 + np.diff(ends, axis=-1, prepend=0)
    return freqs


NODE_WEIGHTS = np.array([0] + [16 + (v & 15) << (v >> 4) for v in range(1, 256)], np.int64)  # an 8-bit float


def density_frequencies(nodes: bytes, size: int) -> Ints:
    """Frequencies (size,) of a piecewise linear density over symbols 0 … size − 1.

    `nodes`: bytes (`NODE_WEIGHTS`) at equal spacing from the first symbol to the last, 2 … 65 of them; or `size`, a
    full table; or none, the uniform distribution. FormatError for any other number, and where all are zero.
    """
    sparse = len(nodes) != 1 and len(nodes) <= min(size, MAX_NODES)
    if not 1 <= size <= MAX_ALPHABET or not (sparse or len(nodes) == size > 1):
        msg = f"density: expected 0, 2 … {MAX_NODES} or as many nodes as symbols (1 … {MAX_ALPHABET}), "
        raise FormatError(f"{msg}got {len(nodes)} for {size}")
    if not nodes:
        return quantise_frequencies(np.ones(size, np.int64))
    if not any(nodes):
        raise FormatError(f"density: expected a node that is not zero, got {len(nodes)} zeros")
    pieces = len(nodes) - 1
    node, offset = np.divmod(np.arange(size) * pieces, size - 1)
    weights = NODE_WEIGHTS[np.frombuffer(nodes + b"\0", np.uint8)]
    return quantise_frequencies(weights[node] * (size - 1 - offset) + weights[node + 1] * offset)


def fit_density(symbols: NDArray[np.integer], size: int, rounds: int = 40) -> bytes:
    """Nodes that code symbols (N,), each 0 … size − 1, in the fewest bits, their own eight bits each included.

    A piecewise linear density is a mixture of hat functions: `rounds` of EM find its weights for each of 1, 2, 4 … 64
    pieces. Beside these stand the full table and the uniform distribution.
    """
    if symbols.size and not 0 <= symbols.min() <= symbols.max() < size:
        raise ValueError(f"expected symbols of 0 … {size - 1}, got {symbols.min()} … {symbols.max()}")
    counts = np.bincount(symbols.reshape(-1), minlength=size)
    candidates = [b""]
    if size > 1 and symbols.size:
        candidates += [_round_nodes(_fit_hats(counts, pieces, rounds)) for pieces in _piece_counts(size)]
        candidates.append(_round_nodes(counts.astype(np.float64)))
    return min(candidates, key=lambda nodes: 8 * len(nodes) - counts @ np.log2(density_frequencies(nodes, size)))


def _piece_counts(size: int) -> list[int]:
    """The numbers of pieces that a density over `size` symbols may have."""
    return [pieces for pieces in (1, 2, 4, 8, 16, 32, 64) if pieces < size - 1]


def _fit_hats(counts: NDArray[np.int64], pieces: int, rounds: int) -> NDArray[np.float64]:
    """Heights of the nodes (pieces + 1,), in any unit, by maximum likelihood."""
    size = len(counts)
    positions = np.arange(size) * (pieces / (size - 1))
    hats = np.maximum(0, 1 - np.abs(positions - np.arange(pieces + 1)[:, None]))  # (pieces + 1, size)
    areas = hats.sum(axis=1)
    hats /= areas[:, None]
    floor = 1 / (PROB_SCALE - size)  # every symbol's one unit, relative to the rest
    shares = np.full(pieces + 1, 1 / (pieces + 1))
    for _ in range(rounds):
        shares *= hats @ (counts / (shares @ hats + floor))
        shares /= shares.sum()
    heights: NDArray[np.float64] = shares / areas
    return heights


def _round_nodes(heights: NDArray[np.float64]) -> bytes:
    """The nearest bytes, the highest node at the top of the range."""
    scaled = heights * (NODE_WEIGHTS[-1] / heights.max())
    nearest = np.searchsorted((NODE_WEIGHTS[1:] + NODE_WEIGHTS[:-1]) / 2, scaled)
    return bytes(nearest.tolist())
