"""`inr desktop`: what makes freedesktop desktops know `.inr`: its MIME type, thumbnails, and `inr view`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from .atomic import atomic_write

MIME = "image/x-inr"

# https://specifications.freedesktop.org/shared-mime-info-spec/latest/
_MIME_XML = rf"""<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="{MIME}">
    <comment>INR image</comment>
    <generic-icon name="image-x-generic"/>
    <magic priority="80">
      <match type="string" offset="0" value="\x89INR\x0d\x0a\x1a\x0a"/>
    </magic>
    <glob pattern="*.inr"/>
  </mime-type>
</mime-info>
"""

_THUMBNAILER = """[Thumbnailer Entry]
TryExec={program}
Exec={command} thumbnail --quiet --overwrite --seconds 30 --size %s -- %i %o
MimeType={mime};
"""

_VIEWER = """[Desktop Entry]
Type=Application
Name=INR viewer
NoDisplay=true
TryExec={program}
Exec={command} view -- %F
MimeType={mime};
"""

_UPDATES = (("update-mime-database", "mime"), ("update-desktop-database", "applications"))


class DesktopError(Exception):
    """The folder cannot be changed; the message says where and why."""


def data_folder() -> Path:
    """The user's data folder: XDG_DATA_HOME, which must be absolute, or ~/.local/share."""
    given = os.environ.get("XDG_DATA_HOME", "")
    return Path(given) if os.path.isabs(given) else Path.home() / ".local" / "share"


def install(prefix: Path) -> list[Path]:
    """Write the files below a data folder and update its databases; the files. Raises DesktopError."""
    if not Path(__file__).is_file():  # but in a zip file
        msg = f"expected pillow_inr to be installed for {sys.executable}, which a desktop starts; it is not"
        raise DesktopError(msg)
    written = []
    for path, text in _files(prefix).items():
        if path.suffix == ".desktop" and not _has_toolkit():
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as fp:
                fp.write(text.encode())
        except OSError as e:
            msg = f"cannot write {path}: {e.strerror or e}"
            raise DesktopError(msg) from e
        written.append(path)
    _update(prefix)
    return written


def uninstall(prefix: Path) -> list[Path]:
    """Remove what `install` wrote and update the databases; the files that were there. Raises DesktopError."""
    removed = [path for path in _files(prefix) if path.exists()]
    for path in removed:
        try:
            path.unlink()
        except OSError as e:
            msg = f"cannot remove {path}: {e.strerror or e}"
            raise DesktopError(msg) from e
    if removed:
        _update(prefix)
    return removed


def _files(prefix: Path) -> dict[Path, str]:
    # -P: the folder that a desktop happens to start programs in is no place to import from.
    arguments = [sys.executable, "-P", "-m", "pillow_inr"]
    command = " ".join(shlex.quote(argument).replace("%", "%%") for argument in arguments)
    return {
        prefix / "mime" / "packages" / "pillow-inr.xml": _MIME_XML,
        prefix / "thumbnailers" / "pillow-inr.thumbnailer": _THUMBNAILER.format(
            program=sys.executable, command=command, mime=MIME
        ),
        prefix / "applications" / "pillow-inr.desktop": _VIEWER.format(
            program=sys.executable, command=command, mime=MIME
        ),
    }


def _has_toolkit() -> bool:
    """Whether `inr view` works here: some distributions pack tkinter apart from Python."""
    try:
        import tkinter  # noqa: F401
    except ImportError:
        return False
    return True


def _update(prefix: Path) -> None:
    """Let programs see the change, where there is such a tool: without it they do not look there anyway."""
    for tool, folder in _UPDATES:
        if (found := shutil.which(tool)) and (prefix / folder).is_dir():
            subprocess.run([found, prefix / folder], capture_output=True, check=False)
