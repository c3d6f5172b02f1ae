"""The pictures that the prior of text and graphics is learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
matplotlib = pytest.importorskip("matplotlib")

from training import graphics
from training.fonts import Fonts
from training.pencil import SIDE

FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
KINDS = ("page", "scan", "window", "terminal", "chart", "drawing")


@pytest.fixture(scope="module")
def fonts() -> Fonts:
    return Fonts.found(FOLDER)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_marks_on_a_ground(kind: str, fonts: Fonts) -> None:
    for seed in range(3):
        image = getattr(graphics.Artist(fonts, np.random.default_rng(seed)), kind)()
        assert (image.mode, image.size) == ("RGB", (SIDE, SIDE))
        assert len(image.getcolors(SIDE**2)) > 1


def test_the_same_seed_the_same_pictures(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        graphics.main([str(tmp_path / name), "--count", "2", "--seed", str(seed), "--fonts", str(FOLDER)])
    pictures = {name: [np.asarray(Image.open(tmp_path / name / f"000{k}.png")) for k in (0, 1)] for name in "abc"}
    assert all(np.array_equal(a, b) for a, b in zip(pictures["a"], pictures["b"], strict=True))
    assert not np.array_equal(pictures["a"][0], pictures["a"][1])
    assert not np.array_equal(pictures["a"][0], pictures["c"][0])


def test_without_fonts_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        graphics.main([str(tmp_path / "out"), "--fonts", str(tmp_path)])
    assert f"{tmp_path}: expected fonts, some of them monospaced, got 0 and 0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
