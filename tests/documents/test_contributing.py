"""CONTRIBUTING and RELEASING name what is there: rooms in their order, files, commands and their options.

So do the other pages, as far as files go.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from test_layers import ROOMS

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("CONTRIBUTING.md", "RELEASING.md")}
MADE = ("build/", "dist/", ".venv/", "inr_core/latent/priors/6.npz")  # what commands make, or a maintainer
NAMES = re.compile(r"`([\w./-]+(?:/|\.(?:py|md|npz|toml|txt|yml)))`|`(\.ci/run)`")


def test_the_rooms_are_drawn_in_their_order() -> None:
    block = PAGES["CONTRIBUTING.md"].split("no circles inside:\n\n", 1)[1].split("\n\n", 1)[0]
    drawn = [re.findall(r"\w+", step) for step in block.split("→")]
    assert [set(rooms) for rooms in drawn] == [set(rooms) for rooms in ROOMS]


def test_every_room_is_told_of() -> None:
    rows = PAGES["CONTRIBUTING.md"].split("| room | what is in it |", 1)[1].split("\n\n", 1)[0]
    named = {name.strip("/").removesuffix(".py") for name in re.findall(r"`([\w/.]+)`", rows)}
    assert {room for rooms in ROOMS for room in rooms} <= named


@pytest.mark.parametrize("page", [*PAGES, "FORMAT.md", "SECURITY.md", "RESULTS.md", "STUDY.md"])
def test_every_file_that_is_named_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    names = {first or second for first, second in NAMES.findall(text)}
    assert names
    there = [name for name in names if (ROOT / name).exists() or (ROOT / "inr_core" / name).exists()]
    assert not [name for name in names if name not in there and not name.startswith(MADE)]


def test_every_target_of_make_is_there() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for text in PAGES.values() for target in re.findall(r"(?:`| {4})make (\w+)", text)}
    assert {"demo", "test", "slow", "check", "fuzz", "mutate", "programs"} <= named <= targets


def test_every_command_of_training_takes_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    from training import calibrate, graphics, train

    modules = {"train": train, "calibrate": calibrate, "graphics": graphics}
    commands = re.findall(r"^ {4}python -m training\.(\w+) (.*)$", PAGES["CONTRIBUTING.md"], re.MULTILINE)
    assert {name for name, _ in commands} == set(modules)
    for name, rest in commands:
        with pytest.raises(SystemExit) as caught:
            modules[name].main(["--help"])
        assert caught.value.code == 0
        usage = capsys.readouterr().out
        for word in shlex.split(rest, comments=True):
            assert not word.startswith("--") or word in usage
