"""`inr thumbnail`: one small PNG, as the thumbnailers of desktops ask for."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageOps

import pillow_inr

from ..modes import in_8_bits


def write_thumbnail(source: Path, target: Path, size: int) -> None:
    """Write the picture as PNG, 8 bits a sample, upright, its longer side at most `size` pixels.

    Raises what opening and loading do.

    A sandbox may let its program write to the target only, not beside it: this is no atomic write, but one.
    """
    with Image.open(source, formats=[pillow_inr.InrImageFile.format]) as opened:
        opened.thumbnail((size, size))
        im = in_8_bits(ImageOps.exif_transpose(opened))
    if im.mode in ("CMYK", "LAB", "YCbCr"):
        im = im.convert("RGB")
        im.info.pop("icc_profile", None)  # of the space that is left here
    out = io.BytesIO()
    im.save(out, "PNG")
    target.write_bytes(out.getvalue())
