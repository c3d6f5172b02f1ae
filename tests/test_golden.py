"""Golden files: what a file of this version decodes to, for ever. `golden/make_golden.py` writes them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from inr_core import Decoder, Metadata, decode, describe, read_head, verify
from inr_core.container import read_payload
from inr_core.modes import MODES
from inr_core.streams import pack, unpack

FOLDER = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("*.inr"))


def read(name: str) -> bytes:
    return (FOLDER / f"{name}.inr").read_bytes()


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


@pytest.mark.parametrize("name", NAMES)
def test_torch_gives_the_committed_pixels(name: str) -> None:
    pytest.importorskip("torch")
    assert (decode(read(name), device="torch") == np.load(FOLDER / f"{name}.npy")).all()


@pytest.mark.parametrize("name", NAMES)
def test_layers_come_back_from_packing_them_again(name: str) -> None:
    data = read(name)
    verify(io.BytesIO(data))
    head = read_head(io.BytesIO(data))
    network = read_payload(head.header, data[head.payload_offset :])
    layers, streams = unpack(network, head.header)
    again = pack(layers)
    if all(stream.mask_coder == "none" and stream.symbol_coder == "raw" for stream in streams):
        assert again == network  # the other coders' choices may differ between versions of Zstandard and NumPy
    for layer, other in zip(layers, unpack(again, head.header)[0], strict=True):
        assert (layer.weights() == other.weights()).all()
        assert (layer.bias_codes == other.bias_codes).all()
        assert layer.multiplier == other.multiplier


def test_golden_files_cover_the_format() -> None:
    infos = [describe(read(name)) for name in NAMES]
    layers = [layer for info in infos for layer in info.layers]
    assert {info.head.header.mode for info in infos} == set(MODES)
    assert {info.head.header.bit_depth for info in infos} == {1, 8, 16}
    assert {layer.kind for layer in layers} == {"uniform", "codebook", "float16"}
    assert {layer.mask_coder for layer in layers} == {"raw", "zstd", "range", "none"}
    assert {layer.symbol_coder for layer in layers} == {"raw", "zstd", "range"}


def test_metadata_and_palette_of_the_golden_files() -> None:
    head = read_head(io.BytesIO(read("palette_alpha")))
    expected = Metadata(
        exif=b"MM\0*\0\0\0\x08" + bytes(90),
        icc=bytes(range(128)),
        xmp=b"<x:xmpmeta/>",
        comment=b"golden",
        dpi=(300, 72.5),
    )
    assert head.metadata == expected
    assert head.palette is not None
    assert head.palette.tolist() == [[20, 20, 20, 0], [230, 230, 230, 255], [200, 30, 30, 255], [30, 60, 200, 255]]
