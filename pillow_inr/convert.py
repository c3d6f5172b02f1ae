"""`inr encode` and `inr decode`: many files in one call, each written atomically, one failure not stopping the rest."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

import inr_core
import pillow_inr

from . import carry
from .atomic import atomic_write
from .modes import to_image
from .progress import Bar

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


def encode(pictures: Sequence[Path], output: Output, options: Mapping[str, object], strip: bool, quiet: bool) -> int:
    """Encode pictures, and all pictures of folders; returns the exit code."""
    sources = list(_unfold(pictures))

    def one(source: Path) -> None:
        target = output.target(source)
        started = time.monotonic()
        with Image.open(source) as im:
            if (frames := getattr(im, "n_frames", 1)) > 1:
                print(f"inr: {source}: only the first of {frames} frames is kept", file=sys.stderr)
            im.load()
            if strip:
                carry.strip(im)
            with _watch(source.name, quiet) as watch:
                pillow_inr.save(im, target, **options, **({} if strip else carry.into_inr(im)), progress=watch)
        if not quiet:
            size = target.stat().st_size
            bpp = 8 * size / (im.width * im.height)
            psnr = f", {watch.last.psnr:.2f} dB" if watch.last else ""
            print(f"{target}: {size:,} bytes, {bpp:.3f} bpp{psnr}, {time.monotonic() - started:.1f} s")

    return for_each(sources, one)


def decode(
    files: Sequence[Path],
    output: Output,
    size: tuple[int, int] | None,
    region: tuple[int, int, int, int] | None,
    strip: bool,
) -> int:
    """Decode `.inr` files, or a region of each, into whatever format the target's name asks for; the exit code."""

    def one(source: Path) -> None:
        target = output.target(source)
        kind = format_of(target.name)
        assert kind is not None
        with Image.open(source, formats=[pillow_inr.InrImageFile.format]) as opened:
            assert isinstance(opened, pillow_inr.InrImageFile)
            im: Image.Image = opened
            if size is not None or region is not None:
                im = to_image(inr_core.decode(source.read_bytes(), size=size, region=region), opened)
            im.load()
        if strip:
            carry.strip(im)
        options = carry.out_of_inr(kind, im, {} if strip else opened.text)
        if im.mode in _ENDING_IN_RGB - _WRITES_AS_IS.get(kind, set()):
            if im.mode != "YCbCr":
                options["icc_profile"] = None  # it describes the space that is left here
            im = im.convert("RGB")
        with atomic_write(target) as fp:
            im.save(fp, format=kind, **options)

    return for_each(files, one)


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
            reason = e.strerror if isinstance(e, OSError) and e.strerror else str(e) or type(e).__name__
            print(f"inr: {source}: {reason}", file=sys.stderr)
    return int(failed)


class _Watch:
    """Keeps the last report of a fit, and shows each on a bar if there is one."""

    def __init__(self, bar: Bar | None) -> None:
        self.bar = bar
        self.last: inr_core.Progress | None = None

    def __call__(self, report: inr_core.Progress) -> None:
        self.last = report
        if self.bar is not None:
            self.bar(report)


@contextmanager
def _watch(label: str, quiet: bool) -> Iterator[_Watch]:
    if quiet or not sys.stderr.isatty():
        yield _Watch(None)
    else:
        with Bar(label, leave=False) as bar:
            yield _Watch(bar)


def _unfold(pictures: Sequence[Path]) -> Iterator[Path]:
    for path in pictures:
        if path.is_dir():
            known = {end for end, kind in Image.registered_extensions().items() if kind in Image.OPEN and end != ".inr"}
            yield from sorted(entry for entry in path.iterdir() if entry.suffix.lower() in known)
        else:
            yield path
