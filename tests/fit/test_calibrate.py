"""Calibrating the tables of a prior: what is counted, what the counts become, and what the command writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from toy_prior import smooth_picture, toy_arrays, toy_prior

pytest.importorskip("torch")
from inr_core.entropy.symbols import SymbolTables, SymbolWriter, code_lengths, laplace_tables
from inr_core.kernels import switch
from inr_core.latent import encoding, latents, prior
from inr_core.latent.plan import DEAD_ZONE
from training import calibrate
from training.calibrate import Calibration, calibrated, count_entries, mirrored, tables_of_counts

LAPLACE = laplace_tables()
TABLES = SymbolTables.of(LAPLACE)
UNREFINED = Calibration(crops=3, iterations=0)


def pictures(*sizes: int) -> list[NDArray[np.uint8]]:
    return [smooth_picture(np.random.default_rng(n), n, n + 9, 3).transpose(2, 0, 1) for n in sizes]


def heavy(row: int, count: int) -> NDArray[np.int32]:
    """Symbols with tails that Laplace's distributions do not have."""
    scale, mean = np.exp(-5 + row // 8 * 11 / 63), (row % 8 - 4) / 8
    values = mean + scale * np.random.default_rng(row).standard_t(2, count)
    symbols: NDArray[np.int32] = np.rint(values).astype(np.int32)
    return symbols


def test_mirror_images_have_the_same_probability() -> None:
    rows = np.repeat(np.arange(512), 41)
    symbols = np.tile(np.arange(-20, 21), 512).astype(np.int32)
    others, images = mirrored(rows, symbols)
    assert (others // 8 == rows // 8).all()
    distance = symbols - (rows % 8 - 4) / 8
    assert np.abs(images - (others % 8 - 4) / 8).tolist() == np.abs(distance).tolist()
    back = mirrored(others, images)
    assert (back[0] == rows).all()
    assert (back[1] == symbols).all()


def test_tables_become_what_was_counted() -> None:
    for row in (91, 164, 303, 420, 500):
        symbols = heavy(row, 500_000)
        rows = np.full(len(symbols), row)
        counts = np.bincount(TABLES.entries(rows, symbols), minlength=len(TABLES.freqs))
        made = LAPLACE | tables_of_counts(LAPLACE, counts)
        new = SymbolTables.of(made)
        seen = counts[counts > 0] / len(symbols)
        raw = TABLES.widths[TABLES.entries(rows, symbols)].mean()
        entropy = -(seen * np.log2(seen)).sum() + raw
        before, after = (code_lengths(t, rows, symbols).mean(dtype=np.float64) for t in (TABLES, new))
        assert after < before - 0.03
        assert entropy <= after < 1.001 * entropy + 0.001
        changed = np.flatnonzero(made["table_freqs"] != LAPLACE["table_freqs"])
        assert TABLES.offsets[row] == changed[0]
        assert changed[-1] < TABLES.offsets[row + 1]


def test_rows_that_were_not_seen_stay_as_they_are() -> None:
    unseen = tables_of_counts(LAPLACE, np.zeros(len(TABLES.freqs), np.int64))
    assert all((unseen[name] == LAPLACE[name]).all() for name in unseen)


@pytest.mark.parametrize(("ones", "skipped"), [(1400, 1), (1600, 0)])
def test_rows_that_are_surely_0_are_flagged(ones: int, skipped: int) -> None:
    counts = np.zeros(len(TABLES.freqs), np.int64)
    row = 8 * 12 + 4  # Laplace's P(0) is 0.9952 there: 49 of LAPLACE_WEIGHT others
    counts[TABLES.offsets[row]] = 1_000_000 - ones
    counts[TABLES.offsets[row] + 1] = ones
    flags = tables_of_counts(LAPLACE, counts)["table_skipped"]
    assert flags[row] == skipped


def test_any_counts_make_tables() -> None:
    random = np.random.default_rng(0)
    for k in range(20):
        counts = (random.pareto(0.3, len(TABLES.freqs)) * random.integers(0, 2, len(TABLES.freqs))).clip(0, 1e9)
        made = SymbolTables.of(LAPLACE | tables_of_counts(LAPLACE, np.roll(counts.astype(np.int64), k)))
        assert {int(row.sum()) for row in np.split(made.freqs, made.offsets[1:])} == {1 << 15}
        assert made.freqs.min() >= 1


def test_what_is_counted_is_what_is_coded(monkeypatch: pytest.MonkeyPatch) -> None:
    made = toy_prior()
    samples = pictures(70)[0].transpose(1, 2, 0)
    counts = count_entries(samples, made, 150, UNREFINED)
    expected = np.zeros_like(counts)
    add = SymbolWriter.add

    def watched(writer: SymbolWriter, rows: NDArray[Any], symbols: NDArray[Any]) -> None:
        for pair in ((rows, symbols), mirrored(rows, symbols)):
            expected[:] += np.bincount(made.tables.entries(*pair), minlength=len(expected))
        add(writer, rows, symbols)

    monkeypatch.setattr(SymbolWriter, "add", watched)
    quantised = latents.quantise(samples, made, (3,), 150, calibrate.LEVELS, DEAD_ZONE)
    with switch.using("numpy"):
        encoding._encode(quantised, made, False, 1, "cpu")
    assert counts.sum() == 2 * 9 * sum(a.size // 9 for a in quantised.details[0])
    assert (counts == expected).all()


def test_calibrated_tables_cost_less(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = toy_arrays()
    made = calibrated(arrays, pictures(390, 140), UNREFINED)
    again = calibrated(arrays, pictures(390, 140), UNREFINED)
    assert {name: array.tobytes() for name, array in made.items()} == {n: a.tobytes() for n, a in again.items()}
    assert all(made[name] is arrays[name] for name in arrays if not name.startswith("table_"))
    other = smooth_picture(np.random.default_rng(9), 150, 170, 3)
    costs = []
    for each in (arrays, made):
        model = prior.from_arrays(each)
        quantised = latents.quantise(other, model, (3,), 160, 6)
        costs.append(sum(map(len, encoding._encode(quantised, model, False, 1, "cpu")[0])))
    assert costs[1] < 0.97 * costs[0]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "5.npz", **toy_arrays() | {"table_freqs": np.zeros(3)})  # tables are made anew
    Image.fromarray(pictures(130)[0].transpose(1, 2, 0)).save(tmp_path / "a.png")
    out = tmp_path / "6.npz"
    calibrate.main([*map(str, (tmp_path / "5.npz", tmp_path / "a.png")), "--out", str(out), "--crops=1"])
    assert capsys.readouterr().out == f"{out}: {out.stat().st_size:,} bytes\n"
    with np.load(out, allow_pickle=False) as file:
        made = prior.from_arrays({name: file[name] for name in file.files})
    assert (made.luma.w1 == toy_prior().luma.w1).all()
    assert (made.tables.freqs != TABLES.freqs).any()
    with pytest.raises(SystemExit):
        calibrate.main([*map(str, (tmp_path / "5.npz", tmp_path / "none")), "--out", str(out)])
    assert "none: expected a picture or a folder of pictures, got nothing there" in capsys.readouterr().err
