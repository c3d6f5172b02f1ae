"""The `inr` command: one function for each of its commands, and how a call ends."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from inr_core import signals_handled

from .arguments import ENCODE_OPTIONS, parser
from .messages import Blamed, StdoutError, UsageError, Voice, give_up, patient_streams, say, to_stderr

INTERRUPTED = 130
_INR_FILES = ".inr files"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; wrong usage leaves by SystemExit(2), as argparse does."""
    with patient_streams(), _tidied_up():
        try:
            code = _run(sys.argv[1:] if argv is None else list(argv))
            sys.stdout.flush()
        except KeyboardInterrupt as e:
            return _failed(str(e) or "interrupted", INTERRUPTED)
        except Blamed as e:
            return _failed(f"{e.name}: {e.why}")
        except (StdoutError, BrokenPipeError) as e:
            cause = e.__cause__ if isinstance(e, StdoutError) else e
            give_up(sys.stdout)
            if isinstance(cause, OSError) and not isinstance(cause, BrokenPipeError):
                to_stderr(f"inr: stdout: {cause.strerror}")  # else its reader, `head` say, has what it wanted
            return 1
        return code


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["bench"]:  # has a parser of its own; argparse could not pass on what starts with a dash
        return _bench(arguments[1:])
    args = parser(_RUN).read(arguments)
    try:
        return int(args.run(args))
    except UsageError as e:
        args.parser.error(str(e))
        raise AssertionError from e


def _encode(args: argparse.Namespace) -> int:
    from inr_core import Settings, SettingsError, cores

    from . import convert, formats, jobs
    from .output import Output
    from .sources import named, unfold

    options = {name: getattr(args, name) for name in ENCODE_OPTIONS if getattr(args, name) is not None}
    try:
        settings = Settings.from_options(options)
    except SettingsError as e:
        names, colon, what = str(e).partition(":")
        typed = re.sub(r"\w+", lambda m: f"--{m[0].replace('_', '-')}" if m[0] in ENCODE_OPTIONS else m[0], names)
        raise UsageError(typed + colon + what) from e
    if settings.asked is not None:  # --bits alone is clear here, but to Image.save it is an option of PNG's
        options["model"] = settings.asked
    given = named(args.files)
    output = Output(args.output, ".inr", given, args.overwrite, args.skip_existing)
    formats.check_name(output.file, formats.INR)
    voice = Voice(args.quiet, output.on_stdout)
    sources = unfold(given, formats.to_read(), "pictures", args.recursive, voice)
    output.spare(sources)
    count = min(args.jobs or cores(), len(sources))
    bar = not args.quiet and sys.stderr.isatty()
    if count > 1:
        return jobs.together(sources, output, convert.Encoding(options, args.strip), count, voice, bar)
    return convert.one_by_one(sources, output, convert.Encoding(options, args.strip), voice, bar)


def _decode(args: argparse.Namespace) -> int:
    from . import convert, formats, jobs
    from .output import Output
    from .sources import named, unfold

    given = named(args.files)
    output = Output(args.output, "", given, args.overwrite, args.skip_existing)
    kind, output.suffix = formats.for_decoding(args.format, output.file)
    voice = Voice(args.quiet, output.on_stdout)
    sources = unfold(given, {".inr"}, _INR_FILES, args.recursive, voice)
    output.spare(sources)
    decoding = convert.Decoding(kind, args.size, args.region, args.strip, args.truncated, seconds=args.seconds)
    count = min(args.jobs, len(sources))
    if count > 1:
        return jobs.together(sources, output, decoding, count, voice)
    return convert.one_by_one(sources, output, decoding, voice)


def _info(args: argparse.Namespace) -> int:
    from . import info
    from .sources import named, unfold

    voice = Voice()
    return info.show(unfold(named(args.files), {".inr"}, _INR_FILES, args.recursive, voice), args.json, voice)


def _verify(args: argparse.Namespace) -> int:
    from . import verify
    from .sources import named, unfold

    given, voice = named(args.files), Voice(args.quiet)
    if args.same:
        if len(given) != 2:
            raise UsageError(f"--same: expected two pictures, got {len(given)}")
        return verify.same_picture(given, args.strip, args.json, voice)
    if args.strip:
        raise UsageError("--strip: expected with --same only")
    return verify.whole(unfold(given, {".inr"}, _INR_FILES, args.recursive, voice), args.json, voice)


def _set(args: argparse.Namespace) -> int:
    from . import formats
    from .output import Output
    from .set import change_of, set_metadata
    from .sources import named

    given = named(args.files)
    output = Output(args.output, ".inr", given, args.overwrite, in_place=True)
    formats.check_name(output.file, formats.INR)
    return set_metadata(given, output, change_of(args), Voice(args.quiet, output.on_stdout))


def _thumbnail(args: argparse.Namespace) -> int:
    from . import formats
    from .output import Output
    from .sources import named
    from .thumbnail import thumbnail

    given = named([args.file])
    output = Output(args.target, ".png", given, args.overwrite)
    formats.check_name(output.file, "PNG")
    output.spare(given)
    return thumbnail(given, output, args.size, args.seconds, Voice(args.quiet, output.on_stdout))


def _view(args: argparse.Namespace) -> int:
    from . import formats
    from .sources import named, unfold

    voice = Voice()
    sources = unfold(named(args.files), {".inr", *formats.to_read()}, "pictures", args.recursive, voice)
    if not sources:
        return voice.code()
    try:
        import tkinter

        from .view import view
    except ModuleNotFoundError as e:
        return _failed(f"view: expected a package {e.name}, which is not installed")
    try:
        return view(sources, voice)
    except tkinter.TclError as e:
        return _failed(f"view: {e}")


def _desktop(args: argparse.Namespace) -> int:
    from .. import desktop

    prefix = args.prefix or desktop.data_folder()
    try:
        paths = desktop.install(prefix) if args.action == "install" else desktop.uninstall(prefix)
    except desktop.DesktopError as e:
        return _failed(str(e))
    did = "wrote" if args.action == "install" else "removed"
    return _said(args, [f"{did} {path}" for path in paths], "was not installed")


def _bench(arguments: Sequence[str]) -> int:
    try:
        from pillow_inr.bench.__main__ import main as bench
    except ModuleNotFoundError as e:
        return _failed(f"bench: expected a package {e.name}, which is not installed")
    return bench(arguments, prog="inr bench")


def _enable(args: argparse.Namespace) -> int:
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
    return _said(args, [f"enabled in {folder}: programs of this environment now open .inr files"])


def _disable(args: argparse.Namespace) -> int:
    from .. import enable

    try:
        folders = enable.disable()
    except enable.EnableError as e:
        return _failed(str(e))
    return _said(args, [f"disabled in {folder}" for folder in folders], "was not enabled")


def _status(args: argparse.Namespace) -> int:
    from .. import enable

    folders = enable.enabled_in()
    _said(args, [f"enabled in {folder}" for folder in folders], "not enabled")
    if folders and not enable.works():
        return _failed("but programs of this environment do not find the package pillow_inr")
    return 0 if folders else 1


def _completion(args: argparse.Namespace) -> int:
    try:
        import shtab
    except ModuleNotFoundError:
        return _failed("completion needs the package shtab: pip install shtab")
    print(shtab.complete(parser(_RUN), args.shell))
    return 0


_RUN = {
    "encode": _encode,
    "decode": _decode,
    "info": _info,
    "verify": _verify,
    "set": _set,
    "thumbnail": _thumbnail,
    "view": _view,
    "desktop": _desktop,
    "enable": _enable,
    "disable": _disable,
    "status": _status,
    "completion": _completion,
}


def _said(args: argparse.Namespace, lines: Sequence[str], otherwise: str = "") -> int:
    for line in () if args.quiet else lines or [otherwise]:
        say(line)
    return 0


def _failed(message: str, code: int = 1) -> int:
    to_stderr(f"inr: {message}")
    return code


class _Ended(BaseException):
    """A signal asks for the end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def _tidied_up() -> Iterator[None]:
    """When SIGTERM or SIGHUP ends the block, temporary files and workers go first; a second one does not wait."""
    those = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [number for number in those if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_DFL)
        raise _Ended(number)

    try:
        with signals_handled(numbers, end):
            yield
    except _Ended as e:
        os.kill(os.getpid(), e.number)
