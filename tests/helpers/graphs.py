"""Stands for CUDA's graphs: what a function does to tensors is recorded, and a replay does it to the same memory again.

As there, recording changes no tensor; what is allocated in it belongs to the recording, and goes with it: its memory is
then full of rubbish, which any use of it meets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

RUBBISH = 1 << 30  # out of every range


def tensors_of(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes every operation down, and what memory had in it before the first one."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[tuple[Any, Any, Any, Any]] = []
        self.made: list[Tensor] = []
        self.before: dict[int, tuple[Any, Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = tensors_of((args, kwargs))
        own = {memory(tensor) for tensor in self.made}
        for tensor in given:
            if memory(tensor) not in own:
                storage = tensor.untyped_storage()
                self.before.setdefault(memory(tensor), (storage, storage.clone()))  # type: ignore[no-untyped-call]
        out = func(*args, **kwargs)
        known = {memory(tensor) for tensor in given}
        self.made += [tensor for tensor in tensors_of(out) if memory(tensor) not in known]
        self.operations.append((func, *tree_map(_alone, (args, kwargs, out))))
        return out


def _alone(value: Any) -> Any:
    """A tensor's memory, without what autograd knows of it."""
    return value.detach() if isinstance(value, Tensor) else value


class Recording:
    """A function's operations. A recording that is dropped leaves rubbish in what was its own."""

    def __init__(self, function: Callable[[], None]) -> None:
        with _Recorder() as recorder:
            function()
        self._operations, self._made = recorder.operations, recorder.made
        for storage, before in recorder.before.values():
            storage.copy_(before)

    def replay(self) -> None:
        with torch.no_grad():
            for func, args, kwargs, out in self._operations:
                again = func(*args, **kwargs)
                for old, new in zip(tensors_of(out), tensors_of(again), strict=True):
                    if memory(old) != memory(new):
                        old.copy_(new)

    def wait(self) -> None:
        pass

    def __del__(self) -> None:
        for tensor in self._made:
            tensor.detach().fill_(
                torch.nan if tensor.is_floating_point() else RUBBISH if tensor.element_size() > 2 else 1
            )
