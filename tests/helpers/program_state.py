"""What belongs to the program that uses this package: all that it could find changed, and settings it may have made."""

from __future__ import annotations

import decimal
import gc
import hashlib
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFile
from torch.overrides import BaseTorchFunctionMode, TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from inr_core.process import threads

BACKENDS = (
    *(("generic", "all"), ("mkldnn", "all"), ("mkldnn", "matmul"), ("mkldnn", "conv"), ("mkldnn", "rnn")),
    *(("cuda", "all"), ("cuda", "matmul"), ("cuda", "conv"), ("cuda", "rnn")),
)


def in_new_thread(function: Callable[[], Any]) -> Any:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def answer(question: Callable[[], Any]) -> Any:
    """torch refuses to answer some where settings disagree; then that is what has to stay."""
    try:
        return question()
    except RuntimeError as e:
        return str(e).splitlines()[0]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def of_this_thread() -> dict[str, Any]:
    """What torch and NumPy keep by thread."""
    return {
        "threads": torch.get_num_threads(),
        "counts": torch.__config__.parallel_info(),
        "default device": str(torch.get_default_device()),
        "gradients": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "autocast": [torch.is_autocast_enabled(device) for device in ("cpu", "cuda")],
        "autocast's types": [torch.get_autocast_dtype(device) for device in ("cpu", "cuda")],
        "autocast's cache": torch.is_autocast_cache_enabled(),
        "function modes": torch._C._len_torch_function_stack(),
        "dispatch modes": torch._C._len_torch_dispatch_stack(),
        "functions": torch._C._is_torch_function_enabled(),
        "denormals": torch.full((), 1e-42, dtype=torch.float32, device="cpu").mul(1).view(torch.int32).tolist(),
        "numpy's errors": np.geterr(),
        "numpy's error call": np.geterrcall(),
        "decimals": str(decimal.getcontext()),
    }


def everything() -> dict[str, Any]:
    """All of it that can be asked."""
    numpy_random: Any = np.random.get_state()  # noqa: NPY002
    cuda = torch.cuda.is_available()
    return {
        **of_this_thread(),
        "new threads": in_new_thread(of_this_thread),
        "interop threads": torch.get_num_interop_threads(),
        "default type": torch.get_default_dtype(),
        "default tensor": torch.tensor([]).type() if not torch._C._len_torch_function_stack() else None,
        "torch's random state": digest(torch.default_generator.get_state().numpy().tobytes()),
        "cuda's random state": [digest(state.cpu().numpy().tobytes()) for state in torch.cuda.get_rng_state_all()]
        if cuda
        else None,
        "numpy's random state": digest(numpy_random[1].tobytes() + repr(numpy_random[2:]).encode()),
        "random state": digest(repr(random.getstate()).encode()),
        "deterministic": torch.get_deterministic_debug_mode(),
        "memory is filled": torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
        "precision": answer(torch.get_float32_matmul_precision),
        "precisions": [torch._C._get_fp32_precision_getter(*backend) for backend in BACKENDS],
        "allow_tf32": [
            answer(lambda: torch.backends.cuda.matmul.allow_tf32),
            answer(lambda: torch.backends.cudnn.allow_tf32),
        ],
        "cudnn": [torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic],
        "onednn": [
            torch._C._get_mkldnn_enabled(),
            torch._C._get_mkldnn_deterministic(),
            torch._C._get_nnpack_enabled(),
        ],
        "anomalies": [torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()],
        "warn always": torch.is_warn_always_enabled(),
        "BLAS": threads._nesting._get(),
        "buffers": np.getbufsize(),
        "warnings": list(warnings.filters),
        "signals": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "hooks": [sys.excepthook, sys.unraisablehook, threading.excepthook, sys.getprofile(), sys.gettrace()],
        "python": [sys.getswitchinterval(), sys.getrecursionlimit(), gc.isenabled(), gc.get_threshold()],
        "threads running": threading.active_count(),
        "environment": dict(os.environ),
        "place": [os.getcwd(), locale.setlocale(locale.LC_ALL), os.cpu_count(), _affinity()],
        "descriptors": _descriptors(),
        "arrays": [np.get_printoptions(), os.umask(_umask()) if hasattr(os, "umask") else None],
        "Pillow": [
            *(Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, ImageFile.MAXBLOCK, list(Image.ID)),
            *(dict(Image.EXTENSION), dict(Image.MIME)),
        ],
        "logging": [logging.root.level, list(logging.root.handlers)],
        "streams": [sys.stdin, sys.stdout, sys.stderr],
    }


def _descriptors() -> list[str]:
    """What is open, by number."""
    found = []
    for number in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []:
        try:
            found.append(f"{number}: {os.readlink(f'/proc/self/fd/{number}')}")
        except OSError:  # that of the listing itself
            continue
    return sorted(found)


def _umask() -> int:
    """What new files are not allowed; asking for it means to set it."""
    now = os.umask(0)
    os.umask(now)
    return now


def _affinity() -> set[int]:
    return set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else set()


class Refusing(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A mode of the program's that no operation of ours is to meet."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(func)


class RefusingFunctions(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(func)


def refused(tensor: Any) -> Any:
    raise AssertionError(tensor)


def changed(
    get: Callable[[], Any], put: Callable[[Any], Any], value: Any
) -> Callable[[], AbstractContextManager[None]]:
    @contextmanager
    def setting() -> Iterator[None]:
        before = get()
        put(value)
        try:
            yield
        finally:
            put(before)

    return setting


def precision(backend: str, operation: str, value: str) -> Callable[[], AbstractContextManager[None]]:
    return changed(
        lambda: torch._C._get_fp32_precision_getter(backend, operation),
        lambda value: torch._C._set_fp32_precision_setter(backend, operation, value),
        value,
    )


@contextmanager
def tensor_type(name: str) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.set_default_tensor_type(name)
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.set_default_tensor_type("torch.FloatTensor")


@contextmanager
def matmul_precision(value: str) -> Iterator[None]:
    """With all that it sets put back as it was."""
    with ExitStack() as stack:
        for backend in (("mkldnn", "matmul"), ("cuda", "matmul")):
            before = torch._C._get_fp32_precision_getter(*backend)
            stack.callback(torch._C._set_fp32_precision_setter, *backend, before)
        stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        torch.set_float32_matmul_precision(value)
        yield


@contextmanager
def raising_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@contextmanager
def another_seed() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        yield


@contextmanager
def within_vmap() -> Iterator[None]:
    """Inside of a function that torch.func transforms."""
    level = torch._C._functorch._vmap_increment_nesting(3, "error")
    assert level
    try:
        yield
    finally:
        torch._C._functorch._vmap_decrement_nesting()


def _mkldnn(value: bool) -> Callable[[], AbstractContextManager[None]]:
    return changed(torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled, value)


SETTINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "default type float64": changed(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    "default type float16": changed(torch.get_default_dtype, torch.set_default_dtype, torch.float16),
    "default type bfloat16": changed(torch.get_default_dtype, torch.set_default_dtype, torch.bfloat16),
    "default tensor of float64": lambda: tensor_type("torch.DoubleTensor"),
    "default device meta": changed(lambda: None, torch.set_default_device, "meta"),
    "with torch.device": lambda: torch.device("meta"),
    "no gradients": torch.no_grad,
    "gradients": torch.enable_grad,
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "autocast of CUDA": changed(
        lambda: torch.is_autocast_enabled("cuda"), lambda value: torch.set_autocast_enabled("cuda", value), True
    ),
    "deterministic": changed(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, "error"),
    "precision medium": lambda: matmul_precision("medium"),
    "precision high": lambda: matmul_precision("high"),
    "all precisions bf16": precision("generic", "all", "bf16"),
    "oneDNN's precision bf16": precision("mkldnn", "all", "bf16"),
    "oneDNN's products tf32": precision("mkldnn", "matmul", "tf32"),
    "oneDNN's convolutions bf16": precision("mkldnn", "conv", "bf16"),
    "CUDA's products tf32": precision("cuda", "matmul", "tf32"),
    "no oneDNN": _mkldnn(False),
    "cuDNN's benchmark": changed(torch._C._get_cudnn_benchmark, torch._C._set_cudnn_benchmark, True),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "denormals are 0": changed(lambda: False, torch.set_flush_denormal, True),
    "five threads": changed(torch.get_num_threads, torch.set_num_threads, 5),
    "one thread": changed(torch.get_num_threads, torch.set_num_threads, 1),
    "another seed": another_seed,
    "a mode that sees operations": Refusing,
    "a mode that sees functions": RefusingFunctions,
    "a mode that does nothing": BaseTorchFunctionMode,
    "in vmap": within_vmap,
    "saved tensors": lambda: torch.autograd.graph.saved_tensors_hooks(refused, refused),
    "numpy raises": lambda: np.errstate(all="raise"),
    "warnings raise": raising_warnings,
    "decimals": decimal.localcontext,
}
