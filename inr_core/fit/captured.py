"""A part of a training step as one launch: run plainly everywhere, but on CUDA recorded as a graph and replayed.

A step of a small network is hundreds of operations, each of which takes the host longer to launch than a GPU to do.
A graph is launched as a whole. It repeats the operations on the same memory, so what is recorded works in place, on
tensors that stay, and asks nothing of the device: no value is read, no size depends on one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

WARM_UP = 3  # runs before a recording, while libraries choose and allocate; they count as any other


def records(device: torch.device) -> bool:
    """Whether steps on that device are recorded."""
    return device.type == "cuda"


class Captured:
    """Calls a function again and again; with `recording`, after WARM_UP calls, by replaying a graph of it.

    What the function leaves, in tensors of its owner's, the next call overwrites. Where recording fails the function
    is called plainly from then on, and no call is lost.
    """

    def __init__(self, function: Callable[[], None], recording: bool) -> None:
        self.function, self.recording = function, recording
        self.renew()

    def renew(self) -> None:
        """Forget the graph, because from now on the function does something else, or on other tensors."""
        self._calls = 0
        self._replay: Callable[[], None] | None = None

    def __call__(self) -> None:
        if self.recording and self._replay is None and self._calls >= WARM_UP:
            try:
                self._replay = record(self.function)
            except RuntimeError:  # torch's, of whatever cannot be recorded
                self.recording = False
        if not self.recording:
            self.function()
        elif self._replay is None:
            self._calls += 1
            run_beside(self.function)
        else:
            self._replay()


def run_beside(function: Callable[[], None]) -> None:
    """Run on another stream, as whatever is to be recorded has to be warmed up."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        function()
    torch.cuda.current_stream().wait_stream(stream)


def record(function: Callable[[], None]) -> Callable[[], None]:
    """A graph of the function: what runs it. Recording does not."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads may fit pictures, too
        function()
    return graph.replay


@contextmanager
def training_on(device: torch.device) -> Iterator[None]:
    """On CUDA: makes the device the current one and lets products of float32 be TF32's; afterwards all is as it was.

    Exact decoding never sees it: `network_torch.exact_products` switches it off.
    """
    if device.type != "cuda":
        yield
        return
    matmul = torch.backends.cuda.matmul
    newer = hasattr(matmul, "fp32_precision")  # torch from 2.9 on
    before = matmul.fp32_precision if newer else torch.get_float32_matmul_precision()
    with torch.cuda.device(device):
        try:
            _set_precision("tf32" if newer else "high")
            yield
        finally:
            _set_precision(before)


def _set_precision(precision: str) -> None:
    matmul = torch.backends.cuda.matmul
    if hasattr(matmul, "fp32_precision"):
        matmul.fp32_precision = precision
    else:
        torch.set_float32_matmul_precision(precision)
