"""torch as our work needs it, whatever the program has made of it, and without changing it for the program.

What torch keeps by thread is as by default in a thread of our own, see `own_thread`. The rest is here: the number of
threads, and what it keeps for the whole process.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .held import Held

EXACT, FASTER = "ieee", "tf32"  # products of float32: as they are, or of 11 bits each, which only a GPU gains by


@contextmanager
def undisturbed() -> Iterator[None]:
    """In this thread operations run on one thread, without gradients, and autocast is off.

    Nothing but the number of threads has to be changed for that in a thread of our own.
    """
    with ExitStack() as stack:
        stack.enter_context(_one_thread())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


@contextmanager
def _one_thread() -> Iterator[None]:
    """torch.set_num_threads(1) for this thread alone.

    That function sets the counts of OpenMP and MKL, which each thread has of its own, and one that threads to come
    begin with: that stays as it is. Where the first two cannot be told, it is called, and undone by the last.
    """
    before = torch.get_num_threads()  # asking makes torch give this thread its counts
    if before == 1:
        yield
        return
    mkl_before = _MKL(1) if _MKL else 0
    if _OPENMP:
        _OPENMP(1)
    try:
        if torch.get_num_threads() == 1:
            yield
        else:
            with _NEW_THREADS.to(1):
                yield
    finally:
        if _OPENMP:
            _OPENMP(before)
        if _MKL:
            _MKL(mkl_before)


def _library_function(*names: str) -> Callable[[int], int] | None:
    """A function of the libraries that torch is linked with."""
    folder = Path(torch.__file__).parent / "lib"
    wanted = {"win32": ("libiomp5md.dll", "torch_cpu.dll"), "darwin": ("libtorch_cpu.dylib",)}
    for library in wanted.get(sys.platform, ("libtorch_cpu.so",)):
        for name in names:
            try:
                function = getattr(ctypes.CDLL(str(folder / library)), name)  # torch has loaded it: this finds it
            except (OSError, AttributeError):
                continue
            function.argtypes, function.restype = [ctypes.c_int], ctypes.c_int
            return function  # type: ignore[no-any-return]
    return None


_OPENMP = _library_function("omp_set_num_threads")
_MKL = _library_function("MKL_Set_Num_Threads_Local")
_NEW_THREADS = Held(torch.get_num_threads, torch.set_num_threads)


def products(device: torch.device, kind: str = EXACT) -> AbstractContextManager[Callable[[], bool]]:
    """Products of float32 on that device are of a kind, and what else the program may choose there is as by default.

    Gives what tells whether they still are. Enter it anew for every piece of work: the program may change something.
    """
    return _held([(_CUDA_PRODUCTS, kind), *_CUDA] if device.type == "cuda" else _CPU)


def exact_product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """a @ b, whatever the program allows for products, now and meanwhile; `out` is neither of them."""
    if a.device.type == "cpu":  # nobody rounds float64
        product = torch.matmul(a.double(), b.double())
        return product.to(a.dtype) if out is None else out.copy_(product)
    while True:
        with products(a.device) as are_still_exact:
            product = torch.matmul(a, b, out=out)
            if are_still_exact():
                return product


@contextmanager
def _held(settings: list[tuple[Held, Any]]) -> Iterator[Callable[[], bool]]:
    with ExitStack() as stack:
        for setting, value in settings:
            stack.enter_context(setting.to(value))
        yield lambda: all(setting.is_ours() for setting, _ in settings)


def _precision(backend: Any, above: Any) -> Held:
    """Of one kind of products; where the program has chosen nothing for it, it is that of `above`."""

    def put(precision: str) -> None:
        backend.fp32_precision = precision

    return Held(
        lambda: backend.fp32_precision,
        put,
        lambda now, ours: now == ours or (now == "none" and ours == EXACT),
        lambda before: "none" if before == above.fp32_precision else before,
    )


_deterministic = Held(
    lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
    lambda mode: torch._C._set_deterministic_algorithms(mode[0], warn_only=mode[1]),
)  # it refuses cuBLAS without an environment variable
_onednn = Held(torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled)
_CPU: list[tuple[Held, Any]] = [(_onednn, True)]
_cudnn_deterministic = Held(torch._C._get_cudnn_deterministic, torch._C._set_cudnn_deterministic)
_cudnn_benchmark = Held(torch._C._get_cudnn_benchmark, torch._C._set_cudnn_benchmark)
_CUDA: list[tuple[Held, Any]] = [
    (_deterministic, (False, False)),
    (_cudnn_deterministic, True),
    (_cudnn_benchmark, False),  # it chooses by timing
]
if hasattr(torch.backends.cuda.matmul, "fp32_precision"):  # from torch 2.9 on
    _CUDA_PRODUCTS = _precision(torch.backends.cuda.matmul, torch.backends.cudnn)
    _mkldnn: Any = torch.backends.mkldnn
    _CPU += [(_precision(kind, _mkldnn), EXACT) for kind in (_mkldnn.matmul, _mkldnn.conv)]
else:
    _names = {"highest": EXACT, "high": FASTER, "medium": "bf16"}
    _values = {kind: name for name, kind in _names.items()}
    _CUDA_PRODUCTS = Held(
        lambda: _names[torch.get_float32_matmul_precision()],
        lambda kind: torch.set_float32_matmul_precision(_values[kind]),
    )
    _CPU += [(_CUDA_PRODUCTS, EXACT)]
