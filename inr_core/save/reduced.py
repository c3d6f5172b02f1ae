"""Saving graphics with the exact model, but not exactly: deviations that are not worth their bits are left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from ..container.header import Raster
from ..exact.colours import Planes
from ..exact.cost import opens_mixed
from ..exact.mixed import joined, share_alike
from ..exact.planes import plane_groups, strip_shapes
from ..exact.reduction import Kept, quick_cost, reduce_strip
from ..kernels import reducing
from ..latent.plan import trade_for
from .beside import mask_ends
from .exact import HURRIED, LEVELS, ExactJob
from .job import Request, Result
from .search import Made, reaching, search, smallest_reaching, too_small

MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB")  # not those whose samples mean something else than a level
# of what a bit is worth: a changed pixel also changes what its neighbours are expected to be, which nobody foresees;
# with this share error and bits together are least on screens and text alike (1 costs up to 76 % more, 1/9 up to 15 %)
OWN_SHARE = 1 / 4
ALIKE = 0.6  # of the pixels, to a neighbour: photographs up to 0.52, screens and text from 0.79 on
PART, PARTS = 64, 4  # pixels of the side of the parts that are judged, and how many in a row and in a column
OCTAVES, TOLERANCE = (-8.0, 14.0), 0.25  # log2 of the least and the most trade that a target may need; how exactly


def may_reduce(raster: Raster) -> bool:
    """Whether a picture can be saved so, here."""
    return raster.mode in MODES and raster.bit_depth == 8 and reducing.available() and opens_mixed(raster)


def is_graphics(planes: Planes) -> bool:
    """Whether most pixels are like a neighbour, judged by small parts of planes (P, H, W)."""
    return share_alike(joined(small_parts(planes))) >= ALIKE


def small_parts(planes: Planes, part: int = PART) -> Planes:
    """Parts of planes (P, H, W), squares of so many pixels, below each other, evenly spread; all of a small picture."""
    rows, columns = (_parts_of(side, part) for side in planes.shape[1:])
    return np.concatenate([planes[:, own, across] for own in rows for across in columns], 1)


def _parts_of(side: int, part: int) -> list[slice]:
    """Parts of a side, evenly spread; all of a short one."""
    if side <= PARTS * part:
        return [slice(side)]
    first = (k * (side - part) // (PARTS - 1) for k in range(PARTS))
    return [slice(at, at + part) for at in first]


class ReducedJob(ExactJob):
    """A picture that its samples are nearly those of; exactly where that costs less, or nothing else is possible."""

    lossless = False

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._trade = 0.0
        self._errors: dict[tuple[int, int], float] = {}  # of the strips of the file last saved
        self._exact: dict[tuple[int, int], bytes] = {}
        self.kept = Kept(self.alpha, mask_ends(self.planes[0]) if self.raster.mode == "L" else None)

    def run(self, quality: float) -> Result:
        """As `Job.run`."""
        result = self.of_quality(quality)
        self.handed_back(result)
        return result

    def of_quality(self, quality: float) -> Result:
        """The file of a quality, which is not reported."""
        return self.saved_with(OWN_SHARE * self.price(quality) if quality < 100 else 0.0)

    def price(self, quality: float) -> float:
        """The square error of all samples of a pixel that a bit is worth, to the latent model, too."""
        return trade_for(quality, self.header.channels - self.alpha)

    def cost(self, result: Result) -> float:
        """The square error of all samples of a file and the bits of its pixels together, by the quality."""
        error = self.planes.size * 255**2 * 10 ** (-result.psnr / 10)
        return error + 8 * self.price(self.settings.quality) * self.pixel_bytes(result)

    def pixel_bytes(self, result: Result) -> int:
        """Of a file of this picture by whatever model, what its pixel chunks take."""
        return len(result.data) - self._others

    def guess(self, part: int = PART) -> float:
        """About what `cost` will be, or more, judged by parts of the picture, squares of so many pixels."""
        planes = small_parts(self.planes, part)
        share = planes.size / self.planes.size
        price = self.price(self.settings.quality)
        return quick_cost(planes, OWN_SHARE * price, self.kept, price) / share

    def meet_size(self, target: int) -> bytes:
        """As `Job.meet_size`."""
        return self.handed_back(self.of_target())

    def reach_psnr(self, target: float) -> bytes:
        """As `Job.reach_psnr`."""
        return self.handed_back(self.of_target())

    def of_target(self) -> Result:
        """The file that meets the settings' target, which is not reported. TargetError: it cannot be so small."""
        size, least = self.settings.target_size, self.settings.target_psnr
        if size is None:
            assert least is not None
            made = search(
                self.saved_with,
                0.0,
                _towards(lambda result: result.psnr < least),
                lambda complete: smallest_reaching(complete, least),
            )
            return reaching(made.values(), least)
        made = search(self.saved_with, 0.0, _towards(lambda result: len(result.data) <= size), partial(_nearest, size))
        if (best := _nearest(size, made.values())) is None:
            raise too_small(min(len(result.data) for result in made.values()), size)
        return best

    def saved_with(self, trade: float) -> Result:
        """A file, which is not reported."""
        self._trade, self._errors = trade, {}
        data, stopped = self._save()
        mean = sum(self._errors.values()) / self.planes.size
        measured = 10 * math.log10(255**2 / mean) if mean else math.inf
        return Result(data, measured, stopped, len(strip_shapes(self.header)))

    def _packed(self, rows: tuple[int, int], size: int, level: int) -> bytes:
        self._errors[rows] = 0.0
        if level == HURRIED < LEVELS[self.settings.work]:
            return super()._packed(rows, size, level)

        def exact() -> bytes:
            if rows not in self._exact:
                self._exact[rows] = super(ReducedJob, self)._packed(rows, size, level)
            return self._exact[rows]

        if not self._trade:
            return exact()
        planes, groups = np.ascontiguousarray(self.planes[:, slice(*rows)]), plane_groups(self.header)
        found = reduce_strip(planes, exact, groups, level, self._trade, self.kept)
        self._errors[rows] = found.error
        return found.payload


def _nearest(size: int, made: Iterable[Result]) -> Result | None:
    """The file with the least error of those of at most so many bytes."""
    small = (result for result in made if len(result.data) <= size)
    return max(small, key=lambda result: (result.psnr, -len(result.data)), default=None)


def _towards(holds: Callable[[Result], bool]) -> Callable[[Made], float | None]:
    """What `search` is told: after the exact file, by halves to the least trade with which it holds."""
    low, high = OCTAVES
    middle: float | None = None

    def following(made: Made) -> float | None:
        nonlocal low, high, middle
        held = holds(list(made.values())[-1])
        if middle is not None:
            low, high = (low, middle) if held else (middle, high)
        elif held:
            return None
        middle = (low + high) / 2
        return 2.0**middle if high - low > TOLERANCE else None

    return following
