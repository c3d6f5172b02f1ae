"""Interleaved rANS and the frequency tables it codes with. Integers only: no float decides a bit.

Symbol t belongs to lane t mod L. Every lane is a 32-bit state x in [2^16, 2^32). A symbol of frequency f, out of 2^15,
and cumulative start s is decoded by

    slot = x mod 2^15;  x = f·(x >> 15) + slot − s;  if x < 2^16: x = x·2^16 + next 16-bit word

and the words lie in the order in which the symbols ask for them. A lane asks for none after its last symbol: its state
must then be exactly 2f, which the encoder started from. No word may be left.

Bytes: the L first states, then the words, little-endian. The states are one string of bits, high bit first: for each
x = 2^(16 + e) + m, 4 bits e and 16 + e bits m; zero bits fill the last byte.

Method: J. Duda, "Asymmetric numeral systems", arXiv:1311.2540; interleaving: F. Giesen, arXiv:1402.3392.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..kernels import switch

PROB_BITS = 15
PROB_SCALE = 1 << PROB_BITS  # the frequencies of every table sum to this
MAX_LANES = 1024
MAX_ALPHABET = 4096
MAX_NODES = 65  # of a piecewise linear density
WORD_BITS = 16
LOW = 1 << 16  # a state below this takes in a word
SLOT_MASK = PROB_SCALE - 1
LIMIT_SHIFT = 32 - PROB_BITS  # from frequency << LIMIT_SHIFT on, a state gives up a word before a symbol
STATE_BITS = 4 + WORD_BITS  # of a stored state, besides its exponent's worth of mantissa
MIN_VECTOR_LANES = 32  # below, a plain loop is faster than NumPy steps
LOOP_BLOCK = 1 << 16  # symbols of that loop held as Python numbers at a time
MIN_CHOSEN_LANES = 64  # below, vector steps gain too little for the bytes
BYTES_PER_LANE = 2.25  # measured: what a lane adds to the ideal length
LANE_OVERHEAD = 0.005

# A NumPy call takes half a microsecond longer with a Python number than with these.
_SLOT_MASK, _PROB_BITS, _WORD_BITS, _WORD_MASK, _LOW = map(np.array, (SLOT_MASK, PROB_BITS, WORD_BITS, LOW - 1, LOW))

Ints = NDArray[np.int64]


def encode(starts: NDArray[np.integer], freqs: NDArray[np.integer], lanes: int) -> bytes:
    """Code symbols, given by cumulative start (N,) and frequency (N,) in units of 2^-15.

    `lanes`: a power of two, 1 … 1024 and at most N. No symbols give no bytes. ValueError: an argument out of range.
    """
    count = len(freqs)
    if len(starts) != count or not _lanes_fit(lanes, count):
        msg = f"expected as many starts as frequencies, and lanes a power of two up to {MAX_LANES} and to the symbols; "
        raise ValueError(f"{msg}got {len(starts)} and {count}, {lanes} lanes")
    if not count:
        return b""
    if starts.min() < 0 or freqs.min() < 1 or np.add(starts, freqs, dtype=np.int64).max() > PROB_SCALE:
        raise ValueError(f"expected intervals of at least 1 inside 0 … {PROB_SCALE}")
    first = np.empty(lanes, np.int64)
    first[np.arange(count - lanes, count) % lanes] = LOW + starts[count - lanes :].astype(np.int64)  # coding from 2f
    bulk = slice(count - lanes)
    if switch.level() is not None:
        return _encode_compiled(starts[bulk], freqs[bulk], first)
    code = _encode_steps if lanes >= MIN_VECTOR_LANES else _encode_symbols
    states, words = code(starts[bulk].astype(np.int64), freqs[bulk].astype(np.int64), first)
    return _pack_states(states) + words.astype("<u2").tobytes()


def _encode_compiled(starts: NDArray[np.integer], freqs: NDArray[np.integer], states: Ints) -> bytes:
    assert switch.native is not None
    words = np.empty(len(freqs), "<u2")
    intervals = (np.ascontiguousarray(part, np.uint16) for part in (starts, freqs))
    used = switch.native.encode(*intervals, states, words)
    return _pack_states(states.tolist()) + words[len(words) - used :].tobytes()


def _encode_steps(starts: Ints, freqs: Ints, states: Ints) -> tuple[list[int], Ints]:
    """All lanes of a step at once, last step first."""
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
    return states.tolist(), np.concatenate([*emitted[::-1], np.empty(0, np.int64)])


def _encode_symbols(starts: Ints, freqs: Ints, first: Ints) -> tuple[list[int], Ints]:
    """The same, symbol by symbol."""
    states, last = first.tolist(), len(first) - 1
    emitted = []
    t = len(freqs)
    for start, freq in zip(reversed(starts.tolist()), reversed(freqs.tolist()), strict=True):
        t -= 1
        x = states[t & last]
        if x >= freq << LIMIT_SHIFT:
            emitted.append(x & (LOW - 1))
            x >>= WORD_BITS
        states[t & last] = x + x // freq * (PROB_SCALE - freq) + start
    return states, np.array(emitted[::-1], np.int64)


class Decoder:
    """Reads `count` symbols back; every method raises FormatError where `encode` cannot have written the bytes.

    Stepwise, so that a table may depend on symbols decoded before, `slots(n)` looks at the next n symbols and `advance`
    takes them; with tables known beforehand, `decode` does. The bytes do not depend on how symbols are grouped.
    """

    def __init__(self, data: bytes, lanes: int, count: int) -> None:
        if not _lanes_fit(lanes, count):
            msg = f"range coder: expected lanes a power of two up to {MAX_LANES} and to {count} symbols, got {lanes}"
            raise FormatError(msg)
        self.lanes = lanes
        self.count = count
        self.position = 0  # symbols decoded so far
        self._tail = count - lanes  # from this symbol on, a lane's last: no word follows
        states, used = _unpack_states(data, lanes) if count else ([], 0)
        if (len(data) - used) % 2:
            raise FormatError(f"range coder: expected 16-bit words after the states, got {len(data) - used} bytes")
        self._states = np.array(states, np.int64)
        self.data = data[used:]  # the words
        self._words = np.frombuffer(self.data, "<u2").astype(np.int64)
        self._next_word = 0
        if not count:
            self._check_end()

    def slots(self, n: int) -> Ints:
        """Slots (n,) of the next n ≤ lanes symbols, 0 … 2^15 − 1: inside each symbol's [start, start + frequency)."""
        if not 0 <= n <= min(self.lanes, self.count - self.position):
            left = self.count - self.position
            raise FormatError(f"range coder: expected a step of at most {self.lanes} of {left} symbols, got {n}")
        return self._states[self._active(n)] & SLOT_MASK

    def advance(self, starts: NDArray[np.integer], freqs: NDArray[np.integer]) -> None:
        """Take the next symbols, as many as `slots` was asked for: their starts and frequencies (n,)."""
        n, freq = len(freqs), freqs.astype(np.int64)
        active = self._active(n)
        x = self._states[active]
        x = freq * (x >> PROB_BITS) + (x & SLOT_MASK) - starts
        ended = max(self._tail - self.position, 0)  # from here on, lanes that have decoded their last symbol
        if not np.array_equal(x[ended:], 2 * freq[ended:]):
            where = f"range coder, symbols {self.position} … {self.position + n - 1}"
            raise FormatError(f"{where}: expected every lane to end in the encoder's first state, got another")
        low = np.flatnonzero(x[:ended] < LOW)
        x[low] = x[low] << WORD_BITS | self._take_words(len(low))
        self._states[active] = x
        self.position += n
        if self.position == self.count:
            self._check_end()

    def decode(self, tables: Sequence[NDArray[np.integer]], table_of_symbol: NDArray[np.integer]) -> NDArray[np.uint16]:
        """The next N symbols (N,), uint16, where symbol t uses table `table_of_symbol[t]`.

        `tables`: frequencies, each (A,) and summing to 2^15; every table takes 192 KiB while decoding.
        """
        wanted = len(table_of_symbol)
        if wanted > self.count - self.position:
            msg = f"range coder: expected at most {self.count - self.position} more symbols, got a request for {wanted}"
            raise FormatError(msg)
        symbols, packed = _lookups(tables)
        keys = table_of_symbol.astype(np.int64) << PROB_BITS  # (N,), each becomes table << 15 | slot
        bulk = min(wanted, self._tail - self.position)
        if self.lanes < MIN_VECTOR_LANES:
            done = max(bulk, 0)
            for begin in range(0, done, LOOP_BLOCK):
                self._decode_symbols(packed, keys[begin : min(begin + LOOP_BLOCK, done)])
        else:
            done = min(-self.position % self.lanes, wanted)
            self._decode_step(packed, keys[:done])
            steps = max(bulk - done, 0) // self.lanes
            self._decode_steps(packed, keys[done : done + steps * self.lanes].reshape(steps, self.lanes))
            done += steps * self.lanes
        for begin in range(done, wanted, self.lanes):
            self._decode_step(packed, keys[begin : begin + self.lanes])
        decoded: NDArray[np.uint16] = symbols[keys]
        return decoded

    def _decode_step(self, packed: NDArray[np.uint32], keys: Ints) -> None:
        keys |= self.slots(len(keys))
        entries = packed[keys].astype(np.int64)
        freqs = entries >> WORD_BITS
        self.advance((keys & SLOT_MASK) - (entries & (LOW - 1)), freqs)

    def _decode_steps(self, packed: NDArray[np.uint32], keys: Ints) -> None:
        """Whole steps (steps, lanes), none of them with a lane's last symbol."""
        x = self._states
        words, word, end = self._words, self._next_word, len(self._words)
        freq = np.empty(self.lanes, np.int64)
        entry = np.empty(self.lanes, np.int64)
        less = np.empty(self.lanes, np.bool_)
        for key in keys:
            np.bitwise_and(x, _SLOT_MASK, freq)
            np.bitwise_or(key, freq, key)
            entry[:] = packed[key]
            np.right_shift(x, _PROB_BITS, x)
            np.right_shift(entry, _WORD_BITS, freq)
            np.multiply(x, freq, x)
            np.bitwise_and(entry, _WORD_MASK, entry)
            np.add(x, entry, x)
            np.less(x, _LOW, less)
            low = less.nonzero()[0]
            if following := len(low):
                following += word
                if following > end:
                    self._take_words(following - self._next_word)  # raises
                x[low] = np.left_shift(x[low], _WORD_BITS) | words[word:following]
                word = following
        self._next_word = word
        self.position += keys.size

    def _decode_symbols(self, packed: NDArray[np.uint32], keys: Ints) -> None:
        """Symbol by symbol, none of them a lane's last."""
        states, last = self._states.tolist(), self.lanes - 1
        entries = packed.data
        words = iter(self._words[self._next_word : self._next_word + keys.size].tolist())
        used = self._next_word
        t = self.position
        decoded = []
        for table in keys.tolist():
            x = states[t & last]
            key = table | x & SLOT_MASK
            entry = entries[key]
            x = (entry >> WORD_BITS) * (x >> PROB_BITS) + (entry & (LOW - 1))
            if x < LOW:
                used += 1
                x = x << WORD_BITS | next(words, 0)  # a missing word is found below
            states[t & last] = x
            decoded.append(key)
            t += 1
        self._take_words(used - self._next_word)
        keys[:] = decoded
        self._states[:] = states
        self.position = t

    def state(self) -> tuple[Ints, int, int]:
        """Where the decoder is, for `return_to`."""
        return self._states.copy(), self._next_word, self.position

    def return_to(self, state: tuple[Ints, int, int]) -> None:
        """Undo what was decoded since."""
        self._states[:], self._next_word, self.position = state

    def _active(self, n: int) -> slice | Ints:
        """The lanes of the next n symbols."""
        begin = self.position % self.lanes
        if begin + n <= self.lanes:
            return slice(begin, begin + n)
        return np.arange(begin, begin + n) % self.lanes

    def _take_words(self, n: int) -> Ints:
        words = self._words[self._next_word : self._next_word + n]
        if len(words) < n:
            msg = f"range coder: expected at least {self._next_word + n} words, got {len(self._words)}"
            raise FormatError(msg)
        self._next_word += n
        return words

    def _check_end(self) -> None:
        if self._next_word != len(self._words):
            raise FormatError(f"range coder: expected {self._next_word} words, got {len(self._words)}")


def choose_lanes(ideal_bytes: float, symbols: int) -> int:
    """Lanes for a stream: as many as cost half a per cent of its bytes, or 1 where too few for vector steps to pay."""
    affordable = min(int(ideal_bytes * LANE_OVERHEAD / BYTES_PER_LANE), symbols, MAX_LANES)
    return 1 << affordable.bit_length() - 1 if affordable >= MIN_CHOSEN_LANES else 1


def _lanes_fit(lanes: int, count: int) -> bool:
    return 1 <= lanes <= min(MAX_LANES, max(count, 1)) and lanes.bit_count() == 1


def _pack_states(states: Sequence[int]) -> bytes:
    mantissas = [f"{x:b}"[1:] for x in states]
    bits = "".join(f"{len(m) - WORD_BITS:04b}{m}" for m in mantissas)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _unpack_states(data: bytes, lanes: int) -> tuple[list[int], int]:
    """States (lanes,) and the number of bytes they fill."""
    head = data[: (lanes * (STATE_BITS + 15) + 7) // 8]
    bits = f"{int.from_bytes(head, 'big'):0{8 * len(head)}b}" if head else ""
    states, at = [], 0
    for lane in range(lanes):
        mantissa = at + 4
        at = mantissa + WORD_BITS + int(bits[at:mantissa] or "0", 2)
        if at > len(bits):
            raise FormatError(f"range coder, state of lane {lane}: expected {at} bits, got {len(bits)}")
        states.append(int("1" + bits[mantissa:at], 2))
    used = (at + 7) // 8
    if "1" in bits[at : 8 * used]:
        raise FormatError(f"range coder: expected zero bits after the states, got {bits[at : 8 * used]}")
    return states, used


def _lookups(tables: Sequence[NDArray[np.integer]]) -> tuple[NDArray[np.uint16], NDArray[np.uint32]]:
    """For table << 15 | slot: the symbol, and its frequency << 16 | (slot − start)."""
    symbols = np.empty((len(tables), PROB_SCALE), np.uint16)
    packed = np.empty((len(tables), PROB_SCALE), np.uint32)
    slots = np.arange(PROB_SCALE)
    for k, freqs in enumerate(tables):
        freq = freqs.astype(np.int64)
        if freq.min() < 1 or freq.sum() != PROB_SCALE:
            msg = f"expected frequencies of at least 1 and a sum of {PROB_SCALE}, got {freq.min()} and {freq.sum()}"
            raise FormatError(f"range coder, table {k}: {msg}")
        symbol = np.repeat(np.arange(len(freq)), freq)
        starts = np.cumsum(freq) - freq
        symbols[k] = symbol
        packed[k] = freq[symbol] << WORD_BITS | slots - starts[symbol]
    return symbols.reshape(-1), packed.reshape(-1)


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
