"""What the first 5, 10, 25, 50 per cent of a file show: a strip of pictures with their PSNR, and a table.

Every prefix is opened through Pillow with `ImageFile.LOAD_TRUNCATED_IMAGES`.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFile, ImageFont

from . import options
from .pictures import load_all, over_white, picture_psnr
from .report import Cell, Report

PERCENT = (5, 10, 25, 50, 100)
COLUMNS = {"picture": "", "percent": "d", "bytes": ",d", "psnr_db": ".2f"}
GAP, LABEL_HEIGHT = 8, 44


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The pictures, how they are saved, and where the strip goes."""
    options.add_pictures(parser)
    text = "also draw the last picture's prefixes side by side, in any format of Pillow"
    parser.add_argument("--strip", type=Path, metavar="FILE", help=text)
    parser.add_argument("--quality", type=float, default=75, metavar="N", help="of our file (%(default)g)")
    parser.add_argument("--effort", type=int, default=5, metavar="N", help="of our file (%(default)s)")
    parser.add_argument("--height", type=int, default=320, metavar="N", help="pixels of a picture's side, at most")


def run(args: argparse.Namespace, report: Report) -> None:
    """A row for every prefix."""
    table = report.table("prefixes", "The first bytes of a file", COLUMNS)
    for name, im in load_all(args.pictures, args.crop):
        original = over_white(im)
        out = io.BytesIO()
        original.save(out, "INR", model="latent", quality=args.quality, effort=args.effort)
        data = out.getvalue()
        shown = []
        for percent in PERCENT:
            length = len(data) * percent // 100
            picture = first_bytes(data, length)
            db = picture_psnr(original, picture)
            row: dict[str, Cell] = {"picture": name, "percent": percent, "bytes": length, "psnr_db": db}
            report.add(table, row)
            shown.append((picture, f"{percent} %: {length:,} bytes", f"{db:.2f} dB"))
        if args.strip:
            strip(shown, args.height).save(args.strip, quality=90)


def first_bytes(data: bytes, length: int) -> Image.Image:
    """What there is of a file that ends after so many bytes, RGB; raises OSError where that is nothing."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        with Image.open(io.BytesIO(data[:length])) as im:
            return im.convert("RGB")
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def strip(shown: list[tuple[Image.Image, str, str]], height: int) -> Image.Image:
    """Pictures side by side, two lines of text below each; none higher or wider than `height` pixels."""
    pictures = []
    for im, *lines in shown:
        small = im.copy()
        small.thumbnail((height, height), Image.Resampling.LANCZOS, None)
        pictures.append((small, lines))
    width, tall = pictures[0][0].size
    out = Image.new("RGB", (len(pictures) * (width + GAP) - GAP, tall + LABEL_HEIGHT), "white")
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(15)
    for k, (im, lines) in enumerate(pictures):
        left = k * (width + GAP)
        out.paste(im, (left, 0))
        for row, line in enumerate(lines):
            draw.text((left + 2, tall + 4 + 19 * row), line, "black", font)
    return out
