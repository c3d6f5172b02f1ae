"""What `inr` says of a command line with a slip in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
from tiny import inr

from pillow_inr.command.parsing import meant
from pillow_inr.command.values import size_in_bytes


def said(*words: str) -> str:
    """The last line on stderr, without who says it."""
    code, out, err = inr(*words)
    assert (code, out) == (2, "")
    return err.splitlines()[-1].partition("error: ")[2]


@pytest.mark.parametrize(
    ("words", "likely"),
    [
        (["encod", "a.png"], "encode"),
        (["ENCODE", "a.png"], "encode"),
        (["thumb", "a.inr", "a.png"], "thumbnail"),
        (["compress", "a.png"], "encode"),
        (["help"], "inr --help"),
        (["help", "set"], "inr set --help"),
        (["version"], "inr --version"),
        (["-v"], "--version"),
        (["encode", "a.png", "--qualty", "40"], "--quality"),
        (["encode", "--qualty=40"], "--quality"),  # and not that there is no picture
        (["encode", "a.png", "-quality", "40"], "--quality"),
        (["encode", "a.png", "--target_size", "400"], "--target-size"),
        (["encode", "-output", "b.inr", "a.png"], "--output"),
        (["encode", "-j", "2", "a.png"], "--jobs"),
        (["decode", "a.inr", "--ouptut=b.png"], "--output"),
        (["decode", "-f", "png", "a.inr"], "--format"),
        (["set", "a.inr", "--no-exfi"], "--no-exif"),
        (["bench", "rdd"], "rd"),
        (["bench", "rd", "--crp", "8", "a.png"], "--crop"),
    ],
)
def test_what_was_likely_meant(words: list[str], likely: str) -> None:
    assert said(*words).endswith(f"; did you mean {likely!r}?")
    assert said(*words).startswith("unknown ")


def test_who_says_it_is_the_command() -> None:
    assert inr("encode", "a.png", "--qualty")[2].startswith(
        "usage: inr encode [options] PICTURE ...\ninr encode: error: "
    )
    assert "inr bench rd: error: unknown option" in inr("bench", "rd", "--crp")[2]


def test_nothing_is_guessed_where_nothing_is_near() -> None:
    assert said("decode", "a.inr", "--loss") == "unknown option '--loss'; inr decode --help lists those there are"
    assert said("--json", "info") == "unknown option '--json'; the options of a command stand behind its name"
    assert said("xyz").startswith("unknown command 'xyz'; expected one of encode, decode, info, ")
    assert said("\x1b[2J").startswith("unknown command '\\x1b[2J'; ")
    assert [meant(word, ["--quality", "--jobs"]) for word in ("qualiti", "jbos", "loss", "")] == [
        "--quality",
        *["--jobs"],
        "",
        "",
    ]


def test_a_file_where_a_command_should_be(tmp_path: Path) -> None:
    assert said("a.png") == "expected a command before files, like 'inr encode FILE', got 'a.png'"
    assert said("small/a.INR").startswith("expected a command before files, like 'inr view FILE', got ")
    assert said(str(tmp_path)).startswith("expected a command before files, like 'inr encode FILE', got ")


@pytest.mark.parametrize("command", [[], ["bench"]])
def test_no_command_at_all_shows_those_there_are(command: list[str]) -> None:
    code, out, err = inr(*command)
    assert (code, out) == (2, "")
    assert err.startswith("usage: inr ")
    assert err.endswith(f"\n{' '.join(['inr', *command])}: error: expected a command\n")
    assert "thumbnail" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["encode", "--quality", "high", "a.png"], "argument --quality: expected a number, got 'high'"),
        (["encode", "--effort", "1.5", "a.png"], "argument --effort: expected a whole number, got '1.5'"),
        (["encode", "--quality", "140", "a.png"], "--quality: expected a number from 0 to 100, got 140.0"),
        (
            ["encode", "--target-size=9k", "--target-psnr=30", "a.png"],
            "--target-size and --target-psnr: expected at most one of them, got both",
        ),
        (
            ["encode", "--target-size", "20 boxes", "a.png"],
            "argument --target-size: expected bytes, like 20000 or 20kB, got '20 boxes'",
        ),
        (["completion", "fish"], "argument SHELL: expected one of bash, zsh, tcsh, got 'fish'"),
        (
            ["set", "a.inr", "--orientation", "9"],
            "argument --orientation: expected one of 1, 2, 3, 4, 5, 6, 7, 8, got '9'",
        ),
        (
            ["set", "a.inr", "--comment", "-hi"],
            "argument --comment: expected a value, got '-hi'; one with a dash is --comment=VALUE",
        ),
        (["encode"], "the following arguments are required: PICTURE"),
        (["encode", "--q", "9", "a.png"], "ambiguous option: --q could match --quiet, --quality, --quantization"),
    ],
)
def test_values(words: list[str], message: str) -> None:
    assert said(*words) == message


def test_sizes() -> None:
    texts = ["20000", "20k", "20kB", "20 KB", "1.5M", "2MB", "20KiB", "1MiB", "300b"]
    assert [*map(size_in_bytes, texts)] == [20_000, 20_000, 20_000, 20_000, 1_500_000, 2_000_000, 20_480, 2**20, 300]


def test_what_is_right_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny.picture("L").save("-a.png")
    tiny.picture("L").save("b.png")
    assert inr("encode", "-qo", "out/", "--eff", "0", "b.png", "--", "-a.png") == (0, "", "")
    assert inr("set", "out/b.inr", "-q", "--comment=-x y", "--text", "a=-1") == (0, "", "")
    assert "comment   -x y" in inr("info", "out/b.inr")[1]
    assert inr("set", "out/b.inr", "-q", "--comment", "- x") == (0, "", "")
    assert inr("encode", "-oc.inr", "-q", "--lossless", "b.png") == (0, "", "")
    assert sorted(path.name for path in tmp_path.rglob("*.inr")) == ["-a.inr", "b.inr", "c.inr"]
    assert inr("encode", "--help", "--nothing")[0] == 0
