"""The modes a file can have: Pillow's names, their number on the wire and their samples."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModeInfo:
    """What a mode means: its wire number, the samples that a pixel may have and the bits that one may have."""

    number: int
    channels: tuple[int, ...]  # RGB and RGBA have fewer where red, green and blue are the same
    bit_depths: tuple[int, ...]


MODE_TABLE: dict[str, ModeInfo] = {
    "1": ModeInfo(0, (1,), (1,)),
    "L": ModeInfo(1, (1,), (8,)),
    "LA": ModeInfo(2, (2,), (8, 16)),
    "P": ModeInfo(3, (3, 4), (8,)),  # the colours of the palette, which has as many columns
    "RGB": ModeInfo(4, (3, 1), (8, 16)),
    "RGBA": ModeInfo(5, (4, 2), (8, 16)),
    "CMYK": ModeInfo(6, (4,), (8,)),
    "YCbCr": ModeInfo(7, (3,), (8,)),
    "LAB": ModeInfo(8, (3,), (8,)),
    "I;16": ModeInfo(9, (1,), (16,)),  # 16-bit grey
}
MODES = tuple(MODE_TABLE)
COMPONENTS: dict[str, tuple[int, ...]] = {  # planes of what the latent model codes apart: colours, grey, alpha
    "1": (1,),
    "L": (1,),
    "LA": (1, 1),
    "P": (3,),  # and (1,) if its palette has an alpha
    "RGB": (3,),  # or (1,) if it is grey
    "RGBA": (3, 1),  # or (1, 1)
    "CMYK": (3, 1),
    "YCbCr": (1, 1, 1),
    "LAB": (1, 1, 1),
    "I;16": (1,),
}
COLOUR_MODES = ("RGB", "RGBA")  # whose pixels may have one sample for red, green and blue
ALPHA_MODES = ("LA", "RGBA")
MAX_SIDE = 65_535
