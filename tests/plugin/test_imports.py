"""What importing, opening and loading pull in: nothing heavy before it is needed, and no torch to look at pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny

import inr_core
import pillow_inr

ROOTS = [str(Path(package.__file__ or "").parents[1]) for package in (inr_core, pillow_inr)]


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("imports") / "a.inr"
    path.write_bytes(tiny.encoded(tiny.picture("P"), comment=b"hello"))
    return path


def run(code: str, *arguments: object) -> str:
    """Run a program in a fresh interpreter and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*ROOTS, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


LOADED = "print(*sorted(name for name in {names} if name in sys.modules))"


def test_import_pulls_in_neither_numpy_nor_torch() -> None:
    code = """
import sys
from PIL import Image, ImageFile, ImagePalette
before = set(sys.modules)
import pillow_inr
print(*sorted(set(sys.modules) - before))
"""
    assert run(code).split() == ["pillow_inr", "pillow_inr.InrImagePlugin"]


def test_open_without_load_needs_no_numpy(picture: Path) -> None:
    code = """
import sys
import pillow_inr
from PIL import Image
with Image.open(sys.argv[1]) as im:
    assert (im.mode, im.size, im.info["comment"]) == ("P", (24, 16), b"hello")
    print(*(name for name in ("numpy", "torch", "zstandard", "tqdm") if name in sys.modules))
"""
    assert run(code, picture).split() == []


def test_open_of_the_latent_model_needs_no_numpy(tmp_path: Path) -> None:
    path = tmp_path / "latent.inr"
    tiny.picture("LA").save(path, effort=0)
    code = """
import sys
import pillow_inr
from PIL import Image
with Image.open(sys.argv[1]) as im:
    assert (im.mode, im.size) == ("LA", (24, 16))
    print(*(name for name in ("numpy", "torch", "zstandard", "tqdm") if name in sys.modules))
    im.load()
    print("torch" in sys.modules)
"""
    assert run(code, path).split() == ["False"]


def test_pictures_are_opened_loaded_and_scaled_without_torch(picture: Path) -> None:
    code = """
import io, sys, warnings
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "tqdm"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, NoTorch())
import pillow_inr, inr_core
from pillow_inr.command.cli import main
from PIL import Image
with Image.open(sys.argv[1]) as im:
    im.load()
    im.convert("RGB").save(sys.argv[2])
with Image.open(sys.argv[1]) as im:
    im.thumbnail((12, 12))
with Image.open(sys.argv[1]) as im:
    im.verify()
with open(sys.argv[1], "rb") as fp:
    data = fp.read()
print(inr_core.decode(data, size=(6, 4)).shape, len(inr_core.describe(data).layers))
rgb = Image.linear_gradient("L").convert("RGB")
for options in ({"effort": 5}, {"effort": 1}, {"model": "siren", "effort": 0}):
    try:
        rgb.save("never.inr", **options)
    except ImportError as e:
        print(e)
default, none = io.BytesIO(), io.BytesIO()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    rgb.save(default, "INR", target_size=2000)
    print(caught[0].message)
    rgb.save(none, "INR", target_size=2000, effort=0)
    rgb.quantize(4).save(io.BytesIO(), "INR")  # needs no effort
    print(len(caught), default.getvalue() == none.getvalue())
rgb.save(sys.argv[1] + ".inr", effort=0)
with Image.open(sys.argv[1] + ".inr") as im:
    im.load()
print(main(["info", sys.argv[1]]), main(["decode", sys.argv[1], "-o", sys.argv[1] + ".png"]))
"""
    out = run(code, picture, picture.with_suffix(".png")).splitlines()
    assert out[0] == "(4, 6) 3"
    needed = "effort above 0 and model='siren' need torch; torch is not installed here: pip install torch"
    assert out[1:4] == [needed] * 3
    assert out[4:6] == ["torch is not installed here: saving with effort=0; pip install torch", "1 True"]
    assert out[-1] == "0 0"


def test_the_command_starts_without_numpy() -> None:
    code = """
import sys
from pillow_inr.command.cli import main
try:
    main(["--version"])
except SystemExit:
    pass
print(*(name for name in ("numpy", "torch", "zstandard", "tqdm") if name in sys.modules))
"""
    assert run(code).splitlines() == [f"pillow-inr {pillow_inr.__version__} ({inr_core.backend} kernels)", ""]


@pytest.mark.parametrize("package", ["inr_core", "pillow_inr"])
def test_a_package_lists_what_it_offers(package: str) -> None:
    """In a fresh process, where nothing has been used yet."""
    code = """
import importlib, pydoc, sys
package = importlib.import_module(sys.argv[1])
names = [name for name in dir(package) if not name.startswith("_")]
assert sorted(package.__all__, key=str) == sorted([*names, *({"__version__"} & set(package.__all__))]), names
text = pydoc.plain(pydoc.render_doc(package))
print(*sorted(name for name in package.__all__ if name not in text))
"""
    assert run(code, package).split() == []
