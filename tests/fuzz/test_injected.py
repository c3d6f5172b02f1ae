"""A sample of `make faults`: an exception at a random line of each work, and at a random moment by a signal."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import faults
from faults import WORK, Finding, inject
from moments import Injected
from small_files import SIREN

from inr_core import decode
from inr_core.latent import plan


@pytest.fixture(autouse=True)
def few_iterations(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(plan, "REFINEMENTS", (0, 1, 1, 1, 1, 3))
    yield
    faults.usual.cache_clear()


@pytest.mark.parametrize("name", WORK)
def test_an_exception_at_any_line(name: str) -> None:
    rng = random.Random(name)
    outcomes = {inject(name, rng) for _ in range(3)}
    assert outcomes - {"not reached"}


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="timers of POSIX")
@pytest.mark.parametrize("name", WORK)
def test_a_signal_at_any_moment(name: str) -> None:
    rng = random.Random(name)
    inject(name, rng, "signal")


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="limits of POSIX")
@pytest.mark.parametrize("name", [name for name in WORK if name.startswith(("save", "inr"))])
def test_a_full_disk(name: str) -> None:
    rng = random.Random(name)
    outcomes = {inject(name, rng, "disk") for _ in range(2)}
    assert outcomes <= {"OSError", "done"}


@pytest.mark.parametrize("name", WORK)
def test_no_threads(name: str) -> None:
    assert inject(name, random.Random(name), "threads") == "done"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("name", WORK)
def test_a_fork_in_the_middle(name: str) -> None:
    assert inject(name, random.Random(name), "fork") == "forked"


def test_what_is_left_changed_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(path: Path) -> bytes:
        np.seterr(all="raise")
        try:
            return decode(SIREN, threads=1).tobytes()
        finally:
            if sys.gettrace() is None:
                np.seterr(all="warn", under="ignore")

    monkeypatch.setitem(WORK, "careless", careless)
    with pytest.raises(Finding, match="left changed"), np.errstate():
        inject("careless", random.Random(0))


def test_what_is_lost_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(path: Path) -> bytes:
        try:
            return decode(SIREN, threads=1).tobytes()
        except BaseException:
            return b"black"

    monkeypatch.setitem(WORK, "deaf", deaf)
    with pytest.raises(Finding, match="was lost"):
        inject("deaf", random.Random(0))


def test_half_a_file_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(path: Path) -> bytes:
        path.write_bytes(SIREN[:50])
        data = decode(SIREN, threads=1).tobytes()
        path.write_bytes(data)
        return data

    monkeypatch.setitem(WORK, "hasty", hasty)
    monkeypatch.setattr(faults, "RAISED", (Injected,))
    with pytest.raises(Finding, match="left half a file"):
        inject("hasty", random.Random(0))
