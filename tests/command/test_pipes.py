"""Standard streams, named pipes, sockets and full devices as what the command reads and writes."""

from __future__ import annotations

import errno
import io
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path

import pytest
import tiny
from command_files import POSIX, QUICK, coded_in, picture_in
from PIL import Image
from tiny import inr

import inr_core
import pillow_inr
from pillow_inr.command import cli, output


@pytest.fixture
def coded(tmp_path: Path) -> Path:
    return coded_in(tmp_path)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return picture_in(tmp_path)


def piped(*arguments: object, stdin: bytes = b"", terminal: bool = False) -> tuple[int, bytes, str]:
    """Run the command with stdin and stdout that hold bytes."""
    streams = io.BytesIO(stdin), io.BytesIO()
    reading, writing = (io.TextIOWrapper(stream, encoding="utf-8") for stream in streams)
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(io.StringIO()) as err:
        patch.setattr(sys, "stdin", reading)
        patch.setattr(sys, "stdout", writing)
        if terminal:
            patch.setattr(writing, "isatty", lambda: True)
        code = cli.main([*map(str, arguments)])
        writing.flush()
    return code, streams[1].getvalue(), err.getvalue()


def process(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    root = str(Path(pillow_inr.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "pillow_inr", *map(str, arguments)]
    return subprocess.run(command, env=environment, check=False, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload, no-any-return]


def test_stdin_and_stdout(coded: Path, picture: Path, tmp_path: Path) -> None:
    code, data, err = piped("encode", "-", "--effort", "0", stdin=picture.read_bytes())
    assert (code, data) == (0, coded.read_bytes())
    assert err.startswith(f"stdout: {len(data):,} bytes, ")  # nothing but the file is on stdout
    assert piped("encode", picture, *QUICK, "-o", "-") == (0, data, "")
    code, png, err = piped("decode", "-", stdin=data)
    assert (code, err) == (0, f"stdout: 24x16, {len(png):,} bytes\n")
    with Image.open(io.BytesIO(png)) as im, Image.open(coded) as whole:
        assert (im.format, im.tobytes()) == ("PNG", whole.tobytes())
    code, bmp, _ = piped("decode", coded, "-o", "-", "--format", "bmp", "--size", "12x8")
    assert (code, bmp[:2]) == (0, b"BM")
    code, changed, _ = piped("set", "-", "--comment", "new", stdin=data)
    assert inr_core.read_head(io.BytesIO(changed)).metadata.comment == b"new"
    assert piped("set", coded, "--comment", "new", "-o", "-", "-q") == (0, changed, "")
    assert piped("thumbnail", "-", "-", "--size", "8", stdin=data)[1].startswith(b"\x89PNG")
    assert piped("info", "-", stdin=data)[1].startswith(f"stdin: {len(data)} bytes".encode())
    assert piped("encode", "-", *QUICK, "-o", f"{tmp_path}/out/", stdin=picture.read_bytes()) == (0, b"", "")
    assert (tmp_path / "out" / "stdin.inr").read_bytes() == data
    assert coded.read_bytes() == data


def test_stdin_among_several(coded: Path, picture: Path, tmp_path: Path) -> None:
    for jobs in (1, 2):
        out = tmp_path / f"out{jobs}"
        arguments = ["encode", "-", picture, *QUICK, "-o", out, "--jobs", jobs]
        assert piped(*arguments, stdin=picture.read_bytes()) == (0, b"", "")
        assert {path.name: path.read_bytes() for path in out.iterdir()} == dict.fromkeys(
            ("stdin.inr", "p.inr"), coded.read_bytes()
        )


def test_what_stdin_is_not(picture: Path) -> None:
    assert piped("encode", "-", stdin=b"text") == (1, b"", "inr: stdin: not a picture that Pillow can open\n")
    assert piped("decode", "-") == (1, b"", "inr: stdin: an empty file\n")
    assert piped("decode", "-", stdin=picture.read_bytes()) == (1, b"", "inr: stdin: not an .inr file\n")
    code, _, err = inr("info", "-", "-")
    assert (code, err.splitlines()[-1]) == (
        2,
        "inr info: error: -: expected it once at most, for stdin is read only once",
    )


@pytest.mark.parametrize("command", ["encode", "decode", "set", "thumbnail"])
def test_a_terminal_gets_no_picture(command: str, coded: Path, picture: Path) -> None:
    arguments = [picture if command == "encode" else coded, *(["--strip"] if command == "set" else [])]
    arguments += ["-"] if command == "thumbnail" else ["-o", "-"]
    code, out, err = piped(command, *arguments, terminal=True)
    assert (code, out, err) == (1, b"", f"inr: stdout: {output._NO_TERMINAL}\n")


@POSIX
def test_stdout_by_the_systems_names(coded: Path, picture: Path, tmp_path: Path) -> None:
    wanted = coded.read_bytes()
    encode = ["encode", picture, "--effort", "0", "-o"]
    for name in ("/dev/stdout", "/dev/fd/1"):
        done = process(*encode, name, stdout=subprocess.PIPE)
        assert (done.returncode, done.stdout) == (0, wanted)
        assert done.stderr.startswith(name.encode() + b": ")
    with open(tmp_path / "log", "wb") as log:  # a file that is appended to, not replaced
        log.write(b"before")
        log.flush()
        assert process(*encode, "/dev/stdout", "-q", stdout=log).returncode == 0
    assert (tmp_path / "log").read_bytes() == b"before" + wanted
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as got:
        assert process(*encode, f"/dev/fd/{writing}", "-q", pass_fds=(writing,), stdout=subprocess.PIPE).stdout == b""
        os.close(writing)
        assert got.read() == wanted
    done = process(*encode, "/dev/fd/77", stdout=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, b"inr: /dev/fd/77: Bad file descriptor\n")


@POSIX
def test_a_named_pipe_is_written_and_read(coded: Path, picture: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []

    def beside(work: Callable[[], object], *arguments: object) -> tuple[int, str, str]:
        """Run the command while a thread is at the other end of the pipe."""
        thread = threading.Thread(target=work)
        thread.start()
        done = inr(*arguments)
        thread.join()
        return done

    read = beside(lambda: got.append(pipe.read_bytes()), "encode", picture, *QUICK, "-o", pipe)
    assert (read, got) == ((0, "", ""), [coded.read_bytes()])
    data = picture.read_bytes()

    def fill() -> None:
        pipe.write_bytes(data)

    assert beside(fill, "encode", pipe, *QUICK, "-o", tmp_path / "b.inr")[0] == 0
    assert (tmp_path / "b.inr").read_bytes() == coded.read_bytes()
    out = tmp_path / "out"
    assert beside(fill, "encode", pipe, picture, *QUICK, "--jobs=2", "-o", out) == (0, "", "")
    assert {path.name for path in out.iterdir()} == {"pipe.inr", "p.inr"}
    done = beside(lambda: pipe.write_bytes(coded.read_bytes()), "decode", pipe, "--size=8x8", "-q", "-o", out / "a.png")
    assert done == (0, "", "")
    code, _, err = beside(lambda: pipe.write_bytes(coded.read_bytes()), "set", pipe, "--strip")
    assert (code, err) == (1, f"inr: {pipe}: expected an ordinary file or none, got a pipe or a device\n")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@POSIX
def test_no_pipe_is_met_by_chance(coded: Path, picture: Path, tmp_path: Path) -> None:
    os.mkfifo(picture.with_suffix(".inr"))
    message = f"inr: {picture.with_suffix('.inr')}: expected an ordinary file or none, got a pipe or a device\n"
    assert inr("encode", picture, *QUICK, "--overwrite") == (1, "", message)


@POSIX
def test_sockets_and_full_devices_are_named(picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        no_reader = os.strerror(errno.ENXIO)
        assert inr("encode", picture, *QUICK, "-o", "socket") == (1, "", f"inr: socket: {no_reader}\n")
        assert inr("encode", "socket", *QUICK, "-o", "b.inr") == (1, "", f"inr: socket: {no_reader}\n")
    if Path("/dev/full").exists():
        no_space = os.strerror(errno.ENOSPC)
        assert inr("encode", picture, *QUICK, "-o", "/dev/full") == (1, "", f"inr: /dev/full: {no_space}\n")
        for arguments in (["info", picture.with_name("a.inr")], ["encode", picture, "--effort=0", "--overwrite"]):
            tiny.picture().save(picture.with_name("a.inr"), effort=0)
            with open("/dev/full", "wb") as full:
                done = process(*arguments, stdout=full)
            assert (done.returncode, done.stderr.decode()) == (1, f"inr: stdout: {no_space}\n")
        with Image.open(picture.with_suffix(".inr")) as im:  # a line was lost, no picture
            im.load()


@POSIX
@pytest.mark.parametrize("closed", [0, 1, 2])
def test_closed_streams(closed: int, picture: Path, coded: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, ("stdin", "stdout", "stderr")[closed], None)
        name = f"b{closed}.inr"
        code = cli.main(["encode", str(picture), "--effort=0", "-o", str(picture.with_name(name))])
        assert code == 0
        assert getattr(sys, ("stdin", "stdout", "stderr")[closed]) is None
        assert cli.main(["decode", "-", "-o", "x.png"]) == 1
    assert picture.with_name(name).read_bytes() == coded.read_bytes()


@POSIX
def test_stdout_that_is_closed(picture: Path, coded: Path) -> None:
    for arguments in (("encode", picture, "--effort", "0"), ("decode", coded)):
        done = process(*arguments, "-o", "-", preexec_fn=lambda: os.close(1))
        assert (done.returncode, done.stderr) == (1, b"inr: stdout: it is closed\n")
