"""Ways to read a file by Pillow, the core and the commands: which, and with what arguments, a fuzzer draws.

Each takes a file's bytes and an `rng`, says in a word what came of it, and raises OSError where the file is refused.
"""

from __future__ import annotations

import io
import os
import pickle
import random
import tempfile
import threading
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import wraps
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import numpy as np
from little_work import Finding, little_work
from PIL import Image, ImageFile

import inr_core
import pillow_inr
from inr_core import Decoder, FormatError, Metadata, read_head
from pillow_inr.command import cli
from pillow_inr.modes import to_raw

Way = Callable[[bytes, random.Random], str]


def _open(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=["INR"])


def decodes(way: Way) -> Way:
    """A way that makes pixels: a file of which that is too much work for a fuzzer is only opened."""

    @wraps(way)
    def within(data: bytes, rng: random.Random) -> str:
        try:
            little = little_work(read_head(io.BytesIO(data)))
        except FormatError:
            little = True  # the way is to refuse it itself
        if little:
            return way(data, rng)
        with _open(data):
            return "opened"

    return within


@decodes
def load(data: bytes, rng: random.Random) -> str:
    with _open(data) as im:
        im.load()
        rows = inr_core.decode(data, threads=1)
        again = Image.frombytes(im.mode, im.size, *_raw(rows, im.mode))
        if again.tobytes() != im.tobytes():
            raise Finding("Pillow's pixels are not the core's")
    return "loaded"


def _raw(rows: Any, mode: str) -> tuple[bytes, str, str]:
    raw, name = to_raw(rows, mode)
    return raw, "raw", name


def verified(data: bytes, rng: random.Random) -> str:
    with _open(data) as im:
        im.verify()
    return "verified"


@decodes
def thumbnail(data: bytes, rng: random.Random) -> str:
    with _open(data) as im:
        gap = None if im.mode == "I;16" else 2.0  # Pillow reduces no picture of 16 bits, of whatever format
        im.thumbnail((rng.randrange(1, 20), rng.randrange(1, 20)), reducing_gap=gap)
    return "thumbnail"


@decodes
def drafted(data: bytes, rng: random.Random) -> str:
    with _open(data) as im:
        im.draft(rng.choice((None, "L")), (rng.randrange(1, 20), rng.randrange(1, 20)))
        im.load()
    return "drafted"


@decodes
def truncated(data: bytes, rng: random.Random) -> str:
    with mock.patch.object(ImageFile, "LOAD_TRUNCATED_IMAGES", True), _open(data) as im:
        im.load()
    return "loaded what there is"


@decodes
def parsed(data: bytes, rng: random.Random) -> str:
    with ImageFile.Parser() as parser:
        step = rng.choice((1 if len(data) < 200 else 50, 97, 4096))
        for start in range(0, len(data), step):
            parser.feed(data[start : start + step])
        parser.close().load()
    return "parsed"


@decodes
def convert(data: bytes, rng: random.Random) -> str:
    with _open(data) as im:
        im.convert("RGBA").resize((3, 3))
        again = pickle.loads(pickle.dumps(im))
        if again.tobytes() != im.tobytes():
            raise Finding("pickling changes pixels")
    return "converted"


@decodes
def asked(data: bytes, rng: random.Random) -> str:
    """A part at a size near a half of its own, where grids change: counted, and the same by any number of threads."""
    try:
        head = read_head(io.BytesIO(data))
        width, height = head.header.width, head.header.height
        x, y = (sorted(rng.sample(range(side + 1), 2)) for side in (width, height))
        size = (max(1, (x[1] - x[0]) // 2 + rng.randint(-1, 1)), max(1, (y[1] - y[0]) // 2 + rng.randint(-1, 1)))
        region = x[0], y[0], x[1], y[1]
        decoder = Decoder(head, data[head.payload_offset :], threads=1)
        if not 0 < decoder.cost(size, region).seconds < inr_core.Limits().seconds:
            raise Finding(f"a cost of {decoder.cost(size, region)}")
        one = decoder.decode(size, region)
        several = inr_core.decode(data, size=size, region=region, threads=rng.choice((2, 3, 7)))
    except FormatError as e:
        raise OSError(str(e)) from e
    if one.shape[:2] != (size[1], size[0]) or not np.array_equal(one, several):
        raise Finding(f"threads change {region} at {size}")
    return "asked for a part"


def set_metadata(data: bytes, rng: random.Random) -> str:
    """Other metadata: the pixels' bytes stay."""
    metadata = inr_core.Metadata(
        comment=rng.randbytes(rng.randrange(9)), text={"a": "b"} if rng.random() < 0.5 else None
    )
    try:
        changed = inr_core.replace_metadata(data, metadata)
    except FormatError as e:
        raise OSError(str(e)) from e
    except inr_core.SettingsError:  # too many chunks with it
        return "not set"
    before, after = (read_head(io.BytesIO(each)) for each in (data, changed))
    if after.metadata != metadata or changed[after.payload_offset :] != data[before.payload_offset :]:
        raise Finding("metadata or pixels are others")
    return "set"


@decodes
def limited(data: bytes, rng: random.Random) -> str:
    """With limits drawn at random: refused as a bomb, or what it is without."""
    draw = rng.choice((0, 1, 10, 100, 1e9))
    limits = inr_core.Limits(**{rng.choice(("pixels", "seconds", "metadata", "chunks")): draw})
    try:
        with pillow_inr.open(io.BytesIO(data), limits=limits) as im:
            if im.cost().seconds < 0:
                raise Finding("a cost below 0")
            im.load()
            if im.tobytes() != Image.open(io.BytesIO(data)).tobytes():
                raise Finding("limits change pixels")
    except Image.DecompressionBombError:
        return "limited"
    return "within limits"


@decodes
def previews(data: bytes, rng: random.Random) -> str:
    """Fed in odd pieces, and looked at in between."""
    parser, at = ImageFile.Parser(), 0
    while at < len(data):
        step = rng.choice((1, 7, 64, 1000))
        parser.feed(data[at : at + step])
        at += step
        if parser.image is not None and rng.random() < 0.3:
            parser.image.load()
    parser.close().load()
    return "previewed"


@decodes
def by_commands(data: bytes, rng: random.Random) -> str:
    """Every command, of a file with EXIF and texts of hostile bytes: done, or one clear error."""
    try:
        data = inr_core.replace_metadata(data, Metadata(exif=hostile_exif(rng), comment=rng.randbytes(5)))
    except (FormatError, inr_core.SettingsError):
        return "no metadata"
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "a.inr"), Path(folder, f"b.{rng.choice(('png', 'jpg', 'tif', 'webp', 'gif'))}")
        source.write_bytes(data)
        for arguments in (
            ["info", str(source)],
            ["verify", str(source)],
            ["decode", "-q", str(source), "-o", str(target)],
            ["thumbnail", "-q", str(source), str(target.with_name("t.png"))],
            ["set", "-q", "--orientation", str(rng.randint(1, 8)), str(source)],
        ):
            out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
            with redirect_stdout(out), redirect_stderr(err):
                code = cli.main(arguments)
            if code not in (0, 1) or "Traceback" in err.getvalue() or "\x1b" in err.getvalue():
                raise Finding(f"inr {arguments[0]}: {code}: {err.getvalue()[-200:]}")
        if left := {*os.listdir(folder)} - {"a.inr", "t.png", target.name}:
            raise Finding(f"left {left}")
    return "commands"


def hostile_exif(rng: random.Random) -> bytes:
    """A TIFF directory whose entries say anything, cut anywhere."""
    order: Literal["little", "big"] = "little" if rng.random() < 0.5 else "big"
    known = (0x112, 0x10E, 0x11A, 0x128, 0x100, 0x103, 0x8769, 0x8825, 0x201, 0x202, rng.randrange(2**16))
    sizes = (2, 2, 4, 4)
    data = (b"II*\0" if order == "little" else b"MM\0*") + (8).to_bytes(4, order)
    count = rng.randrange(6)
    data += count.to_bytes(2, order)
    for _ in range(count):
        values = (
            rng.choice(known),
            rng.randrange(14),
            rng.choice((0, 1, 2, 8, 2**32 - 1)),
            rng.choice((0, 6, 8, 2**31)),
        )
        data += b"".join(value.to_bytes(size, order) for value, size in zip(values, sizes, strict=True))
    data += rng.choice((0, 8, 2**32 - 1)).to_bytes(4, order) + rng.randbytes(rng.randrange(20))
    return data[: rng.choice((len(data), rng.randrange(1, len(data))))]


@decodes
def by_threads(data: bytes, rng: random.Random) -> str:
    """One image loaded by several threads, and by processes forked meanwhile."""
    with _open(data) as im:
        found: list[object] = []

        def loaded() -> None:
            try:
                im.load()
                found.append(im.tobytes())
            except Exception as e:
                found.append(type(e))

        threads = [threading.Thread(target=loaded) for _ in range(rng.randint(2, 4))]
        for thread in threads:
            thread.start()
        forked = _forked(data) if hasattr(os, "fork") and rng.random() < 0.2 else None
        for thread in threads:
            thread.join()
        if len({*map(repr, found)}) != 1:
            raise Finding("threads differ")
        if forked is not None and forked != isinstance(found[0], bytes):
            raise Finding(f"a forked process {'reads' if forked else 'does not read'} what its parent does otherwise")
        im.load()  # raises what they were told
    return "loaded by threads"


def _forked(data: bytes) -> bool:
    """Whether a forked process can load a file."""
    child = os.fork()
    if not child:
        try:
            with _open(data) as im:
                im.load()
            os._exit(0)
        except OSError:
            os._exit(7)
        finally:
            os._exit(9)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, 7):
        raise Finding(f"a forked process ends with {code}")
    return code == 0


WAYS = (
    *(load, load, load, verified, thumbnail, drafted, truncated, parsed, convert),
    *(asked, set_metadata, limited, previews, by_commands, by_threads),
)
