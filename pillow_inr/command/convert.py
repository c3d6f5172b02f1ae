"""`inr encode` and `inr decode`: how one file is made of another, and many, one failure not stopping the rest."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Any, Protocol

from numpy.typing import NDArray
from PIL import Image

import inr_core
import pillow_inr

from .. import InrImagePlugin, carry, same
from ..modes import to_image
from ..progress import Bar
from . import formats
from .messages import Voice, blame, printable, warnings_to
from .output import Output, Target
from .sources import Source, for_each

Note = Callable[[str], None]


class Stop(Protocol):
    """Asked now and then while a picture is made, with a report of the fit if there is one: whether to end there."""

    def __call__(self, report: inr_core.Progress | None = None) -> bool:
        """True: with what there is."""


class Make(Protocol):
    """How the file for one picture is made: a worker process is sent it, so it can be pickled."""

    def __call__(self, source: Source, fp: IO[bytes], stop: Stop, note: Note) -> Made | None:
        """Write to `fp` what is made of a picture.

        `note` is told what is worth knowing of it. Raises any exception for what is wrong with the picture,
        inr_core.Interrupted after Ctrl-C.
        """

    def pixels(self, source: Source) -> int:
        """How many a picture has. Raises what is wrong with it."""

    def on(self, threads: int) -> Make:
        """The same on that many threads, unless the user has said how many."""


class Made(Protocol):
    """What there is to say of a file that was made."""

    def line(self, target: Target, size: int) -> str:
        """In words; `size` is in bytes."""


@dataclass(frozen=True)
class Fitted:
    """What there is to say of a picture that was encoded."""

    pixels: int
    psnr: float | None  # dB; None where nothing was reported
    seconds: float

    def line(self, target: Target, size: int) -> str:
        """In words; `size` is in bytes."""
        psnr = "" if self.psnr is None else ", exact" if self.psnr == math.inf else f", {self.psnr:.2f} dB"
        return f"{target}: {size:,} bytes, {8 * size / self.pixels:.3f} bpp{psnr}, {self.seconds:.1f} s"


@dataclass(frozen=True)
class Decoded:
    """What there is to say of a file that was decoded."""

    width: int
    height: int

    def line(self, target: Target, size: int) -> str:
        """As `Made` says."""
        return f"{target}: {self.width}x{self.height}, {size:,} bytes"


@dataclass(frozen=True)
class Encoding:
    """Encode a picture as `.inr`."""

    options: Mapping[str, object]  # of inr_core.Settings
    strip: bool

    def __call__(self, source: Source, fp: IO[bytes], stop: Stop, note: Note) -> Fitted:
        """As `Make` says."""
        started, psnr = time.monotonic(), None

        def watch(report: inr_core.Progress) -> bool:
            nonlocal psnr
            psnr = report.psnr
            return not stop(report)

        with warnings_to(note), source.open() as im:
            if (frames := getattr(im, "n_frames", 1)) > 1:
                note(f"only the first of {frames} frames is kept")
            if same.reads_less(im):
                note(f"{same.LESS_READ} {im.mode}")
            im.load()
            if self.strip:
                carry.strip(im)
            metadata = {} if self.strip else carry.into_inr(im, note)
            im.save(fp, format=pillow_inr.InrImageFile.format, **self.options, **metadata, progress=watch)
        return Fitted(im.width * im.height, psnr, time.monotonic() - started)

    def pixels(self, source: Source) -> int:
        """As `Make` says."""
        with warnings_to(None), source.open() as im:
            return im.width * im.height

    def on(self, threads: int) -> Encoding:
        """As `Make` says."""
        return replace(self, options={"threads": threads, **self.options})


@dataclass(frozen=True)
class Decoding:
    """Decode a `.inr` file, or a region of it, into another format."""

    kind: str  # Pillow's name of that format
    size: tuple[int, int] | None
    region: tuple[int, int, int, int] | None
    strip: bool
    truncated: bool = False  # decode what there is of a file that ends early
    threads: int | None = None  # None: as the plugin is told
    seconds: float | None = None  # nominal ones, beyond which a picture is refused; None: as by default

    def __call__(self, source: Source, fp: IO[bytes], stop: Stop, note: Note) -> Decoded:
        """As `Make` says; this takes no time that is worth stopping."""
        if self.threads is not None:  # a worker's own: the rest of its process does nothing else
            InrImagePlugin.DECODE_THREADS = self.threads
        source = source.held()
        with warnings_to(note), _may_take_more(), source.open_inr(self._limits) as opened:
            header = inr_core.read_head(io.BytesIO(source.read())).header
            if header.bit_depth > 8 and opened.mode != "I;16":
                note(f"{header.bit_depth} bits a sample become 8: Pillow has no mode {opened.mode} of more")
            im: Image.Image = opened
            if self.size is not None or self.region is not None or self.truncated:
                im = to_image(self._pixels(source.read(), note), opened)
            _load(im)
            if self.strip:
                carry.strip(im)
            options = carry.out_of_inr(self.kind, im, {} if self.strip else opened.text, note)
            formats.save(im, fp, self.kind, options, note)
            return Decoded(*im.size)

    @property
    def _limits(self) -> inr_core.Limits | None:
        default = inr_core.Limits.default
        return None if self.seconds is None else replace(default, seconds=self.seconds)

    def _pixels(self, data: bytes, note: Note) -> NDArray[Any]:
        decode = partial(
            inr_core.decode, data, size=self.size, region=self.region, threads=self.threads, limits=self._limits
        )
        try:
            return decode()
        except inr_core.TruncatedError as e:
            if not self.truncated:
                raise OSError(f"{e}{_HINT}") from e
            pixels = decode(truncated=True)
            note(f"{e}; decoded as far as it goes")
            return pixels

    def pixels(self, source: Source) -> int:
        """As `Make` says."""
        with warnings_to(None), source.open_inr() as im:
            return im.width * im.height

    def on(self, threads: int) -> Decoding:
        """As `Make` says."""
        return replace(self, threads=threads)


def one_by_one(sources: Sequence[Source], output: Output, make: Make, voice: Voice, bar: bool = False) -> int:
    """Make the files in this process; returns the exit code. `bar`: show one over the iterations, on stderr."""

    def one(source: Source) -> None:
        source = source.held()
        make.pixels(source)  # what is no picture is told of first
        target = output.target(source)
        if target.done:
            voice.line(target.skipped())
            return
        made, notes = io.BytesIO(), list[str]()
        with output.writing(target, keep=inr_core.Interrupted) as fp:  # whether that can be is known before the work
            try:
                with blame(source), _watched(source.name, bar) as stop:
                    facts = make(source, made, stop, notes.append)
            except inr_core.Interrupted:
                fp.write(made.getbuffer())
                raise
            finally:
                for note in notes:
                    voice.note(source, note)
            fp.write(made.getbuffer())
        if facts:
            voice.line(facts.line(target, made.tell()))

    return for_each(sources, one, voice)


_MORE = "; --seconds allows more"


@contextmanager
def _may_take_more() -> Iterator[None]:
    """Say how, where a picture is refused for the time it takes."""
    try:
        yield
    except (inr_core.LimitError, Image.DecompressionBombError) as e:
        if not str(e).startswith("limits: seconds"):
            raise
        raise Image.DecompressionBombError(f"{e}{_MORE}") from e


_HINT = "; --truncated decodes what there is of it"


def _load(im: Image.Image) -> None:
    try:
        im.load()
    except OSError as e:
        if isinstance(e.__cause__, inr_core.TruncatedError):
            raise OSError(f"{e}{_HINT}") from e
        raise


@contextmanager
def _watched(label: str, shown: bool) -> Iterator[Stop]:
    """What stops nothing, and shows the reports on a bar if it is to."""
    if not shown:
        yield lambda report=None: False
        return
    with Bar(printable(label), leave=False) as bar:

        def show(report: inr_core.Progress | None = None) -> bool:
            if report is not None:
                bar(report)
            return False

        yield show
