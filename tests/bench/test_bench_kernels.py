"""`inr bench kernels`: every contestant has a row, and what is counted is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiled import COMPILED
from PIL import Image
from toy_prior import smooth_picture, toy_arrays

from inr_core.kernels import switch
from pillow_inr.bench import kernel_rates, kernels
from pillow_inr.bench.__main__ import main


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Of two small pictures and a prior of toys."""
    monkeypatch.setattr(kernel_rates, "REPEATS", 100)
    paths = []
    for k, size in enumerate([(24, 40), (20, 36)]):
        paths.append(tmp_path / f"{k}.png")
        Image.fromarray(smooth_picture(np.random.default_rng(k), *size, 3)).save(paths[-1])
    np.savez(tmp_path / "toy.npz", **toy_arrays())
    options = ["--parts", "decode", "large", "thumbnail", "rates", "--rounds", "1", "--megapixels", "0.003"]
    wanted = ["kernels", *map(str, paths), *options, "--prior", str(tmp_path / "toy.npz")]
    backend = switch.backend
    assert main([*wanted, "--json", str(tmp_path / "result.json")]) == 0
    assert switch.backend == backend
    found: dict[str, Any] = json.loads((tmp_path / "result.json").read_text("utf-8"))["tables"]
    return found


def test_every_contestant_has_a_row(tables: dict[str, Any]) -> None:
    priors = [(what, name) for what in ("prior 1", "toy") for name in switch.available()]
    rows = [(row["what"], row["kernels"]) for row in tables["decode"]]
    assert [row for row in rows if row[1] != "–"] == priors
    assert {row["kernels"] for row in tables["large"]} == {switch.NUMPY, switch.available()[-1], "–"}
    assert {row["kernels"] for row in tables["thumbnail"]} >= set(switch.available())
    assert all(row["of_numpy"] == 1 for row in tables["decode"] if row["kernels"] == switch.NUMPY)
    assert all(row["cpu_ms"] >= 0 < row["clock_ms"] for name in ("decode", "large") for row in tables[name])
    vectors = set(COMPILED) - {switch.PLAIN}
    assert {row["kernels"] for row in tables["rates"]} == vectors
    shares = [row["percent"] for row in tables["where"] if row["kernel"] == "all"]
    assert shares == [100] * 2 * len(vectors)


def test_the_large_picture_is_made_of_all() -> None:
    pictures = [np.full(size, value, np.uint8) for value, size in enumerate([(4, 6, 3), (5, 5, 3)])]
    mosaic = kernels._mosaic(pictures, 192e-6)
    assert mosaic.shape == (12, 16, 3)
    assert mosaic[:, :, 0].tolist() == [[x // 5 % 2 for x in range(16)]] * 4 + [[x // 5 % 2 for x in range(16)]] * 8


@pytest.mark.parametrize("level", range(len(COMPILED)))
def test_multiply_adds_are_counted(level: int) -> None:
    native = switch.native
    assert native is not None
    one = native.products(level, 1)
    assert one % 32 == 0
    assert native.products(level, 7) == 7 * one
    assert native.products(level, 0) == 0
    with pytest.raises(ValueError, match="repeats: expected 0 to 2147483647, got -1"):
        native.products(level, -1)
