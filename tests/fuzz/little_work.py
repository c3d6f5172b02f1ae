"""What a fuzzer may ask of a file: its pixels where they are little work, else its structure. What it finds."""

from __future__ import annotations

import io

import numpy as np

import inr_core
from inr_core import Decoder, read_head
from inr_core.kernels import switch

MAX_PIXELS = 2**12  # beyond, and beyond MAX_WORK, only a file's structure is read: it may legally take minutes
MAX_WORK = 2**22  # multiply-adds of a siren
MAX_PLAIN = 2**14  # bits of samples that the mixing coder may have to read in plain Python


class Finding(Exception):
    """Something that no file may do: the message says what."""


def decode_within(data: bytes) -> str:
    """Decode if that is little work, else read the structure; what was done. FormatError: it is refused."""
    head = read_head(io.BytesIO(data))
    header = head.header
    decoder = Decoder(head, data[head.payload_offset :], threads=1)
    name = f"{header.model} {header.mode}"
    if not little_work(head):
        return f"structure read, {name}"
    rows = np.concatenate([rows for _, rows in decoder.bands()])
    if rows.shape[:2] != (header.height, header.width):
        raise Finding(f"decoded {rows.shape} for {header}")
    return f"decoded {name}"


def little_work(head: inr_core.Head) -> bool:
    """Whether all of its pixels are."""
    header = head.header
    pixels = header.width * header.height
    if header.model == "exact" and not switch.compiled() and pixels * header.channels * header.bit_depth > MAX_PLAIN:
        return False
    return pixels <= MAX_PIXELS and (header.model == "latent" or pixels * header.macs <= MAX_WORK)
