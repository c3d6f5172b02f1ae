"""`inr decode` and `inr info`: what they write, say and return."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image
from tiny import inr

import inr_core
import pillow_inr


@pytest.fixture
def coded(tmp_path: Path) -> Path:
    path = tmp_path / "coded.inr"
    path.write_bytes(tiny.encoded(comment=b"hello", icc_profile=b"profile", dpi=(72, 72)))
    return path


def test_decode(coded: Path) -> None:
    assert inr("decode", "-q", coded) == (0, "", "")
    with Image.open(coded.with_suffix(".png")) as im, Image.open(coded) as original:
        assert im.format == "PNG"
        np.testing.assert_array_equal(np.asarray(im), np.asarray(original))
        assert im.info["icc_profile"] == b"profile"
        assert im.info["Comment"] == "hello"
        assert im.info["dpi"] == pytest.approx((72, 72), abs=0.02)


@pytest.mark.parametrize(
    ("name", "kind"), [("x.jpg", "JPEG"), ("x.tiff", "TIFF"), ("x.webp", "WEBP"), ("x.BMP", "BMP")]
)
def test_decode_to_other_formats(coded: Path, name: str, kind: str) -> None:
    assert inr("decode", "-q", coded, "-o", coded.with_name(name)) == (0, "", "")
    with Image.open(coded.with_name(name)) as im:
        assert (im.format, im.size) == (kind, tiny.SIZE)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16"])
def test_decode_every_mode_to_png(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(tiny.encoded(tiny.picture(mode), icc_profile=b"profile"))
    converted = mode in ("CMYK", "YCbCr", "LAB")
    note = f"inr: {path}: PNG does not hold mode {mode}; written as mode RGB\n" if converted else ""
    assert inr("decode", "-q", path) == (0, "", note)
    with Image.open(path.with_suffix(".png")) as im, Image.open(path) as original:
        assert im.mode == ("RGB" if converted else mode)
        assert im.tobytes() == (original.convert("RGB") if converted else original).tobytes()
        assert ("icc_profile" in im.info) == (mode not in ("CMYK", "LAB"))


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "LAB", "I;16"])
def test_decode_to_a_size(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.inr"
    source = tiny.picture(mode)
    if mode == "P":
        source.info["transparency"] = 4
    path.write_bytes(tiny.encoded(source))
    code, out, _ = inr("decode", path, "--size", "12x10", "-o", tmp_path / "small.tif")
    size = (tmp_path / "small.tif").stat().st_size
    assert (code, out) == (0, f"{tmp_path / 'small.tif'}: 12x10, {size:,} bytes\n")
    with Image.open(tmp_path / "small.tif") as im:
        assert (im.size, im.mode) == ((12, 10), "RGBA" if mode == "P" else mode)  # a palette has no alpha there
        if mode == "RGBA":
            np.testing.assert_array_equal(np.asarray(im), inr_core.decode(path.read_bytes(), size=(12, 10)))


def test_decode_many_into_a_folder(coded: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.inr"
    bad.write_bytes(coded.read_bytes()[:-1])
    other = tmp_path / "other.png"
    tiny.picture().save(other)
    out = tmp_path / "deep" / "er"
    code, _, err = inr("decode", bad, other, coded, "-o", f"{out}/", "--format", "bmp")
    assert code == 1
    lines = err.splitlines()
    assert lines[0].startswith(f"inr: {bad}: image file is truncated: ")
    assert lines[1:] == [f"inr: {other}: not an .inr file"]
    assert [path.name for path in out.iterdir()] == ["coded.bmp"]


def test_info(coded: Path, tmp_path: Path) -> None:
    palette = tmp_path / "palette.inr"
    palette.write_bytes(tiny.encoded(tiny.picture("P")))
    code, out, err = inr("info", coded, palette)
    assert (code, err) == (0, "")
    size = coded.stat().st_size
    lines = out.splitlines()
    assert lines[0] == f"{coded}: {size:,} bytes, {8 * size / (24 * 16):.3f} bpp"
    assert lines[1] == "  picture   24x16, RGB, 8 bits a sample"
    assert lines[2].startswith("  network   siren, 3 linear layers of 8 neurons, 3 outputs, ")
    work = "39,936 multiply-adds, 6,144 sines"
    assert lines[3] == f"  cost      less than 0.001 nominal core-seconds for {work}"
    assert lines[4] == "  metadata  icc 7 bytes, comment 5 bytes, dpi 72x72"
    assert lines[5] == "  comment   hello"
    assert lines[6].startswith("  chunks    HEAD ")
    assert lines[7].split()[:5] == ["layer", "shape", "nonzeros", "density", "bits"]
    assert [line.split("x")[0].split()[-1] for line in lines[8:11]] == ["8", "8", "3"]
    assert "  palette   16 colours" in lines


def test_decode_a_region(coded: Path) -> None:
    whole = inr_core.decode(coded.read_bytes())
    assert inr("decode", "-q", coded, "--region", "3,2,15,11") == (0, "", "")
    with Image.open(coded.with_suffix(".png")) as im:
        assert np.array_equal(np.asarray(im), whole[2:11, 3:15])
    assert inr("decode", "-q", coded, "--region", "3,2,15,11", "--size", "24x18", "--overwrite") == (0, "", "")
    with Image.open(coded.with_suffix(".png")) as im:
        assert np.array_equal(np.asarray(im), inr_core.decode(coded.read_bytes(), region=(3, 2, 15, 11), size=(24, 18)))
    code, out, err = inr("decode", coded, "--region", "3,2,99,11", "--overwrite")
    assert (code, out) == (1, "")
    assert err.endswith("x1 ≤ 24 and 0 ≤ y0 < y1 ≤ 16 for a picture of 24x16 pixels, got (3, 2, 99, 11)\n")
    code, out, err = inr("decode", coded, "--region", "3,2,15")
    assert (code, out) == (2, "")
    assert err.endswith("argument --region: expected X0,Y0,X1,Y1 in pixels, got '3,2,15'\n")


def test_info_of_ranges(tmp_path: Path) -> None:
    path = tmp_path / "deep.inr"
    y, x = np.mgrid[:30, :40]
    grey = (1000 + 30 * x + 17 * y).astype(np.uint16)
    dotted = grey.copy()
    dotted[3, 4], dotted[5, 6], dotted[7, 8] = 0, 60_000, 65_535
    apart = np.stack([grey, 4 * grey, grey // 8], axis=2)
    for pixels, lines in (
        (grey, ["1,000 … 2,663"]),
        (dotted, ["1,000 … 2,663, outliers 0 and 60,000 … 65,535"]),
        (apart, ["1,000 … 2,663 in channel 0", "4,000 … 10,652 in channel 1", "125 … 332 in channel 2"]),
    ):
        path.write_bytes(inr_core.encode(pixels, inr_core.Settings(effort=0, model="latent", tune="psnr")))
        code, out, err = inr("info", path)
        assert (code, err) == (0, "")
        assert [line[12:] for line in out.splitlines() if line.startswith("  range ")] == lines
        assert "(12.3 of 255)" in out
    (found,) = json.loads(inr("info", "--json", path)[1])
    assert found["header"]["ranges"][2]["high"] == 332


def test_info_of_the_latent_model(tmp_path: Path) -> None:
    path = tmp_path / "latent.inr"
    tiny.picture().save(path, effort=0, quality=75)
    code, out, err = inr("info", path)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    facts = inr_core.describe(path.read_bytes())
    macs, parameters = facts.macs, facts.head.header.parameters
    assert isinstance(parameters, inr_core.LatentShape)
    step, number = parameters.step, parameters.prior
    shown = f"step {step} ({2 ** (step / 16 - 6):.3g} of 255), tune look"
    assert lines[2] == f"  network   latent, prior {number}, 6 levels, {shown}, {macs:,} multiply-adds a pixel"
    work = f"{facts.cost.macs:,} multiply-adds"
    assert lines[3] == f"  cost      less than 0.001 nominal core-seconds for {work}"
    assert "LATS" in lines[5]
    assert len(lines) == 6
    code, out, err = inr("info", "--json", path)
    (found,) = json.loads(out)
    assert (code, found["layers"], found["macs"], found["header"]["parameters"]["prior"]) == (0, [], macs, number)


def test_info_json(coded: Path) -> None:
    code, out, err = inr("info", "--json", coded, coded.with_name("missing.inr"))
    assert (code, err) == (1, f"inr: {coded.with_name('missing.inr')}: No such file or directory\n")
    (facts,) = json.loads(out)
    assert facts["file"] == str(coded)
    assert facts["bytes"] == coded.stat().st_size
    assert (facts["header"]["width"], facts["header"]["mode"]) == (24, "RGB")
    assert facts["metadata"] == {"icc": 7, "comment": 5, "dpi": [72.0, 72.0]}
    assert facts["macs"] == 2 * 8 + 8 * 8 + 8 * 3
    assert [layer["shape"] for layer in facts["layers"]] == [[8, 2], [8, 8], [3, 8]]
    assert facts["chunks"][0]["type"] == "HEAD"
    assert facts["chunks"][-1]["type"] == "NETW"


@pytest.mark.parametrize("command", ["decode", "info"])
def test_damaged_files_are_named_without_a_traceback(coded: Path, command: str) -> None:
    data = bytearray(coded.read_bytes())
    data[-9] ^= 1
    coded.write_bytes(data)
    code, out, err = inr(command, coded)
    assert (code, out) == (1, "")
    assert err.startswith(f"inr: {coded}: ")
    assert err.endswith("chunk 'NETW': CRC mismatch\n")


def test_decode_strip(coded: Path) -> None:
    assert inr("decode", "-q", coded, "--strip") == (0, "", "")
    with Image.open(coded.with_suffix(".png")) as im:
        assert im.tobytes() == tiny.decoded(coded.read_bytes())
        assert im.info == {}


def test_python_m_and_a_closed_pipe(coded: Path) -> None:
    root = str(Path(pillow_inr.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "pillow_inr"]
    version = subprocess.run([*command, "--version"], env=environment, capture_output=True, text=True, check=True)
    assert version.stdout == f"pillow-inr {pillow_inr.__version__} ({inr_core.backend} kernels)\n"
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        info = subprocess.run(
            [*command, "info", *[str(coded)] * 300],
            env=environment,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (info.returncode, info.stderr) == (1, "")
