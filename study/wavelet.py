"""Figure 7: one network for the low and one for the high bands of a wavelet split, against one for the picture.

One level of Daubechies-3 on Y; the low network gives its low band with Cb and Cr at half resolution, which are
upsampled, the high network its three high bands. Both are trained together, on the error of RGB. The pair has at most
as many weights as the plain SIREN, which is trained by the same loop and stored in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inr_core.errors import InrError
from inr_core.metrics import psnr
from inr_core.models import SirenShape
from pillow_inr.bench.pictures import Samples
from pillow_inr.bench.report import stopwatch

from . import plots
from .conclusions import Conclusion, above, conclude
from .experiment import Count, Decibels, Picture, Scale, Seconds, Study
from .files import Floats, fit_file, head_of, matrix_numbers, outputs, read, write
from .fitting import Field, Fitted, Schedule, siren_rate, train
from .networks import BandPair, PlainSiren

WAVELET, MODE = "db3", "periodization"  # orthonormal: an error of the coefficients is one of Y
PLAIN, PAIR = "siren", "wavelet pair"
HIGH_SIGMAS = 4.0  # a high band's ±1, in standard deviations
# Squared RGB error of an error in Y, Cb and Cr (JFIF), cross terms left out; a chroma sample stands for four pixels.
LUMA_WEIGHT, CB_WEIGHT, CR_WEIGHT = 3.0, 4 * (0.344136**2 + 1.772**2), 4 * (1.402**2 + 0.714136**2)


@dataclass(frozen=True)
class Row:
    """One fit."""

    picture: str
    method: str
    width: int
    numbers: Count  # weights, without biases
    bytes: Count
    psnr_db: Decibels
    fit_seconds: Seconds


@dataclass(frozen=True)
class Split:
    """A picture's bands at half its resolution: (h, w, 6) Y low, Cb, Cr, Y horizontal, vertical, diagonal; 0 … 255."""

    bands: NDArray[np.float64]

    @classmethod
    def of(cls, pixels: Samples) -> Split:
        """Of samples (H, W, 3), both even."""
        y, cb, cr = Image.fromarray(pixels).convert("YCbCr").split()
        low, high = _pywt().dwt2(np.asarray(y, np.float64), WAVELET, MODE)
        half = y.width // 2, y.height // 2
        chroma = [np.asarray(c.resize(half, Image.Resampling.BOX), np.float64) for c in (cb, cr)]
        return cls(np.stack([low / 2, *chroma, *high], 2))

    def picture(self) -> Samples:
        """The samples (H, W, 3) of these bands, chroma upsampled bicubically."""
        low, cb, cr, *high = np.moveaxis(self.bands, 2, 0)
        y = _plane(_pywt().idwt2((2 * low, tuple(high)), WAVELET, MODE))
        chroma = [_plane(c).resize(y.size, Image.Resampling.BICUBIC) for c in (cb, cr)]
        return np.array(Image.merge("YCbCr", (y, *chroma)).convert("RGB"))

    def gain(self) -> float:
        """What ±1 of a high band stands for, representable as float32."""
        return float(np.float32(max(1.0, HIGH_SIGMAS * float(self.bands[..., 3:].std()))))

    def targets(self, gain: float) -> Floats:
        """All bands around [−1, 1]."""
        low, high = self.bands[..., :3] / 127.5 - 1, self.bands[..., 3:] / gain
        return np.concatenate([low, high], 2).astype(np.float32)

    @classmethod
    def from_targets(cls, targets: Floats, gain: float) -> Split:
        """The inverse."""
        wide = targets.astype(np.float64)
        return cls(np.concatenate([(wide[..., :3] + 1) * 127.5, wide[..., 3:] * gain], 2))


def _plane(values: NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(np.rint(values).clip(0, 255).astype(np.uint8))


def _pywt() -> Any:
    try:
        return import_module("pywt")
    except ImportError as e:
        raise InrError("figure 7: expected PyWavelets; install pillow-inr[bench]") from e


def decode(data: bytes) -> Samples:
    """The picture of a wavelet pair's file."""
    head, tensors = read(data)
    return Split.from_targets(outputs(head, tensors, head.height // 2, head.width // 2), head.gain).picture()


def fit_pair(pixels: Samples, network: BandPair, schedule: Schedule) -> Fitted:
    """Fit both networks together, write their file and decode that."""
    split = Split.of(pixels)
    gain = split.gain()
    # In Y's units, squared: the low band is orthonormal's half, so that its error counts four times.
    low = np.array([4 * LUMA_WEIGHT, CB_WEIGHT, CR_WEIGHT]) * 127.5**2
    weights = np.concatenate([low, [LUMA_WEIGHT * gain**2] * 3])
    field = Field.of(split.targets(gain), (weights / weights.mean()).tolist(), clamp=False)
    with stopwatch() as seconds:
        data = write(head_of(network, pixels, gain), train(network, field, schedule))
    picture = decode(data)
    return Fitted(data, picture, psnr(pixels, picture), matrix_numbers(network), seconds[0])


def run(study: Study) -> None:
    """Both methods on every picture."""
    _pywt()  # missing: now, not after the first fit
    rows = study.rows("Wavelet fitting, 8-bit weights", Row)
    sheet = []
    for picture in study.pictures:
        row_of_crops = [(picture.name, picture.pixels)]
        for method, width, fitted in _fits(study, picture):
            size, seconds = len(fitted.data), fitted.seconds
            rows.add(Row(picture.name, method, width, fitted.numbers, size, fitted.psnr, seconds))
            row_of_crops.append((f"{method}, {size:,} bytes\n{fitted.psnr:.2f} dB", fitted.picture))
        ceiling = Split.of(picture.pixels).picture()
        row_of_crops.append((f"bands, exact\n{psnr(picture.pixels, ceiling):.2f} dB", ceiling))
        sheet.append(row_of_crops)
    conclude(study, conclusions(rows))
    plots.crops(study.path("-crops.png"), sheet)
    plots.lines(
        study.path(".png"),
        "Wavelet fitting",
        "bytes",
        "PSNR, dB",
        plots.panels(rows, lambda r: (r.picture, r.method), lambda r: (r.bytes, r.psnr_db)),
        note=study.scaled_down,
    )


def _fits(study: Study, picture: Picture) -> list[tuple[str, int, Fitted]]:
    scale = study.scale
    plain = PlainSiren(scale.width, scale.depth)
    pair = BandPair.within(scale.depth, SirenShape(scale.width, scale.depth).macs(3))
    study.report.say(f"{picture.name}: fitting {PLAIN} of width {plain.width}, {PAIR} of width {pair.width}")
    schedule = Schedule.of(study, siren_rate(plain.width))
    # Each of the pair's networks sees half as many points a step, but the picture has only a quarter of them.
    points = math.ceil(scale.pixels / 4) if scale.batch is None else math.ceil(scale.pixels / 2)
    paired = Schedule(schedule.steps, points, siren_rate(pair.width), schedule.seed, schedule.threads, schedule.device)
    return [
        (PLAIN, plain.width, fit_file(picture.pixels, plain, schedule)),
        (PAIR, pair.width, fit_pair(picture.pixels, pair, paired)),
    ]


def conclusions(rows: Sequence[Row]) -> list[Conclusion]:
    """The split does not help."""
    found = []
    for name in dict.fromkeys(row.picture for row in rows):
        at = {row.method: row for row in rows if row.picture == name}
        loss = at[PLAIN].psnr_db - at[PAIR].psnr_db
        more = 100 * (at[PAIR].bytes / at[PLAIN].bytes - 1)
        claim = "a wavelet split does not help at equal total parameters"
        found.append(above(claim, name, loss, f"the pair has {more:+.1f} % bytes"))
    return found


def neurons(scale: Scale) -> float:
    """Of all fits to a picture: the sum of width · (depth − 1)."""
    return 1.75 * scale.width * (scale.depth - 1)  # the pair: √2 as many, at half the points
