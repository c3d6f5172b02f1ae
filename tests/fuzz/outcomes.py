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

from little_work import Finding, decode_within
from PIL import Image
from ways import WAYS, load

import pillow_inr
from inr_core import FormatError, describe, verify
from inr_core.kernels import cell, parities
from inr_core.kernels.ops import Ops
from pillow_inr.command import arguments, cli

CORE_ERRORS = (FormatError,)
PILLOW_ERRORS = (OSError, Image.DecompressionBombError)  # UnidentifiedImageError is an OSError
HANG = 2.0  # seconds of CPU time for one way to read one file

pillow_inr.register()


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
        pillow = _outcome(way.__name__.replace("_", " "), lambda: way(data, rng), PILLOW_ERRORS)
        if accepted and "Error" in pillow:
            raise Finding(f"{core}, but {pillow}")
        if way is load and not accepted and pillow.endswith("loaded"):
            raise Finding(f"{core}, but {pillow}")
        outcomes.append(pillow)
    return outcomes


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


@contextmanager
def made_once() -> Iterator[None]:
    """What no file changes is made once: networks for each level and step, by which a tiny file decodes in half the
    time, and the commands' parser, a tenth of all.
    """
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
        mock.patch.object(cli, "parser", return_value=arguments.parser(cli._RUN)),
    ):
        yield


def limit_memory(extra: int) -> None:
    """Let this process have `extra` bytes of address space beyond what it has; nothing where there is no such limit."""
    if sys.platform == "linux":
        import resource

        with open("/proc/self/statm") as fp:
            used = int(fp.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + extra, used + extra))
