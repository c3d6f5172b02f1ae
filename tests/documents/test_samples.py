"""The committed sample pictures are what their README says, and the scripts beside them work."""

import io
from argparse import Namespace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

import demo
import demo_sheet
import make_samples

SAMPLES = Path(make_samples.__file__).parent

PICTURES = {
    "astronaut.webp": ("RGB", (512, 512)),
    "chart.png": ("RGB", (480, 320)),
    "chelsea.webp": ("RGB", (451, 300)),
    "coffee.webp": ("RGB", (600, 400)),
    "gradient.png": ("RGB", (256, 256)),
    "logo.png": ("RGBA", (256, 256)),
    "page.png": ("L", (512, 512)),
    "scene.png": ("RGB", (384, 256)),
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    make_samples.main([str(folder)])
    return folder


def test_folder_holds_exactly_the_documented_pictures() -> None:
    found = {path.name for path in SAMPLES.iterdir() if path.suffix in {".png", ".webp"}}
    assert found == set(PICTURES)
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name for name in PICTURES if f"`{name}`" not in readme] == []


@pytest.mark.parametrize(("name", "expected"), PICTURES.items())
def test_mode_and_size(name: str, expected: tuple[str, tuple[int, int]]) -> None:
    with Image.open(SAMPLES / name) as im:
        im.load()
        assert (im.mode, im.size) == expected


@pytest.mark.parametrize("name", make_samples.SAMPLES)
def test_script_draws_the_committed_pixels(name: str, drawn: Path) -> None:
    """Exactly, but for the few glyph edges that another FreeType may move."""
    with Image.open(SAMPLES / name) as committed, Image.open(drawn / name) as again:
        difference = np.abs(np.asarray(committed, dtype=int) - np.asarray(again, dtype=int))
    assert (difference > 2).mean() <= 0.01


def test_logo_uses_the_whole_range_of_alpha() -> None:
    with Image.open(SAMPLES / "logo.png") as im:
        assert im.getchannel("A").getextrema() == (0, 255)
        assert len(np.unique(np.asarray(im)[..., 3])) > 100


def test_demo_writes_files_table_and_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of somebody's own picture."""
    output = tmp_path / "out"
    demo.main([str(SAMPLES / "logo.png"), "--effort", "0", "--output", str(output), "--quality", "50"])
    assert {path.name for path in output.iterdir()} == {"logo.inr", "logo.png", "demo.png"}
    tile, gap = demo_sheet.TILE, demo_sheet.GAP
    columns = 2 + len(demo.OPPONENTS)
    with Image.open(output / "demo.png") as sheet:
        height = demo_sheet.TITLE + demo_sheet.LABEL + tile[1] + gap
        assert sheet.size == (columns * (tile[0] + gap) + gap, height)
    out = capsys.readouterr().out
    assert f"{(output / 'logo.inr').stat().st_size:,}" in out


def test_demo_shows_first_parts_and_lossless_sizes(tmp_path: Path) -> None:
    rows = [demo.run(demo.Subject(SAMPLES / "gradient.png"), 50, Namespace(output=tmp_path, effort=0, time_limit=None))]
    firsts = demo.first_parts(SAMPLES / "chelsea.webp", Namespace(effort=0, time_limit=None))
    assert [im.size for _, im in firsts] == [(451, 300)] * len(demo.PERCENTS)
    sizes = demo.lossless_sizes(SAMPLES / "logo.png")
    assert sizes[".inr"] < sizes["PNG"]
    sheet = demo_sheet.draw(demo.Findings(rows, firsts, {"logo.png": sizes}))
    assert len(sheet.getcolors(1 << 20) or ()) > 1000
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_demo_psnr() -> None:
    black, grey = Image.new("RGB", (4, 3)), Image.new("RGB", (4, 3), (10, 0, 0))
    assert demo.psnr(black, grey) == pytest.approx(10 * np.log10(255**2 / (100 / 3)))
    assert demo.psnr(black, black) == float("inf")


@pytest.mark.parametrize("wanted", [0, 3, 4, 40, 10**9])
def test_demo_gives_others_as_many_bytes_as_it_takes(wanted: int) -> None:
    found = demo.largest_within(lambda quality: bytes(4 + 2 * (quality // 3)), wanted)
    assert len(found) == max(4, min(wanted // 2 * 2, 70))


def test_demo_gives_others_the_better_of_their_ways() -> None:
    """JPEG with colours at each pixel where that is nearer. Where none is small enough nothing is searched for."""
    with Image.open(SAMPLES / "logo.png") as im:
        original = demo.over_white(im)
    best = demo.at_size("JPEG", original, original, 4390)
    ways = [demo.largest_within(partial(way, original), 4390) for way in demo.OPPONENTS["JPEG"][1]]
    with Image.open(io.BytesIO(ways[1])) as whole:
        assert best.psnr == demo.psnr(original, whole.convert("RGB"))
    assert (best.size_bytes, len(ways)) == (len(ways[1]), 2)
    asked: list[int] = []

    def encode(quality: int) -> bytes:
        asked.append(quality)
        return bytes(9)

    assert (demo.largest_within(encode, 8), asked) == (bytes(9), [0])
