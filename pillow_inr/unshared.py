"""Reading a file without moving the place in it that forked processes share."""

from __future__ import annotations

import io
import os
from typing import IO, Any


class _File:
    """Reads an open file from a place on, wherever it is read by others."""

    def __init__(self, descriptor: int, place: int) -> None:
        self.descriptor, self.place = descriptor, place

    def read(self, size: int) -> bytes:
        """Up to so many bytes, none at the end."""
        data = os.pread(self.descriptor, size, self.place)
        self.place += len(data)
        return data


def unshared(fp: IO[bytes], place: int) -> Any:
    """Of a file on disk, something that reads from `place` on and moves nothing; anything else as it is."""
    on_disk = type(fp) is io.BufferedReader and type(fp.raw) is io.FileIO and hasattr(os, "pread")
    return _File(fp.fileno(), place) if on_disk else fp
