"""Threads that share one image or open their own, and processes that were spawned or forked."""

from __future__ import annotations

import hashlib
import io
import multiprocessing as mp
import pickle
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from networks import header_of, make_file
from PIL import Image
from toy_prior import smooth_picture
from watched import slow_decoder

import inr_core
from inr_core import Settings, encode
from inr_core.process import threads
from pillow_inr import InrImagePlugin

THREADS = 8
FILES = {
    "siren": make_file(header_of("RGB", width=90, height=70, hidden=24)),
    "siren, palette": make_file(header_of("P", width=60, height=30)),
    "latent": encode(smooth_picture(np.random.default_rng(1), 70, 90, 3), Settings(effort=0, threads=1)),
    "latent, alpha": encode(smooth_picture(np.random.default_rng(2), 33, 50, 4), Settings(effort=0, threads=1)),
}


def digest(data: bytes) -> str:
    """Of the pixels that Pillow loads; a program of its own may be told to do this, so the plugin is imported here."""
    import pillow_inr

    pillow_inr.register()
    with Image.open(io.BytesIO(data)) as im:
        return hashlib.sha256(im.tobytes()).hexdigest()


def digest_of_pickled(data: bytes) -> str:
    """Of an image that another process pickled."""
    return hashlib.sha256(pickle.loads(data).tobytes()).hexdigest()


def together(*work: Callable[[], object]) -> list[object]:
    """Results of all, started at the same moment; an exception is a result."""
    barrier = threading.Barrier(len(work))

    def one(action: Callable[[], object]) -> object:
        barrier.wait(30)
        try:
            return action()
        except Exception as e:
            return e

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(one, work))


@pytest.mark.parametrize("name", FILES)
def test_one_image_is_decoded_once_for_all_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[threading.Thread] = []
    monkeypatch.setattr(inr_core, "Decoder", slow_decoder(decoded))
    with Image.open(io.BytesIO(FILES[name])) as expected:
        expected.load()
    with Image.open(io.BytesIO(FILES[name])) as im:
        ways: list[tuple[Callable[[], object], object]] = [
            (im.tobytes, expected.tobytes()),
            (lambda: im.getpixel((3, 4)), expected.getpixel((3, 4))),
            (lambda: im.copy().tobytes(), expected.tobytes()),
            (lambda: im.crop((1, 2, 20, 9)).tobytes(), expected.crop((1, 2, 20, 9)).tobytes()),
            (lambda: im.convert("RGBA").tobytes(), expected.convert("RGBA").tobytes()),
            (lambda: pickle.loads(pickle.dumps(im)).tobytes(), expected.tobytes()),
            (lambda: np.asarray(im).tobytes(), np.asarray(expected).tobytes()),
            (im.getextrema, expected.getextrema()),
        ]
        assert together(*(way for way, _ in ways)) == [wanted for _, wanted in ways]
    assert len(ways) == THREADS
    assert len(decoded) == 2  # the first one was for what is expected


@pytest.mark.parametrize("decode_threads", [None, 1, 3])
def test_threads_with_images_of_their_own(decode_threads: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InrImagePlugin, "DECODE_THREADS", decode_threads)
    expected = [digest(data) for data in FILES.values()]
    files = [*FILES.values(), *FILES.values()]
    assert together(*(lambda data=data: digest(data) for data in files)) == [*expected, *expected]
    assert threads._nesting.depth == 0, "the number of BLAS threads is put back"


def test_a_damaged_image_fails_in_every_thread() -> None:
    for data in FILES.values():
        broken = bytearray(data)
        broken[-7] ^= 1
        with Image.open(io.BytesIO(broken)) as im:
            results = together(*[im.tobytes] * THREADS)
        assert {(type(e), str(e).split(":")[0]) for e in results} == {(OSError, "image file is damaged")}
    assert threads._nesting.depth == 0


def test_threads_through_the_core_share_one_decoder() -> None:
    for data in FILES.values():
        head = inr_core.read_head(io.BytesIO(data))
        decoder = inr_core.Decoder(head, data[head.payload_offset :])
        whole = decoder.decode()
        parts = together(*[decoder.decode] * 4, *[lambda d=decoder: d.decode(region=(2, 1, 30, 20))] * 4)
        assert all(np.array_equal(part, whole) for part in parts[:4])  # type: ignore[arg-type]
        assert all(np.array_equal(part, whole[1:20, 2:30]) for part in parts[4:])  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_processes_decode_what_this_one_decodes(method: str, tmp_path: Path) -> None:
    if method not in mp.get_all_start_methods():
        pytest.skip(f"no {method} on {sys.platform}")
    expected = [digest(data) for data in FILES.values()]  # threads have run here before the processes start
    images = [Image.open(io.BytesIO(data)) for data in FILES.values()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: of forking a process that has threads
        with ProcessPoolExecutor(2, mp_context=mp.get_context(method)) as pool:
            assert list(pool.map(digest, FILES.values(), timeout=120)) == expected
            pickled = [pickle.dumps(im) for im in images]
            assert list(pool.map(digest_of_pickled, pickled, timeout=120)) == expected
