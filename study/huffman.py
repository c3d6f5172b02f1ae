"""Canonical Huffman coding of a stream of small symbols, with all that its decoder needs in the bytes.

Bytes: the number of symbols as seven bits a byte; the length of each symbol's code, 0 for none, four bits each if none
is above 15 and eight otherwise; then the codes, high bit first, padded with zeros.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inr_core.container.fields import FieldReader, pack_bits, pack_number
from inr_core.errors import FormatError

MAX_SYMBOLS = 2**28
NARROW, WIDE = 4, 8  # bits of a code's length in the table

Symbols = NDArray[np.integer[Any]]


def code_lengths(counts: Sequence[int]) -> list[int]:
    """Bits of each symbol's code, 0 where its count is 0; a single symbol has one bit."""
    heap: list[tuple[int, int, tuple[int, ...]]] = [(count, k, (k,)) for k, count in enumerate(counts) if count]
    lengths = [0] * len(counts)
    if len(heap) == 1:
        lengths[heap[0][1]] = 1
    heapq.heapify(heap)
    while len(heap) > 1:
        (few, first, a), (more, _, b) = heapq.heappop(heap), heapq.heappop(heap)
        for k in a + b:
            lengths[k] += 1
        heapq.heappush(heap, (few + more, first, a + b))
    return lengths


def codes(lengths: Sequence[int]) -> dict[int, str]:
    """The canonical code of each symbol as a string of bits: by length, then by symbol."""
    found, code, before = {}, 0, 0
    for length, k in sorted((length, k) for k, length in enumerate(lengths) if length):
        code <<= length - before
        found[k] = f"{code:0{length}b}"
        code, before = code + 1, length
    return found


def encode(symbols: Symbols, size: int) -> bytes:
    """Symbols (N,), each 0 … size − 1."""
    lengths = code_lengths(np.bincount(symbols, minlength=size).tolist())
    width = NARROW if max(lengths) < 2**NARROW else WIDE
    table = bytes([width]) + pack_bits(np.array(lengths), width)
    book = codes(lengths)
    bits = "".join([book[k] for k in symbols.tolist()])
    bits += "0" * (-len(bits) % 8)
    return pack_number(len(symbols)) + table + int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def decode(data: bytes, size: int) -> NDArray[np.uint16]:
    """The symbols (N,) that `encode` wrote; FormatError for bytes it cannot have written."""
    reader = FieldReader(data)
    count = reader.number("huffman: symbols", 0, MAX_SYMBOLS)
    width = reader.byte("huffman: width of the lengths", NARROW, WIDE)
    lengths = reader.bits(size, width, "huffman: lengths").tolist()
    symbol_of = {code: k for k, code in codes(lengths).items()}
    rest = reader.rest()
    bits = f"{int.from_bytes(rest, 'big'):0{8 * len(rest)}b}" if rest else ""
    symbols, at, longest = np.empty(count, np.uint16), 0, max(lengths, default=0)
    for t in range(count):
        for end in range(at + 1, min(at + longest, len(bits)) + 1):
            if bits[at:end] in symbol_of:
                symbols[t], at = symbol_of[bits[at:end]], end
                break
        else:
            raise FormatError(f"huffman: expected {count} symbols, got {t}")
    return symbols
