"""The worked example of FORMAT.md for the mixing coder: a small file, and every answer in it.

The text comes from what `reference_mixing` reads and computes. After a change of the format, write it anew:

    python tests/helpers/format_example_mixing.py
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import reference_decoder as reference
from format_example import dump, picture, write_section
from reference_answers import SQUASH, STRETCH, Answers, Counter, Network, mixed
from reference_mixing import Mixed

from inr_core.container import chunks
from inr_core.container.fields import pack_number
from inr_core.container.header import Header
from inr_core.container.metadata import Metadata
from inr_core.exact import strips
from inr_core.kernels import mixing, switch
from inr_core.models import ExactShape

START = "<!-- made by tests/helpers/format_example_mixing.py -->\n"
WIDTH, HEIGHT = 3, 2
PIXELS = ((0, 0, 200), (0, 0, 200))


@dataclass(frozen=True)
class Answer:
    """What was asked, and what the coder's state was before."""

    kind: str
    inputs: list[int]
    rows: tuple[int, ...]
    said: list[int]  # a
    p: int
    low: int
    high: int
    window: int
    answer: int


class Told(Network):
    """A network that keeps what it was asked."""

    def __init__(self, answers: Answers, kind: str, kept: list[Answer]) -> None:
        super().__init__(answers)
        self.kind, self.kept = kind, kept

    def ask(self, counters: Sequence[Counter], slow: Sequence[int], rows: Sequence[int], share: int) -> int:
        x = [STRETCH[c >> 10] for c, _ in counters] + [0] * (7 - len(counters)) + [256]
        said = [mixed(self.rows[row], x) for row in rows]
        p = SQUASH[mixed(self.shares[share], said) + 2047]
        state = self.answers.low, self.answers.high, self.answers.window
        answer = super().ask(counters, slow, rows, share)
        self.kept.append(Answer(self.kind, x, tuple(rows), said, p, *state, answer))
        return answer


def example() -> bytes:
    """A file of 3×2 pixels of L, which are asked for."""
    with switch.using(switch.NUMPY):
        body = mixing.write_pixels(np.array(PIXELS, np.uint64), 1, 8, True)
    assert body is not None
    payload = bytes([strips.MIXED | 1]) + pack_number(len(body)) + body
    return chunks.write(Header(WIDTH, HEIGHT, "L", 8, 1, ExactShape()), None, Metadata(), payload)


def text() -> str:
    """The section, in Markdown."""
    data = example()
    file = reference.read(data)
    answers = told(data)
    parts = dump(data, file), first(answers[0]), table(answers), picture(data)
    return "\n".join(line for part in parts for line in part)


def told(data: bytes) -> list[Answer]:
    """Every answer of the file's body."""
    kept: list[Answer] = []
    body = body_of(data)
    part = Mixed(body, 1, HEIGHT, WIDTH, 8, asks=True)
    part.flat, part.candidate, part.bit = (Told(part.answers, kind, kept) for kind in ("flat", "candidate", "bit"))
    assert part.read() == [[list(row) for row in PIXELS]]
    return kept


def body_of(data: bytes) -> bytes:
    at = data.index(b"STRP") + 4
    assert data[at] == strips.MIXED | 1
    return data[at + 2 : at + 2 + data[at + 1]]


def first(answer: Answer) -> Iterator[str]:
    """The first question by hand."""
    (a, *_), p = answer.said, answer.p
    error, share = 65536 * answer.answer - SQUASH[a + 2047], 65536 * answer.answer - p
    b = mixed([21845] * 3, answer.said)
    yield "The picture has 6 pixels, so A = 3, T = 8 and S = 6. The first pixel's neighbours are all 0: there is one"
    yield "candidate, 0, of source 6 and trust 0. All counters are new and say 0, so that x is 0 seven times, then 256."
    yield "In each row"
    yield ""
    yield f"    a = (14418 · 256 >> 8) >> 8 = {a}"
    yield f"    b = 3 · (21845 · {a} >> 8) >> 8 = {b}"
    yield f"    p = SQUASH[{b}] = {p}"
    yield f"    middle = floor((2^32 − 1) · {p} / 65536) = {answer.low + ((answer.high - answer.low) * p >> 16)}"
    yield ""
    yield f"The window is not above it: the answer is {answer.answer}. SQUASH[{a}] = {SQUASH[a + 2047]}, and"
    yield ""
    w = 14418 + (256 * 5 * error + 32768 >> 16)
    v = 21845 + (a * (3 * share >> 4) + 32768 >> 16)
    yield f"    w[7] = 14418 + (256 · 5 · {error} + 32768 >> 16) = {w}, the other weights stay"
    yield f"    v[s] = 21845 + ({a} · (3 · {share} >> 4) + 32768 >> 16) = {v}"
    c = 2097152 + ((4194303 - 2097152) * 43690 >> 16)
    yield f"    c = 2097152 + ((4194303 − 2097152) · 43690 >> 16) = {c}, k = 1"
    yield ""


def table(answers: Sequence[Answer]) -> Iterator[str]:
    yield "All answers. x without its last, which is 256; low, high and the window before, in base 16:"
    yield ""
    yield "| | asked | x | rows | a | p | low | high | window | answer |"
    yield "|---:|---|---|---|---|---:|---|---|---|---:|"
    for number, one in enumerate(answers):
        x, rows, said = (" ".join(map(str, values)) for values in (one.inputs[:7], one.rows, one.said))
        state = " | ".join(f"{value:08x}" for value in (one.low, one.high, one.window))
        yield f"| {number} | {one.kind} | {x} | {rows} | {said} | {one.p} | {state} | {one.answer} |"
    yield ""


if __name__ == "__main__":
    write_section(START, text())
