"""Pictures to learn a prior of text and graphics from: pages, windows, terminals, charts and drawings, made at random.

    python -m training.graphics FOLDER --count 400

Everything is drawn here, with the fonts that the machine has; nothing is taken from a picture. The same fonts, count
and seed give the same pictures.
"""

from __future__ import annotations

import argparse
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from tqdm import tqdm

from inr_core.errors import InrError

SIDE = 512  # pixels
FONTS = Path("/usr/share/fonts")
LETTERS = "eeeeeeeeeeeetttttttttaaaaaaaaoooooooiiiiiiinnnnnnnsssssshhhhhhrrrrrrddddllllcccuuummmwwffggyyppbbvkjxqz"
SCRIPTS = {
    "Devanagari": (0x0905, 0x0939),
    "Arabic": (0x0627, 0x064A),
    "Hebrew": (0x05D0, 0x05EA),
    "Greek": (0x03B1, 0x03C9),
    "Thai": (0x0E01, 0x0E2E),
    "Bengali": (0x0995, 0x09B9),
    "Georgian": (0x10D0, 0x10F0),
    "Ethiopic": (0x1200, 0x1248),
}  # Noto's names, and letters of each
SMOOTH = 4  # shapes are drawn so many times as large

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Fonts:
    """Files of the fonts to draw with."""

    text: list[Path]
    mono: list[Path]
    scripts: dict[str, list[Path]]

    @classmethod
    def found(cls, folder: Path) -> Fonts:
        """Those below a folder; InrError where there are none."""
        files = sorted(p for p in folder.rglob("*") if p.suffix in (".ttf", ".otf"))
        scripts = {name: [p for p in files if "Noto" in p.name and name in p.name] for name in SCRIPTS}
        special = ("Noto", "Symbol", "Math", "Dingbat", "Emoji", "D050000L", "lmmi", "lmsy", "lmex")
        text = [p for p in files if not any(s in p.name for s in special)]
        text += [p for p in files if p.name.startswith(("NotoSans-", "NotoSerif-"))]
        mono = [p for p in text if any(s in p.name for s in ("Mono", "Code", "Hack", "Inconsolata", "lmmono"))]
        if not text or not mono:
            raise InrError(f"{folder}: expected fonts, some of them monospaced, got {len(text)} and {len(mono)}")
        return cls(text, mono, {name: paths for name, paths in scripts.items() if paths})


class Artist:
    """Draws pictures (SIDE, SIDE) in RGB, each from random numbers of its own."""

    def __init__(self, fonts: Fonts, random: np.random.Generator) -> None:
        self.fonts, self.random = fonts, random

    def draw(self) -> Image.Image:
        """One of any kind."""
        kinds: tuple[tuple[Callable[[], Image.Image], float], ...] = (
            (self.page, 0.25), (self.scan, 0.15), (self.window, 0.25), (self.terminal, 0.1), (self.chart, 0.15),
            (self.drawing, 0.1),
        )  # fmt: skip
        k = self.random.choice(len(kinds), p=[share for _, share in kinds])
        return kinds[k][0]()

    # what pictures are made of

    def _int(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def _chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def _colour(self, low: int = 0, high: int = 255) -> Colour:
        if self._chance(0.4):
            grey = self._int(low, high)
            return grey, grey, grey
        return self._int(low, high), self._int(low, high), self._int(low, high)

    def _near(self, colour: Colour) -> Colour:
        red, green, blue = (max(0, min(255, c + self._int(-30, 30))) for c in colour)
        return red, green, blue

    def _theme(self) -> tuple[Colour, Colour]:
        """Background and ink."""
        if self._chance(0.3):
            return (255, 255, 255), (0, 0, 0)
        light, dark = self._colour(200, 255), self._colour(0, 90)
        return (dark, light) if self._chance(0.4) else (light, dark)

    def _font(self, size: int, files: Sequence[Path] | None = None) -> ImageFont.FreeTypeFont:
        files = files or self.fonts.text
        return ImageFont.truetype(files[self._int(0, len(files) - 1)], size)

    def _word(self, letters: str = LETTERS) -> str:
        word = "".join(letters[self._int(0, len(letters) - 1)] for _ in range(1 + int(self.random.poisson(4))))
        if letters is LETTERS:
            kind = self.random.random()
            if kind < 0.12:
                word = word.capitalize()
            elif kind < 0.15:
                word = word.upper()
            elif kind < 0.2:
                word = str(self._int(0, 9999))
            if self._chance(0.12):
                word += ",.;:!?)"[self._int(0, 6)]
        return word

    def _line(self, words: int, letters: str = LETTERS) -> str:
        return " ".join(self._word(letters) for _ in range(words))

    def _text(self, draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], size: int, ink: Colour) -> None:
        """A column of text."""
        letters, files = LETTERS, self.fonts.text
        if self.fonts.scripts and self._chance(0.2):
            name = sorted(self.fonts.scripts)[self._int(0, len(self.fonts.scripts) - 1)]
            first, last = SCRIPTS[name]
            letters, files = "".join(map(chr, range(first, last))), self.fonts.scripts[name]
        font = self._font(size, files)
        x0, y, x1, y1 = box
        spacing = size * self.random.uniform(1.05, 1.6)
        top = float(y)
        while top + size < y1:
            if self._chance(0.1):
                top += spacing
                continue
            line = ""
            while True:
                longer = f"{line} {self._word(letters)}".strip()
                if draw.textlength(longer, font) > x1 - x0 or self._chance(0.01):
                    break
                line = longer
            draw.text((x0, round(top)), line, ink, font)
            top += spacing

    def _shapes(self, image: Image.Image, paint: Callable[[ImageDraw.ImageDraw, int], None], smooth: bool) -> None:
        """Call paint(draw, scale), which is antialiased if `smooth`."""
        if not smooth:
            paint(ImageDraw.Draw(image), 1)
            return
        large = image.resize((SIDE * SMOOTH, SIDE * SMOOTH), Image.Resampling.NEAREST)
        paint(ImageDraw.Draw(large), SMOOTH)
        image.paste(large.resize(image.size, Image.Resampling.BOX))

    def _subpixel(self, image: Image.Image) -> Image.Image:
        """Shift red and blue by a third of a pixel, as text on screens is drawn."""
        wide = np.asarray(image.resize((3 * SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
        columns = (wide + np.roll(wide, 1, 1) + np.roll(wide, -1, 1)) / 3
        thirds = np.stack([columns[:, k::3, k] for k in range(3)], 2)
        return Image.fromarray(thirds.round().astype(np.uint8))

    # the kinds of pictures

    def page(self) -> Image.Image:
        """Text in columns, antialiased or in two colours."""
        paper, ink = self._theme()
        image = Image.new("RGB", (SIDE, SIDE), paper)
        draw = ImageDraw.Draw(image)
        if self._chance(0.15):
            draw.fontmode = "1"
        columns = self._int(1, 3)
        size = self._int(9, 30 // columns + 6)
        margin = self._int(4, 30)
        if self._chance(0.4):
            heading = 2 * size
            draw.text((margin, margin // 2), self._line(4), ink, self._font(heading))
        else:
            heading = 0
        width = (SIDE - margin) // columns
        for k in range(columns):
            left = margin + k * width
            self._text(draw, (left, margin + heading, left + width - margin, SIDE), size, ink)
        if self._chance(0.2):
            y = self._int(0, SIDE)
            draw.line((0, y, SIDE, y), self._colour(), self._int(1, 3))
        return image

    def scan(self) -> Image.Image:
        """A page as a scanner or a camera sees it."""
        image = self.page()
        if self._chance(0.5):
            image = image.convert("L").convert("RGB")
        if self._chance(0.7):
            corner = image.getpixel((0, 0))
            assert isinstance(corner, tuple)
            image = image.rotate(self.random.normal() * 3, Image.Resampling.BICUBIC, fillcolor=corner)
        if self._chance(0.2):
            scale = self.random.uniform(1.3, 2.5)
            part = image.resize((round(SIDE * scale),) * 2, Image.Resampling.BICUBIC)
            image = part.crop((0, 0, SIDE, SIDE))
        if self._chance(0.6):
            image = image.filter(ImageFilter.GaussianBlur(self.random.uniform(0.3, 1.2)))
        x = np.asarray(image, np.float64)
        if self._chance(0.5):
            ramp = np.linspace(-1, 1, SIDE)
            light = 1 + 0.2 * self.random.normal() * ramp[:, None] + 0.2 * self.random.normal() * ramp
            x = x * light[..., None] * self.random.uniform(0.6, 1)
        if self._chance(0.6):
            noise = self.random.normal(size=(SIDE, SIDE, 1)) * self.random.uniform(0.5, 6)
            x = x + noise
        if self._chance(0.2):
            x = np.where(x.mean(2, keepdims=True) > 128, 255, 0) + np.zeros(3)
        return Image.fromarray(x.clip(0, 255).round().astype(np.uint8))

    def window(self) -> Image.Image:
        """Panels, buttons and lists, old or new in style."""
        paper, ink = self._theme()
        image = Image.new("RGB", (SIDE, SIDE), paper)
        old = self._chance(0.25)
        accent = self._colour(0, 255)
        boxes = []
        for _ in range(self._int(3, 14)):
            x, y = self._int(-20, SIDE - 30), self._int(-20, SIDE - 20)
            boxes.append((x, y, x + self._int(20, 300), y + self._int(12, 220), self._int(0, 12)))

        def paint(draw: ImageDraw.ImageDraw, scale: int) -> None:
            for x0, y0, x1, y1, radius in boxes:
                fill = accent if self._chance(0.2) else self._colour() if self._chance(0.2) else self._near(paper)
                edge = self._colour() if self._chance(0.4) else None
                box = (x0 * scale, y0 * scale, x1 * scale, y1 * scale)
                if old:
                    draw.rectangle(box, (192, 192, 192))
                    draw.line((x0, y1, x0, y0, x1, y0), (255, 255, 255))
                    draw.line((x0, y1, x1, y1, x1, y0), (0, 0, 0))
                    if self._chance(0.3):
                        draw.rectangle((x0 + 2, y0 + 2, x1 - 2, min(y0 + 16, y1)), (0, 0, 128))
                else:
                    draw.rounded_rectangle(box, radius * scale, fill, edge, scale)

        self._shapes(image, paint, smooth=not old)
        draw = ImageDraw.Draw(image)
        if old or self._chance(0.05):
            draw.fontmode = "1"
        font = self._font(self._int(10, 22))
        for x0, y0, x1, y1, _ in boxes:
            under = image.getpixel((min(max(x0 + 8, 0), SIDE - 1), min(max(y0 + 8, 0), SIDE - 1)))
            assert isinstance(under, tuple)
            on = (0, 0, 0) if old else ink if abs(sum(under) - sum(ink)) > 250 else paper
            if self._chance(0.5):
                draw.text((x0 + 8, y0 + 4), self._line(self._int(1, 3)), on, font)
            else:
                self._text(draw, (x0 + 8, y0 + 6, x1 - 6, y1), self._int(10, 20), on)
            if self._chance(0.15):
                self._dither(image, (x0, y0, min(x1, x0 + 60), min(y1, y0 + 60)))
        return self._subpixel(image) if not old and self._chance(0.2) else image

    def _dither(self, image: Image.Image, box: tuple[int, int, int, int]) -> None:
        """A regular pattern of two colours."""
        if box[2] <= box[0] or box[3] <= box[1]:
            return
        y, x = np.mgrid[box[1] : box[3], box[0] : box[2]]
        period = self._int(2, 4)
        on = (x + self._int(0, 2) * y) % period == 0
        colours = np.array([self._colour(), self._colour()], np.uint8)
        image.paste(Image.fromarray(colours[on.astype(int)]), box[:2])

    def terminal(self) -> Image.Image:
        """Lines of code or of a shell, in colours."""
        paper, ink = self._theme()
        image = Image.new("RGB", (SIDE, SIDE), paper)
        draw = ImageDraw.Draw(image)
        size = self._int(10, 26)
        font = self._font(size, self.fonts.mono)
        inks = [ink, *(self._colour(*((120, 255) if sum(paper) < 380 else (0, 160))) for _ in range(4))]
        signs = string.ascii_lowercase * 3 + string.digits + "_.=()[]{}:,/-+*#<>|&\"'"
        for y in range(self._int(0, size), SIDE, round(size * self.random.uniform(1.15, 1.5))):
            x: float = 6 + self._int(0, 4) * draw.textlength("    ", font)
            if self._chance(0.15):
                continue
            while x < SIDE and not self._chance(0.12):
                word = self._word(signs) + " "
                draw.text((x, y), word, inks[self._int(0, 4)], font)
                x += draw.textlength(word, font)
        for k in range(self._int(0, 8) if self._chance(0.3) else 0):
            draw.rectangle((40 * k, SIDE - 60, 40 * k + 39, SIDE - 30), self._colour())
        return self._subpixel(image) if self._chance(0.2) else image

    def chart(self) -> Image.Image:
        """Axes, a grid, and lines, bars or marks."""
        paper, ink = self._theme()
        image = Image.new("RGB", (SIDE, SIDE), paper)
        left, bottom = self._int(30, 80), SIDE - self._int(25, 70)
        grid, count = self._colour(), self._int(3, 10)
        kind = self._int(0, 3)
        series = [self.random.normal(size=24).cumsum() for _ in range(self._int(1, 5))]

        def paint(draw: ImageDraw.ImageDraw, scale: int) -> None:
            for k in range(count + 1):
                at = left + (SIDE - left) * k // count, bottom - bottom * k // count
                draw.line((at[0] * scale, 0, at[0] * scale, bottom * scale), grid, scale)
                draw.line((left * scale, at[1] * scale, SIDE * scale, at[1] * scale), grid, scale)
            draw.line((left * scale, 0, left * scale, bottom * scale, SIDE * scale, bottom * scale), ink, 2 * scale)
            for n, values in enumerate(series):
                colour, heavy = self._colour(), self._int(1, 4) * scale
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
                        size = self._int(2, 6) * scale
                        for x, y in points:
                            draw.ellipse((x - size, y - size, x + size, y + size), colour)

        self._shapes(image, paint, smooth=self._chance(0.85))
        draw = ImageDraw.Draw(image)
        font = self._font(self._int(9, 18))
        for k in range(count + 1):
            draw.text((left + (SIDE - left) * k // count - 10, bottom + 5), str(self._int(0, 500)), ink, font)
            draw.text((2, bottom - bottom * k // count - 7), f"{self.random.random() * 10:.1f}", ink, font)
        for k in range(self._int(0, 4)):
            draw.text((left + 40, 20 + 24 * k), self._line(2), self._colour(), font)
        if self._chance(0.6):
            draw.text((left + 20, 2), self._line(4), ink, self._font(self._int(14, 30)))
        return image

    def drawing(self) -> Image.Image:
        """Flat shapes, outlines and gradients: diagrams, maps, icons."""
        paper, ink = self._theme()
        image = Image.new("RGB", (SIDE, SIDE), paper)
        if self._chance(0.3):
            ends = np.array([self._colour(), self._colour()], np.float64)
            ramp = np.linspace(0, 1, SIDE)[:, None] * np.ones(SIDE)
            ramp = ramp.T if self._chance(0.5) else ramp
            image = Image.fromarray((ends[0] + ramp[..., None] * (ends[1] - ends[0])).astype(np.uint8))

        def paint(draw: ImageDraw.ImageDraw, scale: int) -> None:
            for _ in range(self._int(5, 40)):
                x, y, r = self._int(0, SIDE), self._int(0, SIDE), self._int(4, 120)
                fill = self._colour() if self._chance(0.6) else None
                edge, heavy = (self._colour() if fill else ink), self._int(1, 4) * scale
                kind = self._int(0, 3)
                if kind == 0:
                    draw.ellipse(tuple(v * scale for v in (x - r, y - r, x + r, y + r)), fill, edge, heavy)
                elif kind == 1:
                    box = (x, y, x + self._int(4, 200), y + self._int(4, 200))
                    draw.rectangle(tuple(v * scale for v in box), fill, edge, heavy)
                else:
                    turns = np.sort(self.random.uniform(0, 2 * np.pi, self._int(3, 9)))
                    far = r * self.random.uniform(0.4, 1, len(turns))
                    xs, ys = (x + far * np.cos(turns)) * scale, (y + far * np.sin(turns)) * scale
                    points = list(zip(xs.tolist(), ys.tolist(), strict=True))
                    if kind == 2:
                        draw.polygon(points, fill, edge)
                    else:
                        draw.line(points, edge, heavy, "curve")

        self._shapes(image, paint, smooth=self._chance(0.85))
        draw = ImageDraw.Draw(image)
        for _ in range(self._int(0, 12)):
            font = self._font(self._int(9, 40))
            draw.text((self._int(0, SIDE), self._int(0, SIDE)), self._line(self._int(1, 3)), self._colour(), font)
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
