"""`inr bench auto`: what it takes, what that costs beside the better of both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny

from inr_core.kernels import reducing
from pillow_inr.bench.__main__ import main


@pytest.mark.skipif(not reducing.available(), reason="nothing is compiled here")
def test_what_is_taken_and_what_it_costs(tmp_path: Path) -> None:
    page = tiny.page()
    page.save(tmp_path / "page.png")
    tiny.photograph(90, 60).save(tmp_path / "waves.png")
    page.convert("P").save(tmp_path / "listed.png")
    results = tmp_path / "results.json"
    pictures = [str(tmp_path / f"{name}.png") for name in ("page", "waves", "listed")]
    assert main(["auto", *pictures, "--json", str(results)]) == 0
    tables = json.loads(results.read_text("utf-8"))["tables"]
    first, second, third = tables["auto"]
    assert [row["taken"] for row in tables["auto"]] == ["nearly exact", "latent", "exact"]
    assert (first["bytes"], first["psnr_db"]) == (first["exact_bytes"], first["exact_db"])
    assert (second["bytes"], second["psnr_db"]) == (second["latent_bytes"], second["latent_db"])
    assert first["percent"] == 0 <= second["percent"]
    assert third["percent"] is third["latent_bytes"] is third["psnr_db"] is None
    assert [(row["taken"], row["pictures"]) for row in tables["means"]] == [
        ("nearly exact", 1),
        ("latent", 1),
        ("exact", 1),
    ]
