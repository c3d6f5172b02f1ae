"""What the `inr` command understands: its commands and their options. What they do is in `cli`."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

from .. import __version__
from . import helptexts, values
from .parsing import Parser

# Options of inr_core.Settings: type, what the value is called, help. Their defaults and ranges are written only there;
# a default that depends on others is said here.
_WANTED, _WORK, _SIREN = "what the file is to be", "how it is made", "of the siren model, which any of these chooses"
_GROUPS: dict[str, tuple[str, ...]] = {
    _WANTED: ("quality", "target_size", "target_psnr", "tune", "lossless", "model"),
    _WORK: ("effort", "time_limit", "device", "threads", "seed"),
    _SIREN: (
        *("width", "depth", "omega_first", "omega_hidden", "density"),
        *("bits", "sparsity", "quantization", "steps", "batch"),
    ),
}
ENCODE_OPTIONS: dict[str, tuple[Callable[[str], object], str, str]] = {
    "quality": (values.number, "N", "0 to 100: larger is better and bigger"),
    "target_size": (values.size_in_bytes, "BYTES", "the best picture that fits into so many bytes"),
    "target_psnr": (values.number, "DB", "the smallest file that decodes to at least this PSNR"),
    "tune": (str, "NAME", "look or psnr: what errors count by (default: look, but psnr with --target-psnr)"),
    "lossless": (bool, "", "every sample comes back as it was"),
    "effort": (values.whole, "N", "0 to 9: time spent on the picture"),
    "time_limit": (values.number, "SECONDS", "of fitting for each picture (default: none)"),
    "device": (str, "NAME", "auto, cpu, cuda, cuda:N or mps"),
    "threads": (values.whole, "N", "of the CPU (default: as many as there are cores)"),
    "seed": (values.whole, "N", "of everything random"),
    "model": (str, "NAME", "auto, latent, exact or siren"),
    "width": (values.whole, "N", "neurons of each hidden layer (default: by quality)"),
    "depth": (values.whole, "N", "linear layers (default: by quality)"),
    "omega_first": (values.number, "X", "frequency factor of the first sine layer (default: by content)"),
    "omega_hidden": (values.number, "X", "frequency factor of the hidden sine layers"),
    "density": (values.number, "X", "fraction of the weights that are not zero (default: 1)"),
    "bits": (values.whole, "N", "bits of a quantised weight (default: 7)"),
    "sparsity": (str, "NAME", "rigl, prune or small-dense"),
    "quantization": (str, "NAME", "qat, range, distribution, kmeans or float16"),
    "steps": (values.whole, "N", "training steps (default: by effort)"),
    "batch": (values.whole, "PIXELS", "pixels of a training step (default: 2048 on a CPU)"),
}

Run = Callable[[argparse.Namespace], int]


class _Version(argparse.Action):
    """Prints the version, and with what pictures are decoded."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import inr_core

        try:
            kernels = inr_core.backend
        except inr_core.SettingsError as e:  # of the environment
            parser.error(str(e))
        print(f"pillow-inr {__version__} ({kernels} kernels)")
        parser.exit()


def parser(run: Mapping[str, Run]) -> Parser:
    """The parser. It leaves in `run` what does the command, by its name, and in `parser` the command's own parser."""
    top = Parser(
        prog="inr",
        usage="inr [-h] [--version] COMMAND ...",
        description="Pictures stored as small neural networks.",
        epilog=helptexts.TOP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="the version, and which kernels decode here")
    commands = top.add_subparsers(prog="inr", title="commands", required=True, metavar="COMMAND, one of")

    def add(
        name: str,
        summary: str,
        description: str | None = None,
        epilog: str | None = None,
        many: str = "",  # what is behind the options, where these are too many to be listed in one line
    ) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = commands.add_parser(
            name,
            usage=f"inr {name} [options] {many}" if many else None,
            help=summary,
            description=textwrap.fill(description or f"{summary[0].upper()}{summary[1:]}.", 79),
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter
            if epilog and "\n" in epilog
            else argparse.HelpFormatter,
        )
        command.set_defaults(run=run[name], parser=command)
        return command

    _encode(add("encode", "pictures to .inr", "Encode pictures as .inr.", helptexts.ENCODE, "PICTURE ..."))
    _decode(add("decode", ".inr to pictures", "Decode .inr files.", helptexts.DECODE, "FILE ..."))

    info = add("info", "what is in .inr files", "Header, metadata, layers and chunks.", helptexts.INFO)
    info.add_argument("files", nargs="+", metavar="FILE", help="a .inr file, a folder of them, or - for stdin")
    _add_recursive(info)
    info.add_argument("--json", action="store_true", help="one JSON list for all files")

    _verify(
        add("verify", "whether files are whole, or two are the same picture", _VERIFY, helptexts.VERIFY, "FILE ...")
    )
    _set(add("set", "change metadata, never the pixels", _SET, helptexts.SET, "FILE ..."))

    view = add("view", "show pictures in a window", _VIEW, helptexts.VIEW)
    view.add_argument(
        "files", nargs="+", metavar="FILE", help="a .inr file or another that Pillow opens, or a folder of them"
    )
    _add_recursive(view)

    thumbnail = add("thumbnail", "one small PNG of a .inr file, upright", None, helptexts.THUMBNAIL, "FILE PNG")
    thumbnail.add_argument("file", metavar="FILE", help="a .inr file, or - for stdin")
    thumbnail.add_argument("target", metavar="PNG", help="the file to write, or - for stdout")
    thumbnail.add_argument(
        "--size", type=values.pixels, default=256, metavar="N", help="pixels of the longer side (default: 256)"
    )
    thumbnail.add_argument(
        "--seconds",
        type=values.seconds,
        default=10.0,
        metavar="S",
        help="refuse what takes a core of a nominal machine longer (default: 10)",
    )
    thumbnail.add_argument("--overwrite", action="store_true", help="replace the file to write if it exists")
    _add_quiet(thumbnail, "no line of what was written")

    desktop = add("desktop", "MIME type, thumbnails and viewer for Linux desktops", epilog=helptexts.DESKTOP)
    desktop.add_argument("action", choices=("install", "uninstall"), metavar="ACTION", help="install or uninstall")
    desktop.add_argument(
        "--prefix", type=Path, metavar="PATH", help="a data folder, like /usr/share (default: the user's own)"
    )
    _add_quiet(desktop, "no line for each file")

    commands.add_parser("bench", help="compare with other formats, measure: inr bench --help", add_help=False)

    enable = add("enable", "let every Python program of this environment open .inr", epilog=helptexts.ENABLE)
    enable.add_argument("--user", action="store_true", help="for your user only, where site-packages is read-only")
    disable = add("disable", "undo enable", epilog=helptexts.DISABLE)
    status = add("status", "whether it is enabled: exit code 0 or 1", epilog=helptexts.STATUS)
    for command in (enable, disable, status):
        _add_quiet(command, "no line of it")

    completion = add("completion", "a script that completes inr's words in a shell", epilog=helptexts.COMPLETION)
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"), metavar="SHELL", help="bash, zsh or tcsh")
    return top


def _encode(encode: argparse.ArgumentParser) -> None:
    encode.add_argument(
        "files", nargs="+", metavar="PICTURE", help="a file Pillow opens, a folder of them, or - for stdin"
    )
    _add_output(encode)
    _add_quiet(encode, "no progress bar, no line for each file")
    encode.add_argument(
        "--jobs",
        type=values.jobs,
        metavar="N",
        help="pictures encoded at the same time, by processes that share the cores; those of more than 6 megapixels "
        "take the place of several (default: as many as there are cores)",
    )
    sections = {}
    for title, names in _GROUPS.items():
        sections.update(dict.fromkeys(names, encode.add_argument_group(title)))
    for name, (kind, metavar, text) in ENCODE_OPTIONS.items():
        section, option = sections[name], f"--{name.replace('_', '-')}"
        if kind is bool:
            section.add_argument(option, action="store_true", default=None, help=text)
        else:
            section.add_argument(option, type=kind, metavar=metavar, help=text + _default(name))


def _default(name: str) -> str:
    """What to add to an option's help where it has a default of its own."""
    from inr_core import Settings

    default = Settings().work if name == "effort" else getattr(Settings(), name)
    return (
        ""
        if default is None
        else f" (default: {default:g})"
        if isinstance(default, float)
        else f" (default: {default})"
    )


def _decode(decode: argparse.ArgumentParser) -> None:
    decode.add_argument("files", nargs="+", metavar="FILE", help="a .inr file, a folder of them, or - for stdin")
    _add_output(decode)
    decode.add_argument("--format", metavar="EXT", help="what to write: the end of a name, like png or jpg")
    decode.add_argument("--size", type=values.size, metavar="WxH", help="decode to this size, antialiased")
    decode.add_argument(
        "--region",
        type=values.region,
        metavar="X0,Y0,X1,Y1",
        help="decode only this part, in pixels from the left and top",
    )
    decode.add_argument("--truncated", action="store_true", help="decode what there is of files that end early")
    decode.add_argument(
        "--seconds",
        type=values.seconds,
        metavar="S",
        help="refuse files that take a core of a nominal machine longer (default: 120)",
    )
    _add_quiet(decode)
    decode.add_argument(
        "--jobs", type=values.jobs, default=1, metavar="N", help="files decoded at the same time (default: 1)"
    )


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-o", "--output", metavar="PATH", help="a file, a folder, or - for stdout; without it, beside each input"
    )
    existing = command.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace files that exist")
    existing.add_argument("--skip-existing", action="store_true", help="pass over what has been made already")
    _add_recursive(command)
    command.add_argument(
        "--strip", action="store_true", help="leave out EXIF, ICC profile, XMP, resolution, comment, text"
    )


def _add_recursive(command: argparse.ArgumentParser) -> None:
    command.add_argument("-r", "--recursive", action="store_true", help="look into the folders in folders, too")


def _add_quiet(command: argparse.ArgumentParser, text: str = "no line for each file") -> None:
    command.add_argument("-q", "--quiet", action="store_true", help=text)


_VIEW = "Show pictures in a window. Right, left: the next, the last one; Escape ends."
_VERIFY = """Whether .inr files are whole: every checksum, every pixel. Or, with --same, whether two
pictures have the same size, mode and samples, with the colours that places in a palette stand for, what is clear,
the ICC profile and the orientation."""


def _verify(verify: argparse.ArgumentParser) -> None:
    verify.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a .inr file, a folder of them, or - for stdin; of --same any two pictures",
    )
    verify.add_argument("--same", action="store_true", help="compare two pictures of any formats that Pillow opens")
    verify.add_argument("--strip", action="store_true", help="with --same: ICC profile and orientation may differ")
    _add_recursive(verify)
    verify.add_argument("--json", action="store_true", help="one JSON list for all files; of --same an object")
    _add_quiet(verify, "no line where all is well")


_SET = "Change the metadata of .inr files. What is not named stays, and so do the pixels, to the byte."


def _set(change: argparse.ArgumentParser) -> None:
    change.add_argument("files", nargs="+", metavar="FILE", help="a .inr file, or - for stdin")
    change.add_argument("-o", "--output", metavar="PATH", help="write there, not to the file itself; - is stdout")
    change.add_argument("--overwrite", action="store_true", help="replace the file that -o names")
    _add_quiet(change)
    change.add_argument("--strip", action="store_true", help="remove all metadata")
    for name, text in (("exif", "EXIF data"), ("icc", "an ICC profile"), ("xmp", "XMP")):
        change.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"{text}: this file, or that of a picture")
    change.add_argument(
        "--orientation", type=int, choices=range(1, 9), help="in EXIF; 1 is upright, 6 and 8 are quarter turns"
    )
    change.add_argument("--dpi", type=values.resolution, metavar="X[,Y]", help="dots per inch")
    change.add_argument("--comment", metavar="TEXT", help="a line about the picture")
    change.add_argument(
        "--text", type=values.pair, action="append", metavar="KEY=VALUE", help="repeatable; no value removes the key"
    )
    for name in ("exif", "icc", "xmp", "dpi", "comment", "text"):
        change.add_argument(f"--no-{name}", dest="remove", action="append_const", const=name, default=[], help="remove")
