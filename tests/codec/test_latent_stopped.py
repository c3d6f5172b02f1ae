"""Saves of the latent model that Ctrl-C, a callable or the clock ends: a whole file is left."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from latent_saves import fast, picture

from inr_core import (
    Interrupted,
    Progress,
    decode,
    encode,
    psnr,
)
from inr_core.latent.plan import iterations_for
from inr_core.save import latent


def test_interrupt_keeps_what_was_refined() -> None:
    def interrupt(progress: Progress) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted) as caught:
        encode(picture(), fast(effort=9), progress=interrupt)
    assert psnr(decode(caught.value.data), picture()) > 28


def test_interrupt_while_writing_keeps_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from inr_core.latent.encoding import encode_transformed as write

    monkeypatch.setattr(latent.LatentJob, "_tried", (4, 0.0, 0.0))
    calls = 0

    def interrupted_once(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyboardInterrupt
        return write(*arguments)

    monkeypatch.setattr(latent, "encode_transformed", interrupted_once)
    with pytest.raises(Interrupted) as caught:
        encode(picture(), fast())
    monkeypatch.undo()
    assert caught.value.data == encode(picture(), fast())


def test_interrupt_while_refined_and_unrefined_are_compared_keeps_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    compare, calls = latent.LatentJob._error_of, 0

    def interrupted_once(*arguments: Any) -> float:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyboardInterrupt
        return compare(*arguments)

    settings = fast(effort=1, model="latent")
    monkeypatch.setattr(latent.LatentJob, "_tried", (4, 0.0, 0.0))
    whole = encode(picture(), settings)
    monkeypatch.setattr(latent.LatentJob, "_error_of", interrupted_once)
    with pytest.raises(Interrupted) as caught:
        encode(picture(), settings)
    assert caught.value.data == whole


def test_interrupted_search_keeps_a_file() -> None:
    def interrupt(progress: Progress) -> None:
        if progress.phase == "fit":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted) as caught:
        encode(picture(), fast(effort=1, target_psnr=30.0), progress=interrupt)
    assert psnr(decode(caught.value.data), picture()) > 28


def test_progress_false_stops_with_a_complete_file() -> None:
    seen: list[Progress] = []

    def stop(progress: Progress) -> bool:
        seen.append(progress)
        return False

    data = encode(picture(), fast(effort=9), progress=stop)
    assert [(p.phase, p.step) for p in seen] == [("fit", 1), ("done", iterations_for(9, 48 * 64))]
    assert seen[-1].psnr == pytest.approx(psnr(decode(data), picture()))
    assert seen[-1].bpp == 8 * len(data) / (48 * 64)
    assert seen[0].psnr == pytest.approx(seen[-1].psnr, abs=2)
    assert seen[0].bpp == pytest.approx(seen[-1].bpp, rel=0.3)


def test_time_limit_ends_the_fit() -> None:
    seen: list[Progress] = []
    encode(picture(), fast(effort=9, time_limit=0.01), progress=seen.append)
    assert [p.phase for p in seen] == ["fit", "done"]
