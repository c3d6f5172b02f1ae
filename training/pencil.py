"""What pictures of text and graphics are made of: random colours and words, columns of text, smooth shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .fonts import LETTERS, SCRIPTS, Fonts

SIDE = 512  # pixels
SMOOTH = 4  # shapes are drawn so many times as large

Colour = tuple[int, int, int]


class Pencil:
    """Draws with fonts, by random numbers: whoever draws the same gets the same."""

    def __init__(self, fonts: Fonts, random: np.random.Generator) -> None:
        self.fonts, self.random = fonts, random

    def whole(self, low: int, high: int) -> int:
        """low … high, both included."""
        return int(self.random.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        """True for that share of the calls."""
        return bool(self.random.random() < share)

    def colour(self, low: int = 0, high: int = 255) -> Colour:
        """Any, two in five of them grey; channels low … high."""
        if self.chance(0.4):
            grey = self.whole(low, high)
            return grey, grey, grey
        return self.whole(low, high), self.whole(low, high), self.whole(low, high)

    def near(self, colour: Colour) -> Colour:
        """One like it."""
        red, green, blue = (max(0, min(255, c + self.whole(-30, 30))) for c in colour)
        return red, green, blue

    def theme(self) -> tuple[Colour, Colour]:
        """Background and ink."""
        if self.chance(0.3):
            return (255, 255, 255), (0, 0, 0)
        light, dark = self.colour(200, 255), self.colour(0, 90)
        return (dark, light) if self.chance(0.4) else (light, dark)

    def font(self, size: int, files: Sequence[Path] | None = None) -> ImageFont.FreeTypeFont:
        """One of the files, by default of those for text, in pixels."""
        files = files or self.fonts.text
        return ImageFont.truetype(files[self.whole(0, len(files) - 1)], size)

    def word(self, letters: str = LETTERS) -> str:
        """Of some letters; in Latin ones also a number, with capitals, with a mark behind it."""
        word = "".join(letters[self.whole(0, len(letters) - 1)] for _ in range(1 + int(self.random.poisson(4))))
        if letters is LETTERS:
            kind = self.random.random()
            if kind < 0.12:
                word = word.capitalize()
            elif kind < 0.15:
                word = word.upper()
            elif kind < 0.2:
                word = str(self.whole(0, 9999))
            if self.chance(0.12):
                word += ",.;:!?)"[self.whole(0, 6)]
        return word

    def line(self, words: int, letters: str = LETTERS) -> str:
        """So many words."""
        return " ".join(self.word(letters) for _ in range(words))

    def text(self, draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], size: int, ink: Colour) -> None:
        """A column of text."""
        letters, files = LETTERS, self.fonts.text
        if self.fonts.scripts and self.chance(0.2):
            name = sorted(self.fonts.scripts)[self.whole(0, len(self.fonts.scripts) - 1)]
            first, last = SCRIPTS[name]
            letters, files = "".join(map(chr, range(first, last))), self.fonts.scripts[name]
        font = self.font(size, files)
        x0, y, x1, y1 = box
        spacing = size * self.random.uniform(1.05, 1.6)
        top = float(y)
        while top + size < y1:
            if self.chance(0.1):
                top += spacing
                continue
            line = ""
            while True:
                longer = f"{line} {self.word(letters)}".strip()
                if draw.textlength(longer, font) > x1 - x0 or self.chance(0.01):
                    break
                line = longer
            draw.text((x0, round(top)), line, ink, font)
            top += spacing

    def shapes(self, image: Image.Image, paint: Callable[[ImageDraw.ImageDraw, int], None], smooth: bool) -> None:
        """Call paint(draw, scale), which is antialiased if `smooth`."""
        if not smooth:
            paint(ImageDraw.Draw(image), 1)
            return
        large = image.resize((SIDE * SMOOTH, SIDE * SMOOTH), Image.Resampling.NEAREST)
        paint(ImageDraw.Draw(large), SMOOTH)
        image.paste(large.resize(image.size, Image.Resampling.BOX))

    def subpixel(self, image: Image.Image) -> Image.Image:
        """Shift red and blue by a third of a pixel, as text on screens is drawn."""
        wide = np.asarray(image.resize((3 * SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
        columns = (wide + np.roll(wide, 1, 1) + np.roll(wide, -1, 1)) / 3
        thirds = np.stack([columns[:, k::3, k] for k in range(3)], 2)
        return Image.fromarray(thirds.round().astype(np.uint8))

    def dither(self, image: Image.Image, box: tuple[int, int, int, int]) -> None:
        """A regular pattern of two colours."""
        if box[2] <= box[0] or box[3] <= box[1]:
            return
        y, x = np.mgrid[box[1] : box[3], box[0] : box[2]]
        period = self.whole(2, 4)
        on = (x + self.whole(0, 2) * y) % period == 0
        colours = np.array([self.colour(), self.colour()], np.uint8)
        image.paste(Image.fromarray(colours[on.astype(int)]), box[:2])
