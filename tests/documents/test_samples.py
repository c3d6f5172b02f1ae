"""The committed sample pictures are what their README says, and the scripts beside them work."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import demo
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
    """With WebP in the place of `.inr`, whose encoder is tested elsewhere."""
    output = tmp_path / "out"
    demo.main([str(SAMPLES / "logo.png"), "--extension", ".webp", "--output", str(output), "--quality", "50"])
    assert {path.name for path in output.iterdir()} == {"logo.webp", "logo.png", "demo.png"}
    with Image.open(output / "demo.png") as sheet:
        assert sheet.size == (3 * 300 + 4 * demo.GAP, 256 + demo.LABEL_HEIGHT + 2 * demo.GAP)
    out = capsys.readouterr().out
    assert f"{(output / 'logo.webp').stat().st_size:,}" in out


def test_demo_psnr() -> None:
    black, grey = Image.new("RGB", (4, 3)), Image.new("RGB", (4, 3), (10, 0, 0))
    assert demo.psnr(black, grey) == pytest.approx(10 * np.log10(255**2 / (100 / 3)))
    assert demo.psnr(black, black) == float("inf")


def test_demo_finds_the_nearest_jpeg() -> None:
    with Image.open(SAMPLES / "gradient.png") as im:
        original = im.convert("RGB")
    small, large = demo.nearest_jpeg(original, 0), demo.nearest_jpeg(original, 10**9)
    assert (small.label, large.label) == ("JPEG, quality 1", "JPEG, quality 95")
    assert small.size_bytes < large.size_bytes
    assert demo.nearest_jpeg(original, large.size_bytes) == large
