"""Zstandard frames, by Python's own module where it has one (from 3.14 on), else by the package zstandard.

Opening a file without compressed parts needs neither: they are imported where they are first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from ..errors import FormatError

_ANY_WINDOW = 31  # what a frame needs is bounded by what it declares to hold, not by its window


def squeeze(data: bytes, level: int = 19) -> bytes:
    """One Zstandard frame, which declares its decompressed size."""
    if (own := _own()) is not None:
        return bytes(own.compress(data, level))
    import zstandard

    return zstandard.ZstdCompressor(level=level).compress(data)


def expand(data: bytes, limit: int, what: str) -> bytes:
    """Decompress one Zstandard frame of 1 to `limit` bytes; any other size, or damage, is a FormatError."""
    own = _own()
    if own is None:
        import zstandard as library
    else:
        library = own
    try:
        if own is None:
            size = library.frame_content_size(data)
        else:
            declared = own.get_frame_info(data).decompressed_size
            size = -1 if declared is None else declared
        if not 1 <= size <= limit:  # −1 where none is declared; of a frame that declares 0, Zstandard reads no more
            raise FormatError(f"{what}: expected 1 to {limit} decompressed bytes, got {size}")
        # The declared size is the buffer's: a frame that lies about it fails instead of growing.
        if own is None:
            return library.ZstdDecompressor().decompress(data, allow_extra_data=False)
        return _by_own(own, data, size, what)
    except library.ZstdError as e:
        raise FormatError(f"{what}: expected Zstandard data, got {e}") from e


def _by_own(own: Any, data: bytes, size: int, what: str) -> bytes:
    frame = own.ZstdDecompressor(options={own.DecompressionParameter.window_log_max: _ANY_WINDOW})
    found = bytes(frame.decompress(data, size + 1))
    if len(found) != size or not frame.eof or frame.unused_data:
        raise FormatError(f"{what}: expected Zstandard data, got a frame of another size than it declares")
    return found


def _own() -> Any:
    return import_module("compression.zstd") if sys.version_info >= (3, 14) else None
