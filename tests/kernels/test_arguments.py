"""Kernels called with what no caller of ours hands them: sizes, buffers and their contents changed at random.

They raise or do something within their buffers; that they do is for tests/fuzz/sanitize.sh to see.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from compiled import each_compiled
from networks import header_of, make_file, make_layers
from toy_prior import smooth_picture

from inr_core import Settings, decode, encode
from inr_core.kernels import reducing, switch

CHANGES = 60  # of each recorded call
CALLS = 3  # recorded of each kernel, of different sizes
INTEGERS = (-(2**40), -1, 0, 1, 2, 3, 4, 7, 48, 255, 1 << 20, 1 << 30, 2**31 - 1, 2**31, 2**62)


class Recorder:
    """The library, and copies of what its kernels are called with."""

    def __init__(self, library: ModuleType) -> None:
        self.library = library
        self.calls: dict[str, list[list[Any]]] = {}

    def __getattr__(self, name: str) -> Any:
        kernel = getattr(self.library, name)
        if not callable(kernel):
            return kernel

        def recorded(*arguments: Any) -> Any:
            self.calls.setdefault(name, []).append([_copy(argument) for argument in arguments])
            return kernel(*arguments)

        return recorded


def _copy(argument: Any) -> Any:
    if isinstance(argument, (np.ndarray, bytearray)):
        return argument.copy()
    return bytes(argument) if isinstance(argument, memoryview) else argument


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, backend: str) -> Iterator[dict[str, list[list[Any]]]]:
    """Of saving and opening small pictures of all models."""
    assert switch.native is not None
    recorder = Recorder(switch.native)
    monkeypatch.setattr(switch, "native", recorder)
    siren = header_of("RGB", width=9, height=7, hidden=6, layers=3)
    with switch.using(backend):
        for bit_depth, channels in ((8, 3), (16, 2)):
            picture = smooth_picture(np.random.default_rng(1), 21, 34, channels, bit_depth)
            mode = "RGB" if channels == 3 else "LA"
            data = encode(picture, Settings(effort=0, model="latent", threads=1), mode=mode)
            decode(data)
            decode(data, size=(7, 5))
            decode(encode(picture, Settings(lossless=True, threads=1), mode=mode))
        reducing.reduce_pixels(np.arange(35, dtype=np.uint64).reshape(5, 7), 1, 8, True, 9.0)
        reducing.reduce_pixels(np.arange(35, dtype=np.uint64).reshape(5, 7), 3, 8, False, 9.0)
        reducing.reduce_pixels(np.arange(12, dtype=np.uint64).reshape(3, 4), 2, 8, True, 9.0, kept=1)
        decode(make_file(siren, make_layers(siren, 1)))
        decode(make_file(siren, make_layers(siren, 1, density=0.3)))
        monkeypatch.undo()
        yield recorder.calls


def _changed(argument: Any, chance: random.Random) -> Any:
    """Another argument in its place."""
    if isinstance(argument, float):
        return chance.choice([0.0, -1.0, 1e300, 0.5])
    if not isinstance(argument, (np.ndarray, bytes, bytearray)):
        return chance.choice([int(argument) + chance.choice((-2, -1, 1, 2)), chance.choice(INTEGERS)])
    array = (
        np.frombuffer(argument, np.uint8)
        if isinstance(argument, (bytes, bytearray))
        else argument.reshape(-1).view(np.uint8)
    )
    kind = chance.randrange(4)
    if kind == 0:
        return array[: chance.randrange(len(array) + 1)].copy()
    if kind == 1:
        return array[: chance.choice((0, len(array) - 1, len(array) // 2))].copy()
    if kind == 2:
        return array.copy()[chance.randrange(1, 8) :]
    noise = np.frombuffer(chance.randbytes(len(array)), np.uint8)
    return np.where(np.random.default_rng(chance.getrandbits(32)).random(len(array)) < 0.3, noise, array)


@each_compiled
def test_no_arguments_reach_beyond_their_buffers(calls: dict[str, list[list[Any]]], backend: str) -> None:
    library = switch.native
    assert library is not None
    kernels = {name for name in dir(library) if not name.startswith("_") and callable(getattr(library, name))}
    assert set(calls) == kernels - {"levels", "products"}
    chance, raised, done = random.Random(backend), 0, 0
    for name, recorded in calls.items():
        for arguments in recorded[:: max(1, len(recorded) // CALLS)]:
            for _ in range(CHANGES):
                changed = [_copy(argument) for argument in arguments]
                for _ in range(chance.choice((1, 1, 2))):
                    place = chance.randrange(len(changed))
                    changed[place] = _changed(changed[place], chance)
                try:
                    getattr(library, name)(*changed)
                    done += 1
                except (ValueError, TypeError, OverflowError, MemoryError, BufferError):
                    raised += 1
    assert raised > done / 4
    assert done > raised / 8


@pytest.mark.skipif(switch.native is None, reason="nothing is compiled here")
@pytest.mark.parametrize("beyond", [599, 600, 65_535])
def test_no_entry_beyond_the_last_is_read(beyond: int) -> None:
    """Whatever tables say in which entry to begin."""
    assert switch.native is not None
    entries = np.zeros(600, np.dtype("u2, u2, i4, u1, u1, u2"))
    entries[-1] = (0, 1 << 15, 7, 0, 0, 0)
    first, values = np.full(512 << 7, beyond, np.uint16), np.zeros(3 * 16, np.int32)
    coded = (0, 0, 3, 0, 1, np.zeros(12, np.int32), 4, 2, bytes(512 * 8), entries, first, 4, 4, 0, 2, 2)
    ints = np.zeros(64, np.int32)
    made = (ints, np.zeros(256, np.int16), values, ints.copy(), ints[:0], 0, 0)
    read = (np.full(1, 1 << 16), bytes(40), b"", np.array([0, 20, 0, 0]))
    none = np.zeros(0, np.uint16)
    assert switch.native.code_parity(*coded, *made, *read, none, none, none)
    assert values.reshape(3, 4, 4)[:, ::2, ::2].ravel().tolist() == [64 * (7 - 32)] * 12


@pytest.mark.skipif(switch.native is None, reason="nothing is compiled here")
def test_kernels_refuse_sizes_beyond_their_buffers() -> None:
    native = switch.native
    assert native is not None
    ints, shorts = np.zeros(6000, np.int32), np.zeros(100, np.int16)
    planes = np.zeros((3, 4, 5), np.int32)
    good = [0, planes, 3, 4, 5, 0, 4, 0.5, np.zeros((3, 4, 5), np.int16)]
    native.highpass(*good)
    wrong = [(0, 99), (0, -1), (2, 0), (2, 4), (3, 5), (4, 6), (4, 1 << 40), (5, -1), (5, 4), (6, 5), (8, shorts[:59])]
    for place, value in wrong:
        with pytest.raises(ValueError, match=r"expected|no "):
            native.highpass(*good[:place], value, *good[place + 1 :])
    with pytest.raises(ValueError, match="aligned"):
        native.highpass(0, np.zeros(300, np.uint8)[1:241], *good[2:])
    with pytest.raises(TypeError):
        native.highpass(*good[:-1], bytes(120))
    layer: list[Any] = [np.zeros((1, 27, 4, 2), np.int16), np.zeros(4, np.int32), 3]
    inner: list[Any] = [np.zeros((1, 2, 4, 2), np.int16), np.zeros(4, np.int32), 3]
    maps = np.zeros((3 * 48 + 64, 2), np.int16)
    keys = [0, maps, 3, 48, 6, *layer, *inner, *inner, 0, 4, ints, 24]
    native.parity_keys(*keys)
    for place, value in (
        *((1, maps[:100]), (2, 4), (2, 0), (3, 20), (4, 2), (4, 9), (5, layer[0][:, :26]), (6, ints[:5]), (7, 31)),
        *((8, inner[0][:, :1]), (14, -1), (14, 4), (15, 0), (15, 9), (16, ints[:40]), (17, 23)),
    ):
        with pytest.raises(ValueError, match="expected"):
            native.parity_keys(*keys[:place], value, *keys[place + 1 :])
    for values in (ints[:0], ints[:59]):
        with pytest.raises(ValueError, match="expected"):
            native.wavelet_rows(
                0, planes, values, *(np.zeros(9),) * 2, 3, 4, 5, 0, 4, np.zeros((3, 8, 10), np.int32), 8, 10
            )
    with pytest.raises(ValueError, match="out_width"):
        native.wavelet_rows(0, planes, ints, *(np.zeros(9),) * 2, 3, 4, 5, 0, 4, np.zeros((3, 8, 11), np.int32), 8, 11)
    with pytest.raises(ValueError, match="out"):
        native.colour(0, planes, 3, 20, 0, 20, 8, np.zeros(59, np.uint8), 3, 0)
