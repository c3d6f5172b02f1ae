"""Hooks of MkDocs: the documents beside docs/ are pages of the site as they are, and links lead to pages.

Every link is written as it works in the repository. On the site those to documents become links to pages, and those to
code, which the site does not have, plain text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
FOLDER = "docs"
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents of the repository's root."""
    from mkdocs.structure.files import File

    for path in sorted(ROOT.glob("*.md")):
        files.append(File.generated(config, path.name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links of a page to where things are on the site."""
    uri = page.file.src_uri
    root = (ROOT / uri).is_file() and not (ROOT / FOLDER / uri).is_file()
    return relinked(markdown, uri if root else f"{FOLDER}/{uri}", set(files.src_uris))


def relinked(markdown: str, path: str, pages: set[str]) -> str:
    """`markdown` of the file `path` of the repository, its links led to `pages` of the site, or taken away."""
    home = site_path(path)

    def lead(found: re.Match[str]) -> str:
        picture, text, target, anchor = found.groups()
        if re.match(r"\w+:", target):
            return found[0]
        there = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        uri = site_path(there)
        if uri in pages:
            return f"{picture}[{text}]({posixpath.relpath(uri, posixpath.dirname(home) or '.')}{anchor or ''})"
        return text if (ROOT / there).exists() else found[0]  # what is nowhere is left for MkDocs to complain of

    parts = re.split(r"(^```.*?^```$|^ {4}.*?$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if k % 2 else LINK.sub(lead, part) for k, part in enumerate(parts))


def site_path(path: str) -> str:
    """Where a file of the repository is on the site, if it is there."""
    return path.removeprefix(f"{FOLDER}/")
