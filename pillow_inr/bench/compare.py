"""Our files at several qualities beside JPEG, JPEG2000 and WebP at the nearest size.

Everything goes through Pillow: `im.save` to memory, `Image.open` and `load` of what was written. PSNR is that of the
decoded file over RGB, transparent parts over white. JPEG: optimize; JPEG2000: irreversible, mct=1, one rate; WebP:
method 6. Encoding with ours is timed once, everything else as the median of five.
"""

from __future__ import annotations

import argparse
import io
from functools import partial

from PIL import Image

from inr_core.container.chunks import read_head
from inr_core.metrics import bpp

from . import options
from .codecs import chosen, decode, median_seconds, nearest_size
from .pictures import load_all, over_white, picture_psnr
from .report import SIZE_AND_PSNR, Cell, Report, Table, stopwatch

OPPONENTS = ("jpeg", "jpeg2000", "webp")  # those of the starting study
COLUMNS = {
    "picture": "",
    "codec": "",
    "setting": "",
    **SIZE_AND_PSNR,
    "encode_seconds": ".3f",
    "decode_seconds": ".4f",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The pictures and the qualities."""
    options.add_pictures(parser)
    options.add_qualities(parser, [30, 60, 90])
    options.add_model(parser)
    options.add_fit(parser)


def run(args: argparse.Namespace, report: Report) -> None:
    """One table: for every picture and quality our file and those of the others."""
    options.warm_up()

    table = report.table("compare", "At the nearest size", COLUMNS)
    for name, im in load_all(args.pictures, args.crop):
        rgb = over_white(im)
        for quality in args.qualities:
            report.say(f"{name}: fitting, quality {quality:g}")
            out = io.BytesIO()
            with stopwatch() as seconds:
                rgb.save(out, "INR", **{**options.fit_options(args), "quality": quality})
            _add(report, table, name, _model(out.getvalue()), f"quality {quality:g}", rgb, out.getvalue(), seconds[0])
            for codec in chosen(OPPONENTS):
                encode = partial(codec.encode, rgb)
                setting, data = nearest_size(encode, codec.low, codec.high, len(out.getvalue()))
                took = median_seconds(partial(encode, setting))
                _add(report, table, name, codec.name, codec.label(setting), rgb, data, took)


def _model(data: bytes) -> str:
    """Which model a file has."""
    return read_head(io.BytesIO(data)).header.model


def _add(
    report: Report, table: Table, name: str, codec: str, setting: str, rgb: Image.Image, data: bytes, took: float
) -> None:
    row: dict[str, Cell] = {
        "picture": name,
        "codec": codec,
        "setting": setting,
        "bytes": len(data),
        "bpp": bpp(len(data), rgb.width, rgb.height),
        "psnr_db": picture_psnr(rgb, decode(data)),
        "encode_seconds": took,
        "decode_seconds": median_seconds(partial(decode, data)),
    }
    report.add(table, row)
