"""The pixel chunks of a file as its bytes arrive: how many there are, how many to ask for next."""

from __future__ import annotations

import dataclasses

from ..errors import FormatError
from .chunks import check_chunks, read_payloads
from .header import Header
from .source import CHUNK, CRC


class Arrival:
    """Takes the bytes from a file's `payload_offset` on, in pieces of any size.

    FormatError as soon as a chunk is too long, or one too many begins.
    """

    def __init__(self, header: Header) -> None:
        self.header = header
        self.data = bytearray()
        self.ends: list[int] = []  # of the chunks that are complete, in `data`; at most MAX_CHUNKS
        self.first_bytes: list[int] = []  # of the data of those of them with pixels, but for empty ones

    def feed(self, data: bytes) -> None:
        """The next bytes; those behind the pixel chunks are ignored."""
        self.data += data[: self.missing]
        while (end := self._end()) is not None and end <= len(self.data):
            if self._is_pixels() and end - self._start > CHUNK.size + CRC.size:
                self.first_bytes.append(self.data[self._start + CHUNK.size])
            self.ends.append(end)
            check_chunks(len(self.ends), end, self.header)

    @property
    def missing(self) -> int:
        """Bytes until the pixels are complete."""
        return self.header.payload_bytes - len(self.data)

    @property
    def wanted(self) -> int:
        """Bytes until the next thing is known: what the next chunk is, then all of it. 0 if nothing is missing."""
        end = self._end()
        return min(self.missing, (self._start + CHUNK.size if end is None else end) - len(self.data))

    @property
    def next_bytes(self) -> int | None:
        """Bytes of data in the chunk that is not complete, if that is known."""
        end = self._end()
        return None if end is None else end - self._start - CHUNK.size - CRC.size

    def payloads(self) -> tuple[list[bytes], bytes]:
        """What the complete pixel chunks hold, as `container.read_payloads`; and the data that there is of the next."""
        whole = self._start
        found: list[bytes] = []
        if whole:
            own = dataclasses.replace(self.header, payload_bytes=whole)
            found = read_payloads(own, bytes(self.data[:whole]), whole=False)
        length = self.next_bytes
        if length is None or not self._is_pixels():
            return found, b""
        return found, bytes(self.data[whole + CHUNK.size : whole + CHUNK.size + length])

    @property
    def _start(self) -> int:
        return self.ends[-1] if self.ends else 0

    def _is_pixels(self) -> bool:
        """Whether the chunk that is not complete has pixels, where it is known to be one."""
        start = self._start
        return self.data[start + CHUNK.size - 4 : start + CHUNK.size] == self.header.row.chunk

    def _end(self) -> int | None:
        """Of the chunk that is not complete, if its length is known."""
        start, limit = self._start, self.header.payload_bytes
        if len(self.data) < start + CHUNK.size:
            return None
        length, _ = CHUNK.unpack_from(self.data, start)
        end = int(start + CHUNK.size + length + CRC.size)
        if length > self.header.row.max_payload or end > limit:
            raise FormatError(f"pixel chunk at byte {start}: expected to end by byte {limit}, got byte {end}")
        return end
