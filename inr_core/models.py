"""The models: a row each, of what the rest of the code asks of one and where it is found.

Nothing here computes. A row names the classes that open and that save a file, which are imported when first wanted:
opening needs no code of saving, nor that of another model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Self

from .errors import FormatError

MAX_PIXELS = 2**28
MAX_HIDDEN = 1024
MAX_LAYERS = 64
MAX_WEIGHTS = 2**22  # zeros included
MAX_WORK = 2**42  # multiply-adds of the whole picture
MAX_LATENT_PIXELS = 2**26  # they are decoded whole
MAX_STEP = 255
MAX_LEVELS = 16

Limit = Callable[[str, int, int, int], None]  # raises if a value is not low … high


@dataclass(frozen=True)
class SirenShape:
    """The parameters of a siren in a file's header."""

    model: ClassVar[str] = "siren"
    hidden: int  # neurons of each hidden layer
    layers: int  # linear layers

    @classmethod
    def of(cls, prior: int, hidden: int, layers: int) -> Self:
        """What the three numbers of a header say; FormatError: nothing."""
        _check_no_prior(prior)
        return cls(hidden, layers)

    def numbers(self) -> tuple[int, int, int]:
        """What `of` takes."""
        return 0, self.hidden, self.layers

    def linear(self, outputs: int) -> tuple[tuple[int, int], ...]:
        """(out, in) of each linear layer."""
        return (self.hidden, 2), *[(self.hidden, self.hidden)] * (self.layers - 2), (outputs, self.hidden)

    def macs(self, outputs: int) -> int:
        """Multiply-adds a pixel: the weights, zeros included."""
        return sum(out * into for out, into in self.linear(outputs))

    def check(self, limit: Limit, pixels: int, outputs: int) -> None:
        """Whether it is within the limits, for a picture of so many pixels."""
        limit("hidden neurons", self.hidden, 1, MAX_HIDDEN)
        limit("layers", self.layers, 2, MAX_LAYERS)
        limit("weights", self.macs(outputs), 1, MAX_WEIGHTS)
        limit("multiply-adds of the picture", pixels * self.macs(outputs), 1, MAX_WORK)


@dataclass(frozen=True)
class LatentShape:
    """The parameters of a pyramid of latents in a file's header."""

    model: ClassVar[str] = "latent"
    prior: int  # number of the networks that it is made for
    step: int  # index of the quantisation step
    levels: int  # of the pyramid

    @classmethod
    def of(cls, prior: int, step: int, levels: int) -> Self:
        """What the three numbers of a header say."""
        return cls(prior, step, levels)

    def numbers(self) -> tuple[int, int, int]:
        """What `of` takes."""
        return self.prior, self.step, self.levels

    def macs(self, outputs: int) -> int:
        """0: its networks are not the file's, but the prior's."""
        return 0

    def check(self, limit: Limit, pixels: int, outputs: int) -> None:
        """Whether it is within the limits, for a picture of so many pixels."""
        limit("width × height of the latent model", pixels, 1, MAX_LATENT_PIXELS)
        limit("prior", self.prior, 1, 255)
        limit("step", self.step, 0, MAX_STEP)
        limit("levels", self.levels, 1, MAX_LEVELS)


@dataclass(frozen=True)
class ExactShape:
    """The exact model has no parameters."""

    model: ClassVar[str] = "exact"

    @classmethod
    def of(cls, prior: int, hidden: int, layers: int) -> Self:
        """What the three numbers of a header say, which are 0; FormatError: they are not."""
        _check_no_prior(prior)
        for what, number in (("hidden", hidden), ("layers", layers)):
            if number:
                raise FormatError(f"header: {what}: expected 0 to 0, got {number}")
        return cls()

    def numbers(self) -> tuple[int, int, int]:
        """What `of` takes."""
        return 0, 0, 0

    def macs(self, outputs: int) -> int:
        """0: it learns while it decodes."""
        return 0

    def check(self, limit: Limit, pixels: int, outputs: int) -> None:
        """There is nothing to check."""


def _check_no_prior(number: int) -> None:
    if number != 0:
        raise FormatError(f"header: prior: expected 0 (none), got {number}, which this version does not have")


Parameters = SirenShape | LatentShape | ExactShape


@dataclass(frozen=True)
class Model:
    """One row. `picture` and `job` are "module:class" inside this package."""

    parameters: type[Parameters]
    chunk: bytes  # the type of its pixel chunks
    several: bool  # of them, so that a picture can be shown before the last one is there
    lossless: bool  # every sample comes back; else ranges may stand beside it
    planes: tuple[str, ...]  # of `header.PLANE_MODES`, that may stand beside it
    max_pixels: int
    max_payload: int  # bytes of the pixel chunks, with their heads and CRCs
    options: tuple[str, ...]  # of `Settings`, that no other model has
    picture: str  # a `picture.Picture`, which decodes and describes
    job: str  # a `save.job.Job`, which saves

    @property
    def name(self) -> str:
        """What it is called everywhere."""
        return self.parameters.model

    def load(self, what: str) -> Any:
        """The class that the row names, "picture" or "job"."""
        module, name = getattr(self, what).split(":")
        return getattr(import_module(f".{module}", __package__), name)


_ROWS = (  # a file has the place of its model
    Model(
        parameters=SirenShape,
        chunk=b"NETW",
        several=False,
        lossless=False,
        planes=("alpha", "ends"),
        max_pixels=MAX_PIXELS,
        max_payload=2**24,  # MAX_WEIGHTS weights, at 16 bits and with a mask, need little more than half
        options=(
            *("width", "depth", "omega_first", "omega_hidden", "density"),
            *("bits", "sparsity", "quantization", "steps", "batch"),
        ),
        picture="siren.picture:SirenPicture",
        job="save.siren:SirenJob",
    ),
    Model(
        parameters=LatentShape,
        chunk=b"LATS",
        several=True,
        lossless=False,
        planes=("alpha", "ends", "tiles"),
        max_pixels=MAX_LATENT_PIXELS,
        max_payload=2**28,
        options=(),
        picture="latent.picture:LatentPicture",
        job="save.latent:LatentJob",
    ),
    Model(
        parameters=ExactShape,
        chunk=b"STRP",
        several=True,
        lossless=True,
        planes=(),
        max_pixels=MAX_PIXELS,
        max_payload=3 * 2**30,  # MAX_PIXELS of four samples of 16 bits, and what storing them adds
        options=(),
        picture="exact.picture:ExactPicture",
        job="save.exact:ExactJob",
    ),
)
MODELS = {model.name: model for model in _ROWS}
