"""What a file says of itself, as `describe` gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .container.chunks import Head
from .limits import Cost

Chunk = tuple[str, int, int]  # type, offset in the file, length of the data


@dataclass(frozen=True)
class LayerInfo:
    """One layer of a siren. Bytes that the range coder shares between layers are ideal code lengths."""

    name: str
    shape: tuple[int, int]  # (out, in)
    nonzeros: int
    density: float
    kind: str
    bits: int
    mask_coder: str
    mask_bytes: float
    symbol_coder: str
    symbol_bytes: float
    bias_bytes: float


@dataclass(frozen=True)
class PartInfo:
    """Planes of a strip of the exact model that are stored together."""

    strip: int
    planes: int
    predictor: str  # or "mixing coder"
    colours: int  # listed; 0: the samples themselves are stored
    bytes: int


@dataclass(frozen=True)
class FileInfo:
    """Everything there is to know of a file without evaluating it."""

    head: Head
    chunks: list[Chunk]
    network: str  # what makes the pixels, in a line
    macs: int = 0  # multiply-adds a pixel, of networks whose weights are known beforehand
    layers: Sequence[LayerInfo] = ()  # of a siren
    moved: int = 0  # weights of a latent's networks that are not the prior's
    moved_bytes: int = 0  # that they take
    parts: Sequence[PartInfo] = ()  # of the exact model
    cost: Cost = field(default_factory=Cost)  # of decoding the whole picture


def beside(head: Head, chunks: Sequence[Chunk]) -> str:
    """What stands beside a lossy model, to be added to its line."""
    ends = "ends of " + ("alpha" if head.header.alpha else "grey")
    names = {"ALPH": "alpha exactly", "ENDS": f"{ends} exactly", "TILE": "tiles beside it"}
    return "".join(f", {names[kind]} ({size:,} bytes)" for kind, _, size in chunks if kind in names)
