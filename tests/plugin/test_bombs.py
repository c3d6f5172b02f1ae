"""A file that would cost too much is a decompression bomb, as Pillow says: when it is loaded, not when it is opened."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import header_of, make_file, make_palette
from PIL import Image, ImageFile
from small_files import LATENT, SIREN
from tiny import inr

import inr_core
import pillow_inr
from inr_core import Limits, Metadata, replace_metadata
from inr_core.kernels import switch
from inr_core.limits import RATES
from pillow_inr import InrImagePlugin

Bomb = Image.DecompressionBombError
Warned = Image.DecompressionBombWarning


@pytest.fixture(autouse=True)
def afterwards() -> Iterator[None]:
    yield
    Limits.default = Limits()
    InrImagePlugin.LIMITS = None


def slowly(monkeypatch: pytest.MonkeyPatch, seconds: float, data: bytes = SIREN) -> None:
    """Evaluating all of a file takes so many nominal seconds."""
    cost = inr_core.describe(data).cost
    times = seconds / replace(cost, symbols=0).seconds
    rates = {name: (times * a, times * b) for name, (a, b) in RATES.items()}
    monkeypatch.setattr("inr_core.limits.RATES", rates | {"symbols": RATES["symbols"]})


def opened(data: bytes = SIREN) -> Image.Image:
    return Image.open(io.BytesIO(data))


def parsed(data: bytes) -> Image.Image:
    parser = ImageFile.Parser()
    for k in range(0, len(data), 999):
        parser.feed(data[k : k + 999])
    return parser.close()


WAYS: dict[str, Callable[[bytes], Any]] = {
    "load": lambda data: opened(data).load(),
    "convert": lambda data: opened(data).convert("L"),
    "draft": lambda data: (lambda im: (im.draft("L", (89, 69)), im.load()))(opened(data)),
    "thumbnail": lambda data: opened(data).thumbnail((80, 80)),
    "parser": parsed,
}


@pytest.mark.parametrize("way", WAYS)
def test_refused_when_pixels_are_made(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch, 1500)
    with pytest.raises(Bomb, match=r"^limits: seconds: expected at most 120 of a nominal core, got [\d,.]+$"):
        WAYS[way](SIREN)


@pytest.mark.parametrize("data", [SIREN, LATENT], ids=["siren", "latent"])
def test_warned_of_from_half_of_it_on(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds, expected in ((59.8, 0), (60.3, 1), (119.8, 1)):
        slowly(monkeypatch, seconds, data)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            opened(data).load()
        assert [w.category for w in caught] == [Warned] * expected
        assert all(w.filename == __file__ for w in caught)
        assert all("nominal seconds, more than 60, could be decompression bomb" in str(w.message) for w in caught)
        monkeypatch.undo()


def test_opening_and_looking_cost_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slowly(monkeypatch, 500)
    with opened() as im:
        assert (im.size, im.mode) == ((90, 70), "RGB")
        im.verify()
    path = tmp_path / "a.inr"
    path.write_bytes(SIREN)
    code, out, _ = inr("info", path)
    assert code == 0
    assert "  cost      500.000 nominal core-seconds for " in out


def test_a_thumbnail_of_it_may_be_made_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch, 180)
    with opened() as im:
        im.thumbnail((12, 12))
        assert im.size == (12, 9)


def test_an_image_tells_what_it_costs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(SIREN)
    for source in (path, io.BytesIO(SIREN)):
        with Image.open(source) as im:
            assert isinstance(im, pillow_inr.InrImageFile)
            assert im.cost() == inr_core.describe(SIREN).cost
            assert im.cost((9, 7)).seconds <= 1.2 * im.cost().seconds  # as many samples, of which means are made
            im.load()
            with pytest.raises(ValueError, match="cost: expected an opened picture that is not loaded yet"):
                im.cost()
            assert im.tobytes() == inr_core.decode(SIREN).tobytes()
    damaged = bytearray(SIREN)
    damaged[-9] ^= 1
    with opened(bytes(damaged)) as im, pytest.raises(OSError, match="cost: chunk 'NETW': CRC mismatch"):
        im.cost()  # type: ignore[attr-defined]


def test_without_pillows_own_limit_there_is_none_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    slowly(monkeypatch, 1e9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened().load()
    with pillow_inr.open(io.BytesIO(SIREN), limits=Limits()) as im, pytest.raises(Bomb):
        im.load()
    InrImagePlugin.LIMITS = Limits()
    with opened() as im, pytest.raises(Bomb):
        im.load()


def test_limits_of_one_call_of_the_plugin_and_of_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch, 20)
    with (
        pillow_inr.open(io.BytesIO(SIREN), limits=Limits.untrusted()) as im,
        pytest.raises(Bomb, match="at most 10 of"),
    ):
        im.load()
    opened().load()  # the next one has none of its own
    InrImagePlugin.LIMITS = Limits(seconds=19)
    with opened() as im, pytest.raises(Bomb, match="at most 19 of"):
        im.load()
    with pillow_inr.open(io.BytesIO(SIREN), limits=Limits(seconds=math.inf)) as im:
        im.load()
    InrImagePlugin.LIMITS = None
    Limits.default = Limits(seconds=18)
    with opened() as im, pytest.raises(Bomb, match="at most 18 of"):
        im.load()


def test_limits_of_what_is_opened() -> None:
    texts = replace_metadata(SIREN, Metadata(comment=b"c" * 50, text={"a": "b"}))
    palette = make_file(header_of("P", channels=3), palette=make_palette(3))
    for data, limits, message in (
        (texts, Limits(metadata=50), "limits: metadata: expected at most 50 bytes, got "),
        (SIREN, Limits(pixels=6299), "limits: pixels: expected at most 6,299 pixels, got 6,300"),
        (palette, Limits(chunks=0), "limits: chunks: expected at most 0 chunks before the pixels, got 1"),
    ):
        with pytest.raises(Bomb, match=message):
            pillow_inr.open(io.BytesIO(data), limits=limits)
        Limits.default = limits
        with pytest.raises(Bomb, match=message):
            opened(data)
        Limits.default = Limits()
        opened(data).load()


def test_a_bomb_stays_one_when_it_is_loaded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch, 500)
    with opened() as im:
        for _ in range(3):
            with pytest.raises(Bomb):
                im.load()
        InrImagePlugin.LIMITS = None
        Limits.default = Limits(seconds=501)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Warned)
            im.load()
        assert im.tobytes() == inr_core.decode(SIREN, limits=Limits.unlimited()).tobytes()


def test_the_thumbnailer_gives_a_picture_ten_seconds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, png = tmp_path / "a.inr", tmp_path / "a.png"
    path.write_bytes(SIREN)
    slowly(monkeypatch, 30)
    code, _, err = inr("thumbnail", path, png, "--size", 88)
    assert (code, png.exists()) == (1, False)
    assert "a.inr: limits: seconds: expected at most 10 of a nominal core, got " in err
    assert inr("thumbnail", path, png, "--size", 8)[0] == 0
    assert inr("thumbnail", path, png, "--size", 88, "--seconds", 70, "--overwrite")[0] == 0
    assert inr("thumbnail", path, png, "--seconds", "-1")[0] == 2


@pytest.mark.parametrize("options", [[], ["--size", "88x70"], ["--region", "0,0,90,60"]], ids=str)
def test_decode_gives_as_many_seconds_as_it_is_told(
    options: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, png = tmp_path / "a.inr", tmp_path / "a.png"
    path.write_bytes(SIREN)
    slowly(monkeypatch, 300)
    code, _, err = inr("decode", path, "-o", png, *options)
    assert (code, png.exists()) == (1, False)
    assert "a.inr: limits: seconds: expected at most 120 of a nominal core, got " in err
    assert err.endswith("; --seconds allows more\n")
    assert inr("decode", path, "-o", png, "--seconds", 900, *options)[::2] == (0, "")
    code, _, err = inr("decode", path, "-o", png, "--overwrite", "--seconds", 9, *options)
    assert (code, "expected at most 9 of" in err) == (1, True)


@pytest.mark.skipif(not switch.compiled(), reason="needs compiled kernels: files are saved by them")
def test_what_the_mixing_coder_asks_counts_when_it_has_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warned of after it was decoded, or given up; its most would be refused, its least not even warned of."""
    monkeypatch.setattr("inr_core.exact.strips.COMPARED", 0)
    pixels = np.full((90, 120, 3), 200, np.uint8)
    pixels[30:60, 20:90] = np.random.default_rng(0).integers(0, 256, (30, 70, 3))
    data = inr_core.encode(pixels, inr_core.Settings(model="exact", effort=2, threads=1))
    head = inr_core.read_head(io.BytesIO(data))
    decoder = inr_core.Decoder(head, data[head.payload_offset :], 1)
    decoder.decode()
    one = decoder.seconds
    cost = decoder.cost()
    assert cost.least_seconds < 0.4 * one < 0.2 * cost.seconds
    rates = dict(RATES)
    for seconds, expected in ((50, 0), (80, 1), (119, 1), (121, None), (180, None)):
        scaled = {name: (seconds / one * a, b) for name, (a, b) in rates.items()}
        monkeypatch.setattr("inr_core.limits.RATES", scaled)
        for way in ("load", "parser"):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                if expected is None:
                    for _ in range(2):
                        with pytest.raises(
                            Bomb, match=r"^limits: seconds: expected at most 120 of a nominal core, got more$"
                        ):
                            WAYS[way](data)
                else:
                    WAYS[way](data)
            assert [w.category for w in caught] == [Warned] * (expected or 0)
            assert all(f"Decoding takes {seconds} nominal seconds" in str(w.message) for w in caught)
