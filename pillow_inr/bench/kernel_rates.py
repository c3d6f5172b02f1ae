"""What share of the processor's rate of multiply-adds the fused networks reach, and where the rest of the time goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from inr_core.kernels import switch

from .report import Cell, Report, Table

REPEATS = 2_000_000  # of the loop that does nothing but multiply
WHERE = {"what": "", "kernels": "", "kernel": "", "calls": "d", "ms": ".2f", "percent": ".0f"}
RATES = {"what": "", "kernels": "", "kernel": "", "giga_macs": ".3f", "rate": ".1f", "peak": ".1f", "percent": ".0f"}
NETWORKS = {"parity_keys": (5, 8, 11), "cell_rows": (9, 12, 15)}  # where their weights stand in the arguments


class Timed:
    """The library with a stopwatch around every kernel."""

    def __init__(self, library: ModuleType) -> None:
        self.library = library
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self.macs: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        kernel = getattr(self.library, name)

        def timed(*arguments: Any) -> Any:
            started = time.process_time()
            result = kernel(*arguments)
            self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - started
            self.calls[name] = self.calls.get(name, 0) + 1
            if name in NETWORKS:
                weights = sum(arguments[place].size for place in NETWORKS[name])
                self.macs[name] = self.macs.get(name, 0) + weights * _positions(name, arguments)
            return result

        return timed


def _positions(name: str, arguments: tuple[Any, ...]) -> int:
    if name == "parity_keys":
        return int(arguments[15] * arguments[4])  # rows, stride
    return int((arguments[8] - arguments[7]) * arguments[6])  # rows first … last − 1, width


@contextmanager
def _timed() -> Iterator[Timed]:
    library: Any = switch.native
    stopwatch: Any = Timed(library)
    try:
        switch.native = stopwatch
        yield stopwatch
    finally:
        switch.native = library


def measure(report: Report, actions: Mapping[str, Callable[[], object]], rounds: int) -> None:
    """Of levels with vectors: the networks' rates beside the processor's, and where the fastest round's time goes."""
    if switch.native is None:
        report.say("rates: nothing is compiled here")
        return
    title = "Rates of the fused networks, 10^9 multiply-adds a second, beside a loop of nothing else"
    rates = report.table("rates", title, RATES)
    where = report.table("where", "Where the time of decoding goes, the fastest round", WHERE)
    for name in (name for name in switch.available()[1:] if name != switch.PLAIN):
        with switch.using(name):
            level = switch.level()
            assert level is not None
            for what, action in actions.items():
                action()
                peak, best, total = 0.0, None, 0.0
                for _ in range(rounds):
                    started = time.process_time()
                    done = switch.native.products(level, REPEATS)
                    peak = max(peak, done / (time.process_time() - started))
                    with _timed() as timed:
                        started = time.process_time()
                        action()
                        seconds = time.process_time() - started
                    if best is None or seconds < total:
                        best, total = timed, seconds
                assert best is not None
                _add(report, rates, where, what, name, best, total, peak)


def _add(
    report: Report, rates: Table, where: Table, what: str, name: str, best: Timed, total: float, peak: float
) -> None:
    for kernel, macs in best.macs.items():
        rate = macs / best.seconds[kernel]
        row: dict[str, Cell] = {
            "what": what,
            "kernels": name,
            "kernel": kernel,
            "giga_macs": macs / 1e9,
            "rate": rate / 1e9,
            "peak": peak / 1e9,
            "percent": 100 * rate / peak,
        }
        report.add(rates, row)
    rest = total - sum(best.seconds.values())
    for kernel, seconds in [*best.seconds.items(), ("outside of kernels", rest), ("all", total)]:
        row = {"what": what, "kernels": name, "kernel": kernel, "calls": best.calls.get(kernel), "ms": 1000 * seconds,
               "percent": 100 * seconds / total}  # fmt: skip
        report.add(where, row)
