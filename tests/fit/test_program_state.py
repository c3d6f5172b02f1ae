"""A guest in the program: what it has set up changes no byte and no pixel, and is as it was afterwards."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from small_fits import scene

torch = pytest.importorskip("torch")

import program_state
from program_state import everything

from inr_core import Progress, Settings, decode, encode
from inr_core.fit.latent import component
from inr_core.latent import plan

SAVES: dict[str, Settings] = {
    "effort 0": Settings(effort=0, threads=2),
    "effort 5": Settings(effort=5, threads=2),
    "siren": Settings(model="siren", steps=30, threads=2),
    "sparse siren": Settings(model="siren", steps=30, density=0.3, batch=300, target_size=700),
    "pruned siren": Settings(model="siren", steps=30, density=0.3, sparsity="prune", quantization="kmeans"),
    "solved siren": Settings(model="siren", effort=0, quantization="float16"),
}
SOME = ["default type float64", "default device meta", "precision medium", "autocast", "numpy raises", "warnings raise"]


@pytest.fixture(autouse=True)
def few_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "REFINEMENTS", (0, 1, 1, 1, 1, 3))
    for module in (plan, component):  # as larger pictures are: networks move, and structure counts
        monkeypatch.setattr(module, "ADAPTED_PIXELS", 0)


@cache
def saved(name: str) -> bytes:
    return encode(scene(), SAVES[name])


WORK: dict[str, Callable[[], Any]] = {
    **{name: lambda name=name: encode(scene(), SAVES[name]) for name in SAVES},  # type: ignore[misc]
    "decoding": lambda: decode(saved("effort 5"), threads=2).tobytes() + decode(saved("siren"), threads=2).tobytes(),
    "decoding a part": lambda: decode(saved("effort 5"), size=(9, 7), region=(2, 1, 21, 19)).tobytes(),
    "decoding by torch": lambda: b"".join(decode(saved(n), device="torch").tobytes() for n in ("effort 5", "siren")),
}


@cache
def usual(name: str) -> Any:
    return WORK[name]()


@pytest.mark.parametrize("name", WORK)
def test_nothing_is_left_changed(name: str) -> None:
    random.seed(1)
    usual(name)  # what is imported for it may start threads, once
    before = everything()
    assert WORK[name]() == usual(name)
    after = everything()
    assert {key: (before[key], after[key]) for key in before if before[key] != after[key]} == {}


@pytest.mark.parametrize("setting", program_state.SETTINGS)
@pytest.mark.parametrize("name", ["effort 5", "sparse siren", "decoding by torch"])
def test_no_setting_of_the_program_matters(name: str, setting: str) -> None:
    expected = usual(name)
    with program_state.SETTINGS[setting]():
        before = None if setting.startswith("a mode that sees") else everything()
        assert WORK[name]() == expected
        if before is not None:
            assert everything() == before


@pytest.mark.parametrize("setting", SOME)
@pytest.mark.parametrize("name", sorted(WORK.keys() - {"effort 5", "sparse siren", "decoding by torch"}))
def test_nor_for_other_work(name: str, setting: str) -> None:
    expected = usual(name)
    with program_state.SETTINGS[setting]():
        assert WORK[name]() == expected


def test_threads_that_save_and_decode_at_once_leave_nothing_changed() -> None:
    """Nor do others see anything of it meanwhile: new threads begin with the program's number of threads."""
    names = [name for name in WORK if name != "decoding by torch"]
    expected = [usual(name) for name in names]
    before = everything()
    seen: set[tuple[int, str]] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.add(program_state.in_new_thread(lambda: (torch.get_num_threads(), torch.__config__.parallel_info())))
            seen.add((torch.get_num_threads(), torch.__config__.parallel_info()))

    with ThreadPoolExecutor(len(names) + 1) as pool:
        looking = pool.submit(look)
        assert list(pool.map(lambda name: WORK[name](), names)) == expected
        done.set()
        looking.result()
    assert seen == {(torch.get_num_threads(), torch.__config__.parallel_info())}
    after = everything()
    assert {key: (before[key], after[key]) for key in before if before[key] != after[key]} == {}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_bytes_do_not_depend_on_threads(count: int) -> None:
    for name in ("effort 5", "siren", "sparse siren"):
        assert encode(scene(), replace(SAVES[name], threads=count)) == saved(name)


def test_torch_decodes_exactly_while_precisions_come_and_go() -> None:
    """Other threads allow bfloat16 products, decode, and forbid them again."""
    names = ["effort 5", "siren"]
    expected = [decode(saved(name)).tobytes() for name in names]
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            for value in ("medium", "high", "highest"):
                torch.set_float32_matmul_precision(value)

    def decoded(k: int) -> bool:
        with torch.autocast("cpu", torch.bfloat16):
            return decode(saved(names[k % 2]), device="torch").tobytes() == expected[k % 2]

    with program_state.matmul_precision("medium"), ThreadPoolExecutor(4) as pool:
        assert all(pool.map(decoded, range(12)))
        assert torch.get_float32_matmul_precision() == "medium"
        changing = pool.submit(change)
        assert all(pool.map(decoded, range(24)))
        done.set()
        changing.result()


def test_a_precision_chosen_while_we_work_stays() -> None:
    def choose(progress: Progress) -> None:
        torch.set_float32_matmul_precision("high")

    with program_state.matmul_precision("medium"):
        encode(scene(), SAVES["siren"], progress=choose)
        assert torch.get_float32_matmul_precision() == "high"
        assert [torch._C._get_fp32_precision_getter(*b) for b in (("mkldnn", "matmul"), ("cuda", "matmul"))] == [
            "tf32"
        ] * 2
