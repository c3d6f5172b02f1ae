"""The decoder of docs/viewer, which is the kernels as WebAssembly with JavaScript around them: the pixels of inr_core.

It runs in node here, which all but the page itself needs no browser for; test_viewer_page.py has one.
"""

from __future__ import annotations

import io
import random
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any
from zlib import crc32

import little_work as fuzzed
import numpy as np
import pytest
import zstandard
from mutants import mutant
from seeds import picture, seeds
from toy_prior import smooth_picture
from viewer import NODE, PRIORS, ROOT, lines_of

from inr_core import FormatError, Metadata, Settings, decode, encode, read_head
from inr_core.container import chunks
from inr_core.container.header import Raster
from inr_core.latent import encoding, latents, prior
from inr_core.latent.differences import Difference, Differences
from inr_core.models import MODELS, LatentShape
from inr_core.modes import COMPONENTS, MODE_TABLE
from wasm.build import sources

pytestmark = pytest.mark.skipif(NODE is None, reason="needs node")

GOLDEN = sorted((ROOT / "tests" / "golden").glob("*.inr"))
Line = dict[str, Any]


def line_of(pixels: np.ndarray[Any, Any]) -> Line:
    """What the decoder says of pixels."""
    kind = "Uint16Array" if pixels.dtype == np.uint16 else "Uint8Array"
    return {"crc": crc32(pixels.tobytes()), "bytes": pixels.nbytes, "type": kind}


def verdict(data: bytes) -> Line | None:
    """What inr_core says; None where it refuses."""
    try:
        return line_of(decode(data, threads=1))
    except FormatError:
        return None


def same_verdicts(files: list[bytes], stricter: int = 0) -> int:
    """Asserts that both refuse the same files, and make the same pixels of the others; of how many.

    stricter: so many at most may be damaged Zstandard frames that the library lets pass, and RFC 8878 does not.
    """
    decoded = 0
    for data, line in zip(files, lines_of("decode_files.mjs", files), strict=True):
        expected = verdict(data)
        if expected is None:
            assert line.get("error") == "FormatError", line
            assert len(line["message"]) < 300
        elif stricter and line.get("message", "").endswith("expected Zstandard data, got others"):
            stricter -= 1
        else:
            assert line == expected
            decoded += 1
    return decoded


def little_work(data: bytes) -> bool:
    """Whether a file is refused, or takes no more than a moment."""
    try:
        return fuzzed.little_work(read_head(io.BytesIO(data)))
    except FormatError:
        return True


def test_the_module_is_compiled_from_the_sources_that_are_here() -> None:
    (line,) = lines_of("module_sources.mjs", [b""])
    assert line == {"sources": sources()}, "docs/viewer/inr.wasm is of other sources: `make wasm` compiles it anew"


def test_the_golden_files_to_the_bit() -> None:
    files = [path.read_bytes() for path in GOLDEN]
    expected = [line_of(np.load(path.with_suffix(".npy"))) for path in GOLDEN]
    assert len(files) > 100
    assert lines_of("decode_files.mjs", files) == expected


def test_small_files_of_every_model_and_mode() -> None:
    files = list(seeds())
    headers = [read_head(io.BytesIO(data)).header for data in files]
    assert {(header.model, header.mode) for header in headers} == set(product(MODELS, MODE_TABLE))
    assert same_verdicts(files) == len(files)


def test_pictures_that_are_larger_than_a_tile_of_any_kernel() -> None:
    rng = np.random.default_rng(7)
    files = [
        picture(rng, mode, info.bit_depths[-1], max(info.channels), (83 + 7 * k, 61 + k), quality, model)
        for k, (mode, info) in enumerate(MODE_TABLE.items())
        for quality, model in ((80, "latent"), (60, "exact"))
    ]
    wide = smooth_picture(rng, 90, 900, 3)
    files += [encode(wide, Settings(effort=0, threads=1, tune=tune)) for tune in ("look", "psnr")]
    files.append(encode(wide[:, :400], Settings(lossless=True, threads=1)))
    assert same_verdicts(files) == len(files)


def wide_weights(part: str) -> Differences:
    """What makes the first neuron of a network see one input only, by a weight that is wider than 16 bits."""
    name = f"{part}_w1"
    old = prior.to_arrays(prior.load(1))[name]
    steps = np.zeros(old.shape, np.int32)
    steps[0, :4] = -old[0, :4]
    steps[0, 5, 1, 1] = 40_000 - old[0, 5, 1, 1]
    return {name: Difference(steps, 0)}


def test_networks_whose_weights_do_not_fit_16_bits() -> None:
    files = []
    for part, mode in (("luma", "L"), ("chroma", "RGB"), ("cell", "L"), ("cell", "RGB")):
        channels = sum(COMPONENTS[mode])
        samples = smooth_picture(np.random.default_rng(4), 37, 51, channels)
        quantised = latents.quantise(samples, prior.load(1), COMPONENTS[mode], step=120, levels=3)
        payloads, *_ = encoding.encode_latents(replace(quantised, differences=wide_weights(part)), prior.load(1))
        raster = Raster(51, 37, mode, 8, channels)
        files.append(chunks.write(raster.header(LatentShape(1, 120, 3)), None, Metadata(), payloads))
    assert same_verdicts(files) == len(files)


def test_metadata_that_is_compressed_and_chunks_that_are_skipped() -> None:
    pixels = np.zeros((3, 5), np.uint8)
    metadata = Metadata(comment=b"so it is " * 99, text={"Title": "é" * 300, "Author": ""}, icc=bytes(500), dpi=(72, 1))
    data = encode(pixels, Settings(lossless=True), metadata=metadata)
    assert same_verdicts([data, data + b"something else behind it", data[:-1], data[:40], b"", b"\x89INR"]) == 2


def test_networks_that_are_not_the_formats_decode_nothing(tmp_path: Path) -> None:
    file = (ROOT / "tests" / "golden" / "latent_rgb.inr").read_bytes()
    (tmp_path / "1.npz").write_bytes((PRIORS / "2.npz").read_bytes())
    (other,) = lines_of("decode_files.mjs", [file], tmp_path)
    (tmp_path / "1.npz").write_bytes((PRIORS / "1.npz").read_bytes()[:-5000])
    (damaged,) = lines_of("decode_files.mjs", [file], tmp_path)
    message = "The networks of prior 1 are damaged, or others than the format's"
    assert other == damaged == {"error": "Error", "message": message}


def test_frames_of_zstandard() -> None:
    rng = random.Random(3)
    text = (ROOT / "FORMAT.md").read_bytes()
    skewed = bytes(rng.choices(range(256), [2 ** -(k / 8) for k in range(256)], k=150_000))
    contents = [b"a", bytes(70_000), rng.randbytes(3000), text, text * 3, skewed, text[:300], bytes(range(256)) * 20,
                bytes(rng.choices(b"abcdefgh", k=40)), b"x" * 7 + rng.randbytes(20) + b"x" * 200]  # fmt: skip
    frames = [
        zstandard.ZstdCompressor(level=level, write_checksum=checksum).compress(content)
        for content, level, checksum in product(contents, (-5, 1, 3, 9, 19), (False, True))
    ]
    expected = [{"crc": crc32(content), "bytes": len(content)} for content in contents for _ in range(10)]
    assert lines_of("expand_frames.mjs", frames) == expected
    small = [frame for frame in frames if len(frame) < 20_000]
    damaged = [damage(rng.choice(small), rng) for _ in range(1500)]
    accepted = 0
    for frame, line in zip(damaged, lines_of("expand_frames.mjs", damaged), strict=True):
        if "error" not in line:  # never more than Zstandard accepts; less, where bits that nobody needs are damaged
            content = zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
            assert line == {"crc": crc32(content), "bytes": len(content)}
            accepted += 1
    assert accepted > 100


def damage(frame: bytes, rng: random.Random) -> bytes:
    """One to three bits flipped, bytes left out or put in, mostly where tables are described."""
    data = bytearray(frame)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(min(len(data), rng.choice((20, 200, len(data)))))
        way = rng.randrange(4)
        if way == 0:
            data.insert(at, rng.randrange(256))
        elif way == 1 and len(data) > 1:
            del data[at]
        else:
            data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def mutants(first: int, count: int) -> list[bytes]:
    files = (mutant(20, number)[0] for number in range(first, first + count))
    return [data for data in files if little_work(data)]


def test_hostile_files_are_refused_where_inr_core_refuses_them() -> None:
    assert same_verdicts(mutants(0, 300)) > 20
    corpus = [path.read_bytes() for path in sorted((ROOT / "tests" / "corpus").glob("*.inr"))]
    same_verdicts([data for data in corpus if little_work(data)])


@pytest.mark.slow
def test_thousands_of_hostile_files() -> None:
    assert same_verdicts(mutants(300, 5000), stricter=2) > 300
