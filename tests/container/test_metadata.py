"""Text chunks, and metadata replaced in a file whose pixels stay as they are, to the byte."""

from __future__ import annotations

import dataclasses
import io
import pickle
import random
import re

import numpy as np
import pytest
import reference_decoder
import tiny
import zstandard
from hostile import edit, join, split
from PIL import Image

from inr_core import FormatError, Metadata, SettingsError, TruncatedError, decode, read_head, replace_metadata, verify
from inr_core.container.metadata import pack_metadata, parse_metadata
from pillow_inr import InrImageFile

TEXT = {
    "Title": "Kaffee – コーヒー",
    "Author": "",
    "°": "a\nb",
    "題名\n": "x",
    "k" * 1024: "long",
    "parameters": "steps",
}
EXIF = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
FULL = Metadata(exif=EXIF, icc=bytes(range(256)), xmp=b"<x/>" * 99, comment=b"caf\xe9", dpi=(300, 72.009), text=TEXT)


@pytest.fixture(scope="module", params=["siren", "latent", "P"])
def file(request: pytest.FixtureRequest) -> bytes:
    if request.param == "latent":
        out = io.BytesIO()
        tiny.picture().save(out, "INR", effort=0, comment=b"old")
        return out.getvalue()
    return tiny.encoded(tiny.picture("P" if request.param == "P" else "RGB"), comment=b"old")


def exactly(message: str) -> str:
    return f"^{re.escape(message)}$"


def metadata_of(data: bytes) -> Metadata:
    return read_head(io.BytesIO(data)).metadata


def test_text_is_pairs_of_utf_8() -> None:
    assert pack_metadata(Metadata(text={"A": "é", "Bc": ""})) == [(b"text", b"\0A\0\xc3\xa9\0Bc\0\0")]
    assert parse_metadata({b"text": b"\0A\0\xc3\xa9\0Bc\0\0"}).text == {"A": "é", "Bc": ""}
    assert parse_metadata({b"text": b"\0"}).text == {}
    long = {"Description": "long " * 100}
    ((_, packed),) = pack_metadata(Metadata(text=long))
    assert packed[0] == 1
    assert parse_metadata({b"text": packed}).text == long


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"A\0b", "expected a key and a value, each ended by a zero, again and again"),
        (b"A\0", "expected a key and a value, each ended by a zero, again and again"),
        (b"A\0b\0B\0", "expected a key and a value, each ended by a zero, again and again"),
        (b"A\0\xff\0", "expected UTF-8, got invalid start byte at 2"),
        (b"A\0\xed\xa0\x80\0", "expected UTF-8, got invalid continuation byte at 2"),
        (b"A\0b\0A\0c\0", "expected 2 different keys, got 1"),
        (b"\0b\0", "expected a key of 1 to 1024 characters but U+0000, got ''"),
        (b"a" * 1025 + b"\0b\0", f"expected a key of 1 to 1024 characters but U+0000, got {'a' * 100!r}…"),
        ("€".encode() * 2**18 + b"\0b\0", f"expected a key of 1 to 1024 characters but U+0000, got {'€' * 100!r}…"),
        (b"".join(b"%d\0\0" % k for k in range(1025)), "expected at most 2048 strings, got 2050"),
        (bytes(2**20), "expected at most 2048 strings, got 1048576"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_bad_text(data: bytes, message: str, compressed: bool) -> None:
    block = b"\1" + zstandard.compress(data) if compressed else b"\0" + data
    with pytest.raises(FormatError, match=exactly(f"chunk 'text': {message}")):
        parse_metadata({b"text": block})


def test_the_second_decoder_refuses_the_same_text() -> None:
    rng = random.Random(0)
    blocks = [edit("Title\0Käse\0°\0\0Bc\0d\0".encode(), rng) for _ in range(2000)]
    accepted = []
    for block in blocks:
        try:
            parse_metadata({b"text": b"\0" + block})
        except FormatError:
            accepted.append(False)
        else:
            accepted.append(True)
    assert accepted == [reference_decoder.is_text(block) for block in blocks]
    assert 200 < sum(accepted) < 1800


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"": "a"}, "text: expected a key of 1 to 1024 characters but U+0000, got ''"),
        ({"a" * 1025: "a"}, f"text: expected a key of 1 to 1024 characters but U+0000, got {'a' * 100!r}…"),
        ({"a\0": "a"}, "text: expected a key of 1 to 1024 characters but U+0000, got 'a\\x00'"),
        ({"a\udfff": "a"}, "text: expected a key of 1 to 1024 characters but U+0000, got 'a\\udfff'"),
        ({"a" * 101: "b" * 2**20 + "\0"}, f"text {'a' * 100!r}…: expected Unicode without U+0000, got {'b' * 100!r}…"),
        ({"a": "b\0"}, "text 'a': expected Unicode without U+0000, got 'b\\x00'"),
        ({"a": "\ud800"}, "text 'a': expected Unicode without U+0000, got '\\ud800'"),
        ({str(k): "" for k in range(1025)}, "text: expected at most 1024 pairs, got 1025"),
        ({"a": "b" * 2**24}, "text: expected under 16777216 bytes, got 16777219"),
    ],
)
def test_text_that_a_file_cannot_hold(text: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=exactly(message)):
        pack_metadata(Metadata(text=text))


def test_pillow_shows_text_as_it_does_for_png() -> None:
    with Image.open(io.BytesIO(tiny.encoded(text=TEXT, comment="mine"))) as im:
        assert isinstance(im, InrImageFile)
        assert im.text == TEXT
        assert im.info == {**TEXT, "comment": b"mine"}
        im.load()
        again = pickle.loads(pickle.dumps(im))
        assert again.info == im.info
    with Image.open(io.BytesIO(tiny.encoded())) as im:
        assert isinstance(im, InrImageFile)
        assert im.text == {}


def test_a_text_never_passes_for_what_pillow_keeps_in_info() -> None:
    keys = ("exif", "icc_profile", "transparency", "Raw profile type exif", "XML:com.adobe.xmp", "dpi")
    text = dict.fromkeys(keys, "x")
    with Image.open(io.BytesIO(tiny.encoded(text=text))) as im:
        assert im.info == {}
        assert isinstance(im, InrImageFile)
        assert im.text == text
        assert dict(im.getexif()) == {}
        im.save(io.BytesIO(), "PNG")


@pytest.mark.parametrize("text", ["Title", [("a", "b")], {"a": 1}, {1: "a"}, {"a": b"b"}])
def test_wrong_text_is_refused_before_training(text: object) -> None:
    message = f"text: expected a dict of str to str, or None, got {text!r}"
    with pytest.raises(ValueError, match=exactly(message)):
        tiny.encoded(text=text, progress=lambda report: pytest.fail("trained"))


def test_replacing_metadata_keeps_every_other_byte(file: bytes) -> None:
    new = replace_metadata(file, FULL)
    assert metadata_of(new) == FULL
    verify(io.BytesIO(new))
    before, after = split(file), split(new)
    kept = (b"HEAD", b"PLTE", b"RANG", b"NETW", b"LATS")
    assert [c for c in after if c[0] in kept] == [c for c in before if c[0] in kept]
    assert new.endswith(file[read_head(io.BytesIO(file)).payload_offset :])
    np.testing.assert_array_equal(decode(new), decode(file))
    assert replace_metadata(new, metadata_of(file)) == file
    assert metadata_of(replace_metadata(new, Metadata())) == Metadata()


def test_replacing_one_thing_copies_the_others() -> None:
    head, *rest = split(tiny.encoded())
    theirs = b"\1" + zstandard.ZstdCompressor(level=1).compress(b"comment")  # longer than what we would write
    data = join([head, (b"zzZz", b"unknown"), (b"comm", theirs), (b"xmpp", b"\0<x/>"), *rest])
    assert split(replace_metadata(data, dataclasses.replace(metadata_of(data), dpi=(72, 72)))) == [
        head,
        (b"xmpp", b"\0<x/>"),
        (b"comm", theirs),
        (b"dpis", bytes.fromhex("40 19 01 00 40 19 01 00")),
        (b"zzZz", b"unknown"),
        *rest,
    ]


def test_what_follows_the_picture_stays() -> None:
    data = replace_metadata(tiny.encoded() + b"somebody else's", Metadata(comment=b"new"))
    assert data.endswith(b"somebody else's")
    assert metadata_of(data) == Metadata(comment=b"new")


def test_replacing_metadata_of_a_damaged_file() -> None:
    data = tiny.encoded()
    with pytest.raises(FormatError, match=r"^chunk 'NETW': CRC mismatch$"):
        replace_metadata(data[:-5] + bytes([data[-5] ^ 1]) + data[-4:], Metadata())
    with pytest.raises(TruncatedError, match=r"^pixel chunks at byte 46: expected "):
        replace_metadata(data[:-1], Metadata())
    with pytest.raises(FormatError, match=r"^signature: expected "):
        replace_metadata(b"not a picture", Metadata())


def test_replacing_metadata_keeps_the_limits() -> None:
    head, network = split(tiny.encoded())
    full = join([head, *[(b"zzZz", b"")] * 64, network])
    assert replace_metadata(full, Metadata()) == full
    with pytest.raises(
        SettingsError, match=r"^metadata: expected at most 64 chunks before the pixels with it, got 65$"
    ):
        replace_metadata(full, Metadata(comment=b"one more"))
    with pytest.raises(SettingsError, match=r"^xmp: expected under 16777216 bytes, got 16777216$"):
        replace_metadata(join([head, network]), Metadata(xmp=bytes(2**24)))
