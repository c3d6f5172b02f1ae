"""The modes a file can have: Pillow's names, their number on the wire and their samples."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModeInfo:
    """What a mode of the file means: its wire number, the network's outputs and the bits of a sample."""

    number: int
    channels: int  # 0: as many as the palette has columns
    bit_depth: int  # of the default file; grey to RGBA also exist with 16


MODE_TABLE: dict[str, ModeInfo] = {
    "1": ModeInfo(0, 1, 1),
    "L": ModeInfo(1, 1, 8),
    "LA": ModeInfo(2, 2, 8),
    "P": ModeInfo(3, 0, 8),
    "RGB": ModeInfo(4, 3, 8),
    "RGBA": ModeInfo(5, 4, 8),
    "CMYK": ModeInfo(6, 4, 8),
    "YCbCr": ModeInfo(7, 3, 8),
    "LAB": ModeInfo(8, 3, 8),
    "I;16": ModeInfo(9, 1, 16),
}
MODES = tuple(MODE_TABLE)
DEEP_MODES = ("LA", "RGB", "RGBA")  # may also have 16 bits a sample; 16-bit grey is "I;16"
ALPHA_MODES = ("LA", "RGBA")
MAX_SIDE = 65_535
