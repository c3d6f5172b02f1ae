"""What decoding costs is known before: counted by hand, found again in what is evaluated; what we save may cost it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from networks import header_of
from small_files import LATENT, SIREN

from inr_core import Decoder, Limits, Settings, SettingsError, decode, describe, encode, read_head
from inr_core.container.header import Header, Raster
from inr_core.exact import beside
from inr_core.exact.cost import PASSES, mixed_cost, opens_mixed
from inr_core.exact.planes import strip_shapes
from inr_core.kernels import switch
from inr_core.latent import prior
from inr_core.latent.cost import grid_cost
from inr_core.latent.level import Component
from inr_core.limits import Cost
from inr_core.models import MAX_LATENT_PIXELS, MAX_PIXELS, MODELS, ExactShape, SirenShape
from inr_core.modes import COMPONENTS, MODE_TABLE
from inr_core.siren.cost import PHASES, siren_cost
from inr_core.siren.plan import make_plan
from inr_core.siren.render import Grid

ASKED: list[dict[str, Any]] = [
    {},
    {"size": (30, 23)},
    {"size": (7, 5)},
    {"size": (200, 160)},
    {"region": (10, 5, 70, 60)},
    {"region": (10, 5, 70, 60), "size": (9, 9)},
    {"region": (10, 5, 20, 25), "size": (64, 128)},
]


def decoder_of(data: bytes, limits: Limits | None = None) -> Decoder:
    head = read_head(io.BytesIO(data))
    return Decoder(head, data[head.payload_offset :], 1, limits=limits)


def test_of_a_siren_by_hand() -> None:
    """90 × 70 samples by 4 layers of 24 neurons, 3 outputs; phases of 90 columns and 70 rows."""
    pixels = 90 * 70
    macs = pixels * (2 * 24 + 2 * 24 * 24 + 24 * 3)
    passes = pixels * 12 * 3 + (90 + 70) * 24 * PHASES
    ranged = describe(SIREN).cost.symbols
    assert describe(SIREN).cost == Cost(macs=macs, sines=pixels * 3 * 24, passes=passes, symbols=ranged)
    odd = siren_cost(SirenShape(5, 3), 3, (2, 5))  # as many as 8 neurons, for they are evaluated by fours
    assert (odd.macs, odd.sines) == (10 * (2 * 8 + 8 * 8 + 8 * 3), 10 * 2 * 8)
    wide = siren_cost(SirenShape(4, 2), 1, (40_000, 64))  # in blocks of 512 columns by 32 rows
    assert wide.passes == 40_000 * 64 * 12 + (40_000 * 2 + 64 * 79) * 4 * PHASES


@pytest.mark.parametrize("ask", ASKED, ids=str)
def test_of_a_siren_is_what_is_evaluated(ask: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = Grid._strip

    def counted(self: Grid, network: Any, y: Any) -> Any:
        made.append(len(self.x) * len(y))
        return real(self, network, y)

    monkeypatch.setattr(Grid, "_strip", counted)
    decoder = decoder_of(SIREN)
    expected = decoder.cost(**ask)
    decoder.decode(**ask)
    assert expected.macs == sum(made) * (2 * 24 + 2 * 24 * 24 + 24 * 3)
    assert expected.sines == sum(made) * 3 * 24


@pytest.mark.parametrize("ask", ASKED, ids=str)
def test_of_a_pyramid_is_no_less_than_what_is_decoded(ask: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = Component._finer

    def counted(self: Component, *args: Any) -> Any:
        out = real(self, *args)
        made.append(out[0].size)
        return out

    monkeypatch.setattr(Component, "_finer", counted)
    decoder = decoder_of(LATENT)
    header, macs = decoder.head.header, prior.load(1).macs
    expected = decoder.cost(**ask)
    decoder.decode(**ask)
    done = grid_cost(header, macs, round(sum(made) * 3 / 4))  # each grid and those coarser
    assert 0.95 * done.macs <= expected.macs <= 5 * done.macs  # small grids have rows of whole tiles
    assert expected.passes >= 0.95 * done.passes


def test_of_less_is_less() -> None:
    for data in (SIREN, LATENT):
        decoder = decoder_of(data)
        assert decoder.cost() == describe(data).cost
        assert decoder.cost((1, 1)).seconds <= 3 * decoder.cost().seconds
        assert decoder.cost((8, 6), (0, 0, 8, 6)).seconds <= decoder.cost().seconds
    small = decoder_of(LATENT).cost((9, 7))
    assert 5 * small.seconds < decoder_of(LATENT).cost().seconds
    rows = np.random.default_rng(0).integers(0, 256, (3000, 1000)).astype(np.uint8)
    strips = encode(rows, Settings(model="exact", effort=0))  # two of them
    assert decoder_of(strips).cost(None, (0, 0, 9, 9)).seconds < 0.75 * decoder_of(strips).cost().seconds


def test_nothing_is_decoded_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError

    for name in ("siren.render.Grid._strip", "latent.level.Component._finer", "exact.picture.unpack_parts"):
        monkeypatch.setattr(f"inr_core.{name}", never)
    monkeypatch.setattr("inr_core.exact.whole.unpack_parts", never)
    alpha = np.full((40, 40, 4), 9, np.uint8)
    alpha[:20, :20, 3] = 0
    for data in (SIREN, LATENT, encode(alpha[..., :3], Settings(model="exact"))):
        assert describe(data).cost.seconds > 0


# what we save opens


@pytest.mark.parametrize("pixels", [1, 2**12, 2**20, 12_000_000, 50_000_000, 2**26, 2**27, MAX_PIXELS])
@pytest.mark.parametrize("quality", [0, 60, 100])
def test_networks_that_are_chosen_open_without_a_warning(pixels: int, quality: int) -> None:
    side = max(1, round(pixels**0.5))
    for channels in (1, 3, 4):
        for settings in (Settings(), Settings(depth=2), Settings(depth=12), Settings(density=0.1)):
            for target in (None, 1000, 2**24):
                plan = make_plan((side, pixels // side, channels), settings, quality=quality, max_bytes=target)
                cost = siren_cost(SirenShape(plan.shapes[0][0], len(plan.shapes)), channels, (side, pixels // side))
                assert cost.seconds <= Limits().seconds / 2


def test_a_network_that_readers_would_refuse_is_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr("inr_core.fit.siren.trainer.fit", None)  # not called
    wide = Settings(model="siren", width=200, depth=64, device="cpu")
    message = (
        r"width, depth: expected a network decoded in 120 nominal seconds, got 12\d: 64 layers of 200 neurons for "
    )
    with pytest.raises(SettingsError, match=message):
        encode(np.random.default_rng(0).integers(0, 255, (1330, 1330)).astype(np.uint8), wide)


@pytest.mark.parametrize("mode", [mode for mode in MODE_TABLE if mode not in ("1", "P")])
def test_the_largest_pyramid_opens_with_a_plane_beside_it(mode: str) -> None:
    info = MODE_TABLE[mode]
    raster = Raster(8192, 8192, mode, info.bit_depths[-1], max(info.channels))
    assert raster.width * raster.height == MAX_LATENT_PIXELS
    assert sum(COMPONENTS[mode]) == raster.channels
    for number in prior.known_ids():
        cost = grid_cost(raster, prior.load(number).macs, MAX_LATENT_PIXELS)
        assert cost.seconds + beside.MIXED_SECONDS <= Limits().seconds


def test_the_mixing_coder_is_left_out_where_readers_would_refuse_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for mode, info in MODE_TABLE.items():
        for depth in info.bit_depths:
            channels = max(info.channels)
            sides = [2**k for k in range(8, 15)]
            rasters = [Raster(side, side, mode, depth, channels) for side in sides]
            opens = [opens_mixed(raster) for raster in rasters]
            assert opens == [mixed_cost(strip_shapes(raster)).seconds <= 120 for raster in rasters]
            assert opens[:4] == [True] * 4
    assert not opens_mixed(Raster(8192, 8192, "RGB", 8, 3))
    assert opens_mixed(Raster(6000, 4000, "RGB", 8, 3))
    noise = np.random.default_rng(0).integers(0, 8, (100, 110, 3)).astype(np.uint8)
    assert describe(encode(noise, Settings(model="exact"))).parts[0].predictor == (
        "mixing coder" if switch.compiled() else "none"
    )
    monkeypatch.setattr("inr_core.save.exact.opens_mixed", lambda raster: False)
    assert describe(encode(noise, Settings(model="exact"))).parts[0].predictor != "mixing coder"


def test_the_mixing_coder_without_kernels_is_counted_as_it_is() -> None:
    """A file that opens at once by the compiled kernels is refused where plain Python would take minutes."""
    if not switch.compiled():
        pytest.skip("only compiled kernels write it")
    rng = np.random.default_rng(0)
    data = encode(rng.integers(0, 9, (320, 320, 3)).astype(np.uint8), Settings(model="exact"))
    assert describe(data).parts[0].predictor == "mixing coder"
    assert describe(data).cost.seconds < 1
    with switch.using(switch.NUMPY):
        assert describe(data).cost.seconds > Limits().seconds
        with pytest.raises(Exception, match="limits: seconds: expected at most 1 of a nominal core, got more"):
            decode(data, limits=Limits(seconds=1))


def test_the_largest_plain_strips_open() -> None:
    for mode, info in MODE_TABLE.items():
        raster = Raster(2**14, 2**14, mode, info.bit_depths[-1], max(info.channels))
        shapes = strip_shapes(raster)
        assert PASSES * sum(s.planes * s.height * s.width for s in shapes) * 1e-9 <= Limits().seconds


# what strangers send does not


def test_a_small_file_that_takes_minutes_is_refused() -> None:
    from slow_files import siren as slow_siren

    header = header_of("RGBA", width=2**14, height=2**14, hidden=16, layers=64)
    assert siren_cost(SirenShape(16, 64), 4, (2**14, 2**14)).seconds > 2 * Limits().seconds
    draw = {"hidden": 16, "layers": 64, "bits": 2, "density": 1.0, "mode": "RGBA", "aspect": 0}
    data = slow_siren(draw, 2**28)
    assert len(data) < 1000
    assert read_head(io.BytesIO(data)).header.width == header.width
    assert describe(data).cost.seconds > 300
    for ask in ({}, {"region": (0, 0, 16_384, 8192)}, {"size": (1000, 1000)}):
        with pytest.raises(Exception, match="limits: seconds: expected at most 120"):
            decode(data, **ask)
    assert decode(data, region=(0, 0, 3, 2)).shape == (2, 3, 4)


def test_every_model_counts_something() -> None:
    assert {*MODELS} == {"siren", "latent", "exact"}
    assert Header(9, 9, "L", 8, 1, ExactShape()).row.load("picture").cost
