"""What `inr … --help` says, and completion of words in a shell."""

from __future__ import annotations

import argparse
import glob
import io
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny
from PIL import Image
from tiny import inr

import inr_core
from inr_core.models import MODELS
from pillow_inr.bench import __main__ as bench
from pillow_inr.command import cli
from pillow_inr.command.arguments import ENCODE_OPTIONS, parser

ALL = {f"--{name.replace('_', '-')}" for name in ENCODE_OPTIONS}
COMMANDS = ("encode", "decode", "info", "verify", "set", "view", "thumbnail", "desktop", "enable", "disable", "status")


def help_of(command: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = inr(command, "--help")
    assert (code, err) == (0, "")
    return out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_into_a_narrow_terminal_and_is_ascii(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = help_of(command, monkeypatch)
    assert out.isascii()
    assert max(map(len, out.splitlines())) <= 80
    assert out.startswith(f"usage: inr {command}")


def test_options_of_encode_stand_in_groups_with_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    out = " ".join(help_of("encode", monkeypatch).split())
    wanted, made, siren = (
        out.index(f"{title}:")
        for title in ("what the file is to be", "how it is made", "of the siren model, which any of these chooses")
    )
    assert wanted < out.index("--quality N 0 to 100: larger is better and bigger (default: 75)") < made
    assert made < out.index("--effort N 0 to 9: time spent on the picture (default: 5)") < siren
    assert siren < out.index("--omega-hidden X frequency factor of the hidden sine layers (default: 30)")
    assert "--lossless every sample comes back as it was --model" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_defaults_are_all_said_in_one_way(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = " ".join(help_of(command, monkeypatch).partition("example")[0].split())
    assert not re.search(r"\((\d+|the user's own)\)", options)
    named = {"decode": 2, "thumbnail": 2, "desktop": 1}.get(command)
    assert named is None or options.count("(default: ") == named


def arguments_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    """Every argument of a parser and of those below it, with what they are called."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from arguments_of(below)
        else:
            yield f"{parser.prog} {action.option_strings or action.dest}", action


def test_every_argument_says_what_it_is() -> None:
    found = dict([*arguments_of(parser(cli._RUN)), *arguments_of(bench.parser("inr bench"))])
    assert len(found) > 150
    for name, action in found.items():
        assert action.help, name
        assert not action.help.startswith("("), f"{name}: a default of what?"


@pytest.mark.parametrize("name", bench.MEASUREMENTS)
def test_defaults_of_measurements_are_as_they_are_typed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main([name, "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert not re.findall(r"\(default: (?:[\[(]|None)", out)


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"info", "view"}))
def test_what_says_what_it_did_can_be_quiet(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "-q, --quiet" in help_of(command, monkeypatch)


def test_every_option_of_encode_is_in_the_group_of_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    siren = help_of("encode", monkeypatch).partition("of the siren model")[2].partition("examples:")[0]
    options = {f"--{name.replace('_', '-')}" for name in MODELS["siren"].options}
    assert {word for word in siren.split() if word.startswith("--") and word in ALL} == options


def fill(folder: Path, command: str) -> None:
    """What the examples of a command name."""
    (folder / "small").mkdir(parents=True)
    (folder / "photos" / "below").mkdir(parents=True)
    photo = tiny.picture(size=(510, 360))
    for name in ("photo", "page", "photos/below/photo"):
        photo.save(folder / f"{name}.png")
    tiny.picture("L").save(folder / "mask.png")
    photo.save(folder / "other.jpg", exif=exif_of("Ada"))
    if command != "encode":
        for name in ("photo", "small/photo"):
            photo.save(folder / f"{name}.inr", effort=0)
        photo.save(folder / "page.inr", lossless=True, effort=0)
    if command == "decode":
        (folder / "cut.inr").write_bytes((folder / "photo.inr").read_bytes()[:-20])


def exif_of(author: str) -> Image.Exif:
    exif = Image.Exif()
    exif[0x13B] = author
    return exif


def examples(command: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of a help that are to be typed, without what is said of them."""
    out = help_of(command, monkeypatch)
    return [re.split(r" {3,}", line.strip())[0] for line in out.splitlines() if re.match(r"  (inr|curl) ", line)]


NEED_MORE = ("view", "desktop", "enable", "disable")  # a display, or change what is outside a test


@pytest.mark.parametrize("command", [*COMMANDS, "completion"])
def test_every_command_has_examples_that_run(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = examples(command, monkeypatch)
    assert lines
    if command == "completion":
        pytest.importorskip("shtab")
    for number, line in enumerate(lines):
        fill(tmp_path / str(number), command)
        monkeypatch.chdir(tmp_path / str(number))
        assert f"inr {command}" in line
        run(line, monkeypatch, command in NEED_MORE)


def run(line: str, monkeypatch: pytest.MonkeyPatch, only_read: bool) -> None:
    """What a shell would do with an example; `only_read`: not what its command does."""
    before, pipe, line = line.rpartition(" | ")
    line, _, behind = line.partition(" && ") if " && " in line else (line, "", "")
    line, _, target = line.partition(" > ")
    program, *words = shlex.split(line)
    assert program == "inr"
    words = [name for word in words for name in (sorted(glob.glob(word)) if "*" in word else [word])]
    if only_read:
        parser({name: lambda args: 0 for name in cli._RUN}).read(words)
        return
    words += ["--effort=0"] * (words[0] == "encode")
    if pipe:
        assert before == "curl ..."
        stdin, stdout = (io.TextIOWrapper(io.BytesIO(data)) for data in (Path("photo.png").read_bytes(), b""))
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", stdin)
            patch.setattr(sys, "stdout", stdout)
            assert cli.main(words) == 0
        assert stdout.buffer.getvalue().startswith(inr_core.SIGNATURE)
        return
    code, out, err = inr(*words)
    if words[0] == "status":
        assert code in (0, 1)
    else:
        assert code == 0, err
    assert not target or out
    assert not behind or behind.startswith("echo ")


def test_the_first_help_names_commands_that_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "files", "encode")
    monkeypatch.chdir(tmp_path / "files")
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = inr("--help")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert "\n    thumbnail      one small PNG" in out
    assert "inr encode photo.png " in out
    assert inr("encode", "photo.png", "--effort", "0")[0] == 0
    assert "inr decode photo.inr -o photo.jpg\n" in out
    assert inr("decode", "photo.inr", "-o", "photo.jpg")[0] == 0


def test_a_shell_completes_words() -> None:
    pytest.importorskip("shtab")
    code, out, err = inr("completion", "bash")
    assert (code, err) == (0, "")
    assert "--target-psnr" in out
    if bash := shutil.which("bash"):
        assert subprocess.run([bash, "-n"], input=out, text=True, check=False).returncode == 0


def test_without_shtab_completion_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    message = "inr: completion needs the package shtab: pip install shtab\n"
    assert inr("completion", "zsh") == (1, "", message)
