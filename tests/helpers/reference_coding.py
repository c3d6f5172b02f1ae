"""The fields and coders of FORMAT.md: what `reference_decoder` reads a file with.

Every field that is taken and every step of the range coder is kept: the worked example of FORMAT.md is made of them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any
from zlib import crc32

import zstandard

Field = tuple[int, bytes, str]  # offset in the file, bytes, what they are


class Refused(Exception):
    """A file that a reader must refuse."""


def require(condition: bool, what: str) -> None:
    if not condition:
        raise Refused(what)


class Reader:
    """Takes fields off the front of the file, or of a chunk's data."""

    def __init__(self, data: bytes, base: int, fields: list[Field]) -> None:
        self.data, self.base, self.fields, self.at = data, base, fields, 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, n: int, what: str) -> bytes:
        require(n <= self.left, f"{what}: ends early")
        taken = self.data[self.at : self.at + n]
        self.fields.append((self.base + self.at, taken, what))
        self.at += n
        return taken

    def keep(self, what: str, value: object) -> None:
        """What the field taken last has turned out to be."""
        self.fields[-1] = (*self.fields[-1][:2], f"{what}: {value}")

    def part(self, n: int) -> Reader:
        """The next n bytes."""
        taken = Reader(self.take(n, ""), self.base + self.at - n, self.fields)
        self.fields.pop()  # its own fields come instead
        return taken

    def chunk(self, limit: int = 2**24) -> tuple[bytes, Reader]:
        """Type and data of the next chunk."""
        length = self.unsigned(4, "length", 0, limit)
        kind = self.take(4, "type")
        require(kind.isalpha(), "type")
        self.keep("type", kind.decode())
        content = self.part(length)
        require(self.take(4, "CRC-32 of type and data") == crc32(kind + content.data).to_bytes(4, "little"), "CRC")
        return kind, content

    def unsigned(self, n: int, what: str, low: int, high: int) -> int:
        """An integer of n bytes."""
        value = int.from_bytes(self.take(n, what), "little")
        self.keep(what, value)
        require(low <= value <= high, f"{what}: {value}")
        return value

    def number(self, what: str, low: int, high: int) -> int:
        """Seven bits a byte."""
        start = self.data[self.at : self.at + 5]
        n = next((k + 1 for k, byte in enumerate(start) if byte < 128), 6)
        value = sum(byte % 128 << 7 * k for k, byte in enumerate(self.take(n, what)))
        self.keep(what, value)
        require(n <= 5 and (n == 1 or start[n - 1] > 0), f"{what}: form")
        require(low <= value <= high, f"{what}: {value}")
        return value

    def bits(self, count: int, width: int, what: str) -> list[int]:
        """`count` values in a bit string."""
        values = split_bits(self.take((count * width + 7) // 8, what), count, width)
        self.keep(what, ", ".join(map(str, values)))
        return values

    def frame(self, size: int, what: str) -> bytes:
        """What a Zstandard frame behind its length holds: `size` bytes."""
        return unzip(self.take(self.number(f"{what}: length", 0, self.left), what), size, size)


def split_bits(data: bytes, count: int, width: int) -> list[int]:
    text = "".join(f"{byte:08b}" for byte in data)
    require("1" not in text[count * width :], "bits after a bit string")
    return [int(text[k : k + width], 2) for k in range(0, count * width, width)]


def unzip(frame: bytes, low: int, high: int) -> bytes:
    """The content of one Zstandard frame that declares low … high bytes."""
    try:
        require(max(low, 1) <= zstandard.frame_content_size(frame) <= high, "Zstandard: declared size")
        return zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as e:
        raise Refused(f"Zstandard: {e}") from e


def density(nodes: bytes, size: int) -> list[int]:
    if not nodes:
        return [1] * size
    require(any(nodes), "nodes are all 0")
    heights = [(16 + v % 16) * 2 ** (v >> 4) if v else 0 for v in nodes] + [0]
    weights = []
    for i in range(size):
        k, d = divmod(i * (len(nodes) - 1), size - 1)
        weights.append(heights[k] * (size - 1 - d) + heights[k + 1] * d)
    return weights


def frequencies_of(weights: list[int]) -> list[int]:
    total = sum(weights)
    ends = [c * (2**15 - len(weights)) // total for c in accumulate(weights)]
    return [1 + b - a for a, b in pairwise([0, *ends])]


@dataclass(frozen=True)
class Step:
    """One symbol of the range coder."""

    before: int
    slot: int
    symbol: int
    after: int
    word: int | None


class Rans:
    """The range coder's lanes."""

    def __init__(self, content: Reader, lanes: int, count: int) -> None:
        text = "".join(f"{byte:08b}" for byte in content.data[content.at : content.at + 5 * lanes])
        at = 0
        self.states = []
        for _ in range(lanes):
            end = at + 20 + int(text[at : at + 4] or "0", 2)
            require(end <= len(text), "states end early")
            self.states.append(int("1" + text[at + 4 : end], 2))
            at = end
        used = (at + 7) // 8
        require("1" not in text[at : 8 * used], "bits after the states")
        content.take(used, "states: " + ", ".join(map(str, self.states)))
        require(content.left % 2 == 0, "odd words")
        self.words = [int.from_bytes(content.take(2, f"word {k}"), "little") for k in range(content.left // 2)]
        self.next_word, self.count = 0, count
        self.steps: list[Step] = []

    def decode(self, frequencies: list[int], count: int) -> list[int]:
        starts = [0, *accumulate(frequencies)]
        symbols = []
        for t in range(len(self.steps), len(self.steps) + count):
            x = before = self.states[t % len(self.states)]
            slot, word = x % 2**15, None
            s = bisect_right(starts, slot) - 1
            x = after = frequencies[s] * (x >> 15) + slot - starts[s]
            if t >= self.count - len(self.states):
                require(x == 2 * frequencies[s], "last state of a lane")
            elif x < 2**16:
                require(self.next_word < len(self.words), "words end early")
                word = self.words[self.next_word]
                self.next_word += 1
                x = x * 2**16 + word
            self.states[t % len(self.states)] = x
            self.steps.append(Step(before, slot, s, after, word))
            symbols.append(s)
        return symbols


class Symbols:
    """The symbols of a chunk."""

    def __init__(self, content: Reader, arrays: dict[str, Any], most: int) -> None:
        self.tables: list[list[int]] = arrays["tables"]
        self.largest: list[int] = arrays["table_largest"]
        self.raw_bits: list[int] = arrays["table_raw_bits"]
        self.read = 0
        self.count = content.number("count", 0, most)
        if self.count:
            lanes = 2 ** content.unsigned(1, "lanes_e", 0, 10)
            require(lanes <= self.count, "lanes")
            raw = content.take(content.number("n", 0, content.left), "raw bits")
            self.coder = Rans(content.part(content.left), lanes, self.count)
        else:
            raw = b""
            require(not content.left, "bytes left")
        self.bits = "".join(f"{byte:08b}" for byte in raw)
        self.at = 0

    def raw(self, n: int) -> int:
        require(self.at + n <= len(self.bits), "raw bits end early")
        self.at += n
        return int("0" + self.bits[self.at - n : self.at], 2)

    def next(self, row: int) -> int:
        require(self.read < self.count, "symbols end early")
        self.read += 1
        (place,) = self.coder.decode(self.tables[row], 1)
        m, k = self.largest[row], self.raw_bits[row // 8]
        if place > 2 * m:
            tail = place - 2 * m - 1
            z = (0, 2, 10, 42, 298)[tail] * (1 << k) + self.raw(min((1, 3, 5, 8, 24)[tail] + k, 24))
            symbol = (m + 1) * (1 << k) - (1 << k) // 2 + z // 2
            symbol = -symbol if z % 2 else symbol
            require(-(2**23) <= symbol < 2**23, "symbol")
            return symbol
        first = place % 2 == 1
        j = (place + 1) // 2 * (-1 if first == (row % 8 < 4) else 1)
        return j * (1 << k) - (1 << k) // 2 + self.raw(k)

    def finish(self) -> None:
        require(self.read == self.count, "symbols left")
        require(not self.count or self.coder.next_word == len(self.coder.words), "words left")
        require(len(self.bits) - self.at < 8 and "1" not in self.bits[self.at :], "raw bits left")
