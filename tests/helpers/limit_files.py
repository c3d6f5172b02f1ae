"""Small files whose headers promise what a test wants, and how they are refused."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hostile import join, split
from networks import header_of, make_file
from toy_prior import smooth_picture

from inr_core import FormatError, Settings, encode
from inr_core.container import header

SIREN = make_file(header_of("RGB"))
LATENT = encode(smooth_picture(np.random.default_rng(0), 12, 9, 3), Settings(effort=0, threads=1))


def with_head(data: bytes, **fields: int) -> bytes:
    """The file with fields of its header replaced; nothing else is made to fit."""
    pieces = split(data)
    names = ("width", "height", "mode", "bit_depth", "channels", "model", "prior", "hidden", "layers", "payload_bytes")
    values = dict(zip(names, header.HEAD.unpack(pieces[0][1]), strict=True)) | fields
    return join([(b"HEAD", header.HEAD.pack(*values.values())), *pieces[1:]], values["payload_bytes"])


def refused(read: Callable[[io.BytesIO], object], data: bytes, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(io.BytesIO(data))
    assert str(caught.value) == message
