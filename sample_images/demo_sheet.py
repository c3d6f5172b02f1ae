"""The sheet that the demo draws: zoomed crops side by side, a strip of first parts, bars of lossless sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from demo import Findings, Row, Version

ZOOM = 3
CROP = (88, 64)  # pixels of a picture that a tile shows
TILE = (ZOOM * CROP[0], ZOOM * CROP[1])
GAP = 12  # between tiles and around all
TITLE, LABEL = 44, 30  # heights of lines of text
BAR = 26  # height of a bar
INK, GREY, PAPER, OURS, THEIRS = "#111827", "#4b5563", "#f3f4f6", "#1d4ed8", "#9ca3af"


def draw(found: Findings) -> Image.Image:
    """All of it, one part below the other."""
    columns = max([2 + len(row.others) for row in found.rows] + [len(found.firsts)])
    parts = [_crops(row, columns) for row in found.rows]
    if found.firsts:
        parts.append(_strip(found.firsts, columns))
    if found.lossless:
        parts.append(_bars(found.lossless, columns))
    sheet = Image.new("RGB", (parts[0].width, sum(part.height for part in parts)), PAPER)
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    return sheet


def _blank(columns: int, height: int, title: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    part = Image.new("RGB", (columns * (TILE[0] + GAP) + GAP, TITLE + height + GAP), PAPER)
    pen = ImageDraw.Draw(part)
    pen.text((GAP, TITLE - 14), title, INK, _font(23), anchor="ls")
    return part, pen


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _left(column: int) -> int:
    return GAP + column * (TILE[0] + GAP)


def _crops(row: Row, columns: int) -> Image.Image:
    size = row.ours.size_bytes
    bpp = 8 * size / (row.original.width * row.original.height)
    title = f"{row.subject.path.name}, {row.original.width} x {row.original.height} {row.mode}, {size:,} bytes"
    part, pen = _blank(columns, LABEL + TILE[1], f"{title} ({bpp:.2f} bits a pixel)")
    box = _box(row)
    pen.text((_left(0), TITLE + LABEL - 9), "original", GREY, _font(20), anchor="ls")
    part.paste(_zoomed(row.original, box), (_left(0), TITLE + LABEL))
    for column, version in enumerate([*row.others, row.ours], 1):
        ours = version is row.ours
        label = _said(version, size)
        pen.text((_left(column), TITLE + LABEL - 9), label, OURS if ours else GREY, _font(20), anchor="ls")
        part.paste(_zoomed(version.image, box), (_left(column), TITLE + LABEL))
        if ours:
            corner = _left(column), TITLE + LABEL
            pen.rectangle((*corner, corner[0] + TILE[0] - 1, corner[1] + TILE[1] - 1), outline=OURS, width=3)
    return part


def _said(version: Version, size: int) -> str:
    quality = "exact" if version.psnr == math.inf else f"{version.psnr:.1f} dB"
    more = f" in {version.size_bytes:,}" if version.size_bytes > size else ""
    return f"{version.label}  {quality}{more}"


def _box(row: Row) -> tuple[int, int, int, int]:
    room = [max(0, side - crop) for side, crop in zip(row.original.size, CROP, strict=True)]
    corner = row.subject.corner or (room[0] // 2, room[1] // 2)
    left, top = (min(at, space) for at, space in zip(corner, room, strict=True))
    return left, top, left + CROP[0], top + CROP[1]


def _zoomed(im: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    return im.crop(box).resize(TILE, Image.Resampling.NEAREST)


def _strip(firsts: Sequence[tuple[str, Image.Image]], columns: int) -> Image.Image:
    height = TILE[0] * firsts[0][1].height // firsts[0][1].width
    part, pen = _blank(columns, LABEL + height, "one .inr file: any first part of it is a picture")
    for column, (label, im) in enumerate(firsts):
        pen.text((_left(column), TITLE + LABEL - 9), label, GREY, _font(20), anchor="ls")
        part.paste(im.resize((TILE[0], height), Image.Resampling.LANCZOS), (_left(column), TITLE + LABEL))
    return part


def _bars(sizes: dict[str, dict[str, int]], columns: int) -> Image.Image:
    formats = list(next(iter(sizes.values())))
    part, pen = _blank(columns, LABEL + len(formats) * (BAR + 4), "lossless: bytes")
    wide = (columns * (TILE[0] + GAP) - GAP) // len(sizes) - 2 * GAP
    for k, (name, by_format) in enumerate(sizes.items()):
        left = GAP + k * (wide + 2 * GAP)
        pen.text((left, TITLE + LABEL - 9), name, GREY, _font(20), anchor="ls")
        for line, label in enumerate(formats):
            top = TITLE + LABEL + line * (BAR + 4)
            length = (wide - 80) * by_format[label] // max(by_format.values())
            colour = OURS if label == ".inr" else THEIRS
            pen.rectangle((left, top, left + max(length, 1), top + BAR), fill=colour)
            text = f"{label}  {by_format[label]:,}"
            inside = length > pen.textlength(text, _font(18)) + 12
            at, ink = (left + 6, "white") if inside else (left + length + 6, INK)
            pen.text((at, top + BAR // 2), text, ink, _font(18), anchor="lm")
    return part
