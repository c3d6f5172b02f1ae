"""Encode sample pictures as `.inr`, decode them, and set both beside JPEG at the nearest size.

Writes into the output folder the `.inr` files, the decoded pictures as PNG, and `demo.png` with the rows
original | .inr | JPEG. Pictures with alpha are measured and shown over white, as JPEG has none.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat

import pillow_inr  # noqa: F401 (registers the format with Pillow)
from pillow_inr.modes import in_8_bits

SAMPLES = Path(__file__).parent
DEFAULT_PICTURES = ("chelsea.webp", "chart.png", "gradient.png", "logo.png")

GAP = 16  # pixels between pictures and around them
LABEL_HEIGHT = 42
JPEG_QUALITIES = range(1, 96)


@dataclass(frozen=True)
class Options:
    """What is asked of the encoder, and where the files go; `extension` tries the drawing with another format."""

    quality: float
    effort: int
    time_limit: float
    output: Path
    extension: str


@dataclass(frozen=True)
class Version:
    """One way of keeping a picture: what comes back (RGB) and what it takes."""

    label: str
    image: Image.Image
    size_bytes: int
    psnr: float

    @property
    def bpp(self) -> float:
        return 8 * self.size_bytes / (self.image.width * self.image.height)

    @property
    def figures(self) -> str:
        return f"{self.size_bytes:,} bytes · {self.bpp:.3f} bpp · {self.psnr:.2f} dB"


@dataclass(frozen=True)
class Row:
    """One picture, encoded and decoded; times in seconds."""

    name: str
    mode: str
    original: Image.Image
    ours: Version
    jpeg: Version
    encode_seconds: float
    decode_seconds: float


def over_white(im: Image.Image) -> Image.Image:
    """`im` as RGB, its transparent parts white."""
    im = in_8_bits(im)
    if not im.has_transparency_data:
        return im.convert("RGB")
    rgba = im.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", im.size, "white"), rgba).convert("RGB")


def psnr(a: Image.Image, b: Image.Image) -> float:
    """PSNR in dB of two RGB pictures of one size, from the mean squared error over all channels."""
    squares = ImageStat.Stat(ImageChops.difference(a, b)).sum2
    mse = sum(squares) / (len(squares) * a.width * a.height)
    return 10 * math.log10(255**2 / mse) if mse else math.inf


def nearest_jpeg(original: Image.Image, size_bytes: int) -> Version:
    """The JPEG of `original` (RGB) whose size is nearest to `size_bytes`."""

    def encode(quality: int) -> bytes:
        out = io.BytesIO()
        original.save(out, "JPEG", quality=quality, optimize=True)
        return out.getvalue()

    files = [(quality, encode(quality)) for quality in JPEG_QUALITIES]
    quality, data = min(files, key=lambda file: abs(len(file[1]) - size_bytes))
    image = Image.open(io.BytesIO(data)).convert("RGB")
    return Version(f"JPEG, quality {quality}", image, len(data), psnr(original, image))


def run(path: Path, options: Options) -> Row:
    """Encode and decode one picture, leaving both files in the output folder."""
    target = options.output / (path.stem + options.extension)
    with Image.open(path) as im:
        im.load()
    start = time.perf_counter()
    im.save(
        target,
        quality=options.quality,
        effort=options.effort,
        time_limit=options.time_limit,
        progress=sys.stderr.isatty(),
    )
    encoded = time.perf_counter()
    with Image.open(target) as decoded:
        decoded.load()
    done = time.perf_counter()
    decoded.save(target.with_suffix(".png"))

    original, back, size = over_white(im), over_white(decoded), target.stat().st_size
    ours = Version(options.extension, back, size, psnr(original, back))
    return Row(path.name, im.mode, original, ours, nearest_jpeg(original, size), encoded - start, done - encoded)


def table(rows: Sequence[Row]) -> str:
    """The figures of all rows as aligned text."""
    head = ("picture", "size", "mode", "bytes", "bpp", "PSNR dB", "encode s", "decode s", "JPEG bytes", "JPEG dB")
    lines = [head] + [
        (
            row.name,
            f"{row.original.width}x{row.original.height}",
            row.mode,
            f"{row.ours.size_bytes:,}",
            f"{row.ours.bpp:.3f}",
            f"{row.ours.psnr:.2f}",
            f"{row.encode_seconds:.1f}",
            f"{row.decode_seconds:.2f}",
            f"{row.jpeg.size_bytes:,}",
            f"{row.jpeg.psnr:.2f}",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))])
        for name, *cells in lines
    )


def side_by_side(rows: Sequence[Row]) -> Image.Image:
    """Three labelled columns, one row a picture, pixels shown one to one."""
    title, figures = ImageFont.load_default(15), ImageFont.load_default(13)
    column = max(300, *(row.original.width for row in rows))
    heights = [LABEL_HEIGHT + row.original.height + GAP for row in rows]
    sheet = Image.new("RGB", (3 * column + 4 * GAP, sum(heights) + GAP), "#f3f4f6")
    draw = ImageDraw.Draw(sheet)
    top = GAP
    for row, height in zip(rows, heights, strict=True):
        plain = f"{row.original.width}x{row.original.height} {row.mode}"
        cells = (
            (row.name, plain, row.original),
            (row.ours.label, row.ours.figures, row.ours.image),
            (row.jpeg.label, row.jpeg.figures, row.jpeg.image),
        )
        for i, (name, text, image) in enumerate(cells):
            left = GAP + i * (column + GAP)
            draw.text((left, top + 14), name, "#111827", title, anchor="ls")
            draw.text((left, top + 33), text, "#4b5563", figures, anchor="ls")
            sheet.paste(image, (left, top + LABEL_HEIGHT))
        top += height
    return sheet


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo over the pictures that `argv` names, or a default four; returns the exit code."""
    parser = argparse.ArgumentParser(description="Encode, decode and compare sample pictures.")
    parser.add_argument("pictures", type=Path, nargs="*", default=[SAMPLES / name for name in DEFAULT_PICTURES])
    parser.add_argument("--quality", type=float, default=75, help="0 to 100 (default: %(default)s)")
    parser.add_argument("--effort", type=int, default=5, help="0 to 9 (default: %(default)s)")
    parser.add_argument("--time-limit", type=float, default=45, help="seconds a picture (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("build/demo"), help="folder (default: %(default)s)")
    parser.add_argument("--extension", default=".inr", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    options = Options(args.quality, args.effort, args.time_limit, args.output, args.extension)

    options.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, path in enumerate(args.pictures, 1):
        print(f"[{number}/{len(args.pictures)}] {path.name}", flush=True)
        rows.append(run(path, options))
    side_by_side(rows).save(options.output / "demo.png", optimize=True)
    print(f"\n{table(rows)}\n\nside by side: {options.output / 'demo.png'}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
