"""Any exception of a file is that file's: what plugins, writers and formats raise ends no other file's work."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

import pytest
import tiny
from PIL import Image, ImageFile
from tiny import inr, made

from pillow_inr.command.messages import Blamed, blame, reason

QUICK = ("--effort", "0", "-q")


class Odd(ImageFile.ImageFile):
    """A format whose plugin has mistakes: what it raises is in the file."""

    format = "ODD"

    def _open(self) -> None:
        assert self.fp is not None
        self._mode, self._size = "RGB", (4, 4)
        self.tile = []
        self.what = self.fp.read().decode()

    def load(self) -> None:
        raise {"key": KeyError("a"), "type": TypeError("b"), "struct": struct.error("c"), "memory": MemoryError()}[
            self.what[3:]
        ]


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    Image.init()
    monkeypatch.setattr(Image, "ID", [*Image.ID])
    monkeypatch.setattr(Image, "OPEN", {**Image.OPEN})
    Image.register_open("ODD", Odd, lambda prefix: prefix.startswith(b"ODD"))
    paths = [tmp_path / f"{what}.odd" for what in ("key", "type", "struct", "memory")]
    for path in paths:
        path.write_text("ODD" + path.stem)
    tiny.picture().save(tmp_path / "last.png")
    return [*paths, tmp_path / "last.png"]


def test_a_plugin_with_mistakes(odd: list[Path], tmp_path: Path) -> None:
    code, _, err = inr("encode", *odd, *QUICK, "--jobs=1", "-o", tmp_path / "out")
    lines = err.splitlines()
    assert code == 1
    assert [line.rsplit(" (", 1)[0] for line in lines] == [
        f"inr: {odd[0]}: KeyError: 'a'",
        f"inr: {odd[1]}: TypeError: b",
        f"inr: {odd[2]}: error: c",
        f"inr: {odd[3]}: not enough memory",
    ]
    assert all("(test_mistakes.py, line " in line for line in lines[:3])  # for who is to mend it
    assert made(tmp_path / "out") == ["last.inr"]


def test_a_writer_with_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("a", (9, 9)), ("b", (8, 8))):
        tiny.picture(size=size).save(tmp_path / f"{name}.inr", effort=0)
    Image.init()
    before = Image.SAVE["PNG"]

    def save(im: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
        if im.width == 9:
            fp.write(b"half a file")
            raise IndexError("list index out of range")
        before(im, fp, filename)

    monkeypatch.setitem(Image.SAVE, "PNG", save)
    code, _, err = inr("decode", tmp_path)
    assert code == 1
    assert err.startswith(f"inr: {tmp_path / 'a.inr'}: IndexError: list index out of range (test_mistakes.py, line ")
    assert err.count("\n") == 1
    assert made(tmp_path) == ["a.inr", "b.inr", "b.png"]


def test_a_picture_too_large_for_a_format(tmp_path: Path) -> None:
    for name, size in (("a", (17_000, 1)), ("b", (8, 8))):
        tiny.picture(size=size).save(tmp_path / f"{name}.inr", effort=0)
    for jobs in (1, 2):
        out = tmp_path / f"out{jobs}"
        code, _, err = inr("decode", tmp_path, "--format", "webp", "-o", out, "--jobs", jobs)
        assert (code, err.count("\n")) == (1, 1)
        assert err.startswith(f"inr: {tmp_path / 'a.inr'}: ")
        assert made(out) == ["b.webp"]


def test_what_exceptions_say() -> None:
    assert reason(OSError(2, "No such file or directory", "x")) == "No such file or directory"
    assert reason(ValueError()) == "ValueError"
    assert reason(ValueError("x" * 9999)) == "x" * 1000 + "…"
    assert reason(ZeroDivisionError("never raised")) == "ZeroDivisionError: never raised"
    with pytest.raises(Blamed) as caught, blame("outer"), blame("inner"):
        raise KeyError("k")
    assert caught.value.name == "inner"
    with pytest.raises(KeyboardInterrupt), blame("nobody"):
        raise KeyboardInterrupt
