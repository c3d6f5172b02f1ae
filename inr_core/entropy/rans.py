"""The bytes of interleaved rANS. Integers only: no float decides a bit.

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
from ..kernels import rans
from ..kernels.rans import LOW, PROB_BITS, PROB_SCALE, WORD_BITS, Rows

MAX_LANES = 1024
STATE_BITS = 4 + WORD_BITS  # of a stored state, besides its exponent's worth of mantissa
MIN_CHOSEN_LANES = 64  # below, vector steps gain too little for the bytes
BYTES_PER_LANE = 2.25  # measured: what a lane adds to the ideal length
LANE_OVERHEAD = 0.005

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
    states = np.empty(lanes, np.int64)
    states[np.arange(count - lanes, count) % lanes] = LOW + starts[count - lanes :].astype(np.int64)  # coding from 2f
    words = rans.encode(starts[: count - lanes], freqs[: count - lanes], states)
    return _pack_states(states.tolist()) + words.astype("<u2").tobytes()


class Decoder:
    """Reads `count` symbols back; every method raises FormatError where `encode` cannot have written the bytes.

    A table may depend on symbols decoded before: the bytes do not depend on how many are decoded by a call.
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

    def decode(self, tables: Sequence[NDArray[np.integer]], table_of_symbol: NDArray[np.integer]) -> NDArray[np.uint16]:
        """The next N symbols (N,), uint16, where symbol t uses table `table_of_symbol[t]`.

        `tables`: frequencies, each (A,) and summing to 2^15; every table takes 320 KiB while decoding.
        """
        for k, freqs in enumerate(tables):
            least, total = freqs.min(), freqs.sum(dtype=np.int64)
            if least < 1 or total != PROB_SCALE:
                msg = f"expected frequencies of at least 1 and a sum of {PROB_SCALE}, got {least} and {total}"
                raise FormatError(f"range coder, table {k}: {msg}")
        sizes = [len(table) for table in tables]
        entries = self.entries(Rows(**Rows.parts(np.concatenate(tables).astype(np.int64), 0)), table_of_symbol)
        firsts = np.cumsum(sizes) - sizes
        symbols: NDArray[np.uint16] = (entries - firsts[table_of_symbol]).astype(np.uint16)
        return symbols

    def entries(self, rows: Rows, row_of_symbol: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
        """The entries (N,) of the next N symbols, where symbol t is in row `row_of_symbol[t]`."""
        wanted = len(row_of_symbol)
        if wanted > self.count - self.position:
            msg = f"range coder: expected at most {self.count - self.position} more symbols, got a request for {wanted}"
            raise FormatError(msg)
        keys = row_of_symbol.astype(np.int64)
        keys <<= PROB_BITS - rows.bin_bits
        bulk = max(min(wanted, self._tail - self.position), 0)  # symbols that are not their lane's last
        word = rans.decode(rows, keys[:bulk], self._states, self.position, self._words, self._next_word)
        if word > len(self._words):
            raise FormatError(f"range coder: expected at least {word} words, got {len(self._words)}")
        self._next_word = word
        self.position += bulk
        if bulk < wanted:
            self._end(rows, keys[bulk:])
        entries: NDArray[np.unsignedinteger] = rows.entry_of[keys]
        return entries

    def _end(self, rows: Rows, keys: Ints) -> None:
        """The lanes' last symbols, or some of them."""
        ended = self.position + len(keys)
        if not rans.decode_last(rows, keys, self._states, self.position):
            where = f"range coder, symbols {self.position} … {ended - 1}"
            raise FormatError(f"{where}: expected every lane to end in the encoder's first state, got another")
        self.position = ended
        if ended == self.count:
            self._check_end()

    def state(self) -> tuple[Ints, int, int]:
        """Where the decoder is, for `return_to`: states (lanes,), words read, symbols read."""
        return self._states.copy(), self._next_word, self.position

    def return_to(self, state: tuple[Ints, int, int]) -> None:
        """Undo what was decoded since."""
        self._states[:], self._next_word, self.position = state

    def _check_end(self) -> None:
        """FormatError if a word is left."""
        if self._next_word != len(self._words):
            raise FormatError(f"range coder: expected {self._next_word} words, got {len(self._words)}")


def choose_lanes(ideal_bytes: float, symbols: int) -> int:
    """Lanes for a stream: as many as cost half a per cent of its bytes, or 1 where too few for vector steps to pay."""
    return affordable_lanes(ideal_bytes, symbols, LANE_OVERHEAD, MIN_CHOSEN_LANES)


def affordable_lanes(ideal_bytes: float, symbols: int, overhead: float, least: int) -> int:
    """The most lanes, a power of two, that cost a share `overhead` of a stream's bytes; 1 where below `least`."""
    affordable = min(int(ideal_bytes * overhead / BYTES_PER_LANE), symbols, MAX_LANES)
    return 1 << affordable.bit_length() - 1 if affordable >= least else 1


def _lanes_fit(lanes: int, count: int) -> bool:
    """Whether there may be so many lanes for so many symbols."""
    return 1 <= lanes <= min(MAX_LANES, max(count, 1)) and lanes.bit_count() == 1


def _pack_states(states: Sequence[int]) -> bytes:
    """States (lanes,) as a string of bits, see above."""
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
