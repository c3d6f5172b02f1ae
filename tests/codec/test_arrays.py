"""Whatever is like an array of pixels: taken as it is, or refused; never something else saved in its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inr_core import InrError, Settings, SettingsError, decode, encode

PIXELS = np.random.default_rng(1).integers(0, 256, (9, 14, 3)).astype(np.uint8)
LOSSLESS = Settings(lossless=True)


def test_masked_pixels_are_refused() -> None:
    mask = np.zeros(PIXELS.shape, np.bool_)
    assert (decode(encode(np.ma.masked_array(PIXELS, mask), LOSSLESS)) == PIXELS).all()
    assert (decode(encode(np.ma.masked_array(PIXELS), LOSSLESS)) == PIXELS).all()
    mask[2, 3] = True
    with pytest.raises(InrError, match=r"^pixels: expected none that are masked, got 3: fill them"):
        encode(np.ma.masked_array(PIXELS, mask), LOSSLESS)


def test_kinds_of_arrays() -> None:
    class Own(np.ndarray):
        def __mul__(self, other: object) -> Any:
            raise AssertionError

    for given in (PIXELS.view(Own), PIXELS[::-1].copy()[::-1], np.asfortranarray(PIXELS)):
        assert (decode(encode(given, LOSSLESS)) == PIXELS).all()
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(PIXELS[..., 0])
    assert (decode(encode(matrix, LOSSLESS)) == PIXELS[..., 0]).all()
    with pytest.raises(InrError, match=r"^pixels: expected uint8 or uint16 of shape .*, got int64 "):
        encode(PIXELS.tolist(), LOSSLESS)


def test_whole_numbers_of_any_type_say_what_part_and_what_size() -> None:
    data = encode(PIXELS, LOSSLESS)
    sizes: list[Any] = [(7, 4), (7.0, np.float64(4)), (np.uint8(7), np.int64(4))]
    assert len({decode(data, size=size).tobytes() for size in sizes}) == 1
    regions: list[Any] = [(1, 2, 5, 8), (1.0, np.float32(2), np.int16(5), 8.0)]
    assert len({decode(data, region=region).tobytes() for region in regions}) == 1
    wrong: Any
    for wrong in ((7.5, 4), (8, 8.5), (True, 4), ("7", 4), (7, None), (7,)):
        with pytest.raises(SettingsError, match=r"^size: expected integers of 1 to"):
            decode(data, size=wrong)
    for wrong in ((1, 2, 5.5, 8), (1, 2, 5, None), (False, 2, 5, 8)):
        with pytest.raises(SettingsError, match=r"^region: expected integers 0 ≤ x0"):
            decode(data, region=wrong)


def test_what_is_no_file() -> None:
    nothing: Any = None
    with pytest.raises(TypeError):
        decode(nothing)
