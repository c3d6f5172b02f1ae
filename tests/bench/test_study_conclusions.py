"""What the study's experiments conclude of rows given by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from pillow_inr.bench.report import Cell
from study import compression, entropy, ffnet, jpeg, lowrate, quantise, ratedistortion, sparsity, wavelet
from study.conclusions import Conclusion, above, front, mean_gap, within
from study.contest import Row as Contestant
from study.experiment import NATURAL, TEXT


def verdicts(conclusions: list[Conclusion]) -> list[tuple[str, float | None]]:
    return [(c.verdict, None if c.by is None else round(c.by, 3)) for c in conclusions]


def test_verdicts() -> None:
    assert verdicts([above("c", "p", 0.4, ""), above("c", "p", -0.4, ""), above("c", "p", None, "")]) == [
        ("agrees", 0.4), ("differs", -0.4), ("open", None),
    ]  # fmt: skip
    assert verdicts([within("c", "p", -0.3, 0.5, ""), within("c", "p", 0.7, 0.5, "")]) == [
        ("agrees", 0.2), ("differs", -0.2),
    ]  # fmt: skip


def test_mean_gap_by_hand() -> None:
    line = [(100.0, 20.0), (200.0, 23.0), (400.0, 26.0)]  # straight over the logarithm
    higher = [(size, db + 1.5) for size, db in line]
    gap, words = mean_gap(higher, line)
    assert gap == pytest.approx(1.5)
    assert words == "mean +1.50 dB, 100 to 400 bytes"
    gap, words = mean_gap([(200, 24.0), (150, 10.0), (400, 27.0), (300, 5.0)], line)
    assert gap == pytest.approx(mean_gap([(150, 10.0), (200, 24.0), (400, 27.0)], line)[0] or 0)
    assert words.endswith("150 to 400 bytes, 1 dominated left out")
    assert mean_gap(line, [(500, 20.0), (600, 21.0)]) == (None, "no bytes in common")
    assert mean_gap(line[:1] * 3, line) == (None, "no bytes in common")
    assert front([(3, 5.0), (1, 4.0), (2, 6.0), (4, math.inf)]) == [(1, 4.0), (2, 6.0)]


def test_jpeg_conclusions() -> None:
    rows = [jpeg.Row("a", q, size, 0.1, db) for q, size, db in ((1, 100, 20), (90, 1100, 40), (100, 2100, 45))]
    assert verdicts(jpeg.conclusions(rows)) == [("agrees", 0), ("agrees", 0), ("agrees", 3)]
    falling = [*rows[:2], jpeg.Row("a", 100, 1000, 0.1, 45)]
    assert verdicts(jpeg.conclusions(falling))[0] == ("differs", -1)


def test_ffnet_conclusions() -> None:
    def rows(advantage: float) -> list[ffnet.Row]:
        return [
            ffnet.Row("a", name, width, 4, width, size * width, 10 + width / 10 + lead, 1e-3, 1)
            for width in (10, 20, 30)
            for name, size, lead in ((ffnet.SIREN, 1, advantage), (ffnet.FFNET, 1, 0))
        ]

    assert verdicts(ffnet.conclusions(rows(2))) == [("agrees", 2), ("agrees", 2)]
    assert verdicts(ffnet.conclusions(rows(-1))) == [("differs", -1), ("differs", -1)]


def test_sparsity_conclusions() -> None:
    at = {"rigl": 30.0, "pruning": 29.0, "small-dense": 29.5, "feathermap": 25.0}
    rows = [sparsity.Row("a", m, s, 1, round(100 / s), db - s, 1) for m, db in at.items() for s in (0.5, 0.8)]
    rows.append(sparsity.Row("a", "dense", 0.0, 1, 1, 33.0, 1))
    assert verdicts(sparsity.conclusions(rows)) == [
        ("agrees", 1), ("differs", -0.5), ("agrees", 4.5), ("agrees", 0.5), ("differs", -0.8),
    ]  # fmt: skip


def test_quantise_conclusions() -> None:
    losses = {("float16", 16): 0.1, ("range", 8): 3.0, ("distribution", 8): 4.0, ("kmeans", 8): 2.0, ("qat", 8): 0.7}
    rows: list[dict[str, Cell]] = [
        {"picture": "a", "method": m, "bits": b, "loss_db": loss} for (m, b), loss in losses.items()
    ]
    assert verdicts(quantise.conclusions(rows)) == [
        ("agrees", 0.4), ("differs", -0.2), ("agrees", 1.3), ("agrees", 1),
    ]  # fmt: skip


def test_entropy_conclusions() -> None:
    sizes = {"none": 100, "huffman": 95, "zlib": 90, "lzma": 88, "zstandard": 80, "range coder": 84}
    rows = [entropy.Row("a", 1.0, coder, n, 0, n, n / 100, "joined") for coder, n in sizes.items()]
    assert verdicts(entropy.conclusions(rows)) == [("agrees", round(100 * 8 / 88, 3)), ("differs", -5)]


def test_wavelet_and_lowrate_conclusions() -> None:
    rows = [wavelet.Row("a", m, 8, 1, 100, db, 1) for m, db in ((wavelet.PLAIN, 30.0), (wavelet.PAIR, 31.0))]
    assert verdicts(wavelet.conclusions(rows)) == [("differs", -1)]
    offsets = {lowrate.SPARSE_90: 1.0, lowrate.SPARSE_95: -0.5, lowrate.DENSE: 0.0, "JPEG": 0.75}
    points = [contestant("a", NATURAL, m, n, 20 + n / 100 + d) for m, d in offsets.items() for n in (100, 200, 300)]
    assert verdicts(lowrate.conclusions(points)) == [
        ("agrees", 1), ("differs", -0.5), ("agrees", 0.25), ("differs", -1.25),
    ]  # fmt: skip


def contestant(picture: str, kind: str, method: str, size: int, db: float) -> Contestant:
    return Contestant(picture, kind, method, "", size, 0.1, db, None, None)


def test_rate_distortion_conclusions() -> None:
    offsets = {"siren": 0.0, "JPEG": -2.0, "JPEG2000": 0.3, "WebP": 1.0}
    for kind, expected in (
        (NATURAL, [("agrees", 0.2), ("agrees", 1)]),
        (TEXT, [("agrees", 2), ("differs", -0.3), ("differs", -1)]),
    ):
        rows = [contestant("a", kind, m, n, 20 + n / 100 + d) for n in (100, 200, 400) for m, d in offsets.items()]
        assert verdicts(ratedistortion.conclusions(rows)) == expected


def test_compression_conclusions() -> None:
    others = (("JPEG", 150, 31.0), ("JPEG2000", 101, 29.0), ("WebP", 99, 31.0))
    rows = [contestant("a", NATURAL, "siren", 100, 30.0), *(contestant("a", NATURAL, *other) for other in others)]
    found = compression.conclusions(rows)
    # JPEG is ahead, but with half as many bytes again: that says nothing. JPEG2000 is a whole dB away.
    assert verdicts(found) == [("open", None), ("differs", -0.5), ("agrees", 1)]
    assert "1.50 times the bytes" in found[0].measured


@pytest.mark.parametrize(
    ("size", "db", "expected"),
    [
        (86, 29.99, ("open", None)),  # no better for 16 % more bytes says nothing
        (86, 31.0, ("agrees", 1)),
        (95, 29.99, ("differs", -0.01)),
        (120, 31.0, ("open", None)),
        (120, 29.0, ("differs", -1)),
    ],
)
def test_a_file_of_another_size_is_no_equal(size: int, db: float, expected: tuple[str, float | None]) -> None:
    rows = [contestant("a", NATURAL, "siren", 100, 30.0), contestant("a", NATURAL, "WebP", size, db)]
    assert verdicts(compression.conclusions(rows)) == [expected]
