"""Pictures to learn a prior of text and graphics from: pages, windows, terminals, charts and drawings, made at random.

    python -m training.graphics FOLDER --count 400

Everything is drawn here, with the fonts that the machine has; nothing is taken from a picture. The same fonts, count
and seed give the same pictures.
"""

from __future__ import annotations

import argparse
import string
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from tqdm import tqdm

from inr_core.errors import InrError

from .fonts import Fonts
from .pencil import SIDE, Pencil

FONTS = Path("/usr/share/fonts")


class Artist(Pencil):
    """Draws pictures (SIDE, SIDE) in RGB, each from random numbers of its own."""

    def draw(self) -> Image.Image:
        """One of any kind."""
        kinds: tuple[tuple[Callable[[], Image.Image], float], ...] = (
            (self.page, 0.25), (self.scan, 0.15), (self.window, 0.25), (self.terminal, 0.1), (self.chart, 0.15),
            (self.drawing, 0.1),
        )  # fmt: skip
        k = self.random.choice(len(kinds), p=[share for _, share in kinds])
        return kinds[k][0]()

    def page(self) -> Image.Image:
        """Text in columns, antialiased or in two colours."""
        paper, ink = self.theme()
        image = Image.new("RGB", (SIDE, SIDE), paper)
        draw = ImageDraw.Draw(image)
        if self.chance(0.15):
            draw.fontmode = "1"
        columns = self.whole(1, 3)
        size = self.whole(9, 30 // columns + 6)
        margin = self.whole(4, 30)
        if self.chance(0.4):
            heading = 2 * size
            draw.text((margin, margin // 2), self.line(4), ink, self.font(heading))
        else:
            heading = 0
        width = (SIDE - margin) // columns
        for k in range(columns):
            left = margin + k * width
            self.text(draw, (left, margin + heading, left + width - margin, SIDE), size, ink)
        if self.chance(0.2):
            y = self.whole(0, SIDE)
            draw.line((0, y, SIDE, y), self.colour(), self.whole(1, 3))
        return image

    def scan(self) -> Image.Image:
        """A page as a scanner or a camera sees it."""
        image = self.page()
        if self.chance(0.5):
            image = image.convert("L").convert("RGB")
        if self.chance(0.7):
            corner = image.getpixel((0, 0))
            assert isinstance(corner, tuple)
            image = image.rotate(self.random.normal() * 3, Image.Resampling.BICUBIC, fillcolor=corner)
        if self.chance(0.2):
            scale = self.random.uniform(1.3, 2.5)
            part = image.resize((round(SIDE * scale),) * 2, Image.Resampling.BICUBIC)
            image = part.crop((0, 0, SIDE, SIDE))
        if self.chance(0.6):
            image = image.filter(ImageFilter.GaussianBlur(self.random.uniform(0.3, 1.2)))
        x = np.asarray(image, np.float64)
        if self.chance(0.5):
            ramp = np.linspace(-1, 1, SIDE)
            light = 1 + 0.2 * self.random.normal() * ramp[:, None] + 0.2 * self.random.normal() * ramp
            x = x * light[..., None] * self.random.uniform(0.6, 1)
        if self.chance(0.6):
            noise = self.random.normal(size=(SIDE, SIDE, 1)) * self.random.uniform(0.5, 6)
            x = x + noise
        if self.chance(0.2):
            x = np.where(x.mean(2, keepdims=True) > 128, 255, 0) + np.zeros(3)
        return Image.fromarray(x.clip(0, 255).round().astype(np.uint8))

    def window(self) -> Image.Image:
        """Panels, buttons and lists, old or new in style."""
        paper, ink = self.theme()
        image = Image.new("RGB", (SIDE, SIDE), paper)
        old = self.chance(0.25)
        accent = self.colour(0, 255)
        boxes = []
        for _ in range(self.whole(3, 14)):
            x, y = self.whole(-20, SIDE - 30), self.whole(-20, SIDE - 20)
            boxes.append((x, y, x + self.whole(20, 300), y + self.whole(12, 220), self.whole(0, 12)))

        def paint(draw: ImageDraw.ImageDraw, scale: int) -> None:
            for x0, y0, x1, y1, radius in boxes:
                fill = accent if self.chance(0.2) else self.colour() if self.chance(0.2) else self.near(paper)
                edge = self.colour() if self.chance(0.4) else None
                box = (x0 * scale, y0 * scale, x1 * scale, y1 * scale)
                if old:
                    draw.rectangle(box, (192, 192, 192))
                    draw.line((x0, y1, x0, y0, x1, y0), (255, 255, 255))
                    draw.line((x0, y1, x1, y1, x1, y0), (0, 0, 0))
                    if self.chance(0.3):
                        draw.rectangle((x0 + 2, y0 + 2, x1 - 2, min(y0 + 16, y1)), (0, 0, 128))
                else:
                    draw.rounded_rectangle(box, radius * scale, fill, edge, scale)

        self.shapes(image, paint, smooth=not old)
        draw = ImageDraw.Draw(image)
        if old or self.chance(0.05):
            draw.fontmode = "1"
        font = self.font(self.whole(10, 22))
        for x0, y0, x1, y1, _ in boxes:
            under = image.getpixel((min(max(x0 + 8, 0), SIDE - 1), min(max(y0 + 8, 0), SIDE - 1)))
            assert isinstance(under, tuple)
            on = (0, 0, 0) if old else ink if abs(sum(under) - sum(ink)) > 250 else paper
            if self.chance(0.5):
                draw.text((x0 + 8, y0 + 4), self.line(self.whole(1, 3)), on, font)
            else:
                self.text(draw, (x0 + 8, y0 + 6, x1 - 6, y1), self.whole(10, 20), on)
            if self.chance(0.15):
                self.dither(image, (x0, y0, min(x1, x0 + 60), min(y1, y0 + 60)))
        return self.subpixel(image) if not old and self.chance(0.2) else image

    def terminal(self) -> Image.Image:
        """Lines of code or of a shell, in colours."""
        paper, ink = self.theme()
        image = Image.new("RGB", (SIDE, SIDE), paper)
        draw = ImageDraw.Draw(image)
        size = self.whole(10, 26)
        font = self.font(size, self.fonts.mono)
        inks = [ink, *(self.colour(*((120, 255) if sum(paper) < 380 else (0, 160))) for _ in range(4))]
        signs = string.ascii_lowercase * 3 + string.digits + "_.=()[]{}:,/-+*#<>|&\"'"
        for y in range(self.whole(0, size), SIDE, round(size * self.random.uniform(1.15, 1.5))):
            x: float = 6 + self.whole(0, 4) * draw.textlength("    ", font)
            if self.chance(0.15):
                continue
            while x < SIDE and not self.chance(0.12):
                word = self.word(signs) + " "
                draw.text((x, y), word, inks[self.whole(0, 4)], font)
                x += draw.textlength(word, font)
        for k in range(self.whole(0, 8) if self.chance(0.3) else 0):
            draw.rectangle((40 * k, SIDE - 60, 40 * k + 39, SIDE - 30), self.colour())
        return self.subpixel(image) if self.chance(0.2) else image

    def chart(self) -> Image.Image:
        """Axes, a grid, and lines, bars or marks."""
        paper, ink = self.theme()
        image = Image.new("RGB", (SIDE, SIDE), paper)
        left, bottom = self.whole(30, 80), SIDE - self.whole(25, 70)
        grid, count = self.colour(), self.whole(3, 10)
        kind = self.whole(0, 3)
        series = [self.random.normal(size=24).cumsum() for _ in range(self.whole(1, 5))]

        def paint(draw: ImageDraw.ImageDraw, scale: int) -> None:
            for k in range(count + 1):
                at = left + (SIDE - left) * k // count, bottom - bottom * k // count
                draw.line((at[0] * scale, 0, at[0] * scale, bottom * scale), grid, scale)
                draw.line((left * scale, at[1] * scale, SIDE * scale, at[1] * scale), grid, scale)
            draw.line((left * scale, 0, left * scale, bottom * scale, SIDE * scale, bottom * scale), ink, 2 * scale)
            for n, values in enumerate(series):
                colour, heavy = self.colour(), self.whole(1, 4) * scale
                xs = np.linspace(left + 5, SIDE - 5, len(values)) * scale
                ys = (bottom * (0.5 - 0.08 * values)).clip(0, bottom) * scale
                points = list(zip(xs.tolist(), ys.tolist(), strict=True))
                if kind == 0:
                    width = (xs[1] - xs[0]) / (len(series) + 0.5)
                    for x, y in points:
                        draw.rectangle((x + n * width, y, x + (n + 1) * width - scale, bottom * scale), colour)
                else:
                    if kind < 3:
                        draw.line(points, colour, heavy, "curve")
                    if kind > 1:
                        size = self.whole(2, 6) * scale
                        for x, y in points:
                            draw.ellipse((x - size, y - size, x + size, y + size), colour)

        self.shapes(image, paint, smooth=self.chance(0.85))
        draw = ImageDraw.Draw(image)
        font = self.font(self.whole(9, 18))
        for k in range(count + 1):
            draw.text((left + (SIDE - left) * k // count - 10, bottom + 5), str(self.whole(0, 500)), ink, font)
            draw.text((2, bottom - bottom * k // count - 7), f"{self.random.random() * 10:.1f}", ink, font)
        for k in range(self.whole(0, 4)):
            draw.text((left + 40, 20 + 24 * k), self.line(2), self.colour(), font)
        if self.chance(0.6):
            draw.text((left + 20, 2), self.line(4), ink, self.font(self.whole(14, 30)))
        return image

    def drawing(self) -> Image.Image:
        """Flat shapes, outlines and gradients: diagrams, maps, icons."""
        paper, ink = self.theme()
        image = Image.new("RGB", (SIDE, SIDE), paper)
        if self.chance(0.3):
            ends = np.array([self.colour(), self.colour()], np.float64)
            ramp = np.linspace(0, 1, SIDE)[:, None] * np.ones(SIDE)
            ramp = ramp.T if self.chance(0.5) else ramp
            image = Image.fromarray((ends[0] + ramp[..., None] * (ends[1] - ends[0])).astype(np.uint8))

        def paint(draw: ImageDraw.ImageDraw, scale: int) -> None:
            for _ in range(self.whole(5, 40)):
                x, y, r = self.whole(0, SIDE), self.whole(0, SIDE), self.whole(4, 120)
                fill = self.colour() if self.chance(0.6) else None
                edge, heavy = (self.colour() if fill else ink), self.whole(1, 4) * scale
                kind = self.whole(0, 3)
                if kind == 0:
                    draw.ellipse(tuple(v * scale for v in (x - r, y - r, x + r, y + r)), fill, edge, heavy)
                elif kind == 1:
                    box = (x, y, x + self.whole(4, 200), y + self.whole(4, 200))
                    draw.rectangle(tuple(v * scale for v in box), fill, edge, heavy)
                else:
                    turns = np.sort(self.random.uniform(0, 2 * np.pi, self.whole(3, 9)))
                    far = r * self.random.uniform(0.4, 1, len(turns))
                    xs, ys = (x + far * np.cos(turns)) * scale, (y + far * np.sin(turns)) * scale
                    points = list(zip(xs.tolist(), ys.tolist(), strict=True))
                    if kind == 2:
                        draw.polygon(points, fill, edge)
                    else:
                        draw.line(points, edge, heavy, "curve")

        self.shapes(image, paint, smooth=self.chance(0.85))
        draw = ImageDraw.Draw(image)
        for _ in range(self.whole(0, 12)):
            font = self.font(self.whole(9, 40))
            draw.text((self.whole(0, SIDE), self.whole(0, SIDE)), self.line(self.whole(1, 3)), self.colour(), font)
        return image


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m training.graphics", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="where the pictures go; made if it is not there")
    parser.add_argument("--count", type=int, default=400, help="of pictures (default: %(default)s)")
    parser.add_argument("--fonts", type=Path, default=FONTS, help="folder of fonts (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    try:
        fonts = Fonts.found(args.fonts)
    except InrError as e:
        parser.error(str(e))
    args.folder.mkdir(parents=True, exist_ok=True)
    for k in tqdm(range(args.count), unit="picture"):
        image = Artist(fonts, np.random.default_rng((args.seed, k))).draw()
        image.save(args.folder / f"{k:04}.png")


if __name__ == "__main__":
    main()
