"""Interleaved rANS on arrays: intervals → states and words, and back. What their bytes are: `entropy.rans`.

A symbol is an entry of a row: an interval [start, start + frequency) of the slots 0 … 2^15 − 1, which the entries of a
row divide among them. Symbol t belongs to lane t mod L, an int64 that holds a state of 32 bits.

NumPy steps through all lanes at once; for fewer lanes than pay for a NumPy call, a loop of Python does the same symbol
by symbol. Compiled code does it for any number; those of the latent model's details, together with what they stand for
(`latent.parity`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import switch

PROB_BITS = 15
PROB_SCALE = 1 << PROB_BITS  # the frequencies of every row sum to this
SLOT_MASK = PROB_SCALE - 1
WORD_BITS = 16
LOW = 1 << 16  # a state below this takes in a word
LIMIT_SHIFT = 32 - PROB_BITS  # from frequency << LIMIT_SHIFT on, a state gives up a word before a symbol
MIN_VECTOR_LANES = 32  # below, a plain loop is faster than NumPy steps
LOOP_SYMBOLS = 1 << 16  # of that loop, held as Python numbers at a time
SEARCHED = (1 << WORD_BITS) - 1  # instead of a bin's entry: frequency 0, start 2^16 − 1, makes the state negative

# A NumPy call takes half a microsecond longer with a Python number than with these.
_SLOT_MASK, _PROB_BITS, _WORD_BITS, _WORD_MASK, _LOW = map(np.array, (SLOT_MASK, PROB_BITS, WORD_BITS, LOW - 1, LOW))

Ints = NDArray[np.int64]
States = NDArray[np.int64]  # (lanes,)


@dataclass(frozen=True, eq=False)
class Rows:
    """R rows of E entries together, by number and by slot. A slot >> `bin_bits` is its bin."""

    starts: Ints  # (E,) in units of 2^-15
    freqs: Ints  # (E,)
    edges: Ints  # (E,) row << 15 | start, ascending
    bin_bits: int
    bins: Ints  # (R << 15 − bin_bits,) frequency << 16 | start of the one entry in a bin, or SEARCHED
    entry_of: NDArray[np.unsignedinteger[Any]]  # (bins + E,) the entry of a bin; after the bins, every entry

    @staticmethod
    def parts(freqs: Ints, bin_bits: int) -> dict[str, Any]:
        """The fields for rows of frequencies (E,) ≥ 1 that sum to 2^15 each, one row after the other."""
        edges = np.cumsum(freqs) - freqs
        starts = edges & SLOT_MASK
        first = np.append(edges, freqs.sum()) + (1 << bin_bits) - 1 >> bin_bits
        number = np.diff(first)  # of the bins that begin inside
        bins = np.repeat(freqs << WORD_BITS | starts, number)
        bins[edges[edges & (1 << bin_bits) - 1 > 0] >> bin_bits] = SEARCHED
        every = np.arange(len(freqs), dtype=np.uint16 if len(freqs) <= 1 << 16 else np.uint32)
        entry_of = np.append(np.repeat(every, number), every)
        parts = {"starts": starts, "freqs": freqs, "edges": edges}
        return {**parts, "bin_bits": bin_bits, "bins": bins, "entry_of": entry_of}

    def search(self, edges: Ints) -> Ints:
        """The entries (n,) in which row << 15 | slot (n,) lie."""
        return np.searchsorted(self.edges, edges, side="right") - 1


def encode(starts: NDArray[np.integer], freqs: NDArray[np.integer], states: States) -> NDArray[np.integer]:
    """Take symbols (n,) into the states, the last symbol first, and return the words (m,) that these give up."""
    found = switch.compiled()
    if found is not None:
        words = np.empty(len(freqs), "<u2")
        used = found[0].encode(*(np.ascontiguousarray(part, np.uint16) for part in (starts, freqs)), states, words)
        return words[len(words) - used :]
    code = _encode_steps if len(states) >= MIN_VECTOR_LANES else _encode_one_by_one
    return code(starts.astype(np.int64), freqs.astype(np.int64), states)


def _encode_steps(starts: Ints, freqs: Ints, states: States) -> Ints:
    """Words of symbols (n,), all lanes of a step at once, last step first."""
    lanes = len(states)
    limits, gaps = freqs << LIMIT_SHIFT, PROB_SCALE - freqs
    emitted = []
    for begin in range((len(freqs) - 1) // lanes * lanes, -1, -lanes):
        step = slice(begin, begin + lanes)
        x = states[: len(freqs) - begin]
        full = np.flatnonzero(x >= limits[step])
        over = x[full]
        emitted.append(over & (LOW - 1))
        x[full] = over >> WORD_BITS
        x += x // freqs[step] * gaps[step]  # = (x // f)·2^15 + x mod f
        x += starts[step]
    return np.concatenate([*emitted[::-1], np.empty(0, np.int64)])


def _encode_one_by_one(starts: Ints, freqs: Ints, states: States) -> Ints:
    """The same, symbol by symbol."""
    lanes, last = states.tolist(), len(states) - 1
    emitted = []
    t = len(freqs)
    for start, freq in zip(reversed(starts.tolist()), reversed(freqs.tolist()), strict=True):
        t -= 1
        x = lanes[t & last]
        if x >= freq << LIMIT_SHIFT:
            emitted.append(x & (LOW - 1))
            x >>= WORD_BITS
        lanes[t & last] = x + x // freq * (PROB_SCALE - freq) + start
    states[:] = lanes
    return np.array(emitted[::-1], np.int64)


def decode(rows: Rows, keys: Ints, states: States, position: int, words: Ints, word: int) -> int:
    """Decode symbols `position` … (n of them), none of which is its lane's last, from words[word] on.

    `keys` (n,), row << 15 − bin_bits, become indices of `Rows.entry_of`. Returns the place of the next word. Beyond the
    end of the words: one is missing, and keys and states make no sense.
    """
    if not len(keys):
        return word
    if switch.compiled() is not None:
        return _compiled(rows, keys, states, position, words, word, last=False)
    if len(states) < MIN_VECTOR_LANES:
        for begin in range(0, len(keys), LOOP_SYMBOLS):
            word = _one_by_one(rows, keys[begin : begin + LOOP_SYMBOLS], states, position + begin, words, word)
            if word > len(words):
                break
        return word
    for steps, lanes in _steps(keys, states, position):
        word = _decode_steps(rows, steps, lanes, words, word)
        if word > len(words):
            break
    return word


def decode_last(rows: Rows, keys: Ints, states: States, position: int) -> bool:
    """As `decode` for symbols (n ≤ lanes,) that are their lanes' last: no words follow.

    Whether every lane ends as an encoder begins it: with twice the symbol's frequency.
    """
    if switch.compiled() is not None:
        return bool(_compiled(rows, keys, states, position, np.empty(0, np.int64), 0, last=True))
    for steps, lanes in _steps(keys, states, position):
        _decode_steps(rows, steps, lanes, None, 0)
    lane = np.arange(position, position + len(keys)) % len(states)
    return np.array_equal(states[lane], 2 * rows.freqs[rows.entry_of[keys]])


def _compiled(rows: Rows, keys: Ints, states: States, position: int, words: Ints, word: int, *, last: bool) -> int:
    found = switch.compiled()
    assert found is not None
    parts = rows.bins, rows.edges, rows.starts, rows.freqs
    result: int = found[0].decode(*parts, rows.bin_bits, keys, states, position, words, word, last)
    return result


def _steps(keys: Ints, states: States, position: int) -> Iterator[tuple[Ints, States]]:
    """Symbols as steps (steps, n) beside the n lanes they belong to: up to the last lane, all lanes, the rest."""
    lanes, lane = len(states), position % len(states)
    done = min(-position % lanes, len(keys))
    whole = done + (len(keys) - done) // lanes * lanes
    yield keys[None, :done], states[lane : lane + done]
    yield keys[done:whole].reshape(-1, lanes), states
    yield keys[None, whole:], states[: len(keys) - whole]


def _decode_steps(rows: Rows, keys: Ints, x: States, words: Ints | None, word: int) -> int:
    """Steps (steps, n) of lanes (n,), from words[word] on, or without words. The place of the next word."""
    if not keys.size:
        return word
    slot, quotient, packed = np.empty((3, len(x)), np.int64)
    less = np.empty(len(x), np.bool_)
    bins, bin_bits, row_bits = rows.bins, np.array(rows.bin_bits), PROB_BITS - rows.bin_bits
    for key in keys:
        np.bitwise_and(x, _SLOT_MASK, slot)
        np.right_shift(x, _PROB_BITS, quotient)
        np.right_shift(slot, bin_bits, x)
        np.add(key, x, key)
        bins.take(key, out=packed, mode="clip")
        np.right_shift(packed, _WORD_BITS, x)
        np.multiply(x, quotient, x)
        np.bitwise_and(packed, _WORD_MASK, packed)
        np.subtract(slot, packed, slot)
        np.add(x, slot, x)
        np.less(x, _LOW, less)
        low = less.nonzero()[0]
        if not len(low):
            continue
        below = x[low]
        searched = (below < 0).nonzero()[0]
        if len(searched):
            searched = low[searched]
            slots = slot[searched] + SEARCHED
            entries = rows.search((key[searched] >> row_bits << PROB_BITS) + slots)
            x[searched] = rows.freqs[entries] * quotient[searched] + slots - rows.starts[entries]
            key[searched] = entries + len(bins)
            low = (x < _LOW).nonzero()[0]
            below = x[low]
        if words is None:
            continue
        following = word + len(low)
        if following > len(words):
            return len(words) + 1
        x[low] = np.left_shift(below, _WORD_BITS) | words[word:following]
        word = following
    return word


def _one_by_one(rows: Rows, keys: Ints, states: States, position: int, words: Ints, word: int) -> int:
    """The same, symbol by symbol."""
    lanes, last = states.tolist(), len(states) - 1
    bins, edges, starts, freqs = rows.bins.data, rows.edges.data, rows.starts.data, rows.freqs.data
    bin_bits, count = rows.bin_bits, len(rows.bins)
    following = iter(words[word : word + keys.size].tolist())
    t = position
    decoded = []
    for row in keys.tolist():
        x = lanes[t & last]
        slot = x & SLOT_MASK
        key = row + (slot >> bin_bits)
        packed = bins[key]
        if packed == SEARCHED:
            entry = bisect_right(edges, (row << bin_bits) + slot) - 1
            x = freqs[entry] * (x >> PROB_BITS) + slot - starts[entry]
            key = entry + count
        else:
            x = (packed >> WORD_BITS) * (x >> PROB_BITS) + slot - (packed & SEARCHED)
        if x < LOW:
            word += 1
            x = x << WORD_BITS | next(following, 0)  # the caller sees that one is missing
        lanes[t & last] = x
        decoded.append(key)
        t += 1
    keys[:] = decoded
    states[:] = lanes
    return min(word, len(words) + 1)
