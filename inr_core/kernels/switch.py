"""Which kernels are used: compiled ones, for the best instructions that this machine has, or NumPy's.

PILLOW_INR_KERNELS=numpy, plain, baseline, avx2 or vnni in the environment asks for one of them: plain is C without
vectors, which no machine takes by itself, baseline what every processor of its kind has, vnni AVX-512 with its products
of int16. Pixels and bytes are the same with all of them, but that NumPy's writes lossless files by another coder, and
reads what the mixing coder made slowly.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from zlib import crc32

from ..errors import SettingsError

VARIABLE = "PILLOW_INR_KERNELS"
NUMPY, PLAIN = "numpy", "plain"


def _library() -> ModuleType | None:
    """The compiled kernels; None: there are none, they are another machine's, or of other sources than are here."""
    try:
        from . import native as library
    except ImportError:
        return None
    sources = sorted(Path(__file__).parent.glob("*.[ch]"))  # of a checkout; an installed package has none
    fresh = not sources or crc32(b"".join(path.read_bytes() for path in sources)) == library.SOURCES
    return library if fresh else None


native = _library()
_LEVELS = [name if here else "" for name, here in native.levels()] if native else []


def available() -> list[str]:
    """What this machine can use, the best last."""
    return [NUMPY, *filter(None, _LEVELS)]


def _chosen() -> str:
    """The name of the kernels that the environment asks for, or of the best; SettingsError for others."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted and wanted not in available():
        raise SettingsError(f"{VARIABLE}: expected one of {', '.join(available())}, got {wanted!r}")
    best = available()[-1]
    return wanted or (NUMPY if best == PLAIN else best)  # without vectors, NumPy's products are the faster ones


backend = _chosen()  # the name of what is used


def level() -> int | None:
    """The number of the compiled kernels to use, as they take it; None for NumPy."""
    return None if backend == NUMPY else _LEVELS.index(backend)


def compiled() -> tuple[ModuleType, int] | None:
    """The compiled kernels to use, and the number of them that every one takes first; None for NumPy."""
    kernels = level()
    return None if kernels is None or native is None else (native, kernels)


@contextmanager
def using(name: str) -> Iterator[None]:
    """Use the kernels of this name for a while, in all threads; one of `available`."""
    global backend  # noqa: PLW0603 - one for all threads, those of a pool too
    before = backend
    if name not in available():
        raise SettingsError(f"kernels: expected one of {', '.join(available())}, got {name!r}")
    backend = name
    try:
        yield
    finally:
        backend = before
