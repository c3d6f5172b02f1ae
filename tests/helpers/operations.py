"""How much is done, counted rather than timed: calls of functions, bytes read, bytes of which a CRC is made."""

from __future__ import annotations

import io
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

MOST_TIMES = 4  # that a byte is read


class Counted(io.BytesIO):
    """A file that counts the bytes that are read of it."""

    def __init__(self, data: bytes, counts: Counter[str]) -> None:
        super().__init__(data)
        self.counts = counts

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.counts["bytes read"] += len(data)
        return data


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count the calls of this thread, of Python's functions and of C's, and bytes of CRCs."""
    counts: Counter[str] = Counter()

    def called(frame: Any, event: str, arg: Any) -> None:
        if event in ("call", "c_call"):
            counts["calls"] += 1

    def crc32(data: Any, value: int = 0) -> int:
        counts["bytes of CRCs"] += len(data)
        return zlib.crc32(data, value)

    fake = mock.Mock(spec=zlib)
    fake.crc32 = crc32
    with mock.patch("inr_core.container.source.zlib", fake):
        before = sys.getprofile()
        sys.setprofile(called)
        try:
            yield counts
        finally:
            sys.setprofile(before)


def too_much(counts: list[Counter[str]], sizes: list[int], lengths: list[int], slack: int) -> dict[str, list[int]]:
    """What is too much in three files, each about twice as large as the one before.

    Calls that grow faster than the sizes, pixels and all; bytes that are more than a few times the lengths.
    """
    found = {}
    for name in counts[2]:
        one, two, three = (count[name] for count in counts)
        a, b, c = sizes
        step = max(two - one, one * (b - a) / a / 10)  # what is done once and for all may be most of it
        too_fast = three - two > 1.3 * step * (c - b) / (b - a) + slack
        if too_fast if name == "calls" else three > MOST_TIMES * lengths[2] + slack:
            found[name] = [one, two, three]
    return found
