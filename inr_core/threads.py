"""How many cores there are, and keeping a threaded BLAS from fighting our own threads."""

from __future__ import annotations

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
Made = TypeVar("Made")


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Nesting:
    """How many blocks of code want a single-threaded BLAS right now, and what to go back to after the last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.before = 1


_nesting = _Nesting()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Run NumPy's products in the calling thread, where NumPy's wheel carries an OpenBLAS that can be told.

    Blocks are spread over our own threads, and every product then runs in one of them: about a quarter faster than
    a threaded BLAS, and a number of threads the user asked for is kept. Elsewhere nothing is changed. The setting is
    the whole process's, so it is made by the first thread that enters and undone by the last that leaves.
    """
    functions = _openblas()
    if functions is None:
        yield
        return
    get, put = functions
    with _nesting.lock:
        if _nesting.depth == 0:
            _nesting.before = get()
            put(1)
        _nesting.depth += 1
    try:
        yield
    finally:
        with _nesting.lock:
            _nesting.depth -= 1
            if _nesting.depth == 0:
                put(_nesting.before)


@cache
def _openblas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    root = Path(np.__file__).parent
    for path in [*root.parent.glob("numpy.libs/*openblas*"), *root.glob(".dylibs/*openblas*")]:
        try:
            library = ctypes.CDLL(str(path))  # already loaded by NumPy: this only finds it
        except OSError:
            continue
        for prefix, suffix in (("scipy_", "64_"), ("", "64_"), ("", "")):
            get = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
            put = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
            if get is not None and put is not None:
                put.argtypes, put.restype = [ctypes.c_int], None
                return get, put
    return None


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[Item], Made], items: Iterable[Item], ahead: int
) -> Iterator[tuple[Item, Made]]:
    """Each item with what was made of it, in order, at most `ahead` of them waiting, so that memory stays bounded."""
    waiting: deque[tuple[Item, Future[Made]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(work, item)))
        if len(waiting) >= ahead:
            first, result = waiting.popleft()
            yield first, result.result()
    for first, result in waiting:
        yield first, result.result()
