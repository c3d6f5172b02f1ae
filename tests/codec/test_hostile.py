"""Hostile files: every byte, every truncation and thousands of edits get a FormatError or a picture, nothing else."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import join, read_everything, split

import inr_core
from inr_core import FormatError, TruncatedError, decode, read_head, verify

FOLDER = Path(__file__).parents[1]
FILES = ("every_coder", "palette_alpha")


def read(name: str) -> bytes:
    return (FOLDER / "golden" / f"{name}.inr").read_bytes()


def replaced(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]


@pytest.mark.parametrize("name", FILES)
def test_every_byte_flipped_is_found(name: str) -> None:
    data = read(name)
    for at, byte in enumerate(data):
        for flip in (0x01, 0x20, 0x80, 0xFF):
            broken = replaced(data, at, byte ^ flip)
            with pytest.raises(FormatError):
                decode(broken)
            with pytest.raises(FormatError):
                verify(io.BytesIO(broken))


@pytest.mark.parametrize("name", FILES)
def test_every_truncation_is_truncated(name: str) -> None:
    data = read(name)
    for size in range(len(data)):
        with pytest.raises(TruncatedError):
            decode(data[:size])
        with pytest.raises(TruncatedError):
            verify(io.BytesIO(data[:size]))


def test_every_value_of_every_header_byte() -> None:
    chunks = split(read("palette_alpha"))
    header = chunks[0][1]
    accepted = 0
    for at in range(len(header) - 4):  # the payload's size is made to fit
        for value in range(256):
            accepted += read_everything(join([(b"HEAD", replaced(header, at, value)), *chunks[1:]]))
    assert 200 < accepted < 1500, "sizes are free, the rest is not"


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 9])
@pytest.mark.parametrize("name", FILES)
def test_every_byte_of_the_network(name: str, every: int) -> None:
    chunks = split(read(name))
    network = chunks[-1][1]
    for at in range(0, len(network), every):
        for value in (network[at] ^ 0x01, network[at] ^ 0x80):
            read_everything(join([*chunks[:-1], (b"NETW", replaced(network, at, value))]))


@pytest.mark.parametrize("edits", [pytest.param(5000, marks=pytest.mark.slow), 500])
@pytest.mark.parametrize("name", FILES)
def test_random_edits(name: str, edits: int) -> None:
    path = os.pathsep.join([str(Path(inr_core.__file__ or "").parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            str(FOLDER / "helpers" / "hostile.py"),
            str(FOLDER / "golden" / f"{name}.inr"),
            str(edits),
        ],
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    refused, accepted = map(int, done.stdout.split())
    assert refused + accepted == edits
    assert min(refused, accepted) > edits / 10, "edits that are all refused, or all accepted, test little"


def test_the_largest_promises_cost_nothing_before_the_pixels() -> None:
    """A header at the limits and no weights to speak of: refused for what is missing, at once."""
    chunks = split(read("one_pixel"))
    side = (16_384).to_bytes(2, "little")
    header = side + side + chunks[0][1][4:10] + (125).to_bytes(2, "little") + b"\3" + bytes(4)
    data = join([(b"HEAD", header), *chunks[1:]])
    assert read_head(io.BytesIO(data)).header.macs * 2**28 < 2**42
    with pytest.raises(FormatError, match=r"^layer 0"):
        decode(data)
