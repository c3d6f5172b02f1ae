"""`inr enable`: make every Python program of this environment open `.inr`, without a change to the program.

Pillow has no entry points, so Python's own start-up hook is used: a `.pth` file in site-packages imports `_startup`,
which waits for Pillow's plugins to be imported and costs nothing until then.
"""

from __future__ import annotations

import errno
import os
import py_compile
import site
import subprocess
import sys
import sysconfig
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from .atomic import atomic_write

MODULE = "_pillow_inr_startup"
PTH = "pillow_inr.pth"
# One line that starts with "import" is run by Python's site module; one that fails would be reported at every start.
PTH_LINE = f'import sys; exec("try:\\n import {MODULE}\\nexcept Exception:\\n pass")\n'

_PROBE = "import sys, PIL.Image; PIL.Image.preinit(); sys.exit('INR' not in PIL.Image.OPEN)"


class EnableError(Exception):
    """The environment cannot be changed; the message says where, why and what else to do."""


def enable(user: bool = False) -> Path:
    """Write the start-up files and return their folder: site-packages, or the user's with `user`.

    Raises EnableError if that folder is not used here or cannot be written.
    """
    folder = _user_folder() if user else Path(sysconfig.get_path("purelib"))
    module = folder / f"{MODULE}.py"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(module) as fp:
            fp.write((files(__package__) / "_startup.py").read_bytes())
        with atomic_write(folder / PTH) as fp:
            fp.write(PTH_LINE.encode())
    except OSError as e:
        forbidden = e.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
        advice = "; try `inr enable --user`" if forbidden and site.ENABLE_USER_SITE and not user else ""
        msg = f"cannot write to {folder}: {e.strerror or e}{advice}"
        raise EnableError(msg) from e
    with suppress(OSError, py_compile.PyCompileError):
        py_compile.compile(str(module), doraise=True)  # a later user may not be allowed to
    return folder


def disable() -> list[Path]:
    """Remove the start-up files wherever `enable` may have put them; the folders they were in. Raises EnableError."""
    removed = []
    for folder in _folders():
        cached = (folder / "__pycache__").glob(f"{MODULE}.*.pyc")
        # The .pth file first: without it, the others are never looked at.
        present = [path for path in (folder / PTH, folder / f"{MODULE}.py", *cached) if path.exists()]
        try:
            for path in present:
                path.unlink()
        except OSError as e:
            msg = f"cannot remove {e.filename}: {e.strerror}"
            raise EnableError(msg) from e
        if present:
            removed.append(folder)
    return removed


def enabled_in() -> list[Path]:
    """The folders that hold the start-up files."""
    return [folder for folder in _folders() if (folder / PTH).exists()]


def works() -> bool:
    """Whether a fresh program of this environment opens `.inr` without asking for it; starts one to find out."""
    # From the root folder: a package that is only found in the current one does not count.
    command = [sys.executable, "-c", _PROBE]
    probe = subprocess.run(command, cwd=Path(sys.executable).anchor, capture_output=True, check=False)
    return probe.returncode == 0


def _user_folder() -> Path:
    if not site.ENABLE_USER_SITE:
        msg = "this environment ignores the user's site-packages; use `inr enable` without --user"
        raise EnableError(msg)
    return Path(site.getusersitepackages())


def _folders() -> list[Path]:
    found = [sysconfig.get_path("purelib"), *site.getsitepackages(), site.getusersitepackages()]
    return list(dict.fromkeys(Path(os.path.realpath(folder)) for folder in found))
