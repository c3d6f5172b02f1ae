"""What reading a file comes to: decoded, or refused by the errors that are promised. Anything else is a `Finding`."""

from __future__ import annotations

import io
import pickle
import random
import re
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image, ImageFile

import inr_core
import pillow_inr
from inr_core import Decoder, FormatError, describe, read_head, verify
from inr_core.kernels import cell, parities, switch
from inr_core.kernels.ops import Ops
from pillow_inr.modes import to_raw

CORE_ERRORS = (FormatError,)
PILLOW_ERRORS = (OSError, Image.DecompressionBombError)  # UnidentifiedImageError is an OSError
HANG = 2.0  # seconds of CPU time for one way to read one file
MAX_PIXELS = 2**12  # beyond, and beyond MAX_WORK, only a file's structure is read: it may legally take minutes
MAX_WORK = 2**22  # multiply-adds of a siren
MAX_PLAIN = 2**14  # bits of samples that the mixing coder may have to read in plain Python

pillow_inr.register()


class Finding(Exception):
    """Something that no file may do: the message says what."""


class Hang(BaseException):
    """Raised in the middle of whatever takes too long; not an Exception, so that nothing swallows it."""


def read(data: bytes, rng: random.Random | None = None) -> list[str]:
    """The outcome of decoding, and if there is an `rng` that of one of Pillow's ways to read; raises Finding."""
    core = _outcome("core", lambda: decode_within(data), CORE_ERRORS)
    verified = _outcome("verify", lambda: verify(io.BytesIO(data)), CORE_ERRORS)
    described = _outcome("describe", lambda: describe(data), CORE_ERRORS)
    accepted = core.startswith("core: decoded")
    if accepted and ("Error" in verified or "Error" in described):
        raise Finding(f"{core}, but {verified} and {described}")
    outcomes = [core]
    if rng is not None:
        way = rng.choice(WAYS)
        pillow = _outcome(way.__name__.strip("_"), lambda: way(data, rng), PILLOW_ERRORS)
        if accepted and "Error" in pillow:
            raise Finding(f"{core}, but {pillow}")
        if way is _load and not accepted and pillow.endswith("loaded"):
            raise Finding(f"{core}, but {pillow}")
        outcomes.append(pillow)
    return outcomes


def decode_within(data: bytes) -> str:
    """Decode if that is little work, else read the structure; what was done. FormatError: it is refused."""
    head = read_head(io.BytesIO(data))
    header = head.header
    decoder = Decoder(head, data[head.payload_offset :], threads=1)
    name = f"{header.model} {header.mode}"
    if not _within(head):
        return f"structure read, {name}"
    rows = np.concatenate([rows for _, rows in decoder.bands()])
    if rows.shape[:2] != (header.height, header.width):
        raise Finding(f"decoded {rows.shape} for {header}")
    return f"decoded {name}"


def _within(head: inr_core.Head) -> bool:
    header = head.header
    pixels = header.width * header.height
    if header.model == "exact" and not switch.compiled() and pixels * header.channels * header.bit_depth > MAX_PLAIN:
        return False
    return pixels <= MAX_PIXELS and (header.model == "latent" or pixels * header.macs <= MAX_WORK)


def _outcome(stage: str, action: Callable[[], object], expected: tuple[type[Exception], ...]) -> str:
    """What an action came to, in words without numbers; raises Finding for what is not expected, or takes too long."""
    started = time.process_time()
    try:
        with _watchdog(), warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            done = action()
    except expected as e:
        return f"{stage}: {type(e).__name__}: {_without_numbers(str(e))}"
    except Hang:
        raise Finding(f"{stage}: over {HANG} s") from None
    except Finding:
        raise
    except Exception as e:
        raise Finding(f"{stage}: {type(e).__name__}: {e}") from e
    if time.process_time() - started > HANG:
        raise Finding(f"{stage}: over {HANG} s")
    return f"{stage}: {done}" if isinstance(done, str) else f"{stage}: accepted"


@contextmanager
def _watchdog() -> Iterator[None]:
    if not hasattr(signal, "setitimer"):  # then `_outcome` looks at the time afterwards
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _without_numbers(message: str) -> str:
    """A message without what a file's bytes made of it: what is left says which check refused it."""
    message = re.sub(r"b'.*?'|b\".*?\"", "b'…'", message)
    message = re.sub(r"'[A-Za-z]{4}'", lambda m: m[0] if m[0][1:-1] in _KNOWN else "'????'", message)
    return re.sub(r"0x[0-9a-f]+|-?\d+", "#", message)


_KNOWN = {"HEAD", "PLTE", "RANG", "NETW", "LATS", "STRP", "ALPH", "ENDS", "exif", "iccp", "xmpp", "comm", "dpis"}


def _open(data: bytes) -> Image.Image | None:
    """The opened file, or None if loading it is too much work for a fuzzer."""
    im = Image.open(io.BytesIO(data), formats=["INR"])
    return im if _within(read_head(io.BytesIO(data))) else None


def _load(data: bytes, rng: random.Random) -> str:
    im = _open(data)
    if im is None:
        return "opened"
    with im:
        im.load()
        rows = inr_core.decode(data, threads=1)
        again = Image.frombytes(im.mode, im.size, *_raw(rows, im.mode))
        if again.tobytes() != im.tobytes():
            raise Finding("Pillow's pixels are not the core's")
    return "loaded"


def _raw(rows: Any, mode: str) -> tuple[bytes, str, str]:
    raw, name = to_raw(rows, mode)
    return raw, "raw", name


def _verify(data: bytes, rng: random.Random) -> str:
    with Image.open(io.BytesIO(data), formats=["INR"]) as im:
        im.verify()
    return "verified"


def _thumbnail(data: bytes, rng: random.Random) -> str:
    im = _open(data)
    if im is None:
        return "opened"
    with im:
        gap = None if im.mode == "I;16" else 2.0  # Pillow reduces no picture of 16 bits, of whatever format
        im.thumbnail((rng.randrange(1, 20), rng.randrange(1, 20)), reducing_gap=gap)
    return "thumbnail"


def _draft(data: bytes, rng: random.Random) -> str:
    im = _open(data)
    if im is None:
        return "opened"
    with im:
        im.draft(rng.choice((None, "L")), (rng.randrange(1, 20), rng.randrange(1, 20)))
        im.load()
    return "drafted"


def _truncated(data: bytes, rng: random.Random) -> str:
    with mock.patch.object(ImageFile, "LOAD_TRUNCATED_IMAGES", True):
        im = _open(data)
        if im is None:
            return "opened"
        with im:
            im.load()
    return "loaded what there is"


def _parser(data: bytes, rng: random.Random) -> str:
    if not _within(read_head_or_oserror(data)):
        return "opened"
    with ImageFile.Parser() as parser:
        step = rng.choice((1 if len(data) < 200 else 50, 97, 4096))
        for start in range(0, len(data), step):
            parser.feed(data[start : start + step])
        parser.close().load()
    return "parsed"


def read_head_or_oserror(data: bytes) -> inr_core.Head:
    """The head; OSError, as Pillow would say, if it is refused."""
    try:
        return read_head(io.BytesIO(data))
    except FormatError as e:
        raise OSError(str(e)) from e


def _convert(data: bytes, rng: random.Random) -> str:
    im = _open(data)
    if im is None:
        return "opened"
    with im:
        im.convert("RGBA").resize((3, 3))
        again = pickle.loads(pickle.dumps(im))
        if again.tobytes() != im.tobytes():
            raise Finding("pickling changes pixels")
    return "converted"


WAYS = (_load, _load, _load, _verify, _thumbnail, _draft, _truncated, _parser, _convert)


@contextmanager
def remembered_models() -> Iterator[None]:
    """Networks are prepared once for each level and step, not for each file: a tiny file decodes in half the time."""
    kept: dict[Any, tuple[Any, Any]] = {}

    def remembered(model: type[Any]) -> Callable[..., Any]:
        def made(layers: Any, biases: Any, *of: Any) -> Any:
            *others, _ = of  # each thread has its own `Ops`
            key = model, id(layers), pickle.dumps((biases, others))
            if key not in kept:
                kept[key] = layers, model(layers, biases, *others, Ops())  # layers, so that no others have their id
            return kept[key][1]

        return made

    with (
        mock.patch.object(parities, "ParityTensors", remembered(parities.ParityTensors)),
        mock.patch.object(cell, "TensorCell", remembered(cell.TensorCell)),
    ):
        yield


def limit_memory(extra: int) -> None:
    """Let this process have `extra` bytes of address space beyond what it has; nothing where there is no such limit."""
    if sys.platform == "linux":
        import resource

        with open("/proc/self/statm") as fp:
            used = int(fp.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + extra, used + extra))
