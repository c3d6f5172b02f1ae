"""What the mixing coder asks is counted while it is read, and more than limits leave it is refused."""

from __future__ import annotations

import io
from array import array
from typing import Any

import numpy as np
import pytest

from inr_core import Decoder, Limits, Settings, decode, describe, encode, read_head
from inr_core.errors import LimitError
from inr_core.exact.cost import strips_cost
from inr_core.exact.strips import Part, Shape
from inr_core.kernels import mixing, switch
from inr_core.limits import RATES

NEEDED = pytest.mark.skipif(not switch.compiled(), reason="needs compiled kernels: files are saved by them")
SECONDS = 86_400  # of a question: limits are compared to a tenth of a second


def screen(height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Flat, but for some lines and a little noise."""
    pixels = np.full((height, width, 3), 240, np.uint8)
    pixels[5::19, : width // 2] = 30, 60, 90
    pixels[height // 2 : height // 2 + 4, 8:40] = np.random.default_rng(0).integers(0, 256, (4, 32, 3))
    return pixels


def joined(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    made = np.zeros(pixels.shape[:2], np.uint64)
    for k in range(pixels.shape[2]):
        made |= pixels[..., k].astype(np.uint64) << np.uint64(16 * k)
    return made


def asked(data: bytes, shape: tuple[int, int], asks: bool, backend: str, most: int) -> tuple[int, bool]:
    """Questions that were asked, and whether there are pixels."""
    left = array("q", [most])
    with switch.using(backend):
        found = mixing.read_pixels(data, *shape, 3, 8, asks, left)
    return most - left[0], found is not None


@NEEDED
@pytest.mark.parametrize("asks", [True, False])
def test_compiled_and_plain_count_the_same(asks: bool) -> None:
    found = switch.compiled()
    assert found is not None
    pixels = screen(40, 90)
    data = mixing.write_pixels(joined(pixels), 3, 8, asks)
    assert data is not None
    compiled = found[0].levels()[found[1]][0]
    count, whole = asked(data, (40, 90), asks, compiled, 2**40)
    assert whole
    assert asked(data, (40, 90), asks, "numpy", 2**40) == (count, True)
    part = Part(3, 0, 0, False, data, False, mixed=True, asks=asks)
    cost = strips_cost([(Shape(3, 40, 90, 256), [part])])
    most = cost.questions + cost.plain_questions
    assert most - cost.unsure < count < 0.7 * most
    for budget in (0, count // 3, count - 1, count, count + 1):
        outcomes = {asked(data, (40, 90), asks, backend, budget) for backend in (compiled, "numpy")}
        assert len(outcomes) == 1
        spent, whole = outcomes.pop()
        assert whole == (budget >= count)
        assert budget < spent <= budget + 90 * (3 * 11 + 8 + 1) or whole  # a row more at the most


@NEEDED
@pytest.mark.parametrize("asks", [True, False])
def test_the_least_is_what_a_flat_picture_asks(asks: bool) -> None:
    data = mixing.write_pixels(np.full((50, 101), 0, np.uint64), 3, 8, asks)
    assert data is not None
    count, _ = asked(data, (50, 101), asks, "numpy", 2**40)
    part = Part(3, 0, 0, False, data, False, mixed=True, asks=asks)
    cost = strips_cost([(Shape(3, 50, 101, 256), [part])])
    assert count == cost.questions + cost.plain_questions - cost.unsure


def only_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question is a day, and nothing else costs anything."""
    rates = dict.fromkeys(RATES, (0.0, 0.0))
    days = (float(SECONDS), float(SECONDS))
    monkeypatch.setattr("inr_core.limits.RATES", rates | {"questions": days, "plain_questions": days})


def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Of the exact model, and what stands beside another, both by the mixing coder."""
    monkeypatch.setattr("inr_core.exact.strips.COMPARED", 0)
    monkeypatch.setattr("inr_core.exact.strips.QUICK", 0)
    pixels = screen(130, 160)
    noise = np.random.default_rng(1).integers(90, 120, (130, 160, 3)).astype(np.uint8)
    alpha = np.dstack([noise, np.where(pixels[..., 0] == 240, 255, 0).astype(np.uint8)])
    quick = {"effort": 0, "threads": 1}
    y, x = np.mgrid[:130, :160]
    photograph = (0.6 * np.stack([x, y, x + y], 2) + 0.3 * noise).astype(np.uint8)
    lines = np.where((y % 6 < 2) & (x % 17 > 4), 30, 240)[..., None]
    both = np.where((x < 100)[..., None], lines, photograph).astype(np.uint8)
    tiled = encode(both, Settings(**quick))  # type: ignore[arg-type]
    assert read_head(io.BytesIO(tiled)).header.plane == "tiles"
    return {
        "tiles": tiled,
        "exact": encode(pixels, Settings(model="exact", **quick)),  # type: ignore[arg-type]
        "alpha": encode(alpha, Settings(model="latent", **quick)),  # type: ignore[arg-type]
    }


ASK: dict[str, dict[str, Any]] = {"all": {}, "small": {"size": (12, 9)}, "region": {"region": (3, 4, 90, 129)}}


@NEEDED
@pytest.mark.parametrize("name", ["exact", "alpha", "tiles"])
@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_as_many_as_limits_leave(name: str, ask: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    data = files(monkeypatch)[name]
    expected = decode(data, limits=Limits.unlimited(), **ask)
    only_questions(monkeypatch)
    head = read_head(io.BytesIO(data))
    decoder = Decoder(head, data[head.payload_offset :], 1, limits=Limits(seconds=1e15))
    cost = decoder.cost(**ask)
    assert cost.unsure
    decoder.decode(**ask)
    count = round(decoder.seconds / SECONDS)
    least = round(cost.least_seconds / SECONDS)
    assert least < count < 0.8 * round(cost.seconds / SECONDS)
    assert (decode(data, limits=Limits(seconds=count * SECONDS), **ask) == expected).all()
    for most, got in ((count - 1, "more"), (least, "more"), (least - 1, f"{least * SECONDS:,.10g}")):
        with pytest.raises(LimitError) as caught:
            decode(data, limits=Limits(seconds=most * SECONDS), **ask)
        assert (
            str(caught.value) == f"limits: seconds: expected at most {most * SECONDS:,g} of a nominal core, got {got}"
        )


@NEEDED
def test_strips_and_threads_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inr_core.exact.planes.STRIP_PIXELS", 160 * 30)
    data = files(monkeypatch)["exact"]
    assert len({part.strip for part in describe(data).parts}) > 3
    only_questions(monkeypatch)
    head = read_head(io.BytesIO(data))
    decoder = Decoder(head, data[head.payload_offset :], 1)
    decoder._limits = Limits(seconds=1e15)
    decoder.decode()
    for threads in (1, 2):
        decode(data, threads=threads, limits=Limits(seconds=decoder.seconds))
        with pytest.raises(LimitError, match="got more"):
            decode(data, threads=threads, limits=Limits(seconds=decoder.seconds - SECONDS))
