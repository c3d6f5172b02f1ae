"""`--jobs`: pictures side by side, in processes of their own, with the files and the words of one process."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
import tiny
from PIL import Image
from tiny import inr

import inr_core
import pillow_inr
from pillow_inr.command import cli, jobs
from pillow_inr.command.convert import Fitted, Make, one_by_one
from pillow_inr.command.messages import Voice
from pillow_inr.command.output import Output
from pillow_inr.command.sources import Source

SIREN = ["--model=siren", "--steps=30", "--width=24", "--depth=3", "--device=cpu"]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Three, the first of them the largest, so that the second is finished before it."""
    folder = tmp_path / "in"
    folder.mkdir()
    paths = [folder / name for name in ("a.png", "b.png", "c.png")]
    for path, size in zip(paths, [(120, 90), (40, 30), (60, 60)], strict=True):
        tiny.picture(size=size).save(path)
    return paths


def files(folder: Path) -> dict[str, bytes]:
    """Contents by name, hidden ones included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def without_seconds(out: str) -> str:
    return re.sub(r"[\d.]+ s$", "s", out, flags=re.MULTILINE)


@pytest.mark.parametrize("options", [["--effort=5", "--device=cpu"], SIREN])
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
    assert outs[0] == outs[1]
    assert outs[0][0] == 1
    assert files(tmp_path / "out1") == files(tmp_path / "out2")
    assert set(files(tmp_path / "out2")) == {"a.png", "c.png"}


def test_one_picture_and_one_job_need_no_process(pictures: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "together", None)  # calling it is a TypeError
    assert inr("encode", pictures[0], "--effort=0", "-q") == (0, "", "")
    assert inr("encode", *pictures[1:], "--effort=0", "-q", "--jobs=1") == (0, "", "")
    assert inr("decode", *[path.with_suffix(".inr") for path in pictures], "--format=bmp") == (0, "", "")


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


@dataclass(frozen=True)
class Marking:
    """Leaves a mark in a folder for each picture that is begun, says on how many threads, and makes no picture."""

    folder: Path
    threads: int = 0

    def on(self, threads: int) -> Make:
        return type(self)(self.folder, threads)

    def pixels(self, source: Source) -> int:
        with source.open() as im:
            return im.width * im.height

    def __call__(
        self, source: Source, fp: IO[bytes], stop: Callable[[], bool], note: Callable[[str], None]
    ) -> Fitted | None:
        assert source.path is not None
        (self.folder / f"{source.path.stem}.begun").write_text(f"{os.getpid()} {self.threads}")
        self.work(source.path, stop)
        fp.write(source.path.stem.encode())
        return Fitted(1, None, 0.0)

    def work(self, source: Path, stop: Callable[[], bool]) -> None:
        """What a kind of picture does."""


class Waiting(Marking):
    """Every picture but `c` takes until it is to stop, whatever signals come."""

    def work(self, source: Path, stop: Callable[[], bool]) -> None:
        os.kill(os.getpid(), signal.SIGINT)  # as a terminal does
        while source.stem != "c" and not stop():
            time.sleep(0.01)


class Endless(Marking):
    """Pictures that never end."""

    def work(self, source: Path, stop: Callable[[], bool]) -> None:
        time.sleep(600)


class Dying(Marking):
    """Picture `a` ends its process, `b` lasts until that has happened, `c` has an error of ours."""

    def work(self, source: Path, stop: Callable[[], bool]) -> None:
        if source.stem == "a":
            (self.folder / "a.dies").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if source.stem == "b":
            _until((self.folder / "a.dies").exists)
            time.sleep(0.2)
        if source.stem == "c":
            os._exit(7)


class Exclusive(Marking):
    """Pictures that must be alone."""

    def work(self, source: Path, stop: Callable[[], bool]) -> None:
        with open(self.folder / "lock", "x"):
            time.sleep(0.5)
        (self.folder / "lock").unlink()


def marks(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.begun"))}


def run(paths: list[Path], out: Path, make: Make, places: int = 2) -> tuple[int, str, str]:
    """`jobs.together`: its exit code and what it said."""
    sources = [Source(path) for path in paths]
    said, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", said)
        patch.setattr(sys, "stderr", err)
        try:
            code = jobs.together(sources, Output(f"{out}/", ".inr", sources), make, places, Voice())
        except KeyboardInterrupt:
            code = cli.INTERRUPTED
    return code, said.getvalue(), err.getvalue()


def _until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture
def interrupts() -> Iterator[Callable[[Callable[[], object], int], None]]:
    """Ctrl-C in this process, as soon as something has happened, so often."""
    threads = []

    def press(when: Callable[[], object], times: int) -> None:
        def work() -> None:
            _until(when)
            for _ in range(times):
                time.sleep(0.6)
                signal.raise_signal(signal.SIGINT)

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield press
    for thread in threads:
        thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_that_dies_is_an_error_of_its_picture(pictures: list[Path], tmp_path: Path) -> None:
    more = tmp_path / "in" / "d.png"
    tiny.picture().save(more)
    code, out, err = run([*pictures, more], tmp_path / "out", Dying(tmp_path))
    why = "expected a file from a worker process, but it ended"
    assert code == 1
    killed = signal.strsignal(signal.SIGKILL)
    assert err == f"inr: {pictures[0]}: {why}: {killed}\ninr: {pictures[2]}: {why}: exit code 7\n"
    assert [line.split(":")[0] for line in out.splitlines()] == [str(tmp_path / "out" / f"{n}.inr") for n in "bd"]
    assert files(tmp_path / "out") == {"b.inr": b"b", "d.inr": b"d"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_first_interrupt_keeps_what_there_is(
    pictures: list[Path], tmp_path: Path, interrupts: Callable[[Callable[[], object], int], None]
) -> None:
    interrupts(lambda: len(marks(tmp_path)) == 3, 1)
    a, b, c = pictures
    code, out, err = run([c, a, b, c.with_name("never.png")], tmp_path / "out", Waiting(tmp_path))
    kept = "interrupted; the best network so far was kept"
    assert (code, err) == (130, f"inr: {a}: {kept}\ninr: {b}: {kept}\n")
    assert out.startswith(f"{tmp_path / 'out' / 'c.inr'}: 1 bytes")
    assert files(tmp_path / "out") == {"a.inr": b"a", "b.inr": b"b", "c.inr": b"c"}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_second_interrupt_ends_everything(
    pictures: list[Path], tmp_path: Path, interrupts: Callable[[Callable[[], object], int], None]
) -> None:
    interrupts(lambda: len(marks(tmp_path)) == 2, 2)
    started = time.monotonic()
    assert run(pictures, tmp_path / "out", Endless(tmp_path)) == (130, "", "")
    assert time.monotonic() - started < 60
    assert set(marks(tmp_path)) == {"a", "b"}
    assert files(tmp_path / "out") == {}
    for mark in marks(tmp_path).values():
        with pytest.raises(ProcessLookupError):
            os.kill(int(mark.split()[0]), 0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_large_pictures_take_several_places(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [(1, 1), (6_000_000, 1), (6_000_001, 2), (12_000_000, 2), (12_200_000, 3), (67_000_000, 8)]
    assert [jobs.places_for(pixels, 8) for pixels, _ in limits] == [places for _, places in limits]
    a, b, c = pictures
    monkeypatch.setattr(jobs, "PIXELS_OF_A_PLACE", 2700)  # a takes all four places, b one and c two
    monkeypatch.setattr(jobs, "cores", lambda: 8)
    assert run([b, a, c], tmp_path / "out", Exclusive(tmp_path), places=4)[0] == 0
    assert [mark.split()[1] for mark in marks(tmp_path).values()] == ["8", "2", "4"]


def test_the_users_threads_count() -> None:
    from pillow_inr.command.convert import Encoding

    assert Encoding({}, False).on(3).options == {"threads": 3}
    assert Encoding({"threads": 5, "seed": 1}, False).on(3).options == {"threads": 5, "seed": 1}


def test_one_by_one_ends_nothing_early(pictures: list[Path], tmp_path: Path) -> None:
    sources = [Source(path) for path in pictures[2:]]
    assert one_by_one(sources, Output(f"{tmp_path}/out/", ".inr", sources), Marking(tmp_path), Voice(quiet=True)) == 0
    assert marks(tmp_path)["c"] == f"{os.getpid()} 0"


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


def test_the_bar_is_over_pictures(pictures: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli.main(["encode", *map(str, pictures[1:]), "--effort=0", "--jobs=2"]) == 0
    assert "2/2" in terminal.getvalue()
    assert "dB" not in terminal.getvalue()
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    assert cli.main(["encode", *map(str, pictures[1:]), "--effort=0", "--jobs=2", "-q", "--overwrite"]) == 0
    assert shown.getvalue() == ""
