"""What an experiment is given (pictures, scale, where to write) and what it declares of itself."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, TypeVar, get_type_hints

from PIL import Image

from inr_core.errors import InrError
from inr_core.process.threads import cores
from pillow_inr.bench.pictures import Samples, load, samples
from pillow_inr.bench.report import Report

R = TypeVar("R")
# Fields of a row and how they are printed.
Count = Annotated[int, ",d"]
Plain = Annotated[float, "g"]
Bpp = Annotated[float, ".3f"]
Decibels = Annotated[float, ".2f"]
Seconds = Annotated[float, ".1f"]

NATURAL, TEXT = "natural", "text"
SAMPLES = Path(__file__).resolve().parents[1] / "sample_images"
STEP_SECONDS = 1.3e-8  # measured: one neuron at one pixel of a training step, on one thread; 12 ms for 8 layers × 64


@dataclass(frozen=True)
class Scale:
    """How large an experiment is; the default of every field is the study's own setting."""

    side: int = 512  # pixels, of the square pictures
    width: int = 128  # neurons of each hidden layer
    depth: int = 8  # linear layers
    steps: int = 10_000
    batch: int | None = None  # pixels a step; None: all of them

    def difference(self) -> str:
        """What is not as in the study, in words."""
        study = Scale()
        parts = []
        if self.side != study.side:
            parts.append(f"{self.side}×{self.side} pixels instead of {study.side}×{study.side}")
        if (self.depth, self.width) != (study.depth, study.width):
            parts.append(f"{self.depth} layers × {self.width} instead of {study.depth} × {study.width}")
        if self.steps != study.steps:
            parts.append(f"{self.steps:,} steps instead of {study.steps:,}")
        if self.batch != study.batch:
            parts.append(f"{self.batch:,} pixels a step instead of all")
        return "; ".join(parts) or "nothing"

    @property
    def pixels(self) -> int:
        """Of a training step."""
        return min(self.batch or self.side**2, self.side**2)

    def seconds(self, width: int, depth: int) -> float:
        """About how long one fit takes on one thread."""
        return STEP_SECONDS * width * (depth - 1) * self.pixels * self.steps


@dataclass(frozen=True)
class Picture:
    """A square picture: samples (side, side, 3)."""

    name: str
    kind: str  # NATURAL or TEXT
    pixels: Samples

    @property
    def image(self) -> Image.Image:
        """For Pillow's formats."""
        return Image.fromarray(self.pixels)


class Rows(list[R]):
    """Dataclasses that are the rows of a table: kept here, and handed to the report as they come."""

    def __init__(self, report: Report, name: str, title: str, kind: type[R]) -> None:
        super().__init__()
        hints = get_type_hints(kind, include_extras=True)
        columns = {name: next(iter(getattr(hint, "__metadata__", ())), "") for name, hint in hints.items()}
        self._report, self._table = report, report.table(name, title, columns)

    def add(self, row: R) -> None:
        """A finished row."""
        self.append(row)
        self._report.add(self._table, dict(vars(row)))


@dataclass(frozen=True)
class Study:
    """One run of one experiment."""

    name: str
    report: Report
    scale: Scale
    pictures: list[Picture]
    out: Path
    scaled_down: str  # in words
    device: str = "cpu"
    threads: int = dataclasses.field(default_factory=cores)
    seed: int = 0

    def rows(self, title: str, kind: type[R], what: str = "") -> Rows[R]:
        """A new table of the experiment; a field's type says how its column is printed."""
        return Rows(self.report, self.name + what, title, kind)

    def path(self, suffix: str) -> Path:
        """Of a file that the experiment leaves."""
        return self.out / f"{self.name}{suffix}"


@dataclass(frozen=True)
class Experiment:
    """An experiment and its two sizes. Its module is only imported to run it: it may need torch."""

    name: str
    figure: int | None  # of the study
    title: str
    module: str  # of this package; has `run(study)` and `neurons(scale)`
    pictures: tuple[str, ...]  # of sample_images, by default
    small: Scale  # at most 20 minutes on two CPU cores
    full: Scale = Scale()
    kind: str = NATURAL  # of pictures given by the user, where they do not say

    def run(self, study: Study) -> None:
        """Measure, and leave tables and files."""
        self._module().run(study)

    def seconds(self, scale: Scale, pictures: int) -> float:
        """About how long it takes on one thread."""
        return pictures * scale.seconds(1, 2) * float(self._module().neurons(scale))

    def _module(self) -> ModuleType:
        return import_module(f".{self.module}", __package__)


def square(path: Path, kind: str, side: int) -> Picture:
    """The central square of a picture, `side` pixels or as many as it has, always an even number.

    As in the study, the shorter side of a natural picture is first made `side` pixels, though never enlarged; text is
    only cropped, as it would not survive that.
    """
    im = Image.fromarray(samples(load(path, None)))
    short = min(im.size)
    if kind == NATURAL and short > side:
        im = im.resize((round(im.width * side / short), round(im.height * side / short)), Image.Resampling.LANCZOS)
    side = min(side, *im.size) // 2 * 2
    if side < 2:
        raise InrError(f"{path}: expected a picture of at least 2×2 pixels, got {im.width}×{im.height}")
    left, top = (im.width - side) // 2, (im.height - side) // 2
    return Picture(path.stem, kind, samples(im.crop((left, top, left + side, top + side))))


def default_pictures(experiment: Experiment, side: int) -> list[Picture]:
    """Out of sample_images; InrError where they are not installed."""
    found = []
    for name in experiment.pictures:
        path = SAMPLES / name
        if not path.is_file():
            raise InrError(f"pictures: expected paths, as there are no sample pictures here ({path})")
        found.append(square(path, TEXT if path.stem in ("page", "chart") else NATURAL, side))
    return found
