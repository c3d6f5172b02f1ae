"""The commands of the documents exist, and the figures of README and of docs/ are those of RESULTS."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("torch")

import study.__main__ as experiments
from pillow_inr.bench.__main__ import MEASUREMENTS, parser

ROOT = Path(__file__).parents[2]
README, RESULTS, STUDY, CONTRIBUTING, COMMAND, MODELS, THUMBNAILS = (
    (ROOT / f"{name}.md").read_text(encoding="utf-8")
    for name in ("README", "RESULTS", "STUDY", "CONTRIBUTING", "docs/command", "docs/models", "docs/guides/thumbnails")
)
ROWS = [path for path in (ROOT / "docs" / "results").glob("*.json") if not path.name.startswith("study-")]
BENCH, EXPERIMENTS = "inr bench ", "python -m study "
FIGURE = re.compile(r"(?<![\w.,×/–-])[−+]?(\d[\d,]*(?:\.\d+)?)")
MEASURED = (  # the sections that state figures
    (README, "## How good it is"),
    (MODELS, "## latent"),
    (MODELS, "## exact"),
    (MODELS, "## siren"),
    (THUMBNAILS, "## What happens"),
)
UNITS = ("dB", "%", "bytes", "kB", "MB", "GB", "ms", "times")


def commands(text: str) -> list[str]:
    """Lines that stand as code of their own, or in backticks, and measure something."""
    joined = text.replace("\\\n", " ")
    begin = f"(?:{BENCH}|{EXPERIMENTS})"
    found = re.findall(rf"^ {{4}}({begin}.*)$", joined, re.MULTILINE)
    found += re.findall(rf"`({begin}[^`]*)`", " ".join(joined.split()))
    return [
        command
        for command in found
        if "…" not in command and "--help" not in command and shlex.split(command, comments=True) != ["inr", "bench"]
    ]


ALL = sorted(
    {command for text in (RESULTS, STUDY, CONTRIBUTING, COMMAND, MODELS, THUMBNAILS) for command in commands(text)}
)


@pytest.mark.parametrize("command", ALL)
def test_every_command_under_a_table_is_understood(command: str) -> None:
    words = shlex.split(command, comments=True)
    if command.startswith(EXPERIMENTS):
        experiments.parser().parse_args(words[3:])
        return
    words = words[2:]
    if len(words) == 1:  # a measurement that is named only
        assert words[0] in MEASUREMENTS
    else:
        parser("inr bench").parse_args(words)


def test_no_table_stands_under_a_command_that_is_written_otherwise() -> None:
    assert len(ALL) > 25
    for text in (RESULTS, STUDY, COMMAND, MODELS, THUMBNAILS):
        assert "-m pillow_inr.bench" not in text


def numbers(text: str) -> set[tuple[float, int]]:
    """The numbers of a text, without their signs, and how many decimals they have."""
    found = set()
    for number in FIGURE.findall(text):
        plain = number.rstrip(",").replace(",", "")
        found.add((float(plain), len(plain.partition(".")[2])))
    return found


def in_rows(path: Path) -> set[float]:
    """The numbers in the rows of a measurement, without their signs."""
    tables = json.loads(path.read_text(encoding="utf-8"))["tables"].values()
    cells = [cell for table in tables for row in table for cell in row.values()]
    return {abs(cell) for cell in cells if isinstance(cell, (int, float))}


def stated() -> list[tuple[str, float, int]]:
    """(line, number, decimals) of what those sections state: in the cells of tables, or before a unit."""
    found = []
    for text, title in MEASURED:
        section = text.split(title, 1)[1].split("\n## ", 1)[0]
        for line in section.splitlines():
            cells = line.split("|")[2:] if line.startswith("| ") else []
            parts = [*cells, *re.findall(rf"[^\s]+ (?:{'|'.join(UNITS)})\b|[^\s]+ %", "" if cells else line)]
            found += [(line, *number) for part in parts for number in numbers(part)]
    return found


def test_every_figure_is_one_of_results() -> None:
    measured = {number for number, _ in numbers(RESULTS)} | {number for path in ROWS for number in in_rows(path)}
    figures = stated()
    assert len(figures) > 40
    for line, number, decimals in figures:
        near = 0.5 * 0.1**decimals * (1 + 1e-9)  # what is printed has been rounded before
        assert any(abs(other - number) <= near for other in measured), f"{number} is not in RESULTS.md: {line}"
