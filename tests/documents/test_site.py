"""The pages hang together: every link of every document leads somewhere, and the site is built of them strictly."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from types import ModuleType

import pytest

import inr_core

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "sample_images" / "README.md"]


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs" / "site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SITE = loaded()


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$|^ {4}.*?$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What headings are called, as GitHub and MkDocs agree."""
    found = set()
    for title in re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        plain = unicodedata.normalize("NFKD", title.replace("`", "")).lower()
        found.add(re.sub(r"[^\w -]", "", plain).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)", prose(page)):
        if re.match(r"https?:", target):
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{target} is not there"
        if anchor:
            assert anchor in anchors(there), f"{target}#{anchor} is not there"


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    named = set(re.findall(r"[\w/-]+\.md", navigation))
    assert {str(path.relative_to(ROOT)).removeprefix("docs/") for path in PAGES[:-1]} <= named


def test_every_name_of_the_core_is_in_its_reference() -> None:
    text = (ROOT / "docs" / "api" / "inr_core.md").read_text(encoding="utf-8")
    assert set(re.findall(r"inr_core\.(\w+)", text)) == set(inr_core.__all__)


@pytest.mark.parametrize(
    ("markdown", "path", "expected"),
    [
        ("[a](docs/start.md#install)", "README.md", "[a](start.md#install)"),
        ("[a](../FORMAT.md) [b](web.md)", "docs/guides/web.md", "[a](../FORMAT.md) [b](web.md)"),
        ("[a](../../FORMAT.md#x)", "docs/guides/web.md", "[a](../FORMAT.md#x)"),
        ("![a [b]](docs/demo.webp)", "README.md", "![a [b]](demo.webp)"),
        ("[code](../tests/helpers/)", "docs/PROGRAMS.md", "code"),
        ("[a](https://x.org/y.md) [b](nowhere.md)", "README.md", "[a](https://x.org/y.md) [b](nowhere.md)"),
        ("    [a](docs/start.md)\n```\n[a](docs/start.md)\n```", "README.md", None),
    ],
)
def test_links_are_led_to_pages(markdown: str, path: str, expected: str | None) -> None:
    pages = {"start.md", "FORMAT.md", "guides/web.md", "demo.webp"}
    assert SITE.relinked(markdown, path, pages) == (markdown if expected is None else expected)


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    for name in ("mkdocs", "material", "mkdocstrings_handlers.python"):
        pytest.importorskip(name)
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path / "site")]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    start = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert 'href="start.html#install"' in start
    assert 'src="demo.webp"' in start
    assert "Peak signal-to-noise ratio" in (tmp_path / "site" / "api" / "inr_core.html").read_text(encoding="utf-8")
