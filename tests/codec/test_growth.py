"""Reading grows with bytes and pixels, never with their product: whatever is doubled, no more than twice is done.

Operations are counted, not time: calls, bytes read, bytes of which a CRC is made.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hostile import join, split
from networks import header_of, make_file, make_palette
from operations import Counted, counting, too_much
from PIL import Image, ImageFile
from small_files import LATENT, SIREN
from toy_prior import smooth_picture

import inr_core
import pillow_inr
from inr_core import Metadata, Settings, decode, describe, encode, replace_metadata
from pillow_inr import InrImagePlugin

pillow_inr.register()
RNG = np.random.default_rng(0)
NOISE = RNG.bytes(2**16)


@pytest.fixture(autouse=True, scope="module")
def small_strips() -> Iterator[None]:
    """On one thread."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inr_core.exact.planes.STRIP_PIXELS", 6 * 31)
        patch.setattr(InrImagePlugin, "DECODE_THREADS", 1)
        yield


def chunks_of(n: int, *, behind: bool) -> bytes:
    head, network = split(SIREN)
    extra = [(b"zzZz", NOISE[:5])] * (12 * n)
    return join([head, network, *extra] if behind else [head, *extra, network])


def strips_of(n: int) -> bytes:
    pixels = RNG.integers(0, 9, (12 * n, 31)).astype(np.uint8)
    return encode(pixels, Settings(model="exact", effort=0, threads=1))


SHAPES: dict[str, Callable[[int], bytes]] = {  # of n = 1, 2, 4
    "an EXIF block": lambda n: replace_metadata(SIREN, Metadata(exif=NOISE[: 2000 * n])),
    "a text of many keys": lambda n: replace_metadata(
        SIREN, Metadata(text={f"{k:x}": NOISE[8 * k :][:8].hex() for k in range(120 * n)})
    ),
    "a long text": lambda n: replace_metadata(SIREN, Metadata(text={"a": NOISE[: 1500 * n].hex()})),
    "chunks before the pixels": lambda n: chunks_of(n, behind=False),
    "chunks behind the pixels": lambda n: chunks_of(n, behind=True),
    "rows of a siren": lambda n: make_file(header_of("RGB", width=40, height=60 * n)),
    "columns of a siren": lambda n: make_file(header_of("RGB", width=60 * n, height=40)),
    "weights of a siren": lambda n: make_file(header_of("RGB", hidden=round(24 * math.sqrt(n)))),
    "layers of a siren": lambda n: make_file(header_of("RGB", layers=12 * n)),
    "pixels of a pyramid": lambda n: encode(
        smooth_picture(np.random.default_rng(1), 64, 64 * n, 3), Settings(model="latent", effort=0, threads=1)
    ),
    "strips": strips_of,
    "colours": lambda n: make_file(header_of("P", channels=4), palette=np.resize(make_palette(4), (64 * n, 4))),
    "bytes behind the file": lambda n: SIREN + NOISE[: 4000 * n],
}


OF_PIXELS = ("rows of a siren", "columns of a siren", "pixels of a pyramid", "strips")


def pixels_of(data: bytes) -> int:
    header = inr_core.read_head(io.BytesIO(data)).header
    return header.width * header.height


def opened(data: bytes, counts: Counter[str]) -> Image.Image:
    return Image.open(Counted(data, counts))


def parsed(size: int) -> Callable[[bytes, Counter[str]], Any]:
    def parse(data: bytes, counts: Counter[str]) -> None:
        parser = ImageFile.Parser()
        for k in range(0, len(data), size):
            parser.feed(data[k : k + size])
        parser.close()

    return parse


def truncated(data: bytes, counts: Counter[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        with suppress(OSError):
            opened(data[:-9], counts).load()


def of_set(data: bytes, counts: Counter[str]) -> None:
    replace_metadata(data, Metadata(comment=b"other"))


def region(data: bytes, counts: Counter[str]) -> None:
    decode(data, region=(1, 1, 11, 9), size=(5, 4), threads=1)


def drafted(data: bytes, counts: Counter[str]) -> None:
    with opened(data, counts) as im:
        im.draft("L", (5, 5))
        im.load()


ENTRIES: dict[str, Callable[[bytes, Counter[str]], Any]] = {
    "open": opened,
    "load": lambda data, counts: opened(data, counts).load(),
    "draft": drafted,
    "thumbnail": lambda data, counts: opened(data, counts).thumbnail((9, 9)),
    "verify": lambda data, counts: opened(data, counts).verify(),
    "cost": lambda data, counts: opened(data, counts).cost(),  # type: ignore[attr-defined]
    "parser, in odd pieces": parsed(97),
    "region": region,
    "truncated": truncated,
    "set": of_set,
    "info": lambda data, counts: describe(data),
}


@pytest.fixture(scope="module")
def files() -> dict[str, list[bytes]]:
    return {name: [make(n) for n in (1, 2, 4)] for name, make in SHAPES.items()}


@pytest.mark.parametrize("entry", ENTRIES)
def test_twice_as_much_takes_twice_as_much(entry: str, files: dict[str, list[bytes]]) -> None:
    found = {}
    for shape, datas in files.items():
        ENTRIES[entry](datas[0], Counter())  # what is imported, and cached, when first used
        counts = []
        for data in datas:
            with counting() as operations:
                ENTRIES[entry](data, operations)
            counts.append(operations)
        sizes = [len(data) + pixels_of(data) * (shape in OF_PIXELS) for data in datas]
        if much := too_much(counts, sizes, [len(data) for data in datas], slack=300):
            found[shape] = much
    assert found == {}


def test_what_grows_too_fast_would_be_found() -> None:
    def squared(n: int) -> Counter[str]:
        with counting() as counts:
            for _ in range(n * n * 100):
                len(b"")
        return counts

    assert too_much([squared(1), squared(2), squared(4)], [100, 200, 400], [1] * 3, slack=300)["calls"]
    assert not too_much([Counter(calls=n) for n in (1000, 2000, 4000)], [100, 200, 400], [1] * 3, slack=300)


def test_opening_reads_no_more_than_the_head(files: dict[str, list[bytes]]) -> None:
    for datas in files.values():
        for data in datas:
            counts: Counter[str] = Counter()
            opened(data, counts)
            start = inr_core.read_head(io.BytesIO(data)).payload_offset
            assert counts["bytes read"] <= start + 100


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("data", [LATENT, SIREN], ids=["latent", "siren"])
def test_previews_are_made_a_few_times_only(data: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often somebody looks at what has arrived."""
    made = 0
    real = inr_core.Decoder.decode

    def decode_counted(self: inr_core.Decoder, *args: Any, **options: Any) -> Any:
        nonlocal made
        made += 1
        return real(self, *args, **options)

    monkeypatch.setattr(inr_core.Decoder, "decode", decode_counted)
    parser = ImageFile.Parser()
    seen = set()
    for k in range(0, len(data), size):
        parser.feed(data[k : k + size])
        if parser.image is not None:
            parser.image.load()
            seen.add(parser.image.tobytes())
    image = parser.close()
    assert made <= 2 + math.log(len(data), 1.5)
    assert image.tobytes() == decode(data).tobytes()
    if data is LATENT:
        assert len(seen) >= 4
