"""`inr set`: what changes, what stays, what is refused."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image, ImageOps
from tiny import inr

from inr_core import Metadata, read_head

PROFILE = (132).to_bytes(4, "big") + bytes(32) + b"acsp" + bytes(92)  # no tags
PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.inr"
    tiny.picture().save(path, effort=0, comment=b"old", dpi=(72, 72), text={"Title": "T", "Author": "A"})
    return path


def metadata_of(path: Path) -> Metadata:
    with path.open("rb") as fp:
        return read_head(fp).metadata


def pixels_of(path: Path) -> bytes:
    with path.open("rb") as fp:
        return path.read_bytes()[read_head(fp).payload_offset :]


def test_set_everything(file: Path, tmp_path: Path) -> None:
    (tmp_path / "exif").write_bytes(b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    (tmp_path / "icc").write_bytes(PROFILE)
    (tmp_path / "xmp").write_bytes(b"<x/>")
    file.chmod(0o640)
    before = pixels_of(file)
    arguments = [f"--{name}={tmp_path / name}" for name in ("exif", "icc", "xmp")]
    texts = ["--text", "Title=a=b", "--text", "Author=", "--text", "New=é"]
    assert inr("set", "-q", file, *arguments, "--dpi", "300,72.5", "--comment", "é", *texts) == (0, "", "")
    assert metadata_of(file) == Metadata(
        exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0",
        icc=PROFILE,
        xmp=b"<x/>",
        comment="é".encode(),
        dpi=(300, 72.5),
        text={"Title": "a=b", "New": "é"},
    )
    assert pixels_of(file) == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.inr", "exif", "icc", "xmp"]


def test_set_removes_what_is_asked_for(file: Path) -> None:
    assert inr("set", "-q", file, "--no-comment", "--dpi", "96") == (0, "", "")
    assert metadata_of(file) == Metadata(dpi=(96, 96), text={"Title": "T", "Author": "A"})
    assert inr("set", "-q", file, "--no-dpi", "--no-text", "--text", "Only=this") == (0, "", "")
    assert metadata_of(file) == Metadata(text={"Only": "this"})
    assert inr("set", "-q", file, "--text", "Only=") == (0, "", "")
    assert metadata_of(file) == Metadata()
    assert inr("set", "-q", file, "--comment", "new", "--orientation", "8") == (0, "", "")
    assert inr("set", "-q", file, "--strip", "--text", "a=b") == (0, "", "")
    assert metadata_of(file) == Metadata(text={"a": "b"})


def test_set_writes_elsewhere_with_o(file: Path, tmp_path: Path) -> None:
    before, out = file.read_bytes(), tmp_path / "b.inr"
    assert inr("set", "-q", file, "--strip", "-o", out) == (0, "", "")
    assert (file.read_bytes(), metadata_of(out), pixels_of(out)) == (before, Metadata(), pixels_of(file))
    message = f"inr: {file}: {out} exists; pass --overwrite to replace it\n"
    assert inr("set", file, "--comment", "old", "-o", out) == (1, "", message)
    assert inr("set", "-q", file, "--comment", "old", "-o", out, "--overwrite") == (0, "", "")
    assert out.read_bytes() == before


def test_set_goes_on_after_a_bad_file_and_leaves_it(file: Path, tmp_path: Path) -> None:
    bad, other = tmp_path / "bad.inr", tmp_path / "other.png"
    bad.write_bytes(file.read_bytes()[:-1])
    tiny.picture().save(other)
    contents = bad.read_bytes(), other.read_bytes()
    code, out, err = inr("set", bad, other, file, "--comment", "new")
    assert (code, out) == (1, f"{file}: changed, {file.stat().st_size:,} bytes\n")
    lines = err.splitlines()
    assert lines[0].startswith(f"inr: {bad}: pixel chunks at byte ")
    assert lines[1] == f"inr: {other}: not an .inr file"
    assert len(lines) == 2
    assert (bad.read_bytes(), other.read_bytes()) == contents
    assert metadata_of(file).comment == b"new"


def test_an_unchanged_file_is_not_written(file: Path) -> None:
    before = file.stat()
    assert inr("set", file, "--comment", "old") == (0, f"{file}: nothing to change\n", "")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "Title"], "argument --text: expected KEY=VALUE, got 'Title'"),
        (["--text", "=1"], "text: expected a key of 1 to 1024 characters but U+0000, got ''"),
        (["--dpi", "x"], "argument --dpi: expected X or X,Y, got 'x'"),
        (["--dpi", "0"], "dpi: expected two numbers from 0.001 to 4294967, got (0.0, 0.0)"),
        ([], "expected something to change, like --comment TEXT or --no-exif"),
        (
            ["-o", "c.jpg", "--strip"],
            "expected a name that ends in .inr or stands for no format, got 'c.jpg', which is JPEG's",
        ),
        (
            ["b.inr", "--strip", "-o", "c.inr"],
            "-o c.inr: expected a folder for several files, got the name of one; end a folder's with /",
        ),
    ],
)
def test_wrong_usage(file: Path, arguments: list[str], message: str) -> None:
    before = file.read_bytes()
    code, out, err = inr("set", file, *arguments)
    assert (code, out) == (2, "")
    assert err.rstrip().endswith(message)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("option", "data", "message"),
    [
        ("--icc", PNG, f"expected an ICC profile, got what begins with {PNG[:8]!r}"),
        ("--icc", PROFILE[:100], f"expected an ICC profile, got what begins with {PROFILE[:8]!r}"),
        ("--icc", b"\0\0\0\x90" + PROFILE[4:], "expected an ICC profile of 144 bytes, as its header says, got 132"),
        ("--icc", PROFILE + bytes(4), "expected an ICC profile of 132 bytes, as its header says, got 136"),
        ("--icc", PROFILE[:-1] + b"\1", "expected an ICC profile with room for its 1 tags, got 132 bytes"),
        ("--xmp", PNG, f"expected XMP, which is XML, got what begins with {PNG[:8]!r}"),
        ("--xmp", PROFILE, f"expected XMP, which is XML, got what begins with {PROFILE[:8]!r}"),
        ("--exif", b"RIFF", "exif: expected it to begin with II*\\0 or MM\\0*, got b'RIFF'"),
    ],
)
def test_what_is_no_metadata_is_refused(file: Path, option: str, data: bytes, message: str) -> None:
    other, before = file.with_name("other"), file.read_bytes()
    other.write_bytes(data)
    assert inr("set", file, option, other) == (1, "", f"inr: {other}: {message}\n")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("option", "data"),
    [
        ("--icc", PROFILE + bytes(2)),
        ("--icc", b""),
        ("--xmp", b"\xef\xbb\xbf<x/>"),
        ("--xmp", "\ufeff\n<x/>".encode("utf-16-le")),
        ("--xmp", "<x/>".encode("utf-32-be")),
    ],
)
def test_what_is_metadata_is_kept(file: Path, option: str, data: bytes) -> None:
    other = file.with_name("other")
    other.write_bytes(data)
    assert inr("set", "-q", file, option, other, "--comment", "new") == (0, "", "")
    assert getattr(metadata_of(file), option[2:]) == (data or None)


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif", "inr"])
def test_metadata_of_another_picture(file: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x13B] = "Ada"
    other, bare = file.with_name(f"other.{kind}"), file.with_name(f"bare.{kind}")
    kept: dict[str, Any] = {"exif": exif, "icc_profile": PROFILE, "xmp": b"<x/>"}
    if kind in ("png", "tif"):  # of XMP these have no option
        del kept["xmp"]
    quick: dict[str, Any] = {"effort": 0} if kind == "inr" else {}
    tiny.picture().save(other, **kept, **quick)
    tiny.picture().save(bare, **quick)
    names = ["exif", "icc", *["xmp"] * ("xmp" in kept)]
    assert inr("set", "-q", file, *[f"--{name}={other}" for name in names]) == (0, "", "")
    found = metadata_of(file)
    with Image.open(file) as im:
        assert im.getexif()[0x13B] == "Ada"
    assert found.icc == PROFILE
    if "xmp" in kept:
        assert found.xmp == b"<x/>"
    for name, words in (("icc", "ICC profile"), ("xmp", "XMP")):
        assert inr("set", file, f"--{name}={bare}") == (1, "", f"inr: {bare}: this picture has no {words}\n")
    assert metadata_of(file) == found


def test_several_files_into_a_folder(file: Path, tmp_path: Path) -> None:
    second = tmp_path / "b.inr"
    second.write_bytes(file.read_bytes())
    out = tmp_path / "out"
    assert inr("set", "-q", file, second, "--no-text", "-o", f"{out}/") == (0, "", "")
    assert [metadata_of(out / name).text for name in ("a.inr", "b.inr")] == [None, None]
    assert metadata_of(file).text is not None


def test_a_link_is_changed_where_it_leads(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.inr"
    link.symlink_to(file.name)
    assert inr("set", "-q", link, "--comment", "new") == (0, "", "")
    assert link.is_symlink()
    assert metadata_of(file).comment == b"new"
    assert inr("set", file, "--comment", "newer", "-o", link)[0] == 1
    assert inr("set", "-q", file, "--comment", "newer", "-o", link, "--overwrite") == (0, "", "")
    assert metadata_of(file).comment == b"newer"


def test_a_missing_file_of_metadata(file: Path) -> None:
    assert inr("set", file, "--icc", "nowhere.icc") == (1, "", "inr: nowhere.icc: No such file or directory\n")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_new_orientation_turns_the_picture(file: Path, orientation: int) -> None:
    with Image.open(file) as im:
        pixels = np.asarray(im)
    turned = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: pixels.transpose(1, 0, 2)[:, ::-1],
        7: pixels.transpose(1, 0, 2)[::-1, ::-1],
        8: pixels.transpose(1, 0, 2)[::-1],
    }
    assert inr("set", "-q", file, "--orientation", orientation) == (0, "", "")
    with Image.open(file) as im:
        assert im.getexif()[0x112] == orientation
        assert im.size == tiny.SIZE
        np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(im)), turned[orientation])
    assert f"orientation {orientation}" in inr("info", file)[1]


def test_info_shows_text_and_nothing_a_terminal_obeys(file: Path) -> None:
    tiny.picture().save(file, effort=0, comment=b"a\x1b[31m\xff\n", text={"Title": "\x9b2J" + "é" * 300})
    _, out, _ = inr("info", file)
    lines = out.splitlines()
    assert lines[4] == "  metadata  comment 8 bytes, text 1"
    assert lines[5] == "  comment   a\\x1b[31m\\xff\\n"
    assert lines[6] == f"  text      Title: \\x9b2J{'é' * 190}…"
    assert not set(out) & {"\x1b", "\x9b"}


def test_set_keeps_a_file_that_is_read_meanwhile(file: Path) -> None:
    with Image.open(file) as im:
        assert inr("set", "-q", file, "--strip") == (0, "", "")
        im.load()
        assert im.info["comment"] == b"old"
    with Image.open(io.BytesIO(file.read_bytes())) as again:
        np.testing.assert_array_equal(np.asarray(again), np.asarray(im))


def test_texts_are_utf8_where_the_locale_knows_ascii_only(file: Path) -> None:
    as_python_gives_it = "Tïtle=日本".encode().decode("ascii", "surrogateescape")
    assert inr("set", "-q", file, "--text", as_python_gives_it) == (0, "", "")
    assert (metadata_of(file).text or {}).get("Tïtle") == "日本"
