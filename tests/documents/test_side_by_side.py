"""`make test` leaves no test out: its two halves are all that pytest collects."""

from __future__ import annotations

from pathlib import Path

import side_by_side


def test_the_halves_are_all_folders_with_tests_and_share_none() -> None:
    here, beside = side_by_side.halves()
    assert not set(here) & set(beside)
    tests = set(side_by_side.TESTS.rglob("test_*.py"))
    found = [path for folder in (*here, *beside) for path in Path(folder).rglob("test_*.py")]
    assert len(found) == len(set(found))
    assert set(found) == tests
    assert {Path(folder).name for folder in here} == set(side_by_side.HERE)
