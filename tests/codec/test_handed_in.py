"""What callers hand in that is of another type: one error in plain words, from the first thing that is called."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

import inr_core
import pillow_inr
from inr_core import InrError, Limits, Metadata, Settings, SettingsError

PIXELS = np.arange(240, dtype=np.uint8).reshape(8, 10, 3)
DATA = inr_core.encode(PIXELS, Settings(lossless=True, effort=0))
EFFORTLESS = Settings(lossless=True, effort=0)


def named(tmp_path: Path) -> Path:
    path = tmp_path / "a.inr"
    path.write_bytes(DATA)
    return path


def check(call: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert str(caught.value).startswith(message)


OF_BYTES: list[Callable[[Any], object]] = [
    inr_core.decode,
    inr_core.describe,
    lambda data: inr_core.replace_metadata(data, Metadata()),
]
OF_FILES: list[Callable[[Any], object]] = [inr_core.read_head, inr_core.verify]


@pytest.mark.parametrize("call", OF_BYTES)
def test_no_bytes(call: Callable[[Any], object], tmp_path: Path) -> None:
    path = named(tmp_path)
    start = "data: expected the bytes of a file, got "
    check(lambda: call(str(path)), TypeError, f"{start}{str(path)!r}; pathlib.Path(…).read_bytes() has them")
    check(lambda: call(path), TypeError, f"{start}{path!r}; pathlib.Path(…).read_bytes() has them")
    with path.open("rb") as fp:
        check(lambda: call(fp), TypeError, f"{start}{fp!r}; its read() has them")
    check(lambda: call(None), TypeError, f"{start}None")
    check(lambda: call(5), TypeError, f"{start}5")
    for kind in (bytes, bytearray, memoryview):
        call(kind(DATA))


@pytest.mark.parametrize("call", OF_FILES)
def test_no_file(call: Callable[[Any], object], tmp_path: Path) -> None:
    path = named(tmp_path)
    check(lambda: call(str(path)), TypeError, f"fp: expected an open file, got {str(path)!r}; open(…, 'rb') gives one")
    check(lambda: call(path), TypeError, f"fp: expected an open file, got {path!r}; open(…, 'rb') gives one")
    check(lambda: call(DATA), TypeError, "fp: expected an open file, got b'\\x89INR")
    check(lambda: call(None), TypeError, "fp: expected an open file, got None")
    with path.open(encoding="latin-1") as fp:
        check(lambda: call(fp), TypeError, "fp: expected a file opened for bytes, got one for text; open(…, 'rb')")
    call(io.BytesIO(DATA))


def test_no_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    five: Any = 5
    message = "limits: expected inr_core.Limits, got 5"
    check(lambda: inr_core.decode(DATA, limits=five), TypeError, message)
    check(lambda: inr_core.verify(io.BytesIO(DATA), five), TypeError, message)
    check(lambda: pillow_inr.open(named(tmp_path), limits=five), TypeError, message)
    monkeypatch.setattr(Limits, "default", five)
    check(lambda: inr_core.decode(DATA), TypeError, message)


WRONG: dict[str, tuple[Callable[[Any], object], Any, type[Exception], str]] = {
    "a dict of settings": (
        lambda value: inr_core.encode(PIXELS, value),
        {"quality": 60},
        TypeError,
        "settings: expected inr_core.Settings, got {'quality': 60}",
    ),
    "a quality alone": (
        lambda value: inr_core.encode(PIXELS, value),
        60,
        TypeError,
        "settings: expected inr_core.Settings",
    ),
    "no settings that are false": (
        lambda value: inr_core.encode(PIXELS, value),
        0,
        TypeError,
        "settings: expected inr_core.",
    ),
    "a dict of metadata": (
        lambda value: inr_core.encode(PIXELS, EFFORTLESS, metadata=value),
        {"comment": b"x"},
        TypeError,
        "metadata: expected inr_core.Metadata, got {'comment': b'x'}",
    ),
    "no metadata": (
        lambda value: inr_core.replace_metadata(DATA, value),
        None,
        TypeError,
        "metadata: expected inr_core.",
    ),
    "no callable": (
        lambda value: inr_core.encode(PIXELS, EFFORTLESS, progress=value),
        True,
        TypeError,
        "progress: expected a callable, got True",
    ),
    "a name": (
        inr_core.encode,
        "photo.png",
        InrError,
        "pixels: expected an array of shape (H, W) or (H, W, C), got 'photo.png'",
    ),
    "channels first": (
        inr_core.encode,
        np.zeros((3, 30, 50), np.uint8),
        InrError,
        "pixels: expected shape (H, W) or (H, W, 1 to 4), got (3, 30, 50); channels come last",
    ),
    "a number": (inr_core.encode, 5, InrError, "pixels: expected shape (H, W) or "),
    "a list of colours": (
        lambda value: inr_core.encode(PIXELS[..., 0] % 2, EFFORTLESS, mode="P", palette=value),
        [[1, 2, 3], [4, 5, 6]],
        InrError,
        "palette: expected uint8 of shape (N, 3) or (N, 4) for mode P, got int64 (2, 3)",
    ),
    "threads of text": (
        lambda value: inr_core.decode(DATA, threads=value),
        "2",
        SettingsError,
        "threads: expected 1 to 1024, got '2'",
    ),
    "no device": (
        lambda value: inr_core.decode(DATA, device=value),
        "gpu",
        SettingsError,
        "device: expected one that can decode this file, got 'gpu'; there are cpu, torch, cuda, cuda:N, mps",
    ),
    "a comment of text": (
        lambda value: inr_core.replace_metadata(DATA, Metadata(comment=value)),
        "x",
        SettingsError,
        "comment: expected bytes, got 'x'",
    ),
    "one resolution": (
        lambda value: inr_core.replace_metadata(DATA, Metadata(dpi=value)),
        72,
        SettingsError,
        "dpi: expected numbers from 0 to 4294967.295, got 72",
    ),
    "a list of texts": (
        lambda value: inr_core.replace_metadata(DATA, Metadata(text=value)),
        ["a"],
        SettingsError,
        "text: expected a mapping of str to str, got ['a']",
    ),
    "opened bytes": (
        pillow_inr.open,
        DATA,
        TypeError,
        "fp: expected a path or an open file, got the bytes of one; io.",
    ),
    "opened nothing": (pillow_inr.open, None, TypeError, "fp: expected a path or an open file, got None"),
    "a saved name": (
        lambda value: pillow_inr.save(value, "b.inr"),
        "a.png",
        TypeError,
        "im: expected a PIL.Image.Image, got 'a.png'",
    ),
    "saved to an open file": (
        lambda value: pillow_inr.save(tiny.picture(), value),
        io.BytesIO(),
        TypeError,
        "path: expected the path of a file, got <_io.BytesIO",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_another_type(name: str) -> None:
    call, value, kind, message = WRONG[name]
    check(lambda: call(value), kind, message)


def test_what_is_like_an_array_is_measured() -> None:
    im = tiny.picture()
    assert inr_core.psnr(im, im) == float("inf")  # type: ignore[arg-type]
    check(lambda: inr_core.psnr([1], [2]), InrError, "PSNR: expected a peak for samples of type int64")  # type: ignore[arg-type]
    assert inr_core.decode(DATA, threads=np.int64(2)).shape == (8, 10, 3)  # type: ignore[arg-type]
