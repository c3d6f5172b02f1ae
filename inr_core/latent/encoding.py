"""Latents → the payloads of the pixel chunks, coarse to fine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..container.fields import with_length
from ..entropy.symbols import SymbolWriter
from ..kernels.colour import Samples
from ..kernels.strips import Strips
from . import differences
from .choosing import Transformed, Wanted
from .latents import Latents
from .payload import ALL_CODED, DIFFERENT, LOOK, pack_lowpass
from .prior import Prior
from .pyramid import Pyramid
from .tunes import tuned

Ints = NDArray[np.int32]

# A symbol that is left out loses its square, in squared steps. Only what is beyond WORTH_OF_BITS counts as lost: where
# 0 has a probability of 0.9985 and more, another symbol takes 10 bits and more, and a bit is worth about 0.12 squared
# steps (2·ln 2 / 12, the slope of a uniform quantiser). MOST_LOST a detail is 0.01 dB beside the 1/12 that quantising
# loses; above it every symbol is coded.
WORTH_OF_BITS = 1.5
MOST_LOST = 2e-4
GROUP_BITS = 8 * 4096  # a payload ends with the level that makes it this long: what it adds stays below 0.5 %

Encoded = tuple[list[bytes], Latents, Samples]  # payloads of the pixel chunks, what they hold, and what that decodes to


def encode_latents(latents: Latents, prior: Prior, threads: int = 1, device: str = "cpu") -> Encoded:
    """The payloads of the pixel chunks, coarse to fine; the latents and the samples (H, W, C) that they decode to.

    Symbols that the entropy model holds for surely 0 are left out, and values there set to 0: the bits saved are worth
    a ±1 lost here and there. Where more is lost, every symbol is coded.
    """

    def dropped(details: Sequence[Sequence[Ints]]) -> Iterator[Ints]:
        for bands, kept in zip(latents.details, details, strict=True):
            yield from ((band - rest)[band != rest] for band, rest in zip(bands, kept, strict=True))

    return _skipping(lambda skip: _encode(latents, prior, skip, threads, device), dropped)


def encode_transformed(picture: Transformed, prior: Prior, threads: int = 1, device: str = "cpu") -> Encoded:
    """The same of a picture whose symbols are chosen as they are coded."""

    def dropped(details: Sequence[Sequence[Ints]]) -> Iterator[Ints]:
        for wanted, kept in zip(picture.wanted, details, strict=True):
            yield from (each.missed(rest) for each, rest in zip(wanted, kept, strict=True))

    return _skipping(lambda skip: _encode(picture.latents, prior, skip, threads, device, picture.wanted), dropped)


def _skipping(encode: Callable[[bool], Encoded], dropped: Callable[[list[list[Ints]]], Iterable[Ints]]) -> Encoded:
    """What is encoded leaves out what is surely 0, but where too much is lost by that.

    dropped: by how many steps details (by component and level) miss what they should be.
    """
    encoded = encode(True)
    kept = encoded[1].details
    lost = sum(float(np.maximum(d.astype(np.float64) ** 2 - WORTH_OF_BITS, 0).sum()) for d in dropped(kept))
    count = sum(band.size for bands in kept for band in bands)
    return encode(False) if lost > MOST_LOST * count else encoded


def _encode(
    latents: Latents, prior: Prior, skip: bool, threads: int, device: str, chosen: list[list[Wanted]] | None = None
) -> Encoded:
    """Payloads, what is kept and samples, as `encode_latents`; `skip`: leave out what is surely 0.

    chosen: what details are chosen for, by component and level, instead of those of the latents.
    """
    kept = [[band.copy() for band in bands] for bands in latents.details]
    own = differences.adapted(tuned(prior, latents.look), latents.differences)
    pyramid = Pyramid(latents, own, Strips(threads, device))
    writer = SymbolWriter(prior.tables)

    def code() -> tuple[list[bytes], Samples]:
        nonlocal writer
        pyramid.start(latents.lowpass)
        payloads, head, group, flags = [], pack_lowpass(latents.lowpass), 0, LOOK if latents.look else 0
        if latents.differences:
            head += with_length(differences.pack(prior, latents.differences)[0])
            flags |= DIFFERENT
        for level in range(latents.levels - 1, -1, -1):
            for k, component in enumerate(pyramid.components):
                component.refine(level, skip, writer, kept[k][level], chosen[k][level] if chosen else None)
            group += 1
            if not level or writer.ideal_bits >= GROUP_BITS:
                first = bytes([group | flags | (0 if skip else ALL_CODED)])
                payloads.append(first + head + writer.finish())
                writer, head, group, flags = SymbolWriter(prior.tables), b"", 0, 0
        return payloads, pyramid.samples(0)

    payloads, samples = pyramid.strips.run(code)
    return payloads, replace(latents, details=kept), samples
