"""Disks that are full and encoders that are killed: the old file stays, or a complete new one is there."""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny
from PIL import Image

import inr_core
import pillow_inr

ROOTS = [str(Path(package.__file__ or "").parents[1]) for package in (inr_core, pillow_inr)]
ROOTS.append(str(Path(tiny.__file__).parent))
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")
TEMPORARY = re.compile(r"\.inr-[0-9a-f]{16}\.tmp")


class Full(io.BytesIO):
    """A disk with room for so many bytes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: object, /) -> int:
        if self.tell() + len(data) > self.room:  # type: ignore[arg-type]
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)  # type: ignore[arg-type]


def program(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A program with the plugin, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*ROOTS, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(code: str, *arguments: object) -> tuple[int, str, str]:
    process = program(code, *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_a_full_file_object_says_so_and_gets_nothing() -> None:
    out = io.BytesIO()
    tiny.picture().save(out, "INR", effort=0)
    size = len(out.getvalue())
    for room in (0, 1, size - 1):
        full = Full(room)
        with pytest.raises(OSError, match="space") as caught:
            tiny.picture().save(full, "INR", effort=0)
        assert caught.value.errno == errno.ENOSPC
        assert full.getvalue() == b"", "the file is written at once or not at all"
    enough = Full(size)
    tiny.picture().save(enough, "INR", effort=0)
    assert enough.getvalue() == out.getvalue()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_device() -> None:
    with pytest.raises(OSError, match="space"):
        tiny.picture().save("/dev/full", "INR", effort=0)
    with pytest.raises(OSError, match="space"):
        pillow_inr.save(tiny.picture(), "/dev/full", effort=0)


LIMITED = """
import resource, signal, sys
import tiny, pillow_inr
from PIL import Image
im = tiny.picture(size=(200, 100)).effect_spread(9)
target, way = sys.argv[1], sys.argv[2]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
{before}
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
{act}
"""
SAVES = {
    "im.save": 'im.save(target, effort=0, format="INR")',
    "pillow_inr.save": "pillow_inr.save(im, target, effort=0)",
    "inr encode": 'sys.exit(cli.main(["encode", target + ".png", "-o", target, "--effort", "0", "--overwrite", "-q"]))',
    "inr decode": 'sys.exit(cli.main(["decode", target + ".inr", "-o", target, "--format", "png", "--overwrite"]))',
}
BEFORE = 'from pillow_inr.command import cli; im.save(target + ".png"); im.save(target + ".inr", effort=0)'


@POSIX
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("way", SAVES)
def test_a_disk_that_fills_up_while_writing(way: str, old: bool, tmp_path: Path) -> None:
    target = tmp_path / ("a.png" if way == "inr decode" else "a.inr")
    if old:
        target.write_bytes(b"old")
    code, _, err = finished(LIMITED.format(before=BEFORE, act=SAVES[way]), target, way)
    assert code == 1
    assert "File too large" in err
    if way.startswith("inr"):
        assert err.count("\n") == 1, "a message, no traceback"
    left = {path.name for path in tmp_path.iterdir()} - {f"{target.name}.png", f"{target.name}.inr"}
    if way == "im.save":  # Pillow empties what it replaces, and may leave what the disk took: an error, and no picture
        for name in left:
            with pytest.raises(OSError, match=f"{name}|cannot identify|truncated"), Image.open(tmp_path / name) as im:
                im.verify()
        assert left <= {target.name}
    else:
        assert left == ({target.name} if old else set())
        assert not old or target.read_bytes() == b"old"


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("old", [False, True])
def test_a_disk_that_fails_at_the_end(call: str, old: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    target = tmp_path / "a.inr"
    if old:
        target.write_bytes(b"old")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        pillow_inr.save(tiny.picture(), target, effort=0)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([b"old"] if old else [])


KILLED = """
import os, sys, time
import inr_core
from pillow_inr.command import cli
data = bytes(5000)
def wait(*args, **options):
    print("there", flush=True)
    time.sleep(60)
if sys.argv[3] == "while encoding":
    inr_core.encode = wait
else:
    inr_core.encode = lambda *args, **options: data
    os.fsync = wait
sys.exit(cli.main(["encode", sys.argv[1], "-o", sys.argv[2], "--overwrite", "-q"]))
"""


@POSIX
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("moment", ["while encoding", "while writing"])
@pytest.mark.parametrize("kill", ["SIGKILL", "SIGTERM", "SIGHUP"])
def test_a_killed_encoder_leaves_no_half_file(moment: str, old: bool, kill: str, tmp_path: Path) -> None:
    source, folder = tmp_path / "a.png", tmp_path / "out"
    tiny.picture().save(source)
    folder.mkdir()
    target = folder / "a.inr"
    if old:
        target.write_bytes(b"old")
    process = program(KILLED, source, target, moment)
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    process.send_signal(signal.Signals[kill])
    process.communicate(timeout=60)
    assert process.returncode == -signal.Signals[kill]
    left = sorted(path.name for path in folder.iterdir() if path != target)
    assert target.exists() == old
    assert not old or target.read_bytes() == b"old"
    if kill == "SIGKILL":
        assert len(left) == 1, "what SECURITY.md tells of: nobody is left to remove it"
        assert TEMPORARY.fullmatch(left[0])
        assert (folder / left[0]).stat().st_size == (0 if moment == "while encoding" else 5000)
    else:
        assert left == []
    code, _, err = tiny.inr("encode", source, "-o", target, "--overwrite", "-q", "--effort", 0)
    assert (code, err) == (0, ""), "the next one is not disturbed"
    with Image.open(target) as im:
        im.verify()


@POSIX
def test_interrupts_remove_the_temporary_file(tmp_path: Path) -> None:
    source, folder = tmp_path / "a.png", tmp_path / "out"
    tiny.picture().save(source)
    folder.mkdir()
    process = program(KILLED, source, folder / "a.inr", "while encoding")
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - started < 30
    assert process.returncode == 130
    assert err == "inr: interrupted\n"
    assert list(folder.iterdir()) == []
