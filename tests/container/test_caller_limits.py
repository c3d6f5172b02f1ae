"""`Limits`: what a caller lets a file cost, at each limit and one beyond, for one call and for all."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hostile import join, split
from networks import header_of, make_file, make_palette

from inr_core import Limits, Metadata, SettingsError, decode, describe, encode, read_head, replace_metadata, verify
from inr_core.container.chunks import MAX_CHUNKS
from inr_core.errors import InrError, LimitError
from inr_core.limits import RATES, Cost

SIREN = make_file(header_of("RGB"))
READERS: dict[str, Callable[[bytes, Limits | None], Any]] = {
    "read_head": lambda data, limits: read_head(io.BytesIO(data), limits),
    "verify": lambda data, limits: verify(io.BytesIO(data), limits),
    "describe": lambda data, limits: describe(data, limits=limits),
    "decode": lambda data, limits: decode(data, limits=limits, threads=1),
}


@pytest.fixture(autouse=True)
def default_afterwards() -> Iterator[None]:
    yield
    Limits.default = Limits()


def refused(data: bytes, limits: Limits, message: str, readers: tuple[str, ...] = tuple(READERS)) -> None:
    for name in readers:
        with pytest.raises(LimitError) as caught:
            READERS[name](data, limits)
        assert str(caught.value) == message
        Limits.default = limits
        with pytest.raises(LimitError):
            READERS[name](data, None)
        READERS[name](data, Limits())
        Limits.default = Limits()


def test_pixels() -> None:
    for read in READERS.values():
        read(SIREN, Limits(pixels=24 * 16))
    refused(SIREN, Limits(pixels=383), "limits: pixels: expected at most 383 pixels, got 384")
    with pytest.raises(LimitError, match="limits: pixels: expected at most 384 pixels, got 400"):
        decode(SIREN, size=(20, 20), limits=Limits(pixels=384))


def test_chunks_before_the_pixels() -> None:
    head, network = split(SIREN)
    data = join([head, *[(b"zzZz", b"")] * 5, network])
    for read in READERS.values():
        read(data, Limits(chunks=5))
    refused(data, Limits(chunks=4), "limits: chunks: expected at most 4 chunks before the pixels, got 5")
    palette = make_file(header_of("P", channels=3), palette=make_palette(3))
    refused(palette, Limits(chunks=0), "limits: chunks: expected at most 0 chunks before the pixels, got 1")


def test_metadata_of_all_blocks_together_as_they_are_and_expanded() -> None:
    plain = replace_metadata(SIREN, Metadata(comment=bytes(range(100)), exif=bytes(range(200))))
    stored = 101 + 201  # with the byte that says how each is stored
    for read in READERS.values():
        read(plain, Limits(metadata=stored))
    refused(plain, Limits(metadata=stored - 1), "limits: metadata: expected at most 301 bytes, got 302")
    packed = replace_metadata(SIREN, Metadata(xmp=b"x" * 9000, text={"a": "b" * 900}))
    assert len(packed) < len(SIREN) + 200
    read_head(io.BytesIO(packed), Limits(metadata=9000 + 903))
    refused(
        packed,
        Limits(metadata=9902),
        "limits: metadata: expected at most 9,902 bytes, got 9903".replace("9903", "9,903"),
    )


def test_nothing_is_read_of_a_block_that_is_too_large() -> None:
    class Reading(io.BytesIO):
        most = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.most = max(self.most, size or 0)
            return super().read(size)

    data = Reading(replace_metadata(SIREN, Metadata(exif=np.random.default_rng(0).bytes(100_000))))
    with pytest.raises(LimitError):
        read_head(data, Limits(metadata=1000))
    assert data.most < 100


@pytest.mark.parametrize("ask", [{}, {"size": (12, 8)}, {"region": (1, 1, 20, 9)}, {"size": (90, 90)}])
def test_seconds_of_what_is_asked_for(ask: dict[str, Any]) -> None:
    from inr_core import Decoder

    head = read_head(io.BytesIO(SIREN))
    cost = Decoder(head, SIREN[head.payload_offset :]).cost(**ask)
    assert cost.seconds > 0
    unlimited = decode(SIREN, limits=Limits.unlimited(), **ask)
    # The limit is compared to a tenth of a second: in units of a day, it is as exact as one likes.
    rates = {name: (86_400 * 10 * a, b) for name, (a, b) in RATES.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inr_core.limits.RATES", rates)
        seconds = round(cost.seconds, 1)
        assert (decode(SIREN, limits=Limits(seconds=seconds), **ask) == unlimited).all()
        with pytest.raises(LimitError, match=r"limits: seconds: expected at most .* of a nominal core, got "):
            decode(SIREN, limits=Limits(seconds=seconds - 0.1), **ask)


def test_bands_ask_too() -> None:
    from inr_core import Decoder

    head = read_head(io.BytesIO(SIREN))
    decoder = Decoder(head, SIREN[head.payload_offset :], limits=Limits(seconds=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inr_core.limits.RATES", dict.fromkeys(RATES, (1.0, 1.0)))
        with pytest.raises(LimitError):
            next(decoder.bands())


def test_saving_asks_nothing_of_the_callers_limits() -> None:
    Limits.default = Limits(pixels=1, seconds=0, metadata=0, chunks=0)
    from inr_core import Settings

    data = encode(np.full((9, 9, 3), 77, np.uint8), Settings(model="siren", effort=0, target_psnr=20, device="cpu"))
    with pytest.raises(LimitError):
        decode(data)
    assert (decode(data, limits=Limits()) == 77).all()


@pytest.mark.parametrize("value", [-1, math.nan, "9", None, True])
@pytest.mark.parametrize("name", ["pixels", "seconds", "metadata", "chunks"])
def test_what_is_no_limit(name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"limits: {name}: expected a number of at least 0, got "):
        Limits(**{name: value})


def test_kinds_of_limits() -> None:
    assert issubclass(LimitError, InrError)
    assert Limits() == Limits.default
    assert Limits().seconds == 120
    assert (Limits().chunks, Limits.unlimited().seconds) == (math.inf, math.inf)
    untrusted = Limits.untrusted()
    assert untrusted.seconds <= 10
    assert untrusted.pixels < 2**28
    assert untrusted.metadata < 2**24
    assert untrusted.chunks < MAX_CHUNKS
    assert replace(untrusted, seconds=3).pixels == untrusted.pixels


def test_a_cost_is_a_sum() -> None:
    assert {*RATES, "unsure"} == {*Cost.__dataclass_fields__}
    both = Cost(macs=3, questions=5) + Cost(macs=4, sines=1)
    assert both == Cost(macs=7, sines=1, questions=5)
    assert both.seconds == pytest.approx(Cost(macs=3, questions=5).seconds + Cost(macs=4, sines=1).seconds)
    assert all(plain >= compiled > 0 for compiled, plain in RATES.values())
    for kind in ("questions", "plain_questions"):
        some = Cost(passes=10, unsure=2, **{kind: 5})
        assert some.least_seconds == pytest.approx(Cost(passes=10, **{kind: 3}).seconds)
