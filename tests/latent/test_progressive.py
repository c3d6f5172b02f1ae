"""Files that end early: an error, or, where that is asked for, the best picture that their bytes allow."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageFile
from tiny import photograph

import inr_core
from inr_core import FormatError, TruncatedError, decode, read_head
from inr_core.container.arrival import Arrival
from inr_core.entropy.cut import CutSymbolReader
from inr_core.entropy.symbols import SymbolWriter
from inr_core.latent import plan
from inr_core.latent.prior import load
from inr_core.metrics import psnr

PICTURE = photograph(240, 160)
with pytest.MonkeyPatch.context() as patch:
    patch.setattr(plan, "PRIORS", (1,))  # how much the first bytes of such grain are worth depends on the prior
    DATA = inr_core.encode(np.asarray(PICTURE), inr_core.Settings(effort=0, quality=85))
WHOLE = decode(DATA)


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)


def test_without_the_flag_it_says_what_is_missing() -> None:
    total = read_head(io.BytesIO(DATA)).header.payload_bytes
    with Image.open(io.BytesIO(DATA[:-1000])) as im:
        message = f"image file is truncated: pixel chunks: expected {total} bytes, got {total - 1000} (1000 missing)"
        for _ in range(2):
            with pytest.raises(OSError) as caught:  # noqa: PT011 (the whole message is compared)
                im.load()
            assert str(caught.value) == message


@pytest.mark.usefixtures("lenient")
def test_every_further_piece_makes_a_better_picture() -> None:
    found = []
    for percent in (5, 10, 20, 30, 45, 60, 75, 90, 100):
        with Image.open(io.BytesIO(DATA[: len(DATA) * percent // 100])) as im:
            found.append(psnr(np.asarray(PICTURE), np.asarray(im)))
            assert im.size == PICTURE.size
    assert found[0] > 15
    assert all(b > a - 0.3 for a, b in pairwise(found)), found
    assert found[-1] > found[5] > found[1] > found[0] + 1
    with Image.open(io.BytesIO(DATA)) as im:
        assert np.array_equal(np.asarray(im), WHOLE)


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16"])
def test_every_length_is_a_picture_or_an_error(mode: str) -> None:
    small = photograph(40, 30)
    out = io.BytesIO()
    (
        Image.fromarray(np.asarray(small.convert("L")).astype(np.uint16) * 257)
        if mode == "I;16"
        else small.convert(mode)
    ).save(out, "INR", effort=0)
    data = out.getvalue()
    start = read_head(io.BytesIO(data)).payload_offset
    shown = 0
    for length in range(start + 8, len(data), 17):
        with Image.open(io.BytesIO(data[:length])) as im:
            try:
                im.load()
            except OSError as e:
                if shown or not str(e).startswith("image file is truncated: "):
                    raise
            else:
                shown += 1
                assert (im.mode, im.size) == (mode, (40, 30))
    assert shown > 3


@pytest.mark.usefixtures("lenient")
def test_damage_is_still_an_error() -> None:
    broken = bytearray(DATA)
    broken[-9] ^= 1
    with Image.open(io.BytesIO(broken)) as im, pytest.raises(OSError, match="image file is damaged: chunk 'LATS': CRC"):
        im.load()


def test_a_parsers_image_shows_what_has_arrived() -> None:
    parser = ImageFile.Parser()
    found = []
    for start in range(0, len(DATA), 600):
        parser.feed(DATA[start : start + 600])
        if parser.image is not None:
            found.append(psnr(np.asarray(PICTURE), np.asarray(parser.image)))
    assert found[-1] > found[len(found) // 2] > found[0]
    assert np.array_equal(np.asarray(parser.close()), WHOLE)


def test_a_parser_closed_too_early() -> None:
    parser = ImageFile.Parser()
    for start in range(0, len(DATA) // 2, 100):
        parser.feed(DATA[start : start + 100])
    assert parser.image is not None
    assert psnr(np.asarray(PICTURE), np.asarray(parser.image)) > 20
    with pytest.raises(OSError, match="image was incomplete"):
        parser.close()


@pytest.mark.usefixtures("lenient")
def test_a_lenient_parser_closed_too_early() -> None:
    parser = ImageFile.Parser()
    for start in range(0, len(DATA) // 2, 100):
        parser.feed(DATA[start : start + 100])
    assert psnr(np.asarray(PICTURE), np.asarray(parser.close())) > 20


def test_the_core_shows_it_too() -> None:
    half = DATA[: len(DATA) // 2]
    with pytest.raises(TruncatedError):
        decode(half)
    assert psnr(np.asarray(PICTURE), decode(half, truncated=True)) > 20
    small = np.asarray(PICTURE.resize((24, 16), Image.Resampling.BOX))
    assert psnr(small, decode(half, truncated=True, size=(24, 16))) > 25
    start = read_head(io.BytesIO(DATA)).payload_offset
    for length in (start + 8, start + 9, start + 12):
        with pytest.raises(TruncatedError):
            decode(DATA[:length], truncated=True)


@pytest.mark.parametrize("step", [1, 13, 5000])
def test_arrival(step: int) -> None:
    head = read_head(io.BytesIO(DATA))
    payload = DATA[head.payload_offset :]
    arrival = Arrival(head.header)
    assert (arrival.wanted, arrival.missing) == (8, len(payload))
    for start in range(0, len(payload), step):
        arrival.feed(payload[start : start + step])
        assert arrival.missing == max(0, len(payload) - start - step)
    arrival.feed(b"what follows")
    assert (arrival.wanted, arrival.missing, bytes(arrival.data)) == (0, 0, payload)
    assert arrival.ends[-1] == len(payload)


def test_a_chunk_longer_than_the_file_is_refused_before_it_is_read() -> None:
    start = read_head(io.BytesIO(DATA)).payload_offset
    total = len(DATA) - start
    broken = DATA[:start] + b"\xff\xff\xff\x0f" + DATA[start + 4 :]
    message = f"pixel chunk at byte 0: expected to end by byte {total}, got byte {2**28 - 1 + 12}"
    with Image.open(io.BytesIO(broken)) as im, pytest.raises(OSError, match=f"image file is damaged: {message}$"):
        im.load()
    with pytest.raises(FormatError, match=f"^{message}$"):
        decode(broken[:-1], truncated=True)


def test_symbols_up_to_the_end_of_the_bytes() -> None:
    tables = load(1).tables
    rng = np.random.default_rng(5)
    rows = rng.integers(200, 512, 20_000)
    symbols = np.rint(rng.laplace(0, np.exp(-5 + rows // 8 * 11 / 63))).astype(np.int64)
    writer = SymbolWriter(tables)
    writer.add(rows, symbols)
    data = writer.finish()
    before = -1
    for length in (0, 3, *range(len(data) // 5, len(data), len(data) // 9), len(data) - 1, len(data)):
        reader = CutSymbolReader(data[:length], tables, "x", len(rows))
        read = np.concatenate([reader.read(rows[:7000]), *(reader.read(part) for part in np.split(rows[7000:], 260))])
        same = int(np.argmin(np.append(read == symbols, False)))
        last = int(np.flatnonzero(read).max(initial=-1))
        assert last < same  # zeros from the first that is not there
        assert same >= before
        before = same
    assert before == len(rows)
