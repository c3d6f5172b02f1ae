"""The conclusions of STUDY.md follow from the rows in docs/results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from result_rows import PAGES, Line, rows


def claims(section: str) -> list[Line]:
    """The table of conclusions that ends a section of STUDY, cells as they stand there."""
    text = PAGES["STUDY"].split(f"\n## {section}", 1)[1].split("\n## ", 1)[0]
    (block,) = (block for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) if block.startswith("claim "))
    return [tuple(re.split(r"  +", line.strip())) for line in block.splitlines()[2:]]


def concluded(conclusions: Sequence[Any]) -> list[Line]:
    return [
        (c.claim, c.picture, c.verdict, "–" if c.by is None else f"{c.by:+z.2f}", c.unit, c.measured)
        for c in conclusions
    ]


def test_conclusions_of_the_study_follow_from_their_rows() -> None:
    """Where all rows are kept; printed ones are rounded, so the last digit of a difference may move by one."""
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    from study import compression, contest, entropy, jpeg, quantise, wavelet

    found = {
        "Figure 3": concluded(jpeg.conclusions([jpeg.Row(**row) for row in rows("study-jpeg", "jpeg")])),
        "Figure 7": concluded(wavelet.conclusions([wavelet.Row(**row) for row in rows("study-wavelet", "wavelet")])),
        "Quantisation": concluded(quantise.conclusions(rows("study-quantise", "quantise"))),
        "Entropy coders": concluded(entropy.conclusions([entropy.Row(**r) for r in rows("study-entropy", "entropy")])),
        "Figure 10": concluded(
            compression.conclusions([contest.Row(**row) for row in rows("study-compression", "compression")])
        ),
    }
    for section, made in found.items():
        stated = claims(section)
        for one, other in zip(stated, made, strict=True):
            assert one[:2] == other[:2]
            if one[3] == other[3] == "–" or abs(float(other[3])) < 0.01:  # which side is a matter of rounding
                continue
            assert one[2] == other[2], (section, one)
            assert float(one[3]) == pytest.approx(float(other[3]), abs=0.0101), (section, one)
            assert [re.sub(r"[\d.,+-]+", "#", cell) for cell in one[4:]] == [
                re.sub(r"[\d.,+-]+", "#", cell) for cell in other[4:]
            ]
