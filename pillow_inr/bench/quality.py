"""Bytes and PSNR over the range of `quality`, and whether both rise with it.

Pictures are saved in their own mode. Where one has transparency, PSNR is over RGBA, and colours nobody can see do not
count.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from itertools import pairwise

from inr_core.metrics import bpp

from . import options
from .codecs import decode
from .pictures import load_all, picture_psnr
from .report import SIZE_AND_PSNR, Cell, Report, stopwatch

COLUMNS = {
    "picture": "",
    "mode": "",
    "quality": "g",
    **SIZE_AND_PSNR,
    "encode_seconds": ".1f",
}
VERDICT_COLUMNS = {"picture": "", "monotonic": "", "bytes_fall": "", "psnr_falls": ""}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The pictures and the qualities."""
    options.add_pictures(parser)
    options.add_qualities(parser, [*range(0, 101, 10)])
    options.add_model(parser)
    options.add_fit(parser)


def run(args: argparse.Namespace, report: Report) -> None:
    """A table of all files, and one that says for each picture whether bytes and PSNR rise."""
    options.warm_up()

    qualities = sorted(args.qualities)
    files = report.table("quality", "Quality", COLUMNS)
    verdicts = report.table("monotonic", "Do bytes and PSNR rise with quality?", VERDICT_COLUMNS)
    for name, im in load_all(args.pictures, args.crop):
        sizes: list[float] = []
        decibels: list[float] = []
        for quality in qualities:
            out = io.BytesIO()
            with stopwatch() as seconds:
                im.save(out, "INR", **{**options.fit_options(args), "quality": quality})
            data = out.getvalue()
            sizes.append(len(data))
            decibels.append(picture_psnr(im, decode(data)))
            row: dict[str, Cell] = {
                "picture": name,
                "mode": im.mode,
                "quality": quality,
                "bytes": len(data),
                "bpp": bpp(len(data), im.width, im.height),
                "psnr_db": decibels[-1],
                "encode_seconds": seconds[0],
            }
            report.add(files, row)
        falls = [first_fall(qualities, values) for values in (sizes, decibels)]
        answer = "yes" if falls == [None, None] else "no"
        report.add(verdicts, dict(zip(VERDICT_COLUMNS, [name, answer, *falls], strict=True)))


def first_fall(qualities: Sequence[float], values: Sequence[float]) -> str | None:
    """The first step of quality at which a value falls, or None."""
    for (low, before), (high, after) in pairwise(zip(qualities, values, strict=True)):
        if after < before:
            return f"{low:g} → {high:g}"
    return None
