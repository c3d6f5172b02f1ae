"""Zstandard by either library: the same data, the same refusals."""

from __future__ import annotations

import sys

import pytest

from inr_core import FormatError
from inr_core.container import zstd

zstandard = pytest.importorskip("zstandard")


@pytest.fixture(params=["Python's own", "the package"], autouse=True)
def _library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    own = None
    if request.param == "Python's own":
        own = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    monkeypatch.setattr(zstd, "_own", lambda: own)


@pytest.mark.parametrize("data", [b"a", b"ab" * 500, bytes(range(256)) * 300])
@pytest.mark.parametrize("level", [1, 19, 22])
def test_data_comes_back(data: bytes, level: int) -> None:
    frame = zstd.squeeze(data, level)
    assert zstandard.frame_content_size(frame) == len(data)
    assert zstd.expand(frame, len(data), "x") == data
    assert zstd.expand(zstandard.compress(data), len(data), "x") == data


def wrong_frames() -> list[bytes]:
    good = zstandard.compress(b"0123456789" * 9)
    long = zstandard.ZstdCompressor(write_content_size=True, write_checksum=True).compress(bytes(90))
    lies = bytearray(zstandard.compress(bytes(range(90))))
    lies[5] += 1  # the declared size
    return [
        b"",
        b"no frame",
        good[:-1],
        good + b"\0",
        good + good,
        long[:-1] + bytes([long[-1] ^ 1]),
        bytes(lies),
        zstandard.ZstdCompressor(write_content_size=False).compress(bytes(90)),
        zstandard.compress(b""),
        zstandard.compress(bytes(101)),  # above the limit
        b"\x50\x2a\x4d\x18\x02\0\0\0ab",  # a frame to be skipped
    ]


@pytest.mark.parametrize("frame", wrong_frames())
def test_what_is_wrong_is_refused_in_words(frame: bytes) -> None:
    with pytest.raises(FormatError, match=r"^x: expected (Zstandard data|1 to 100 decompressed bytes), got "):
        zstd.expand(frame, 100, "x")


def test_a_wide_window_is_no_reason_to_refuse() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=28, write_content_size=True)
    frame = zstandard.ZstdCompressor(compression_params=parameters).compress(b"abc" * 30)
    assert zstd.expand(frame, 90, "x") == b"abc" * 30
