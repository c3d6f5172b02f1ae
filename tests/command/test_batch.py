"""Many files in one call: folders, what is made already, and that no file, name or lost reader ends the others."""

from __future__ import annotations

import io
import os
import pickle
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import tiny
from PIL import Image
from tiny import inr, made

import pillow_inr
from inr_core.save import latent
from pillow_inr.command import messages
from pillow_inr.command.messages import OfAll, Voice, printable

POSIX = pytest.mark.skipif(os.name != "posix", reason="names that are no text, pipes")
QUICK = ("--effort", "0", "-q")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Pictures in a folder, in one in it, and in one in that; two hidden, and what is none."""
    root = tmp_path / "in"
    for name in ("b.png", "A.JPG", ".hidden.png", "sub/b.png", "sub/deep/c.bmp", ".git/d.png", "notes.txt"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no picture")
        else:
            tiny.picture().save(path)
    return root


@pytest.mark.parametrize("jobs", [1, 2])
def test_folders_in_folders(tree: Path, tmp_path: Path, jobs: int) -> None:
    out = tmp_path / "out"
    assert inr("encode", tree, *QUICK, "-o", out, "--jobs", jobs) == (0, "", "")
    assert made(out) == ["A.inr", "b.inr"]
    assert inr("encode", tree, *QUICK, "-o", tmp_path / "all", "-r", "--jobs", jobs) == (0, "", "")
    assert made(tmp_path / "all") == ["A.inr", "b.inr", "sub/b.inr", "sub/deep/c.inr"]
    assert inr("decode", "-q", tmp_path / "all", "--recursive", "--format", "bmp", "--jobs", jobs) == (0, "", "")
    assert [name for name in made(tmp_path / "all") if name.endswith("bmp")] == [
        *("A.bmp", "b.bmp", "sub/b.bmp", "sub/deep/c.bmp")
    ]
    assert inr("decode", "-q", tmp_path / "all", "-o", tmp_path / "png", "--jobs", jobs) == (0, "", "")
    assert made(tmp_path / "png") == ["A.png", "b.png"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_there_need_not_be_made_again(tree: Path, tmp_path: Path, jobs: int) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.inr").write_bytes(b"made before")
    arguments = ["encode", tree, "--effort=0", "-o", out, "--jobs", jobs]
    code, lines, err = inr(*arguments, "--skip-existing")
    assert (code, err) == (0, "")
    assert lines.splitlines()[1] == f"{out / 'b.inr'} exists, skipped"
    assert lines.startswith(f"{out / 'A.inr'}: ")
    assert (out / "b.inr").read_bytes() == b"made before"
    assert inr(*arguments, "--skip-existing", "-q") == (0, "", "")
    assert inr(*arguments, "-q")[0] == 1
    (out / "b.inr").unlink()
    shown = f"{out / 'A.png'} exists, skipped\n"
    (out / "A.png").write_bytes(b"made before")
    assert inr("decode", out, "--skip-existing", "--jobs", jobs) == (0, shown, "")
    assert (out / "A.png").read_bytes() == b"made before"


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_an_empty_folder_says_so(command: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    what = "pictures" if command == "encode" else ".inr files"
    hint = "; --recursive looks into the folders in it, too"
    assert inr(command, tmp_path) == (1, "", f"inr: {tmp_path}: no {what} in this folder{hint}\n")
    assert inr(command, tmp_path, "-r") == (1, "", f"inr: {tmp_path}: no {what} in this folder\n")


def test_a_folder_that_cannot_be_read(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return before(path)

    monkeypatch.setattr(os, "scandir", scandir)
    code, _, err = inr("encode", tree, *QUICK, "-r", "-o", tmp_path / "out", "--jobs=1")
    assert (code, err) == (1, f"inr: {tree / 'sub'}: Permission denied\n")
    assert made(tmp_path / "out") == ["A.inr", "b.inr"]


@POSIX
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_no_file_is_passed_over(tree: Path, tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tree / "pipe.gif")
    (tree / "folder.png").mkdir()
    (tree / "loop.png").symlink_to("loop.png")
    (tree / "gone.png").symlink_to("nowhere")
    (tree / "linked.png").symlink_to("b.png")
    monkeypatch.chdir(tree)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.tif")
        code, _, err = inr("encode", tree, *QUICK, "-o", tmp_path / "out", "--jobs", jobs)
    assert code == 1
    assert err.splitlines() == [
        f"inr: {tree / 'pipe.gif'}: passed over: no ordinary file",
        f"inr: {tree / 'socket.tif'}: passed over: no ordinary file",
        f"inr: {tree / 'gone.png'}: No such file or directory",
        f"inr: {tree / 'loop.png'}: Too many levels of symbolic links",
    ]
    assert made(tmp_path / "out") == ["A.inr", "b.inr", "linked.inr"]


def test_warnings_are_of_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        tiny.picture().save(tmp_path / f"{name}.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)  # half of what the pictures have, but a bit
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, _, err = inr("encode", tmp_path, *QUICK, "--jobs=1")
    assert code == 0
    assert [line.split(" exceeds")[0] for line in err.splitlines()] == [
        f"inr: {tmp_path / name}: Image size (384 pixels)" for name in ("a.png", "b.png")
    ]


# Saying is no work


@POSIX
@pytest.mark.parametrize("jobs", [1, 2])
def test_names_that_no_encoding_holds(tmp_path: Path, jobs: int) -> None:
    names = [b"1\xff.png", "2é\x1b[31m.png".encode(), b"3\n.png", "4 日本\u3000語.png".encode()]
    tiny.picture().save(tmp_path / "p.png")
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes((tmp_path / "p.png").read_bytes())
    (tmp_path / "p.png").write_bytes(b"none")
    root = str(Path(pillow_inr.__file__).parents[1])
    paths = {
        "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]),
        "PYTHONIOENCODING": "ascii:strict",
    }
    command = [sys.executable, "-m", "pillow_inr", "encode", str(tmp_path), "--effort=0", f"--jobs={jobs}"]
    done = subprocess.run(command, env={**os.environ, **paths}, capture_output=True, check=False, timeout=120)
    assert (done.returncode, done.stderr.decode()) == (
        1,
        f"inr: {tmp_path}/p.png: not a picture that Pillow can open\n",
    )
    assert [line.split(b":")[0] for line in done.stdout.splitlines()] == [
        os.fsencode(tmp_path) + b"/" + name
        for name in (b"1\\udcff.inr", b"2\\xe9\\x1b[31m.inr", b"3\\n.inr", b"4 \\u65e5\\u672c\\u3000\\u8a9e.inr")
    ]
    assert len(list(tmp_path.glob("*.inr"))) == 4


def test_what_is_shown_as_it_is() -> None:
    for text in ("plain name.png", "日本\u3000語", "e\u0301", "👨\u200d👩\u200d👧", "naïve…"):
        assert printable(text) == text
    assert printable("a\tb\rc\x9bd\u202ee\udc80\u2028") == r"a\tb\rc\x9bd\u202ee\udc80\u2028"


def test_comments_are_shown_whatever_they_are(tmp_path: Path) -> None:
    for name, comment in (("a", b"\xff\x1b]0;title\x07"), ("b", "\ud7ff\u2029x".encode())):
        tiny.picture().save(tmp_path / f"{name}.inr", effort=0, comment=comment)
    code, out, err = inr("info", tmp_path / "a.inr", tmp_path / "b.inr")
    assert (code, err) == (0, "")
    assert "  comment   \\xff\\x1b]0;title\\x07\n" in out
    assert "  comment   \\ud7ff\\u2029x\n" in out


class Closed:
    """Stdout whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_lost_reader_ends_no_work(tree: Path, tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from pillow_inr.command import cli

    monkeypatch.setattr(messages, "give_up", lambda stream: None)
    monkeypatch.setattr(cli, "give_up", lambda stream: None)
    arguments = ["encode", str(tree), "--effort=0", "-r", "-o", str(tmp_path / "out"), f"--jobs={jobs}"]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Closed())
        assert cli.main(arguments) == 1
    assert made(tmp_path / "out") == ["A.inr", "b.inr", "sub/b.inr", "sub/deep/c.inr"]


def test_a_lost_reader_ends_info(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pillow_inr.command import cli, info

    path = tmp_path / "a.inr"
    tiny.picture().save(path, effort=0)
    seen: list[object] = []

    def to_lines(*args: object) -> list[str]:
        seen.append(args)
        return ["line"]

    monkeypatch.setattr(info, "to_lines", to_lines)
    monkeypatch.setattr(cli, "give_up", lambda stream: None)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Closed())
        assert cli.main(["info", str(path), str(path)]) == 1
    assert len(seen) == 1


def test_nothing_is_said_where_nobody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Closed())
    voice = Voice()
    voice.failure("a", "b")
    assert voice.code() == 1


@pytest.mark.filterwarnings("always")
def test_what_is_so_for_all_pictures_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent, "why_no_torch", lambda: "torch is not installed here")
    for name in ("a", "b", "c"):
        tiny.photograph(40, 30).save(tmp_path / f"{name}.png")
    code, out, err = inr("encode", tmp_path, "--jobs=1")
    assert (code, len(out.splitlines())) == (0, 3)
    assert err == "inr: torch is not installed here: saving with effort=0; pip install torch\n"
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    voice = Voice()
    for name in ("a", "b"):  # as workers send them
        voice.note(name, pickle.loads(pickle.dumps(OfAll("no torch"))))
        voice.note(name, "only the first of 2 frames is kept")
    frames = [f"inr: {name}: only the first of 2 frames is kept" for name in ("a", "b")]
    assert said.getvalue().splitlines() == ["inr: no torch", *frames]
