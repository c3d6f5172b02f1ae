"""The rows in docs/results, and the pages that state what follows from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "results"
PAGES = {name: (ROOT / f"{name}.md").read_text(encoding="utf-8") for name in ("RESULTS", "STUDY")}
Rows = list[dict[str, Any]]
Line = tuple[str, ...]


def rows(file: str, table: str) -> Rows:
    found: Rows = json.loads((FOLDER / f"{file}.json").read_text(encoding="utf-8"))["tables"][table]
    return found
