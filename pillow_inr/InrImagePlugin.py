#
# The INR format: a picture stored as a small neural network. This file is what Pillow sees of it; the format itself
# is in inr_core, which is imported where it is needed so that registering costs next to nothing.
#
from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile, ImagePalette, UnidentifiedImageError

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

    from inr_core import Head

SIGNATURE = b"\x89INR\r\n\x1a\n"

# Decoder option as a module global, until there is a way to pass parameters to Image.open (Pillow issue 569).
DECODE_THREADS: int | None = None  # None: all cores this process may use


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(SIGNATURE)


class InrImageFile(ImageFile.ImageFile):
    """A lazily opened `.inr` file: opening reads the header and the metadata, loading evaluates the network."""

    format = "INR"
    format_description = "Implicit neural representation"
    n_frames = 1
    is_animated = False
    _lock: AbstractContextManager[Any] = nullcontext()  # of an unpickled image, which has nothing left to load

    def _open(self) -> None:
        from inr_core import FormatError, read_head

        assert self.fp is not None
        if not _accept(self.fp.read(len(SIGNATURE))):
            msg = "not an INR file"
            raise SyntaxError(msg)
        self.fp.seek(0)
        try:
            head = read_head(self.fp)
        except FormatError as e:
            # The signature is ours, so no other plugin will open it: say why instead of "cannot identify image file".
            msg = f"{self._label()}: {e}"
            raise UnidentifiedImageError(msg) from e

        header = head.header
        self._mode = header.mode
        self._size = header.width, header.height
        self._set_info(head)
        self._lock = threading.RLock()
        self.decodermaxblock = min(header.payload_bytes, ImageFile.SAFEBLOCK)
        self.tile = [ImageFile._Tile("inr", (0, 0, *self.size), head.payload_offset, (head,))]

    def _set_info(self, head: Head) -> None:
        metadata = head.metadata
        named = {
            "exif": metadata.exif,
            "icc_profile": metadata.icc,
            "xmp": metadata.xmp,
            "comment": metadata.comment,
            "dpi": metadata.dpi,
        }
        self.info.update({key: value for key, value in named.items() if value is not None})
        if head.palette_bytes is not None:
            channels = head.header.channels
            entries = [head.palette_bytes[i : i + channels] for i in range(0, len(head.palette_bytes), channels)]
            self.palette = ImagePalette.raw("RGB", b"".join(entry[:3] for entry in entries))
            if channels == 4:
                # As PNG: one clear colour is its index, anything else one alpha a colour; pickling keeps both.
                alpha = bytes(entry[3] for entry in entries)
                one_clear = alpha.count(0) == 1 and alpha.count(255) == len(alpha) - 1
                self.info["transparency"] = alpha.index(0) if one_clear else alpha

    def _label(self) -> str:
        return repr(self.filename) if self.filename else "image file"

    def load(self) -> PixelAccess | None:
        with self._lock:
            return super().load()

    def verify(self) -> None:
        """Check the CRC of every chunk without decoding; raises OSError. Call it directly after opening."""
        from inr_core import FormatError, verify

        try:
            if self.fp is not None:
                self.fp.seek(0)
                verify(self.fp)
        except FormatError as e:
            msg = f"{self._label()}: {e}"
            raise OSError(msg) from e
        finally:
            super().verify()


class InrDecoder(ImageFile.PyDecoder):
    """Waits for the whole payload, then writes the picture band by band."""

    def decode(self, buffer: Image.DecoderInput) -> tuple[int, int]:
        assert isinstance(buffer, (bytes, bytearray, memoryview))
        head: Head = self.args[0]
        size = head.header.payload_bytes
        if len(buffer) < size:
            return 0, 0

        from inr_core import Decoder, FormatError

        from .modes import to_raw

        try:
            for top, rows in Decoder(head, bytes(buffer[:size]), DECODE_THREADS).bands():
                self.state.yoff, self.state.ysize = top, len(rows)
                self.set_as_raw(*to_raw(rows, self.mode))
        except FormatError as e:
            # Not an error code: Pillow would forget the tile, and a second load() would succeed with a black picture.
            msg = f"image file is damaged: {e}"
            raise OSError(msg) from e
        return -1, 0


def _save(im: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    from inr_core import InrError, Interrupted, SettingsError, encode

    from .modes import from_image
    from .options import SaveOptions

    options = SaveOptions.from_encoderinfo(im.encoderinfo, im.info)
    pixels = from_image(im)
    try:
        with options.reporting() as report:
            data = encode(
                pixels.array,
                options.settings,
                mode=pixels.mode,
                palette=pixels.palette,
                metadata=options.metadata,
                progress=report,
            )
    except Interrupted as e:
        # Image.save leaves the file open on its way out, so what was kept must not stay in a buffer.
        fp.write(e.data)
        if hasattr(fp, "flush"):
            fp.flush()
        raise
    except SettingsError:
        raise
    except InrError as e:
        raise ValueError(str(e)) from e
    fp.write(data)


def register() -> None:
    """Register the format with Pillow; calling it again changes nothing."""
    Image.register_open(InrImageFile.format, InrImageFile, _accept)
    Image.register_decoder("inr", InrDecoder)
    Image.register_save(InrImageFile.format, _save)
    Image.register_extension(InrImageFile.format, ".inr")
    Image.register_mime(InrImageFile.format, "image/x-inr")


register()
