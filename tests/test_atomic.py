"""`pillow_inr.save`: the old file or a complete new one, whatever happens; and what Ctrl-C leaves."""

from __future__ import annotations

import os
import signal
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
import tiny
from PIL import Image

import inr_core
import pillow_inr


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
