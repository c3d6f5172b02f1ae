"""`inr bench speed`: that its loops train, and that its tables say what was measured."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from inr_core import decode, psnr
from inr_core.fit.latent.refine import Refinement, refine
from inr_core.fit.siren import trainer
from inr_core.fit.siren.network import Grid
from inr_core.latent.plan import TRADE
from pillow_inr.bench import (
    speed_decode,
    speed_fit,
    speed_growth,
    speed_latent,
    speed_loops,
    speed_products,
    speed_reach,
)
from pillow_inr.bench.__main__ import main
from pillow_inr.bench.report import Report
from pillow_inr.bench.speed_loops import FLOAT_PHASE, PLAIN, PLAIN_OUR_SAMPLER, PLAIN_TF32, QUANTISED

CPU = torch.device("cpu")
SIZE = 24, 16
NETWORK = ("--size", *SIZE, "--width", 8, "--depth", 3)
MACS = 3 * (2 * 8 + 8 * 8 + 8 * 3) * 24 * 16  # of a step


def run_here(code: str, without: object = (), **values: object) -> Any:
    """Instead of in a fresh interpreter, which takes seconds to import torch."""
    exec(code, values)
    return values["result"]


def bench(folder: Path, *arguments: object) -> dict[str, Any]:
    """The tables of a measurement."""
    path = folder / "result.json"
    assert main(["speed", *map(str, arguments), "--json", str(path)]) == 0
    result = json.loads(path.read_text("utf-8"))
    assert result["complete"] is True
    tables: dict[str, Any] = result["tables"]
    return tables


def steps_of_training(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> dict[str, Any]:
    """Tables of the part "fit", reports in it as often as can be."""
    monkeypatch.setattr(trainer, "REPORT_SECONDS", 0.0)  # or there would be few turns in a fraction of a second
    monkeypatch.setattr(trainer, "QUANTISED_PHASE", 0.3)  # or they would all be in the other phase on a busy machine
    monkeypatch.setattr(speed_fit, "run_fresh", run_here)
    short = "--seconds", 0.8, "--rounds", 2, "--fit-threads", 1, "--psnr", 5
    return bench(folder, "--parts", "fit", *NETWORK, *short, *arguments)


def seconds_to(monkeypatch: pytest.MonkeyPatch, db: float) -> list[Any]:
    """Rows of the table "reach" on a small picture, at most 0.4 s of each loop."""
    monkeypatch.setattr(trainer, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(speed_reach, "CHECK_SECONDS", 0.01)
    report = Report("speed", {})
    speed_reach.measure(report, SIZE, (8, 3), 1, 0.4, db, CPU)
    return list(report.tables[0].rows)


@pytest.mark.slow
def test_steps_of_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = steps_of_training(tmp_path, monkeypatch)
    rates = {row["type"]: row["gmacs_per_second"] for row in tables["products"]}
    fit = {(row["network"], row["loop"]): row for row in tables["fit"]}
    loops = [FLOAT_PHASE, QUANTISED, PLAIN, PLAIN_OUR_SAMPLER]
    assert list(fit) == [(network, loop) for network in ("3×8", "quality 75") for loop in loops]
    for (_, loop), row in fit.items():
        assert row["ratio"] == 1 if loop == PLAIN else 0.1 < row["ratio"] < 10
        assert row["steps_per_second"] > 1
        assert row["turns"] > 0
        assert (row["batch"], row["threads"]) == (24 * 16, 1)
        assert row["of_products"] == pytest.approx(row["gmacs_per_second"] / rates["float32"])
        assert (row["peak_mb"] is None) == (loop == PLAIN_OUR_SAMPLER)
    for loop in loops:
        row = fit["3×8", loop]
        assert row["gmacs_per_second"] == pytest.approx(MACS * row["steps_per_second"] / 1e9)
    assert 50 < fit["3×8", PLAIN]["peak_mb"] < 4000


def test_seconds_to_a_psnr(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = seconds_to(monkeypatch, 18)
    assert [row["loop"] for row in rows] == [speed_reach.OURS, PLAIN] * 2
    for ours, plain in zip(rows[::2], rows[1::2], strict=True):
        assert min(ours["reached_db"], plain["reached_db"]) >= 18 == ours["psnr_db"]
        assert ours["ratio"] == pytest.approx(plain["seconds"] / ours["seconds"])
        assert plain["ratio"] == 1
        for row in (ours, plain):
            assert 0 < row["seconds"] < 1
            assert row["steps"] > 10


def test_a_psnr_that_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in seconds_to(monkeypatch, 90):
        assert (row["seconds"], row["ratio"]) == (None, None)
        assert 8 < row["reached_db"] < 60
        assert row["steps"] > 10


def test_both_are_evaluated_alike() -> None:
    picture = speed_loops.waves(*SIZE)
    plan = speed_fit.plan_of(picture, {"width": 8, "depth": 3}, CPU)
    run = trainer.Run(picture, 255, False, plan, CPU)
    loop = speed_loops.PlainLoop(plan, speed_loops.draw_randint(run.grid, plan.batch), CPU)
    race = speed_reach._Race(run, loop, 30.0, 1.0)
    race.ours.check(run.grid, 1.5, 3)
    race.plain.check(run.grid, 2.5, 4)
    assert race.ours.psnr == pytest.approx(race.plain.psnr, abs=1e-4)  # the same network, not trained yet
    assert (race.ours.seconds, race.ours.steps, race.plain.seconds, race.plain.steps) == (1.5, 3, 2.5, 4)
    ((x, _),) = run.grid.blocks()
    said = (run.siren.forward(x).clamp(-1, 1).numpy().reshape(16, 24, 3) + 1) * 127.5
    error = np.square(said - picture).mean()
    assert race.ours.psnr == pytest.approx(10 * math.log10(255**2 / error), abs=1e-3)
    loop.run(100)
    race.plain.check(run.grid, 1.0, 100)
    race.ours.check(run.grid, 1.0, 0)
    assert race.plain.psnr > race.ours.psnr + 1
    assert (race.plain.seconds, race.plain.steps) == (3.5, 104)


@pytest.mark.parametrize("what", [FLOAT_PHASE, QUANTISED, PLAIN, PLAIN_OUR_SAMPLER, PLAIN_TF32])
def test_every_loop_trains(what: str) -> None:
    picture = speed_loops.waves(*SIZE)
    plan = speed_fit.plan_of(picture, {"width": 16, "depth": 3, "steps": 1, "batch": 256}, CPU)
    loop: Any = speed_loops.make_loop(what, picture, plan, CPU)
    grid = Grid(picture, 255, False, CPU, 0)

    def loss() -> float:
        ((x, target),) = grid.blocks()
        ours = isinstance(loop, speed_loops.OurLoop)
        forward = (loop._run.quantised or loop._run.siren).forward if ours else loop.model
        with torch.no_grad():
            return float(grid.apart(forward(x), target).square().mean())

    if what in (FLOAT_PHASE, QUANTISED):
        assert (loop._run.quantised is not None) == (what == QUANTISED)
    before = loss()
    assert 0 < loop.run(100) < 20
    assert loss() < 0.7 * before


def test_turns_are_as_long_for_everyone() -> None:
    class Counted:
        def __init__(self, step: float) -> None:
            self.step, self.made = step, 0

        def run(self, steps: int) -> float:
            self.made += steps
            return self.step * steps

    quick, slow = Counted(0.01), Counted(0.7)
    turns = speed_loops.steps_in_turns([quick, slow], 0.5, 3)
    assert turns == [[pytest.approx(0.01), pytest.approx(0.7)]] * 3
    assert (quick.made, slow.made) == (1 + 3 * 50, 1 + 3)


@pytest.mark.slow
def test_growth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WIDTHS": (4, 8, 12), "DEPTHS": (2, 3, 4), "PICTURE": SIZE}.items():
        monkeypatch.setattr(speed_growth, name, value)
    monkeypatch.setitem(speed_growth.PIXELS, "cpu", (256, 300, 384))
    tables = bench(tmp_path, "--parts", "growth", "--rounds", 1, "--fit-threads", 1, "--turn-seconds", 0.01)
    rate = tables["products"][0]["gmacs_per_second"]
    rows = tables["growth"]
    grown = [("3×4", 300), ("3×8", 300), ("3×12", 300), ("2×8", 300), ("4×8", 300), ("3×8", 256), ("3×8", 384)]
    assert [(row["network"], row["batch"]) for row in rows[::3]] == grown
    assert [row["loop"] for row in rows] == [FLOAT_PHASE, QUANTISED, PLAIN] * 7
    for row in rows:
        assert row["ratio"] == 1 if row["loop"] == PLAIN else 0.1 < row["ratio"] < 10
        assert row["peak_mb"] is None
    assert rows[-1]["of_products"] == pytest.approx(MACS * rows[-1]["steps_per_second"] / rate / 1e9)


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["speed", "--parts", "latent", "--device", "cuda", "--size", "16", "16", "--rounds", "1"]) == 1
    assert "bench: device: expected one this machine has, got 'cuda'" in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(speed_growth.PIXELS, "cuda", (256, 300, 384))
    monkeypatch.setitem(speed_products.SIZES, "cuda", 256)
    tables = steps_of_training(tmp_path, monkeypatch, "--device", "cuda")
    assert [row["type"] for row in tables["products"]] == ["float32", "TF32", "bfloat16"]
    assert {row["loop"] for row in tables["fit"]} == {FLOAT_PHASE, QUANTISED, PLAIN, PLAIN_OUR_SAMPLER, PLAIN_TF32}
    assert all(row["peak_mb"] > 0 for row in tables["fit"] if row["loop"] in (FLOAT_PHASE, QUANTISED, PLAIN))
    short = "--rounds", 2, "--fit-threads", 1, "--threads", 1, "--turn-seconds", 0.02
    tables = bench(tmp_path, "--parts", "growth", "latent", *NETWORK, *short, "--device", "cuda")
    assert all(row["peak_mb"] > 0 for row in [*tables["growth"], *tables["refine"]])
    assert tables["decode_latent"][0]["ms"] > 0


@pytest.mark.slow
def test_latent_decode_and_fresh(tmp_path: Path) -> None:
    short = "--rounds", 2, "--starts", 1, "--threads", 1
    tables = bench(tmp_path, "--parts", "latent", "decode", "fresh", *NETWORK, *short)
    refining = {row["what"]: row for row in tables["refine"]}
    assert list(refining) == [speed_latent.SIMPLE, speed_latent.OURS, speed_latent.ADAPTING]
    for what, row in refining.items():
        assert row["ms_per_megapixel"] == pytest.approx(row["ms"] * 1e6 / (24 * 16))
        assert row["gmacs_per_second"] == pytest.approx(row["macs_per_pixel"] * 24 * 16 / row["ms"] / 1e6)
        assert row["ratio"] == pytest.approx(refining[speed_latent.SIMPLE]["ms"] / row["ms"])
        assert row["macs_per_pixel"] == pytest.approx(speed_latent.PASSES[what] * decoding_macs(tables))
        assert 0 < row["of_products"] < 1
        assert 50 < row["peak_mb"] < 4000
    assert {row["type"] for row in tables["products"]} >= {"float32"}
    decoding = {row["what"]: row for row in tables["decode"]}
    assert max(decoding[speed_decode.WHOLE]["speed"], decoding[speed_decode.CHUNKS]["speed"]) == 1
    assert decoding[speed_decode.OURS]["speed"] > 0
    assert all(row["median_ms"] > 0 for row in decoding.values())
    fresh = {row["what"]: row for row in tables["fresh"]}
    memory = fresh["peak memory of a process that decodes"]
    assert memory["unit"] == "MB"
    assert 5 < memory["median"] < 400
    assert 0 < fresh["Image.open without load, warm"]["median"] < fresh["first Image.open, imports included"]["median"]
    assert fresh["import pillow_inr added to it"]["unit"] == "ms"


def decoding_macs(tables: dict[str, Any]) -> float:
    (row,) = tables["decode_latent"]
    macs: float = row["macs_per_pixel"]
    return macs


def test_the_simple_loop_lowers_what_ours_does() -> None:
    picture = speed_latent.Picture(speed_loops.waves(256, 192))
    loop = speed_latent.SimpleLoop(picture.model, picture.samples, picture.latents)
    costs = []
    for number in range(5):
        loop.step(number)
        costs.append(loop.cost)
    assert costs[-1] < 0.99 * costs[0]
    how = Refinement(5, TRADE)
    refined, _ = refine(picture.samples, picture.latents, picture.prior, how, lambda *_: True)
    again = speed_latent.SimpleLoop(picture.model, picture.samples, refined)
    again.step(0)
    assert again.cost == pytest.approx(costs[-1], rel=0.02)


def test_multiply_adds_of_a_level_by_hand() -> None:
    picture = speed_latent.Picture(speed_loops.waves(256, 256))
    finest, next_one = (
        dataclasses.replace(picture.latents, details=[picture.latents.details[0][k : k + 1]]) for k in (0, 1)
    )
    picture.latents = finest
    hidden, luma, chroma = 64, 64, 32
    seen = {"luma": 13 * 4 + 6 * 6, "chroma": 32 * 4 + 6 * 6}  # inputs that the four parities see, together
    parities = luma * 9 * seen["luma"] + 4 * luma**2 + 4 * 6 * luma
    parities += chroma * 9 * seen["chroma"] + 4 * chroma**2 + 4 * 12 * chroma
    assert picture.multiply_adds() == 64**2 * parities + 128**2 * (2 * 12 * 9 * hidden + hidden**2)
    whole = picture.multiply_adds()
    picture.latents = next_one
    assert picture.multiply_adds() == whole / 4


def test_every_contestant_has_the_same_network() -> None:
    siren = speed_decode.random_siren(16, 4)
    grid = Grid(speed_loops.waves(24, 16), 255, False, torch.device("cpu"), 0)
    (x, _), *rest = grid.blocks()
    assert not rest
    expected = siren.forward(x)
    torch.testing.assert_close(speed_loops.PlainSiren(siren)(x), expected)
    for chunk in (len(x), 100):
        torch.testing.assert_close(speed_decode.Bare(siren).forward(x, chunk), expected)
    ours = decode(speed_decode.random_file((24, 16), 16, 4))
    bare = ((expected.numpy() + 1) * 127.5).clip(0, 255).round().astype(np.uint8).reshape(16, 24, 3)
    assert psnr(ours, bare) > 30  # what eight bits leave of a random network
