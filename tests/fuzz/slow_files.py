"""Kinds of legal files that may be slow, each of a draw of shapes and contents, and of as many pixels as one likes."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from networks import header_of, make_file, make_palette, shapes_of
from numpy.typing import NDArray

from inr_core import Metadata
from inr_core.container import chunks, zstd
from inr_core.container.fields import with_length
from inr_core.container.header import Header
from inr_core.exact.planes import strip_shapes
from inr_core.exact.prediction import PREDICTORS
from inr_core.exact.strips import FROM_SECOND, MIXED, PLANES_SHIFT
from inr_core.kernels import mixing
from inr_core.latent import encoding, latents, prior
from inr_core.models import MAX_HIDDEN, MAX_LAYERS, MAX_WEIGHTS, ExactShape, LatentShape, SirenShape
from inr_core.modes import COMPONENTS, MODE_TABLE
from inr_core.siren.weights import UNIFORM, QuantisedLayer

Draw = dict[str, Any]  # names and values of what is drawn
Drawer = Callable[[random.Random], Any]

NARROW = (1, 2, 3, 5, 16, 50)  # pixels across, or down, of some pictures; most are as wide as high


@dataclass(frozen=True)
class Kind:
    """What a file is drawn of, and how it is made."""

    drawers: dict[str, Drawer]
    make: Callable[[Draw, int], bytes]  # of so many pixels

    def draw(self, rng: random.Random) -> Draw:
        """Everything anew."""
        return {name: drawer(rng) for name, drawer in self.drawers.items()}

    def varied(self, draw: Draw, rng: random.Random) -> Draw:
        """One or two things anew."""
        names = rng.sample(sorted(self.drawers), min(len(self.drawers), rng.choice((1, 2))))
        return draw | {name: self.drawers[name](rng) for name in names}


def _logarithmic(low: int, high: int) -> Drawer:
    return lambda rng: round(math.exp(rng.uniform(math.log(low), math.log(high))))


def _one_of(*values: Any) -> Drawer:
    return lambda rng: rng.choice(values)


def _aspect(rng: random.Random) -> int:
    """0: a square, as large pictures are; else so many pixels across, or, negative, down."""
    return 0 if rng.random() < 0.6 else rng.choice((1, -1)) * rng.choice(NARROW)


def sides(aspect: int, pixels: int) -> tuple[int, int]:
    """Width and height of about so many pixels."""
    if not aspect:
        side = math.isqrt(pixels)
        return side, side
    long = max(1, min(65_535, pixels // abs(aspect)))
    return (abs(aspect), long) if aspect > 0 else (long, abs(aspect))


def siren(draw: Draw, pixels: int) -> bytes:
    """A network of weights as large as their bits and their rows allow; some of the weights of each layer are 0."""
    width, height = sides(draw["aspect"], pixels)
    mode, layers = draw["mode"], draw["layers"]
    hidden = draw["hidden"]
    while SirenShape(hidden, layers).macs(4) > MAX_WEIGHTS:
        hidden -= 1
    channels = 4 if mode == "P" else None
    header = header_of(mode, channels=channels, width=width, height=height, hidden=hidden, layers=layers)
    rng, built = np.random.default_rng(0), []
    for k, shape in enumerate(shapes_of(header)):
        bits = min(draw["bits"], max(2, int(math.log2(2**22 / 512 / shape[1])) + 9))  # of rows that are not too large
        mask = rng.random(shape) < draw["density"]
        mask[0, 0] = True
        codes = np.full(np.count_nonzero(mask), 2**bits - (2 if mask.all() else 3), np.uint16)
        last = k == layers - 1
        built.append(
            QuantisedLayer(mask, codes, UNIFORM, bits, 99_999, np.zeros(shape[0], np.int32), 24 if last else 1)
        )
    palette = np.resize(make_palette(4), (256, 4)) if mode == "P" else None
    return make_file(header, built, palette)


def pyramid(draw: Draw, pixels: int) -> bytes:
    """Noise at the finest step, or grey at the coarsest; `skip`: no symbols where 0 is sure."""
    width, height = sides(draw["aspect"], pixels)
    mode, noisy = draw["mode"], draw["noisy"]
    info = MODE_TABLE[mode]
    depth, channels = info.bit_depths[-1], max(info.channels)
    shape = (height, width, channels)
    top = 1 << depth
    samples = np.random.default_rng(0).integers(0, top, shape) if noisy else np.full(shape, top // 2)
    step = 0 if noisy else 255
    learnt = prior.load(draw["prior"])
    typed: NDArray[Any] = samples.astype(np.uint16 if depth == 16 else np.uint8)
    picture = latents.quantise(typed, learnt, COMPONENTS[mode], step, draw["levels"])
    payloads = encoding._encode(picture, learnt, draw["skip"], 1, "cpu")[0]
    header = Header(width, height, mode, depth, channels, LatentShape(draw["prior"], step, draw["levels"]))
    return chunks.write(header, None, Metadata(), payloads)


def mixed(draw: Draw, pixels: int) -> bytes:
    """By the mixing coder: noise, a board of two colours, which has no flat blocks, or one colour."""
    width, height = sides(draw["aspect"], pixels)
    mode = draw["mode"]
    info = MODE_TABLE[mode]
    depth = info.bit_depths[-1]
    header = Header(width, height, mode, depth, max(info.channels), ExactShape())
    payloads = []
    for shape in strip_shapes(header):
        samples = np.uint64(sum(((1 << depth) - 1) << 16 * plane for plane in range(shape.planes)))
        y, x = np.ogrid[: shape.height, : shape.width]
        noise = np.random.default_rng(0).integers(0, 2**64, (shape.height, shape.width), np.uint64)
        board = np.where((x ^ y) & 1, np.uint64(2**63 - 1), np.uint64(2**62 + 12345)) & samples
        less = samples & ~(samples >> np.uint64(1) & ~samples)  # noise may not take more than plain samples would
        flat = np.full(board.shape, 5, np.uint64) & samples
        what = {"noise": noise & less & ~np.uint64(1), "board": board, "flat": flat}[draw["content"]]
        data = mixing.write_pixels(what, shape.planes, depth, draw["asks"])
        if data is None:
            data = mixing.write_pixels(board, shape.planes, depth, draw["asks"])
            assert data is not None
        payloads.append(bytes([MIXED | shape.planes - 1 << PLANES_SHIFT | draw["asks"]]) + with_length(data))
    return chunks.write(header, None, Metadata(), payloads)


def plain(draw: Draw, pixels: int) -> bytes:
    """RGBA of 16 bits, all of it one byte again and again: a frame of next to nothing."""
    width, height = sides(draw["aspect"], pixels)
    header = Header(width, height, "RGBA", 16, 4, ExactShape())
    payloads = []
    for shape in strip_shapes(header):
        body = zstd.squeeze(b"\x55" * (8 * shape.height * shape.width), 1)
        head = 3 << PLANES_SHIFT | (FROM_SECOND if draw["second"] else 0) | draw["predictor"]
        payloads.append(bytes([head]) + with_length(body))
    return chunks.write(header, None, Metadata(), payloads)


_SIREN: dict[str, Drawer] = {
    "hidden": _logarithmic(1, MAX_HIDDEN),
    "layers": _logarithmic(2, MAX_LAYERS),
    "bits": _one_of(2, 5, 8, 13, 16),
    "density": _one_of(1.0, 1.0, 0.75, 0.65, 0.3, 0.02),
    "mode": _one_of("L", "RGB", "RGBA", "P"),
    "aspect": _aspect,
}
_PYRAMID: dict[str, Drawer] = {
    "prior": _one_of(*prior.known_ids()),
    "mode": _one_of("L", "LA", "RGB", "RGBA", "YCbCr", "I;16"),
    "noisy": _one_of(False, True),
    "skip": _one_of(False, True),
    "levels": _one_of(1, 3, 6, 16),
    "aspect": _aspect,
}
_MIXED: dict[str, Drawer] = {
    "mode": _one_of("1", "L", "RGB", "RGBA", "I;16"),
    "content": _one_of("noise", "board", "flat"),
    "asks": _one_of(False, True),
    "aspect": _aspect,
}
_PLAIN: dict[str, Drawer] = {"predictor": _one_of(*PREDICTORS), "second": _one_of(False, True), "aspect": _aspect}
KINDS = {
    "siren, small": Kind(_SIREN | {"hidden": _logarithmic(1, 64)}, siren),
    "siren, large": Kind(_SIREN | {"hidden": _logarithmic(64, MAX_HIDDEN)}, siren),
    "latent": Kind(_PYRAMID, pyramid),
    "exact, mixing coder": Kind(_MIXED, mixed),
    "exact, Zstandard": Kind(_PLAIN, plain),
}


@cache
def tiny(model: str) -> bytes:
    """A file of a model, so that imports and the prior are there before anything is measured."""
    if model == "siren":
        return make_file(dataclasses.replace(header_of("RGB"), width=8, height=8))
    if model == "latent":
        shape = {"prior": 1, "mode": "RGB", "noisy": False, "skip": True, "levels": 1, "aspect": 0}
        return pyramid(shape, 64)
    return plain({"predictor": 0, "second": False, "aspect": 0}, 64)
