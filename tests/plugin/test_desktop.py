"""What desktops get: thumbnails, the files that announce them, and pictures in viewers."""

from __future__ import annotations

import configparser
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tiny
from PIL import Image, ImageShow
from tiny import inr

import inr_core
import pillow_inr
from pillow_inr import desktop
from pillow_inr.modes import in_8_bits

EXIF = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
FILES = ("mime/packages/pillow-inr.xml", "thumbnailers/pillow-inr.thumbnailer", "applications/pillow-inr.desktop")
XML = "{http://www.freedesktop.org/standards/shared-mime-info}"
ROOT = str(Path(pillow_inr.__file__).parents[1])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a 100% b.inr"
    tiny.picture().save(path, effort=0, exif=EXIF)
    return path


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    prefix = tmp_path / "share"
    assert inr("desktop", "install", "--prefix", prefix)[0] == 0
    return prefix


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")]), **more}


def test_a_thumbnail_is_upright_and_fits(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "thumbnail"
    target.write_bytes(b"as a thumbnailer makes it" * 999)
    assert inr("thumbnail", "-q", file, target, "--size", "12", "--overwrite") == (0, "", "")
    with Image.open(target) as im, Image.open(file) as whole:
        assert (im.format, im.size, im.mode, dict(im.getexif())) == ("PNG", (8, 12), "RGB", {})
        small = whole.transpose(Image.Transpose.ROTATE_270).resize((8, 12), Image.Resampling.BOX)
        assert np.abs(np.asarray(im, int) - np.asarray(small, int)).mean() < 4
    code, out, err = inr("thumbnail", file, target, "--overwrite")
    with Image.open(target) as im:
        assert (code, err) == (0, "")
        assert out == f"{target}: {im.width}x{im.height}, {target.stat().st_size:,} bytes\n"
    with Image.open(target) as im:
        assert im.size == (16, 24)  # never larger than the picture
    assert {path.name for path in tmp_path.iterdir()} == {file.name, "thumbnail"}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "LAB", "I;16"])
def test_a_thumbnail_of_every_mode(tmp_path: Path, mode: str) -> None:
    (tmp_path / "a.inr").write_bytes(tiny.encoded(tiny.picture(mode), icc_profile=b"profile"))
    assert inr("thumbnail", "-q", tmp_path / "a.inr", tmp_path / "a.png", "--size", "8") == (0, "", "")
    with Image.open(tmp_path / "a.png") as im, Image.open(tmp_path / "a.inr") as whole:
        assert im.size == (8, 5)
        reduced = in_8_bits(whole).convert("RGBA").resize((8, 5), Image.Resampling.BOX)
        alpha = np.asarray(reduced)[..., 3:] / 255
        apart = (np.asarray(im.convert("RGBA"), float) - np.asarray(reduced, float)) * [1, 1, 1, 0] * alpha
        assert np.sqrt(np.mean(apart**2)) < (60 if mode == "1" else 25)  # black and white is drawn in greys
        assert ("icc_profile" in im.info) == (mode not in ("CMYK", "LAB"))


def test_no_thumbnail_of_anything_else(file: Path, tmp_path: Path) -> None:
    tiny.picture().save(tmp_path / "a.png")
    cut = tmp_path / "cut.inr"
    cut.write_bytes(file.read_bytes()[:60])
    for source in (tmp_path / "a.png", cut, tmp_path / "missing.inr"):
        code, out, err = inr("thumbnail", source, tmp_path / "out.png")
        assert (code, out) == (1, "")
        assert err.startswith(f"inr: {source}: ")
        assert not (tmp_path / "out.png").exists()
    code, _, err = inr("thumbnail", file, tmp_path / "out.png", "--size", "0")
    assert code == 2
    assert err.rstrip().endswith("argument --size: expected pixels, got '0'")


def test_install_and_uninstall(tmp_path: Path) -> None:
    prefix = tmp_path / "share"
    (prefix / "mime/packages").mkdir(parents=True)
    (prefix / "mime/packages/other.xml").write_text("<mime-info/>")
    code, out, err = inr("desktop", "install", "--prefix", prefix)
    assert (code, out, err) == (0, "".join(f"wrote {prefix / name}\n" for name in FILES), "")
    assert inr("desktop", "install", "--prefix", prefix)[0] == 0
    code, out, err = inr("desktop", "uninstall", "--prefix", prefix)
    assert (code, out, err) == (0, "".join(f"removed {prefix / name}\n" for name in FILES), "")
    assert inr("desktop", "uninstall", "--prefix", prefix) == (0, "was not installed\n", "")
    assert [path.name for path in (prefix / "mime/packages").iterdir()] == ["other.xml"]


def test_the_users_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert inr("desktop", "install")[0] == 0
    assert (tmp_path / "data" / FILES[0]).is_file()
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative"):  # the specification has such values ignored
        monkeypatch.setenv("XDG_DATA_HOME", value)
        assert desktop.data_folder() == tmp_path / ".local" / "share"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "mime").write_text("a file")
    path = tmp_path / FILES[0]
    assert inr("desktop", "install", "--prefix", tmp_path)[2].startswith(f"inr: cannot write {path}: ")


def test_without_tkinter_there_is_no_viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tkinter", None)
    assert inr("desktop", "install", "--prefix", tmp_path)[0] == 0
    assert [(tmp_path / name).exists() for name in FILES] == [True, True, False]
    message = "inr: view: expected a package tkinter, which is not installed\n"
    assert inr("view", "a.inr") == (1, "", message)


def test_the_mime_type_is_ours(installed: Path) -> None:
    (kind,) = ElementTree.parse(installed / FILES[0]).getroot().findall(f"{XML}mime-type")
    assert kind.get("type") == Image.MIME["INR"] == desktop.MIME
    (match,) = kind.findall(f"{XML}magic/{XML}match")
    value = re.sub(r"\\x(..)", lambda found: chr(int(found[1], 16)), match.get("value") or "")
    assert (value.encode("latin-1"), match.get("offset")) == (inr_core.SIGNATURE, "0")
    assert [glob.get("pattern") for glob in kind.findall(f"{XML}glob")] == ["*.inr"]


def entry(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(path, encoding="utf-8")
    (section,) = parser.sections()
    return {**parser[section], "": section}


def test_the_thumbnailer_does_what_it_says(installed: Path, file: Path, tmp_path: Path) -> None:
    facts = entry(installed / FILES[1])
    assert (facts[""], facts["MimeType"]) == ("Thumbnailer Entry", "image/x-inr;")
    assert os.access(facts["TryExec"], os.X_OK)
    target = tmp_path / "out"
    values = {"%i": str(file), "%o": str(target), "%s": "16", "%%": "%"}
    command = [values.get(part, part) for part in shlex.split(facts["Exec"])]
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "pillow_inr").mkdir(parents=True)  # what is there is not for us
    (elsewhere / "pillow_inr" / "__main__.py").write_text("raise SystemExit(99)")
    done = subprocess.run(command, cwd=elsewhere, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with Image.open(target) as im:
        assert (im.format, im.size) == ("PNG", (11, 16))


def test_the_viewer_is_for_our_type_only(installed: Path) -> None:
    facts = entry(installed / FILES[2])
    assert (facts[""], facts["MimeType"], facts["NoDisplay"]) == ("Desktop Entry", "image/x-inr;", "true")
    assert facts["Exec"].endswith(" -P -m pillow_inr view -- %F")


def test_odd_paths_are_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/odd path/100%/python")
    desktop.install(tmp_path)
    words = shlex.split(entry(tmp_path / FILES[1])["Exec"])
    assert words[0] == "/odd path/100%%/python"


@pytest.mark.skipif(not shutil.which("update-mime-database"), reason="no shared-mime-info")
def test_the_desktops_own_tools_recognise_it(installed: Path, file: Path) -> None:
    plain = file.with_name("no_suffix")
    plain.write_bytes(file.read_bytes())
    data = environment(XDG_DATA_HOME=str(installed))
    asked = 0
    for path in (file, plain):
        for command in (["xdg-mime", "query", "filetype"], ["gio", "info", "-a", "standard::content-type"]):
            if shutil.which(command[0]):
                done = subprocess.run([*command, str(path)], env=data, capture_output=True, text=True, check=True)
                assert "image/x-inr" in done.stdout, command
                asked += 1
    if not asked:
        pytest.skip("neither xdg-mime nor gio")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16"])
def test_show(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []

    class Viewer(ImageShow.Viewer):
        format = "PNG"

        def show_file(self, path: str, **options: object) -> int:
            with Image.open(path) as im:
                shown.append((im.format, im.size, im.convert("RGB").tobytes()))
            os.remove(path)
            return 1

    monkeypatch.setattr(ImageShow, "_viewers", [Viewer()])
    with Image.open(io.BytesIO(tiny.encoded(tiny.picture(mode)))) as im:
        im.show()
        if mode not in ("I;16", "LAB"):  # Pillow's own idea of these
            assert shown == [("PNG", tiny.SIZE, im.convert("RGB").tobytes())]
        assert shown[0][:2] == ("PNG", tiny.SIZE)


@pytest.fixture
def root() -> Iterator[Any]:
    tkinter = pytest.importorskip("tkinter")
    try:
        window = tkinter.Tk()
    except tkinter.TclError as e:
        pytest.skip(str(e))
    yield window
    with suppress(tkinter.TclError):  # the test did
        window.destroy()


def test_view(root: Any, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pillow_inr.command.messages import Voice
    from pillow_inr.command.sources import Source
    from pillow_inr.command.view import Viewer

    cut = tmp_path / "cut.inr"
    cut.write_bytes(file.read_bytes()[:-1])
    voice = Voice()
    viewer = Viewer(root, [Source(file), Source(cut)], voice)
    root.update()
    assert root.title() == f"{file.name} – 1/2"
    assert viewer.picture is not None
    assert viewer.picture.size == (16, 24)  # upright
    assert viewer.shown is not None
    assert (viewer.shown.width(), viewer.shown.height()) == (133, 200)  # in a window of 200 × 200
    failed = [voice.failed]
    viewer.go(1)
    root.update()
    assert [*failed, voice.failed] == [False, True]
    assert viewer.label.cget("text") == "cut.inr cannot be shown"
    assert capsys.readouterr().err.startswith(f"inr: {cut}: image file is truncated")
    viewer.go(1)
    root.update()
    assert root.title() == f"{file.name} – 1/2"
    root.event_generate("<Escape>")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is always a display")
def test_view_without_a_display(file: Path) -> None:
    pytest.importorskip("tkinter")
    without = {name: value for name, value in environment().items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, "-m", "pillow_inr", "view", str(file)]
    done = subprocess.run(command, env=without, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("inr: view: no display name and no $DISPLAY")
