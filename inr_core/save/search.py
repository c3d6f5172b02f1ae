"""The search for a target: files by a number that their size and PSNR follow, until one is near enough.

How near that is, and how many files are made at most, each model's `plan` says: `shift_for_size`, `shift_for_psnr` and
`TRIALS` of latents, `next_quality` of a siren.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from ..errors import Interrupted, TargetError
from .job import Result

Made = Mapping[float, Result]  # the files made, by their numbers, in the order of making


def search(
    make: Callable[[float], Result],
    first: float,
    following: Callable[[Made], float | None],
    best: Callable[[Iterable[Result]], Result | None],
) -> dict[float, Result]:
    """The files, by number, that `make` makes: of `first`, then of what `following`, told of all of them, says.

    None ends it, and so does a file that was stopped. Interrupted: with the `best` of those that were complete by then,
    if there is one, or else with what `make` could do.
    """
    made: dict[float, Result] = {}
    number: float | None = first
    while number is not None:
        try:
            made[number] = make(number)
        except Interrupted as e:
            complete = best(made.values())
            raise (Interrupted(complete.data) if complete else e) from e
        number = None if made[number].stopped else following(made)
    return made


def smallest_reaching(made: Iterable[Result], target: float) -> Result | None:
    """The smallest of the files that reach `target` dB."""
    return min((r for r in made if r.psnr >= target), key=lambda r: len(r.data), default=None)


def reaching(made: Collection[Result], target: float, hint: str = "") -> Result:
    """The smallest of the files that reach `target` dB, or, where one was stopped, the nearest; TargetError."""
    best = smallest_reaching(made, target) or max(made, key=lambda r: r.psnr)
    if best.psnr < target and not any(r.stopped for r in made):
        raise TargetError(f"target_psnr: expected {target:g} dB, reached {best.psnr:.2f} dB{hint}")
    return best


def within(made: Iterable[Result], target: int) -> Result | None:
    """The largest of the files of at most `target` bytes."""
    return max((r for r in made if len(r.data) <= target), key=lambda r: len(r.data), default=None)


def too_small(least: int, target: int) -> TargetError:
    """What to raise for a size that no file of the picture has."""
    return TargetError(f"target_size: expected at least {least} bytes for this picture, got {target}")
