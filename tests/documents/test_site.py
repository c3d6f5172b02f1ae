"""The pages hang together: every link of every document leads somewhere, and the site is built of them strictly."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

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


class Page(HTMLParser):
    """Where the links of a page lead, and what in it can be led to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links, self.ids = list[str](), set[str]()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id" and value:
                self.ids.add(value)


def dead_links(site: Path) -> list[str]:
    """Links of built pages to files and places that are not there; what is elsewhere is not asked for."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            base = site if parts.path.startswith("/") else path.parent
            there = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
            if not there.exists() or (parts.fragment and there in pages and parts.fragment not in pages[there].ids):
                dead.append(f"{path.relative_to(site)}: {link}")
    return dead


def test_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.html").write_text('<h1 id="x">B</h1><a href="../c.html#y">', "utf-8")
    links = [
        "a/b.html",
        "a/b.html#x",
        "a/b.html#z",
        "no.html",
        "#here",
        "#gone",
        "/a/b.html",
        "/b.html",
        "https://x.org/no",
        "data:,",
    ]
    (tmp_path / "c.html").write_text("".join(f'<a id="here" href="{link}">' for link in links), "utf-8")
    assert dead_links(tmp_path) == [
        "a/b.html: ../c.html#y",
        "c.html: a/b.html#z",
        "c.html: no.html",
        "c.html: #gone",
        "c.html: /b.html",
    ]


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
    assert dead_links(tmp_path / "site") == []
    assert "Peak signal-to-noise ratio" in (tmp_path / "site" / "api" / "inr_core.html").read_text(encoding="utf-8")
