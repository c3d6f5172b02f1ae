"""Maps taken apart into the four parities that the entropy networks code one after the other."""

from __future__ import annotations

import torch
from torch import Tensor

from .float_wavelet import Size


def to_parities(x: Tensor) -> Tensor:
    """Maps (c, h, w) → (4·c, ceil(h/2), ceil(w/2)), as `pixel_unshuffle`; zeros beyond odd sizes."""
    c, h, w = x.shape
    odd = h % 2 or w % 2
    out = (x.new_zeros if odd else x.new_empty)((c, 2, 2, (h + 1) // 2, (w + 1) // 2))
    for i in range(2):
        for j in range(2):
            out[:, i, j, : (h + 1 - i) // 2, : (w + 1 - j) // 2] = x[:, i::2, j::2]
    return out.flatten(0, 2)


def from_parities(x: Tensor, size: Size) -> Tensor:
    """The inverse and the adjoint of `to_parities` for maps (c, h, w) of `size` (h, w)."""
    out = x.new_empty((len(x) // 4, *size))
    assign_parities(out, x)
    return out


def assign_parities(out: Tensor, x: Tensor, add: bool = False) -> None:
    """`from_parities` into maps that are there."""
    _, h, w = out.shape
    x = torch.unflatten(x, 0, (-1, 2, 2))
    for i in range(2):
        for j in range(2):
            part = x[:, i, j, : (h + 1 - i) // 2, : (w + 1 - j) // 2]
            if add:
                out[:, i::2, j::2] += part
            else:
                out[:, i::2, j::2] = part


def clear_padding(x: Tensor, size: Size) -> Tensor:
    """Parities of maps of `size`, in place 0 where those have no position."""
    parities = torch.unflatten(x, 0, (-1, 2, 2))
    if size[0] % 2:
        parities[:, 1, :, -1, :] = 0
    if size[1] % 2:
        parities[:, :, 1, :, -1] = 0
    return x
