"""Pictures and settings so small that a test may train."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pillow_inr.command import cli

SIZE = (24, 16)
OPTIONS: dict[str, Any] = {"steps": 20, "width": 8, "depth": 3, "seed": 1, "device": "cpu", "threads": 1}


def picture(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """A smooth coloured gradient with a clear corner where the mode has alpha."""
    y, x = np.mgrid[: size[1], : size[0]]
    red, green = 255 * x // size[0], 255 * y // size[1]
    alpha = np.where((x < 4) & (y < 4), 0, 255)
    rgba = Image.fromarray(np.stack([red, green, 255 - red, alpha], axis=2).astype(np.uint8))
    if mode.startswith("I;16"):
        grey = Image.fromarray((257 * red + green).astype(np.uint16))
        return Image.frombytes(mode, size, grey.tobytes("raw", "I;16B" if mode == "I;16B" else "I;16"))
    if mode in ("I", "F"):
        return rgba.convert("L").convert(mode)
    if mode == "PA":
        return rgba.convert("RGB").quantize(16).convert("PA")
    if mode in ("P", "La"):
        return rgba.convert("RGB").quantize(16) if mode == "P" else rgba.convert("LA").convert("La")
    return (rgba if mode in ("RGBA", "RGBa", "LA") else rgba.convert("RGB")).convert(mode)


def encoded(im: Image.Image | None = None, **options: object) -> bytes:
    """The `.inr` file that Pillow makes of a picture."""
    out = io.BytesIO()
    (im or picture()).save(out, "INR", **{**OPTIONS, **options})
    return out.getvalue()


def decoded(data: bytes) -> bytes:
    """The pixels of a file, as its image holds them."""
    with Image.open(io.BytesIO(data)) as im:
        return im.tobytes()


def inr(*arguments: object) -> tuple[int, str, str]:
    """Run the command in this process: its exit code, its output and its errors."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        try:
            code = cli.main([*map(str, arguments)])
        except SystemExit as e:
            code = int(e.code or 0)
    return code, out.getvalue(), err.getvalue()


def made(folder: Path) -> list[str]:
    """What is in a folder and below it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def page() -> Image.Image:
    """Words on a slope of 20 colours, 160×90."""
    im = Image.fromarray((np.mgrid[:90, :160][1][..., None] // 8 + [200, 190, 170]).astype(np.uint8))
    ImageDraw.Draw(im).text((9, 9), "words of text", fill=(20, 30, 90))
    return im


def photograph(width: int, height: int) -> Image.Image:
    """Waves, an edge and some noise: detail of every size."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    grey = 120 + 50 * np.sin(x / 31) * np.cos(y / 47) + 30 * np.sin((x + 2 * y) / 9) + 40 * (x + y > width)
    grey += np.random.default_rng(1).normal(0, 6, grey.shape)
    rgb = np.stack([grey, grey * 0.8 + 20, 255 - grey], axis=2)
    return Image.fromarray(rgb.clip(0, 255).astype(np.uint8))
