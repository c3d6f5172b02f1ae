"""Thumbnails of large pictures beside JPEG, WebP and AVIF: bytes read, time, memory, and how good they are.

Every file is made with its plugin's defaults, and `Image.open(…).thumbnail(…)` is timed in a fresh process: the median
of five, or as many as a second allows. The peak is of the whole process. PSNR is beside the file's own full decode,
reduced by Lanczos' filter. A picture below --pixels is enlarged by mirrored copies of itself until it has as many.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image, ImageOps

from inr_core.metrics import psnr

from . import options
from .codecs import CODECS
from .fresh import Task, measure
from .pictures import load_all, over_white, samples
from .report import Cell, Report, Table

AGAINST = ("jpeg", "webp", "avif")
COLUMNS = {
    "picture": "",
    "codec": "",
    "what": "",
    "file_bytes": ",d",
    "read_bytes": ",d",
    "read_percent": ".1f",
    "ms": ".0f",
    "cpu_ms": ".0f",
    "peak_mb": ".0f",
    "psnr_db": ".2f",
}


class Counted(io.FileIO):
    """A file that counts the bytes read from it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """As FileIO."""
        data = super().read(size)
        self.count += len(data)
        return data


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The pictures, how large they are to be, and the thumbnails."""
    options.add_pictures(parser)
    parser.add_argument("--size", type=int, default=256, metavar="N", help="pixels of the longer side (%(default)s)")
    parser.add_argument("--pixels", type=float, default=12e6, metavar="N", help="of a picture at least (%(default)g)")
    parser.add_argument("--effort", type=int, default=0, metavar="N", help="of ours (%(default)s)")
    parser.add_argument("--threads", type=int, metavar="N", help="of ours; all cores by default")


def run(args: argparse.Namespace, report: Report) -> None:
    """Two rows for every format: a thumbnail of an opened file, and a full decode."""
    title = f"Thumbnails of {args.size} pixels; a full decode beside them"
    table = report.table("thumbnail", title, COLUMNS)
    with tempfile.TemporaryDirectory() as folder:
        for name, im in load_all(args.pictures, args.crop):
            picture = tiled(over_white(im), args.pixels)
            formats = {"INR": ("INR", ".inr")} | {
                codec.name: (codec.format, codec.suffix)
                for codec in CODECS
                if codec.key in AGAINST and not codec.missing()
            }
            for codec, (kind, suffix) in formats.items():
                path = Path(folder) / f"{name}{suffix}"
                report.say(f"{name}, {picture.width}x{picture.height}: writing {codec}")
                picture.save(path, kind, **({"effort": args.effort} if kind == "INR" else {}))
                _measure(report, table, name, codec, kind, path, args)


def tiled(im: Image.Image, pixels: float) -> Image.Image:
    """The picture, or, where it has fewer pixels, as many mirrored copies of it side by side as it takes."""
    while im.width * im.height < pixels:
        wide = im.width <= im.height
        flipped = ImageOps.mirror(im) if wide else ImageOps.flip(im)
        both = Image.new(im.mode, (im.width * (1 + wide), im.height * (2 - wide)))
        both.paste(im, (0, 0))
        both.paste(flipped, (im.width, 0) if wide else (0, im.height))
        im = both
    return im


def _measure(
    report: Report, table: Table, name: str, codec: str, kind: str, path: Path, args: argparse.Namespace
) -> None:
    with Image.open(path) as im:
        full = im.convert("RGB")
    with Counted(path) as file, Image.open(file) as im:
        im.thumbnail((args.size, args.size))
        small, read = im.convert("RGB"), file.count
    reduced = full.resize(small.size, Image.Resampling.LANCZOS)
    total = path.stat().st_size
    for what, side in (("thumbnail", args.size), ("full decode", None)):
        cost = measure(Task(None, str(path), kind, {"threads": args.threads}, None, side))
        row: dict[str, Cell] = {
            "picture": name,
            "codec": codec,
            "what": what,
            "file_bytes": total,
            "read_bytes": read if side else None,
            "read_percent": 100 * read / total if side else None,
            "ms": 1000 * cost.seconds,
            "cpu_ms": 1000 * cost.cpu_seconds,
            "peak_mb": None if cost.peak_bytes is None else cost.peak_bytes / 1e6,
            "psnr_db": psnr(samples(reduced), samples(small)) if side else None,
        }
        report.add(table, row)
