"""Golden files: what a file of this version decodes to, for ever. `golden/make_golden.py` writes them."""

from __future__ import annotations

import io
from itertools import product
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from compiled import each_compiled
from networks import latent_of, shapes_of
from numpy.typing import NDArray
from small_strips import set_positions

from inr_core import Decoder, Metadata, decode, describe, read_head, verify
from inr_core.container.chunks import Head, read_payload, read_payloads
from inr_core.container.header import PLANE_MODES
from inr_core.entropy.symbols import SymbolReader
from inr_core.entropy.tables import TAILS
from inr_core.exact.picture import ExactPicture
from inr_core.exact.strips import symbol_bits
from inr_core.kernels import switch
from inr_core.latent import differences, prior
from inr_core.latent.payload import ALL_CODED, DIFFERENT
from inr_core.models import MODELS
from inr_core.modes import MODE_TABLE, MODES
from inr_core.siren.streams import pack, unpack

FOLDER = Path(__file__).parents[1] / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("*.inr"))
PALETTE = [[20, 20, 20, 0], [230, 230, 230, 255], [200, 30, 30, 255], [30, 60, 200, 255]]


def read(name: str) -> bytes:
    return (FOLDER / f"{name}.inr").read_bytes()


def head_of(name: str) -> Head:
    return read_head(io.BytesIO(read(name)))


def payloads_of(name: str) -> list[bytes]:
    """Of the model's own chunks."""
    head = head_of(name)
    return read_payloads(head.header, read(name)[head.payload_offset :])[head.header.plane != "" :]


SIREN, LATENT, EXACT = ([name for name in NAMES if head_of(name).header.model == model] for model in MODELS)
SAMPLES = {(mode, *both) for mode, info in MODE_TABLE.items() for both in product(info.bit_depths, info.channels)}


@pytest.mark.parametrize("name", NAMES)
def test_pixels_are_the_committed_ones(name: str) -> None:
    expected = np.load(FOLDER / f"{name}.npy")
    data = read(name)
    pixels = decode(data)
    assert (pixels.dtype, pixels.shape) == (expected.dtype, expected.shape)
    assert (pixels == expected).all()
    head = read_head(io.BytesIO(data))
    for threads, block in ((1, 64), (2, 100), (3, 8192)):
        bands = Decoder(head, data[head.payload_offset :], threads).bands(block)
        assert (np.concatenate([rows for _, rows in bands]) == expected).all()


@each_compiled
@pytest.mark.parametrize("name", NAMES)
def test_compiled_kernels_give_the_committed_pixels(name: str, backend: str) -> None:
    with switch.using(backend):
        for threads in (1, 3):
            assert (decode(read(name), threads=threads) == np.load(FOLDER / f"{name}.npy")).all()


@pytest.mark.parametrize("name", NAMES)
def test_torch_gives_the_committed_pixels(name: str) -> None:
    pytest.importorskip("torch")
    assert (decode(read(name), device="torch") == np.load(FOLDER / f"{name}.npy")).all()


@pytest.mark.parametrize("name", LATENT)
@pytest.mark.parametrize("positions", [3, 40])
def test_strips_of_a_pyramid_do_not_matter(monkeypatch: pytest.MonkeyPatch, positions: int, name: str) -> None:
    set_positions(monkeypatch, positions)
    expected = np.load(FOLDER / f"{name}.npy")
    for threads in (1, 2, 3):
        assert (decode(read(name), threads=threads) == expected).all()


@pytest.mark.parametrize("name", SIREN)
def test_layers_come_back_from_packing_them_again(name: str) -> None:
    data = read(name)
    verify(io.BytesIO(data))
    head = read_head(io.BytesIO(data))
    network = read_payload(head.header, data[head.payload_offset :])
    layers, streams = unpack(network, shapes_of(head.header))
    again = pack(layers)
    if all(stream.mask_coder == "none" and stream.symbol_coder == "raw" for stream in streams):
        assert again == network  # the other coders' choices may differ between versions of Zstandard and NumPy
    for layer, other in zip(layers, unpack(again, shapes_of(head.header))[0], strict=True):
        assert (layer.weights() == other.weights()).all()
        assert (layer.bias_codes == other.bias_codes).all()
        assert layer.multiplier == other.multiplier


def test_sirens_cover_the_format() -> None:
    infos = [describe(read(name)) for name in SIREN]
    layers = [layer for info in infos for layer in info.layers]
    assert {info.head.header.mode for info in infos} == set(MODES)
    assert {info.head.header.bit_depth for info in infos} == {1, 8, 16}
    assert {layer.kind for layer in layers} == {"uniform", "codebook", "float16"}
    assert {layer.mask_coder for layer in layers} == {"raw", "zstd", "range", "none"}
    assert {layer.symbol_coder for layer in layers} == {"raw", "zstd", "range"}


def test_pyramids_cover_the_format() -> None:
    headers = [head_of(name).header for name in LATENT]
    assert {(header.mode, header.bit_depth, header.channels) for header in headers} == SAMPLES
    assert {0, 255} <= {latent_of(header).step for header in headers}
    assert {latent_of(header).step % 16 for header in headers} == set(range(16))
    assert {1, 6, 9, 16} <= {latent_of(header).levels for header in headers}
    assert {header.width % 2 for header in headers} == {header.height % 2 for header in headers} == {0, 1}
    named = {latent_of(header).prior for header in headers}
    assert named == set(prior.known_ids()), "each prior needs a line in golden/latent_golden.py"


def test_strips_cover_the_format() -> None:
    """Every predictor with symbols of every number of bits, planes together and apart, with a frame and without."""
    headers = [head_of(name).header for name in EXACT]
    assert {(header.mode, header.bit_depth, header.channels) for header in headers} == SAMPLES
    seen: set[tuple[object, ...]] = set()
    for name, own in zip(EXACT, headers, strict=True):
        for parts in ExactPicture(head_of(name), payloads_of(name), None, 1, "cpu").parts():
            for part in parts:
                seen |= {("mixed", own.bit_depth, part.planes, part.asks) for _ in range(part.mixed)}
                bits = symbol_bits(part.colours or 1 << own.bit_depth)
                seen |= {("predictor", bits, part.predictor), ("squeezed", bits > 8, part.squeezed)}
                seen |= {("apart", part.planes, part.predictor) for _ in range(part.from_second)}
    expected: set[tuple[object, ...]] = {("predictor", 0, 0), *product(("squeezed",), (False, True), (False, True))}
    expected |= {*product(("predictor",), (1, 2, 4, 8, 16), range(4)), *product(("apart",), (3, 4), range(4))}
    expected |= {("mixed", *way) for way in ((8, 3, True), (8, 3, False), (16, 4, False), (16, 1, True), (1, 1, True))}
    expected |= {("mixed", 8, planes, True) for planes in (1, 2, 4)}
    assert seen >= expected


def test_both_models_cover_the_ranges() -> None:
    assert [each.outliers for each in head_of("grey_12_bits").header.ranges] == [(False, True)]
    ranges = {each for name in LATENT for each in head_of(name).header.ranges}
    assert {each.outliers for each in ranges} == set(product((False, True), repeat=2))
    assert {(each.lowest < each.lower, each.outliers[0]) for each in ranges} == {(0, 0), (0, 1), (1, 1)}
    assert any(each.lowest == each.highest for each in ranges)


def test_planes_beside_models_cover_the_format() -> None:
    headers = [head_of(name).header for name in NAMES]
    found = {(header.model, header.plane, header.mode, header.bit_depth) for header in headers if header.plane}
    every = {(plane, mode) for plane, modes in PLANE_MODES.items() for mode in modes}
    assert {(plane, mode) for _, plane, mode, _ in found} == every
    of_one_channel = set(product(("siren", "latent"), ("alpha", "ends")))
    assert {(model, plane) for model, plane, _, _ in found} == of_one_channel | {("latent", "tiles")}
    depths = set(product(("alpha", "ends"), (8, 16)))
    assert {(plane, depth) for _, plane, _, depth in found} == depths | {("tiles", 8)}


def test_pyramids_cover_the_chunks() -> None:
    payloads = {name: payloads_of(name) for name in LATENT}
    assert len(payloads["latent_chunks"]) > 3
    kinds = [kind for kind, _, _ in describe(read("latent_chunks")).chunks]
    assert kinds[1:6] == ["LATS", "abcd", "LATS", "comm", "LATS"]
    first = [chunks[0][0] for chunks in payloads.values()]
    assert {bool(flags & ALL_CODED) for flags in first} == {bool(flags & DIFFERENT) for flags in first} == {True, False}


def test_pyramids_cover_the_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of tail and number of raw bits, one lane and many, details with and without a symbol."""
    seen: list[tuple[NDArray[np.integer], NDArray[np.int32]]] = []
    lanes = set()
    plain = SymbolReader.read

    def reading(self: SymbolReader, rows: NDArray[np.integer]) -> NDArray[np.int32]:
        symbols = plain(self, rows)
        seen.append((rows.astype(np.int32), symbols))
        lanes.add(self._ranged.lanes)
        return symbols

    monkeypatch.setattr(SymbolReader, "read", reading)
    symbols_of = {}
    for name in (name for name in LATENT if latent_of(head_of(name).header).prior == 1):
        before = len(seen)
        with switch.using("numpy"):
            decode(read(name), threads=1)
        symbols_of[name] = sum(map(len, (rows for rows, _ in seen[before:])))
    assert symbols_of["latent_flat"] == 0
    details = 3 * 3 * (10 * 7 + 5 * 4 + 3 * 2 + 2 * 1 + 1 + 1)
    assert details / 2 < symbols_of["latent_rgb"] < details
    assert min(lanes) == 1
    assert max(lanes) >= 32
    rows, symbols = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    tables = prior.load(1).tables
    assert {0, 63} <= set((rows // 8).tolist())
    assert set((rows % 8).tolist()) == set(range(8))
    assert set(tables.raw_bits[rows].tolist()) == set(range(8))
    entries = tables.entries(rows, symbols)
    tails = (entries - tables.offsets[rows] - 2 * tables.largest[rows] - 1)[tables.tails[entries]]
    assert set(tails.tolist()) == set(range(TAILS))
    assert set(tables.widths[entries].tolist()) >= {0, 1, 3, 5, 8, 24}
    assert symbols.min() < -(2**22)
    assert symbols.max() > 2**22
    assert (tables.skipped[rows] & (symbols != 0)).any(), "where a 0 may be skipped and all is coded"


def test_every_array_differs_in_a_golden_file(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, found = differences.unpack, []

    def unpacking(data: bytes, start: prior.Prior) -> differences.Differences:
        found.append(plain(data, start))
        return found[-1]

    monkeypatch.setattr(differences, "unpack", unpacking)
    pixels = decode(read("latent_differences"))
    (own,) = found
    assert tuple(own) == differences.ARRAYS
    assert len({difference.shift for difference in own.values()}) > 8
    assert all((difference.steps > 0).any() and (difference.steps < 0).any() for difference in own.values())
    assert (pixels != decode(read("latent_rgb"))).any(), "the same picture without them"


@pytest.mark.parametrize(
    ("name", "region", "size", "crc"),
    [
        ("rgb", None, (5, 3), "86d36f9f"),
        ("rgb", None, (26, 21), "0dcd1597"),
        ("rgb", (3, 2, 16, 13), (13, 4), "b2216dd8"),
        ("rgb", (5, 1, 18, 12), (40, 11), "279ecada"),
        ("rgba", None, (5, 3), "9f391c87"),
        ("rgba", (3, 2, 16, 13), (13, 4), "864048f2"),
        ("rgba", (5, 1, 18, 12), (40, 11), "36f87e7a"),
    ],
)
def test_other_sizes_of_a_pyramid_are_the_committed_ones(
    name: str, region: tuple[int, int, int, int] | None, size: tuple[int, int], crc: str
) -> None:
    for threads in (1, 3):
        pixels = decode(read(f"latent_{name}"), region=region, size=size, threads=threads)
        assert pixels.shape == (size[1], size[0], len(name))
        assert f"{crc32(pixels.tobytes()):08x}" == crc


def test_metadata_and_palette_of_the_golden_files() -> None:
    head = head_of("palette_alpha")
    expected = Metadata(
        exif=b"MM\0*\0\0\0\x08" + bytes(90),
        icc=bytes(range(128)),
        xmp=b"<x:xmpmeta/>",
        comment=b"golden",
        dpi=(300, 72.5),
    )
    assert head.metadata == expected
    assert head.palette is not None
    assert head.palette.tolist() == PALETTE
    head = head_of("latent_palette_alpha")
    assert head.metadata == Metadata(comment=b"golden", dpi=(300, 72.5), xmp=b"<x:xmpmeta/>")
    assert head.palette is not None
    assert head.palette.tolist() == PALETTE
