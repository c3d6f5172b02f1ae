"""Exceptions and signals at random moments of saving, opening and decoding: nothing is left changed, wrong, half done.

    python tests/fuzz/faults.py COUNT [--seed 0]

A line of this package, or of what its blocks begin and end with, raises Ctrl-C, MemoryError, OSError or an exception
of nobody's; a timer of the system's calls a handler that raises; the disk is full; no thread is to be had; or the
process forks, and its child works. Afterwards all that belongs to the program is as it was, a file is the old or a
complete one, nothing lies beside it, and the same work comes to the same. What does not hold is a `Finding`.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import program_state
from hostile import split
from moments import RAISED, WATCHED, Injected, interrupted, raising
from PIL import Image, ImageFile
from scarcity import few_threads, forked_at, little_room
from small_files import LATENT, SIREN
from toy_prior import smooth_picture

import pillow_inr
from inr_core import Metadata, Settings, decode, describe, encode, replace_metadata
from pillow_inr.command import cli

pillow_inr.register()
OWN = (Path(__file__).parents[1] / "golden" / "latent_prior_4_differences.inr").read_bytes()
PICTURE = smooth_picture(np.random.default_rng(3), 20, 24, 3)


class Finding(Exception):
    """What does not hold: the message says where, and what."""


@cache
def exact() -> bytes:
    """A lossless file of a few colours."""
    return encode(PICTURE // 32, Settings(model="exact", threads=1))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def parsed(data: bytes) -> bytes:
    parser = ImageFile.Parser()
    for k in range(0, len(data), 301):
        parser.feed(data[k : k + 301])
    return parser.close().tobytes()


def thumbnail(data: bytes) -> bytes:
    with opened(data) as im:
        im.thumbnail((9, 9))
        return im.tobytes()


def drafted(data: bytes) -> bytes:
    with opened(data) as im:
        im.draft("L", (11, 9))
        return im.tobytes()


def saved(path: Path, **options: Any) -> bytes:
    """By `pillow_inr.save`, over a file that is there."""
    pillow_inr.save(Image.fromarray(PICTURE), path, **options)
    return path.read_bytes()


def by_command(path: Path, *arguments: str) -> bytes:
    """By a command, quietly, over a file that is there."""
    source = path.parent / "source.png"
    if cli.main([arguments[0], "-q", "--overwrite", str(source), "-o", str(path), *arguments[1:]]):
        raise OSError("the command failed")
    return path.read_bytes()


def split_again(data: bytes) -> list[tuple[bytes, bytes]]:
    """Metadata changed, as chunks."""
    return split(replace_metadata(data, Metadata(comment=b"a comment")))


Work = Callable[[Path], Any]
WORK: dict[str, Work] = {
    "decode latent": lambda path: decode(LATENT, threads=1).tobytes(),
    "decode latent, networks of its own": lambda path: decode(OWN, threads=1).tobytes(),
    "decode latent, threads": lambda path: decode(LATENT, threads=3).tobytes(),
    "decode siren, threads": lambda path: decode(SIREN, threads=2).tobytes(),
    "decode siren, a part": lambda path: decode(SIREN, region=(3, 2, 20, 19), size=(30, 7), threads=1).tobytes(),
    "decode exact": lambda path: decode(exact()).tobytes(),
    "load": lambda path: opened(LATENT).tobytes(),
    "draft": lambda path: drafted(LATENT),
    "thumbnail": lambda path: thumbnail(SIREN),
    "parser": lambda path: parsed(LATENT),
    "describe": lambda path: str(describe(LATENT)) + str(describe(exact())),
    "set": lambda path: split_again(SIREN),
    "save exact": lambda path: saved(path, lossless=True),
    "save latent": lambda path: saved(path, effort=0),
    "save refined": lambda path: saved(path, effort=1, threads=1),
    "save siren": lambda path: saved(path, model="siren", effort=0, width=8, depth=3, device="cpu"),
    "inr encode": lambda path: by_command(path, "encode", "--effort", "0", "--jobs", "1"),
}
OLD = b"the old file"


@dataclass(frozen=True)
class Usual:
    """What work comes to when nothing happens, and how many lines that takes."""

    result: Any
    lines: int


@cache
def usual(name: str) -> Usual:
    """Of a work."""
    with folder() as path:
        WORK[name](path)  # what is imported, once
        result = WORK[name](path)
        reached: list[str] = []
        with raising(-1, Injected, reached):
            assert WORK[name](path) == result
    return Usual(result, int(reached[0]))


@contextmanager
def folder() -> Iterator[Path]:
    """One with a picture, and an old file of the name that is given."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "a.inr")
        path.write_bytes(OLD)
        Image.fromarray(PICTURE).save(path.with_name("source.png"))
        yield path


FAULTS = ("line", "line", "signal", "disk", "threads", "fork")


def inject(name: str, rng: random.Random, fault: str = "line") -> str:
    """Do a work, with one of FAULTS somewhere; returns what came of it. Raises Finding."""
    known = usual(name)
    moment = rng.randint(1, known.lines)
    if fault == "fork":
        return _forked(name, known, moment)
    error, reached = rng.choice(RAISED), list[str]()
    how: AbstractContextManager[None]
    if fault == "signal":
        how = interrupted(rng.uniform(1e-5, 0.02), error, reached)
    elif fault == "disk":
        size = len(known.result) if isinstance(known.result, bytes) else 0
        room = rng.randrange(size + 2)
        error, how, reached = _no_room, little_room(room), [f"room for {room} of {size}"]
    elif fault == "threads":
        count = rng.randrange(4)
        error, how, reached = _no_room, few_threads(count), [f"{count} threads"]
    else:
        how = raising(moment, error, reached)
    with folder() as path:
        before = program_state.everything()
        outcome = "done"
        try:
            with how:
                result = WORK[name](path)
            if result != known.result:
                raise Finding(f"{name}: {reached}: {error()!r} was lost, and the result is another one")
        except Finding:
            raise
        except BaseException as e:
            outcome = type(e).__name__
            if not reached:
                raise Finding(f"{name}: {e!r} of itself") from e
            if not _comes_of(e, error()):
                raise Finding(f"{name}: {reached}: {error()!r} became {e!r}") from e
        after = program_state.everything()
        if changed := {key: (before[key], after[key]) for key in before if before[key] != after[key]}:
            raise Finding(f"{name}: {reached}: {error()!r} left changed: {changed}")
        _check_files(path, known, f"{name}: {reached}: {error()!r}")
        if WORK[name](path) != known.result:
            raise Finding(f"{name}: {reached}: afterwards the result is another one")
    return outcome if reached else "not reached"


def _no_room() -> OSError:
    return OSError(errno.EFBIG, os.strerror(errno.EFBIG))


def _forked(name: str, known: Usual, moment: int) -> str:
    """A process forked in the middle has what the program had, does the same, and disturbs nothing here."""
    with folder() as path, folder() as other:
        result, said = forked_at(moment, WATCHED, lambda: WORK[name](path), lambda: WORK[name](other) == known.result)
        if said or result != known.result:
            raise Finding(f"{name}: forked at line {moment} of {known.lines}: {said or 'the result is another one'}")
    return "forked"


def _check_files(path: Path, known: Usual, where: str) -> None:
    """Finding: a file that is neither the old nor a whole one, or one beside it."""
    if rest := sorted({*os.listdir(path.parent)} - {"a.inr", "source.png"}):
        raise Finding(f"{where} left {rest}")
    data = path.read_bytes() if path.exists() else b""
    if data not in (OLD, known.result):
        try:  # the best so far, after Ctrl-C
            assert decode(data).shape[:2] == PICTURE.shape[:2]
        except Exception as e:
            raise Finding(f"{where} left half a file: {e!r}") from e


def _comes_of(error: BaseException | None, cause: BaseException) -> bool:
    """Whether an exception is of the injected one's type, or tells of it."""
    seen = 0
    while error is not None and seen < 20:
        if isinstance(error, type(cause)) or (isinstance(error, OSError) and "command failed" in str(error)):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def main() -> int:
    """So many of them, whatever work; the exit code says whether something was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    outcomes: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for k in range(args.count):
        rng = random.Random(args.seed * 1_000_003 + k)
        name = rng.choice(sorted(WORK))
        try:
            outcomes[inject(name, rng, rng.choice(FAULTS))] += 1
        except Finding as e:
            found[str(e)[:300]] += 1
            print(f"{k}: {e}", flush=True)
    print(f"{args.count} faults: {dict(outcomes)}; {sum(found.values())} findings")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
