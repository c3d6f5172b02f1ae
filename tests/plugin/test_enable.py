"""`inr enable`: programs that know only Pillow open `.inr`, in a virtual environment made for the test."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import tiny

from pillow_inr import enable

FILES = ["_pillow_inr_startup.py", "pillow_inr.pth"]
OPENS = "import sys; from PIL import Image; im = Image.open(sys.argv[1]); im.load(); print(im.format, im.size)"


class Environment:
    """A virtual environment with its own site-packages and user site that borrows this one's packages."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", system_site_packages=True, symlinks=os.name == "posix")
        self.python = folder / "venv" / ("bin/python" if os.name == "posix" else "Scripts/python.exe")
        self.picture = folder / "a.inr"
        self.picture.write_bytes(tiny.encoded())
        self.variables = {**os.environ, "PYTHONUSERBASE": str(folder / "user"), "HOME": str(folder)}
        self.variables.pop("PYTHONPATH", None)
        self.folder = folder
        ask = "import sysconfig, site; print(sysconfig.get_path('purelib')); print(site.getusersitepackages())"
        self.site, self.user_site = map(Path, self.run("-c", ask).splitlines())
        self.borrow("PIL", "inr_core", "numpy", "pillow_inr", "zstandard")

    def borrow(self, *packages: str) -> None:
        """Make exactly these packages importable, from where they are."""
        lent = self.folder / "lent"
        for link in lent.glob("*"):
            link.unlink()
        lent.mkdir(exist_ok=True)
        for package in packages:
            origin = Path((find_spec(package) or pytest.fail(package)).origin or "").parent
            for part in (origin, origin.with_name(f"{package}.libs"), origin.with_name(f"{package.lower()}.libs")):
                if part.exists() and not (lent / part.name).exists():
                    (lent / part.name).symlink_to(part)
        (self.site / "lent.pth").write_text(f"{lent}\n")

    def run(self, *arguments: object, code: int = 0) -> str:
        """Run this environment's Python; what it printed, errors included."""
        command = [str(self.python), *map(str, arguments)]
        done = subprocess.run(
            command,
            env=self.variables,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def files(self, site: Path) -> list[str]:
        found = [*site.glob("*pillow_inr*"), *site.glob("__pycache__/*pillow_inr*")]
        return sorted(path.name for path in found)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("enable"))


@pytest.fixture
def environment(shared: Environment) -> Iterator[Environment]:
    yield shared
    shared.borrow("PIL", "inr_core", "numpy", "pillow_inr", "zstandard")
    shared.run("-m", "pillow_inr", "disable")
    assert shared.files(shared.site) == []
    assert shared.files(shared.user_site) == []


def test_enable_status_disable(environment: Environment) -> None:
    assert "cannot identify image file" in environment.run("-c", OPENS, environment.picture, code=1)
    assert environment.run("-m", "pillow_inr", "status", code=1) == "not enabled\n"

    expected = f"enabled in {environment.site}: programs of this environment now open .inr files\n"
    assert environment.run("-m", "pillow_inr", "enable") == expected
    assert environment.run("-m", "pillow_inr", "enable") == expected  # twice is as good as once
    assert environment.files(environment.site)[-2:] == FILES
    assert environment.run("-m", "pillow_inr", "status") == f"enabled in {environment.site}\n"
    assert environment.run("-c", OPENS, environment.picture) == "INR (24, 16)\n"

    assert environment.run("-m", "pillow_inr", "disable") == f"disabled in {environment.site}\n"
    assert environment.files(environment.site) == []
    assert environment.run("-m", "pillow_inr", "disable") == "was not enabled\n"
    assert "cannot identify image file" in environment.run("-c", OPENS, environment.picture, code=1)


def test_nothing_is_imported_until_pil_is(environment: Environment) -> None:
    modules = "import sys; print(*sorted(sys.modules))"
    before = environment.run("-c", modules).split()
    environment.run("-m", "pillow_inr", "enable")
    assert set(environment.run("-c", modules).split()) - set(before) == {"_pillow_inr_startup"}
    code = "; print(*(name in sys.modules for name in ('pillow_inr', 'inr_core', 'numpy')))"
    assert environment.run("-c", f"import PIL.Image, sys{code}") == "False False False\n"
    assert environment.run("-c", f"import PIL.ImageFile, sys{code}") == "True False False\n"


def test_pil_is_none_the_wiser(environment: Environment) -> None:
    code = """
import sys, importlib.machinery, inspect
from PIL import Image, ImageFile
assert type(ImageFile.__loader__) is importlib.machinery.SourceFileLoader
assert ImageFile.__spec__.loader is ImageFile.__loader__
assert inspect.getsource(ImageFile).startswith("#")
assert not any("_pillow_inr_startup" in repr(finder) for finder in sys.meta_path)
assert Image._initialized == 0
Image.init()
assert {"PNG", "JPEG", "INR"} <= set(Image.OPEN)
Image.new("L", (1, 1)).save("x.png")
for name, formats in (("x.png", None), ("x.png", ["PNG"]), (sys.argv[1], None), (sys.argv[1], ["inr"])):
    with Image.open(name, formats=formats) as im:
        print(im.format)
try:
    Image.open(sys.argv[1], formats=["PNG"])
except Image.UnidentifiedImageError:
    print("not a PNG")
"""
    environment.run("-m", "pillow_inr", "enable")
    assert environment.run("-c", code, environment.picture).split("\n")[:-1] == [
        "PNG",
        "PNG",
        "INR",
        "INR",
        "not a PNG",
    ]


@pytest.mark.parametrize(
    "code",
    [
        "import PIL.Image as I; I.open(sys.argv[1])",
        "from PIL.Image import open; open(sys.argv[1], formats=('INR',))",
        "from PIL import ImageFile; ImageFile.Image.open(sys.argv[1])",
        "from PIL import PngImagePlugin, Image; Image.open(sys.argv[1])",
        "from PIL import ImagePalette, ImageTk, Image; Image.open(sys.argv[1])",
        "from PIL import Image; assert Image.registered_extensions()['.inr'] in Image.SAVE",
        "from PIL import Image; Image.init(); Image.open(sys.argv[1])",
        "import pillow_inr; from PIL import Image; assert Image.ID.count('INR') == 1; Image.open(sys.argv[1])",
        "from PIL import Image, ImageFile; p = ImageFile.Parser(); p.feed(open(sys.argv[1], 'rb').read()); p.close()",
    ],
)
def test_every_way_to_pil(environment: Environment, code: str) -> None:
    environment.run("-m", "pillow_inr", "enable")
    assert environment.run("-c", f"import sys; {code}", environment.picture) == ""


def test_threads_and_spawned_workers(environment: Environment) -> None:
    script = environment.folder / "workers.py"
    script.write_text("""
import multiprocessing, sys
from concurrent.futures import ThreadPoolExecutor

def size(path):
    from PIL import Image
    return Image.open(path).size

if __name__ == "__main__":
    with ThreadPoolExecutor(4) as pool:
        print(set(pool.map(size, 4 * sys.argv[1:])))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(size, sys.argv[1:]))
""")
    environment.run("-m", "pillow_inr", "enable")
    assert environment.run(script, environment.picture) == "{(24, 16)}\n[(24, 16)]\n"


def test_silent_when_pillow_inr_is_gone(environment: Environment) -> None:
    environment.run("-m", "pillow_inr", "enable")
    environment.borrow("PIL")
    assert environment.run("-c", "from PIL import Image; print(Image.new('L', (2, 3)).size)") == "(2, 3)\n"
    (environment.site / FILES[0]).unlink()
    assert environment.run("-c", "from PIL import Image; print(Image.new('L', (2, 3)).size)") == "(2, 3)\n"
    environment.borrow("pillow_inr")
    assert "ModuleNotFoundError: No module named 'PIL'" in environment.run("-c", "import PIL.Image", code=1)


def test_enable_refuses_a_package_only_found_in_this_folder(environment: Environment) -> None:
    environment.borrow("PIL", "numpy", "zstandard")
    links = [environment.folder / package for package in ("pillow_inr", "inr_core")]
    for link in links:
        link.symlink_to(Path((find_spec(link.name) or pytest.fail(link.name)).origin or "").parent)
    try:
        assert environment.run("-m", "pillow_inr", "enable", code=1) == (
            "inr: programs of this environment do not find the package pillow_inr, so nothing was changed; "
            "install it first\n"
        )
    finally:
        for link in links:
            link.unlink()
    assert environment.files(environment.site) == []


def test_user_site(environment: Environment) -> None:
    out = environment.run("-m", "pillow_inr", "enable", "--user")
    assert out.startswith(f"enabled in {environment.user_site}: ")
    assert environment.files(environment.user_site)[-2:] == FILES
    assert environment.run("-c", OPENS, environment.picture) == "INR (24, 16)\n"
    assert environment.run("-s", "-m", "pillow_inr", "enable", "--user", code=1) == (
        "inr: this environment ignores the user's site-packages; use `inr enable` without --user\n"
    )


def test_what_cannot_be_written_is_named(environment: Environment) -> None:
    (environment.site / FILES[0]).mkdir()
    try:
        assert environment.run("-m", "pillow_inr", "enable", code=1) == (
            f"inr: cannot write to {environment.site}: Is a directory\n"
        )
    finally:
        (environment.site / FILES[0]).rmdir()


def test_read_only_site_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(enable, "atomic_write", refuse)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    for has_user_site, advice in ((True, "; try `inr enable --user`"), (False, "")):
        monkeypatch.setattr("site.ENABLE_USER_SITE", has_user_site)
        with pytest.raises(enable.EnableError) as caught:
            enable.enable()
        assert str(caught.value) == f"cannot write to {tmp_path}: Read-only file system{advice}"


@pytest.mark.parametrize("library", ["matplotlib", "imageio"])
def test_other_libraries_open_inr(environment: Environment, library: str) -> None:
    pytest.importorskip(library)
    read = {
        "matplotlib": "import matplotlib.image; a = matplotlib.image.imread(sys.argv[1])",
        "imageio": "import imageio.v3; a = imageio.v3.imread(sys.argv[1])",
    }[library]
    ours = Path(enable.__file__).parents[1]  # an editable install is not on the path
    (environment.site / "lent.pth").write_text("\n".join([*sys.path[1:], str(ours)]) + "\n")
    environment.run("-m", "pillow_inr", "enable")
    assert environment.run("-c", f"import sys; {read}; print(a.shape)", environment.picture) == "(16, 24, 3)\n"
