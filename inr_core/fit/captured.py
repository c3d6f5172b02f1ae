"""A part of a training step as one launch: run plainly everywhere, but on CUDA recorded as a graph and replayed.

A step of a small network is hundreds of operations, each of which takes the host longer to launch than a GPU to do.
A graph is launched as a whole. It repeats the operations on the same memory, so what is recorded

- works in place, on tensors that stay as long as it is replayed: made outside of recordings, never what another one
  made, whose memory goes with it;
- asks nothing of the device: no value is read, no size depends on one.

Everything on CUDA, recorded or not, happens on one stream that nobody else uses: in order, and with the one workspace
that cuBLAS has for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

WARM_UP = 3  # runs before a recording, while libraries choose and allocate; they count as any other

_recording = threading.Lock()  # one at a time: a device that is recorded from refuses some calls of other threads
_idle: dict[torch.device, list[torch.cuda.Stream]] = {}  # kept, as each has a workspace of cuBLAS for ever
_streams = threading.Lock()


def records(device: torch.device) -> bool:
    """Whether steps on that device are recorded."""
    return device.type == "cuda"


class Captured:
    """Calls a function again and again; with `recording`, after WARM_UP calls, by replaying a graph of it.

    Always the same function, until `renew`. Where recording fails it is called plainly from then on, and no call is
    lost.
    """

    def __init__(self, recording: bool) -> None:
        self.recording = recording
        self._calls = 0
        self._graph: Graph | None = None

    def renew(self) -> None:
        """Forget the graph, because from now on the function does something else, or on other tensors."""
        self._calls = 0
        if self._graph is not None:
            self._graph.wait()
            self._graph = None

    def __call__(self, function: Callable[[], None]) -> None:
        if self.recording and self._graph is None and self._calls >= WARM_UP:
            try:
                self._graph = record(function)
            except RuntimeError:  # torch's, of whatever cannot be recorded
                self.recording = False
        self._calls += 1
        if self._graph is None:
            function()
        else:
            self._graph.replay()


class Graph:
    """Recorded work on a stream."""

    def __init__(self) -> None:
        self._graph = torch.cuda.CUDAGraph()
        self._stream = torch.cuda.current_stream()

    def record(self, function: Callable[[], None]) -> None:
        """What the function launches; none of it runs."""
        with _recording:
            # not torch.cuda.graph(): it waits for all of the device, which another thread's recording cannot bear
            self._graph.capture_begin(capture_error_mode="thread_local")
            try:
                function()
            finally:
                self._graph.capture_end()

    def replay(self) -> None:
        """Run it all."""
        self._graph.replay()

    def wait(self) -> None:
        """Until nothing of it runs any more, so that its memory may go."""
        self._stream.synchronize()


def record(function: Callable[[], None]) -> Graph:
    """A graph of the function."""
    graph = Graph()
    graph.record(function)
    return graph


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """On CUDA: the device is the current one, and so is a stream that is this thread's alone while it is inside."""
    if device.type != "cuda":
        yield
        return
    with torch.cuda.device(device):
        with _streams:
            idle = _idle.setdefault(device, [])
            stream = idle.pop() if idle else torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        try:
            with torch.cuda.stream(stream):
                yield
        finally:
            stream.synchronize()
            with _streams:
                idle.append(stream)
