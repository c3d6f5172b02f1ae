"""Files and decoders that say what is done with them."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from typing import Any

import inr_core


class Reads(io.BytesIO):
    """Remembers how far it was read."""

    furthest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        got = super().read(size)
        self.furthest = max(self.furthest, self.tell())
        return got


def slow_decoder(decoded: list[threading.Thread]) -> type[inr_core.Decoder]:
    """A decoder that leaves other threads the time to arrive, and says which thread decodes."""

    class Slow(inr_core.Decoder):
        def bands(self, *args: Any) -> Iterator[tuple[int, Any]]:
            decoded.append(threading.current_thread())
            time.sleep(0.05)
            yield from super().bands(*args)

    return Slow
