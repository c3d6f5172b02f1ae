"""Refining by hand-made passes: they compute what autograd finds through the float model, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor

from inr_core.fit.latent import band_products, float_wavelet, networks, refine, tiles
from inr_core.fit.latent import model as lm
from inr_core.fit.latent.adapt import _parameter
from inr_core.fit.latent.laplace import Findings, allowed_share, changes
from inr_core.fit.latent.networks import Moved, Weights
from inr_core.fit.latent.parities import clear_padding, from_parities, to_parities
from inr_core.fit.latent.passes import Pass, Window
from inr_core.latent import plan, prior
from inr_core.latent.differences import ARRAYS
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import Latents, quantise

STEP, PRICE = 0.05, 0.01


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def close(a: Tensor, b: Tensor, share: float = 1e-3) -> bool:
    """Whether arrays are the same but for a share of the largest value."""
    assert a.shape == b.shape
    return bool((a - b).abs().max() <= share * b.abs().max())


def noisy_model(planes: int) -> lm.LatentModel:
    """Every parameter matters; of a grey component chroma stays 0, as decoders have it."""
    torch.manual_seed(2)
    model = lm.LatentModel(hidden=6, entropy_hidden=8, chroma_hidden=4, levels=3).requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    for net in (model.entropy.luma, model.entropy.chroma):
        net.b3.add_(0.7)  # the wider, the further from the least probability
    if planes == 1:
        for silent in (model.entropy.chroma.w3, model.entropy.chroma.b3, model.cell.w2[4:], model.cell.b2[4:]):
            silent.zero_()
    return model


def parameters(model: lm.LatentModel) -> dict[str, Tensor]:
    named = dict(model.named_parameters())
    return {name: named[_parameter(name)] for name in ARRAYS}


def random_latents(
    size: tuple[int, int], planes: int, levels: int
) -> tuple[Tensor, list[Tensor], list[float_wavelet.Size]]:
    """Planes of the coarsest grid, latents of every level and the sizes of all grids."""
    random = torch.Generator().manual_seed(size[0] * size[1])
    sizes = [(-(-size[0] >> k), -(-size[1] >> k)) for k in range(levels + 1)]
    q = [torch.randn(3 * planes, *s, generator=random).round() for s in sizes[1:]]
    return torch.randn(planes, *sizes[-1], generator=random) * 4 * STEP, q, sizes


def in_colour(x: Tensor, count: int) -> Tensor:
    out: Tensor = torch.cat([x, x.new_zeros(count - len(x), *x.shape[1:])])[None]
    return out


@pytest.mark.parametrize(
    ("size", "planes", "levels", "seen", "first"),
    [
        ((48, 80), 3, 3, 2, 0),
        ((45, 83), 3, 2, 1, 1),
        ((37, 22), 1, 2, 2, 0),
        ((2, 1), 3, 4, 0, 4),
        ((16, 16), 1, 1, 1, 0),
    ],
)
def test_a_pass_finds_what_autograd_finds(
    size: tuple[int, int], planes: int, levels: int, seen: int, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "SMALL", 1 << 20)
    model = noisy_model(planes)
    low, q, sizes = random_latents(size, planes, levels + seen)
    low = torch.randn(planes, *sizes[levels], generator=torch.Generator().manual_seed(1)) * STEP
    target = torch.linspace(-0.5, 0.5, planes * size[0] * size[1]).view(planes, *size)

    moving = [p.requires_grad_() for p in parameters(model).values()]
    leaves = [in_colour(band, 9).requires_grad_() for band in q[:levels]]
    packs = [(a.requires_grad_(), b.requires_grad_()) for a, b in (model.pack(in_colour(band, 9)) for band in q)]
    fixed = lambda q, scale, mean: lm.laplace_bits(q.detach(), scale, mean)  # noqa: E731
    decoded = model(in_colour(low, 3), leaves, sizes[:levels], STEP, first, packs, fixed)
    error = (decoded.planes[0, :planes] - target).square().sum()
    cost = error + PRICE * sum(bits[:, : 3 * planes].sum() for bits in decoded.bits)
    wanted = [*leaves, *(t for pack in packs[:levels] for t in pack), *moving]
    slopes = torch.autograd.grad(cost, wanted, allow_unused=True, materialize_grads=True)
    model.requires_grad_(False)

    weights = Weights(model, planes, STEP, torch.float32)
    way = Pass(weights, [to_parities(band) for band in q], [Window(0, size[0], 0, size[1])] * levels, first, PRICE)
    found = way.planes(low / STEP) * STEP
    moved = Moved({name: torch.zeros_like(p) for name, p in parameters(model).items()}, 0)
    way.backward(2 * (found - target) * STEP, moved)
    assert close(found, decoded.planes[0, :planes].detach(), 1e-5)
    for k, level in enumerate(way.levels):
        bits = -from_parities(level.found.log2, sizes[k + 1])
        assert close(bits, decoded.bits[k][0, : 3 * planes].detach(), 1e-4)
        by_pack = slopes[levels + 2 * k : levels + 2 * k + 2]
        for slope, other in zip(
            (level.slope, level.magnitude_slope, level.signed_slope), (slopes[k], *by_pack), strict=True
        ):
            assert close(from_parities(slope, sizes[k + 1]), other[0, : 3 * planes]), k
    for name, slope in zip(ARRAYS, slopes[3 * levels :], strict=True):
        if planes == 3 or not name.startswith("chroma"):
            used = slice(4 * planes if name in ("cell_w2", "cell_b2") else None)
            assert close(moved.gradients[name][used], slope[used]), name


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_pass_stays_on_its_device(planes: int, dtype: Any) -> None:
    """On one whose tensors have no values: reading one, or mixing it with the host's, is an error."""
    low, q, sizes = random_latents((200, 150), planes, 3)
    model = noisy_model(planes)
    reach_line = model.reach_line
    model.to("meta").reach_line = reach_line  # two numbers that are read once
    weights = Weights(model, planes, STEP, dtype)
    way = Pass(weights, [to_parities(band.to("meta")) for band in q], [Window(0, 200, 0, 150)] * 3, 0, PRICE)
    planes_found = way.planes(low.to("meta"))
    moved = Moved({name: torch.zeros_like(p) for name, p in parameters(model).items()}, 0)
    way.backward(planes_found, moved)
    assert planes_found.device.type == "meta"
    assert planes_found.shape == (planes, *sizes[0])
    for level in way.levels:
        slopes = level.slope, level.magnitude_slope, level.signed_slope
        allowed = allowed_share(level.q.shape, 0.3, torch.Generator()).to("meta")
        better = changes(level.q, level.found, slopes, torch.ones(12 * planes, 1, 1, device="meta"), allowed)
        assert better.shape == level.q.shape
        assert better.device.type == "meta"


def test_windows_change_little_within_and_gradients_are_those_of_what_they_see() -> None:
    model = noisy_model(3)
    low, q, _ = random_latents((256, 192), 3, 4)
    parities = [to_parities(band) for band in q]
    own = Window(96, 160, 64, 128)
    windows = [Window(own.top - m, own.bottom + m, own.left - m, own.right + m) for m in (16, 32, 64)]
    target = 0.1 * torch.randn(3, 256, 192, generator=torch.Generator().manual_seed(2))

    def way(seen: list[Window]) -> tuple[float, Pass, Tensor, Moved]:
        going = Pass(Weights(model, 3, STEP, torch.float32), parities, seen, 0, PRICE)
        start = band_products.synthesis(low, q[3], (32, 24)) / STEP
        planes = going.planes(start[:, *seen[-1].on(3)].contiguous())
        apart = planes * STEP - target[:, *seen[0].on(0)]
        bits = -sum(level.found.log2.double().sum().item() for level in going.levels)
        moved = Moved({name: torch.zeros_like(p) for name, p in parameters(model).items()}, 0)
        going.backward(2 * STEP * apart, moved)
        return apart.double().square().sum().item() + PRICE * bits, going, planes, moved

    whole = Window(0, 256, 0, 192)
    _, far, planes, _ = way([whole] * 3)
    _, near, cut, moved = way(windows)
    assert close(cut[:, *own.within(windows[0], 0)], planes[:, *own.on(0)], 0.02)
    for k, (a, b) in enumerate(zip(near.levels, far.levels, strict=True)):
        for name in ("slope", "magnitude_slope", "signed_slope"):
            inner, outer = getattr(a, name)[:, *own.within(windows[k], k + 2)], getattr(b, name)[:, *own.on(k + 2)]
            assert (inner - outer).norm() < 0.05 * outer.norm(), (k, name)
    for name in ("cell_b2", "luma_b3", "chroma_b3", "cell_bm"):  # the biases' slopes take whole maps
        parameter = parameters(model)[name]
        direction = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3))
        start = parameter.clone()
        costs = []
        for sign in (1, -1):
            parameter.copy_(start + sign * 2e-3 * direction)
            costs.append(way(windows)[0])
        parameter.copy_(start)
        expected = (moved.gradients[name] * direction).sum().item()
        assert (costs[0] - costs[1]) / 4e-3 == pytest.approx(expected, rel=0.03), name


def test_probabilities_and_moves_are_the_cheapest() -> None:
    values = product(range(-12, 13), np.linspace(-3, 2.5, 12), np.linspace(-3.7, 3.7, 13), (-0.5, 0.05, 0.4))
    q, log_scale, mean, slope = (
        torch.tensor(column, dtype=torch.float32).view(1, 1, -1) for column in zip(*values, strict=True)
    )
    by_size, by_signed = 0.02 * torch.cos(7 * mean + q), 0.03 * torch.sin(5 * mean + q)
    stiffness = torch.full((1, 1, 1), 0.2)
    found = Findings(q, log_scale.clone(), mean.clone(), (0.1, 0.03), 0.1)
    assert torch.allclose(found.log2.exp2(), (-lm.laplace_bits(q, log_scale, mean)).exp2(), rtol=1e-3, atol=2e-7)
    assert close(found.values, dequantised(q, log_scale, mean), 1e-5)
    model = noisy_model(3)
    (size, signed), gains = model.pack(q), []
    coded = lm.laplace_bits(q, log_scale, mean)
    sure = coded < 16  # what is rarer is rounded more
    for change in (-1, 1):
        other = q + change
        other_size, other_signed = model.pack(other)
        gain = slope * change + stiffness / 2 + by_size * (other_size - size) + by_signed * (other_signed - signed)
        bits = lm.laplace_bits(other, log_scale, mean)
        gains.append(gain + 0.1 * (bits - coded))
        sure &= bits < 16
    down, up = gains
    wanted = torch.where((down < 0) & (down <= up), q - 1, torch.where(up < 0, q + 1, q))
    sure &= (down - up).abs().minimum(torch.minimum(down, up).abs()) > 1e-3
    everywhere = torch.ones_like(q, dtype=torch.bool)
    made = changes(q, found, (slope, by_size, by_signed), stiffness, everywhere)
    assert torch.equal(made[sure], wanted[sure])
    assert all((made == q + change)[sure].sum() > 200 for change in (-1, 0, 1))
    assert torch.equal(changes(q, found, (slope, by_size, by_signed), stiffness, ~everywhere), q)


def dequantised(q: Tensor, log_scale: Tensor, mean: Tensor) -> Tensor:
    model = lm.LatentModel(levels=1)
    model.reach_line.data = torch.tensor([0.1, 0.03])
    with torch.no_grad():
        out: Tensor = model.dequantise(q, log_scale, mean)
    return out


def test_shares_are_random_and_repeatable() -> None:
    masks = [allowed_share(torch.Size((3, 101, 99)), 0.2, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
    for mask in masks:
        assert mask.float().mean().item() == pytest.approx(0.2, abs=0.01)
        for axis in (1, 2):  # none of the four numbers of a draw is special
            assert mask.transpose(0, axis)[::4].float().mean().item() == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (33, 64), (130, 97)])
def test_band_products_are_those_of_the_model_and_their_adjoints(size: tuple[int, int]) -> None:
    h, w = (size[0] + 1) // 2, (size[1] + 1) // 2
    random = torch.Generator().manual_seed(4)
    low, bands, x = (torch.randn(*shape, generator=random) for shape in ((2, h, w), (6, h, w), (2, *size)))
    y = band_products.synthesis(low, bands, size)
    assert close(y, float_wavelet.inverse_wavelet(low[None], bands[None], size)[0], 1e-5)
    back, details = band_products.synthesis_back(x)
    assert ((back * low).sum() + (details * bands).sum()).item() == pytest.approx((x * y).sum().item(), abs=1e-2)
    assert torch.allclose(x - band_products.blur(x), float_wavelet.highpass(x), atol=1e-5)
    other = torch.randn(2, *size, generator=random)
    forth, adjoint = (band_products.blur(x) * other).sum(), (band_products.blur_back(other) * x).sum()
    assert forth.item() == pytest.approx(adjoint.item(), abs=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (4, 6), (5, 7)])
def test_parities_there_and_back(size: tuple[int, int]) -> None:
    x = torch.rand(2, *size)
    parities = to_parities(x)
    padded = torch.nn.functional.pad(x, (0, size[1] % 2, 0, size[0] % 2))
    assert torch.equal(parities, torch.nn.functional.pixel_unshuffle(padded, 2))
    assert torch.equal(from_parities(parities, size), x)
    assert torch.equal(clear_padding(torch.ones_like(parities), size), to_parities(torch.ones_like(x)))


@pytest.mark.parametrize(("height", "half"), [(12, 0), (64, 0), (65, 1)])
def test_halves_of_maps_give_their_share_of_a_weights_gradient(height: int, half: int) -> None:
    random = torch.Generator().manual_seed(5)
    x, slope, weight = (torch.randn(*s, generator=random) for s in ((1, 4, height, 9), (1, 6, height, 9), (6, 4, 3, 3)))
    moved = Moved({}, half)
    rows, scale = moved.rows(height)
    assert (height - (rows.stop - rows.start)) <= (0 if height < networks.SMALL else height // 2 + 1)
    some = torch.zeros_like(slope)
    some[:, :, rows] = slope[:, :, rows] * scale
    for padding, room in ((1, x), (0, torch.nn.functional.pad(x, (1, 1, 1, 1)))):
        weight.requires_grad_()
        result = torch.nn.functional.conv2d(room, weight, padding=padding)
        (expected,) = torch.autograd.grad(result, weight, some)
        weight.requires_grad_(False)
        assert close(moved.by_weight(slope, room, weight, padding, 1), expected, 1e-5)


@pytest.mark.slow
def test_tiles_cost_little_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:136, :200]
    waves = 128 + 60 * np.sin(x / 9 + y / 17) + 40 * np.sin(x * y / 700) + rng.normal(0, 6, y.shape)
    samples = np.stack([waves, 255 - waves, waves / 2], 2).clip(0, 255).astype(np.uint8)
    start, trade, step = prior.load(1), plan.TRADE, 2.0 ** (150 / 16 - 6)
    quantised = quantise(samples, start, (3,), 150, 6)

    def cost(latents: Latents) -> float:
        payloads, _, decoded = encode_latents(latents, start)
        error = np.square(decoded.astype(float) - samples).sum() / 3
        return float(error + trade * step**2 * 8 * sum(map(len, payloads)))

    def refined(tile: int, threads: int) -> Latents:
        monkeypatch.setattr(tiles, "TILE", tile)
        how = refine.Refinement(6, trade, adapt=True, threads=threads)
        return refine.refine(samples, quantised, start, how, lambda *_: True)[0]

    whole, tiled, by_two = refined(512, 1), refined(64, 1), refined(64, 2)
    assert cost(whole) < 0.95 * cost(quantised)
    assert cost(tiled) < 1.005 * cost(whole)
    for a, b in zip(tiled.details[0], by_two.details[0], strict=True):
        assert np.array_equal(a, b)
    assert tiled.differences.keys() == by_two.differences.keys()
    for name, difference in tiled.differences.items():
        assert np.array_equal(difference.steps, by_two.differences[name].steps)
