"""The study's experiments: what they write and read back, each of them on a tiny picture."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from numpy.typing import NDArray
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from inr_core import FormatError, InrError, psnr
from inr_core.container.fields import FieldReader
from pillow_inr.bench.report import Report
from study import (
    compression,
    entropy,
    ffnet,
    files,
    huffman,
    jpeg,
    lowrate,
    plots,
    quantise,
    ratedistortion,
    sparsity,
    tensors,
    wavelet,
)
from study.__main__ import main
from study.catalogue import EXPERIMENTS
from study.experiment import NATURAL, TEXT, Rows, Scale, Study, square
from study.fitting import Schedule, coordinates, rgb_field, rounded, run_options, siren_options, train
from study.networks import BandPair, Feathermap, FourierNetwork, Network, PlainSiren, parameters

PIXELS = np.array(tiny.picture(size=(16, 16)))
SCHEDULE = Schedule(steps=12, batch=64, rate=2e-3, seed=1, threads=1, device="cpu")
NETWORKS: list[Network] = [PlainSiren(8, 3), FourierNetwork(8, 3, 16, 7), Feathermap(8, 4, 2), BandPair(6, 3)]


# Huffman


def test_huffman_by_hand() -> None:
    # Counts 4, 2, 1, 1 → lengths 1, 2, 3, 3 → codes 0, 10, 110, 111.
    assert huffman.code_lengths([4, 2, 1, 1]) == [1, 2, 3, 3]
    assert huffman.codes([1, 2, 3, 3]) == {0: "0", 1: "10", 2: "110", 3: "111"}
    data = huffman.encode(np.array([0, 1, 0, 2, 0, 3, 1, 0]), 4)
    # 8 symbols; lengths of 4 bits, 1 2 3 3; 0 10 0 110 0 111 10 0 and two bits of padding
    assert data == bytes([8, 4, 0x12, 0x33, 0b01001100, 0b11110000])
    assert huffman.decode(data, 4).tolist() == [0, 1, 0, 2, 0, 3, 1, 0]


@pytest.mark.parametrize("symbols", [[], [5], [5, 5, 5], list(range(255)), [0, 254] * 9])
def test_huffman_round_trip(symbols: list[int]) -> None:
    data = huffman.encode(np.array(symbols, np.intp), 255)
    assert huffman.decode(data, 255).tolist() == symbols
    if symbols:
        with pytest.raises(FormatError):
            huffman.decode(data[:-1], 255)


def test_huffman_codes_longer_than_the_narrow_table() -> None:
    counts = [2**k for k in range(18)]  # a comb: the rarest two have 17 bits
    symbols = np.repeat(np.arange(18), counts)
    data = huffman.encode(symbols, 18)
    assert data[3] == huffman.WIDE  # after three bytes of count
    assert max(huffman.code_lengths(counts)) == 17
    assert np.array_equal(huffman.decode(data, 18), symbols)


def test_every_coder_gives_the_same_symbols_back_and_none_has_the_size_of_its_bits() -> None:
    rng = np.random.default_rng(0)
    weights = [entropy.Stream(np.clip(rng.normal(127, 20, n), 0, 254).astype(np.intp), 255) for n in (90, 400)]
    wide = entropy.Stream(rng.integers(0, 8191, 20), 8191)
    masks = [entropy.Stream((rng.random(800) < 0.2).astype(np.intp), 2)]
    rows = entropy.measure("a", 0.2, [*weights, wide], masks)
    assert [row.coder for row in rows] == list(entropy.CODERS)
    none = rows[0]
    assert none.mask_bytes == 1 + 100
    assert none.symbol_bytes == 2 + 490 + 1 + math.ceil(20 * 13 / 8)
    assert none.of_none == 1
    assert all(row.bytes == row.symbol_bytes + row.mask_bytes for row in rows)
    assert rows[-1].bytes < none.bytes


# Files of the study's networks


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: type(network).__name__)
def test_what_is_read_is_what_was_trained(network: Network) -> None:
    field = rgb_field(PIXELS)
    if isinstance(network, BandPair):
        field = type(field)(field.x, torch.cat([field.target, field.target], 1), torch.ones(6), clamp=False)
    fitted = train(network, field, SCHEDULE)
    stored = rounded(network, [torch.from_numpy(t) for t in fitted])
    head = files.head_of(network, PIXELS, 12.5)
    data = files.write(head, fitted)
    again, read = files.read(data)
    assert again == (head if isinstance(network, BandPair) else files.head_of(network, PIXELS))
    assert again.network() == network
    assert [tuple(t.shape) for t in read] == list(network.shapes)
    for mine, theirs in zip(read, stored, strict=True):
        assert np.allclose(mine, theirs.numpy(), rtol=1e-5, atol=1e-7)
    assert files.write(head, read) == data
    assert all(np.array_equal(a, b) for a, b in zip(read, files.read(data)[1], strict=True))
    expected = network.forward(stored, coordinates(16, 16)).detach().numpy().reshape(16, 16, -1)
    assert np.allclose(files.outputs(again, read, 16, 16), expected, atol=2e-3)
    with pytest.raises(FormatError, match="expected its end after the tensors, got 1 more"):
        files.read(data + b"\0")
    with pytest.raises(FormatError):
        files.read(data[:-1])


def test_tensors_by_hand() -> None:
    values = np.array([[-1, 0.5], [0.1, 1]], np.float32)
    data = tensors.pack([values, np.array([0.25], np.float32)], [3, tensors.HALF_BITS])
    codes = [0, 5, 3, 6]  # steps of 1/3: −3, 1.5 rounded to 2, 0.3 to 0, 3; each plus 3
    bits = "".join(f"{code:03b}" for code in codes)
    packed = int(bits.ljust(16, "0"), 2).to_bytes(2, "big")
    assert data == np.float32(1 / 3).tobytes() + bytes([tensors.RAW]) + packed + np.float16(0.25).tobytes()
    read = tensors.unpack(FieldReader(data), [(2, 2), (1,)], [3, tensors.HALF_BITS])
    assert np.allclose(read[0], np.array([[-1, 2 / 3], [0, 1]]))
    assert read[1].tolist() == [0.25]


def test_training_learns_the_picture() -> None:
    flat = np.broadcast_to(PIXELS.mean((0, 1)).astype(np.uint8), PIXELS.shape)
    mean = psnr(PIXELS, flat)
    for network in (NETWORKS[0], FourierNetwork(32, 3, 64), Feathermap(16, 3, 6)):
        fitted = files.fit_file(PIXELS, network, Schedule(150, 256, 5e-3, 1, 1, "cpu"))
        assert np.array_equal(files.decode(fitted.data), fitted.picture)
        assert fitted.psnr == psnr(PIXELS, fitted.picture)
        assert fitted.psnr > mean + 2, type(network).__name__


def test_a_fit_that_diverges_begins_again_slower() -> None:
    mean = psnr(PIXELS, np.broadcast_to(PIXELS.mean((0, 1)).astype(np.uint8), PIXELS.shape))
    assert files.fit_file(PIXELS, PlainSiren(24, 5), Schedule(600, 256, 0.08, 1, 1, "cpu")).psnr > mean + 2


def test_feathermap_stores_no_more_than_it_is_given() -> None:
    network = Feathermap.of_size(64, 8, 5000)
    side = network.shapes[0][0]
    assert (side - 1) ** 2 < 2 * 64 + 6 * 64 * 64 + 3 * 64 <= side**2
    assert 5000 - 2 * side < files.matrix_numbers(network) <= 5000
    weights = (network.start(0)[0] @ network.start(0)[1]).std()
    assert weights == pytest.approx(1, rel=0.05)
    assert parameters(FourierNetwork(32, 4)) == 512 * 32 + 2 * 32 * 32 + 3 * 32 + 3 * 32 + 3


# Wavelets


def test_wavelet_file_decodes_to_the_picture_it_was_measured_on() -> None:
    pytest.importorskip("pywt")
    fitted = wavelet.fit_pair(PIXELS, BandPair(6, 3), SCHEDULE)
    assert np.array_equal(wavelet.decode(fitted.data), fitted.picture)
    assert fitted.picture.shape == PIXELS.shape
    assert fitted.numbers == 2 * (2 * 6 + 6 * 6 + 3 * 6)


def test_bands_give_the_picture_back() -> None:
    pytest.importorskip("pywt")
    rng = np.random.default_rng(0)
    grey = np.repeat(rng.integers(0, 256, (16, 12, 1), np.uint8), 3, axis=2)
    split = wavelet.Split.of(grey)
    assert split.bands.shape == (8, 6, 6)
    assert np.abs(split.picture().astype(int) - grey).max() <= 1  # chroma of grey is 128 exactly
    again = wavelet.Split.from_targets(split.targets(split.gain()), split.gain())
    np.testing.assert_allclose(again.bands, split.bands, atol=1e-3)


def test_missing_wavelets_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(wavelet, "import_module", nothing)
    with pytest.raises(InrError, match=r"expected PyWavelets; install pillow-inr\[bench\]"):
        wavelet.Split.of(PIXELS)


# Pictures


def test_natural_pictures_are_resized_and_text_is_cropped(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (20, 31, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    assert np.array_equal(square(path, TEXT, 10).pixels, pixels[5:15, 10:20])
    assert square(path, NATURAL, 10).pixels.std() < pixels.std()
    assert square(path, NATURAL, 99).pixels.shape == (20, 20, 3)
    assert np.array_equal(square(path, NATURAL, 21).pixels, pixels[:, 5:25])


def test_busiest_square_by_hand() -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[9, 4] = 255
    left, top, side = plots.busiest(pixels)
    assert side == 4
    assert left <= 4 < left + side
    assert top <= 9 < top + side


def test_scale_says_what_is_not_as_in_the_study() -> None:
    assert Scale().difference() == "nothing"
    assert Scale(side=256, width=64, steps=1500, batch=2048).difference() == (
        "256×256 pixels instead of 512×512; 8 layers × 64 instead of 8 × 128; 1,500 steps instead of 10,000; "
        "2,048 pixels a step instead of all"
    )


def test_panels_and_rows_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    rows = Rows(Report("m", {}), "jpeg", "Files", jpeg.Row)
    for picture, quality in (("b", 1), ("a", 1), ("b", 90)):
        rows.add(jpeg.Row(picture, quality, 1000 * quality, 0.1, 20.0 + quality / 10))
    assert plots.panels(rows, lambda r: (r.picture, "JPEG"), lambda r: (r.quality, r.bytes)) == {
        "b": {"JPEG": [(1, 1000), (90, 90_000)]},
        "a": {"JPEG": [(1, 1000)]},
    }
    said = [line.partition("] ")[2] for line in capsys.readouterr().err.splitlines()]
    assert said == ["b  1  1,000  0.100  20.10", "a  1  1,000  0.100  20.10", "b  90  90,000  0.100  29.00"]


def test_the_study_is_about_one_model_whatever_the_default() -> None:
    study = Study("s", Report("m", {}), Scale(steps=3, width=9, depth=4), [], Path(), "")
    assert siren_options(study)["model"] == run_options(study)["model"] == "siren"


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_default_sizes_take_at_most_20_minutes(experiment: Any) -> None:
    assert experiment.seconds(experiment.small, len(experiment.pictures)) < 20 * 60
    assert experiment.full == Scale()


# Runs

FILES = {"lowrate": "-crops.png", "wavelet": "-crops.png", "compression": "-crops.png"}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    coarse: NDArray[np.uint8] = rng.integers(0, 256, (6, 6, 3), np.uint8)
    path = tmp_path / "blobs.png"
    Image.fromarray(coarse).resize((32, 32), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_runs(experiment: Any, picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    if experiment.name == "wavelet":
        pytest.importorskip("pywt")
    monkeypatch.setattr(sparsity, "SPARSITIES", (0.5, 0.8))
    monkeypatch.setattr(ffnet, "DEPTHS", (2, 3))
    monkeypatch.setattr(lowrate, "WIDTHS", (0.5, 1.0))
    monkeypatch.setattr(quantise, "BITS", (4, 8))
    monkeypatch.setattr(compression, "RATIOS", (8, 15))
    monkeypatch.setattr(ratedistortion, "QUALITIES", (50, 100))
    monkeypatch.setattr(jpeg, "QUALITIES", (1, 90, 100))
    out = picture.parent / "out"
    scale = ("--side", 32, "--steps", 8, "--width", 8, "--depth", 3, "--batch", 256, "--threads", 1)
    name = experiment.name
    choice = name if experiment.figure is None else experiment.figure
    assert main([*map(str, ("--figure", choice, "--out", out, *scale, picture))]) == 0
    result = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
    assert result["complete"] is True
    assert "8 steps instead of 10,000" in result["settings"]["scaled_down"]
    assert result["settings"]["pictures"] == ["blobs"]
    rows, conclusions = result["tables"][name], result["tables"][f"{name} conclusions"]
    assert len(rows) >= 2
    assert all(row["picture"] == "blobs" for row in rows)
    assert all(row["bytes"] is None or row["bytes"] > 0 for row in rows)
    assert conclusions
    assert {c["verdict"] for c in conclusions} <= {"agrees", "differs", "open"}
    assert all(c["picture"].startswith("blobs") for c in conclusions)
    for suffix in (".png", FILES.get(name, ".png")):
        with Image.open(out / f"{name}{suffix}") as im:
            im.load()
            assert min(im.size) > 250
    text = capsys.readouterr().out
    assert "Against the study" in text
    assert conclusions[0]["claim"] in text


def test_mistakes(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--figure", "5", "--width", "0", str(picture)]) == 1
    assert "width: expected an integer from 1" in capsys.readouterr().err
    assert main(["--figure", "3", "--side", "1", str(picture)]) == 1
    assert "--side: expected at least 2, got 1" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["--figure", "11", str(picture)])
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "figure 10" in capsys.readouterr().out
