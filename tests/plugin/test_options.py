"""Options of `Image.save` that are not ours, or come from a picture's `info`: whatever Pillow knows is no error."""

from __future__ import annotations

import inspect
import io
import math
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
import tiny
from PIL import ExifTags, Image, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from inr_core import Metadata, Settings, SettingsError, read_head
from pillow_inr.modes import from_image
from pillow_inr.options import SaveOptions

EXIF = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
DATA = {"comment": b"caf\xe9", "icc_profile": b"profile", "xmp": b"<x/>", "exif": b"Exif\0\0" + EXIF}
THEIRS = """
    decoding_speed use_container use_original_profile lossless_jpeg jpeg_encode compress_metadata num_threads metadata
    jumb chroma enc_params icc_profile_type primary_index save_nclx_profile matrix_coefficients color_primaries
    transfer_characteristics full_range_flag image_orientation bit_depth thumbnails depth_images aux heif tiling
""".split()  # of pillow-heif and pillow-jxl-plugin, and what they keep in `info`  # noqa: SIM905
DEFAULT = SaveOptions(Settings(), Metadata(), False)


def of(info: Any = None, /, **options: Any) -> SaveOptions:
    return SaveOptions.from_encoderinfo(options, info or {})


def metadata_of(data: bytes) -> Metadata:
    return read_head(io.BytesIO(data)).metadata


def written(im: Image.Image, **options: Any) -> io.BytesIO:
    data = io.BytesIO()
    im.save(data, "INR", **{"effort": 0, "threads": 1, **options})
    return data


def saved(im: Image.Image, **options: Any) -> Image.Image:
    return Image.open(written(im, **options))


def dict_of(im: Image.Image) -> dict[str, Any]:
    """The `info` of a picture, as its options."""
    return {key: value for key, value in im.info.items() if isinstance(key, str)}


def options_of_pillow() -> Iterator[str]:
    """Every name that one of Pillow's plugins looks up in `encoderinfo` or `info`."""
    for path in Path(PIL.__file__).parent.glob("*.py"):
        yield from re.findall(r"info(?:\.\w+)?[\[(]\s*[\"'](\w+)[\"']", path.read_text(encoding="utf-8"))


OWN = {*inspect.signature(Settings).parameters, "exif", "icc_profile", "xmp", "dpi", "comment", "text", "progress"}


def test_pillows_plugins_are_read() -> None:
    assert {"optimize", "progressive", "subsampling", "method", "speed", "tiffinfo", "mct", "rle"} < {
        *options_of_pillow()
    }
    assert {*options_of_pillow()} & OWN == {*("quality", "lossless", "bits", "width"), *DATA, "dpi"}


@pytest.mark.parametrize("name", sorted({*options_of_pillow(), *THEIRS} - OWN))
def test_options_of_other_writers_are_ignored(name: str) -> None:
    for value in (True, 3, "x", None, object(), [tiny.picture()], np.ones(3)):
        assert of(**{name: value}) == DEFAULT


def test_a_save_with_options_of_all_writers_is_the_same_file(tmp_path: Path) -> None:
    plain = written(tiny.picture())
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    every: dict[str, Any] = dict.fromkeys({*options_of_pillow(), *THEIRS} - OWN - {"append"}, 1)
    tiny.picture().save(path, effort=0, threads=1, bits=8, **every)
    assert path.read_bytes() == plain.getvalue()


@pytest.mark.parametrize(
    ("slip", "name"),
    [
        ("qualty", "quality"),
        ("qualitty", "quality"),
        ("qaulity", "quality"),
        ("wuality", "quality"),
        ("targetsize", "target_size"),
        ("target_pnsr", "target_psnr"),
        ("efort", "effort"),
        ("seeds", "seed"),
        ("thread", "threads"),
        ("quantisation", "quantization"),
        ("iccprofile", "icc_profile"),
        ("exfi", "exif"),
        ("progess", "progress"),
        ("step", "steps"),
    ],
)
def test_a_slip_is_no_other_writers_option(slip: str, name: str) -> None:
    with pytest.raises(SettingsError, match=f"^unknown option '{slip}'; did you mean '{name}'\\?$"):
        of(**{slip: 1})
    assert of({slip: "x"}, **{slip: "x"}) == DEFAULT  # a key of the picture's own `info`


def test_names_that_are_no_slips() -> None:
    names = ("Comment", "Quality", "Model", "Text", "mode", "speed", "ppi", "mp", "commentary", "", "ü", "a b")
    assert of(**dict.fromkeys(names, 1)) == DEFAULT
    assert SaveOptions.from_encoderinfo({3: 1, (1, 2): 3, None: 4}, {}) == DEFAULT  # type: ignore[dict-item]


class Raising:
    """Whatever is asked of it."""

    def _raise(self, *args: object) -> Any:
        raise RuntimeError("mine")

    __bool__ = __len__ = __iter__ = __float__ = __index__ = __eq__ = __repr__ = _raise
    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("name", sorted(OWN - {"bits", "progress"}))
def test_a_value_that_raises_is_refused_in_our_words(name: str) -> None:
    for value in (Raising(), [Raising()], (1, Raising()), {"a": Raising()}):
        with pytest.raises(SettingsError, match=f"^{name}: expected ") as caught:
            of(**{name: value})
        assert len(str(caught.value)) < 300
        assert of({name: value}, **{name: value}).settings == Settings()


NUMBERS: list[Callable[[int], Any]] = [
    *(int, float, np.int8, np.uint64, np.float16, np.float32, np.float64, np.array, Fraction, Decimal),
    TiffImagePlugin.IFDRational,
]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("quality", 60), ("target_size", 125), ("target_psnr", 31), ("effort", 7), ("threads", 2), ("seed", 9)),
        *(("time_limit", 3), ("width", 12), ("depth", 4), ("omega_first", 20), ("omega_hidden", 20), ("density", 1)),
        *(("steps", 100), ("bits", 8)),
    ],
)
def test_numbers_of_any_type(name: str, value: int, number: Callable[[int], Any]) -> None:
    if name == "target_size":
        value, number = 4000, number if number not in (np.int8, np.float16) else np.int32
    made = getattr(
        of(model="siren" if name in ("width", "depth", "steps", "bits") else "auto", **{name: number(value)}).settings,
        name,
    )
    assert made == value
    assert type(made) in (int, float)


@pytest.mark.parametrize(
    "name", ["target_size", "target_psnr", "effort", "threads", "seed", "time_limit", "width", "steps"]
)
@pytest.mark.parametrize(
    "value",
    [
        *(math.nan, -math.inf, True, False, np.True_, "5", b"5", 5j, np.complex64(5), np.array([5]), [5], {}, object()),
        *(Decimal("NaN"), TiffImagePlugin.IFDRational(1, 0), -(10**400), -1, np.timedelta64(5, "s")),
    ],
)
def test_what_is_no_number_is_refused(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: expected an? .*, got ") as caught:
        of(**{name: value})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", [name for name in OWN if name != "bits"])
def test_none_is_the_default(name: str) -> None:
    assert of(**{name: None}) == DEFAULT


@pytest.mark.parametrize(
    ("value", "quality"),
    [
        *(
            (80, 80),
            (np.int64(80), 80),
            (np.array(80), 80),
            ("80", 80),
            (b"80", 80),
            (" 80.5 ", 80.5),
            (True, 1),
            (np.True_, 1),
        ),
        *((101, 100), (1000, 100), (10**400, 100), (-5, 0), (-0.0, 0), (-1, 75)),
        *(("keep", 75), ("web_low", 75), ("maximum", 75), (None, 75)),
    ],
)
def test_qualities_of_other_writers(value: object, quality: float) -> None:
    assert of(quality=value).settings.quality == quality


def test_bits_of_png_are_not_those_of_a_siren() -> None:
    for bits in (1, 2, 4, 8):
        assert of(bits=bits) == DEFAULT
        assert of(bits=bits, model="latent").settings == Settings(model="latent")
    assert of(bits=8, model="siren").settings == Settings(bits=8, model="siren")
    assert of(bits=6, density=0.5).settings == Settings(bits=6, density=0.5)
    with pytest.raises(SettingsError, match=r"^bits: expected an integer from 4 to 10, got 1$"):
        of(bits=1, width=8)


# The `info` of a picture


TEXTS = (
    "Title",
    "Comment",
    "comment",
    "model",
    "seed",
    "steps",
    "width",
    "device",
    "qualty",
    "progress",
    "text",
    "quality",
)
OTHERS = {"dpi": (300, 72), "transparency": 3, "duration": 40, "loop": 0, "background": 1, "compression": None}


@pytest.mark.filterwarnings("ignore")  # Pillow's
def opened(kind: str) -> Image.Image:
    """A picture of a format that Pillow writes, with as much metadata as it does."""
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", "<x/>")
    for key in TEXTS:
        texts.add_itxt(key, "Stable – 安定", lang="ja", tkey="鍵")
    for mode in ("P", "RGB", "L", "1"):
        for options in ({**DATA, **OTHERS}, {"exif": DATA["exif"]}, {}):
            data = io.BytesIO()
            with suppress(Exception):  # not this mode, not these options, or not readable here
                tiny.picture(mode, (32, 32)).save(data, kind, **options, pnginfo=texts)
                im = Image.open(data)
                im.load()
                return im
    pytest.skip("Pillow cannot write, or not read it")


Image.init()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", sorted(Image.SAVE.keys() - {"INR", "SPIDER"}))
def test_info_of_every_format_is_taken(kind: str) -> None:
    im = opened(kind)
    assert of(im.info, **dict_of(im)).settings == Settings()
    with saved(im.resize((9, 9)), **dict_of(im)) as again:
        for name in ("icc_profile", "exif", "xmp"):
            had = im.info.get(name, b"").removeprefix(b"Exif\0\0")
            assert again.info.get(name, b"").removeprefix(b"Exif\0\0") == had
        if "comment" in im.info:
            assert again.info["comment"] == (im.info["comment"] if kind != "PNG" else "Stable – 安定".encode())
        if "dpi" in im.info:
            assert again.info["dpi"] == pytest.approx(im.info["dpi"], abs=1e-3)
    if kind != "PNG":  # whose keys may be any words
        assert of(**dict_of(im)).settings == Settings()


def png_with(*chunks: tuple[bytes, bytes]) -> Image.Image:
    """A PNG with chunks that Pillow would not write."""
    data = io.BytesIO()
    tiny.picture().save(data, "PNG")
    start = data.getvalue()[:33]  # signature and IHDR
    made = b"".join(
        struct.pack(">I", len(c)) + kind + c + struct.pack(">I", zlib.crc32(kind + c)) for kind, c in chunks
    )
    return Image.open(io.BytesIO(start + made + data.getvalue()[33:]))


def tiff_with(**tags: Any) -> Image.Image:
    """A TIFF with tags of any type."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for name, (kind, value) in tags.items():
        tag = {"icc": 34675, "x": 282, "y": 283}[name]
        directory.tagtype[tag] = kind
        directory[tag] = value
    data = io.BytesIO()
    tiny.picture().save(data, "TIFF", tiffinfo=directory)
    return Image.open(data)


@pytest.mark.parametrize(
    "make",
    [
        lambda: png_with((b"pHYs", struct.pack(">IIB", 0, 0, 1))),
        lambda: png_with((b"pHYs", struct.pack(">IIB", 2**32 - 1, 1, 1))),
        lambda: png_with((b"tEXt", b"exif\0text"), (b"tEXt", b"dpi\0 72"), (b"tEXt", b"xmp\0a\0b")),
        lambda: png_with((b"tEXt", b"icc_profile\0x"), (b"tEXt", b"transparency\0x"), (b"tEXt", b"target_size\0 5")),
        lambda: png_with((b"tEXt", b"quality\0very"), (b"tEXt", b"efort\0 9"), (b"tEXt", b"bits\0 8")),
        lambda: tiff_with(icc=(2, "text")),
        lambda: tiff_with(icc=(4, (7, 8, 300))),
        lambda: tiff_with(x=(5, TiffImagePlugin.IFDRational(300, 0)), y=(5, TiffImagePlugin.IFDRational(0, 0))),
        lambda: tiff_with(x=(5, TiffImagePlugin.IFDRational(300, 1)), y=(5, TiffImagePlugin.IFDRational(300, 1))),
    ],
)
@pytest.mark.filterwarnings("ignore")  # Pillow's
def test_info_of_broken_files_is_taken(make: Callable[[], Image.Image], tmp_path: Path) -> None:
    im = make()
    im.load()
    assert of(im.info, **dict_of(im)).settings == Settings()
    path = tmp_path / "a.inr"
    path.write_bytes(b"old")
    im.save(path, **{"effort": 0, **dict_of(im)})
    with Image.open(path) as again:
        again.load()


@pytest.mark.parametrize(
    "dpi",
    [(0, 0), (72, 0), (math.nan, 72), (math.inf, 72), (-1, 72), (1e9, 1e9), (72, 1e-9), (), None, 0],
)
def test_a_resolution_that_is_none_is_left_out(dpi: Any) -> None:
    assert of(dpi=dpi).metadata.dpi is None


@pytest.mark.parametrize(
    "dpi", [(300, 72), [300.0, 72], np.array([300, 72]), (Fraction(300), Decimal(72)), (np.float32(300), "72")]
)
def test_resolutions_of_any_type(dpi: Any) -> None:
    assert of(dpi=dpi).metadata.dpi == (300, 72)


def test_bytes_of_any_type() -> None:
    for name, field in (("exif", "exif"), ("icc_profile", "icc"), ("xmp", "xmp"), ("comment", "comment")):
        for data in (b"x", bytearray(b"x"), memoryview(b"x")):
            assert getattr(of(**{name: data}).metadata, field) == b"x"
            assert getattr(of({name: data}).metadata, field) == (b"x" if name in ("icc_profile", "comment") else None)
        value: Any
        for value in (b"", "", None, (), False, 0, {}):
            assert of({name: b"own"}, **{name: value}) == of()
    assert of(icc_profile="é", xmp="é", comment="é").metadata == Metadata(
        icc=b"\xc3\xa9", xmp=b"\xc3\xa9", comment=b"\xc3\xa9"
    )


def test_too_much_metadata_of_a_picture_is_left_out_and_said_so() -> None:
    im = tiny.picture()
    im.info["icc_profile"] = bytes(2**24)
    with pytest.warns(
        UserWarning, match=r"^icc_profile: expected under 16777216 bytes, got 16777216; saved without$"
    ) as caught:
        im.save(data := io.BytesIO(), "INR", effort=0)
    assert metadata_of(data.getvalue()) == Metadata()
    assert [warning.filename for warning in caught] == [__file__]
    im.info.clear()
    with pytest.raises(SettingsError, match=r"^xmp: expected under 16777216 bytes, got 16777216$"):
        im.save(io.BytesIO(), "INR", effort=0, xmp=bytes(2**24))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16", "CMYK", "LA"])
def test_transparency_of_another_mode_is_ignored(mode: str) -> None:
    plain = from_image(tiny.picture(mode))
    odd = [256, 70000, (1, 2, 3)] if mode == "P" else [b"\0\x80"]
    for value in (None, "x", 1.5, -1, (1, 2), (0, 0, "a"), [1, 2, 3, 4], {}, *odd):
        im = tiny.picture(mode)
        im.info["transparency"] = value
        pixels = from_image(im)
        assert pixels.mode == plain.mode
        np.testing.assert_array_equal(pixels.array, plain.array)
        np.testing.assert_array_equal(pixels.palette, plain.palette)


# Exif objects


def exif_of(*directories: tuple[int, dict[int, Any]]) -> Image.Exif:
    exif = Image.Exif()
    for where, tags in directories:
        if where == ExifTags.IFD.Interop:
            exif.get_ifd(ExifTags.IFD.Exif)
        exif.get_ifd(where).update(tags) if where else exif.update(tags)
    return exif


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize(
    ("where", "tags"),
    [
        (ExifTags.IFD.GPSInfo, {1: "N", 2: (50.0, 6.0, 7.5)}),
        (ExifTags.IFD.Exif, {0x9003: "2001:02:03 04:05:06", 0x927C: b"maker note"}),
        (ExifTags.IFD.Interop, {1: "R98"}),
        (ExifTags.IFD.IFD1, {0x103: 6, 0x11A: 72.0}),
    ],
)
@pytest.mark.parametrize("first", [{}, {0x112: 6}])
def test_every_directory_of_an_exif_object_is_kept(
    where: int, tags: dict[int, Any], first: dict[int, Any], endian: str
) -> None:
    exif = exif_of((0, first), (where, tags))
    exif.endian = endian
    with saved(tiny.picture(), exif=exif) as im:
        found = im.getexif()
        assert {tag: found[tag] for tag in first} == first
        found.get_ifd(ExifTags.IFD.Exif)
        assert dict(found.get_ifd(where)) == tags
        assert im.info["exif"][6:8] == (b"II" if endian == "<" else b"MM")
        with saved(im, exif=found) as again:
            assert again.info["exif"] == im.info["exif"]


def test_an_exif_object_that_was_not_changed_is_kept_to_the_byte() -> None:
    odd = b"II*\0" + struct.pack("<IHHHIIHHIII", 8, 2, 0x10E, 11, 1, 0x3F800000, 0x112, 3, 1, 6, 0) + b"maker note"
    for data in (EXIF + b"what nobody points at", odd):
        exif = Image.Exif()
        exif.load(b"Exif\0\0" + data)
        with saved(tiny.picture(), exif=exif) as im:
            assert im.info["exif"] == b"Exif\0\0" + data
    exif = Image.Exif()
    exif.load(EXIF)
    exif[0x112] = 3
    with saved(tiny.picture(), exif=exif) as im:
        assert im.getexif() == {0x112: 3}


def test_an_empty_exif_object_is_none() -> None:
    for exif in (Image.Exif(), exif_of((ExifTags.IFD.GPSInfo, {})), b"", b"Exif\0\0"):
        assert of(exif=exif) == DEFAULT


def test_values_that_exif_cannot_hold() -> None:
    with pytest.raises(SettingsError, match=r"^exif: expected values that EXIF can hold, got "):
        of(exif=exif_of((0, {0x10E: object()})))
    odd = Image.Exif()
    odd.load(b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x10E, 11, 1, 0x3F800000, 0))
    odd[0x112] = 6
    with pytest.raises(SettingsError, match=r"^exif: expected values that EXIF can hold, got "):
        of(exif=odd)


def test_exif_that_nobody_can_read_is_kept_and_hides_nothing() -> None:
    for data in (b"no TIFF header", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"):
        with saved(tiny.picture(), exif=data) as im:
            assert im.info["exif"] == b"Exif\0\0" + data
            assert dict(im.getexif()) == {}
            assert dict(im.getexif()) == {}
