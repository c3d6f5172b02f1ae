"""What a caller lets a file cost: limits beside the format's own, and what decoding costs, known beforehand.

Seconds are those of one core of a nominal machine, which is the same everywhere: whether a file is refused does not
depend on how fast this one is, or how busy. It is a core of 2020 with AVX2 and the compiled kernels.
"""

from __future__ import annotations

import dataclasses
import math
from array import array
from dataclasses import dataclass
from typing import ClassVar, Self

from .errors import LimitError, SettingsError, check_type, shown

# Seconds by the compiled kernels and by NumPy, measured with files of many shapes: see tests/fuzz/slowest.py.
RATES = {
    "macs": (25e-12, 60e-12),
    "sines": (0.8e-9, 4.5e-9),
    "passes": (1e-9, 2e-9),
    "steps": (1.2e-5, 1.2e-5),
    "distances": (1e-9, 1e-9),
    "symbols": (5e-8, 6e-7),
    "questions": (1.2e-7, 8e-5),
    "plain_questions": (8e-5, 8e-5),
}

ROUNDED = 0.05  # seconds by which a cost may be beyond a limit: they are compared to a tenth
MOST_LEFT = 2**62


@dataclass(frozen=True)
class Cost:
    """What decoding takes at the most, counted from a file's header and the heads of its parts, nothing decoded.

    How many questions a file asks is known when they have been asked: all but those that are `unsure` for certain.
    """

    macs: int = 0  # multiply-adds
    sines: int = 0
    passes: int = 0  # simple operations on a value of an array: sums, shifts, look-ups
    steps: int = 0  # on a few values, of many that wait for one another
    distances: int = 0  # of a pixel to a colour of a palette
    symbols: int = 0  # of weights, read by the range coder
    questions: int = 0  # that the mixing coder asks: bits of samples, candidates for pixels
    plain_questions: int = 0  # those asked in plain Python, for want of compiled kernels
    unsure: int = 0  # of both kinds of questions, those that a file need not ask

    def __add__(self, other: Cost) -> Cost:
        pairs = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in dataclasses.fields(Cost)}
        return Cost(**pairs)

    @property
    def seconds(self) -> float:
        """Of a core of the nominal machine, at the most."""
        return self._seconds(0)

    @property
    def least_seconds(self) -> float:
        """Of a core of the nominal machine, whatever questions are asked."""
        return self.seconds - self.unsure * self.question_seconds

    @property
    def question_seconds(self) -> float:
        """Of a core of the nominal machine, for one question."""
        return RATES["plain_questions" if self.plain_questions else "questions"][0]

    @property
    def numpy_seconds(self) -> float:
        """Of the same core without compiled kernels."""
        return self._seconds(1)

    def _seconds(self, column: int) -> float:
        return float(sum(getattr(self, name) * rates[column] for name, rates in RATES.items()))


@dataclass(frozen=True)
class Limits:
    """What may be read and decoded; beyond the format's own limits nothing is, whatever they say.

    Raises SettingsError for what is not a number, or below 0.
    """

    default: ClassVar[Limits]  # of every call that is given none; may be assigned to

    pixels: float = math.inf  # of the picture, and of a size asked for
    seconds: float = 120.0  # of a core of the nominal machine, to decode what is asked for
    metadata: float = math.inf  # bytes of all blocks together, expanded
    chunks: float = math.inf  # before the pixels

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 0:
                raise SettingsError(f"limits: {each.name}: expected a number of at least 0, got {shown(value)}")

    @classmethod
    def untrusted(cls) -> Self:
        """For files of strangers, many of them: pictures of 67 megapixels, ten seconds."""
        return cls(pixels=2**26, seconds=10.0, metadata=2**22, chunks=32)

    @classmethod
    def unlimited(cls) -> Self:
        """The format's own only."""
        return cls(seconds=math.inf)

    def check(self, what: str, value: float, unit: str) -> None:
        """LimitError for a value beyond the limit of that name."""
        most = getattr(self, what)
        if value > most:
            raise LimitError(f"limits: {what}: expected at most {most:,g} {unit}, got {value:,.10g}")

    def check_cost(self, cost: Cost) -> Budget:
        """How many questions may be asked; LimitError for what takes too many seconds however few they are."""
        self.check("seconds", round(cost.least_seconds, 1), "of a nominal core")
        return Budget(cost, self.seconds)


class Budget:
    """Of the questions of a picture that is decoded; threads share it, and what each has asked is taken off at times.

    Beyond it nothing is given: LimitError. Until a thread finds out it may ask for as many pixels more as it reads
    between two looks, 2^15 or a row.
    """

    def __init__(self, cost: Cost, seconds: float) -> None:
        self._cost, self._limit = cost, seconds
        self.left: array[int] | None = None  # of questions, below 0 when there were too many; None: there is no limit
        if cost.unsure and math.isfinite(seconds):
            others = cost.seconds - (cost.questions + cost.plain_questions) * cost.question_seconds
            most = (seconds + ROUNDED - others) / max(cost.question_seconds, 1e-30)
            self.left = array("q", [int(min(most, MOST_LEFT))])
        self._first = self.left[0] if self.left else 0

    def check(self) -> None:
        """LimitError: too much has been asked."""
        if self.left and self.left[0] < 0:
            raise LimitError(f"limits: seconds: expected at most {self._limit:,g} of a nominal core, got more")

    @property
    def seconds(self) -> float:
        """Of a core of the nominal machine, that what has been decoded so far took, or takes at the most."""
        if not self.left:
            return self._cost.seconds
        questions = self._cost.questions + self._cost.plain_questions
        return self._cost.seconds - (questions - (self._first - self.left[0])) * self._cost.question_seconds


Limits.default = Limits()


def given(limits: Limits | None) -> Limits:
    """What a call goes by. Raises TypeError for what are no Limits."""
    chosen = Limits.default if limits is None else limits
    check_type("limits", chosen, Limits)
    return chosen
