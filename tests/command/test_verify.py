"""`inr verify`: what counts as the same picture, what it says, and its exit code."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image, PngImagePlugin
from tiny import inr

import inr_core

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lossless(name: str, **options: Any) -> None:
    """A picture → the exact `.inr` of the same stem."""
    with Image.open(name) as im:
        im.save(Path(name).with_suffix(".inr"), lossless=True, effort=0, **options)


def said(*arguments: str) -> str:
    """What `inr verify` says on stderr of pictures that are not the same."""
    code, out, err = inr("verify", "--same", *arguments)
    assert (code, out) == (1, "")
    return err.removeprefix(f"inr: {', '.join(arguments)}: ").rstrip("\n")


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_there_and_back(folder: Path, mode: str) -> None:
    tiny.picture(mode).save("a.tif")
    assert inr("encode", "--lossless", "--effort", "0", "-q", "a.tif") == (0, "", "")
    bits = {"1": "1 bit", "I;16": "16 bits"}.get(mode, "8 bits")
    described = f"24x16, mode {mode}, {bits} a sample"
    assert inr("verify", "--same", "a.tif", "a.inr") == (0, f"a.tif, a.inr: the same, {described}\n", "")
    assert inr("verify", "a.inr") == (0, f"a.inr: whole, {described}\n", "")
    assert inr("decode", "-q", "a.inr", "-o", "b.tif") == (0, "", "")
    assert inr("verify", "--same", "b.tif", "a.tif", "--quiet") == (0, "", "")
    with Image.open("b.tif") as again:
        assert again.tobytes() == tiny.picture(mode).tobytes()


@pytest.mark.parametrize("mode", MODES)
def test_one_sample_that_differs(folder: Path, mode: str) -> None:
    im = tiny.picture(mode)
    im.save("a.inr", lossless=True, effort=0)
    with Image.open("a.inr") as opened:
        pixels = inr_core.decode(Path("a.inr").read_bytes())
        palette = inr_core.read_head(io.BytesIO(Path("a.inr").read_bytes())).palette
        assert opened.mode == mode
    other = pixels.copy()
    *_, last = (place for place in np.ndindex(other[10, 20:21].shape))
    before = int(other[10, 20:21][last])
    other[10, 20:21][last] = {"1": 255 - before, "P": (before + 1) % 16}.get(mode, before ^ 1)
    data = inr_core.encode(other, inr_core.Settings(lossless=True, effort=0), mode=mode, palette=palette)
    Path("b.inr").write_bytes(data)
    what = said("a.inr", "b.inr")
    assert what.startswith("not the same: 1 of 384 pixels differs, by up to ")
    assert "; the first at 20,10: " in what
    if mode == "L":
        assert what.endswith(f"by up to 1; the first at 20,10: {before} and {before ^ 1}")


def test_what_the_sizes_modes_and_depths_are(folder: Path) -> None:
    tiny.picture("RGB").save("rgb.png")
    tiny.picture("RGB").convert("L").save("l.png")
    tiny.picture("RGB", (24, 15)).save("low.png")
    assert said("rgb.png", "l.png") == "not the same: modes RGB and L"
    assert said("rgb.png", "low.png") == "not the same: sizes 24x16 and 24x15"
    assert said("low.png", "l.png") == "not the same: sizes 24x15 and 24x16; modes RGB and L"
    deep = np.asarray(tiny.picture("RGB")).astype(np.uint16) * 257
    Path("deep.inr").write_bytes(inr_core.encode(deep, inr_core.Settings(lossless=True, effort=0)))
    assert said("deep.inr", "rgb.png") == "not the same: 16 and 8 bits a sample"
    deep[3, 4, 1] ^= 1  # which 8 bits do not show
    Path("deeper.inr").write_bytes(inr_core.encode(deep, inr_core.Settings(lossless=True, effort=0)))
    assert "1 of 384 pixels differs, by up to 1; the first at 4,3" in said("deep.inr", "deeper.inr")
    lossy = "photo.inr"
    tiny.photograph(90, 60).save("photo.png")
    tiny.photograph(90, 60).save(lossy, effort=0, quality=20)
    assert "pixels differ, by up to" in said("photo.png", lossy)


def test_a_palette_is_what_it_stands_for(folder: Path) -> None:
    im = Image.new("P", (6, 4), 1)
    im.putpalette([9, 9, 9, 200, 0, 0, 0, 0, 255, 9, 9, 9])
    im.paste(3, (2, 0, 4, 4))
    im.save("a.png", optimize=False)
    lossless("a.png")
    assert inr("verify", "--same", "a.png", "a.inr")[0] == 0
    im.paste(0, (2, 0, 4, 4))  # another place, of the same colour
    im.save("b.png")
    assert inr("verify", "--same", "b.png", "a.inr")[0] == 0
    im.save("c.png", transparency=0)
    assert said("c.png", "a.inr").startswith(
        "not the same: 8 of 24 pixels differ, by up to 255; the first at 2,0: 9, 9, 9, 0"
    )
    lossless("c.png")
    im.save("d.png", transparency=b"\0\xff\xff")  # says the same
    assert inr("verify", "--same", "d.png", "c.inr")[0] == 0
    im.convert("RGB").save("e.png")
    assert said("e.png", "a.inr") == "not the same: modes RGB and P"


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "I;16"])
def test_a_colour_that_is_clear_is_an_alpha(folder: Path, mode: str) -> None:
    im = tiny.picture(mode)
    clear: Any = im.getpixel((23, 15))
    im.save("a.png", transparency=clear)
    with Image.open("a.png") as opened:
        assert "transparency" in opened.info
        opened.info["transparency"] = opened.info["transparency"] if mode != "1" else 255
    lossless("a.png")
    assert inr("verify", "--same", "a.png", "a.inr")[0] == 0
    im.save("b.png")
    assert said("b.png", "a.inr").startswith("not the same: modes")


def test_colours_nobody_sees_count(folder: Path) -> None:
    im = tiny.picture("RGBA")
    im.save("a.png")
    lossless("a.png")
    colour = im.getpixel((0, 0))
    assert isinstance(colour, tuple)
    assert colour[3] == 0
    im.putpixel((0, 0), (colour[0] ^ 7, *colour[1:]))
    im.save("b.png")
    assert said("b.png", "a.inr").startswith("not the same: 1 of 384 pixels differs, by up to 7; the first at 0,0: ")


def test_profiles_and_orientations_count_but_for_strip(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    tiny.picture().save("a.png", icc_profile=b"profile" * 30, exif=exif)
    assert inr("encode", "--lossless", "--effort", "0", "-q", "a.png")[0] == 0
    assert inr("verify", "--same", "a.png", "a.inr")[0] == 0
    assert inr("encode", "--lossless", "--effort", "0", "-q", "--strip", "a.png", "-o", "b.inr")[0] == 0
    assert said("a.png", "b.inr") == "not the same: the second has no ICC profile; orientations 6 and 1"
    assert said("b.inr", "a.png") == "not the same: the first has no ICC profile; orientations 1 and 6"
    assert inr("verify", "--same", "--strip", "a.png", "b.inr")[0] == 0
    tiny.picture().save("c.png", icc_profile=b"another" * 30)
    assert said("a.inr", "c.png") == "not the same: ICC profiles of other contents; orientations 6 and 1"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "other text, the same picture")
    tiny.picture().save("d.png", pnginfo=texts, dpi=(72, 72))
    assert inr("verify", "--same", "d.png", "b.inr")[0] == 0


def test_files_that_are_damaged_or_no_pictures(folder: Path) -> None:
    tiny.picture("L").save("a.png")
    lossless("a.png")
    data = Path("a.inr").read_bytes()
    Path("cut.inr").write_bytes(data[:-9])
    Path("bad.inr").write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    Path("no.txt").write_text("no picture", "utf-8")
    for name in ("cut.inr", "bad.inr"):
        for arguments in ([name], ["a.png", name], [name, "a.png"]):
            code, out, err = inr("verify", *["--same"] * (len(arguments) > 1), *arguments)
            assert (code, out) == (1, "")
            assert err.startswith(f"inr: {name}: ")
            assert err.count("\n") == 1
    assert inr("verify", "a.png") == (1, "", "inr: a.png: not an .inr file\n")
    assert inr("verify", "--same", "no.txt", "a.inr") == (1, "", "inr: no.txt: not a picture that Pillow can open\n")
    assert inr("verify", "--same", "none.inr", "a.inr") == (1, "", "inr: none.inr: No such file or directory\n")
    code, _, err = inr("verify", "--same", "no.txt", "none.inr")
    assert (code, err.count("\n")) == (1, 2)
    for arguments in ([], ["--same", "a.png"], ["--same", "a.png", "a.inr", "a.png"], ["-", "-"], ["--strip", "a.inr"]):
        assert inr("verify", *arguments)[0] == 2


def test_several_files_and_folders(folder: Path) -> None:
    (folder / "small" / "below").mkdir(parents=True)
    for name in ("small/a.png", "small/b.png", "small/below/c.png"):
        tiny.picture("L").save(name)
        lossless(name)
    described = "whole, 24x16, mode L, 8 bits a sample"
    assert inr("verify", "small/a.inr", "small/b.inr") == (
        0,
        f"small/a.inr: {described}\nsmall/b.inr: {described}\n",
        "",
    )
    assert inr("verify", "small")[1].splitlines() == [f"small/{name}.inr: {described}" for name in "ab"]
    Path("small/b.inr").write_bytes(Path("small/b.inr").read_bytes()[:-9])
    code, out, err = inr("verify", "small", "-r")
    assert (code, out.splitlines()) == (1, [f"small/{name}.inr: {described}" for name in ("a", "below/c")])
    assert err.startswith("inr: small/b.inr: ")
    not_ours = "inr: small/a.png: not an .inr file; --same compares pictures of any format\n"
    assert inr("verify", "small/a.png", "small/a.inr") == (1, f"small/a.inr: {described}\n", not_ours)


def test_json(folder: Path) -> None:
    tiny.picture("I;16").save("a.png")
    lossless("a.png")
    Path("no.txt").write_text("no picture", "utf-8")
    code, out, err = inr("verify", "a.inr", "no.txt", "none.inr", "--json")
    assert (code, err.count("\n")) == (1, 2)
    assert json.loads(out) == [
        {"file": "a.inr", "whole": True, "width": 24, "height": 16, "mode": "I;16", "bits": 16},
        {"file": "no.txt", "whole": False, "error": "not an .inr file; --same compares pictures of any format"},
        {"file": "none.inr", "whole": False, "error": "No such file or directory"},
    ]
    code, out, err = inr("verify", "--same", "a.png", "a.inr", "--json", "--quiet")
    assert (code, err, json.loads(out)) == (0, "", {"files": ["a.png", "a.inr"], "same": True, "differences": []})
    tiny.picture("L").save("b.png")
    code, out, err = inr("verify", "--same", "a.png", "b.png", "--json")
    assert (code, json.loads(out)["same"], json.loads(out)["differences"]) == (1, False, ["modes I;16 and L"])
    code, out, err = inr("verify", "--same", "a.png", "none.png", "--json")
    assert (code, json.loads(out)["same"]) == (1, None)


def test_stdin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.picture().save("a.png")
    lossless("a.png")
    with open("a.inr", "rb") as stdin:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.read())))
    assert inr("verify", "--same", "a.png", "-")[:2] == (
        0,
        "a.png, stdin: the same, 24x16, mode RGB, 8 bits a sample\n",
    )


def test_what_pillow_does_not_read_is_told_of(folder: Path) -> None:
    wide = (np.arange(24 * 16 * 3).reshape(16, 24, 3) * 57).astype(">u2")
    Path("wide.ppm").write_bytes(b"P6 24 16 65535\n" + wide.tobytes())
    said_of_it = "16 bits a sample become 8: Pillow reads no more of them in mode RGB"
    code, _, err = inr("encode", "--lossless", "--effort", "0", "wide.ppm")
    assert (code, err) == (0, f"inr: wide.ppm: {said_of_it}\n")
    code, _, err = inr("verify", "--same", "wide.ppm", "wide.inr")
    assert (code, err) == (0, f"inr: wide.ppm: {said_of_it}\n")
    for name, mode in (("grey.ppm", b"P5"), ("narrow.ppm", b"P6")):
        most = 65_535 if mode == b"P5" else 255
        body = wide.tobytes()[:768] if mode == b"P5" else bytes(24 * 16 * 3)
        Path(name).write_bytes(mode + b" 24 16 %d\n" % most + body)
        assert inr("encode", "--lossless", "--effort", "0", "-q", name) == (0, "", "")
    frames = [Image.new("L", (5, 4), value) for value in (3, 99)]
    frames[0].save("two.gif", save_all=True, append_images=frames[1:])
    lossless("two.gif")
    code, _, err = inr("verify", "--same", "two.gif", "two.inr")
    assert (code, err) == (0, "inr: two.gif: only the first of 2 frames is compared\n")
