"""Write the golden files: small pictures of every mode and their decoded pixels, those of a siren fitted briefly.

They pin the format: those that are there are written anew only when its version is bumped. From the repository's root,
the first line writes the files that are not there yet; the others all of a model:

    PYTHONPATH=tests:tests/helpers python tests/golden/make_golden.py
    PYTHONPATH=tests:tests/helpers python tests/golden/make_golden.py siren
    PYTHONPATH=tests:tests/helpers python tests/golden/make_golden.py latent
    PYTHONPATH=tests:tests/helpers python tests/golden/make_golden.py exact
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import exact_golden
import latent_golden
import numpy as np
from networks import header_of, make_file, make_layer
from numpy.typing import NDArray

from inr_core import Metadata, Settings, decode, encode
from inr_core.siren.weights import CODEBOOK, HALF, UNIFORM

FOLDER = Path(__file__).parent
WIDTH, HEIGHT = 32, 24
METADATA = Metadata(
    exif=b"MM\0*\0\0\0\x08" + bytes(90), icc=bytes(range(128)), xmp=b"<x:xmpmeta/>", comment=b"golden", dpi=(300, 72.5)
)


def colours(channels: int, peak: int) -> NDArray[Any]:
    """Soft gradients under a disc with a sharp edge, (HEIGHT, WIDTH, channels) of 0 … peak."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    disc = (x - 12) ** 2 + (y - 10) ** 2 < 49
    planes = [x / WIDTH, np.where(disc, 0.9, y / HEIGHT), np.where(disc, 0.2, 1 - x / WIDTH), np.where(disc, 1, 0.3)]
    dtype = np.uint16 if peak > 255 else np.uint8
    samples: NDArray[Any] = np.rint(np.stack(planes[:channels], axis=2) * peak).astype(dtype)
    return samples


def twelve_bits() -> NDArray[np.uint16]:
    """Values of a sensor, with a corner that is not measured, (HEIGHT, WIDTH, 1)."""
    values: NDArray[np.uint16] = colours(1, 4_095)
    values[-8:, -8:] = 65_535
    return values


def palette(channels: int) -> NDArray[np.uint8]:
    """Two greys, a red and a blue; with four channels the first is clear."""
    entries = [[20, 20, 20, 0], [230, 230, 230, 255], [200, 30, 30, 255], [30, 60, 200, 255]]
    return np.array(entries, np.uint8)[:, :channels].copy()


def fitted(mode: str, pixels: NDArray[Any], **options: Any) -> bytes:
    """A file of a few hundred steps of training, the same on every run of one machine."""
    entries = palette(options.pop("columns", 3)) if mode == "P" else None
    metadata = options.pop("metadata", Metadata())
    settings = Settings(
        **{"width": 12, "depth": 4, "density": 1.0, "steps": 300, "threads": 1, "device": "cpu", **options}
    )
    return encode(pixels, settings, mode=mode, palette=entries, metadata=metadata)


def every_coder() -> bytes:
    """Not fitted: a layer of each kind, masks and codes by each coder, products in float32 and in float64."""
    header = header_of("RGBA", 16, width=WIDTH, height=HEIGHT, hidden=24, layers=6)
    rng = np.random.default_rng(0)
    kinds = [
        (UNIFORM, 10, 1.0),
        (HALF, 16, 1.0),
        (UNIFORM, 6, 0.1),
        (CODEBOOK, 3, 0.5),
        (HALF, 16, 0.5),
        (UNIFORM, 16, 1.0),
    ]
    layers = [make_layer(rng, header, k, *kind) for k, kind in enumerate(kinds)]
    layers[1].codes[:] = np.resize(layers[1].codes[:24], layers[1].codes.size)  # repeats: Zstandard
    layers[4].mask[:] = np.arange(24)[:, None] % 2 == 0  # again
    return make_file(header, layers, metadata=METADATA)


def siren_files() -> dict[str, bytes]:
    """Every file of a siren by its name."""
    grey, rgb, rgba = colours(1, 255), colours(3, 255), colours(4, 255)
    indices = np.where(rgb[..., 1] > 200, 2, np.where(rgb[..., 0] > 128, 3, rgb[..., 1] > 100)).astype(np.uint8)
    return {
        "one_bit": fitted("1", np.where(rgb[..., 1] > 128, 255, 0).astype(np.uint8)),
        "grey": fitted("L", grey, bits=4),
        "grey_alpha": fitted("LA", rgba[..., 2:]),
        "palette": fitted("P", indices),
        "palette_alpha": fitted("P", indices, columns=4, metadata=METADATA),
        "rgb": fitted("RGB", rgb, metadata=Metadata(comment=b"golden")),
        "rgb_sparse": fitted("RGB", rgb, width=24, density=0.3),
        "rgb_codebook": fitted("RGB", rgb, quantization="kmeans", bits=5),
        "rgb_float16": fitted("RGB", rgb, quantization="float16"),
        "rgb_16_bits": fitted("RGB", colours(3, 65_535), bits=10),
        "rgba": fitted("RGBA", rgba),
        "rgb_grey": fitted("RGB", grey[..., [0, 0, 0]]),
        "rgba_grey_16_bits": fitted("RGBA", colours(4, 65_535)[..., [2, 2, 2, 3]], bits=10),
        "cmyk": fitted("CMYK", rgba),
        "ycbcr": fitted("YCbCr", rgb),
        "lab": fitted("LAB", rgb),
        "grey_16_bits": fitted("I;16", colours(1, 65_535)),
        "grey_12_bits": fitted("I;16", twelve_bits()),
        "one_pixel": fitted("RGB", rgb[:1, :1]),
        "tall": fitted("L", np.tile(grey[:, :3, 0], (20, 1))),
        "every_coder": every_coder(),
    }


MODELS: dict[str, Callable[[], dict[str, bytes]]] = {
    "siren": siren_files,
    "latent": latent_golden.files,
    "exact": exact_golden.files,
}


def main(model: str | None) -> None:
    """Write every file of a model and its pixels; those of all models that are missing, if none is named."""
    for each in (model,) if model else MODELS:
        for name, data in MODELS[each]().items():
            path = FOLDER / f"{name}.inr"
            if model or not path.exists():
                path.write_bytes(data)
                np.save(FOLDER / f"{name}.npy", decode(data))
                print(f"{name:25} {len(data):5} bytes")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
