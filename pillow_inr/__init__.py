"""The `.inr` image format for Pillow: importing this package registers it with `PIL.Image`."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

from .InrImagePlugin import InrImageFile, register

if TYPE_CHECKING:
    from PIL import Image

    from inr_core import Limits

__version__ = "0.1.0"
__all__ = ["InrImageFile", "__version__", "open", "register", "save"]


def __dir__() -> list[str]:
    """What `dir`, `help` and completion show."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


def open(  # noqa: A001 - as Image.open
    fp: str | bytes | os.PathLike[str] | os.PathLike[bytes] | IO[bytes], /, *, limits: Limits | None = None
) -> InrImageFile:
    """Open an `.inr` file as `Image.open` does, with limits of its own, like `inr_core.Limits.untrusted()`.

    What goes beyond them raises DecompressionBombError, here or when it is loaded.
    """
    from PIL import Image

    from inr_core import SIGNATURE, Limits, shown

    from .bombs import OPENED_WITH

    if isinstance(fp, bytes) and fp.startswith(SIGNATURE):
        msg = "fp: expected a path or an open file, got the bytes of one; io.BytesIO(…) makes one of them"
        raise TypeError(msg)
    if not isinstance(fp, (str, bytes, os.PathLike)) and not hasattr(fp, "read"):
        msg = f"fp: expected a path or an open file, got {shown(fp)}"
        raise TypeError(msg)
    asked: object = limits
    if asked is not None and not isinstance(asked, Limits):
        msg = f"limits: expected inr_core.Limits, got {shown(limits)}"
        raise TypeError(msg)
    token = OPENED_WITH.set(limits)
    try:
        im = Image.open(fp, formats=[InrImageFile.format])
    finally:
        OPENED_WITH.reset(token)
    assert isinstance(im, InrImageFile)
    return im


def save(im: Image.Image, path: str | bytes | os.PathLike[str] | os.PathLike[bytes], /, **options: Any) -> None:
    """Save a picture as `.inr` so that `path` holds either its old content or a complete new file, never anything else.

    `Image.save` empties the target before it trains; this writes a temporary file in the same folder and renames it.
    A first Ctrl-C keeps the best network so far: the file is put in place, then the KeyboardInterrupt goes on.

    `options` are those of `im.save("a.inr", …)`. Raises ValueError, before any training, for an option or a picture
    that cannot be used, and OSError when the file cannot be written.
    """
    from PIL import Image

    from inr_core import Interrupted, shown

    from .atomic import atomic_write

    picture: object = im
    if not isinstance(picture, Image.Image):
        msg = f"im: expected a PIL.Image.Image, got {shown(im)}"
        raise TypeError(msg)
    if hasattr(path, "write"):
        msg = f"path: expected the path of a file, got {shown(path)}; im.save(fp, 'INR') takes open ones"
        raise TypeError(msg)
    for name in ("save_all", "append_images"):
        if options.pop(name, False):
            msg = f"{name}: a .inr file holds one picture; save each frame to its own file"
            raise ValueError(msg)
    with atomic_write(path, keep=Interrupted) as fp:
        im.save(fp, format=InrImageFile.format, **options)
