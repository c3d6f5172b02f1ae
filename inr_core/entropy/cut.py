"""Symbols of a stream that ends early: those whose bytes are there, then zeros."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from .symbols import SymbolReader
from .tables import SymbolTables


class CutSymbolReader(SymbolReader):
    """Reads the first bytes of what a `SymbolWriter` wrote. Never an error: what makes no sense is where they end."""

    def __init__(self, data: bytes, tables: SymbolTables, what: str, most: int) -> None:
        self.ended = True
        for dropped in (0, 1):  # the last byte may be half a word
            try:
                super().__init__(data[: len(data) - dropped], tables, what, most)
            except FormatError:
                continue
            self.ended = False
            return

    def read(self, rows: NDArray[np.integer]) -> NDArray[np.int32]:
        """The next symbols (n,), 0 from the first on that is not there."""
        symbols = np.zeros(len(rows), np.int32)
        done, failed = 0, len(rows) + 1  # how many can be read, and how many cannot
        step = len(rows)
        while step and not self.ended:
            before = self._ranged.state(), self._raw_bit
            try:
                symbols[done : done + step] = super().read(rows[done : done + step])
                done += step
            except FormatError:
                self._ranged.return_to(before[0])
                self._raw_bit = before[1]
                failed = done + step
            step = (failed - done) // 2
        self.ended |= done < len(rows)
        return symbols

    def finish(self) -> None:
        """Nothing: there is no end to check."""
