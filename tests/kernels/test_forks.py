"""Processes forked while other threads decode or save: they have what the program had, and nothing hangs."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_files import LATENT, SIREN
from toy_prior import smooth_picture

import inr_core
import pillow_inr
from inr_core import Settings, decode, encode
from inr_core.kernels import layers
from inr_core.kernels.layers import pack_weights
from inr_core.process import threads

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
GOLDEN = Path(__file__).parents[1] / "golden"
SECONDS = 60  # that a child may take
pillow_inr.register()
PICTURE = smooth_picture(np.random.default_rng(3), 30, 40, 3)


def in_child(function: Callable[[], bytes]) -> bytes:
    """What a forked process makes of it; a signal ends one that hangs."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: of forking a process that has threads
        child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        try:
            os.write(write, function())
        except BaseException as e:
            os.write(write, repr(e).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        said = pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "it hung"
    return said


def digest(data: Any) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest().encode()


@contextmanager
def beside(function: Callable[[], object]) -> Iterator[None]:
    """Another thread does it again and again."""
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            function()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_child_has_the_programs_blas_threads() -> None:
    before = threads._nesting._get()
    if before == 1:
        pytest.skip("this NumPy has no OpenBLAS that can be told, or one core")
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with threads.single_threaded_blas():
            inside.set()
            done.wait(SECONDS)

    def child() -> bytes:
        now = threads._nesting._get(), threads._nesting.depth
        decode(SIREN, threads=2)
        return repr((*now, threads._nesting._get(), threads._nesting.depth)).encode()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert inside.wait(SECONDS)
        assert threads._nesting._get() == 1
        assert in_child(child) == repr((before, 0, before, 0)).encode()
        assert threads._nesting._get() == 1, "here it is still held"
    finally:
        done.set()
        thread.join()
    assert threads._nesting._get() == before


@pytest.mark.parametrize("data", [SIREN, LATENT], ids=["siren", "latent"])
def test_children_decode_while_another_thread_does(data: bytes) -> None:
    expected, before = digest(decode(data)), threads._nesting._get()
    with beside(lambda: decode(data, threads=2)):
        for _ in range(8):
            assert in_child(lambda: digest(decode(data, threads=2)) + b" %d" % threads._nesting._get()) == (
                expected + b" %d" % before
            )


@pytest.mark.skipif(inr_core.backend == "numpy", reason="compiled kernels have their weights packed")
def test_a_child_packs_the_weights_that_another_thread_is_packing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = (GOLDEN / "latent_prior_4_differences.inr").read_bytes()  # weights of its own, packed for each decoding
    expected = digest(decode(data, threads=1))
    inside, done, parent = threading.Event(), threading.Event(), os.getpid()

    def slow(*args: Any) -> Any:
        if os.getpid() == parent:
            inside.set()
            assert done.wait(2 * SECONDS)
        return pack_weights(*args)

    monkeypatch.setattr(layers, "pack_weights", slow)
    thread = threading.Thread(target=decode, args=(data,), kwargs={"threads": 1})
    thread.start()
    try:
        assert inside.wait(SECONDS)
        assert in_child(lambda: digest(decode(data, threads=1))) == expected
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("options", [{"effort": 1}, {"model": "siren", "steps": 20}], ids=["latent", "siren"])
def test_children_save_while_another_thread_does(options: dict[str, Any]) -> None:
    """Also where torch's threads have run in the parent, and its gradients."""
    torch = pytest.importorskip("torch")
    matrix = torch.rand(700, 700).requires_grad_()
    torch.autograd.backward((matrix @ matrix).sum())
    settings = Settings(threads=2, **options)
    expected = hashlib.sha256(encode(PICTURE, settings)).digest()
    with beside(lambda: encode(PICTURE, settings)):
        for _ in range(3):
            assert in_child(lambda: hashlib.sha256(encode(PICTURE, settings)).digest()) == expected
            assert in_child(lambda: digest(decode(LATENT, device="torch"))) == digest(decode(LATENT))


def test_a_child_loads_the_image_that_another_thread_is_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = digest(decode(LATENT))
    loading, parent = threading.Event(), os.getpid()

    class Slow(inr_core.Decoder):
        def bands(self, *args: Any) -> Iterator[tuple[int, Any]]:
            if os.getpid() == parent:
                loading.set()
                time.sleep(1)
            yield from super().bands(*args)

    monkeypatch.setattr(inr_core, "Decoder", Slow)
    with Image.open(io.BytesIO(LATENT)) as im:
        thread = threading.Thread(target=im.load)
        thread.start()
        assert loading.wait(SECONDS)
        assert in_child(lambda: digest(im)) == expected
        thread.join()
        assert digest(im) == expected


def test_children_share_an_open_file_without_disturbing_each_other(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (150, 200, 3)).astype(np.uint8)
    path = tmp_path / "a.inr"
    path.write_bytes(encode(picture, Settings(effort=0, quality=95)))
    expected = digest(decode(path.read_bytes()))
    for _ in range(3):
        with Image.open(path) as im:
            children = []
            for _ in range(3):
                read, write = os.pipe()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)
                    child = os.fork()
                if child == 0:
                    try:
                        signal.alarm(SECONDS)
                        os.write(write, digest(im))
                    finally:
                        os._exit(0)
                os.close(write)
                children.append((child, read))
            assert digest(im) == expected
            for child, read in children:
                with open(read, "rb") as pipe:
                    assert pipe.read() == expected
                os.waitpid(child, 0)
