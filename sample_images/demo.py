"""Draw what convinces: sample pictures as `.inr` beside JPEG, WebP and AVIF of the same bytes.

Writes into the output folder the `.inr` files, the decoded pictures as PNG, and `demo.png`: a zoomed crop of each
picture in every format, the first parts of one file, and bars of lossless sizes. Pictures with alpha are measured and
shown over white, as JPEG has none.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image, ImageChops, ImageFile, ImageStat, features

import demo_sheet
import pillow_inr  # noqa: F401 (registers the format with Pillow)
from pillow_inr.modes import in_8_bits

SAMPLES = Path(__file__).parent


@dataclass(frozen=True)
class Subject:
    """A picture, where its crop begins (x, y; None: in the middle), and the quality that shows a difference."""

    path: Path
    corner: tuple[int, int] | None = None
    quality: float = 30


SUBJECTS = (
    Subject(SAMPLES / "astronaut.webp", (196, 76), 15),
    Subject(SAMPLES / "page.png", (34, 238), 30),
    Subject(SAMPLES / "chart.png", (126, 46), 30),
    Subject(SAMPLES / "logo.png", (84, 40), 60),
)
PROGRESSIVE = SAMPLES / "coffee.webp"
PERCENTS = (3, 6, 12, 25, 100)
LOSSLESS = ("page.png", "chart.png", "logo.png", "scene.png")

Encode = Callable[[Image.Image, int], bytes]  # a picture and a quality from 0 to 100


def _by_pillow(kind: str, **options: object) -> Encode:
    def encode(im: Image.Image, quality: int) -> bytes:
        out = io.BytesIO()
        im.save(out, kind, quality=quality, **options)
        return out.getvalue()

    return encode


_JPEGS = [_by_pillow("JPEG", optimize=True, subsampling=sampling) for sampling in ("4:2:0", "4:4:4")]
OPPONENTS: dict[str, tuple[bool, Sequence[Encode]]] = {  # whether it holds alpha; ways to save
    "JPEG": (False, _JPEGS),
    **({"WebP": (True, [_by_pillow("WEBP", method=6)])} if features.check("webp") else {}),
    # As JPEG, but with 4:2:0 it is behind in each of the samples.
    **({"AVIF": (True, [_by_pillow("AVIF", speed=6, subsampling="4:4:4")])} if features.check("avif") else {}),
}


@dataclass(frozen=True)
class Version:
    """One way of keeping a picture: what comes back (RGB) and what it takes."""

    label: str
    image: Image.Image
    size_bytes: int
    psnr: float


@dataclass(frozen=True)
class Row:
    """One picture, encoded and decoded; times in seconds."""

    subject: Subject
    mode: str
    original: Image.Image
    ours: Version
    others: Sequence[Version]
    encode_seconds: float
    decode_seconds: float


@dataclass
class Findings:
    """All that is drawn and printed."""

    rows: list[Row] = field(default_factory=list)
    firsts: list[tuple[str, Image.Image]] = field(default_factory=list)
    lossless: dict[str, dict[str, int]] = field(default_factory=dict)  # bytes by format, by picture


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


def largest_within(encode: Callable[[int], bytes], size_bytes: int) -> bytes:
    """The file of the highest quality (0 to 100) of at most so many bytes, by bisection; of 0 if none is so small."""
    best, low, high = encode(0), 0, 100
    if len(best) > size_bytes:
        return best
    while low < high:
        middle = (low + high + 1) // 2
        data = encode(middle)
        if len(data) <= size_bytes:
            best, low = data, middle
        else:
            high = middle - 1
    return best


def at_size(label: str, im: Image.Image, original: Image.Image, size_bytes: int) -> Version:
    """A picture in another format, in at most so many bytes if it can be."""
    alpha, ways = OPPONENTS[label]
    source = im if alpha and im.mode in ("RGB", "RGBA") else original
    versions = []
    for encode in ways:
        data = largest_within(partial(encode, source), size_bytes)
        with Image.open(io.BytesIO(data)) as opened:
            back = over_white(opened)
        versions.append(Version(label, back, len(data), psnr(original, back)))
    return min(versions, key=lambda version: (max(version.size_bytes - size_bytes, 0), -version.psnr))


def run(subject: Subject, quality: float, args: argparse.Namespace) -> Row:
    """Encode and decode one picture, leaving both files in the output folder, and set others beside it."""
    target = args.output / f"{subject.path.stem}.inr"
    with Image.open(subject.path) as im:
        im.load()
    start = time.perf_counter()
    im.save(target, quality=quality, effort=args.effort, time_limit=args.time_limit, progress=sys.stderr.isatty())
    encoded = time.perf_counter()
    with Image.open(target) as decoded:
        decoded.load()
    done = time.perf_counter()
    decoded.save(target.with_suffix(".png"))

    original, back, size = over_white(im), over_white(decoded), target.stat().st_size
    ours = Version(".inr", back, size, psnr(original, back))
    others = [at_size(label, im, original, size) for label in OPPONENTS]
    return Row(subject, im.mode, original, ours, others, encoded - start, done - encoded)


def first_parts(path: Path, args: argparse.Namespace) -> list[tuple[str, Image.Image]]:
    """A file's first parts, as pictures, and what to write above each."""
    with Image.open(path) as im:
        out = io.BytesIO()
        im.save(out, "INR", effort=min(3, args.effort), time_limit=args.time_limit, progress=sys.stderr.isatty())
    data, firsts = out.getvalue(), []
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
    try:
        for percent in PERCENTS:
            part = data[: len(data) * percent // 100]
            with Image.open(io.BytesIO(part)) as opened:
                label = f"first {percent} %" if percent < 100 else "all of it"
                firsts.append((f"{label}, {len(part):,} bytes", over_white(opened)))
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before
    return firsts


def lossless_sizes(path: Path) -> dict[str, int]:
    """Bytes of a picture, every sample kept, by format."""
    options: dict[str, tuple[str, dict[str, object]]] = {"PNG": ("PNG", {"optimize": True})}
    if features.check("webp"):
        options["WebP"] = "WEBP", {"lossless": True, "quality": 100, "method": 6, "exact": True}
    options[".inr"] = "INR", {"lossless": True}
    sizes = {}
    with Image.open(path) as im:
        for label, (kind, how) in options.items():
            out = io.BytesIO()
            im.save(out, kind, **how)
            sizes[label] = out.tell()
    return sizes


def table(rows: Sequence[Row]) -> str:
    """The figures of all rows as aligned text."""
    head = ("picture", "size", "mode", "bytes", ".inr dB", *(f"{label} dB" for label in OPPONENTS), "save s", "open s")
    lines = [head] + [
        (
            row.subject.path.name,
            f"{row.original.width}x{row.original.height}",
            row.mode,
            f"{row.ours.size_bytes:,}",
            *(
                f"{version.psnr:.2f}" + "*" * (version.size_bytes > row.ours.size_bytes)
                for version in (row.ours, *row.others)
            ),
            f"{row.encode_seconds:.1f}",
            f"{row.decode_seconds:.2f}",
        )
        for row in rows
    ]
    return aligned(lines) + "\n* has more bytes: it cannot be smaller" * any("*" in "".join(line) for line in lines[1:])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))])
        for name, *cells in lines
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo over the pictures that `argv` names, or all that it has to show; returns the exit code."""
    parser = argparse.ArgumentParser(description="Encode, decode and compare sample pictures.")
    parser.add_argument("pictures", type=Path, nargs="*", help="your own, instead of those in sample_images/")
    parser.add_argument("--quality", type=float, help="0 to 100 (default: where differences begin to show)")
    parser.add_argument("--effort", type=int, default=5, help="0 to 9 (default: %(default)s)")
    parser.add_argument("--time-limit", type=float, default=45, help="seconds a picture (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("build/demo"), help="folder (default: %(default)s)")
    args = parser.parse_args(argv)

    args.output.mkdir(parents=True, exist_ok=True)
    subjects = [Subject(path) for path in args.pictures] or SUBJECTS
    found = Findings()
    for number, subject in enumerate(subjects, 1):
        print(f"[{number}/{len(subjects)}] {subject.path.name}", flush=True)
        quality = subject.quality if args.quality is None else args.quality
        found.rows.append(run(subject, quality, args))
    print(f"\nAt the bytes of the .inr file:\n\n{table(found.rows)}", flush=True)
    if not args.pictures:
        found.firsts = first_parts(PROGRESSIVE, args)
        found.lossless = {name: lossless_sizes(SAMPLES / name) for name in LOSSLESS}
        labels = list(next(iter(found.lossless.values())))
        lines = [["lossless, bytes", *labels]]
        lines += [[name, *(f"{sizes[label]:,}" for label in labels)] for name, sizes in found.lossless.items()]
        print(f"\n{aligned(lines)}")
    demo_sheet.draw(found).save(args.output / "demo.png", optimize=True)
    print(f"\nside by side: {args.output / 'demo.png'}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
