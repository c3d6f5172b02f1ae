"""Strips of rows that are evaluated side by side: by threads, by compiled kernels or NumPy, or on a device of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from ..errors import SettingsError, shown
from ..process.own_thread import apart
from ..process.threads import Crew, single_threaded_blas
from . import switch
from .ops import Ops

STRIPS, LEAST_POSITIONS = 4, 1 << 12  # where small strips gain nothing: strips a thread, and positions of one at least

_Result = TypeVar("_Result")


class Strips:
    """Threads that evaluate strips, each with scratch of its own; a GPU has one.

    `compiled`: the kernels that networks are evaluated by, as `switch.compiled` has them; None: by `Ops`.
    """

    def __init__(self, threads: int, device: str) -> None:
        self.device = device
        self.compiled = switch.compiled() if device == "cpu" else None
        self.ops: list[Ops] = [Ops() for _ in range(threads)] if device == "cpu" else []
        self._crew = Crew(1)

    def run(self, work: Callable[[], _Result]) -> _Result:
        """Do what calls `each`. SettingsError for a device that there is not."""
        if self.device != "cpu":
            return apart(partial(self._through_torch, work))
        with single_threaded_blas(), Crew(len(self.ops)) as self._crew:
            return work()

    def _through_torch(self, work: Callable[[], _Result]) -> _Result:
        try:
            from ..process.torch_settings import undisturbed
            from .on_torch import TorchOps
        except ImportError as e:
            raise SettingsError(f"device: expected 'cpu' where torch is not installed, got {shown(self.device)}") from e
        with undisturbed():
            self.ops = self.ops or [TorchOps(self.device)]
            return work()

    def each(
        self, first: int, last: int, width: int, positions: int | None, work: Callable[[Ops, int, int], None]
    ) -> None:
        """Call work(ops, a, b) for every strip [a, b) of rows [first, last), in any order.

        A strip has up to `positions` positions of a grid so wide, or as many as the device prefers; None: small strips
        gain nothing, so that there are only as many as threads need.
        """
        positions = self._share(last - first, width) if positions is None else positions
        rows = max(1, (self.ops[0].positions or positions) // width)
        strips = [(a, min(a + rows, last)) for a in range(first, last, rows)]

        def share(k: int) -> None:
            for a, b in strips[k :: len(self.ops)]:
                work(self.ops[k], a, b)

        if len(self.ops) == 1:
            share(0)
        else:
            self._crew.map(share, range(min(len(self.ops), len(strips))))

    def in_order(
        self, last: int, width: int, most: int, work: Callable[[int, int], _Result]
    ) -> Iterator[tuple[tuple[int, int], _Result]]:
        """Each strip [a, b) of rows [0, last) with what work(a, b) gives, in order; other threads make the next ones
        while the caller does something with it.

        A strip has up to `most` positions of a grid so wide, or fewer, so that there are some for each thread.
        """
        rows = max(1, min(most, self._share(last, width)) // width)
        strips = [(a, min(a + rows, last)) for a in range(0, last, rows)]
        if len(self.ops) == 1:
            return ((strip, work(*strip)) for strip in strips)
        return self._crew.in_order(lambda strip: work(*strip), strips)

    def _share(self, rows: int, width: int) -> int:
        """Positions of a strip where there are only as many as threads need."""
        if len(self.ops) == 1:
            return rows * width
        return max(LEAST_POSITIONS, -(-rows // (STRIPS * len(self.ops))) * width)
