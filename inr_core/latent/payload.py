"""What stands at the head of a payload: how many levels it holds, and in the first one the coarsest low-pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..container.fields import FieldReader, pack_bits, pack_number

Ints = NDArray[np.int32]

ALL_CODED = 0x80  # in a payload's first byte, beside the number of levels: no symbol was left out
DIFFERENT = 0x40  # in the first payload's: differences of the networks follow the low-pass
LOOK = 0x20  # in the first payload's: steps are weighted for looks
LEVELS_MASK = 0x1F  # of that byte: how many levels the payload holds
LOW_BITS = 24  # of a coarsest low-pass value above its plane's least
LOW_MAX = 1 << 23  # of that least


def pack_lowpass(lowpass: Sequence[Ints]) -> bytes:
    """By plane: the least value + 2^23, bits a value, values above the least of that many bits each."""
    out = []
    for planes in lowpass:
        for plane in planes:
            least = int(plane.min())
            bits = int(plane.max() - least).bit_length()
            out += [pack_number(least + LOW_MAX), bytes([bits]), pack_bits(plane.reshape(-1) - least, bits)]
    return b"".join(out)


def read_lowpass(fields: FieldReader, components: Sequence[int], size: tuple[int, int]) -> list[Ints]:
    """What `pack_lowpass` wrote: by component planes (planes, h, w), for a grid of width × height."""
    w, h = size
    lowpass = []
    for component, count in enumerate(components):
        planes = np.empty((count, h, w), np.int32)
        for plane in range(count):
            what = f"low-pass, component {component}, plane {plane}"
            least = fields.number(f"{what}, least", 0, 2 * LOW_MAX) - LOW_MAX
            bits = fields.byte(f"{what}, bits", 0, LOW_BITS)
            planes[plane] = least
            if bits:
                planes[plane] += fields.bits(h * w, bits, what).reshape(h, w)
        lowpass.append(planes)
    return lowpass


def skip_lowpass(fields: FieldReader, planes: int, size: tuple[int, int]) -> None:
    """Take what `pack_lowpass` wrote off the front."""
    w, h = size
    for plane in range(planes):
        fields.number(f"low-pass, plane {plane}, least", 0, 2 * LOW_MAX)
        bits = fields.byte(f"low-pass, plane {plane}, bits", 0, LOW_BITS)
        fields.take((h * w * bits + 7) // 8, "low-pass")
