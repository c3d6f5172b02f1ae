"""Options of `Image.save`: others' are passed over, slips are not, and ours take values of any type."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
import tiny
from PIL import TiffImagePlugin
from saved_pictures import DATA, DEFAULT, of, written

from inr_core import Settings, SettingsError
from pillow_inr.options import SaveOptions

THEIRS = """
    decoding_speed use_container use_original_profile lossless_jpeg jpeg_encode compress_metadata num_threads metadata
    jumb chroma enc_params icc_profile_type primary_index save_nclx_profile matrix_coefficients color_primaries
    transfer_characteristics full_range_flag image_orientation bit_depth thumbnails depth_images aux heif tiling
""".split()  # of pillow-heif and pillow-jxl-plugin, and what they keep in `info`  # noqa: SIM905


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
        ("targetSize", "target_size"),
        ("TargetPSNR", "target_psnr"),
        ("timeLimit", "time_limit"),
        ("target_bytes", "target_size"),
        ("target", "target_size"),
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
