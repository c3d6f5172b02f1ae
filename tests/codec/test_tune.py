"""What files are tuned for: which ones have weights for looks, and what these do to bands."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pillow_inr  # noqa: F401 (registers the format)
from inr_core import FormatError, Settings, SettingsError, decode, describe, encode, psnr, read_head
from inr_core.fit.latent.band_products import analysis
from inr_core.latent import plan

with Image.open(Path(__file__).parents[2] / "sample_images" / "chelsea.webp") as im:
    PHOTOGRAPH = np.ascontiguousarray(np.asarray(im.convert("RGB"))[40:200, 120:312])


def is_for_looks(data: bytes) -> bool:
    line = describe(data).network
    assert ("tune look" in line) != ("tune psnr" in line)
    return "tune look" in line


def levels_of(pixels: NDArray[Any], other: NDArray[Any]) -> list[float]:
    """Mean squares of the difference's bands, finest level first."""
    import torch

    low = torch.from_numpy((pixels.astype(np.float32) - other).mean(2))[None]
    found = []
    for _ in range(4):
        low, bands = analysis(low)
        found.append(bands.square().mean().item())
    return found


@pytest.mark.parametrize(
    ("options", "look"),
    [({}, True), ({"tune": "look"}, True), ({"tune": "psnr"}, False), ({"target_psnr": 30}, False),
     ({"target_psnr": 28, "tune": "look"}, True), ({"target_size": 4000}, True)],
)  # fmt: skip
def test_files_are_tuned_for_looks_unless_psnr_is_wanted(options: dict[str, Any], look: bool) -> None:
    data = encode(PHOTOGRAPH, Settings(effort=0, threads=1, **options))
    assert is_for_looks(data) == look
    if target := options.get("target_psnr"):
        assert psnr(PHOTOGRAPH, decode(data)) >= target


def test_measurements_are_tuned_for_psnr() -> None:
    grey = PHOTOGRAPH[..., 1].astype(np.uint16) * 200
    assert not is_for_looks(encode(grey, Settings(effort=0, model="latent")))
    assert is_for_looks(encode(PHOTOGRAPH[..., 1], Settings(effort=0, model="latent")))


@pytest.mark.parametrize("effort", [0, 2])
def test_errors_are_smaller_where_they_are_seen_and_larger_where_not(effort: int) -> None:
    errors, sizes = [], []
    for tune, step in (("psnr", 160), ("look", 160)):
        octaves = step / 16 - 6
        with pytest.MonkeyPatch.context() as patch:
            for name in ("STEP_OCTAVES", "LOOK_OCTAVES"):
                patch.setattr(plan, name, ((0.0, octaves), (100.0, octaves)))
            data = encode(PHOTOGRAPH, Settings(effort=effort, tune=tune, threads=1, device="cpu"))
        errors.append(levels_of(PHOTOGRAPH, decode(data)))
        sizes.append(len(data))
    (finest, _, middle, coarse), (finest_look, _, middle_look, coarse_look) = errors
    assert finest_look > 1.3 * finest
    assert middle_look < 0.9 * middle
    assert coarse_look < 0.8 * coarse
    assert sizes[1] < 0.85 * sizes[0]


def test_qualities_for_looks_are_monotonic() -> None:
    files = [encode(PHOTOGRAPH, Settings(effort=0, quality=q, threads=1)) for q in (0, 20, 40, 60, 75, 90, 100)]
    sizes, values = [len(data) for data in files], [psnr(PHOTOGRAPH, decode(data)) for data in files]
    assert sizes == sorted(set(sizes))
    assert values == sorted(values)
    assert values[-1] > 49


def test_image_save_and_what_it_refuses() -> None:
    im = Image.fromarray(PHOTOGRAPH[:40, :48])
    files = []
    for tune in ("look", "psnr"):
        out = io.BytesIO()
        im.save(out, "INR", effort=0, tune=tune)
        files.append(out.getvalue())
    assert [is_for_looks(data) for data in files] == [True, False]
    for wrong in ("ssim", 1, "LOOK"):
        with pytest.raises(SettingsError, match="tune: expected one of look, psnr, got"):
            Settings.from_options({"tune": wrong})


def test_the_flag_is_the_first_payloads_alone() -> None:
    data = encode(PHOTOGRAPH, Settings(effort=0, threads=1))
    first = read_head(io.BytesIO(data)).payload_offset + 8  # behind the chunk's length and type
    assert data[first] & 0x20
    chunk = struct.unpack_from("<I", data, first - 8)[0]
    plain = bytearray(data)
    plain[first] ^= 0x20
    plain[first + chunk : first + chunk + 4] = struct.pack("<I", zlib.crc32(plain[first - 4 : first + chunk]))
    assert not is_for_looks(bytes(plain))
    with pytest.raises(FormatError):  # other planes, and so other symbols
        decode(bytes(plain))
