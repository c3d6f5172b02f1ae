"""`pillow_inr.save`: the old file or a complete new one, whatever happens; and what Ctrl-C leaves."""

from __future__ import annotations

import errno
import os
import signal
import stat
import struct
import threading
from pathlib import Path
from typing import Any

import pytest
import tiny
from PIL import Image

import inr_core
import pillow_inr
from pillow_inr import atomic
from pillow_inr.atomic import atomic_write


def interrupting(times: int) -> Any:
    def progress(report: inr_core.Progress) -> None:
        nonlocal times
        while times:
            times -= 1
            signal.raise_signal(signal.SIGINT)

    return progress


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Image.save leaves its file open
@pytest.mark.parametrize("atomic", [False, True])
def test_first_interrupt_writes_the_best_so_far(atomic: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    save = pillow_inr.save if atomic else Image.Image.save
    with pytest.raises(KeyboardInterrupt):
        save(tiny.picture(), path, **{**tiny.OPTIONS, "steps": 100_000, "progress": interrupting(1)})
    with Image.open(path) as im:
        im.load()
    assert list(tmp_path.iterdir()) == [path]


def test_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt) as caught:
        pillow_inr.save(tiny.picture(), path, **{**tiny.OPTIONS, "steps": 100_000, "progress": interrupting(2)})
    assert not isinstance(caught.value, inr_core.Interrupted)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_without_a_result_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(*args: object, **options: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(inr_core, "encode", encode)
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        pillow_inr.save(tiny.picture(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("options", [{"qualty": 3}, {"append_images": [1]}, {"target_psnr": 99.0}])
def test_a_failed_save_leaves_the_old_file(options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=next(iter(options))):
        pillow_inr.save(tiny.picture(), path, **{**tiny.OPTIONS, **options})
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_save_into_a_missing_folder_fails_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inr_core, "encode", lambda *args, **options: pytest.fail("training started"))
    with pytest.raises(FileNotFoundError):
        pillow_inr.save(tiny.picture(), tmp_path / "none" / "a.inr")
    with pytest.raises(IsADirectoryError):
        pillow_inr.save(tiny.picture(), tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_permissions_are_respected(tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    before = os.umask(0o027)
    try:
        pillow_inr.save(tiny.picture(), path, **tiny.OPTIONS)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    pillow_inr.save(tiny.picture(), path, **tiny.OPTIONS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    path.chmod(0o444)
    if not os.access(path, os.W_OK):  # root may write anything
        with pytest.raises(PermissionError):
            pillow_inr.save(tiny.picture(), path, **tiny.OPTIONS)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
def test_links_are_followed_and_devices_not_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "target.inr", tmp_path / "link.inr"
    target.write_bytes(b"old")
    link.symlink_to(target)
    pillow_inr.save(tiny.picture(), link, **tiny.OPTIONS)
    assert link.is_symlink()
    assert target.read_bytes() == tiny.encoded()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    pillow_inr.save(tiny.picture(), pipe, **tiny.OPTIONS)
    reader.join()
    assert got == [tiny.encoded()]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604, 0o400, 0o777])
def test_the_temporary_file_is_never_more_readable(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    before = os.umask(0)
    try:
        path.write_bytes(b"old")
        path.chmod(mode)
        with atomic_write(path) as fp:
            fp.write(b"new")
            fp.flush()
            (temporary,) = set(tmp_path.iterdir()) - {path}
            assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
    except PermissionError:
        assert not os.access(path, os.W_OK)  # what may not be written is not replaced
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_the_mode_comes_after_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may not give the file to its group does not give it to another group instead."""
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    path.chmod(0o664)
    calls: list[str] = []

    def refused(*args: object) -> None:
        calls.append("chown")
        raise PermissionError

    original = os.chmod

    def chmod(name: str, mode: int) -> None:
        calls.append("chmod")
        original(name, mode)

    monkeypatch.setattr(os, "chown", refused)
    monkeypatch.setattr(os, "chmod", chmod)
    with atomic_write(path) as fp:
        fp.write(b"ours")
    assert calls == ["chown", "chown", "chmod"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o664  # it is of the same group anyway
    status = os.stat_result((*path.stat()[:5], path.stat().st_gid + 1, *path.stat()[6:]))
    temporary = tmp_path / "new"
    temporary.write_bytes(b"")
    atomic._inherit(str(temporary), str(path), status)
    assert stat.S_IMODE(temporary.stat().st_mode) == 0o604


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="extended attributes")
def test_attributes_are_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    # user::rw- user:1:r-- group::--- mask::r-- other::---, as setfacl writes it
    entries = [(1, 6, -1), (2, 4, 1), (4, 0, -1), (16, 4, -1), (32, 0, -1)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, bits, who % 2**32) for tag, bits, who in entries)
    try:
        os.setxattr(path, "user.note", b"kept")
        os.setxattr(path, "system.posix_acl_access", acl)
    except OSError as e:
        pytest.skip(str(e))
    with atomic_write(path) as fp:
        fp.write(b"new")
    assert os.getxattr(path, "user.note") == b"kept"
    assert os.getxattr(path, "system.posix_acl_access") == acl
    assert path.read_bytes() == b"new"


def test_a_file_that_must_not_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    with atomic_write(path, replace=False) as fp:
        fp.write(b"first")
    with pytest.raises(FileExistsError, match=r"a\.inr"), atomic_write(path, replace=False):
        pytest.fail("it is known before")
    path.unlink()
    with pytest.raises(FileExistsError, match=r"a\.inr"), atomic_write(path, replace=False) as fp:
        path.write_bytes(b"came meanwhile")
    assert path.read_bytes() == b"came meanwhile"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_a_disk_without_hard_links(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*args: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    path = tmp_path / "a.inr"
    with atomic_write(path, replace=False) as fp:
        fp.write(b"first")
    path.rename(tmp_path / "b.inr")
    with pytest.raises(FileExistsError), atomic_write(path, replace=False) as fp:
        path.write_bytes(b"came meanwhile")
    assert path.read_bytes() == b"came meanwhile"
    assert {entry.name for entry in tmp_path.iterdir()} == {"a.inr", "b.inr"}


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_errors_name_the_path_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"")
    for path, error in (
        (tmp_path / "none" / "a.inr", FileNotFoundError),
        (tmp_path / "file" / "a.inr", NotADirectoryError),
        (tmp_path / "loop", OSError),
        (tmp_path / ("x" * 300), OSError),
        (tmp_path, IsADirectoryError),
    ):
        with pytest.raises(error) as caught, atomic_write(path):
            pytest.fail("it is known before")
        assert caught.value.filename == str(path)
    (tmp_path / "link").symlink_to("new")  # leads to a file that is still to be made
    with atomic_write(tmp_path / "link", replace=False) as fp:
        fp.write(b"made")
    assert (tmp_path / "new").read_bytes() == b"made"
    assert (tmp_path / "link").is_symlink()


def test_paths_of_bytes(tmp_path: Path) -> None:
    for path in (os.fsencode(tmp_path / "a.inr"), tmp_path / "b.inr", str(tmp_path / "c.inr")):
        pillow_inr.save(Image.new("L", (3, 2), 7), path)
        with Image.open(os.fsdecode(path)) as im:
            assert im.getpixel((0, 0)) == 7
