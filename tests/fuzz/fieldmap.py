"""Where the fields of a file's pixel chunks are, found by watching the reader take them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from unittest import mock

from little_work import decode_within

from inr_core import FormatError, InrError, read_head
from inr_core.container.chunks import PLANE_CHUNKS, read_payloads
from inr_core.container.fields import FieldReader
from inr_core.models import MODELS


@dataclass(frozen=True)
class Field:
    """One field of a pixel chunk."""

    offset: int
    size: int
    kind: str  # byte, number, bytes, or frame: of Zstandard
    what: str  # as errors name it, without numbers
    value: int  # of a byte or a number
    data: bytes


@cache
def pixel_kinds() -> frozenset[bytes]:
    """The types of chunks that hold pixels."""
    return frozenset((*(model.chunk for model in MODELS.values()), *PLANE_CHUNKS.values()))


@lru_cache(1024)
def field_map(data: bytes) -> dict[bytes, tuple[Field, ...]]:
    """The fields of each pixel chunk, by its data, as far as the reader gets; none of a file that is refused before."""
    chunks: list[bytes] = []
    with suppress(FormatError):
        head = read_head(io.BytesIO(data))
        chunks = read_payloads(head.header, data[head.payload_offset :])
    found: dict[bytes, dict[int, Field]] = {chunk: {} for chunk in chunks}
    with _watched(found), suppress(InrError):
        decode_within(data)
    return {chunk: tuple(fields[at] for at in sorted(fields)) for chunk, fields in found.items()}


@contextmanager
def _watched(found: dict[bytes, dict[int, Field]]) -> Iterator[None]:
    taken: dict[int, tuple[bytes, int, bytes]] = {}  # of bytes that were taken, by their id: where from, and themselves

    class Watched(FieldReader):
        """Notes what is taken. A reader of a part of a chunk counts from the chunk's start."""

        def __init__(self, data: bytes) -> None:
            super().__init__(data)
            self.chunk: bytes | None = data if data in found else None
            self.start = 0
            if id(data) in taken:
                self.chunk, self.start, _ = taken[id(data)]

        def note(self, start: int, kind: str, what: str, value: int = 0, whole: bytes | None = None) -> None:
            if self.chunk is not None and self.offset > start:
                field = self.data[start : self.offset]
                if whole is not None:
                    taken[id(whole)] = self.chunk, self.start + start, whole
                name = "".join("#" if c.isdigit() else c for c in what)
                found[self.chunk][self.start + start] = Field(
                    self.start + start, len(field), kind, name, value, field
                )  # fmt: skip

        def byte(self, what: str, low: int, high: int) -> int:
            start = self.offset
            value = super().byte(what, low, high)
            self.note(start, "byte", what, value)
            return value

        def number(self, what: str, low: int, high: int) -> int:
            start = self.offset
            value = super().number(what, low, high)
            found_at = self.start + start
            if self.chunk is not None:  # its bytes were noted one by one
                for at in range(found_at, self.start + self.offset):
                    found[self.chunk].pop(at, None)
            self.note(start, "number", what, value)
            return value

        def take(self, n: int, what: str) -> bytes:
            start = self.offset
            field = super().take(n, what)
            if what != "rest":
                self.note(start, "frame" if field[:4] == b"\x28\xb5\x2f\xfd" else "bytes", what, whole=field)
            return field

        def rest(self) -> bytes:
            start = self.offset
            field = super().rest()
            self.note(start, "bytes", "rest", whole=field)
            return field

    with ExitStack() as patches:
        for name, module in list(sys.modules.items()):
            if name.startswith("inr_core.") and hasattr(module, "FieldReader"):
                patches.enter_context(mock.patch.object(module, "FieldReader", Watched))
        yield
