"""Pictures saved and opened again in memory, and what of them the options are."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from inr_core import Metadata, Settings
from pillow_inr.options import SaveOptions

EXIF = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
DATA = {"comment": b"caf\xe9", "icc_profile": b"profile", "xmp": b"<x/>", "exif": b"Exif\0\0" + EXIF}
DEFAULT = SaveOptions(Settings(), Metadata(), False)


def of(info: Any = None, /, **options: Any) -> SaveOptions:
    return SaveOptions.from_encoderinfo(options, info or {})


def written(im: Image.Image, **options: Any) -> io.BytesIO:
    data = io.BytesIO()
    im.save(data, "INR", **{"effort": 0, "threads": 1, **options})
    return data


def saved(im: Image.Image, **options: Any) -> Image.Image:
    return Image.open(written(im, **options))
