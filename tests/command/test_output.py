"""Where the command writes, what it never replaces, and which file a message names."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import tiny
from command_files import POSIX, QUICK, coded_in, picture_in
from PIL import Image
from tiny import inr

import inr_core
from pillow_inr.command import output
from pillow_inr.command.messages import Blamed
from pillow_inr.command.output import Output
from pillow_inr.command.sources import Source


@pytest.fixture
def coded(tmp_path: Path) -> Path:
    return coded_in(tmp_path)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return picture_in(tmp_path)


@pytest.mark.parametrize("command", ["encode", "decode", "set", "thumbnail"])
def test_no_command_replaces_a_file_unasked(command: str, coded: Path, picture: Path, tmp_path: Path) -> None:
    target = tmp_path / ("out.inr" if command in ("encode", "set") else "out.png")
    target.write_bytes(b"mine")
    every: dict[str, list[object]] = {
        "encode": [picture, *QUICK, "-o", target],
        "decode": [coded, "-o", target],
        "set": [coded, "--comment", "new", "-o", target],
        "thumbnail": [coded, target],
    }
    arguments = every[command]
    message = f"inr: {arguments[0]}: {target} exists; pass --overwrite to replace it\n"
    assert inr(command, *arguments) == (1, "", message)
    assert target.read_bytes() == b"mine"
    assert inr(command, *arguments, "--overwrite", "-q") == (0, "", "")
    assert target.read_bytes() != b"mine"


@POSIX
@pytest.mark.parametrize("way", ["name", "relative", "symbolic link", "hard link", "linked folder"])
@pytest.mark.parametrize("command", ["encode", "decode", "thumbnail"])
def test_no_command_replaces_what_it_reads(
    command: str, way: str, coded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "plain"  # a name that stands for no format goes through every other check
    coded.rename(source)
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other"
    if way == "symbolic link":
        other.symlink_to(source)
    elif way == "hard link":
        other.hardlink_to(source)
    elif way == "linked folder":
        other.symlink_to(tmp_path, target_is_directory=True)
        other /= "plain"
    target = {"name": str(source), "relative": f"../{tmp_path.name}/plain"}.get(way, str(other))
    before = source.read_bytes()
    arguments = [target] if command == "thumbnail" else ["-o", target]
    message = f"inr: {source}: {target} is a file that is to be read; write to another\n"
    assert inr(command, source, *arguments, "--overwrite") == (1, "", message)
    assert source.read_bytes() == before


def test_another_source_of_the_call_is_not_replaced(coded: Path, tmp_path: Path) -> None:
    twin = coded.with_suffix(".png")
    tiny.picture("L").save(twin)
    before = coded.read_bytes()
    code, _, err = inr("encode", twin, coded, *QUICK, "--overwrite", "--jobs=1")
    assert code == 1
    assert err.splitlines()[0] == f"inr: {twin}: {coded} is a file that is to be read; write to another"
    assert coded.read_bytes() == before


def test_a_name_in_another_case_is_the_same_file(coded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that takes A and a for one: the system says which file a name means, not its letters."""
    sources = [Source(coded)]
    out = Output(str(tmp_path / "A.INR"), ".inr", sources, overwrite=True)
    out.spare(sources)
    monkeypatch.setattr(output, "_status", lambda path: os.stat(str(path).replace("A.INR", "a.inr")))
    with pytest.raises(Blamed, match="is a file that is to be read"):
        out.target(sources[0])


def test_two_results_for_one_name_in_another_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [Source(tmp_path / "a.png"), Source(tmp_path / "A.png"), Source(tmp_path / "b.png")]
    out = Output(f"{tmp_path}/", ".inr", sources, overwrite=True)
    targets = [out.target(source) for source in sources]
    with out.writing(targets[0]) as fp:
        fp.write(b"first")
    monkeypatch.setattr(output, "_status", lambda path: os.stat(str(path).replace("A.inr", "a.inr")))
    with (
        pytest.raises(Blamed, match="another file of this call has been written there"),
        out.writing(targets[1]),
    ):
        pass
    assert (tmp_path / "a.inr").read_bytes() == b"first"


def test_what_comes_meanwhile_stays(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = picture.with_suffix(".inr")

    def encode(*args: object, **options: object) -> bytes:
        target.write_bytes(b"somebody's")
        return b"ours"

    monkeypatch.setattr(inr_core, "encode", encode)
    assert inr("encode", picture, *QUICK) == (1, "", f"inr: {target}: exists; pass --overwrite to replace it\n")
    assert target.read_bytes() == b"somebody's"
    assert {path.name for path in target.parent.iterdir()} == {"p.png", "p.inr"}


def test_same_names_from_different_folders(tmp_path: Path) -> None:
    sources = [tmp_path / "x" / "p.png", tmp_path / "y" / "p.png"]
    for source, mode in zip(sources, ("L", "RGB"), strict=True):
        source.parent.mkdir()
        tiny.picture(mode).save(source)
    for jobs in (1, 2):
        out = tmp_path / f"out{jobs}"
        code, _, err = inr("encode", *sources, *QUICK, "-o", out, "--overwrite", "--jobs", jobs)
        assert (code, err) == (1, f"inr: {sources[1]}: another file of this call already goes to {out / 'p.inr'}\n")
        with Image.open(out / "p.inr") as im:
            assert im.mode == "L"


# Which name means what


OF_INR = "expected a name that ends in .inr or stands for no format"
NOT_INR = "expected another format than .inr: inr decode does not write that"
NINES = "9" * 99


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("encode a.png -o a.jpg", f"{OF_INR}, got 'a.jpg', which is JPEG's"),
        ("encode a.png b.png -o -", "-o -: expected one file to write to stdout, got several"),
        (
            "encode a.png b.png -o a.inr",
            "-o a.inr: expected a folder for several files, got the name of one; end a folder's with /",
        ),
        ("encode a.png --overwrite --skip-existing", "argument --skip-existing: not allowed with argument --overwrite"),
        ("thumbnail a.inr a.webp", f"{OF_INR.replace('inr', 'png')}, got 'a.webp', which is WEBP's"),
        ("decode a.inr -o b.jpg --format png", "-o b.jpg stands for JPEG, but --format png for PNG"),
        ("decode a.inr --format inr", NOT_INR),
        ("decode a.inr -o b.inr", NOT_INR),
        ("decode a.inr --region 9,0,9,5", "argument --region: expected X0 below X1 and Y0 below Y1, got '9,0,9,5'"),
        (f"decode a.inr --size {NINES}99x1", f"argument --size: expected WIDTHxHEIGHT in pixels, got '{NINES}'"),
    ],
)
def test_wrong_usage(arguments: str, message: str) -> None:
    command, *rest = arguments.split()
    code, out, err = inr(command, *rest)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"inr {command}: error: {message}"
    assert err.startswith(f"usage: inr {command} ")


@pytest.mark.parametrize(
    ("options", "name", "kind"),
    [
        (["--format", "png"], "plain", "PNG"),
        (["--format", ".TIF"], "plain", "TIFF"),
        ([], "plain", "PNG"),
        ([], "a.JPEG", "JPEG"),
        (["--format", "jpg"], "a.jpeg", "JPEG"),
        (["--format", "gif"], "v2.5", "GIF"),
    ],
)
def test_the_format_of_decode(options: list[str], name: str, kind: str, coded: Path) -> None:
    assert inr("decode", coded, "-o", coded.with_name(name), *options)[0] == 0
    with Image.open(coded.with_name(name)) as im:
        assert im.format == kind


@pytest.mark.parametrize("command", ["encode", "decode", "info", "set", "thumbnail", "view"])
def test_an_empty_name_is_not_this_folder(command: str, coded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(coded.parent)
    more = {"set": ["--strip"], "thumbnail": ["t.png"]}.get(command, [])
    code, _, err = inr(command, "", *more)
    assert (code, err.splitlines()[-1]) == (2, f"inr {command}: error: expected names of files, got an empty one")
    if command in ("encode", "decode", "set", "thumbnail"):
        wanted = f"inr {command}: error: expected a name to write to, got an empty one"
        arguments = [""] if command == "thumbnail" else [*more, "-o", ""]
        code, _, err = inr(command, coded, *arguments)
        assert (code, err.splitlines()[-1]) == (2, wanted)
    assert [path.name for path in coded.parent.iterdir()] == ["a.inr"]


def test_errors_name_what_is_wrong(coded: Path, picture: Path, tmp_path: Path) -> None:
    gone, aside = tmp_path / "missing" / "a.inr", picture / "a.inr"
    assert inr("encode", picture, *QUICK, "-o", gone) == (1, "", f"inr: {gone}: No such file or directory\n")
    assert inr("encode", picture, *QUICK, "-o", aside) == (1, "", f"inr: {aside}: Not a directory\n")
    assert inr("decode", coded, "-o", gone.with_suffix(".png"))[2].startswith(f"inr: {gone.with_suffix('.png')}: ")
    assert inr("set", coded, "--strip", "-o", gone) == (1, "", f"inr: {gone}: No such file or directory\n")
    plain = gone.with_suffix("")
    assert inr("thumbnail", coded, plain) == (1, "", f"inr: {plain}: No such file or directory\n")
    folder = picture.with_suffix(".inr")
    folder.mkdir()
    assert inr("encode", picture, *QUICK) == (1, "", f"inr: {folder}: Is a directory\n")
    (tmp_path / "file").write_bytes(b"")
    more: dict[str, list[object]] = {"info": [], "decode": [], "set": ["--strip"], "thumbnail": [tmp_path / "t"]}
    for command, extra in more.items():
        assert inr(command, tmp_path / "file", *extra) == (1, "", f"inr: {tmp_path / 'file'}: an empty file\n")
        assert inr(command, picture, *extra) == (1, "", f"inr: {picture}: not an .inr file\n")
    code, _, err = inr("encode", picture, coded, *QUICK, "-o", tmp_path / "file")
    assert code == 2
    assert err.splitlines()[-1].endswith(f"-o {tmp_path / 'file'}: expected a folder for several files, got a file")


def test_a_sandbox_may_write_to_the_thumbnail_only(
    coded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, before = tmp_path / "out", os.open

    def only_the_target(name: str, flags: int, mode: int = 0o777, **options: int) -> int:
        if flags & os.O_CREAT and str(name).endswith(".tmp"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return before(name, flags, mode, **options)

    monkeypatch.setattr(os, "open", only_the_target)
    assert inr("thumbnail", coded, target) == (1, "", f"inr: {target}: {os.strerror(errno.EROFS)}\n")
    target.write_bytes(b"made by the desktop" * 99)
    assert inr("thumbnail", "-q", coded, target, "--overwrite") == (0, "", "")
    with Image.open(target) as im:
        assert (im.format, im.size) == ("PNG", tiny.SIZE)


def test_who_holds_the_empty_file_open_sees_the_thumbnail(coded: Path, tmp_path: Path) -> None:
    """As tumbler, which reads the file that it has made, whatever has come to be of its name."""
    target = tmp_path / "waiting.png"
    with target.open("w+b") as fp:
        assert inr("thumbnail", "-q", coded, target, "--overwrite") == (0, "", "")
        with Image.open(fp) as im:
            im.load()
            assert im.format == "PNG"
    written = target.stat()
    with target.open("rb") as old:  # one that is not empty is replaced as a whole
        before = old.read()
        assert inr("thumbnail", "-q", coded, target, "--overwrite", "--size", "8") == (0, "", "")
        old.seek(0)
        assert old.read() == before
    assert target.stat().st_ino != written.st_ino
    (tmp_path / "empty.png").touch()
    code, _, err = inr("thumbnail", coded, tmp_path / "empty.png")
    assert (code, err.endswith("exists; pass --overwrite to replace it\n")) == (1, True)
