"""The exact model: what comes back, what is chosen for it, and what its bytes must be."""

from __future__ import annotations

import io
import random
import signal
from contextlib import suppress
from itertools import product
from typing import Any

import hostile
import numpy as np
import pytest
import reference_decoder as reference
import reference_exact
from numpy.typing import NDArray
from reference_coding import Refused

from inr_core import (
    FormatError,
    Interrupted,
    Metadata,
    Progress,
    Settings,
    SettingsError,
    TargetError,
    TruncatedError,
    decode,
    describe,
    encode,
    read_head,
    verify,
)
from inr_core.container import chunks
from inr_core.container.fields import FieldReader, pack_number
from inr_core.container.header import Header
from inr_core.container.metadata import zstd_squeeze
from inr_core.exact import picture, prediction, strips
from inr_core.exact.colours import few_colours, has_few_colours
from inr_core.kernels.resample import resample
from inr_core.modes import MODE_TABLE

SAMPLES = [
    (mode, depth, n) for mode, info in MODE_TABLE.items() for depth, n in product(info.bit_depths, info.channels)
]
SIZES = ((1, 1), (1, 40), (33, 1), (9, 14), (40, 27))
Pixels = NDArray[Any]


def model_of(data: bytes) -> str:
    return read_head(io.BytesIO(data)).header.model


def palette(columns: int = 3, count: int = 200) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (count, columns)).astype(np.uint8)


def pixels_of(kind: str, mode: str, depth: int, channels: int, shape: tuple[int, int]) -> Pixels:
    """Noise, few colours, or slopes."""
    rng = np.random.default_rng(len(kind) + depth)
    planes = 1 if mode == "P" else channels
    top = 200 if mode == "P" else 1 << max(8, depth)
    if kind == "noise":
        values = rng.integers(0, top, (*shape, planes))
    elif kind == "few":
        values = rng.integers(0, top, (11, planes))[rng.integers(0, 11, shape)]
    else:
        y, x = np.mgrid[: shape[0], : shape[1]]
        values = (x * 3 + y * 5)[..., None] * np.arange(1, planes + 1) % top
    if mode == "1":
        values = 255 * (values >= top // 2)
    values = values.astype(np.uint16 if depth == 16 else np.uint8)
    return values[..., 0] if planes == 1 else values


def photograph(height: int = 96, width: int = 128, channels: int = 3) -> NDArray[np.uint8]:
    """Slopes and noise: too many colours to list."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(2).integers(0, 20, (height, width, channels))
    return ((np.stack([x + y, 2 * x, 3 * y, x - y][:channels], 2) + noise) % 256).astype(np.uint8)


def strip_file(payload: bytes, mode: str = "L", width: int = 6, height: int = 4, depth: int = 8) -> bytes:
    channels = MODE_TABLE[mode].channels[0]
    entries = palette(count=3) if mode == "P" else None
    header = Header(width, height, mode, depth, channels, "exact", 0, 0, 0, 0)
    return chunks.write(header, entries, Metadata(), payload)


@pytest.mark.parametrize(("mode", "depth", "channels"), SAMPLES)
def test_every_sample_of_every_mode_comes_back(mode: str, depth: int, channels: int) -> None:
    entries = palette(channels) if mode == "P" else None
    for kind, shape in product(("noise", "few", "slopes"), SIZES):
        given = pixels_of(kind, mode, depth, channels, shape)
        data = encode(given, Settings(lossless=True, threads=1), mode=mode, palette=entries)
        decoded = decode(data, threads=1)
        assert model_of(data) == "exact"
        assert (decoded.dtype, decoded.shape) == (given.dtype, given.shape)
        assert (decoded == given).all()
        verify(io.BytesIO(data))
        assert sum(part.planes for part in describe(data).parts) == (1 if mode == "P" else channels)
        assert len(data) < 120 + 2 * given.nbytes + (0 if entries is None else entries.nbytes)


@pytest.mark.parametrize("effort", range(10))
def test_every_effort_is_exact(effort: int) -> None:
    given = photograph()
    sizes = [len(encode(given, Settings(lossless=True, effort=e, threads=1))) for e in (0, effort)]
    assert (decode(encode(given, Settings(lossless=True, effort=effort, threads=1))) == given).all()
    assert sizes[1] <= 1.02 * sizes[0]


@pytest.mark.parametrize("size", [2, 3, 5, 16, 100, 256, 65_536])
def test_predictors_say_what_they_say(size: int) -> None:
    rng = np.random.default_rng(size)
    for shape, predictor in product(((1, 1, 1), (2, 3, 9), (3, 9, 3), (1, 12, 12)), prediction.PREDICTORS):
        symbols: NDArray[np.int32] = rng.integers(0, size, shape).astype(np.int32)
        stored = prediction.differences(symbols, predictor, size)
        assert 0 <= stored.min() <= stored.max() < size
        if predictor:
            for p, y, x in np.ndindex(shape):
                left = int(symbols[p, y, x - 1]) if x else 0
                above = int(symbols[p, y - 1, x]) if y else 0
                corner = int(symbols[p, y - 1, x - 1]) if x and y else 0
                expected = (0, left, above, sorted((left, above, left + above - corner))[1])[predictor]
                f = int(stored[p, y, x])
                assert (expected + (f // 2 if f % 2 == 0 else -(f + 1) // 2)) % size == symbols[p, y, x]
            stored = prediction.symbols_of(stored.copy(), predictor, size)
        assert (stored == symbols).all()


def test_few_colours_are_found_and_many_are_not() -> None:
    few = np.array([[9, 4, 200], [255, 0, 7], [4, 9, 200]], np.uint8).T
    places = np.random.default_rng(0).integers(0, 3, (700, 900))
    planes: NDArray[np.uint8] = few[:, places]
    found = few_colours(planes, 3)
    assert found is not None
    assert found[0].T.tolist() == sorted(few.T.tolist())
    assert (found[0][:, found[1]] == planes).all()
    assert has_few_colours(planes, 3)
    planes[:, 699, 899] = 1  # one pixel that a survey does not see
    assert few_colours(planes, 3) is None
    assert not has_few_colours(planes, 3)
    assert has_few_colours(planes, 4)
    wide = np.array([0, 65_535, 256], np.uint16)[places][None]
    assert has_few_colours(wide, 3)
    assert not has_few_colours(wide, 2)


@pytest.mark.parametrize("values", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_few_colours_come_back_exactly_by_default(values: int, channels: int, dtype: type) -> None:
    rng = np.random.default_rng(values)
    colours: Pixels = rng.integers(0, np.iinfo(dtype).max, (values, channels), endpoint=True).astype(dtype)
    given: Pixels = colours[rng.integers(0, values, (20, 30))]
    given = given[..., 0] if channels == 1 else given
    for quality in (0, 75):
        data = encode(given, Settings(quality=quality))
        assert model_of(data) == "exact"
        assert (decode(data) == given).all()


def test_what_is_chosen() -> None:
    photo = photograph()
    grey = photo[..., 0]
    assert model_of(encode(photo, Settings(effort=0))) == "latent"
    assert model_of(encode(grey, Settings(effort=0))) == "latent"
    assert model_of(encode(grey // 16 * 16, Settings(effort=0))) == "exact"
    assert model_of(encode(grey // 10 * 10, Settings(effort=0))) == "latent"
    assert model_of(encode(grey % 200, Settings(effort=0), mode="P", palette=palette())) == "exact"
    assert model_of(encode(grey // 128 * np.uint8(255), Settings(effort=0), mode="1")) == "exact"
    assert model_of(encode(photo, Settings(model="exact"))) == "exact"
    assert model_of(encode(grey % 3, Settings(model="latent", effort=0))) == "latent"
    assert model_of(encode(grey % 3, Settings(steps=0, width=4))) == "siren"


def test_indices_are_kept_where_colours_could_not_tell_them_apart() -> None:
    entries = palette(4)
    entries[7] = entries[3]  # and 200 more that no pixel uses
    given = np.array([[3, 7, 3], [199, 7, 0]], np.uint8)
    data = encode(given, mode="P", palette=entries)
    assert (decode(data) == given).all()
    kept = read_head(io.BytesIO(data)).palette
    assert kept is not None
    assert (kept == entries).all()


def test_photographs_are_smaller_than_their_samples() -> None:
    photo = photograph()
    assert len(encode(photo, Settings(lossless=True))) < 0.7 * photo.nbytes
    gradient = np.add.outer(np.arange(100), np.arange(200)).astype(np.uint8)
    assert len(encode(gradient, Settings(lossless=True))) < 150
    mask: NDArray[np.bool_] = np.hypot(*np.mgrid[-60:60, -90:90]) < 50
    assert len(encode(np.where(mask, 255, 0).astype(np.uint8))) < 300


def test_a_target_size_that_cannot_be_met() -> None:
    noise = np.random.default_rng(0).integers(0, 200, (64, 64)).astype(np.uint8)
    job: dict[str, Any] = {"mode": "P", "palette": palette()}
    data = encode(noise, Settings(effort=0, target_size=3000), **job)  # a lossy picture, if that is what it takes
    assert (model_of(data), len(data) <= 3000) == ("latent", True)
    exact = encode(noise, Settings(target_size=6000), **job)
    assert (model_of(exact), len(exact) <= 6000) == ("exact", True)
    for asked in ({"lossless": True}, {"model": "exact"}):
        message = f"target_size: expected at least {len(exact)} bytes to keep every sample of this picture, got 3000"
        with pytest.raises(TargetError, match=f"^{message}$"):
            encode(noise, Settings(target_size=3000, **asked), **job)


def test_any_target_psnr_is_reached() -> None:
    photo = photograph(20, 30)
    for asked in ({"lossless": True}, {"model": "exact"}, {"effort": 0}):
        data = encode(photo, Settings(target_psnr=100, **asked))
        assert (decode(data) == photo).all()
    assert model_of(encode(photo, Settings(target_psnr=30, effort=0))) == "latent"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lossless": 0.5}, "lossless: expected True or False, got 0.5"),
        ({"lossless": "yes"}, "lossless: expected True or False, got 'yes'"),
        ({"lossless": None}, "lossless: expected True or False, got None"),
        ({"lossless": True, "model": "latent"}, "lossless: expected with model 'exact' only, got model 'latent'"),
        ({"lossless": True, "model": "siren"}, "lossless: expected with model 'exact' only, got model 'siren'"),
        ({"lossless": True, "width": 8}, "width: expected with model 'siren' only, got lossless"),
        ({"model": "exact", "bits": 8}, "bits: expected with model 'siren' only, got model 'exact'"),
    ],
)
def test_options_that_contradict_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_options(options)
    assert str(caught.value) == message


def test_truth_is_taken_of_any_type() -> None:
    values: list[Any] = [True, 1, np.bool_(True), np.int64(1), 7, False, 0, np.bool_(False), np.uint8(0)]
    taken = [Settings(lossless=value).lossless for value in values]
    assert [type(value) for value in taken] == [bool] * 9
    assert taken == [True] * 5 + [False] * 4
    refused: list[Any] = [np.array([True, True]), 1j, b"1", []]
    for value in refused:
        with pytest.raises(SettingsError, match="lossless: expected True or False"):
            Settings(lossless=value)


@pytest.fixture
def low_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of 8 rows of 128 pixels, so that a small picture has many."""
    monkeypatch.setattr(picture, "STRIP_PIXELS", 1024)


def test_strips_cover_every_row() -> None:
    for width, height in (
        (1, 1),
        (65_535, 1),
        (1, 65_535),
        (65_535, 4096),
        (16_384, 16_384),
        (4032, 3024),
        (4097, 65_535),
    ):
        rows = picture.strip_rows(width, height)
        assert [first for first, _ in rows] == [0, *(last for _, last in rows[:-1])]
        assert rows[-1][1] == height
        assert len(rows) <= 64
        assert max(last - first for first, last in rows) * width <= max(2**20, 2**22 + width)
        assert reference_exact.rows_of_strip(width, height) >= rows[0][1]


@pytest.mark.usefixtures("low_strips")
@pytest.mark.parametrize("threads", [1, 3])
def test_strips_regions_and_sizes_are_of_one_picture(threads: int) -> None:
    photo = photograph(channels=4)
    data = encode(photo, Settings(lossless=True, threads=threads))
    assert [part.strip for part in describe(data).parts][-1] == 11
    assert (decode(data, threads=threads) == photo).all()
    assert (decode(data, region=(5, 7, 100, 31), threads=threads) == photo[7:31, 5:100]).all()
    for box, size in (((0, 0, 128, 96), (50, 40)), ((20, 30, 90, 71), (35, 20)), ((3, 60, 60, 96), (114, 72))):
        expected = resample(photo, box, size, alpha=True)
        assert (decode(data, region=box, size=size, threads=threads) == expected).all()


@pytest.mark.usefixtures("low_strips")
def test_the_first_part_of_a_file_has_the_first_strips() -> None:
    photo = photograph()
    data = encode(photo, Settings(lossless=True))
    ends = [offset + length + 12 for kind, offset, length in describe(data).chunks if kind == "STRP"]
    with pytest.raises(TruncatedError):
        decode(data[: ends[3]])
    with pytest.raises(TruncatedError, match=r"^strips: expected at least one of 12, got none$"):
        decode(data[: ends[0] - 1], truncated=True)
    for length, whole in ((ends[0], 1), (ends[1] - 1, 1), (ends[4], 5), (ends[5] + 20, 6), (len(data), 12)):
        shown = decode(data[:length], truncated=True)
        assert (shown[: 8 * whole] == photo[: 8 * whole]).all()
        assert not shown[8 * whole :].any()


def test_a_picture_of_several_strips_as_they_are() -> None:
    given = np.tile(photograph(60, 90)[..., 0], (21, 15))  # 1260 × 1350
    data = encode(given, Settings(lossless=True, effort=0))
    assert [part.strip for part in describe(data).parts] == [0, 1]
    assert (decode(data) == given).all()


@pytest.mark.usefixtures("low_strips")
def test_progress_counts_strips() -> None:
    seen: list[Progress] = []
    data = encode(photograph(), Settings(lossless=True), progress=seen.append)
    assert [(p.phase, p.step, p.steps) for p in seen] == [*(("fit", k, 12) for k in range(1, 12)), ("done", 12, 12)]
    assert {p.psnr for p in seen} == {float("inf")}
    assert seen[-1].bpp == 8 * len(data) / (96 * 128)
    assert seen[5].bpp == pytest.approx(seen[-1].bpp, rel=0.1)


@pytest.mark.usefixtures("low_strips")
def test_what_is_stopped_is_still_exact() -> None:
    photo = photograph()
    seen: list[Progress] = []

    def stop(report: Progress) -> bool:
        seen.append(report)
        return False

    data = encode(photo, Settings(lossless=True, effort=9), progress=stop)
    assert (decode(data) == photo).all()
    assert seen[-1].phase == "done"
    assert (decode(encode(photo, Settings(lossless=True, effort=9, time_limit=1e-6))) == photo).all()

    def interrupt(report: Progress) -> None:
        if report.step == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as caught:
        encode(photo, Settings(lossless=True), progress=interrupt)
    assert (decode(caught.value.data) == photo).all()


def test_bytes_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "STRIP_PIXELS", 1024)
    files = {encode(photograph(), Settings(lossless=True, threads=threads)) for threads in (1, 2, 5)}
    assert len(files) == 1


FRAME = zstd_squeeze(bytes(24))


@pytest.mark.parametrize(
    ("payload", "mode", "message"),
    [
        (b"", "L", "strip 0, part 0: expected 1 bytes, got 0"),
        (b"\0\x13" + FRAME[:-1], "L", "strip 0, part 0, length: expected 0 to 18, got 19"),
        (b"\x40", "L", "strip 0, part 0: expected 0 to 63, got 64"),
        (b"\x10\0", "L", "strip 0, part 0: expected at most 1 planes, got 2"),
        (b"\x08\0", "L", "strip 0, part 0: expected differences from the second of three or four planes, got 8"),
        (b"\x2c\0\0", "RGB", "strip 0, part 0: expected differences from the second of three or four planes, got 44"),
        (b"\0\0" + bytes(23), "L", "strip 0, part 0: expected 24 bytes, got 23"),
        (b"\0\0" + bytes(25), "L", "strip 0: expected nothing after its parts, got 1 bytes"),
        (b"\0\x11" + FRAME[:-1], "L", "strip 0, part 0: expected 17 bytes, got 16"),
        (b"\x20\x11" + FRAME, "RGB", "strip 0, part 0: expected 72 bytes, got 24"),
        (b"\4\2\0" + bytes(10) + b"\1", "L", "strip 0, part 0: expected zero bits at the ends of rows, got others"),
        (b"\4\2\0" + bytes(3) + b"\xff\xf0" * 4, "L", "strip 0, part 0: expected symbols of 0 to 2, got 3"),
        (b"\0\0" + b"\3" * 24, "P", "strip 0: expected places in a palette of 3, got 3"),
        (b"\4\1\0" + b"\0\2" + bytes(4), "1", "strip 0, part 0: expected colours of 0 to 1, got 2"),
    ],
)  # fmt: skip
def test_strips_that_no_encoder_writes(payload: bytes, mode: str, message: str) -> None:
    data = strip_file(payload, mode, depth=1 if mode == "1" else 8)
    with pytest.raises(FormatError) as caught:
        decode(data)
    assert str(caught.value) == message
    with pytest.raises(Refused):
        reference.decode(data)


def test_a_strip_too_many_or_too_few() -> None:
    header = Header(6, 4, "L", 8, 1, "exact", 0, 0, 0, 0)
    strip = b"\0\0" + bytes(24)
    for count in (0, 2):
        data = chunks.write(header, None, Metadata(), [strip] * count)
        with pytest.raises(FormatError):
            decode(data)
        with pytest.raises(Refused):
            reference.decode(data)


@pytest.mark.parametrize("declared", [None, 23, 25, 2**40])
def test_frames_expand_to_what_is_expected_only(declared: int | None) -> None:
    frame = FRAME
    if declared is not None:  # a single segment with eight bytes of size
        frame = b"\x28\xb5\x2f\xfd\xe0" + declared.to_bytes(8, "little") + FRAME[6:]
    data = strip_file(b"\0" + pack_number(len(frame)) + frame)
    if declared is None:
        assert not decode(data).any()
        return
    with pytest.raises(FormatError, match=r"^strip 0, part 0: expected "):
        decode(data)


def test_edited_files_are_refused_by_both_decoders_or_by_none() -> None:
    outcomes = {True: 0, False: 0}
    for name in ("few", "slopes"):
        given = pixels_of(name, "RGBA", 8, 4, (5, 7))
        pieces = hostile.split(encode(given, Settings(lossless=True), mode="RGBA"))
        for seed in range(300):
            edited = [pieces[0], (b"STRP", hostile.edit(pieces[1][1], random.Random(seed)))]
            payload = edited[1][1]
            data = chunks.write(Header(7, 5, "RGBA", 8, 4, "exact", 0, 0, 0, 0), None, Metadata(), payload)
            made: list[Pixels] = []
            with suppress(FormatError):
                made.append(decode(data, threads=1))
            with suppress(Refused):
                made.append(np.array(reference.decode(data)))
            assert len(made) in (0, 2), f"{name} {seed}"
            assert not made or (made[0] == made[1]).all(), f"{name} {seed}"
            outcomes[bool(made)] += 1
    assert min(outcomes.values()) > 20


def test_what_parts_say() -> None:
    planes = np.array([[[9, 9, 7, 9, 9]]], np.uint8)
    payload = strips.pack_strip(planes, 256, (1,), 19)
    assert payload == bytes.fromhex("04 01 00 07 09 d8")
    shape = strips.Shape(1, 1, 5, 256)
    (part,) = strips.read_parts(FieldReader(payload), shape, "strip")
    assert (part.planes, part.predictor, part.colours, part.from_second, part.squeezed) == (1, 0, 2, False, False)
    assert (strips.unpack_parts([part], shape, "strip") == planes).all()
