"""What `inr … --help` says, and completion of words in a shell."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from tiny import inr

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


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"info", "view"}))
def test_what_says_what_it_did_can_be_quiet(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "-q, --quiet" in help_of(command, monkeypatch)


@pytest.mark.parametrize("command", ["encode", "decode", "info", "verify", "set", "thumbnail", "completion"])
def test_examples_name_commands_and_options_that_are_there(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = help_of(command, monkeypatch)
    examples = [line for line in out.splitlines() if line.startswith("  inr ")]
    assert examples
    for line in examples:
        words = line.split()
        assert words[1] == command
        assert all(word in out.split("example", 1)[0] for word in words if word.startswith("-") and len(word) > 1)


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
