#
# The INR format: a picture stored as a small neural network. This file is what Pillow sees of it; the format itself
# is in inr_core, which is imported where it is needed so that registering costs next to nothing.
#
from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile, UnidentifiedImageError

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

    from inr_core import Arrival, Cost, Decoder, Head, Limits

    from .drafts import Draft

SIGNATURE = b"\x89INR\r\n\x1a\n"

# Options of decoding as module globals, until there is a way to pass parameters to Image.open (Pillow issue 569).
DECODE_THREADS: int | None = None  # None: all cores this process may use
LIMITS: Limits | None = None  # None: `inr_core.Limits.default`, whose pixels and seconds go with MAX_IMAGE_PIXELS


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(SIGNATURE)


class _Scaled(Image.Image):
    """A picture whose 16-bit grey is scaled where 8 bits are asked for: Pillow clips it, so it turns white.

    Pillow's writers of WebP, AVIF and GIF ask for that, too.
    """

    def convert(
        self,
        mode: str | None = None,
        matrix: list[float] | tuple[float, ...] | None = None,
        dither: Image.Dither | None = None,
        palette: Image.Palette = Image.Palette.WEB,
        colors: int = 256,
    ) -> Image.Image:
        """As `Image.convert`."""
        im: Image.Image = self
        if self.mode == "I;16" and mode is not None and not mode.startswith(("I", "F")):
            from .modes import in_8_bits

            self.load()
            im = in_8_bits(self)
        return Image.Image.convert(im, mode, matrix, dither, palette, colors)

    def _new(self, core: Any) -> Image.Image:
        # What Pillow makes copies, parts and other sizes by: they are no different from the picture.
        new = super()._new(core)
        if new.mode == "I;16":
            new.__class__ = _Scaled
        return new


class InrImageFile(_Scaled, ImageFile.ImageFile):
    """A lazily opened `.inr` file: opening reads the header and the metadata, loading evaluates the network."""

    format = "INR"
    format_description = "Implicit neural representation"
    n_frames = 1
    is_animated = False
    _text: dict[str, str] = {}  # noqa: RUF012 (replaced, never changed)
    _locks: dict[int, AbstractContextManager[Any]] | None = None  # by process; an unpickled image has nothing to load
    _arriving: tuple[Head, Arrival] | None = None  # what an ImageFile.Parser has been fed
    _painted = 0  # bytes of it that the pixels were made from
    _limits: Limits | None = None  # of its own, or those that LIMITS was when it was opened
    _gap: float | None = None  # of the call of `thumbnail` that is going on

    def _open(self) -> None:
        from inr_core import Arrival, FormatError, LimitError, Metadata, read_head

        from .bombs import OPENED_WITH, given
        from .info_keys import fill_info

        assert self.fp is not None
        if not _accept(self.fp.read(len(SIGNATURE))):
            msg = "not an INR file"
            raise SyntaxError(msg)
        self.fp.seek(0)
        try:
            self._limits = OPENED_WITH.get() or LIMITS
            head = read_head(self.fp, given(self._limits))
        except LimitError as e:
            raise Image.DecompressionBombError(str(e)) from e
        except FormatError as e:
            # The signature is ours, so no other plugin will open it: say why instead of "cannot identify image file".
            msg = f"{self._label()}: {e}"
            raise UnidentifiedImageError(msg) from e

        header = head.header
        self._mode = header.mode
        self._size = header.width, header.height
        self._text = fill_info(self, head)
        head = type(head)(header, Metadata(), head.palette_bytes, head.payload_offset)  # `info` has the metadata
        self._locks = {}
        self._arriving = head, Arrival(header)
        args = (*self._arriving, None, self._limits)
        self.tile = [ImageFile._Tile("inr", (0, 0, *self.size), head.payload_offset, args)]

    @property
    def _lock(self) -> AbstractContextManager[Any]:
        # A process that was forked while another thread loaded this image has a lock that nobody will give back.
        return nullcontext() if self._locks is None else self._locks.setdefault(os.getpid(), threading.RLock())

    @property
    def text(self) -> dict[str, str]:
        """Values by key, like those of a PNG file."""
        return self._text

    def getexif(self) -> Image.Exif:
        """As `Image.getexif`; what cannot be read is not there, as JPEG has it."""
        try:
            return super().getexif()
        except Exception:
            return super().getexif()  # Pillow tries to read it once only

    def _getexif(self) -> dict[int, Any] | None:
        # Not public, but what thumbnailers from before Image.getexif() ask for; JPEG, PNG and WebP still have it, too.
        return self.getexif()._get_merged_dict() if "exif" in self.info else None

    def _label(self) -> str:
        return repr(self.filename) if self.filename else "image file"

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Ask for a smaller picture, or for mode L of RGB, before loading: only what that needs is read and evaluated.

        The picture then has the smallest size that is at least `size` both ways, its sides in proportion, if that is
        smaller than it is. Returns mode and box (the whole of it), or None where there is nothing to do.
        """
        from .drafts import Draft, in_proportion

        if len(self.tile) != 1:
            return None
        name, _, offset, args = self.tile[0]
        assert isinstance(args, tuple)
        head, arrival, drafted, limits = args
        full = self.size
        new, needed = full, full
        if size:
            least = min if self._gap is None else max  # a thumbnail only has to touch the box that it is to fit in
            new = in_proportion(full, size, least)
            needed = new
            if self._gap is not None:
                needed = in_proportion(full, (size[0] / self._gap, size[1] / self._gap), least)
        grey = mode == "L" and self.mode == "RGB"
        if drafted is not None or (new == full and not grey):
            return None
        if grey:
            self._mode = "L"
        self._size = new
        self.tile = [ImageFile._Tile(name, (0, 0, *new), offset, (head, arrival, Draft(new, needed, grey), limits))]
        return self.mode, (0, 0, *new)

    def thumbnail(
        self,
        size: tuple[float, float],
        resample: Image.Resampling = Image.Resampling.BICUBIC,
        reducing_gap: float | None = 2.0,
    ) -> None:
        """As `Image.thumbnail`; what is read suffices for the thumbnail, not for the larger picture made first."""
        with self._lock:
            self._gap = reducing_gap
            try:
                super().thumbnail(size, resample, reducing_gap)
            finally:
                self._gap = None

    def load(self) -> PixelAccess | None:
        with self._lock:
            pixels = super().load()
            if self._arriving is not None and self._arriving[1].data and not self.tile:
                from .arriving import paint

                self._painted = paint(self, *self._arriving, self._painted, self._limits)
            return pixels

    def cost(self, size: tuple[int, int] | None = None) -> Cost:
        """What loading the picture, or evaluating it at a size, costs at the most; before it is loaded.

        Its `seconds` are those of a core of a nominal machine. The pixel chunks are read, nothing is decoded. Raises
        OSError for a damaged file, and ValueError for a picture that is loaded.
        """
        from .arriving import cost_of

        if self.fp is None or not self.tile or self._arriving is None:
            msg = "cost: expected an opened picture that is not loaded yet"
            raise ValueError(msg)
        return cost_of(self.fp, self._arriving[0], self.tile[0].offset, size)

    def verify(self) -> None:
        """Check the CRC of every chunk without decoding; raises OSError. Call it directly after opening."""
        from inr_core import FormatError, verify

        from .bombs import given, told

        try:
            if self.fp is not None:
                self.fp.seek(0)
                with told():
                    verify(self.fp, given(self._limits))
        except FormatError as e:
            msg = f"{self._label()}: {e}"
            raise OSError(msg) from e
        finally:
            super().verify()


class InrDecoder(ImageFile.PyDecoder):
    """Reads as much of the file as the picture needs, or, where an ImageFile.Parser feeds it, waits for all of it."""

    _pulls_fd = True

    def decode(self, buffer: Image.DecoderInput) -> tuple[int, int]:
        from inr_core import Decoder, FormatError, TruncatedError

        from .bombs import given
        from .unshared import unshared

        head: Head
        arrival: Arrival
        draft: Draft | None
        limits: Limits | None
        head, arrival, draft, limits = self.args
        limits = given(limits)
        truncated = ImageFile.LOAD_TRUNCATED_IMAGES
        try:
            if self.fd is not None:
                needed = draft.needed if draft and draft.size != (head.header.width, head.header.height) else None
                fp = unshared(self.fd, head.payload_offset)
                decoder = Decoder.of_file(fp, head, needed, DECODE_THREADS, truncated=truncated, limits=limits)
                self._write(decoder, draft, limits)
                return -1, 0
            assert isinstance(buffer, (bytes, bytearray, memoryview))
            arrival.feed(bytes(buffer))
            if not arrival.missing:
                self._write(Decoder(head, bytes(arrival.data), DECODE_THREADS, limits=limits), None, limits)
                return -1, 0
            if truncated and not buffer:  # the parser is being closed
                decoder = Decoder(head, bytes(arrival.data), DECODE_THREADS, truncated=True, limits=limits)
                self._write(decoder, None, limits)
                return -1, 0
        except TruncatedError as e:
            msg = f"image file is truncated: {e}"
            raise OSError(msg) from e
        except FormatError as e:
            # Not an error code: Pillow would forget the tile, and a second load() would succeed with a black picture.
            msg = f"image file is damaged: {e}"
            raise OSError(msg) from e
        return len(buffer), 0

    def _write(self, decoder: Decoder, draft: Draft | None, limits: Limits) -> None:
        from .bombs import told, warn_of
        from .modes import to_raw

        warned = warn_of(decoder.cost(None if draft is None else draft.size).least_seconds, limits)
        with told():
            bands = decoder.bands() if draft is None else [(0, decoder.decode(draft.size, grey=draft.grey))]
            for top, rows in bands:
                self.state.yoff, self.state.ysize = top, len(rows)
                self.set_as_raw(*to_raw(rows, self.mode))
        if not warned:
            warn_of(decoder.seconds, limits)


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
