"""`inr encode` and `inr decode`: how one file is made of another, and many, one failure not stopping the rest."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Protocol

from PIL import Image

import inr_core
import pillow_inr

from .. import InrImagePlugin, carry
from ..atomic import atomic_write
from ..modes import in_8_bits, to_image
from ..progress import Bar

# What a damaged, unreadable or unsuitable file makes Pillow and its plugins raise; anything else is our mistake.
EXPECTED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    MemoryError,
    ImportError,
    inr_core.InrError,
    Image.DecompressionBombError,
)

_ENDING_IN_RGB = {"LAB", "YCbCr", "CMYK"}
_HOLDS_16_BITS = {"IM", "JPEG2000", "PNG", "PPM", "SPIDER", "TIFF"}  # of grey
_WRITES_AS_IS = {"TIFF": {"LAB", "YCbCr", "CMYK"}, "JPEG": {"YCbCr", "CMYK"}}


class Output:
    """Where results go: beside their source, to one named file, or into a folder."""

    def __init__(self, path: str | None, suffix: str, sources: Sequence[Path], overwrite: bool) -> None:
        self.path, self.suffix, self.overwrite = path, suffix, overwrite
        many = len(sources) > 1 or any(source.is_dir() for source in sources)
        self.into_folder = path is not None and (many or path.endswith(("/", os.sep)) or os.path.isdir(path))
        self._taken: set[Path] = set()

    @property
    def name(self) -> str:
        """The name that says the format: the file's own, or the suffix of each result."""
        return self.suffix if self.path is None or self.into_folder else self.path

    def target(self, source: Path) -> Path:
        """The file to write for one source; raises OSError if it must not be written."""
        if self.path is None:
            target = source.with_suffix(self.suffix)
        elif self.into_folder:
            folder = Path(self.path)
            folder.mkdir(parents=True, exist_ok=True)
            target = folder / source.with_suffix(self.suffix).name
        else:
            target = Path(self.path)
        if target in self._taken:
            msg = f"another file of this call already goes to {target}"
            raise FileExistsError(msg)
        if target.is_file() and not self.overwrite:
            msg = f"{target} exists; pass --overwrite to replace it"
            raise FileExistsError(msg)
        self._taken.add(target)
        return target


class Make(Protocol):
    """How the file for one picture is made: a worker process is sent it, so it can be pickled."""

    def __call__(self, source: Path, fp: IO[bytes], stop: Callable[[], bool]) -> Fitted | None:
        """Write to `fp` what is made of a picture; asked now and then, `stop` says whether to end with what there is.

        Raises one of EXPECTED for what is wrong with the picture, inr_core.Interrupted after Ctrl-C.
        """

    def on(self, threads: int) -> Make:
        """The same on that many threads, unless the user has said how many."""


@dataclass(frozen=True)
class Fitted:
    """What there is to say of a picture that was encoded."""

    pixels: int
    psnr: float | None  # dB; None where nothing was reported
    seconds: float

    def line(self, target: Path, size: int) -> str:
        """In words; `size` is in bytes."""
        psnr = "" if self.psnr is None else f", {self.psnr:.2f} dB"
        return f"{target}: {size:,} bytes, {8 * size / self.pixels:.3f} bpp{psnr}, {self.seconds:.1f} s"


@dataclass(frozen=True)
class Encoding:
    """Encode a picture as `.inr`."""

    options: Mapping[str, object]  # of inr_core.Settings
    strip: bool
    bar: bool = False  # over the iterations, on stderr

    def __call__(self, source: Path, fp: IO[bytes], stop: Callable[[], bool]) -> Fitted:
        """As `Make` says."""
        started = time.monotonic()
        with Image.open(source) as im:
            if (frames := getattr(im, "n_frames", 1)) > 1:
                print(f"inr: {source}: only the first of {frames} frames is kept", file=sys.stderr)
            im.load()
            if self.strip:
                carry.strip(im)
            metadata = {} if self.strip else carry.into_inr(im)
            with _watch(source.name, self.bar, stop) as watch:
                im.save(fp, format=pillow_inr.InrImageFile.format, **self.options, **metadata, progress=watch)
        psnr = watch.last.psnr if watch.last else None
        return Fitted(im.width * im.height, psnr, time.monotonic() - started)

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
    threads: int | None = None  # None: as the plugin is told

    def __call__(self, source: Path, fp: IO[bytes], stop: Callable[[], bool]) -> None:
        """As `Make` says; this takes no time that is worth stopping."""
        if self.threads is not None:  # a worker's own: the rest of its process does nothing else
            InrImagePlugin.DECODE_THREADS = self.threads
        with Image.open(source, formats=[pillow_inr.InrImageFile.format]) as opened:
            assert isinstance(opened, pillow_inr.InrImageFile)
            im: Image.Image = opened
            if self.size is not None or self.region is not None:
                pixels = inr_core.decode(source.read_bytes(), size=self.size, region=self.region, threads=self.threads)
                im = to_image(pixels, opened)
            im.load()
        if self.strip:
            carry.strip(im)
        options = carry.out_of_inr(self.kind, im, {} if self.strip else opened.text)
        if self.kind not in _HOLDS_16_BITS:
            im = in_8_bits(im)
        if im.mode in _ENDING_IN_RGB - _WRITES_AS_IS.get(self.kind, set()):
            if im.mode != "YCbCr":
                options["icc_profile"] = None  # it describes the space that is left here
            im = im.convert("RGB")
        im.save(fp, format=self.kind, **options)

    def on(self, threads: int) -> Decoding:
        """As `Make` says."""
        return replace(self, threads=threads)


def one_by_one(sources: Sequence[Path], output: Output, make: Make, quiet: bool) -> int:
    """Make the files in this process; returns the exit code."""

    def one(source: Path) -> None:
        target = output.target(source)
        with atomic_write(target, keep=inr_core.Interrupted) as fp:
            fitted = make(source, fp, lambda: False)
        if fitted and not quiet:
            print(fitted.line(target, target.stat().st_size))

    return for_each(sources, one)


def format_of(name: str) -> str | None:
    """Pillow's name of the format that a file name stands for, if Pillow can write it."""
    kind = Image.registered_extensions().get(os.path.splitext("x" + name)[1].lower())
    return kind if kind in Image.SAVE else None


def for_each(sources: Sequence[Path], action: Callable[[Path], None]) -> int:
    """Do every file; one that fails is reported and makes the exit code 1."""
    failed = False
    for source in sources:
        try:
            action(source)
        except BrokenPipeError:
            raise
        except inr_core.Interrupted as e:
            # What was kept has been written.
            msg = f"{source}: {e}"
            raise KeyboardInterrupt(msg) from e
        except EXPECTED as e:
            failed = True
            print(f"inr: {source}: {reason(e)}", file=sys.stderr)
    return int(failed)


def reason(error: BaseException) -> str:
    """What an error says, without the file's name that the system's errors begin with."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__


class _Watch:
    """Keeps the last report of a fit, shows each on a bar if there is one, and ends the fit when asked to."""

    def __init__(self, bar: Bar | None, stop: Callable[[], bool]) -> None:
        self.bar, self.stop = bar, stop
        self.last: inr_core.Progress | None = None

    def __call__(self, report: inr_core.Progress) -> bool:
        self.last = report
        if self.bar is not None:
            self.bar(report)
        return not self.stop()


@contextmanager
def _watch(label: str, shown: bool, stop: Callable[[], bool]) -> Iterator[_Watch]:
    if not shown:
        yield _Watch(None, stop)
    else:
        with Bar(label, leave=False) as bar:
            yield _Watch(bar, stop)


def unfold(pictures: Sequence[Path]) -> Iterator[Path]:
    """The pictures, and all those in folders, in order."""
    for path in pictures:
        if path.is_dir():
            known = {end for end, kind in Image.registered_extensions().items() if kind in Image.OPEN and end != ".inr"}
            yield from sorted(entry for entry in path.iterdir() if entry.suffix.lower() in known)
        else:
            yield path
