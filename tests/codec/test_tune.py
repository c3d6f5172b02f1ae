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
with Image.open(Path(__file__).parents[2] / "sample_images" / "coffee.webp") as im:
    STILL = np.ascontiguousarray(np.asarray(im.convert("RGB"))[100:260, 200:392])
PHOTOGRAPHS = pytest.mark.parametrize("photograph", [PHOTOGRAPH, STILL], ids=["chelsea", "coffee"])


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


@PHOTOGRAPHS
@pytest.mark.parametrize("tune", ["look", "psnr"])
def test_qualities_are_monotonic(photograph: NDArray[Any], tune: str) -> None:
    qualities = (*range(0, 100, 10), 75, 85, 88, 92, 95, 100)
    files = [encode(photograph, Settings(effort=0, quality=q, tune=tune, threads=1)) for q in sorted(qualities)]
    sizes, values = [len(data) for data in files], [psnr(photograph, decode(data)) for data in files]
    assert sizes == sorted(set(sizes))
    assert values == sorted(values)
    assert values[-1] > 49
    steps = [plan.step_for(q, look=tune == "look") for q in range(101)]
    assert steps == sorted(steps, reverse=True)


@PHOTOGRAPHS
def test_qualities_are_as_jpeg_has_taught(photograph: NDArray[Any]) -> None:
    """75 is as good as a JPEG of 85 at least, and smaller; by SSIMULACRA2 as one of 90, and 90 is as the original."""

    def saved(kind: str, quality: int) -> tuple[int, NDArray[Any]]:
        out = io.BytesIO()
        Image.fromarray(photograph).save(out, kind, quality=quality, **({"effort": 0} if kind == "INR" else {}))
        with Image.open(out) as im:
            return out.tell(), np.array(im)

    (size, decoded), (jpeg_size, jpeg) = saved("INR", 75), saved("JPEG", 85)
    assert size < 0.85 * jpeg_size
    assert psnr(photograph, decoded) > psnr(photograph, jpeg) + 0.5
    pytest.importorskip("ssimulacra2")
    from pillow_inr.bench.metrics import SSIMULACRA2

    assert SSIMULACRA2.score(photograph, decoded) > SSIMULACRA2.score(photograph, saved("JPEG", 90)[1])
    assert SSIMULACRA2.score(photograph, decoded) > 80
    assert SSIMULACRA2.score(photograph, saved("INR", 90)[1]) > 85


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
