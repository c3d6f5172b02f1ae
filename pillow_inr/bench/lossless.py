"""Sizes and speeds of lossless files: ours by effort, optimised PNG, WebP, and JPEG XL where its plugin is there.

Every file is read back and compared; one that does not give the same pixels is an error. --check does that only, with
pictures of every mode and format, and folders of them.
"""

from __future__ import annotations

import argparse
import io
import math
from collections.abc import Callable
from importlib import import_module, util

import numpy as np
from PIL import Image

from inr_core.errors import InrError

from . import options
from .lossless_check import check
from .pictures import load_all
from .report import Cell, Report, stopwatch

COLUMNS = {
    "picture": "",
    "mode": "",
    "format": "",
    "bytes": ",d",
    "of_webp": ".3f",
    "encode_mpixel_s": ".2f",
    "decode_mpixel_s": ".2f",
}
MEAN_COLUMNS = {"format": "", "pictures": "d", "of_webp": ".3f", "encode_mpixel_s": ".2f", "decode_mpixel_s": ".2f"}
WEBP, JPEG_XL = "WebP", "JPEG XL"

Save = Callable[[Image.Image, io.BytesIO], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The pictures, and our efforts."""
    options.add_pictures(parser)
    text = "of our files (default: %(default)s)"
    parser.add_argument("--efforts", type=int, nargs="+", default=[0, 5], metavar="N", help=text)
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of ours (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="only whether pictures, or those in folders, come back")


def run(args: argparse.Namespace, report: Report) -> None:
    """A table of all files, and one of means: the geometric ones of bytes, pixels over seconds of speeds."""
    import pillow_inr  # noqa: F401 (registers the format)

    if args.check:
        check(args.pictures, args.efforts, report)
        return
    files = report.table("lossless", "Lossless files", COLUMNS)
    ways = _ways(args)
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    seconds = {name: [0.0, 0.0] for name in ways}
    pixels = 0
    for picture, im in load_all(args.pictures, args.crop):
        pixels += im.width * im.height
        sizes: dict[str, int] = {}
        for name, save in ways.items():
            out = io.BytesIO()
            with stopwatch() as encoding:
                save(im, out)
            with stopwatch() as decoding, Image.open(out) as made:
                made.load()
            if not np.array_equal(np.asarray(im), np.asarray(made.convert(im.mode))):
                raise InrError(f"{picture}, {name}: expected the same pixels, got others")
            sizes[name] = len(out.getvalue())
            ratios[name].append(sizes[name] / sizes[WEBP])
            seconds[name][0] += encoding[0]
            seconds[name][1] += decoding[0]
            speeds = [im.width * im.height / 1e6 / took[0] for took in (encoding, decoding)]
            cells: list[Cell] = [picture, im.mode, name, sizes[name], ratios[name][-1], *speeds]
            report.add(files, dict(zip(COLUMNS, cells, strict=True)))
    means = report.table("means", "Means", MEAN_COLUMNS)
    for name, own in ratios.items():
        mean = math.exp(sum(map(math.log, own)) / len(own))
        speeds = [pixels / 1e6 / took for took in seconds[name]]
        report.add(means, dict(zip(MEAN_COLUMNS, [name, len(own), mean, *speeds], strict=True)))


def _ways(args: argparse.Namespace) -> dict[str, Save]:
    """How to save, by name; WebP is the first, the others are measured by it."""
    ways: dict[str, Save] = {
        WEBP: lambda im, out: im.save(out, "WEBP", lossless=True, quality=100, method=6, exact=True),
        "PNG": lambda im, out: im.save(out, "PNG", optimize=True),
    }
    if util.find_spec("pillow_jxl"):
        import_module("pillow_jxl")
        ways[JPEG_XL] = lambda im, out: im.save(out, "JXL", lossless=True, effort=9)
    for effort in args.efforts:
        ways[f"INR, effort {effort}"] = _ours(effort, args.threads)
    return ways


def _ours(effort: int, threads: int) -> Save:
    return lambda im, out: im.save(out, "INR", lossless=True, effort=effort, threads=threads)
