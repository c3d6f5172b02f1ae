"""Decoding: the same pixels whatever computes them, regions, sizes, and every mode."""

from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference_decoder as reference
from networks import header_of, make_file, make_layers, make_palette
from numpy.typing import NDArray

import inr_core
from inr_core import Decoder, FormatError, SettingsError, TruncatedError, decode, read_head
from inr_core.kernels import siren
from inr_core.modes import MODE_TABLE
from inr_core.process import threads
from inr_core.siren.weights import HALF

Array = NDArray[Any]

RGB = make_file(header_of("RGB", width=60, height=40))
EVERY_MODE = [(mode, depth, c) for mode, m in MODE_TABLE.items() for depth in m.bit_depths for c in m.channels]


def decoder_of(data: bytes, threads: int | None = 1, device: str = "cpu") -> Decoder:
    head = read_head(io.BytesIO(data))
    return Decoder(head, data[head.payload_offset :], threads, device)


def in_bands(data: bytes, block: int | None, threads: int = 1, device: str = "cpu") -> Array:
    rows: list[Array] = []
    for top, band in decoder_of(data, threads, device).bands(block):
        assert top == sum(map(len, rows))
        rows.append(band)
    return np.concatenate(rows)


def box_means(pixels: Array, down: int, across: int) -> Array:
    """Means of down × across pixels, half up."""
    height, width = pixels.shape[0] // down, pixels.shape[1] // across
    total = pixels.astype(np.int64).reshape(height, down, width, across, -1).sum((1, 3))
    means: Array = (total + down * across // 2) // (down * across)
    return means.reshape(height, width, *pixels.shape[2:])


@pytest.mark.parametrize(("mode", "depth", "channels"), EVERY_MODE)
def test_every_mode_has_its_shape_and_dtype(mode: str, depth: int, channels: int) -> None:
    header = header_of(mode, depth, channels)
    pixels = decode(make_file(header))
    shown = channels + 2 if header.grey else channels
    assert pixels.shape == ((16, 24) if shown == 1 or mode == "P" else (16, 24, shown))
    assert pixels.dtype == (np.uint16 if depth == 16 else np.uint8)
    assert (pixels == in_bands(make_file(header), 64)).all()
    if mode == "1":
        assert np.unique(pixels).tolist() == [0, 255]
    elif mode == "P":
        assert 3 < len(np.unique(pixels)) <= 8
    else:
        assert tuple(np.atleast_1d(pixels[9, 20])) == reference.pixel(reference.read(make_file(header)), 20, 9)


def test_one_bit_is_the_grey_picture_thresholded_at_half() -> None:
    layers = make_layers(header_of("L"))
    grey, black_and_white = make_file(header_of("L"), layers), make_file(header_of("1"), layers)
    assert (decode(black_and_white) == np.where(decode(grey) >= 128, 255, 0)).all()
    assert (decode(black_and_white, size=(8, 8)) == np.where(decode(grey, size=(8, 8)) >= 128, 255, 0)).all()


@pytest.mark.parametrize("channels", [3, 4])
def test_palette_pictures_snap_to_the_nearest_colour(channels: int) -> None:
    rng = np.random.default_rng(channels)
    palette = rng.integers(0, 256, (37, channels)).astype(np.uint8)
    palette[30:] = palette[:7]  # equals: the lower index wins
    header = header_of("P", channels=channels)
    layers = make_layers(header)
    colours = decode(make_file(header_of("RGB" if channels == 3 else "RGBA"), layers)).astype(int)
    seen = palette.astype(int)
    if channels == 4:  # colours as far as they can be seen
        colours, seen = (np.dstack([c[..., :3] * c[..., 3:], 255 * c[..., 3:]]) for c in (colours, seen[None]))
    distances = ((colours[:, :, None, :] - seen) ** 2).sum(-1)
    indices = decode(make_file(header, layers, palette))
    assert (indices == distances.argmin(2)).all()
    assert int(indices.max()) < 30


def test_palette_of_one_colour() -> None:
    assert not decode(make_file(header_of("P"), palette=make_palette(3)[:1])).any()


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("block", [None, 64, 100, 1000, 8192])
def test_threads_and_blocks_do_not_change_a_pixel(threads: int, block: int | None) -> None:
    assert (in_bands(RGB, block, threads) == decode(RGB, threads=1)).all()


@pytest.mark.parametrize("block", [None, 64, 8192])
@pytest.mark.parametrize(
    "data",
    [
        RGB,
        make_file(header_of("RGBA", 16)),
        make_file(header_of("P")),
        make_file(header_of("I;16"), make_layers(header_of("I;16"), kind=HALF, bits=16)),
        make_file(header_of("L", width=1, height=1)),
    ],
    ids=["RGB", "RGBA;16", "P", "float16", "1x1"],
)
def test_torch_gives_the_same_pixels(data: bytes, block: int | None) -> None:
    pytest.importorskip("torch")
    assert (in_bands(data, block, device="torch") == decode(data)).all()
    assert (decode(data, size=(7, 5), device="torch") == decode(data, size=(7, 5))).all()


def test_torch_keeps_exact_products_and_the_programs_own_precision() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")  # bfloat16 products where the CPU has them
    try:
        assert (decode(RGB, device="torch") == decode(RGB)).all()
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "", "cpu:x"])
def test_a_device_that_is_not_there_is_a_settings_error(device: str) -> None:
    pytest.importorskip("torch")
    with pytest.raises(SettingsError, match=f"^device: expected one that can decode this file, got '{device}'"):
        decode(RGB, device=device)


def test_a_region_is_a_crop() -> None:
    whole = decode(RGB)
    for x0, y0, x1, y1 in ((0, 0, 60, 40), (0, 0, 1, 1), (59, 39, 60, 40), (5, 7, 31, 8), (13, 0, 14, 40)):
        assert (decode(RGB, region=(x0, y0, x1, y1)) == whole[y0:y1, x0:x1]).all()


def test_a_smaller_size_is_the_mean_over_each_pixels_area() -> None:
    whole = decode(RGB)
    for size in ((30, 20), (20, 40), (60, 8), (1, 1), (1, 40), (60, 1), (12, 10)):
        means = box_means(whole, 40 // size[1], 60 // size[0])
        assert (decode(RGB, size=size) == means).all()
    for size in ((59, 39), (37, 11), (31, 21)):  # not divisors: more samples than pixels, at equal steps
        across, down = -(-60 // size[0]), -(-40 // size[1])
        samples = decode(RGB, size=(size[0] * across, size[1] * down))
        assert (decode(RGB, size=size) == box_means(samples, down, across)).all()


def test_a_smaller_size_does_not_depend_on_threads_or_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = ((7, 5), (1, 1), (60, 1))
    expected = [decode(RGB, size=size) for size in sizes]
    for samples in (7, 64, 100):
        monkeypatch.setattr(siren, "STRIP_SAMPLES", samples)
        monkeypatch.setattr(siren, "COMPILED_SAMPLES", samples)
        for size, pixels in zip(sizes, expected, strict=True):
            assert (decode(RGB, size=size, threads=3) == pixels).all()


def test_a_region_at_a_size() -> None:
    whole = decode(RGB)
    assert (decode(RGB, region=(10, 4, 40, 24), size=(10, 10)) == box_means(whole[4:24, 10:40], 2, 3)).all()
    twice = decode(RGB, size=(120, 80))
    assert (decode(RGB, region=(10, 4, 40, 24), size=(60, 40)) == twice[8:48, 20:80]).all()


def test_a_larger_size_is_evaluated_between_the_pixels() -> None:
    thrice = decode(RGB, size=(180, 120)).astype(int)
    whole = decode(RGB).astype(int)
    assert (thrice[1::3, 1::3] == whole).all()
    assert np.abs(np.diff(thrice, axis=1)).mean() < 0.4 * np.abs(np.diff(whole, axis=1)).mean()
    assert np.abs(np.diff(thrice, axis=0)).mean() < 0.4 * np.abs(np.diff(whole, axis=0)).mean()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 1000), (1000, 3), (1, 4097)])
def test_odd_shapes(width: int, height: int) -> None:
    header = header_of("RGB", width=width, height=height)
    data = make_file(header)
    pixels = decode(data, threads=2)
    assert pixels.shape == (height, width, 3)
    assert tuple(pixels[-1, -1]) == reference.pixel(reference.read(data), width - 1, height - 1)
    assert decode(data, size=(2, 2)).shape == (2, 2, 3)


@pytest.mark.parametrize("region", [(0, 0, 61, 40), (-1, 0, 5, 5), (5, 5, 5, 6), (0, 0, 1.5, 2), (0, 0, 1), "abcd"])
def test_a_region_outside_the_picture_is_refused(region: Any) -> None:
    with pytest.raises(SettingsError, match=r"^region: .* ≤ 60 and 0 ≤ y0 < y1 ≤ 40 for a picture of 60x40"):
        decode(RGB, region=region)


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (65_536, 1), (65_535, 65_535), (2.5, 2), (2,), 7])
def test_a_size_of_nothing_or_too_much_is_refused(size: Any) -> None:
    with pytest.raises(SettingsError, match=r"^size: expected integers of 1 to 65535, 268435456 pixels at most, got"):
        decode(RGB, size=size)


@pytest.mark.parametrize("threads", [0, -1, 1025])
def test_a_number_of_threads_out_of_range_is_refused(threads: int) -> None:
    with pytest.raises(SettingsError, match=rf"^threads: expected 1 to 1024, got {threads}$"):
        decode(RGB, threads=threads)


def test_a_payload_cut_short_is_truncated_and_a_longer_one_is_not_read() -> None:
    head = read_head(io.BytesIO(RGB))
    with pytest.raises(TruncatedError, match=r"^pixel chunks: expected \d+ bytes, got 50$"):
        Decoder(head, RGB[head.payload_offset :][:50])
    assert (decode(RGB + b"somebody else's") == decode(RGB)).all()


def test_rows_that_break_the_arithmetics_bound_are_refused() -> None:
    header = header_of("RGB", hidden=300)
    layers = make_layers(header, kind=HALF, bits=16)
    layers[2].codes[:] = 0x3C00  # 1.0
    with pytest.raises(FormatError, match=r"^layer 2: expected rows of Σ\|w\| up to 4194304, got 4915200$"):
        decode(make_file(header, layers))
    with pytest.raises(FormatError, match=r"^layer 2: expected rows"):
        inr_core.describe(make_file(header, layers))


def test_describe_lists_layers_and_chunks() -> None:
    info = inr_core.describe(RGB)
    assert [(layer.name, layer.shape, layer.nonzeros) for layer in info.layers] == [
        ("first", (8, 2), 16),
        ("hidden 1", (8, 8), 64),
        ("hidden 2", (8, 8), 64),
        ("output", (3, 8), 24),
    ]
    assert info.macs == 16 + 64 + 64 + 24
    assert [kind for kind, _, _ in info.chunks] == ["HEAD", "NETW"]
    _, offset, length = info.chunks[-1]
    assert offset == info.head.payload_offset
    assert offset + 8 + length + 4 == len(RGB)
    stored = sum(layer.mask_bytes + layer.symbol_bytes + layer.bias_bytes for layer in info.layers)
    assert stored < length < stored + 4 * 8 + 8  # records, and what the range coder's states add
    assert inr_core.describe(RGB + b"tail").chunks == info.chunks


def blas_threads() -> int | None:
    functions = threads._openblas()
    return None if functions is None else functions[0]()


def test_blas_gets_its_threads_back() -> None:
    before = blas_threads()
    if before is None:
        pytest.skip("this NumPy has no OpenBLAS that can be told")
    with threads.single_threaded_blas(), threads.single_threaded_blas():
        assert blas_threads() == 1
    assert blas_threads() == before
    bands = decoder_of(RGB, 2).bands(64)
    next(bands)  # an abandoned generator holds nothing
    with ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(lambda _: decode(RGB, threads=2), range(8)))
    assert all((picture == pictures[0]).all() for picture in pictures)
    del bands
    assert blas_threads() == before


def test_decoding_needs_no_blas_that_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = decode(RGB)

    def missing(name: str) -> None:
        raise OSError(f"{name}: no such library")

    monkeypatch.setattr("ctypes.CDLL", missing)
    assert threads._openblas() is None
    monkeypatch.setattr(threads, "_nesting", threads._blas_threads())
    assert (decode(RGB, threads=2) == expected).all()


MEMORY = r"""
import re, sys
from pathlib import Path
from inr_core import decode
for path, size in zip(sys.argv[1::2], sys.argv[2::2]):
    decode(Path(path).read_bytes(), size=eval(size), threads=2)
print(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_peak_memory_stays_below_400_mb(tmp_path: Path) -> None:
    wide = header_of("RGB", width=512, height=512, hidden=128, layers=8)
    large = header_of("L", width=3000, height=4000, hidden=2, layers=2)
    widest = header_of("L", width=16, height=16, hidden=1024, layers=4)
    arguments = []
    for name, header, size in (("a", wide, None), ("b", large, (1, 1)), ("c", widest, None)):
        path = tmp_path / name
        path.write_bytes(make_file(header))
        arguments += [str(path), str(size)]
    done = subprocess.run([sys.executable, "-c", MEMORY, *arguments], capture_output=True, text=True, check=True)
    assert 20_000 < int(done.stdout) < 400_000
