"""The `inr` command: what it understands. What it does is in the modules that are imported below."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import __version__

USAGE, INTERRUPTED = 2, 130

_EPILOG = """exit codes: 0 all done, 1 something failed (other files were still done), 2 wrong usage, 130 interrupted.
Ctrl-C while encoding keeps the best file so far; a second one stops at once."""

# Options of inr_core.Settings: type, what the value is called, help. Their defaults and ranges are written only there.
_ENCODE_OPTIONS: dict[str, tuple[type, str, str]] = {
    "quality": (float, "N", "0 … 100: larger is better and bigger"),
    "target_size": (int, "BYTES", "the best picture that fits into so many bytes"),
    "target_psnr": (float, "DB", "the smallest file that decodes to at least this PSNR"),
    "effort": (int, "N", "0 … 9: time spent on the picture"),
    "time_limit": (float, "SECONDS", "of fitting for each picture"),
    "device": (str, "NAME", "auto, cpu, cuda, cuda:N or mps"),
    "threads": (int, "N", "CPU threads"),
    "seed": (int, "N", "of everything random"),
    "model": (str, "NAME", "auto, latent or siren; the options below are the siren's"),
    "width": (int, "N", "neurons of each hidden layer"),
    "depth": (int, "N", "linear layers"),
    "omega_first": (float, "X", "frequency factor of the first sine layer"),
    "omega_hidden": (float, "X", "frequency factor of the hidden sine layers"),
    "density": (float, "X", "fraction of the weights that are not zero"),
    "bits": (int, "N", "bits of a quantised weight"),
    "sparsity": (str, "NAME", "rigl, prune or small-dense"),
    "quantization": (str, "NAME", "qat, range, distribution, kmeans or float16"),
    "steps": (int, "N", "training steps"),
    "batch": (int, "PIXELS", "pixels of a training step"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; wrong usage leaves by SystemExit(2), as argparse does."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    parser = _parser()
    try:
        if arguments[:1] == ["bench"]:  # has a parser of its own; argparse could not pass on what starts with a dash
            return _bench(arguments[1:])
        args = parser.parse_args(arguments)
        return int(args.run(parser, args))
    except KeyboardInterrupt as e:
        print(f"inr: {e}" if str(e) else "inr: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output, `head` say, has left. What is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _encode(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    from inr_core import Settings, SettingsError, cores

    from . import convert, jobs

    options = {name: getattr(args, name) for name in _ENCODE_OPTIONS if getattr(args, name) is not None}
    try:
        Settings.from_options(options)
    except SettingsError as e:
        parser.error(str(e))
    output = convert.Output(args.output, ".inr", args.pictures, args.overwrite)
    sources = list(convert.unfold(args.pictures))
    count = min(args.jobs or cores(), len(sources))
    bar = not args.quiet and sys.stderr.isatty()
    if count > 1:
        return jobs.together(sources, output, convert.Encoding(options, args.strip), count, args.quiet, bar)
    return convert.one_by_one(sources, output, convert.Encoding(options, args.strip, bar), args.quiet)


def _decode(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    from . import convert, jobs

    suffix = "." + args.format.lower().lstrip(".")
    output = convert.Output(args.output, suffix, args.files, args.overwrite)
    kind = convert.format_of(output.name)
    if kind is None:
        parser.error(f"cannot tell the format to write from {output.name!r}")
    decoding = convert.Decoding(kind, args.size, args.region, args.strip)
    count = min(args.jobs, len(args.files))
    if count > 1:
        return jobs.together(args.files, output, decoding, count)
    return convert.one_by_one(args.files, output, decoding, quiet=False)


def _info(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    from . import info

    return info.show(args.files, args.json)


def _set(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    from .set import change_of, set_metadata

    if args.output is not None and len(args.files) > 1:
        parser.error("-o names one file, but there are several to change")
    try:
        change = change_of(args)
    except OSError as e:
        return _failed(f"{e.filename}: {e.strerror}")
    except ValueError as e:
        parser.error(str(e))
    return set_metadata(args.files, args.output, args.overwrite, change)


def _thumbnail(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    from .convert import for_each
    from .thumbnail import write_thumbnail

    return for_each([args.file], lambda source: write_thumbnail(source, args.target, args.size))


def _view(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    try:
        import tkinter

        from .view import view
    except ModuleNotFoundError as e:
        return _failed(f"view: expected a package {e.name}, which is not installed")
    try:
        return view(args.files)
    except tkinter.TclError as e:
        return _failed(f"view: {e}")


def _desktop(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    from .. import desktop

    prefix = args.prefix or desktop.data_folder()
    try:
        paths = desktop.install(prefix) if args.action == "install" else desktop.uninstall(prefix)
    except desktop.DesktopError as e:
        return _failed(str(e))
    did = "wrote" if args.action == "install" else "removed"
    print("\n".join(f"{did} {path}" for path in paths) or "was not installed")
    return 0


def _bench(arguments: Sequence[str]) -> int:
    try:
        from inr_core.bench.__main__ import main as bench
    except ModuleNotFoundError as e:
        return _failed(f"bench: expected a package {e.name}, which is not installed")
    return bench(arguments, prog="inr bench")


def _enable(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    from .. import enable

    try:
        folder = enable.enable(args.user)
    except enable.EnableError as e:
        return _failed(str(e))
    if not enable.works():
        enable.disable()
        return _failed(
            "programs of this environment do not find the package pillow_inr, so nothing was changed; install it first"
        )
    print(f"enabled in {folder}: programs of this environment now open .inr files")
    return 0


def _disable(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    from .. import enable

    try:
        folders = enable.disable()
    except enable.EnableError as e:
        return _failed(str(e))
    print("\n".join(f"disabled in {folder}" for folder in folders) or "was not enabled")
    return 0


def _status(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    from .. import enable

    folders = enable.enabled_in()
    for folder in folders:
        print(f"enabled in {folder}")
    if not folders:
        print("not enabled")
    elif not enable.works():
        return _failed("but programs of this environment do not find the package pillow_inr")
    return 0 if folders else 1


def _failed(message: str) -> int:
    print(f"inr: {message}", file=sys.stderr)
    return 1


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        msg = f"expected WIDTHxHEIGHT in pixels, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(width), int(height)


def _region(text: str) -> tuple[int, int, int, int]:
    try:
        x0, y0, x1, y1 = (int(part) for part in text.split(","))
    except ValueError:
        msg = f"expected X0,Y0,X1,Y1 in pixels, got {text!r}"
        raise argparse.ArgumentTypeError(msg) from None
    return x0, y0, x1, y1


def _pixels(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        msg = f"expected pixels, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _jobs(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 1024):
        msg = f"expected a number from 1 to 1024, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _dpi(text: str) -> tuple[float, float]:
    x, _, y = text.partition(",")
    try:
        return float(x), float(y or x)
    except ValueError as e:
        msg = f"expected X or X,Y, got {text!r}"
        raise argparse.ArgumentTypeError(msg) from e


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        msg = f"expected KEY=VALUE, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return key, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inr",
        description="Pictures stored as small neural networks.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pillow-inr {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    encode = commands.add_parser(
        "encode", help="pictures → .inr", epilog=_EPILOG, description="Encode pictures as .inr."
    )
    encode.set_defaults(run=_encode)
    encode.add_argument(
        "pictures", nargs="+", type=Path, metavar="PICTURE", help="a file Pillow opens, or a folder of them"
    )
    _add_output(encode)
    encode.add_argument("-q", "--quiet", action="store_true", help="no progress bar, no line for each file")
    encode.add_argument(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="pictures encoded at the same time, by processes that share the cores; those of more than 6 megapixels "
        "take the place of several (default: as many as there are cores)",
    )
    for name, (kind, metavar, text) in _ENCODE_OPTIONS.items():
        encode.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=text)

    decode = commands.add_parser("decode", help=".inr → pictures", description="Decode .inr files.")
    decode.set_defaults(run=_decode)
    decode.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a .inr file")
    _add_output(decode)
    decode.add_argument("--format", default="png", metavar="EXT", help="what to write when -o names no file (png)")
    decode.add_argument("--size", type=_size, metavar="WxH", help="decode to this size, antialiased")
    decode.add_argument(
        "--region", type=_region, metavar="X0,Y0,X1,Y1", help="decode only this part, in pixels from the left and top"
    )

    decode.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="files decoded at the same time (1)")

    info = commands.add_parser("info", help="what is in .inr files", description="Header, layers and chunks.")
    info.set_defaults(run=_info)
    info.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a .inr file")
    info.add_argument("--json", action="store_true", help="one JSON list for all files")

    _add_set(commands)
    view = commands.add_parser("view", help="show pictures in a window", description="→, ←: the next, the last; Escape")
    view.set_defaults(run=_view)
    view.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a .inr file, or another that Pillow opens")

    thumbnail = commands.add_parser("thumbnail", help="one small PNG of a .inr file, upright")
    thumbnail.set_defaults(run=_thumbnail)
    thumbnail.add_argument("file", type=Path, metavar="FILE", help="a .inr file")
    thumbnail.add_argument("target", type=Path, metavar="PNG", help="the file to write, whatever its name")
    thumbnail.add_argument("--size", type=_pixels, default=256, metavar="N", help="pixels of the longer side (256)")

    desktop = commands.add_parser(
        "desktop", help="MIME type, thumbnails and viewer for Linux desktops: install or uninstall"
    )
    desktop.set_defaults(run=_desktop)
    desktop.add_argument("action", choices=("install", "uninstall"))
    desktop.add_argument("--prefix", type=Path, metavar="PATH", help="a data folder, like /usr/share (the user's own)")

    commands.add_parser("bench", help="compare with other formats, measure: inr bench --help", add_help=False)

    enable = commands.add_parser("enable", help="let every Python program of this environment open .inr")
    enable.set_defaults(run=_enable)
    enable.add_argument("--user", action="store_true", help="for your user only, where site-packages is read-only")
    commands.add_parser("disable", help="undo enable").set_defaults(run=_disable)
    commands.add_parser("status", help="whether it is enabled: exit code 0 or 1").set_defaults(run=_status)
    return parser


def _add_set(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    change = commands.add_parser(
        "set",
        help="change metadata, never the pixels",
        description="Change the metadata of .inr files. What is not named stays, and so do the pixels, to the byte.",
        epilog="--strip and --no-… come first, wherever they stand.",
    )
    change.set_defaults(run=_set)
    change.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a .inr file")
    change.add_argument("-o", "--output", type=Path, metavar="PATH", help="write there, instead of to the file itself")
    change.add_argument("--overwrite", action="store_true", help="replace the file that -o names")
    change.add_argument("--strip", action="store_true", help="remove all metadata")
    for name, text in (("exif", "EXIF data"), ("icc", "an ICC profile"), ("xmp", "XMP")):
        change.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"{text}, as in this file")
    change.add_argument("--orientation", type=int, choices=range(1, 9), help="in EXIF; 1 is upright, 6 and 8 a quarter")
    change.add_argument("--dpi", type=_dpi, metavar="X[,Y]", help="dots per inch")
    change.add_argument("--comment", metavar="TEXT")
    change.add_argument(
        "--text", type=_pair, action="append", metavar="KEY=VALUE", help="repeatable; no value removes the key"
    )
    for name in ("exif", "icc", "xmp", "dpi", "comment", "text"):
        change.add_argument(f"--no-{name}", dest="remove", action="append_const", const=name, default=[], help="remove")


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="PATH", help="a file, or a folder; without it, beside each input under its name"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    parser.add_argument(
        "--strip", action="store_true", help="leave out EXIF, ICC profile, XMP, resolution, comment, text"
    )
