"""Which format a file is written in, and in which mode: what a format cannot hold is converted, and said so."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from typing import IO, Any

from PIL import Image

import pillow_inr

from ..modes import in_8_bits
from .messages import UsageError

INR = pillow_inr.InrImageFile.format

# What the formats that Pillow writes give back as it was. P+1 is a palette with one clear colour, P+n one with alpha
# for each. Pillow's writers refuse other modes, clip them, or drop the alpha without a word. A format that is not
# listed is tried.
_HOLDS = {
    "AVIF": "L RGB RGBA",
    "BLP": "P",
    "BMP": "1 L P RGB",
    "DDS": "L LA RGB RGBA",
    "DIB": "1 L P RGB",
    "EPS": "L RGB CMYK",
    "GIF": "1 L P P+1",
    "ICNS": "1 L LA RGB RGBA",
    "ICO": "1 L LA P RGB RGBA",
    "IM": "1 L LA P RGB RGBA CMYK YCbCr I;16",
    "JPEG": "1 L RGB CMYK YCbCr",
    "JPEG2000": "L LA RGB RGBA I;16",
    "MPO": "1 L RGB CMYK YCbCr",
    "MSP": "1",
    "PALM": "1 P",
    "PCX": "1 L P RGB",
    "PDF": "1 L LA P RGB RGBA CMYK",
    "PNG": "1 L LA P P+1 P+n RGB RGBA I;16",
    "PPM": "1 L RGB I;16",
    "QOI": "RGB RGBA",
    "SGI": "L RGB RGBA",
    "TGA": "1 L LA P RGB RGBA",
    "TIFF": "1 L LA P RGB RGBA CMYK YCbCr LAB I;16",
    "WEBP": "RGB RGBA",
    "XBM": "1",
}
LARGEST_ICON = 256
FOR_THUMBNAILS = "1 L LA P P+1 P+n RGB RGBA"  # PNG of 8 bits

_GREY, _COLOUR = ("L", "RGB", "P", "LA", "RGBA", "1"), ("RGB", "RGBA", "P", "L", "1")
# For each mode, those that keep most of it, the best first.
_LADDERS = {
    "1": ("1", *_GREY),
    "L": _GREY,
    "LA": ("LA", "RGBA", "P+1", *_GREY),
    "P": ("P", *_COLOUR),
    "P+1": ("P+1", "RGBA", *_COLOUR),
    "P+n": ("P+n", "RGBA", "P+1", *_COLOUR),
    "RGB": _COLOUR,
    "RGBA": ("RGBA", "P+1", *_COLOUR),
    "CMYK": ("CMYK", *_COLOUR),
    "YCbCr": ("YCbCr", *_COLOUR),
    "LAB": ("LAB", *_COLOUR),
    "I;16": ("I;16", *_GREY),
}
# What Pillow converts to little else, and what that is.
_FIRST = {**dict.fromkeys(("CMYK", "YCbCr", "LAB", "HSV"), "RGB"), "La": "LA", "RGBa": "RGBA", "PA": "RGBA"}
_SEE_THROUGH = ("LA", "RGBA", "P+1", "P+n")
_WITHOUT_COLOURS = ("1", "L", "LA", "I;16")
# The colour space, as a profile spells it, that a profile must be of to go with a mode; YCbCr goes with one of RGB.
_SPACES = {**dict.fromkeys(_WITHOUT_COLOURS, b"GRAY"), "CMYK": b"CMYK", "LAB": b"Lab "}


def named(path: str) -> str | None:
    """Pillow's name of the format that the end of a file's name stands for, if it stands for one."""
    return Image.registered_extensions().get(os.path.splitext(path)[1].lower())


def to_read() -> set[str]:
    """The ends of names, in lower case, of pictures in other formats."""
    return {end for end, kind in Image.registered_extensions().items() if kind in Image.OPEN and kind != INR}


def for_decoding(asked: str | None, path: str | None) -> tuple[str, str]:
    """Pillow's name of the format to decode to, and the end of a name in it; `path` is the file to write, if known.

    It is what --format asks for; else what the end of the file's name says; else PNG. Raises UsageError where these
    say different things, or nothing that can be written.
    """
    end = os.path.splitext(path or "")[1]
    own = named(path or "")
    suffix = "." + asked.lstrip(".") if asked is not None else end or ".png"
    kind = named("x" + suffix)
    if kind == INR:
        raise UsageError("expected another format than .inr: inr decode does not write that")
    if kind is None or kind not in Image.SAVE:
        if asked is None:
            raise UsageError(f"cannot tell the format to write from {path!r}; say it with --format")
        raise UsageError(f"--format: expected the end of a name that Pillow can write, like png or jpg, got {asked!r}")
    if own is not None and own != kind:
        raise UsageError(f"-o {path} stands for {own}, but --format {asked} for {kind}")
    return kind, suffix.lower()


def check_name(path: str | None, kind: str) -> None:
    """Raise UsageError if the end of a file's name stands for another format than the one it will have."""
    own = named(path or "")
    if own not in (None, kind):
        end = f".{kind.lower()}"
        raise UsageError(f"expected a name that ends in {end} or stands for no format, got {path!r}, which is {own}'s")


def save(im: Image.Image, fp: IO[bytes], kind: str, options: Mapping[str, Any], note: Callable[[str], None]) -> None:
    """Write a loaded picture in the mode that keeps most of it; `note` is told if that is not its own.

    Raises whatever Pillow's writer does.
    """
    own = _rung_of(im)
    first: Exception | None = None
    for rung in _rungs(own, _HOLDS.get(kind)):
        out = io.BytesIO()
        try:
            converted = _converted(im, own, rung)
            if "icc_profile" in options:
                options = {**options, "icc_profile": converted.info.get("icc_profile")}
            if kind == "ICO" and max(im.size) <= LARGEST_ICON:
                options = {"sizes": [im.size], **options}  # by default Pillow leaves out its own
            converted.save(out, kind, **options)
        except Exception as e:  # each writer has its own for a mode that it does not know
            first = first or e
            continue
        if rung != own:
            note(f"{kind} does not hold {_in_words(own)}; written as {_in_words(rung)}{_loss(own, rung)}")
        if kind == "ICO":
            with Image.open(out) as made:
                if made.size != im.size:
                    note(f"{kind} does not hold {im.width}x{im.height}; written as {made.width}x{made.height}")
        fp.write(out.getbuffer())
        return
    assert first is not None
    raise first


def best(im: Image.Image, held: str) -> Image.Image:
    """A loaded picture in that of the modes which keeps most of it."""
    own = _rung_of(im)
    return _converted(im, own, _rungs(own, held)[0])


def _rungs(own: str, held: str | None) -> list[str]:
    ladder = _LADDERS.get(own, (own, *_COLOUR))
    return [rung for rung in dict.fromkeys(ladder) if held is None or rung in held.split()]


def _rung_of(im: Image.Image) -> str:
    if im.mode != "P" or "transparency" not in im.info:
        return im.mode
    return "P+1" if isinstance(im.info["transparency"], int) else "P+n"


def _converted(im: Image.Image, own: str, rung: str) -> Image.Image:
    """The picture in another mode, without a profile that is not of its colour space."""
    if rung == own:
        return im
    profile = im.info.get("icc_profile")
    new = in_8_bits(im)
    if new.mode in _FIRST:
        new = new.convert(_FIRST[new.mode])
    if own in _SEE_THROUGH and rung not in _SEE_THROUGH:
        new = _on_white(new.convert("RGBA" if new.mode == "P" else new.mode))
    if rung == "P+1":
        new = _with_one_clear(new.convert("RGBA"))
    elif rung == "P" and new.mode in ("RGB", "RGBA"):
        new = new.convert("RGB").quantize()
    else:
        new = new.convert(rung)
    before, after = (_SPACES.get(mode, b"RGB ") for mode in (own, rung))
    new.info = {key: value for key, value in im.info.items() if key != "transparency"} | (
        {"transparency": new.info["transparency"]} if rung == "P+1" else {}
    )
    if before != after and (profile or b"")[16:20] != after:
        new.info.pop("icc_profile", None)
    return new


def _on_white(im: Image.Image) -> Image.Image:
    """LA or RGBA as L or RGB, in front of white."""
    page = Image.new(im.mode[:-1], im.size, "white")
    page.paste(im.convert(page.mode), mask=im.getchannel("A"))
    return page


def _with_one_clear(im: Image.Image) -> Image.Image:
    """RGBA as a palette of up to 255 colours, and one for the parts that are more clear than not."""
    clear = im.getchannel("A").point([255] * 128 + [0] * 128)
    colours = im.convert("RGB")
    colours.paste(0, mask=clear)  # what is not seen takes no place in the palette
    new = colours.quantize(255)
    palette = new.getpalette() or []
    new.putpalette([*palette, 0, 0, 0])
    new.paste(len(palette) // 3, mask=clear)
    new.info["transparency"] = len(palette) // 3
    return new


def _in_words(rung: str) -> str:
    return {"P+1": "mode P with a clear colour", "P+n": "mode P with alpha"}.get(rung, f"mode {rung}")


def _loss(own: str, rung: str) -> str:
    """What goes on the way from one mode to another."""
    lost = [
        (own == "I;16", "of 8 bits"),
        (own in _SEE_THROUGH and rung not in _SEE_THROUGH, "in front of white"),
        (own not in _WITHOUT_COLOURS and rung in _WITHOUT_COLOURS, "without colours"),
        (own not in ("1", "L", "I;16", "P", "P+1", "P+n") and rung.startswith("P"), "of 256 colours"),
        (own in ("LA", "RGBA", "P+n") and rung == "P+1", "each pixel clear or opaque"),
        (rung == "1", "black and white only"),
    ]
    return "".join(f", {text}" for is_lost, text in lost if is_lost)
