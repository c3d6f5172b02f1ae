"""`--jobs`: pictures side by side, in processes of their own, with the files and the words of one process."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from job_runs import Marking, files, marks, run, three_pictures
from PIL import Image
from tiny import inr

import inr_core
import pillow_inr
from pillow_inr.command import cli, jobs

SIREN = ["--model=siren", "--steps=30", "--width=24", "--depth=3", "--device=cpu"]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return three_pictures(tmp_path / "in")


def without_seconds(out: str) -> str:
    return re.sub(r"[\d.]+ s$", "s", out, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "options",
    [["--effort=1", "--device=cpu"], pytest.param(["--effort=5", "--device=cpu"], marks=pytest.mark.slow), SIREN],
)
def test_files_and_lines_are_those_of_one_process(pictures: list[Path], tmp_path: Path, options: list[str]) -> None:
    said = {}
    for count in (1, 2):
        out = tmp_path / f"out{count}"
        code, lines, err = inr("encode", *pictures, "-o", f"{out}/", "--jobs", count, *options)
        assert (code, err) == (0, "")
        said[count] = without_seconds(lines).replace(str(out), "")
    assert said[1] == said[2]
    assert [line.split(":")[0] for line in said[2].splitlines()] == ["/a.inr", "/b.inr", "/c.inr"]
    assert files(tmp_path / "out1") == files(tmp_path / "out2")
    assert set(files(tmp_path / "out1")) == {"a.inr", "b.inr", "c.inr"}


def test_errors_are_those_of_one_process(pictures: list[Path], tmp_path: Path) -> None:
    a, b, c = pictures
    broken, deep, moving, cut = (a.parent / name for name in ("broken.png", "deep.tif", "moving.gif", "cut.png"))
    broken.write_bytes(b"not a picture")
    tiny.picture("F").save(deep)
    tiny.picture("L").save(moving, save_all=True, append_images=[tiny.picture("L").rotate(180)])
    cut.write_bytes(a.read_bytes()[:-300])
    sources = [c, a.parent / "missing.png", broken, deep, moving, cut, a, a.with_suffix(".jpg"), b]
    Image.open(a).save(a.with_suffix(".jpg"))
    said = {}
    for count in (1, 2, 3):
        out = tmp_path / f"out{count}"
        out.mkdir()
        (out / "b.inr").write_bytes(b"mine")
        code, lines, err = inr("encode", *sources, "-o", out, "--effort=0", "--jobs", count)
        assert code == 1
        said[count] = (without_seconds(lines) + err).replace(str(out), "")
    assert said[1] == said[2] == said[3]
    assert len(said[1].splitlines()) == 3 + 7
    assert f"inr: {a.with_suffix('.jpg')}: another file of this call already goes to /a.inr\n" in said[2]
    assert f"inr: {moving}: only the first of 2 frames is kept\n" in said[2]
    assert files(tmp_path / "out1") == files(tmp_path / "out2") == files(tmp_path / "out3")
    assert set(files(tmp_path / "out1")) == {"a.inr", "b.inr", "c.inr", "moving.inr"}
    assert files(tmp_path / "out1")["b.inr"] == b"mine"


def test_a_folder_that_cannot_be_written_to_is_known_before_the_work(pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "out" / "a.inr").mkdir(parents=True)
    made = run(pictures[:1], tmp_path / "out", Marking(tmp_path))
    assert made == (1, "", f"inr: {tmp_path / 'out' / 'a.inr'}: Is a directory\n")
    assert not marks(tmp_path)


def test_decoding_side_by_side(pictures: list[Path], tmp_path: Path) -> None:
    assert inr("encode", *pictures, "--effort=0", "-q", "--jobs=1")[0] == 0
    coded = [path.with_suffix(".inr") for path in pictures]
    coded[1].write_bytes(coded[1].read_bytes()[:-20])
    outs = [inr("decode", *coded, "-o", f"{tmp_path}/out{n}/", "--size=30x20", "--jobs", n) for n in (1, 2)]
    code, lines, err = outs[0]
    assert outs[1] == (1, lines.replace("out1", "out2"), err)
    assert code == 1
    assert files(tmp_path / "out1") == files(tmp_path / "out2")
    assert set(files(tmp_path / "out2")) == {"a.png", "c.png"}


def test_one_picture_and_one_job_need_no_process(pictures: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "together", None)  # calling it is a TypeError
    assert inr("encode", pictures[0], "--effort=0", "-q") == (0, "", "")
    assert inr("encode", *pictures[1:], "--effort=0", "-q", "--jobs=1") == (0, "", "")
    assert inr("decode", "-q", *[path.with_suffix(".inr") for path in pictures], "--format=bmp") == (0, "", "")


@pytest.mark.parametrize(("given", "count", "expected"), [(None, 2, 2), (None, 9, 4), (8, 3, 3), (2, 3, 2)])
def test_how_many(
    pictures: list[Path], monkeypatch: pytest.MonkeyPatch, given: int | None, count: int, expected: int
) -> None:
    seen = []

    def together(sources: object, output: object, make: object, places: int, *rest: object) -> int:
        seen.append(places)
        return 0

    monkeypatch.setattr(jobs, "together", together)
    monkeypatch.setattr(inr_core, "cores", lambda: 4)
    arguments = [] if given is None else [f"--jobs={given}"]
    assert inr("encode", *[pictures[0]] * count, *arguments) == (0, "", "")
    assert seen == [expected]


@pytest.mark.parametrize("text", ["0", "-1", "x", "1025"])
def test_wrong_numbers_of_jobs(text: str) -> None:
    code, _, err = inr("encode", "a.png", f"--jobs={text}")
    assert code == 2
    assert err.endswith(f"argument --jobs: expected a number from 1 to 1024, got {text!r}\n")


@pytest.mark.parametrize("way", ["module", "script"])
def test_processes_start_from_every_kind_of_program(pictures: list[Path], tmp_path: Path, way: str) -> None:
    script = tmp_path / "inr"  # as an installer writes it
    imports = "import sys\nfrom pillow_inr.command.cli import main\n"
    script.write_text(f"{imports}if __name__ == '__main__':\n    sys.exit(main())\n")
    root = str(Path(pillow_inr.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, *(["-m", "pillow_inr"] if way == "module" else [str(script)])]
    command += ["encode", *map(str, pictures[1:]), "--effort=0", "--jobs=2", "-o", f"{tmp_path}/out/"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2
    assert set(files(tmp_path / "out")) == {"b.inr", "c.inr"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bars_are_over_pictures_and_their_fits(pictures: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli.main(["encode", *map(str, pictures[1:]), "--effort=0", "--jobs=2"]) == 0
    assert "2/2 pictures" in terminal.getvalue()
    for name in ("b.png", "c.png"):
        assert f"{name}: 100%|" in terminal.getvalue()
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    assert cli.main(["encode", *map(str, pictures[1:]), "--effort=0", "--jobs=2", "-q", "--overwrite"]) == 0
    assert shown.getvalue() == ""
