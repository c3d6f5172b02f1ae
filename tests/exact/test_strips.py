"""Strips of the exact model: which rows they have, in what order they come, and what a stopped save leaves of them."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import reference_exact
from exact_pictures import photograph

from inr_core import (
    Interrupted,
    Progress,
    Settings,
    TruncatedError,
    decode,
    describe,
    encode,
)
from inr_core.exact import planes
from inr_core.kernels.resample import resample


@pytest.fixture
def low_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of 8 rows of 128 pixels, so that a small picture has many."""
    monkeypatch.setattr(planes, "STRIP_PIXELS", 1024)


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
        rows = planes.strip_rows(width, height)
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
    given = np.tile(photograph(60, 90)[..., 0], (11, 25))  # 660 × 2250
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
    monkeypatch.setattr(planes, "STRIP_PIXELS", 1024)
    files = {encode(photograph(), Settings(lossless=True, threads=threads)) for threads in (1, 2, 5)}
    assert len(files) == 1
