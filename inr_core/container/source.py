"""A file's bytes in order, and the chunks that they are."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import IO

from ..errors import FormatError, TruncatedError

CHUNK = struct.Struct("<I4s")  # length of the data, type; then data, then CRC
CRC = struct.Struct("<I")  # CRC-32 of type and data


class Source:
    """Reads exactly what is asked for, in order, and knows where it is. TruncatedError: the file ends before that."""

    def __init__(self, fp: IO[bytes]) -> None:
        self.fp, self.offset = fp, 0

    def take(self, n: int, what: str) -> bytes:
        """The next n bytes."""
        data = self.fp.read(n)
        if 0 < len(data) < n:  # a pipe may give less than asked for
            gathered = bytearray(data)
            while more := self.fp.read(n - len(gathered)):
                gathered += more
            data = bytes(gathered)
        if len(data) < n:
            raise TruncatedError(f"{what} at byte {self.offset}: expected {n} bytes, got {len(data)}")
        self.offset += n
        return data

    def chunk_header(self) -> tuple[bytes, int]:
        """Type of the next chunk and length of its data; FormatError: no type is like that."""
        offset = self.offset
        length, kind = CHUNK.unpack(self.take(CHUNK.size, "chunk header"))
        if not kind.isalpha():  # of bytes: ASCII letters
            raise FormatError(f"chunk type at byte {offset}: expected four ASCII letters, got {kind!r}")
        return kind, length

    def chunk_data(self, kind: bytes, length: int, limit: int) -> bytes:
        """Its data; FormatError: more than so many bytes, or another CRC."""
        what = f"chunk {name_of(kind)}"
        if length > limit:
            raise FormatError(f"{what} at byte {self.offset}: expected at most {limit} bytes, got {length}")
        data = self.take(length, what)
        (crc,) = CRC.unpack(self.take(CRC.size, f"CRC of {what}"))
        if crc != crc_of(kind, data):
            raise FormatError(f"{what}: CRC mismatch")
        return data

    def skip_to_missing(self, most: int, last: Callable[[bytes], bool], refused: Callable[[bytes], bool]) -> None:
        """Of a file in memory: if it ends within one of the next chunks, before one of a last type, go on there.

        But not beyond a whole one of a type that is refused: what is wrong is said before what is missing.

        An ImageFile.Parser asks again and again what it has been fed so far: what it costs to say that more is needed
        must not grow with what is there.
        """
        if type(self.fp) is not io.BytesIO:
            return
        begin, at = self.fp.tell() - self.offset, self.offset
        size = self.fp.seek(0, io.SEEK_END) - begin
        try:
            for _ in range(most):
                if size < at + CHUNK.size:
                    break
                self.fp.seek(begin + at)
                length, kind = CHUNK.unpack(self.fp.read(CHUNK.size))
                if last(kind):
                    return
                end = at + CHUNK.size + length + CRC.size
                if size < end:
                    break
                if refused(kind):
                    return
                at = end
            else:
                return
            self.offset = at
        finally:
            self.fp.seek(begin + self.offset)


def name_of(kind: bytes) -> str:
    """A chunk's type in messages."""
    return repr(kind.decode("ascii"))


def crc_of(kind: bytes, data: bytes) -> int:
    """Of a chunk."""
    return zlib.crc32(data, zlib.crc32(kind))
