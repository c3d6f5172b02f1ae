"""The `.inr` image format for Pillow: importing this package registers it with `PIL.Image`."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from .InrImagePlugin import InrImageFile, register

if TYPE_CHECKING:
    import os

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

    from .bombs import OPENED_WITH

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
    from inr_core import Interrupted

    from .atomic import atomic_write

    for name in ("save_all", "append_images"):
        if options.pop(name, False):
            msg = f"{name}: a .inr file holds one picture; save each frame to its own file"
            raise ValueError(msg)
    with atomic_write(path, keep=Interrupted) as fp:
        im.save(fp, format=InrImageFile.format, **options)
