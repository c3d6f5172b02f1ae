"""What a cost counts is what is done: counted while files of many shapes are decoded, or by hand."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from networks import header_of, make_file, make_layers, make_palette

from inr_core import Decoder, Settings, decode, describe, encode, read_head
from inr_core import pixels as pixels_module
from inr_core.container.header import Raster
from inr_core.entropy import rans
from inr_core.exact.cost import MIXED_PASSES, PASSES, strips_cost
from inr_core.exact.prediction import LEFT, MEDIAN
from inr_core.exact.strips import Part, Shape
from inr_core.kernels import sine, switch
from inr_core.kernels.siren import COMPILED_SAMPLES
from inr_core.latent.cost import positions
from inr_core.limits import Cost
from inr_core.siren.cost import PHASES


def cost_of(data: bytes, **ask: Any) -> Cost:
    head = read_head(io.BytesIO(data))
    return Decoder(head, data[head.payload_offset :], 1).cost(**ask)


def test_of_strips_by_hand() -> None:
    """A question for each bit, three for finding a sample's neighbours, eight for asking for a pixel."""
    samples = 300 * 301 * 3
    for asks, more in ((False, 0), (True, 8 * 300 * 301)):
        part = Part(3, 0, 0, False, b"", False, mixed=True, asks=asks)
        name = "questions" if switch.compiled() else "plain_questions"
        least = 300 * (18 + 13 * (3 if asks else 3 * 11))  # a row of 18 flat blocks and 13 pixels
        most = 11 * samples + more
        passes = MIXED_PASSES * 300 * 301
        expected = Cost(passes=passes, unsure=most - least, **{name: most})
        assert strips_cost([(Shape(3, 300, 301, 256), [part])]) == expected
    for predictor, steps in ((LEFT, 0), (MEDIAN, 130)):
        part = Part(1, predictor, 0, False, b"", True)
        assert strips_cost([(Shape(1, 30, 100, 65536), [part])]) == Cost(passes=PASSES * 3000, steps=steps)
    apart = [Part(1, MEDIAN, 0, False, b"", True)] * 3
    assert strips_cost([(Shape(3, 30, 100, 256), apart)]).steps == 3 * 130


def test_of_a_narrow_pyramid_by_hand() -> None:
    """Rows are made by whole tiles of 16: of grids of one column and 512, 256 and 128 rows."""
    raster = Raster(2, 1024, "RGB", 8, 3)
    assert positions(raster, 0, 3) == 3 * (4 * 16 * (512 + 256 + 128)) // 4
    assert positions(raster, 1, 3) == 3 * (4 * 16 * (256 + 128)) // 4
    wide = Raster(16 * 2**5, 2**10, "RGB", 8, 3)
    assert 0.99 * wide.width * wide.height < positions(wide, 0, 5) <= wide.width * wide.height


@pytest.mark.parametrize("shape", [(90, 70), (5, 3000), (3000, 5), (3000, 90), (20_000, 40), (1, 700), (700, 1)])
def test_of_phases_is_what_is_evaluated(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for a column of a block, and for a row: never for each row of a wide picture anew."""
    made = []
    real = sine.first_phase

    def counted(*args: Any) -> Any:
        out = real(*args)
        made.append(out.size)
        return out

    monkeypatch.setattr(sine, "first_phase", counted)
    monkeypatch.setattr("inr_core.kernels.siren.STRIP_SAMPLES", COMPILED_SAMPLES)
    data = make_file(header_of("L", width=shape[0], height=shape[1], hidden=8, layers=2))
    cost = describe(data).cost
    decode(data, threads=1)
    counted_before = (cost.passes - shape[0] * shape[1] * 12) / PHASES
    assert sum(made) <= counted_before <= 1.05 * sum(made)  # the last rows are evaluated by more columns
    assert sum(made) <= 8 * (shape[0] + shape[1]) * (1 + max(shape) * min(shape) / 2**12 / 2)


def test_of_palettes_is_what_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = pixels_module.nearest_colour

    def counted(samples: Any, palette: Any) -> Any:
        compared.append(samples.shape[0] * samples.shape[1] * len(palette))
        return real(samples, palette)

    monkeypatch.setattr(pixels_module, "nearest_colour", counted)
    siren = make_file(header_of("P", width=60, height=50, channels=4), palette=make_palette(4))
    places = np.random.default_rng(0).integers(0, 8, (50, 60)).astype(np.uint8)
    exact = encode(places, Settings(model="exact", effort=0), mode="P", palette=make_palette(3))
    asked: list[tuple[bytes, dict[str, Any], int]] = [
        (siren, {}, 3000),
        (siren, {"size": (7, 5)}, 35),
        (exact, {"size": (7, 5)}, 35),
    ]
    for data, ask, times in asked:
        compared.clear()
        cost = cost_of(data, **ask)
        decode(data, **ask)
        assert cost.distances == sum(compared) == 8 * times
    assert describe(exact).cost.distances == 0


def test_of_weights_is_what_the_range_coder_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    real = rans.Decoder.decode

    def counted(self: rans.Decoder, tables: Any, which: Any) -> Any:
        read.append(len(which))
        return real(self, tables, which)

    monkeypatch.setattr(rans.Decoder, "decode", counted)
    header = header_of("RGB", hidden=64, layers=4)
    for bits, density in ((5, 1.0), (5, 0.3), (16, 1.0)):
        data = make_file(header, make_layers(header, bits=bits, density=density))
        read.clear()
        assert describe(data).cost.symbols == sum(read)
        assert bool(read) == (bits == 5)
