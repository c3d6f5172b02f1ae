"""Writing a file so that its name never shows anything but the old content or the complete new one."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

_DESCRIPTOR = re.compile(r"/dev/std(?P<name>out|err)|(?:/dev|/proc/self)/fd/(?P<number>\d{1,9})")
_LINKLESS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}
_ACL = "system.posix_acl_access"


@contextmanager
def atomic_write(
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
    keep: type[BaseException] | tuple[type[BaseException], ...] = (),
    replace: bool = True,
) -> Iterator[IO[bytes]]:
    """A new binary file that takes the place of `path` when the block ends.

    The file is written in the same folder and removed when the block raises, unless with one of `keep`, which say that
    what was written is complete: then it is put in place and the exception goes on. A replaced file hands on its
    permissions, and its owner where allowed, and nobody can read the new one earlier who could not read the old one;
    a file that is none's successor gets the umask's. Links are followed; pipes, devices and what /dev/stdout and
    /dev/fd/… stand for are written directly.

    With `replace` false, a file that is there, or comes to be there meanwhile, stays: FileExistsError. Raises OSError
    that names `path`, before the block runs whenever that can be known.
    """
    path = os.fsdecode(path)
    number = descriptor_of(path)
    if number is not None:  # what is behind it may have no name, and may be there to be appended to
        with os.fdopen(os.dup(number), "wb") as fp:
            yield fp
        return
    try:
        old = os.stat(path)
    except FileNotFoundError:
        old = None
    if old is not None and stat.S_ISDIR(old.st_mode):
        raise _error(errno.EISDIR, path)
    if old is not None and not stat.S_ISREG(old.st_mode):
        with open(path, "wb") as fp:
            yield fp
        return
    if old is not None and not replace:
        raise _error(errno.EEXIST, path)
    if old is not None and not os.access(path, os.W_OK):
        raise _error(errno.EACCES, path)

    target = os.path.realpath(path)
    temporary = os.path.join(os.path.dirname(target), f".inr-{secrets.token_hex(8)}.tmp")
    mode = 0o666 if old is None else 0o600
    try:
        with _created(temporary, mode, path) as fp:
            try:
                yield fp
            except keep:
                _finish(fp, temporary, target, old, replace)
                raise
            _finish(fp, temporary, target, old, replace)
    except BaseException:
        with suppress(FileNotFoundError):
            os.remove(temporary)
        raise


def _created(temporary: str, mode: int, path: str | os.PathLike[str]) -> IO[bytes]:
    try:
        return open(temporary, "x+b", opener=lambda name, flags: os.open(name, flags, mode))
    except OSError as e:
        raise _error(e.errno or errno.EIO, path) from e


def _error(number: int, path: str | os.PathLike[str]) -> OSError:
    return OSError(number, os.strerror(number), os.fspath(path))  # of the class that is the number's


def descriptor_of(path: str) -> int | None:
    """The file descriptor that a path stands for in this process."""
    found = _DESCRIPTOR.fullmatch(path)
    if found is None:
        return None
    return int(found["number"]) if found["number"] else {"out": 1, "err": 2}[found["name"]]


def _finish(fp: IO[bytes], temporary: str, target: str, old: os.stat_result | None, replace: bool) -> None:
    fp.flush()
    os.fsync(fp.fileno())
    fp.close()  # Windows renames no open file
    if old is not None:
        _inherit(temporary, target, old)
    if replace:
        os.replace(temporary, target)
    else:
        _put(temporary, target)


def _inherit(new: str, target: str, old: os.stat_result) -> None:
    """Give a file the owner, the lists of who may read it, and the mode of another, in the order that opens nothing."""
    mode = stat.S_IMODE(old.st_mode)
    if hasattr(os, "chown"):
        try:
            os.chown(new, old.st_uid, old.st_gid)
        except OSError:
            with suppress(OSError):
                os.chown(new, -1, old.st_gid)
        if os.stat(new).st_gid != old.st_gid:
            mode &= ~0o070  # what one group was allowed is not for another
    if hasattr(os, "setxattr"):
        with suppress(OSError):  # the folder may have a list for new files
            os.removexattr(new, _ACL)
        for name in (_ACL, "security.selinux", *_own_attributes(target)):
            with suppress(OSError):
                os.setxattr(new, name, os.getxattr(target, name))
    os.chmod(new, mode)


def _own_attributes(path: str) -> list[str]:
    try:
        return [name for name in os.listxattr(path) if name.startswith("user.")]
    except OSError:
        return []


def _put(temporary: str, target: str) -> None:
    """Rename a file unless the name is taken: FileExistsError."""
    try:
        os.link(temporary, target)
    except OSError as e:
        if e.errno not in _LINKLESS:
            raise _error(e.errno or errno.EIO, target) from e
        if os.path.lexists(target):
            raise _error(errno.EEXIST, target) from e
        os.replace(temporary, target)
    else:
        os.remove(temporary)
