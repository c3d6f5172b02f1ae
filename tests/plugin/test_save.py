"""Saving: options, all checked before training, and progress."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image

import inr_core
import pillow_inr


def test_save_by_extension_format_and_file_object(tmp_path: Path) -> None:
    im = tiny.picture()
    im.save(tmp_path / "a.INR", **tiny.OPTIONS)
    im.save(tmp_path / "b", "inr", **tiny.OPTIONS)
    assert (tmp_path / "a.INR").read_bytes() == (tmp_path / "b").read_bytes() == tiny.encoded(im)


def test_save_writes_once_and_only_writes() -> None:
    class Sink:
        parts: list[bytes]

        def __init__(self) -> None:
            self.parts = []

        def write(self, part: bytes) -> int:
            self.parts.append(part)
            return len(part)

    sink = Sink()
    tiny.picture().save(sink, "INR", **tiny.OPTIONS)  # type: ignore[arg-type]
    assert sink.parts == [tiny.encoded()]


def test_save_over_the_file_it_was_opened_from(tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    pillow_inr.save(tiny.picture(), path, **tiny.OPTIONS)
    with Image.open(path) as im:
        im.save(path, **tiny.OPTIONS)
        assert path.read_bytes() == tiny.encoded(Image.frombytes(im.mode, im.size, im.tobytes()))
    with Image.open(path) as again:
        assert np.array_equal(np.asarray(again), inr_core.decode(path.read_bytes()))


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(*args: object, **options: object) -> bytes:
        raise AssertionError("training started")

    monkeypatch.setattr(inr_core, "encode", encode)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"qualty": 50}, "unknown option 'qualty'; did you mean 'quality'?"),
        ({"exfi": b""}, "unknown option 'exfi'; did you mean 'exif'?"),
        ({"quality": float("nan")}, "quality: expected a number from 0 to 100, got nan"),
        ({"quality": "best"}, "quality: expected a number from 0 to 100, got 'best'"),
        ({"target_size": 4000.5}, "target_size: expected an integer from 128 to 2147483647, got 4000.5"),
        ({"effort": True}, "effort: expected an integer from 0 to 9, got True"),
        ({"device": "cuda:x"}, "device: expected auto, cpu, cuda, cuda:N or mps, got 'cuda:x'"),
        ({"model": "sirene"}, "model: expected one of auto, siren, latent, exact, got 'sirene'"),
        ({"exif": 1}, "exif: expected bytes, an Image.Exif or None, got 1"),
        ({"icc_profile": 1.5}, "icc_profile: expected bytes, str or None, got 1.5"),
        ({"xmp": {"a": 1}}, "xmp: expected bytes, str or None, got {'a': 1}"),
        ({"comment": [1]}, "comment: expected bytes, str or None, got [1]"),
        ({"comment": "\ud800"}, "comment: expected Unicode, got '\\ud800'"),
        ({"xmp": 10**5000}, "xmp: expected bytes, str or None, got a int"),
        ({"exif": "x" * 10**6}, f"exif: expected bytes, an Image.Exif or None, got {'x' * 100!r}…"),
        ({"dpi": 72}, "dpi: expected two numbers from 0.001 to 4294967, got 72"),
        ({"dpi": (72, "a")}, "dpi: expected two numbers from 0.001 to 4294967, got (72, 'a')"),
        ({"dpi": (1, 2, 3)}, "dpi: expected two numbers from 0.001 to 4294967, got (1, 2, 3)"),
        ({"progress": 3}, "progress: expected True, False or a callable, got 3"),
        (
            {"target_size": 5000, "target_psnr": 30.0},
            "target_size and target_psnr: expected at most one of them, got both",
        ),
    ],
)
def test_wrong_options_are_refused_before_training(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        tiny.picture().save(path, **options)
    assert not path.exists()


def test_huge_metadata_is_refused_before_training() -> None:
    reports: list[inr_core.Progress] = []
    with pytest.raises(ValueError, match="comment"):
        tiny.encoded(comment=bytes(2**24), progress=reports.append)
    assert reports == []


def test_save_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):  # as Pillow does for each of its single-picture formats
        tiny.picture().save(tmp_path / "a.inr", save_all=True)
    with pytest.raises(
        ValueError, match=r"^save_all: a \.inr file holds one picture; save each frame to its own file$"
    ):
        pillow_inr.save(tiny.picture(), tmp_path / "a.inr", save_all=True)
    with pytest.raises(ValueError, match=r"^append_images: a \.inr file holds one picture; save each frame"):
        pillow_inr.save(tiny.picture(), tmp_path / "a.inr", append_images=[tiny.picture()])
    assert list(tmp_path.iterdir()) == []


def test_progress_callable_sees_the_fit_and_may_stop_it() -> None:
    reports: list[inr_core.Progress] = []
    tiny.encoded(progress=reports.append)
    assert reports[-1].phase == "done"
    assert reports[-1].step == reports[-1].steps == 20

    def stop(report: inr_core.Progress) -> bool:
        reports.append(report)
        return False

    reports.clear()
    with Image.open(io.BytesIO(tiny.encoded(steps=100_000, progress=stop))) as im:
        assert inr_core.psnr(np.asarray(tiny.picture()), np.asarray(im)) > 15
    assert reports[0].step < 1000
    assert reports[-1].phase == "done"
    assert reports[-1].step < 2000  # what is left is quantised in a few hundred


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    tiny.encoded(progress=True)
    shown = capsys.readouterr().err
    assert "20/20" in shown
    assert " dB, " in shown
    assert " bpp, " in shown
    assert " left" in shown


def test_unreachable_target_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="target_psnr"):
        tiny.encoded(target_psnr=99.0)
