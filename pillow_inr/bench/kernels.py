"""The compiled kernels level by level, beside NumPy and Pillow's AVIF and WebP: decoding, saving, sirens, thumbnails.

All contestants of a table take turns in one run; times are the lowest of the rounds. On one thread, where a table does
not say otherwise, those of the processor are compared, since nobody else's work is in them. The first picture is
measured as it is; the large one is made of all of them, side by side, cut to 4:3. Files are saved at effort 0. AVIF and
WebP are saved and opened as Pillow does by default, AVIF on as many threads as ours.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from inr_core import Settings, decode, encode
from inr_core.kernels import switch
from inr_core.latent import prior as priors
from inr_core.latent.decoding import LatentDecoder
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import quantise
from inr_core.latent.plan import step_for

from . import kernel_rates, options
from .fresh import Task, measure
from .pictures import load_all, samples
from .report import Cell, Report

OPPONENTS = {"AVIF": "avif", "WebP": "webp"}
PARTS = ("decode", "large", "save", "siren", "thumbnail", "rates")
LEVELS, QUALITY = 6, 75.0
TURNS = {"what": "", "kernels": "", "cpu_ms": ".1f", "clock_ms": ".1f", "of_numpy": ".1f", "of_avif": ".2f"}
SAVED = {"what": "", "kernels": "", "cpu_s": ".2f", "clock_s": ".2f", "peak_mb": ".0f"}
Picture = NDArray[np.uint8]  # (H, W, 3)
Action = Callable[[], object]
Key = tuple[str, str]  # what, kernels
Contestants = dict[Key, tuple[str | None, Action]]  # None: not ours


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The pictures, other priors, what is measured and how often."""
    text = "(default: %(default)s)"
    options.add_pictures(parser)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help=f"what to measure {text}")
    parser.add_argument(
        "--prior", nargs="*", type=Path, default=[], metavar="FILE", help="also decode with these, .npz"
    )
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help=f"of decode, siren and rates {text}")
    parser.add_argument("--megapixels", type=float, default=12.0, metavar="N", help=f"of the large picture {text}")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help=f"of the large picture {text}")


def run(args: argparse.Namespace, report: Report) -> None:
    """A table for each part."""
    pictures = [samples(im) for _, im in load_all(args.pictures, args.crop)]
    small, large = pictures[0], _mosaic(pictures, args.megapixels)
    if "decode" in args.parts:
        contestants = _decoding(small, priors.load(1), "prior 1", 1)
        for path in args.prior:
            contestants |= _decoding(small, _load(path), path.stem, 1)
        _turns(report, "decode", f"Decoding {_size(small)} on one thread", contestants | _others(small, 1), args.rounds)
    if "large" in args.parts:
        contestants = _decoding(large, priors.load(1), "prior 1", args.threads, best=True)
        for path in args.prior:
            contestants |= _decoding(large, _load(path), path.stem, args.threads, best=True)
        title = f"Decoding {_size(large)} on {args.threads} threads"
        everyone = contestants | _others(large, args.threads)
        _turns(report, "large", title, everyone, max(1, args.rounds // 3), clock=args.threads > 1)
    if "save" in args.parts:
        _saving(report, {"small": small, "large": large})
    if "siren" in args.parts:
        from .speed_decode import random_file

        data = random_file((512, 512), 128, 8)
        title = "Decoding a siren of 8×128 dense weights at 512×512 on one thread"
        _turns(report, "siren", title, _every("siren", lambda: decode(data, threads=1)), max(2, args.rounds // 3))
    if "thumbnail" in args.parts:
        _thumbnails(report, large)
    if "rates" in args.parts:
        known = {"prior 1": priors.load(1)} | {path.stem: _load(path) for path in args.prior}
        files = {name: _decoder(small, one, 1) for name, one in known.items()}
        kernel_rates.measure(report, files, args.rounds)


def _mosaic(pictures: Sequence[Picture], megapixels: float) -> Picture:
    """All of them again and again, as rows of tiles as large as the smallest."""
    height, width = (min(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    high = round(math.sqrt(megapixels * 1e6 * 3 / 4))
    wide = round(megapixels * 1e6 / high)
    out = np.empty((-(-high // height) * height, -(-wide // width) * width, 3), np.uint8)
    tiles = [(y, x) for y in range(0, len(out), height) for x in range(0, out.shape[1], width)]
    for k, (y, x) in enumerate(tiles):
        out[y : y + height, x : x + width] = pictures[k % len(pictures)][:height, :width]
    return np.ascontiguousarray(out[:high, :wide])


def _size(picture: Picture) -> str:
    return f"{picture.shape[1]}×{picture.shape[0]}"


def _load(path: Path) -> priors.Prior:
    with np.load(path, allow_pickle=False) as arrays:
        return priors.from_arrays(dict(arrays))


def _decoder(picture: Picture, start: priors.Prior, threads: int) -> Action:
    """From the chunks' bytes to samples."""
    latents = quantise(picture, start, (3,), step_for(QUALITY), LEVELS)
    payloads, kept, _ = encode_latents(latents, start)
    return lambda: LatentDecoder(payloads, start, kept, threads).samples()


def _every(what: str, action: Action, *, best: bool = False) -> Contestants:
    """The action by NumPy and by every level, or by the best one only."""
    names = switch.available()
    return {(what, name): (name, action) for name in ([names[0], names[-1]] if best else names)}


def _decoding(picture: Picture, start: priors.Prior, name: str, threads: int, *, best: bool = False) -> Contestants:
    return _every(name, _decoder(picture, start, threads), best=best)


def _others(picture: Picture, threads: int) -> Contestants:
    """Pillow's formats: their own libraries decode."""
    found: Contestants = {}
    for name, feature in OPPONENTS.items():
        if not features.check(feature):
            continue
        out = io.BytesIO()
        Image.fromarray(picture).save(out, name.upper(), quality=75)
        found[name, "–"] = None, partial(_opened, out.getvalue(), threads)
    return found


def _opened(data: bytes, threads: int) -> None:
    from PIL import AvifImagePlugin

    before, AvifImagePlugin.DEFAULT_MAX_THREADS = AvifImagePlugin.DEFAULT_MAX_THREADS, threads
    try:
        with Image.open(io.BytesIO(data)) as im:
            im.load()
    finally:
        AvifImagePlugin.DEFAULT_MAX_THREADS = before


def _turns(
    report: Report, name: str, title: str, contestants: Contestants, rounds: int, *, clock: bool = False
) -> None:
    """A row for each contestant, its lowest times and how they stand to NumPy's and AVIF's, by the `clock` if asked."""
    times = lowest(report, name, contestants, rounds)
    table = report.table(name, f"{title} (of NumPy: how many times as fast; of AVIF: how many times as long)", TURNS)
    avif = times.get(("AVIF", "–"))
    for (what, kernels), taken in times.items():
        base = times.get((what, switch.NUMPY))
        row: dict[str, Cell] = {
            "what": what,
            "kernels": kernels,
            "cpu_ms": 1000 * taken[0],
            "clock_ms": 1000 * taken[1],
            "of_numpy": base and base[clock] / taken[clock],
            "of_avif": avif and taken[clock] / avif[clock],
        }
        report.add(table, row)


def lowest(report: Report, name: str, contestants: Contestants, rounds: int) -> dict[Key, tuple[float, float]]:
    """Seconds of the processor and on the clock of each, the lowest of rounds in which all take turns."""
    times: dict[Key, tuple[float, float]] = {}
    for turn in range(rounds + 1):
        report.say(f"{name}: round {turn} of {rounds}")
        for key, (kernels, action) in contestants.items():
            with switch.using(kernels or switch.backend):
                cpu, clock = time.process_time(), time.perf_counter()
                action()
                taken = time.process_time() - cpu, time.perf_counter() - clock
            if turn:  # the first warms up
                before = times.get(key, taken)
                times[key] = min(taken[0], before[0]), min(taken[1], before[1])
    return times


def _saving(report: Report, pictures: Mapping[str, Picture]) -> None:
    """Each in a process of its own, for its peak of memory."""
    table = report.table("save", "Saving at effort 0 on one thread, each in a fresh process", SAVED)
    with tempfile.TemporaryDirectory() as folder:
        for name, picture in pictures.items():
            source, target = Path(folder) / f"{name}.png", Path(folder) / f"{name}.inr"
            Image.fromarray(picture).save(source, compress_level=1)
            for kernels in _environments():
                cost = measure(Task(str(source), str(target), "INR", {"effort": 0, "threads": 1}, "pillow_inr"))
                row: dict[str, Cell] = {
                    "what": _size(picture),
                    "kernels": kernels,
                    "cpu_s": cost.cpu_seconds,
                    "clock_s": cost.seconds,
                    "peak_mb": None if cost.peak_bytes is None else cost.peak_bytes / 1e6,
                }
                report.add(table, row)


def _environments() -> Iterator[str]:
    """NumPy and the best level, each while what is started uses it."""
    before = os.environ.get(switch.VARIABLE)
    try:
        for name in (switch.NUMPY, switch.available()[-1]):
            os.environ[switch.VARIABLE] = name
            yield name
    finally:
        if before is None:
            del os.environ[switch.VARIABLE]
        else:
            os.environ[switch.VARIABLE] = before


def _thumbnails(report: Report, picture: Picture) -> None:
    import pillow_inr  # noqa: F401 (registers the format)

    data = encode(picture, Settings(effort=0))
    avif = io.BytesIO()

    def thumbnail(file: bytes = data) -> None:
        with Image.open(io.BytesIO(file)) as im:
            im.thumbnail((256, 256))

    contestants = _every("thumbnail", thumbnail)
    if features.check("avif"):
        Image.fromarray(picture).save(avif, "AVIF")
        contestants["AVIF", "–"] = None, lambda: thumbnail(avif.getvalue())
    _turns(report, "thumbnail", f"A thumbnail of 256 pixels of {_size(picture)}", contestants, 3)
