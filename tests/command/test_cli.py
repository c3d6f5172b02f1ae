"""`inr encode` and wrong usage: what it writes, says and returns."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image
from tiny import inr

import inr_core
from inr_core.settings import MODEL_CHOICES, QUANTIZATIONS, SPARSITIES
from pillow_inr import progress
from pillow_inr.command import cli
from pillow_inr.command.arguments import ENCODE_OPTIONS

TINY = [f"--{name}={value}" for name, value in tiny.OPTIONS.items()]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    tiny.picture().save(path, dpi=(300, 300), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", icc_profile=b"profile")
    return path


def test_encode_writes_beside_the_picture(photo: Path) -> None:
    code, out, err = inr("encode", photo, *TINY)
    target = photo.with_suffix(".inr")
    assert (code, err) == (0, "")
    size = target.stat().st_size
    assert out.startswith(f"{target}: {size:,} bytes, {8 * size / (24 * 16):.3f} bpp, ")
    assert " dB, " in out
    assert out.endswith(" s\n")
    with Image.open(target) as im:
        assert im.tobytes() == tiny.decoded(tiny.encoded())
        assert im.info["icc_profile"] == b"profile"
        assert im.info["exif"] == b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"
        assert im.info["dpi"] == pytest.approx((300, 300), abs=0.02)


@pytest.mark.parametrize("largest", [4095, 65_535])
def test_encode_a_pgm_of_16_bits(tmp_path: Path, largest: int) -> None:
    values = (np.arange(24 * 16) * 9).reshape(16, 24)
    (tmp_path / "scan.pgm").write_bytes(b"P5\n24 16\n%d\n" % largest + values.astype(">u2").tobytes())
    assert inr("encode", tmp_path / "scan.pgm", "--effort", "0", "--quality", "100", "-q") == (0, "", "")
    with Image.open(tmp_path / "scan.inr") as im, Image.open(tmp_path / "scan.pgm") as scan:
        assert (im.mode, scan.mode) == ("I;16", "I")  # whose values Pillow has brought to 0 … 65535
        apart = np.abs(np.asarray(im).astype(int) - np.asarray(scan))
        assert apart.max() < 0.006 * np.asarray(scan).max()
    assert inr("decode", "-q", tmp_path / "scan.inr", "-o", tmp_path / "back.png") == (0, "", "")
    with Image.open(tmp_path / "back.png") as im, Image.open(tmp_path / "scan.inr") as own:
        assert np.array_equal(np.asarray(im), np.asarray(own))


def test_options_reach_the_encoder(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[inr_core.Settings] = []

    def encode(pixels: object, settings: inr_core.Settings, **options: object) -> bytes:
        seen.append(settings)
        return b"file"

    monkeypatch.setattr(inr_core, "encode", encode)
    values = {
        "quality": 40.0,
        "target_psnr": 33.5,
        "tune": "look",
        "effort": 2,
        "device": "cpu",
        "threads": 3,
        "seed": 9,
        "time_limit": 1.5,
        "model": "siren",
        "width": 16,
        "depth": 4,
        "omega_first": 20.0,
        "omega_hidden": 10.0,
        "density": 0.5,
        "bits": 7,
        "sparsity": "prune",
        "quantization": "kmeans",
        "steps": 11,
        "batch": 300,
    }
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    assert inr("encode", photo, "-q", *arguments) == (0, "", "")
    assert inr("encode", photo, "-q", "--target-size=4000", "--lossless", "-o", tmp_path / "b.inr") == (0, "", "")
    assert inr("encode", photo, "-q", "--bits=8", "-o", tmp_path / "c.inr") == (0, "", "")
    assert seen[:2] == [
        inr_core.Settings.from_options(values),
        inr_core.Settings(target_size=4000, lossless=True, model="exact"),
    ]
    assert seen[2:] == [inr_core.Settings(model="siren", bits=8)]
    assert set(ENCODE_OPTIONS) == {*values, "target_size", "lossless"} == set(inr_core.Settings.__dataclass_fields__)


def test_help_names_every_choice() -> None:
    choices = {"model": MODEL_CHOICES, "sparsity": SPARSITIES, "quantization": QUANTIZATIONS}
    for option, names in choices.items():
        named = re.split(r", | or ", ENCODE_OPTIONS[option][2].split(";")[0])
        assert sorted(named) == sorted(names)


def test_encode_many_goes_on_after_a_bad_one(photo: Path, tmp_path: Path) -> None:
    broken, missing = tmp_path / "broken.png", tmp_path / "missing.png"
    broken.write_bytes(b"not a picture")
    deep = tmp_path / "deep.tif"
    tiny.picture("F").save(deep)
    out_folder = tmp_path / "out"
    code, out, err = inr("encode", missing, broken, deep, photo, "-o", out_folder, *TINY)
    assert code == 1
    advice = 'scale the values to 0 … 65535 and convert it to "I", or to 0 … 255 and "L",'
    assert err.splitlines() == [
        f"inr: {missing}: No such file or directory",
        f"inr: {broken}: not a picture that Pillow can open",
        f"inr: {deep}: cannot save mode F as INR: {advice} first",
    ]
    assert out.startswith(f"{out_folder / 'photo.inr'}: ")
    assert [path.name for path in out_folder.iterdir()] == ["photo.inr"]


def test_encode_a_folder(photo: Path, tmp_path: Path) -> None:
    tiny.picture("L").save(tmp_path / "grey.JPG")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "old.inr").write_bytes(b"not touched")
    code, out, err = inr("encode", tmp_path, "--jobs=1", *TINY)
    assert (code, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()] == [str(tmp_path / n) for n in ("grey.inr", "photo.inr")]
    assert (tmp_path / "old.inr").read_bytes() == b"not touched"


def test_existing_files_are_kept_without_overwrite(photo: Path) -> None:
    target = photo.with_suffix(".inr")
    target.write_bytes(b"mine")
    code, out, err = inr("encode", photo, *TINY)
    assert (code, out, err) == (1, "", f"inr: {photo}: {target} exists; pass --overwrite to replace it\n")
    assert target.read_bytes() == b"mine"
    assert inr("encode", photo, "--overwrite", "-q", *TINY) == (0, "", "")
    assert target.read_bytes().startswith(inr_core.SIGNATURE)


def test_two_pictures_of_one_name(photo: Path, tmp_path: Path) -> None:
    twin = tmp_path / "photo.bmp"
    tiny.picture().save(twin)
    code, _, err = inr("encode", photo, twin, "--overwrite", "--jobs=1", *TINY)
    assert code == 1
    assert err == f"inr: {twin}: another file of this call already goes to {photo.with_suffix('.inr')}\n"


def test_only_the_first_frame_is_kept_and_said_so(tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    tiny.picture("L").save(path, save_all=True, append_images=[tiny.picture("L").rotate(180)])
    code, _, err = inr("encode", path, *TINY)
    assert (code, err) == (0, f"inr: {path}: only the first of 2 frames is kept\n")


def test_encode_strip(photo: Path) -> None:
    assert inr("encode", photo, "--strip", "-q", *TINY) == (0, "", "")
    with Image.open(photo.with_suffix(".inr")) as im:
        assert im.info == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "inr: error: expected a command"),
        (["encode"], "the following arguments are required: PICTURE"),
        (["encode", "a.png", "--quality", "x"], "argument --quality: expected a number, got 'x'"),
        (["encode", "a.png", "--quality", "101"], "quality: expected a number from 0 to 100, got 101.0"),
        (["encode", "a.png", "--sparsity", "x"], "sparsity: expected one of rigl, prune, small-dense, got 'x'"),
        (["decode", "a.inr", "--size", "0x4"], "argument --size: expected WIDTHxHEIGHT in pixels, got '0x4'"),
        (["decode", "a.inr", "-o", "a.xyz"], "cannot tell the format to write from 'a.xyz'; say it with --format"),
        (
            ["decode", "a.inr", "--format", "xyz"],
            "--format: expected the end of a name that Pillow can write, like png or jpg, got 'xyz'",
        ),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    code, out, err = inr(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: inr")
    assert err.rstrip().endswith(message)


def test_interrupt_keeps_the_best_so_far(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    best = tiny.encoded()

    def encode(*args: object, **options: Any) -> bytes:
        raise inr_core.Interrupted(best)

    monkeypatch.setattr(inr_core, "encode", encode)
    second = tmp_path / "second.png"
    tiny.picture().save(second)
    code, out, err = inr("encode", photo, second, "--jobs=1")
    assert (code, out) == (130, "")
    assert err == f"inr: {photo}: interrupted; the best network so far was kept\n"
    assert photo.with_suffix(".inr").read_bytes() == best
    assert not second.with_suffix(".inr").exists()


def test_interrupt_without_a_result(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(*args: object, **options: Any) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(inr_core, "encode", encode)
    assert inr("encode", photo) == (130, "", "inr: interrupted\n")
    assert [path.name for path in photo.parent.iterdir()] == ["photo.png"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_bar_on_a_terminal(photo: Path, monkeypatch: pytest.MonkeyPatch, quiet: bool) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli.main(["encode", str(photo), *TINY, *(["-q"] if quiet else [])]) == 0
    assert ("photo.png" in terminal.getvalue()) == ("20/20" in terminal.getvalue()) == (not quiet)


def test_bar_starts_again_when_a_search_does(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.Bar("label") as bar:
        for steps, step in ((10, 5), (10, 10), (10, 2), (30, 30)):
            bar(inr_core.Progress(step, steps, 30.0, 0.5, 1.0, 65.0, "done"))
    shown = capsys.readouterr().err
    assert "label: 100%" in shown
    assert "10/10, 30.00 dB, 0.500 bpp, 01:05 left" in shown
    assert "2/10, " in shown
    assert "30/30, " in shown
