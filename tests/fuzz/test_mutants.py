"""The fuzzers themselves: mutants are repeatable and get deep, and what no file may do is found. Then the corpus."""

from __future__ import annotations

import io
import multiprocessing as mp
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import little_work
import mutants
import outcomes
import pytest
import ways
from fieldmap import field_map
from hostile import split
from little_work import Finding
from mutator import join
from outcomes import made_once, read
from seeds import kind, seeds, wild
from ways import WAYS

import inr_core
from inr_core import FormatError, SettingsError, decode
from inr_core.kernels import switch
from inr_core.modes import COMPONENTS, MODE_TABLE

CORPUS = sorted((Path(__file__).parents[1] / "corpus").glob("*.inr"))
FORK = pytest.mark.skipif("fork" not in mp.get_all_start_methods(), reason="workers are forked")


def test_seeds_are_legal_and_cover_the_format() -> None:
    heads: Counter[tuple[str, str]] = Counter()
    for data in seeds():
        decode(data, threads=1)
        assert join(split(data)) == data
        header = inr_core.read_head(io.BytesIO(data)).header
        heads[header.model, header.mode] += 1
    assert Counter(map(kind, seeds()))["mixing coder"] > 20
    every = {(model, mode) for model in ("siren", "exact") for mode in MODE_TABLE}
    assert set(heads) == every | {("latent", mode) for mode in COMPONENTS}
    assert max(map(len, seeds())) < 4096


def test_the_map_of_fields_has_no_gaps() -> None:
    for data in [*seeds(), *(wild(k) for k in range(20))]:
        for chunk, fields in field_map(data).items():
            assert b"".join(field.data for field in fields) == chunk
            assert [field.offset for field in fields] == [sum(f.size for f in fields[:k]) for k in range(len(fields))]
    kinds = {field.kind for data in seeds() for fields in field_map(data).values() for field in fields}
    assert kinds == {"byte", "number", "bytes", "frame"}


def test_mutants_are_repeatable_and_get_deep() -> None:
    found: Counter[str] = Counter()
    with made_once():
        for number in range(400):
            data, outcome = mutants.check(5, number)
            assert data == mutants.mutant(5, number)[0]
            assert not outcome[-1].startswith("FINDING"), outcome
            found[outcome[0]] += 1
    decoded = sum(count for outcome, count in found.items() if outcome.startswith("core: decoded"))
    deep = sum(
        count
        for outcome, count in found.items()
        if "latents #" in outcome or "layer #" in outcome or "strip #" in outcome
    )
    assert decoded > 20
    assert deep > 80, "right CRCs lead past the container"
    assert len(found) > 80


def test_what_numpy_reads_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    if not switch.compiled():
        pytest.skip("compares compiled kernels")
    monkeypatch.setattr(mutants, "both", True)
    found = [mutants.check(6, number)[1][-1] for number in range(24)]
    assert not [outcome for outcome in found if outcome.startswith("FINDING")]
    monkeypatch.setattr(mutants, "read", lambda *args: [f"{switch.backend} {read(*args)[0]}"])
    assert mutants.check(6, 0)[1][-1].startswith(f"FINDING ['{switch.backend} core: ")


def raising(*args: object, **options: object) -> Any:
    raise ZeroDivisionError("planted")


def read_all() -> None:
    for data in seeds():
        read(data)


@pytest.mark.parametrize("where", ["inr_core.siren.streams.unpack_bits", "inr_core.latent.decoding.SymbolReader"])
def test_an_error_that_is_not_promised_is_found(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, raising)
    with pytest.raises(Finding, match="core: ZeroDivisionError: planted"):
        read_all()


def test_a_hang_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def bands(self: object) -> Iterator[tuple[int, Any]]:
        while True:
            yield from ()

    monkeypatch.setattr(outcomes, "HANG", 0.2)
    monkeypatch.setattr(inr_core.Decoder, "bands", bands)
    started = time.process_time()
    with pytest.raises(Finding, match=r"over 0\.2 s"):
        read(seeds()[0])
    assert time.process_time() - started < 10, "the promise is of CPU time"


def test_ways_to_read_that_disagree_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise FormatError("planted")

    with monkeypatch.context() as patch:
        patch.setattr(outcomes, "verify", refuse)
        with pytest.raises(Finding, match=r"decoded .*, but verify: FormatError: planted"):
            read(seeds()[0])
    with monkeypatch.context() as patch:
        patch.setattr("pillow_inr.modes._flip_lab", lambda samples, mode: samples ^ 1)
        patch.setattr(outcomes, "WAYS", (ways.load,))
        patch.setattr(ways, "_raw", lambda rows, mode: (rows.tobytes(), "raw", mode))
        rgb = next(d for d in seeds() if inr_core.read_head(io.BytesIO(d)).header.mode == "RGB")
        with pytest.raises(Finding, match="Pillow's pixels are not the core's"):
            read(rgb, random.Random(0))


def test_other_errors_than_ours_are_not_whitelisted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise SettingsError("planted")

    monkeypatch.setattr(little_work, "Decoder", refuse)
    with pytest.raises(Finding, match="SettingsError"):
        read(seeds()[0])


@FORK
def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole, parts = mutants.State(3), mutants.State(3)
    mutants.run(whole, 60, 2, tmp_path, None)
    for until in (20, 50, 60):
        mutants.run(parts, until, 1, tmp_path, tmp_path / "state.json")
    assert whole.outcomes == parts.outcomes
    assert whole.done == parts.done == 60
    assert whole.findings == []


@FORK
def test_a_crash_is_saved_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = mutants.check

    def crash(seed: int, number: int) -> Any:
        if number == 7:
            os._exit(3)
        return check(seed, number)

    monkeypatch.setattr(mutants, "check", crash)
    state = mutants.State(3)
    mutants.run(state, 20, 1, tmp_path, None)
    assert state.done == 20
    assert state.findings == ["7: FINDING crash, exit code 3"]
    assert (tmp_path / "3_7.inr").read_bytes() == mutants.mutant(3, 7)[0]
    assert sum(n for o, n in state.outcomes.items() if o.startswith("core")) == 19


@pytest.mark.parametrize("path", CORPUS, ids=[path.stem for path in CORPUS])
def test_corpus(path: Path) -> None:
    """Files that were found once, and those that promise the most: within the limits of time, whichever way."""
    data = path.read_bytes()
    read(data)
    for way in WAYS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(outcomes, "WAYS", (way,))
            read(data, random.Random(0))


def test_the_corpus_says_what_each_file_was() -> None:
    lines = (CORPUS[0].parent / "README.md").read_text(encoding="utf-8").splitlines()
    told = [name for line in lines if line.startswith("- ") for name in re.findall(r"`(\w+\.inr)`", line.split(":")[0])]
    assert told == [path.name for path in CORPUS]
    assert all(len(line.split(":", 1)[1]) > 40 for line in lines if line.startswith("- "))
