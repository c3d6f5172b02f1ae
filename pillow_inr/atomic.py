"""Writing a file so that its name never shows anything but the old content or the complete new one."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO


@contextmanager
def atomic_write(
    path: str | os.PathLike[str], keep: type[BaseException] | tuple[type[BaseException], ...] = ()
) -> Iterator[IO[bytes]]:
    """A new binary file that takes the place of `path` when the block ends.

    The file is written in the same folder and removed when the block raises, unless with one of `keep`, which say that
    what was written is complete: then it is put in place and the exception goes on. A replaced file hands on its
    permissions, and its owner where allowed; a new one gets the umask's. Links are followed; pipes and devices are
    written directly. Raises OSError, before the block runs whenever that can be known.
    """
    target = os.path.realpath(path)
    old = os.stat(target) if os.path.exists(target) else None
    if old is not None and stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if old is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
    if old is not None and not stat.S_ISREG(old.st_mode):
        with open(target, "wb") as fp:
            yield fp
        return

    temporary = os.path.join(os.path.dirname(target), f".inr-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "x+b") as fp:
            try:
                yield fp
            except keep:
                _finish(fp, temporary, target, old)
                raise
            _finish(fp, temporary, target, old)
    except BaseException:
        with suppress(FileNotFoundError):
            os.remove(temporary)
        raise


def _finish(fp: IO[bytes], temporary: str, target: str, old: os.stat_result | None) -> None:
    fp.flush()
    os.fsync(fp.fileno())
    fp.close()  # Windows renames no open file
    if old is not None:
        if hasattr(os, "chown"):
            with suppress(PermissionError):
                os.chown(temporary, old.st_uid, old.st_gid)
        os.chmod(temporary, stat.S_IMODE(old.st_mode))
    os.replace(temporary, target)
