"""SECURITY.md: every promise stands beside a test that is there, and no code of a file can be run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISES = re.findall(
    r"^\| (\*\*.+) \| (.+) \|$", TEXT.split("## What is promised", 1)[1].split("\n## ")[0], re.MULTILINE
)
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)
RUNNING = {"eval", "exec", "compile", "__import__"}  # by name, what a file might be handed to


def test_there_are_promises() -> None:
    assert len(PROMISES) >= 14


@pytest.mark.parametrize(("promise", "tests"), PROMISES, ids=[row[0].split("**")[1] for row in PROMISES])
def test_every_promise_has_a_test(promise: str, tests: str) -> None:
    assert re.findall(r"`tests/[\w/]+/test_\w+\.py(?:::test_\w+)?`", tests), promise


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_every_test_that_is_named_is_there(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if name:
        assert name in functions
    elif Path(path).name.startswith("test_"):
        assert any(function.startswith("test_") for function in functions)


def test_what_else_belongs_there_is_there() -> None:
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    wanted = ["Who attacks", "What is promised", "What is not promised", "What has not been looked at", "Reporting"]
    assert [name for name in wanted if not any(heading.startswith(name) for heading in headings)] == []
    assert re.findall(r"within (\d+)", TEXT.split("## Reporting", 1)[1]) == ["7", "14", "30", "90"]


def test_every_command_is_there() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make (\w+)", TEXT))
    assert {"mutate", "fuzz", "faults", "slowest", "sanitize"} <= named <= targets


def calls(tree: ast.AST) -> set[str]:
    """Names of what is called, and of modules that are imported."""
    found = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    imports = (node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)))
    for node in imports:
        found |= {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "inr_core").rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_in_the_core_can_run_what_a_file_holds(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not calls(ast.parse(source)) & (RUNNING | {"pickle", "marshal", "shelve"})
    assert "torch.load" not in source
    assert not re.search(r"np\.load\((?!.*allow_pickle=False)", source)
