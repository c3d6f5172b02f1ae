"""The plugin as Pillow and its users meet it: opening, loading, damage, threads, pickling, saving."""

from __future__ import annotations

import copy
import io
import os
import pickle
import signal
import stat
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image, ImageFile, UnidentifiedImageError

import inr_core
import pillow_inr
from pillow_inr import InrImagePlugin


@pytest.fixture(scope="module")
def data() -> bytes:
    return tiny.encoded()


@pytest.fixture(scope="module")
def offset(data: bytes) -> int:
    return inr_core.read_head(io.BytesIO(data)).payload_offset


class Reads(io.BytesIO):
    """Remembers how far it was read."""

    furthest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        got = super().read(size)
        self.furthest = max(self.furthest, self.tell())
        return got


# Opening


def test_is_registered_once() -> None:
    pillow_inr.register()
    pillow_inr.register()
    assert Image.ID.count("INR") == 1
    assert Image.registered_extensions()[".inr"] == "INR"
    assert Image.MIME["INR"] == "image/x-inr"
    assert InrImagePlugin.SIGNATURE == inr_core.SIGNATURE


def test_open_tells_everything_and_reads_only_the_head(data: bytes, offset: int) -> None:
    fp = Reads(data)
    with Image.open(fp, formats=["inr"]) as im:
        assert (im.format, im.mode, im.size) == ("INR", "RGB", tiny.SIZE)
        assert (im.n_frames, im.is_animated) == (1, False)  # type: ignore[attr-defined]
        assert im.get_format_mimetype() == "image/x-inr"
        assert im.tile[0][:3] == ("inr", (0, 0, 24, 16), offset)
        assert max(fp.furthest, 16) <= offset + 8  # the header of the first pixel chunk may be looked at
        im.seek(0)
        with pytest.raises(EOFError):
            im.seek(1)


def test_load_gives_the_pixels_of_the_core(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as im:
        np.testing.assert_array_equal(np.asarray(im), inr_core.decode(data))


def test_a_path_is_closed_after_loading(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(data)
    with Image.open(path) as im:
        im.load()
        assert im.fp is None


def test_input_that_cannot_seek(data: bytes) -> None:
    class Pipe:
        def __init__(self) -> None:
            self.read = io.BytesIO(data).read

    with Image.open(Pipe()) as im:  # type: ignore[arg-type]
        assert np.asarray(im).shape == (16, 24, 3)


def test_another_format_under_our_name_still_opens(tmp_path: Path) -> None:
    path = tmp_path / "really.inr"
    tiny.picture().save(path, "PNG")
    with Image.open(path) as im:
        assert im.format == "PNG"


def test_thumbnail_and_draft(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as im:
        im.thumbnail((12, 12))
        assert im.size == (12, 8)


def test_decompression_bombs_are_refused_before_decoding(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(data))


# Damage


def test_every_truncated_head_is_unidentified(data: bytes, offset: int) -> None:
    for length in range(offset + 8):  # the first pixel chunk says what it is in 8 bytes
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(data[:length]))


def test_not_our_signature_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError, match="not an INR file"):
        pillow_inr.InrImageFile(io.BytesIO(b"\x89INR\r\n\x1a\r and more"))


def test_our_signature_with_a_newer_version_says_so(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "new.inr"
    path.write_bytes(data[:8] + b"\x63" + data[9:])
    with pytest.raises(UnidentifiedImageError) as caught:
        Image.open(path)
    assert str(caught.value) == (
        f"{str(path)!r}: version: expected 1, got 99; this file needs another version of the reader"
    )


def test_a_damaged_head_names_the_chunk(data: bytes) -> None:
    broken = bytearray(data)
    broken[20] ^= 1
    with pytest.raises(UnidentifiedImageError, match="image file: chunk 'HEAD': CRC mismatch"):
        Image.open(io.BytesIO(broken))


def test_truncated_pixels_are_an_error_each_time(data: bytes, offset: int) -> None:
    for length in (offset + 8, offset + 9, len(data) - 1):
        with Image.open(io.BytesIO(data[:length])) as im:
            for _ in range(2):
                with pytest.raises(OSError, match=rf"image file is truncated \({length - offset} bytes not processed\)"):
                    im.load()


def test_truncated_pixels_when_asked_to_load_them(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(io.BytesIO(data[:-1])) as im:
        im.load()
        assert im.size == tiny.SIZE
    with Image.open(io.BytesIO(data)) as im:
        np.testing.assert_array_equal(np.asarray(im), inr_core.decode(data))


def test_damaged_pixels_are_an_error_each_time(data: bytes) -> None:
    broken = bytearray(data)
    broken[-9] ^= 0x40
    with Image.open(io.BytesIO(broken)) as im:
        for _ in range(2):
            with pytest.raises(OSError, match="image file is damaged: chunk 'NETW': CRC mismatch"):
                im.load()


def test_verify(data: bytes, offset: int, tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(data)
    with Image.open(path) as im:
        im.verify()
        assert im.fp is None
    for position in (offset + 8, (offset + len(data)) // 2, len(data) - 1):
        broken = bytearray(data)
        broken[position] ^= 4
        path.write_bytes(broken)
        with Image.open(path) as im, pytest.raises(OSError) as caught:
            im.verify()
        assert str(caught.value) == f"{str(path)!r}: chunk 'NETW': CRC mismatch"
    path.write_bytes(data[:-1])
    with Image.open(path) as im, pytest.raises(OSError, match="expected 4 bytes, got 3"):
        im.verify()


def test_trailing_bytes_are_left_alone(data: bytes) -> None:
    with Image.open(io.BytesIO(data + b"appended")) as im:
        np.testing.assert_array_equal(np.asarray(im), inr_core.decode(data))


# Ways to load


@pytest.mark.parametrize("step", [1, 7, 64, 100_000])
def test_parser(data: bytes, step: int) -> None:
    with ImageFile.Parser() as parser:
        for start in range(0, len(data), step):
            parser.feed(data[start : start + step])
        im = parser.close()
    np.testing.assert_array_equal(np.asarray(im), inr_core.decode(data))


def test_parser_without_the_end(data: bytes) -> None:
    parser = ImageFile.Parser()
    parser.feed(data[:-1])
    with pytest.raises(OSError, match="image was incomplete"):
        parser.close()


def test_six_threads_load_one_image(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []

    class Slow(inr_core.Decoder):
        def bands(self) -> Iterator[tuple[int, Any]]:
            decoded.append(threading.current_thread())
            barrier_passed.wait(0.05)
            yield from super().bands()

    monkeypatch.setattr(inr_core, "Decoder", Slow)
    barrier_passed = threading.Event()
    expected = inr_core.decode(data).tobytes()
    with Image.open(io.BytesIO(data)) as im:
        results: list[object] = []

        def load() -> None:
            try:
                results.append(im.tobytes())
            except Exception as e:
                results.append(e)

        threads = [threading.Thread(target=load) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == 6 * [expected]
    assert len(decoded) == 1


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("mode", ["RGB", "P", "1", "I;16"])
def test_pickle(mode: str, protocol: int) -> None:
    source = tiny.picture(mode)
    if mode == "P":
        source.info["transparency"] = b"\0\x80"
    with Image.open(io.BytesIO(tiny.encoded(source, comment=b"c"))) as im:
        again = pickle.loads(pickle.dumps(im, protocol))
        assert type(again) is pillow_inr.InrImageFile
        assert again.n_frames == 1
        for image in (again, copy.copy(im), copy.deepcopy(im), pickle.loads(pickle.dumps(again, protocol))):
            image.load()
            assert (image.mode, image.size, image.info) == (im.mode, im.size, im.info)
            assert image.tobytes() == im.tobytes()
            assert image.convert("RGBA").tobytes() == im.convert("RGBA").tobytes()


# Saving


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
    with Image.open(path) as im:
        im.load()


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
        ({"quality": 101}, "quality: expected a number from 0 to 100, got 101"),
        ({"quality": "high"}, "quality: expected a number from 0 to 100, got 'high'"),
        ({"model": "sirene"}, "model: expected one of siren, got 'sirene'"),
        ({"exif": 1}, "exif: expected bytes, an Image.Exif or None, got 1"),
        ({"icc_profile": 1.5}, "icc_profile: expected bytes, str or None, got 1.5"),
        ({"xmp": {}}, "xmp: expected bytes, str or None, got {}"),
        ({"comment": []}, "comment: expected bytes, str or None, got []"),
        ({"dpi": 72}, "dpi: expected two numbers from 0.001 to 4294967, got 72"),
        ({"dpi": (72, 0)}, "dpi: expected two numbers from 0.001 to 4294967, got (72, 0)"),
        ({"dpi": (72, float("nan"))}, "dpi: expected two numbers from 0.001 to 4294967, got (72, nan)"),
        ({"dpi": (1, 2, 3)}, "dpi: expected two numbers from 0.001 to 4294967, got (1, 2, 3)"),
        ({"progress": 3}, "progress: expected True, False or a callable, got 3"),
        ({"append_images": [1]}, "append_images: expected none, because a .inr file holds one picture"),
        (
            {"target_size": 5000, "target_psnr": 30.0},
            "target_size and target_psnr: expected at most one of them, got both",
        ),
    ],
)
def test_wrong_options_are_refused_before_training(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    with pytest.raises(ValueError) as caught:
        tiny.picture().save(path, **options)
    assert str(caught.value) == message
    assert not path.exists()


@pytest.mark.usefixtures("no_training")
def test_an_unknown_option_without_a_near_miss_lists_all() -> None:
    with pytest.raises(ValueError, match="unknown option 'zzz'; known are append_images, batch, bits, comment, ") as caught:
        tiny.encoded(zzz=1)
    assert str(caught.value).endswith("time_limit, width, xmp")


@pytest.mark.usefixtures("no_training")
def test_huge_metadata_is_refused_before_training() -> None:
    with pytest.raises(ValueError, match="comment"):
        tiny.encoded(comment=bytes(2**24))


def test_an_image_holds_its_own_options() -> None:
    im = tiny.picture()
    im.encoderinfo = {"comment": b"mine"}
    with Image.open(io.BytesIO(tiny.encoded(im, comment=b"yours"))) as again:
        assert again.info["comment"] == b"mine"


def test_save_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):  # as Pillow does for each of its single-picture formats
        tiny.picture().save(tmp_path / "a.inr", save_all=True)
    with pytest.raises(ValueError, match="save_all: a .inr file holds one picture"):
        pillow_inr.save(tiny.picture(), tmp_path / "a.inr", save_all=True)
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
        im.load()
    assert reports[0].step < 1000


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


# Interrupts and atomic files


def interrupting(times: int) -> Any:
    def progress(report: inr_core.Progress) -> None:
        nonlocal times
        if times:
            times -= 1
            signal.raise_signal(signal.SIGINT)

    return progress


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Image.save leaves its file open
@pytest.mark.parametrize("atomic", [False, True])
def test_first_interrupt_writes_the_best_so_far(atomic: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    save = pillow_inr.save if atomic else Image.Image.save
    with pytest.raises(KeyboardInterrupt):
        save(tiny.picture(), path, **{**tiny.OPTIONS, "steps": 100_000, "progress": interrupting(1)})
    with Image.open(path) as im:
        im.load()
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_without_a_result_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(*args: object, **options: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(inr_core, "encode", encode)
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        pillow_inr.save(tiny.picture(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("options", [{"qualty": 3}, {"save_all": True}, {"target_psnr": 99.0}])
def test_a_failed_save_leaves_the_old_file(options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    with pytest.raises(ValueError):
        pillow_inr.save(tiny.picture(), path, **{**tiny.OPTIONS, **options})
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_save_into_a_missing_folder_fails_before_training(tmp_path: Path, no_training: None) -> None:
    with pytest.raises(FileNotFoundError):
        pillow_inr.save(tiny.picture(), tmp_path / "none" / "a.inr")
    with pytest.raises(IsADirectoryError):
        pillow_inr.save(tiny.picture(), tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_permissions_are_respected(tmp_path: Path) -> None:
    path = tmp_path / "a.inr"
    before = os.umask(0o027)
    try:
        pillow_inr.save(tiny.picture(), path, **tiny.OPTIONS)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    pillow_inr.save(tiny.picture(), path, **tiny.OPTIONS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    path.chmod(0o444)
    if not os.access(path, os.W_OK):  # root may write anything
        with pytest.raises(PermissionError):
            pillow_inr.save(tiny.picture(), path, **tiny.OPTIONS)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
def test_links_are_followed_and_devices_not_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "target.inr", tmp_path / "link.inr"
    target.write_bytes(b"old")
    link.symlink_to(target)
    pillow_inr.save(tiny.picture(), link, **tiny.OPTIONS)
    assert link.is_symlink()
    assert target.read_bytes() == tiny.encoded()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    pillow_inr.save(tiny.picture(), pipe, **tiny.OPTIONS)
    reader.join()
    assert got == [tiny.encoded()]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_hostile_payload_length_allocates_nothing(data: bytes) -> None:
    # The header promises 100 MiB of pixels that never come.
    head = inr_core.read_head(io.BytesIO(data)).header
    start = data.index(b"HEAD") + 4
    end = data.index(struct.pack("<I", head.payload_bytes), start)
    fields = data[start:end] + struct.pack("<I", 100 << 20)
    broken = data[:start] + fields + struct.pack("<I", zlib.crc32(fields, zlib.crc32(b"HEAD"))) + data[end + 8 :]
    with Image.open(io.BytesIO(broken)) as im:
        assert im.decodermaxblock <= ImageFile.SAFEBLOCK
        with pytest.raises(OSError, match="image file is truncated"):
            im.load()
