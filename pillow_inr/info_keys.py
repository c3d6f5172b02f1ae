"""What a file has beside its pixels, where Pillow keeps it; a text never passes for one of its own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import ImageFile, ImagePalette

if TYPE_CHECKING:
    from inr_core import Head

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


def fill_info(im: ImageFile.ImageFile, head: Head) -> dict[str, str]:
    """Put what a file has beside its pixels where Pillow keeps it; returns its texts."""
    metadata = head.metadata
    named = {
        "exif": None if metadata.exif is None else b"Exif\0\0" + metadata.exif,  # as JPEG and PNG have it
        "icc_profile": metadata.icc,
        "xmp": metadata.xmp,
        "comment": metadata.comment,
        "dpi": metadata.dpi,
    }
    text = dict(metadata.text or {})
    # As PNG, but a text never passes for what Pillow itself keeps there.
    im.info.update({key: value for key, value in text.items() if not is_pillows(key)})
    im.info.update({key: value for key, value in named.items() if value is not None})
    if head.palette_bytes is not None:
        channels = head.header.channels
        entries = [head.palette_bytes[i : i + channels] for i in range(0, len(head.palette_bytes), channels)]
        im.palette = ImagePalette.raw("RGB", b"".join(entry[:3] for entry in entries))
        if channels == 4:
            # As PNG: one clear colour is its index, anything else one alpha a colour; pickling keeps both.
            alpha = bytes(entry[3] for entry in entries)
            one_clear = alpha.count(0) == 1 and alpha.count(255) == len(alpha) - 1
            im.info["transparency"] = alpha.index(0) if one_clear else alpha
    return text
