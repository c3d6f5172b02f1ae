"""Which keys of `info` are Pillow's own: a text of a file never passes for one."""

from __future__ import annotations

# Keys of `info` that mean something to Pillow, whichever of its plugins put them there.
_PILLOWS = frozenset(
    """
    adobe adobe_transform aspect background bbox blend bpp chromaticity comment compression default_image disposal
    dpi duration exif extension flashpix gamma hotspot icc_profile id_section interlace jfif jfif_density
    jfif_unit jfif_version loop mp mpoffset name next_name offset orientation palette photoshop progression
    progressive resolution scale sizes spacing srgb timestamp transparency version wmf_bbox xmp
    """.split()  # noqa: SIM905 (a list of words)
)


def is_pillows(key: str) -> bool:
    """Whether a key of `info` means something to Pillow."""
    return key in _PILLOWS or key.startswith(("Raw profile type ", "XML:"))
