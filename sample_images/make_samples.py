"""Draw the generated sample pictures: `python make_samples.py [FOLDER]`, by default into the folder of this file.

Pillow and NumPy only, fixed seeds. Text uses the font that Pillow carries, so another version of Pillow or FreeType may
shift a glyph's edge; everything else is reproducible to a rounding.
"""

from __future__ import annotations

import argparse
import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Floats = NDArray[np.float64]

SMOOTH = 4  # shapes are drawn this many times larger, then averaged down

PAGE_TITLE = "Pictures as Networks"
PAGE_INTRODUCTION = (
    "A photograph is usually kept as a table of numbers, one row for every line of pixels. It can also be kept as a "
    "rule: a function that is given a place on the picture and answers with the colour found there. Small networks of "
    "sine waves are surprisingly good at learning such rules."
)
PAGE_BODY = (
    "Learning takes time, because the rule has to be found by trial and correction. Looking at the result does not: "
    "each pixel is one short calculation, it needs none of its neighbours, and all of them may be worked out at once, "
    "at any size."
)
PAGE_STEPS = (
    "Fit a network to the picture.",
    "Drop the connections that matter least.",
    "Round the others to small integers.",
    "Pack what is left, and count the bytes.",
)
PAGE_NOTE = (
    "Letters are the hardest test of all. Their edges are sharp, their strokes are thin, and the paper between them "
    "must stay perfectly white: every ripple shows."
)


def font(size: float) -> ImageFont.FreeTypeFont:
    """Pillow's own scalable font at `size` pixels."""
    found = ImageFont.load_default(size)
    if not isinstance(found, ImageFont.FreeTypeFont):
        msg = "the sample pictures need a Pillow with FreeType"
        raise RuntimeError(msg)
    return found


def page() -> Image.Image:
    """A page of antialiased text: L, 512×512."""
    im = Image.new("L", (512, 512), 255)
    draw = ImageDraw.Draw(im)
    draw.text((44, 34), PAGE_TITLE, 0, font(32))
    draw.text((44, 76), "Notes on a file format  ·  No. 1", 90, font(14))
    draw.line((44, 102, 468, 102), 0, 2)

    def paragraph(text: str, top: int, left: int = 44, columns: int = 63) -> int:
        for line in textwrap.wrap(text, columns):
            draw.text((left, top), line, 0, font(14.5))
            top += 20
        return top

    top = 114
    for text in (PAGE_INTRODUCTION, PAGE_BODY):
        top = paragraph(text, top) + 8
    for number, step in enumerate(PAGE_STEPS, 1):
        draw.text((62, top), f"{number}.", 0, font(14.5))
        top = paragraph(step, top, left=84)
    paragraph(PAGE_NOTE, top + 8)
    draw.text((256, 492), "7", 90, font(12), anchor="ms")
    return im


def chart() -> Image.Image:
    """A window with a sidebar, figures, bars and a line: RGB, 480×320."""
    ink, muted, blue, orange, rule = "#1f2937", "#6b7280", "#2563eb", "#f97316", "#e5e7eb"
    im = Image.new("RGB", (480 * SMOOTH, 320 * SMOOTH), "#f3f4f6")
    draw = ImageDraw.Draw(im)

    def box(x0: float, y0: float, x1: float, y1: float, fill: str, radius: float = 0) -> None:
        """Fill pixel columns x0 … x1 − 1 and rows y0 … y1 − 1."""
        corners = (x0 * SMOOTH, y0 * SMOOTH, x1 * SMOOTH - 1, y1 * SMOOTH - 1)
        draw.rounded_rectangle(corners, radius * SMOOTH, fill)

    box(0, 0, 480, 30, ink)
    for x, colour in zip((16, 34, 52), ("#ef4444", "#f59e0b", "#22c55e"), strict=True):
        draw.circle((x * SMOOTH, 15 * SMOOTH), 5 * SMOOTH, colour)
    box(0, 30, 104, 320, "#ffffff")
    box(8, 40, 96, 62, "#dbeafe", radius=5)
    for left, right in ((116, 228), (236, 348), (356, 468)):
        box(left, 42, right, 92, "#ffffff", radius=6)
    box(116, 102, 468, 308, "#ffffff", radius=6)
    for y in range(150, 271, 30):
        box(150, y, 456, y + 1, rule)

    bars = (42, 58, 49, 71, 66, 88, 93, 104)
    trend = (30, 36, 52, 47, 63, 70, 92, 98)
    centres = [170 + 38 * i for i in range(len(bars))]
    for x, height in zip(centres, bars, strict=True):
        box(x - 11, 270 - height, x + 11, 270, blue if height < 100 else "#1d4ed8", radius=2)
    points = [(x * SMOOTH, (262 - height) * SMOOTH) for x, height in zip(centres, trend, strict=True)]
    draw.line(points, orange, 2 * SMOOTH, joint="curve")
    for point in points:
        draw.circle(point, 4 * SMOOTH, orange)
        draw.circle(point, 2 * SMOOTH, "#ffffff")
    box(338, 112, 348, 122, blue, radius=2)
    draw.line((398 * SMOOTH, 117 * SMOOTH, 412 * SMOOTH, 117 * SMOOTH), orange, 2 * SMOOTH)

    im = im.reduce(SMOOTH)  # text is set at the final size, where it stays crisp
    draw = ImageDraw.Draw(im)
    draw.text((240, 20), "Storage overview", "#ffffff", font(13), anchor="ms")
    for row, label in enumerate(("Overview", "Pictures", "Folders", "Shared", "Settings")):
        draw.text((18, 56 + 28 * row), label, "#1d4ed8" if row == 0 else muted, font(12), anchor="ls")
    for left, label, value in ((126, "Files", "12,480"), (246, "Stored", "3.1 GB"), (366, "Saved", "64 %")):
        draw.text((left, 58), label, muted, font(11), anchor="ls")
        draw.text((left, 83), value, ink, font(20), anchor="ls")
    draw.text((128, 122), "Files each month", ink, font(13), anchor="ls")
    draw.text((353, 121), "added", muted, font(11), anchor="ls")
    draw.text((417, 121), "opened", muted, font(11), anchor="ls")
    for step in range(5):
        draw.text((144, 274 - 30 * step), str(50 * step), muted, font(11), anchor="rs")
    for x, month in zip(centres, ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug"), strict=True):
        draw.text((x, 288), month, muted, font(11), anchor="ms")
    return im


def gradient() -> Image.Image:
    """Four corner colours blended smoothly, with a soft light: RGB, 256×256."""
    y, x = np.mgrid[0:256, 0:256] / 255.0
    sx, sy = (t * t * (3 - 2 * t) for t in (x, y))
    corners = np.array([[[64, 32, 120], [236, 96, 112]], [[24, 120, 168], [252, 208, 120]]], dtype=float)  # (2, 2, 3)
    top = _mix(corners[0, 0], corners[0, 1], sx)
    bottom = _mix(corners[1, 0], corners[1, 1], sx)
    light = 0.35 * np.exp(-((x - 0.35) ** 2 + (y - 0.4) ** 2) / 0.05)
    return _to_image(_mix(_mix(top, bottom, sy), np.full(3, 255.0), light))


def logo() -> Image.Image:
    """A round badge with waves and a soft shadow on nothing: RGBA, 256×256, every alpha from 0 to 255 in use."""
    size = 256 * SMOOTH
    y, x = np.mgrid[0:size, 0:size] / SMOOTH
    badge = _mix(np.array([20.0, 60.0, 140.0]), np.array([60.0, 190.0, 200.0]), (x + y) / 512)
    for row, (colour, opacity) in enumerate((((255, 255, 255), 0.25), ((255, 255, 255), 0.55), ((255, 205, 90), 1.0))):
        centre = 104 + 24 * row + 14 * np.sin((x - 10 * row) * math.tau / 92)
        distance = np.abs(y - centre) / np.hypot(1, 14 * math.tau / 92 * np.cos((x - 10 * row) * math.tau / 92))
        badge = _mix(badge, np.array(colour, dtype=float), opacity * (distance < 5))
    disc = Image.new("L", (size, size), 0)
    ImageDraw.Draw(disc).circle((128 * SMOOTH, 120 * SMOOTH), 104 * SMOOTH, 255)
    face = _to_image(badge)
    face.putalpha(disc)
    face = face.reduce(SMOOTH)

    shadow = Image.new("L", (256, 256), 0)
    ImageDraw.Draw(shadow).circle((128, 128), 102, 150)
    im = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
    im.putalpha(shadow.filter(ImageFilter.GaussianBlur(7)))
    im.alpha_composite(face)
    ImageDraw.Draw(im).text((128, 84), "inr", "white", font(44), anchor="ms")
    return im


def scene() -> Image.Image:
    """Evening hills with a sun, clouds, grass and fir trees, textured by fractal noise: RGB, 384×256."""
    rng = np.random.default_rng(9)
    scale = 3
    height, width = 256 * scale, 384 * scale
    y, x = np.mgrid[0:height, 0:width] / scale  # (H, W) in final pixels

    im = _mix(np.array([62.0, 92.0, 150.0]), np.array([250.0, 186.0, 130.0]), np.clip(y / 165, 0, 1) ** 1.3)
    from_sun = np.hypot(x - 262, y - 118)
    im = _mix(im, np.array([255.0, 236.0, 190.0]), 0.75 * np.exp(-from_sun / 38))
    im = _mix(im, np.array([255.0, 250.0, 230.0]), np.clip(21 - from_sun, 0, 1))
    clouds = _fractal(rng, height, width, 7, stretch=4)
    im = _mix(im, np.array([255.0, 224.0, 206.0]), np.clip(clouds - 0.2, 0, 1) * 0.8 * np.clip(1.1 - y / 150, 0, 1))

    ridges = ((136, 26, (136, 128, 156), 6), (162, 22, (92, 104, 118), 22), (192, 16, (66, 98, 66), 80))
    for base, relief, colour, grain in ridges:
        profile = base - relief * _fractal(rng, 2, width, 8)[0]  # (W,) the row where this hill begins
        texture = _fractal(rng, height, width, 9, stretch=2, gain=0.9)
        shade = np.array(colour, dtype=float) + (grain * texture - 0.10 * (y - profile))[..., None]
        im = _mix(im, shade, y > profile)
        if base == 162:
            im = _firs(im, rng, x, y, profile)
    return _to_image(im).reduce(scale)


def _firs(im: Floats, rng: np.random.Generator, x: Floats, y: Floats, ground: Floats) -> Floats:
    """Plant fir trees on the profile `ground`; x and y are (H, W), im is (H, W, 3)."""
    for place in np.sort(rng.uniform(4, 150, 16)):
        tall = rng.uniform(16, 34)
        foot = float(np.interp(place, x[0], ground)) + 4
        up = (foot - y) / tall  # 0 at the foot, 1 at the tip
        boughs = 0.24 * tall * (1 - up) * (0.65 + 0.35 * ((up * 6) % 1 < 0.5))
        im = _mix(im, np.array([34.0, 54.0, 52.0]), (up > 0) & (up < 1) & (np.abs(x - place) < boughs))
    return im


def _fractal(
    rng: np.random.Generator, height: int, width: int, octaves: int, stretch: int = 1, gain: float = 0.5
) -> Floats:
    """Noise (height, width), mostly within −1 … 1: octaves of smooth noise, each twice as fine and `gain` as strong."""
    total = np.zeros((height, width))
    for octave in range(octaves):
        cells = 2 ** (octave + 1)
        grid = rng.standard_normal((cells * stretch * height // width + 2, cells + 2))
        y = np.arange(height) * cells * stretch / width
        x = np.arange(width) * cells / width
        total += _smooth_rows(_smooth_rows(grid, y).T, x).T * gain**octave
    return total * 1.4 * (1 - gain)


def _smooth_rows(grid: Floats, at: Floats) -> Floats:
    """Rows of `grid` at the fractional positions `at`, joined by smoothsteps: (len(at), grid columns)."""
    low = at.astype(int)
    part = at - low
    part = (part * part * (3 - 2 * part))[:, None]
    rows: Floats = grid[low] * (1 - part) + grid[low + 1] * part
    return rows


def _mix(a: Floats, b: Floats, share: NDArray[np.generic]) -> Floats:
    """Colours between a (share 0) and b (share 1); a, b are (3,) or (H, W, 3), share is (H, W): (H, W, 3)."""
    weight = share.astype(float)[..., None]
    mixed: Floats = a * (1 - weight) + b * weight
    return mixed


def _to_image(pixels: Floats) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


SAMPLES: dict[str, Callable[[], Image.Image]] = {
    "page.png": page,
    "chart.png": chart,
    "gradient.png": gradient,
    "logo.png": logo,
    "scene.png": scene,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Draw every generated picture into the folder that `argv` names."""
    parser = argparse.ArgumentParser(description="Draw the generated sample pictures.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent)
    folder: Path = parser.parse_args(argv).folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in SAMPLES.items():
        make().save(folder / name, optimize=True)
        print(folder / name)


if __name__ == "__main__":
    main()
