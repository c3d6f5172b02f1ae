"""Differences of FORMAT.md in plain Python integers: a prior's arrays, changed by a file, whose sums stay exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from reference_coding import Reader, Symbols, require

ORDER = (0, 3, 1, 2)  # of a grid's four quarters, as they are decoded
DIFFERENT = [
    *(f"{part}_{name}" for part in ("luma", "chroma") for name in ("w1", "b1", "w2", "b2", "w3", "b3")),
    *(f"cell_{name}" for name in ("w1", "b1", "wm", "bm", "w2", "b2")),
]  # arrays that a file may change, in its order

Arrays = dict[str, Any]  # the prior's, as nested lists; all weights of a 3×3 neuron in one


def changed(arrays: Arrays, content: Reader) -> Arrays:
    """The prior's arrays with a file's differences."""
    found = []
    for name in DIFFERENT:
        scale = content.unsigned(1, "scale", 0, 64)
        if scale:
            found.append((name, scale - 1, content.unsigned(1, "shift", 0, 20)))
    most = sum(len(coded(name, np.array(arrays[name]).size, arrays)) for name, _, _ in found)
    symbols = Symbols(content, arrays, most)
    arrays = dict(arrays)
    for name, scale, shift in found:
        old = np.array(arrays[name], dtype=object)
        flat = list(old.reshape(-1))
        for k in coded(name, len(flat), arrays):
            flat[k] += symbols.next(8 * scale + 4) << shift
        arrays[name] = np.array(flat, dtype=object).reshape(old.shape).tolist()
    symbols.finish()
    for part in ("luma", "chroma"):
        check(arrays, part, "w1", 128, first_bias(arrays, part), "s1")
        check(arrays, part, "w2", 1023, [abs(b) for b in arrays[f"{part}_b2"]], "s2")
        last = [max(map(abs, b)) + (256 << arrays[f"{part}_s3"]) for b in zip(*arrays[f"{part}_b3"], strict=True)]
        check(arrays, part, "w3", 1023, last, "s3")
    check(arrays, "cell", "w1", 256, first_bias(arrays, "cell"), "s1")
    check(arrays, "cell", "wm", 511, [abs(b) for b in arrays["cell_bm"]], "sm")
    check(arrays, "cell", "w2", 511, [abs(b) for b in arrays["cell_b2"]], "s2")
    return arrays


def coded(name: str, size: int, arrays: Arrays) -> list[int]:
    """Flat indices of an array's values that have a symbol."""
    if name not in ("luma_w1", "chroma_w1"):
        return list(range(size))
    neurons = len(arrays[name])
    inputs = size // 9 // neurons
    context = inputs - 24
    found = []
    for k in range(size):
        parity, i = k // 9 // inputs // (neurons // 4), k // 9 % inputs
        if i < context or ORDER.index((i - context) % 4) < ORDER.index(parity):
            found.append(k)
    return found


def first_bias(arrays: Arrays, part: str) -> list[int]:
    q0, q1 = arrays[f"{part}_q1"]
    slopes = [(abs(u) * 1280 + abs(v) * 1600 >> 10) + 1 for u, v in zip(q0, q1, strict=True)]
    return [max(map(abs, b)) + s for b, s in zip(zip(*arrays[f"{part}_b1"], strict=True), slopes, strict=True)]


def check(arrays: Arrays, part: str, name: str, most: int, biases: Sequence[int], shift: str) -> None:
    """Sums stay below 2^24."""
    weights = arrays[f"{part}_{name}"]
    rows = [row for parity in weights for row in parity] if isinstance(weights[0][0], list) else weights
    half = 2 ** arrays[f"{part}_{shift}"] // 2
    require(all(sum(map(abs, r)) * most + b + half < 2**24 for r, b in zip(rows, biases, strict=True)), "sums")
