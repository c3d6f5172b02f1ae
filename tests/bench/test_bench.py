"""The measurements: each runs on a tiny picture and says what it should; what they compute, on cases worked by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image

import pillow_inr

torch = pytest.importorskip("torch")

from inr_core import Settings, encode
from pillow_inr.bench import entropy, pictures, quality, sparsity
from pillow_inr.bench.__main__ import MEASUREMENTS, main
from pillow_inr.bench.codecs import CODECS, nearest_size
from pillow_inr.bench.report import Report, Table

FIT = ("--steps", 20, "--threads", 1, "--seed", 1)
NETWORK = ("--width", 8, "--depth", 3)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "slope.png"
    tiny.picture().save(path)
    return path


def bench(folder: Path, *arguments: object) -> dict[str, Any]:
    """Run a measurement and return its JSON."""
    path = folder / "result.json"
    assert main([*map(str, arguments), "--json", str(path)]) == 0
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert result["complete"] is True
    return result


def test_compare(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = bench(picture.parent, "compare", picture, "--qualities", 100, *FIT)
    rows = result["tables"]["compare"]
    assert [row["codec"] for row in rows] == ["siren", "JPEG", "JPEG2000", "WebP"]
    for row in rows:
        assert row["picture"] == "slope"
        assert row["bpp"] == pytest.approx(8 * row["bytes"] / (24 * 16))
        assert row["psnr_db"] is None or row["psnr_db"] > 5  # JPEG2000 may come out without loss
        assert row["encode_seconds"] > 0
        assert row["decode_seconds"] > 0
    assert rows[0]["setting"] == "quality 100"
    options: dict[str, Any] = {"quality": 100.0, "steps": 20, "threads": 1, "seed": 1, "device": "cpu"}
    path = picture.with_suffix(".inr")
    tiny.picture().save(path, **options)
    assert rows[0]["bytes"] == path.stat().st_size
    assert result["settings"] == {
        **dict.fromkeys(("crop", "effort", "batch")),
        "pictures": [str(picture)],
        "qualities": [100],
        "model": "auto",
        "steps": 20,
        "threads": 1,
        "seed": 1,
    }
    assert result["versions"]["pillow-inr"] == pillow_inr.__version__
    assert result["versions"].keys() >= {"python", "numpy", "torch", "pillow", "zstandard"}
    assert result["machine"]["cores"] >= 1
    assert result["machine"]["cpu"]
    out, err = capsys.readouterr()
    assert " ".join(out.splitlines()[2].split()) == (
        "picture codec setting bytes bpp psnr dB encode seconds decode seconds"
    )
    assert err.count("\n") == 5  # a line for the fit, one for every row


def test_nearest_size_by_hand() -> None:
    sizes = {3: 10, 4: 20, 5: 35, 6: 35, 7: 50}
    tried: list[int] = []

    def encode(setting: int) -> bytes:
        tried.append(setting)
        return bytes(sizes[setting])

    expected = {1: 10, 10: 10, 15: 10, 16: 20, 27: 20, 28: 35, 35: 35, 42: 35, 43: 50, 99: 50}
    found = {target: nearest_size(encode, 3, 7, target) for target in expected}
    assert {target: len(data) for target, (_, data) in found.items()} == expected
    assert all(sizes[setting] == len(data) for setting, data in found.values())
    tried.clear()
    assert nearest_size(encode, 3, 7, 27)[0] == 4
    assert len(tried) == len(set(tried)) <= 4


@pytest.mark.parametrize("codec", [c for c in CODECS if c.missing() is None], ids=lambda codec: codec.name)
def test_other_codecs_grow_with_their_setting(codec: Any) -> None:
    rng = np.random.default_rng(0)
    im = Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8))
    settings = np.linspace(codec.low, codec.high, 5).astype(int).tolist()
    sizes = [len(codec.encode(im, setting)) for setting in settings]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 4 * sizes[0]


def test_quality(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    tiny.picture("RGBA").save(path)
    tables = bench(tmp_path, "quality", path, "--qualities", 100, 0, *FIT)["tables"]
    low, high = tables["quality"]
    assert (low["quality"], high["quality"], low["mode"]) == (0, 100, "RGBA")
    assert high["bytes"] > low["bytes"]
    fall = None if high["psnr_db"] >= low["psnr_db"] else "0 → 100"
    answer = "yes" if fall is None else "no"
    assert tables["monotonic"] == [{"picture": "clear", "monotonic": answer, "bytes_fall": None, "psnr_falls": fall}]


def test_first_fall_by_hand() -> None:
    assert quality.first_fall([0, 50, 100], [1, 1, 2]) is None
    assert quality.first_fall([0, 50, 75, 100], [1, 3, 2.9, 2]) == "50 → 75"


def test_sparsity(picture: Path) -> None:
    arguments = "sparsity", picture, "--width", 12, "--depth", 3, "--densities", 0.5, "--seeds", 2, *FIT
    tables = bench(picture.parent, *arguments)["tables"]
    dense = 12 * 2 + 12 * 12 + 3 * 12
    nonzeros = {(row["method"], row["seed"]): row["nonzeros"] for row in tables["fits"]}
    assert {key: n for key, n in nonzeros.items() if key[0] != "small-dense"} == {
        **dict.fromkeys([("dense", 1), ("dense", 2)], dense),
        **dict.fromkeys([("rigl", 1), ("rigl", 2), ("prune", 1), ("prune", 2)], dense // 2),
    }
    assert 0.7 * dense / 2 < nonzeros["small-dense", 1] <= dense / 2
    for mean in tables["means"]:
        rows = [row for row in tables["fits"] if row["method"] == mean["method"]]
        assert mean["seeds"] == len(rows) == 2
        assert mean["bytes"] == np.mean([row["bytes"] for row in rows])
        assert mean["lowest_db"] == min(row["psnr_db"] for row in rows)
        assert mean["lowest_db"] <= mean["psnr_db"] <= mean["highest_db"]


def test_entropy(picture: Path) -> None:
    arguments = "--width", 12, "--depth", 4, "--density", 0.5, "--bits", 6, *FIT
    rows = bench(picture.parent, "entropy", picture, *arguments)["tables"]["entropy"]
    path = picture.with_suffix(".inr")
    path.write_bytes(tiny.encoded(steps=20, width=12, depth=4, density=0.5, bits=6))
    again = bench(picture.parent, "entropy", path)["tables"]["entropy"]
    assert again == rows
    streams = [row for row in rows if row["layer"] != "all"]
    assert [row["stream"] for row in streams].count("symbols") == 4
    assert sum(row["count"] for row in streams if row["stream"] == "symbols") == (2 + 12 + 12 + 3) * 12 / 2
    for row in streams:
        assert row["stored_bytes"] <= min(row["zstd_bytes"], row["range_bytes"]) + 1e-9
    total = rows[-1]
    assert total["entropy_bytes"] == pytest.approx(sum(row["entropy_bytes"] for row in streams))
    assert sum(row["stored_bytes"] for row in streams) <= total["stored_bytes"] < len(path.read_bytes())
    assert total["ratio"] == pytest.approx(total["stored_bytes"] / total["entropy_bytes"])


def test_entropy_by_hand() -> None:
    assert entropy.order_0_bytes(np.array([0, 5, 5, 0, 9, 9, 9, 9])) == pytest.approx((4 * 1 + 4 * 2) / 8)
    assert entropy.order_0_bytes(np.zeros(100, np.intp)) == 0
    assert entropy.order_0_bytes(np.zeros(0, np.intp)) == 0


def test_quantisation(picture: Path) -> None:
    arguments = "quantisation", picture, *NETWORK, "--density", 1, "--bits", 4, 7, "--post-bits", 6, *FIT
    rows = bench(picture.parent, *arguments)["tables"]["quantisation"]
    assert [(row["method"], row["bits"]) for row in rows] == [
        ("float, unrounded", None),
        ("float, rounded", None),
        ("float16", 16),
        ("range", 6),
        ("distribution", 6),
        ("kmeans", 6),
        ("qat", 4),
        ("qat", 7),
    ]
    reference = rows[1]["psnr_db"]
    assert rows[1]["loss_db"] == 0
    for row in rows:
        assert row["loss_db"] == pytest.approx(reference - row["psnr_db"])
    assert abs(rows[2]["loss_db"]) < 0.02  # all that is left of float16 is the format's arithmetic
    assert rows[-2]["bytes"] < rows[-1]["bytes"] < rows[2]["bytes"]


def test_pictures(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    grey = Image.fromarray(np.arange(35, dtype=np.uint8).reshape(5, 7))
    grey.save(path, dpi=(72, 72))
    im = pictures.load(path, 4)
    assert im.info == {}
    assert np.array(im).tolist() == [[1, 2, 3, 4], [8, 9, 10, 11], [15, 16, 17, 18], [22, 23, 24, 25]]
    assert pictures.load(path, None).size == (7, 5)
    assert pictures.samples(im).shape == (4, 4, 3)


def test_hidden_colours_do_not_count() -> None:
    original = Image.new("RGBA", (2, 1), (10, 20, 30, 0))
    original.putpixel((1, 0), (10, 20, 30, 255))
    decoded = original.copy()
    decoded.putpixel((0, 0), (200, 200, 200, 0))
    assert pictures.picture_psnr(original, decoded) == math.inf
    decoded.putpixel((0, 0), (200, 200, 200, 4))  # of 8 samples one differs, by 4
    assert pictures.picture_psnr(original, decoded) == pytest.approx(10 * math.log10(255**2 / 2))
    assert pictures.over_white(original).getpixel((0, 0)) == (255, 255, 255)


def test_table_by_hand() -> None:
    table = Table("t", "A title", {"name": "", "psnr_db": ".1f", "bytes": ",d"})
    table.rows.append({"name": "a", "psnr_db": 31.25, "bytes": 12345})
    table.rows.append({"name": "longer", "psnr_db": math.inf, "bytes": None})
    assert table.text().splitlines() == [
        "A title",
        "",
        "name    psnr dB   bytes",
        "------  -------  ------",
        "a          31.2  12,345",
        "longer      inf       –",
    ]


def test_report_checks_columns_and_writes_no_infinity() -> None:
    report = Report("m", {"path": Path("a.png"), "numbers": (1, 2)})
    table = report.table("t", "T", {"a": ".1f"})
    with pytest.raises(ValueError, match=r"table t: expected columns \['a'\], got \['b'\]"):
        report.add(table, {"b": 1.0})
    report.add(table, {"a": math.inf})
    result = json.loads(report.json())
    assert result["tables"] == {"t": [{"a": None}]}
    assert result["settings"] == {"path": "a.png", "numbers": [1, 2]}
    assert result["complete"] is False


def test_interrupted_keeps_what_was_measured(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fits: list[None] = []

    def interrupted(pixels: pictures.Samples, settings: Settings) -> bytes:
        if fits:
            raise KeyboardInterrupt
        fits.append(None)
        return encode(pixels, settings)

    monkeypatch.setattr(sparsity, "encode", interrupted)
    path = picture.with_suffix(".json")
    assert main(["sparsity", str(picture), *map(str, (*NETWORK, *FIT)), "--json", str(path)]) == 130
    result = json.loads(path.read_text(encoding="utf-8"))
    assert result["complete"] is False
    assert len(result["tables"]["fits"]) == 1
    out, err = capsys.readouterr()
    assert "every fit" in out
    assert "interrupted" in err


def test_mistakes(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quality", str(picture), "--effort", "11"]) == 1
    assert "effort: expected an integer from 0 to 9, got 11" in capsys.readouterr().err
    assert main(["quality", str(picture.with_name("none.png"))]) == 1
    assert "none.png" in capsys.readouterr().err
    assert main(["compare", str(picture), "--crop", "0"]) == 1
    assert "--crop: expected at least 1, got 0" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["quality", str(picture), "--json", str(picture.parent / "nowhere" / "a.json")])
    with pytest.raises(SystemExit, match="2"):
        main(["other"])


def test_help_is_the_first_line_of_each_module(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    words = capsys.readouterr().out.split()
    for name, measurement in MEASUREMENTS.items():
        first = (measurement.__doc__ or "").partition("\n")[0].split()
        assert name in words
        assert " ".join(first) in " ".join(words)
